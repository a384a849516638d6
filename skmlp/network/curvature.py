"""The curvature of a loss by the parameters, as Gauss and Newton approximate it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.loss import Loss
from skmlp.network.network import Network
from skmlp.network.regression_losses import SquaredError

JACOBIAN_ELEMENTS = 2**20
"""Jacobians are computed in blocks of rows with about this many elements."""


def score_jacobians(network: Network, theta: Array, X: Any) -> Iterator[tuple[slice, Array, Array]]:
    """Yield some rows, their raw scores (n, q), and the derivatives of these by theta, (n, q, P).

    Every row is a network of its own here: backpropagation sums over the rows of a network and keeps
    networks apart, and so writes one row of the Jacobian for each.
    """
    n_parameters, q = len(theta), network.widths[-1]
    n_block = max(1, JACOBIAN_ELEMENTS // (n_parameters * q))
    for start in range(0, X.shape[0], n_block):
        rows = slice(start, start + n_block)
        x = X[rows] if isinstance(X, np.ndarray) else X[rows].toarray()
        parameters = network.layout.view(np.broadcast_to(theta, (len(x), n_parameters)))
        jacobian = np.empty_like(theta, shape=(len(x), q, n_parameters))
        traces = network.traces(len(x), 1, like=theta)
        for output in range(q):
            scores = network.forward(parameters.layers, x[:, np.newaxis], traces)[:, 0].copy()
            traces[-1].delta[...] = 0
            traces[-1].delta[:, 0, output] = 1
            network.backward(parameters, traces, network.layout.view(jacobian[:, output]))
        yield rows, scores, jacobian


def gauss_newton(
    network: Network, loss: Loss, theta: Array, X: Any, y: Array, sample_weight: Array | None
) -> tuple[Array, Array]:
    """Return the sums over rows of w J' (d^2 loss/dz^2) J, (P, P), and of w J' d loss/dz, (P,).

    The first is the Hessian without the curvature of the network [Bishop 2006, section 5.4.2]. Directions
    in which a loss bends down count as straight.
    """
    n_parameters = len(theta)
    matrix, gradient = np.zeros((n_parameters, n_parameters)), np.zeros(n_parameters)
    for rows, z, jacobian in score_jacobians(network, theta, X):
        slopes, roots = slopes_and_roots(loss, z, y[rows])
        if sample_weight is not None:
            slopes *= sample_weight[rows, np.newaxis]
            scale = np.sqrt(sample_weight[rows])[:, np.newaxis, np.newaxis]
            roots = scale if roots is None else roots * scale
        gradient += slopes.ravel() @ jacobian.reshape(-1, n_parameters)
        if roots is not None:  # a product with its own transpose takes half the time of another
            jacobian = roots * jacobian if roots.shape[-1] == 1 else roots @ jacobian
        flat = jacobian.reshape(-1, n_parameters)
        matrix += flat.T @ flat
    return matrix, gradient


def slopes_and_roots(loss: Loss, z: Array, y: Array) -> tuple[Array, Array | None]:
    """Return d loss/dz of raw scores (n, q), and R with R' R = d^2 loss/dz^2, (n, q, q); None: identity."""
    slopes = np.empty_like(z)
    loss.gradient(z[np.newaxis].copy(), y[np.newaxis], slopes[np.newaxis])
    if isinstance(loss, SquaredError):
        return slopes, None
    q = z.shape[-1]
    units = np.broadcast_to(np.eye(q, dtype=z.dtype)[:, np.newaxis], (q, *z.shape))
    of_stack = [np.broadcast_to(array, units.shape) for array in (z, y)]
    curvature = loss.hessian_product(of_stack[0], of_stack[1], units).swapaxes(0, 1)  # (n, q, q), symmetric
    values, vectors = np.linalg.eigh(curvature)
    roots = np.sqrt(np.maximum(values, 0))[..., np.newaxis] * vectors.swapaxes(-1, -2)
    return slopes, roots
