"""What a network sees of a column of numbers: a robust scale, and the position between quantiles."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skmlp.network.arrays import Array


class SmoothClip(TransformerMixin, BaseEstimator):
    """Centre and scale by quartiles, and bring outliers smoothly into (-3, 3).

    h = z / sqrt(1 + (z / 3)^2) with z = (x - median) / (third - first quartile)
    [Holzmueller, Grinsztajn & Steinwart 2024, appendix A.1]. Where the quartiles are equal, half the range
    is the scale, for which scikit-learn's RobustScaler has 1: a column that is mostly zero would keep its
    units. What is missing is 0, as the median.
    """

    def fit(self, X: Array, y: Any = None) -> Self:
        """Find median and scale of each column."""
        columns = [x[~np.isnan(x)] for x in X.T]
        columns = [x if len(x) else np.zeros(1) for x in columns]
        low, first, median, third, high = np.array(
            [np.quantile(x, [0, 0.25, 0.5, 0.75, 1]) for x in columns]
        ).T
        scale = np.where(third > first, third - first, high / 2 - low / 2)
        self.median_, self.scale_ = median, np.where(scale > 0, scale, 1)
        return self

    def transform(self, X: Array) -> Array:
        """Return the scaled columns."""
        z = (X - self.median_) / self.scale_
        clipped: Array = z / np.hypot(1, z / 3)  # the square of z may be too large for a float
        return np.where(np.isnan(X), 0, clipped)


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    """Encode numbers by how far they are through each bin between quantiles.

    Component t is -1 below its bin [b_t, b_t+1], 1 above, and linear within
    [Gorishniy, Rubachev & Babenko 2022, eq. 1, where it begins at 0]. So a network can bend its answer at
    every quantile: trees do so by their splits. From -1 to 1, the components of a column have about mean 0
    together, and their weights are learned faster than a common shift. Columns with a single bin have no
    components: they say nothing new. What is missing is encoded as the median.

    Parameters
    ----------
    n_bins : int
        At most this many per column; equal quantiles share one.
    """

    def __init__(self, n_bins: int = 16) -> None:
        self.n_bins = n_bins

    def fit(self, X: Array, y: Any = None) -> Self:
        """Find the bins of each column."""
        self.median_ = np.zeros(X.shape[1])
        column: list[int] = []
        bins: list[Array] = [np.empty((2, 0))]
        for j, x in enumerate(X.T):
            known = x[~np.isnan(x)]
            if len(known) == 0:
                continue
            self.median_[j] = np.median(known)
            edges = edges_of(known, self.n_bins)
            if len(edges) > 2:
                bins.append(np.stack([edges[:-1], edges[1:]]))
                column += [j] * (len(edges) - 1)
        self.column_ = np.array(column, dtype=int)
        self.low_, self.high_ = np.concatenate(bins, axis=1)
        return self

    def transform(self, X: Array) -> Array:
        """Return the components of all columns, side by side."""
        X = np.where(np.isnan(X), self.median_, X)[:, self.column_]
        through: Array = (X - self.low_) / (self.high_ - self.low_)
        return 2 * np.clip(through, 0, 1) - 1


def edges_of(x: Array, n_bins: int) -> Array:
    """Return the edges of at most ``n_bins`` bins between values of a column, each of about as many rows.

    A value of more rows than a bin has counts as many as one: of a column that is mostly zero, the other
    values would else share what zero leaves of the edges.
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) <= n_bins + 1:
        return values
    for _ in range(10):
        counts = np.minimum(counts, counts.sum() / n_bins)
    rows = np.cumsum(counts)
    edges = np.searchsorted(rows, np.linspace(0, rows[-1], n_bins + 1) * (1 - 1e-9))
    found: Array = values[np.unique(edges)]
    return found
