"""What a fit publishes of the posterior of its parameters, and what predictions make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from skmlp.fitting.problem import Problem, seen_rows
from skmlp.fitting.publishing import FittedNetwork
from skmlp.network.arrays import Array
from skmlp.network.curvature import score_jacobians
from skmlp.network.losses import BinaryLogLoss, LogLoss, SquaredError
from skmlp.network.network import Network
from skmlp.network.objective import Objective, block_weight
from skmlp.training.evidence import Evidence
from skmlp.training.full_batch import Samples
from skmlp.training.posterior import Posterior

EVIDENCE = ("alpha_", "effective_n_parameters_", "log_evidence_")
"""The attributes that ``alpha='evidence'`` publishes."""

OF_NETWORKS = (*EVIDENCE, "noise_variance_", "posterior_factor_")
"""All attributes of a posterior; those of an ensemble have the members as their first axis."""


def posterior_attributes(problem: Problem, theta: Array, alpha: Array | None) -> dict[str, Any]:
    """Return the attributes of the posteriors of networks with parameters ``theta`` (K, P).

    ``alpha`` is what they were penalized by, see `TrainingResult`.
    """
    choices, of_problem = problem.choices, problem.objective
    if not isinstance(choices.solver, Evidence) and choices.laplace is None:
        return {}
    data = problem.data
    rows = seen_rows(problem.rows)
    if len(rows) < len(data.y) or data.index is not None:
        data = data.rows(rows)
    samples = data.X, problem.targets.expanded(data.y, data.X.dtype), data.sample_weight
    of_networks = []
    for k in range(len(theta)):
        of_network = of_problem.alpha[:1] if alpha is None else alpha[k : k + 1]
        objective = Objective(of_problem.network, of_problem.loss, of_network)
        of_networks.append(of_one(problem, objective, theta[k], samples))
    if len(of_networks) == 1:
        return of_networks[0]
    return {name: np.stack([each[name] for each in of_networks]) for name in of_networks[0]}


def of_one(problem: Problem, objective: Objective, theta: Array, samples: Samples) -> dict[str, Any]:
    """Return the attributes of the posterior of one network."""
    choices, attributes = problem.choices, {}
    by_evidence = isinstance(choices.solver, Evidence)
    if by_evidence or choices.laplace == "full":
        posterior = Posterior(objective, theta, samples)
    if by_evidence:
        alpha, scales = objective.alpha[0], problem.scalers.y
        # A density of y is that of scaled targets divided by the scale.
        n_samples = float(block_weight(*samples[1:]).sum())
        units = 0.0 if scales is None else n_samples * float(np.log(scales.scale_).sum())
        attributes["alpha_"] = float(alpha) if alpha.ndim == 0 else alpha.astype(float)
        attributes["effective_n_parameters_"] = float(posterior.effective.sum())
        attributes["log_evidence_"] = posterior.log_evidence - units
    last = posterior if choices.laplace != "last_layer" else of_last_layer(objective, theta, samples)
    if isinstance(objective.loss, SquaredError):
        noise = posterior.noise_variance if by_evidence else last.noise_variance
        of_targets = np.full(samples[1].shape[1], noise)
        if problem.scalers.y is not None:
            of_targets *= problem.scalers.y.scale_**2
        attributes["noise_variance_"] = float(of_targets[0]) if len(of_targets) == 1 else of_targets
    if choices.laplace is not None:
        attributes["posterior_factor_"] = last.factor
    return attributes


def of_last_layer(objective: Objective, theta: Array, samples: Samples) -> Posterior:
    """Return the posterior of the parameters of the last layer, if all others are known."""
    network = objective.network
    layers = network.layout.view(theta[np.newaxis]).layers
    last, own, hidden = last_layer(network, layers, 0, samples[0])
    alpha = objective.alpha if objective.alpha.ndim == 1 else objective.alpha[:, -1:]
    return Posterior(Objective(last, objective.loss, alpha), own, (hidden, *samples[1:]))


def last_layer(network: Network, layers: list[list[Array]], k: int, X: Any) -> tuple[Network, Array, Any]:
    """Return the last layer of network ``k`` as a network, its parameters, and what it sees of ``X``."""
    own = np.concatenate([array[k].ravel() for array in layers[-1]])
    if len(network.layers) == 1:
        return network, own, X
    hidden = network.output([[array[k : k + 1] for array in of] for of in layers], X, layer=-2)[0]
    return Network(network.widths[-2], network.layers[-1:]), own, hidden


class ScorePosterior:
    """How sure a fitted network is of its raw scores.

    Parameters
    ----------
    fitted : FittedNetwork
    layers : list of lists of arrays
        Its parameters.
    laplace : {'full', 'last_layer'}
        Whose posterior it is.
    factor : array of shape (P, P), or (K, P, P)
        The lower triangular factor of A, of each network.
    """

    def __init__(
        self, fitted: FittedNetwork, layers: list[list[Array]], laplace: str, factor: Array
    ) -> None:
        self.fitted, self.layers, self.laplace = fitted, layers, laplace
        self.factors = factor.reshape(-1, *factor.shape[-2:])

    def spread(self, X: Any) -> Array:
        """Return g' A^-1 g for the derivatives g of each raw score by the parameters, (K, n, q).

        Times the variance of the noise, it is the variance of the score
        [Bishop 2006, eq. 5.173; docs, eq. (80)].
        """
        spread = self._empty(X)
        for k, rows, _, covariances in self._covariances(X):
            spread[k, rows] = np.einsum("nqq->nq", covariances)
        return spread

    def moderated(self, X: Any, loss: LogLoss | BinaryLogLoss) -> Array:
        """Return raw scores whose probabilities are means over the posterior, (K, n, q)."""
        scores = self._empty(X)
        for k, rows, z, covariances in self._covariances(X):
            scores[k, rows] = loss.moderated(z, covariances)
        return scores

    def _empty(self, X: Any) -> Array:
        return np.empty((len(self.factors), X.shape[0], self.fitted.network.widths[-1]))

    def _covariances(self, X: Any) -> Iterator[tuple[int, slice, Array, Array]]:
        """Yield the network, some rows, their raw scores (n, q) and the covariances of these, (n, q, q)."""
        for k, factor in enumerate(self.factors):
            network, theta, x = self.fitted.network, self.fitted.theta(float)[k], X
            if self.laplace == "last_layer":
                network, theta, x = last_layer(network, self.layers, k, X)
            for rows, z, jacobian in score_jacobians(network, theta.astype(float), x):
                flat = jacobian.reshape(-1, len(theta)).T
                whitened = solve_triangular(factor, flat, lower=True, check_finite=False)
                of_rows = whitened.reshape(len(theta), *z.shape)
                yield k, rows, z, np.einsum("pni,pnj->nij", of_rows, of_rows)
