"""Gaussian mixtures as predictive distributions: one for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri, softmax

from skmlp.network.arrays import Array
from skmlp.network.mixture_density import Components

MODE_ITERATIONS = 500
"""Maximum number of steps towards a mode: where two merge into one, the last steps are small."""


class GaussianMixture:
    """A Gaussian mixture for each of n rows: what a mixture density network predicts.

    All methods work on all rows at once. Points broadcast against them as in numpy: of shape (n,) they
    are one for each row, a number is the same for all, and (g, 1) evaluates g points for every row, to an
    array of shape (g, n). With several targets, one more axis at the end counts them.

    Parameters
    ----------
    weights : array of shape (n, M)
        Mixing coefficients; each row sums to one.
    means, scales : arrays of shape (n, M), or (n, M, q) for q targets
        Mean and standard deviation of each component, in the units of y. Within a component the targets
        are independent.

    Attributes
    ----------
    weights : array of shape (n, M)
    means, scales : arrays of shape (n, M), or (n, M, q)

    Examples
    --------
    >>> from skmlp.distributions import GaussianMixture
    >>> weights, means = [[1.0, 0.0], [0.5, 0.5]], [[0.0, 9.0], [-1.0, 1.0]]
    >>> two_rows = GaussianMixture(weights, means, scales=[[1.0, 1.0], [0.1, 0.1]])
    >>> two_rows.mean()
    array([0., 0.])
    >>> two_rows.pdf(0.0).round(3)
    array([0.399, 0.   ])
    >>> two_rows.ppf([[0.25], [0.75]]).round(2)
    array([[-0.67, -1.  ],
           [ 0.67,  1.  ]])
    """

    def __init__(self, weights: Any, means: Any, scales: Any) -> None:
        self.weights = np.asarray(weights)
        self.means, self.scales = np.asarray(means), np.asarray(scales)
        # Inside, there always is an axis of targets: shapes (n, M, 1) and (n, M, q).
        self._single = self.means.ndim == 2
        self._w, self._m, self._s = map(np.atleast_3d, (self.weights, self.means, self.scales))

    def __repr__(self) -> str:
        n, n_components, n_targets = self._m.shape
        return f"GaussianMixture of {n} rows, {n_components} component(s), {n_targets} target(s)"

    def mean(self) -> Array:
        """Return the mean of each row, (n,) or (n, q)."""
        return self._published(self._mean())

    def var(self) -> Array:
        """Return the variance, within the components and between their means [Bishop 2006, eq. 5.160]."""
        apart = self._m - self._mean()[:, np.newaxis]
        return self._published(np.sum(self._w * (self._s**2 + apart**2), axis=1))

    def std(self) -> Array:
        """Return the standard deviation of each row, (n,) or (n, q)."""
        return np.asarray(np.sqrt(self.var()))

    def mode(self) -> Array:
        """Return where the density of each row is highest, (n,) or (n, q).

        From the mean of every component uphill by fixed-point steps [Carreira-Perpinan 2000];
        the highest of what is reached.
        """
        modes = np.empty_like(self._m[:, 0])
        rows, x = np.arange(len(modes)), self._m  # x (n, M, q): the climbers of the rows still at it
        for _ in range(MODE_ITERATIONS):
            climbing = GaussianMixture(self.weights[rows], self._m[rows], self._s[rows])
            x, before = climbing._uphill(x), x
            tolerance = 1e-9 * climbing._s.min(axis=1, keepdims=True)
            arrived = np.all(np.abs(x - before) <= tolerance, axis=(1, 2))
            best = climbing._log_density(x.swapaxes(0, 1)).argmax(axis=0)
            modes[rows] = x[np.arange(len(rows)), best]
            rows, x = rows[~arrived], x[~arrived]
            if not len(rows):
                break
        return self._published(modes)

    def _uphill(self, x: Array) -> Array:
        """Return points ``x`` (n, c, q), c to each row, after a step to higher density."""
        shares = self._log_shares(x.swapaxes(0, 1)).swapaxes(0, 1)  # (n, c, M)
        pull = softmax(shares, axis=-1)[..., np.newaxis] / self._s[:, np.newaxis] ** 2
        return np.asarray(np.sum(pull * self._m[:, np.newaxis], axis=2) / np.sum(pull, axis=2))

    def logpdf(self, y: Any) -> Array:
        """Return the log density at ``y``, of all targets together: shape (..., n)."""
        return self._log_density(self._points(y))

    def pdf(self, y: Any) -> Array:
        """Return the density at ``y``, of all targets together: shape (..., n)."""
        return np.asarray(np.exp(self.logpdf(y)))

    def cdf(self, y: Any) -> Array:
        """Return the probability of at most ``y``, of each target by itself, (..., n) or (..., n, q)."""
        return self._published(self._cdf(self._points(y)))

    def ppf(self, probability: Any) -> Array:
        """Return the quantiles, the inverse of `cdf`, of each target by itself.

        Parameters
        ----------
        probability : float in [0, 1], or array that broadcasts to (..., n) or (..., n, q)

        Returns
        -------
        array of shape (..., n) or (..., n, q)
        """
        p = np.asarray(probability, dtype=float)
        if not np.all((p >= 0) & (p <= 1)):
            raise ValueError(f"probability={probability!r} must lie between 0 and 1.")
        p, _ = np.broadcast_arrays(self._points(p), self._m[:, 0])
        inner = np.where((p > 0) & (p < 1), p, 0.5)
        # By bisection: the quantile lies between those of the components.
        of_components = self._m + self._s * ndtri(inner)[..., np.newaxis, :]
        low, high = of_components.min(axis=-2), of_components.max(axis=-2)
        quantile, before = 0.5 * (low + high), low
        while np.any((quantile != before) & ~np.isnan(quantile)):
            below = self._cdf(quantile) < inner
            low, high = np.where(below, quantile, low), np.where(below, high, quantile)
            quantile, before = 0.5 * (low + high), quantile
        return self._published(np.where(p == inner, quantile, ndtri(p)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw from each row.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None

        Returns
        -------
        array of shape (n_samples, n) or (n_samples, n, q)
        """
        has_stream = hasattr(random_state, "standard_normal")
        rng = random_state if has_stream else np.random.default_rng(random_state)
        n, _, q = self._m.shape
        edges = np.cumsum(self.weights, axis=1)[:, :-1]
        component = np.sum(rng.random((n_samples, n, 1)) > edges, axis=-1)
        rows = np.arange(n)
        noise = rng.standard_normal((n_samples, n, q))
        return self._published(self._m[rows, component] + self._s[rows, component] * noise)

    def crps(self, y: Any) -> Array:
        """Return the continuous ranked probability score at ``y``, of each target alone; lower is better.

        [Gneiting & Raftery 2007, eq. 21; for mixtures Grimit et al. 2006]

        Returns
        -------
        array of shape (..., n) or (..., n, q)
        """
        y = self._points(y)[..., np.newaxis, :]
        to_y = np.sum(self._w * mean_distance(y - self._m, self._s), axis=-2)
        (w, other_w), (m, other_m), (s, other_s) = (
            (a[:, :, np.newaxis], a[:, np.newaxis]) for a in (self._w, self._m, self._s)
        )
        apart = w * other_w * mean_distance(m - other_m, np.hypot(s, other_s))
        return self._published(to_y - 0.5 * np.sum(apart, axis=(1, 2)))

    def _points(self, y: Any) -> Array:
        """Return points with an axis of targets, of shape (..., n, q) or one that broadcasts to it."""
        points: Array = np.asarray(y, dtype=float)
        return points[..., np.newaxis] if self._single else np.atleast_1d(points)

    def _published(self, values: Array) -> Array:
        return np.asarray(values[..., 0] if self._single else values)

    def _mean(self) -> Array:
        return np.asarray(np.sum(self._w * self._m, axis=1))

    def _log_shares(self, y: Array) -> Array:
        with np.errstate(divide="ignore"):  # a component may have no weight
            return Components(np.log(self.weights), self._m, self._s).log_densities(y)

    def _log_density(self, y: Array) -> Array:
        return np.asarray(logsumexp(self._log_shares(y), axis=-1))

    def _cdf(self, y: Array) -> Array:
        return np.asarray(np.sum(self._w * ndtr((y[..., np.newaxis, :] - self._m) / self._s), axis=-2))


def mean_distance(m: Array, s: Array) -> Array:
    """Return E|x| of a normal x with mean ``m`` and standard deviation ``s``."""
    z = m / s
    return np.asarray(s * np.sqrt(2 / np.pi) * np.exp(-0.5 * z * z) + m * (2 * ndtr(z) - 1))
