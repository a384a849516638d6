"""Integrated gradients: what each feature contributes to the difference of two predictions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_array

from skmlp.estimators.floating_point import unraised
from skmlp.inspection.jacobians import Differentiable
from skmlp.inspection.plotting import as_named
from skmlp.network.arrays import Array
from skmlp.network.layers import Nonlinearity
from skmlp.network.network import Network
from skmlp.network.normalizations import LayerNormalization

TOLERANCE = 1e-6
"""Attributions sum to the difference of outputs up to this part of the largest difference of all rows."""

PART_TOLERANCE = 1e-8
"""A part of a path is not halved any more if its integrals change less than this."""

MOST_HALVINGS = 40

NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
"""Of the integral over a part of a path."""

JACOBIAN_ELEMENTS = 2**21
"""Jacobians are computed in blocks of about this many elements."""


@unraised
def integrated_gradients(estimator: Any, X: Any, baseline: Any = None, of: str = "predictions") -> Any:
    """Attribute the difference between an output at a sample and at a baseline to the features.

    The attribution of a feature is its derivative, averaged over the straight path from the baseline to
    the sample, times the difference of the feature [1]_. Attributions sum to the difference of the outputs.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or MixtureDensityRegressor, or a Pipeline
        As for :func:`jacobian`.
    X : array-like of shape (n_samples, n_features)
        The samples to explain; not sparse.
    baseline : array-like of shape (n_features,) or (n_samples, n_features), default=None
        What they are compared with: one sample for all, or one for each. None: the mean of X.
    of : {'predictions', 'raw'}, default='predictions'
        The outputs, as for :func:`jacobian`.

    Returns
    -------
    A : ndarray of shape (n_samples, n_outputs, n_features), or list of arrays
        ``A[i, k, j]`` is what feature j contributes to output k at sample i. Where ``predict_proba``
        returns a list, one array for each target.

    Raises
    ------
    TypeError, ValueError
        As :func:`jacobian`; also if ``baseline`` has another number of features.

    Warns
    -----
    UserWarning
        If the attributions of a sample do not sum to the difference up to 1e-6 of the largest difference.

    Notes
    -----
    Where all activations are piecewise linear, as 'relu' is, the path is split where a unit passes its
    kink: between two of them, the raw scores are linear, and their integral is exact. Otherwise, parts of
    the path are halved until a Gauss-Legendre rule of five nodes does not change any more.

    References
    ----------
    .. [1] Sundararajan, M., Taly, A. & Yan, Q. (2017). Axiomatic attribution for deep networks. ICML.
       https://arxiv.org/abs/1703.01365

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor
    >>> from skmlp.inspection import integrated_gradients
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = X / X.std(axis=0)
    >>> regressor = MLPRegressor((10,), "tanh", alpha=30, max_iter=1000, solver="lbfgs", random_state=0)
    >>> regressor = regressor.fit(X, y)
    >>> A = integrated_gradients(regressor, X[:5], baseline=X.mean(axis=0))
    >>> A.shape  # samples, outputs, features
    (5, 1, 10)
    >>> difference = regressor.predict(X[:5]) - regressor.predict(X.mean(axis=0, keepdims=True))
    >>> bool(abs(A.sum(axis=2)[:, 0] - difference).max() < 1e-6)
    True
    """
    differentiable = Differentiable(estimator, of)
    return differentiable.as_predicted(attributions(differentiable, X, baseline))


def attributions(differentiable: Differentiable, X: Any, baseline: Any) -> Array:
    """Return the attributions (n, p, m) to the `values` of an estimator."""
    x = check_array(differentiable.checked(X), dtype=float)
    start = x.mean(axis=0) if baseline is None else np.asarray(baseline, dtype=float)
    if start.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"baseline has the shape {start.shape}, X has {x.shape}: give one sample, or one for each row."
        )
    start = np.broadcast_to(start, x.shape)
    ends = [differentiable.values(as_named(end, X)) for end in (start, x)]
    difference = ends[1] - ends[0]
    largest = np.maximum(np.abs(difference).max(axis=0), np.finfo(float).tiny)  # of each output
    paths = Paths(differentiable, start, x - start, X)
    rounding = np.finfo(float).eps * np.maximum(*(np.abs(end).max(axis=0) for end in ends))
    result = paths.integrals(PART_TOLERANCE * largest + 100 * rounding)
    error = np.abs(result.sum(axis=-1) - difference) / largest
    if not np.all(error <= TOLERANCE + 1e4 * rounding / largest):
        warnings.warn(
            f"The attributions of row {int(error.max(axis=1).argmax())} miss the difference of the outputs"
            f" by {error.max():.0e} of the largest: its path has too many kinks, or large curvature.",
            stacklevel=4,
        )
    return result


class Paths:
    """Straight paths from a baseline to each sample, start + t change with t from 0 to 1.

    Parameters
    ----------
    differentiable : Differentiable
    start, change : arrays of shape (n, m)
    X : array-like
        What has the feature names.
    """

    def __init__(self, differentiable: Differentiable, start: Array, change: Array, X: Any) -> None:
        self.differentiable, self.start, self.change, self.X = differentiable, start, change, X

    def points(self, rows: Array, t: Array) -> Any:
        """Return the points of the paths ``rows`` at ``t``, each of shape (N,)."""
        return as_named(self.start[rows] + t[:, np.newaxis] * self.change[rows], self.X)

    def integrals(self, tolerance: Array) -> Array:
        """Return the integrals of dy/dt by each feature, (n, p, m), to a ``tolerance`` of each output."""
        rows, low, high, is_linear = self.parts()
        parts = self.integrals_of_parts(rows, low, high)
        total = np.zeros((len(self.start), *parts.shape[1:]))
        for _ in range(0 if is_linear else MOST_HALVINGS):
            middle = (low + high) / 2
            left = self.integrals_of_parts(rows, low, middle)
            right = self.integrals_of_parts(rows, middle, high)
            halves = left + right
            error = np.abs(halves - parts).max(axis=-1)
            # A kink near the end of a part lies behind its last node: the values tell.
            misses = np.abs(halves.sum(axis=-1) - (self.values(rows, high) - self.values(rows, low)))
            split = (np.maximum(error, misses) > tolerance).any(axis=-1)
            np.add.at(total, rows[~split], halves[~split])
            if not split.any():
                return total
            rows = np.concatenate([rows[split], rows[split]])
            low, high = (
                np.concatenate([low[split], middle[split]]),
                np.concatenate([middle[split], high[split]]),
            )
            parts = np.concatenate([left[split], right[split]])
        np.add.at(total, rows, parts)
        return total

    def values(self, rows: Array, t: Array) -> Array:
        """Return the outputs at points of the paths ``rows``, (N, p)."""
        return self.differentiable.values(self.points(rows, t))

    def integrals_of_parts(self, rows: Array, low: Array, high: Array) -> Array:
        """Return the integrals (N, p, m) over parts of the paths ``rows``, by one rule for each part."""
        half = (high - low) / 2
        t = ((low + high) / 2)[:, np.newaxis] + half[:, np.newaxis] * NODES
        n_block = max(1, JACOBIAN_ELEMENTS // (len(NODES) * self.change.shape[1]))
        blocks = []
        for first in range(0, len(rows), n_block):
            block = slice(first, first + n_block)
            of_nodes = np.repeat(rows[block], len(NODES))
            slopes = self.differentiable.jacobian(self.points(of_nodes, t[block].ravel()))
            slopes = slopes.reshape(-1, len(NODES), *slopes.shape[1:])
            means = np.einsum("g,ngpm->npm", WEIGHTS, slopes) * half[block, np.newaxis, np.newaxis]
            blocks.append(means * self.change[rows[block], np.newaxis])
        return np.concatenate(blocks)

    def parts(self) -> tuple[Array, Array, Array, bool]:
        """Return parts of paths (rows, begin, end), (N,) each, and whether outputs are linear in them."""
        rows = np.arange(len(self.start))
        low, high = np.zeros(len(rows)), np.ones(len(rows))
        network, parameters, _ = self.differentiable.ready(self.points(rows[:1], low[:1]))
        activations = [layer.activation for layer in network.layers if isinstance(layer, Nonlinearity)]
        curved = not all(f.piecewise_linear for f in activations)
        if curved or any(isinstance(layer, LayerNormalization) for layer in network.layers):
            return rows, low, high, False
        for i, layer in enumerate(network.layers):
            if isinstance(layer, Nonlinearity):  # what comes before is linear in each part
                before = Network(network.n_inputs, network.layers[:i])
                z_low, z_high = (
                    before.output(parameters.layers[:i], self.differentiable.ready(self.points(rows, t))[2])
                    for t in (low, high)
                )
                kinks = np.nonzero(z_low * z_high < 0)
                part, share = kinks[1], z_low[kinks] / (z_low[kinks] - z_high[kinks])
                new = low[part] + share * (high[part] - low[part])
                rows, low, high = split_at(rows, low, high, rows[part], new)
        return rows, low, high, self.differentiable.is_linear_in_scores


def split_at(
    rows: Array, low: Array, high: Array, rows_of_new: Array, new: Array
) -> tuple[Array, Array, Array]:
    """Return the parts of paths (rows, begin, end), split at ``new`` points too."""
    begins, of = np.concatenate([low, new]), np.concatenate([rows, rows_of_new])
    order = np.lexsort((begins, of))
    of, begins = of[order], begins[order]
    ends = np.where(np.append(of[1:] != of[:-1], True), 1.0, np.append(begins[1:], 1.0))
    is_long = ends > begins
    return of[is_long], begins[is_long], ends[is_long]
