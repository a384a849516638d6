"""The posterior of the parameters of a network around a minimum, as a normal distribution [Laplace]."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skmlp.network.arrays import Array
from skmlp.network.curvature import gauss_newton
from skmlp.network.losses import SquaredError
from skmlp.network.objective import Objective, block_weight, weighted
from skmlp.training.full_batch import Samples

BIAS_PRECISION = 1e-6
"""Of the prior of parameters without a penalty: a standard deviation of 1000."""

MEMORY_LIMIT = 2**30
"""Maximum number of bytes that the matrices of one posterior may take."""

LEAST_FREE = 0.01
"""Of the data, at least this part is taken to be left for the noise, however many parameters there are."""


class Posterior:
    """N(theta, noise A^-1) with A = J' (d^2 loss/dz^2) J + diag(prior) [docs, eq. (75)].

    Parameters
    ----------
    objective : Objective
        That of the network alone.
    theta : array of shape (P,)
        Where it is minimal.
    samples : Samples

    Attributes
    ----------
    noise_variance : float
        Of the targets, 1 where the loss knows no noise [docs, eq. (78)].
    effective : array of shape (P,)
        How far the data determine each parameter, from 0 to 1 [docs, eq. (76)].
    factor : array of shape (P, P)
        The lower triangular factor L of A = L L'.
    log_evidence : float
        The logarithm of the probability of the data [docs, eq. (79)].
    """

    def __init__(self, objective: Objective, theta: Array, samples: Samples) -> None:
        X, y, weights = samples
        network, loss, theta = objective.network, objective.loss, theta.astype(float)
        matrix, _ = gauss_newton(network, loss, theta, X, y, weights)
        z = network.output(network.layout.view(theta[np.newaxis]).layers, X)
        misfit = float(weighted(loss.value(z, y[np.newaxis]), weights).sum())
        n_data = float(block_weight(y, weights).sum()) * y.shape[1]
        has_noise = isinstance(loss, SquaredError)
        noise = max(2 * misfit / n_data, np.finfo(float).tiny) if has_noise else 1.0
        prior = objective.penalties[0].astype(float)
        for _ in range(1 + has_noise):  # that of biases is in units of the noise, which is not known before
            prior[network.layout.n_penalized :] = BIAS_PRECISION * noise
            factor, self.effective = factor_and_effective(matrix, prior)
            if has_noise:
                n_free = max(n_data - self.effective.sum(), LEAST_FREE * n_data)
                noise = max(2 * misfit / n_free, np.finfo(float).tiny)
        self.factor, self.noise_variance = factor, noise
        determinants = 0.5 * np.log(prior).sum() - np.log(np.diagonal(factor)).sum()
        exponent = -(misfit + 0.5 * prior @ theta**2) / noise
        normalization = -0.5 * n_data * math.log(2 * math.pi * noise) if has_noise else 0.0
        self.log_evidence = float(exponent + determinants + normalization)


def factor_and_effective(matrix: Array, prior: Array) -> tuple[Array, Array]:
    """Return the factor of A = matrix + diag(prior), and 1 - prior_i (A^-1)_ii of each parameter."""
    raised = matrix.copy()
    diagonal = np.einsum("ii->i", raised)
    diagonal += prior + np.finfo(float).eps * len(prior) * diagonal.max()  # and what rounding may take
    factor = cholesky(raised, lower=True, overwrite_a=True)
    root = solve_triangular(factor, np.eye(len(prior)), lower=True, overwrite_b=True)
    return factor, 1 - prior * np.einsum("ij,ij->j", root, root)


def check_memory(n_parameters: int, what: str, way_out: str) -> None:
    """Raise an error if a posterior of so many parameters is too large; ``what`` asks for it."""
    needed = 3 * 8 * n_parameters**2  # the matrix, the factor, and its inverse
    if needed > MEMORY_LIMIT:
        raise ValueError(
            f"{what} needs matrices of all {n_parameters} parameters, which take {needed / 2**30:.1f} GiB"
            f" of memory, more than the limit of {MEMORY_LIMIT / 2**30:.1f} GiB: make hidden_layer_sizes"
            f" smaller{way_out}."
        )
