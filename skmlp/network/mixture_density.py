"""The loss of a mixture density network: minus the log-likelihood of a Gaussian mixture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import expit

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import PerNetwork, check_field, check_positive, is_used, per_network
from skmlp.network.loss import Loss
from skmlp.network.softmax import log_softmax, row_blocks, softmax, total

LOG_SQRT_TWO_PI = 0.5 * math.log(2 * math.pi)


class Components(NamedTuple):
    """The parameters of Gaussian mixtures of M components, one mixture for each leading index.

    Attributes
    ----------
    log_weights : array of shape (..., M)
        Logarithms of the mixing coefficients.
    means, scales : arrays of shape (..., M, q)
        Mean and standard deviation of each component and target.
    """

    log_weights: Array
    means: Array
    scales: Array

    def log_normals(self, y: Array) -> Array:
        """Return log N(y; mean_j, scale_j) of each component and target, shape (..., M, q)."""
        e = (y[..., np.newaxis, :] - self.means) / self.scales
        return np.negative(0.5 * (e * e) + np.log(self.scales) + LOG_SQRT_TWO_PI)

    def log_densities(self, y: Array) -> Array:
        """Return log w_j N(y; mean_j, scale_j) of each component, shape (..., M)."""
        return np.asarray(self.log_weights + np.add.reduce(self.log_normals(y), axis=-1))


@dataclass(frozen=True)
class MixtureDensity(Loss):
    """-log sum_j w_j N(y; mean_j, scale_j), minus the log-likelihood of a Gaussian mixture.

    [Bishop 1994; Bishop 2006, section 5.6; docs, eq. (52) to (54)] The raw scores are M logits of the
    mixing coefficients w (none for M = 1), M q means, and M q scores s of the standard deviations
    min_scale + log(1 + exp(s)). Within a component, the q targets are independent.

    Parameters
    ----------
    n_components : int >= 1, default=3
        M.
    min_scale : float > 0, default=0.03
        No standard deviation falls below: without a floor the likelihood of a component that collapses
        onto one sample grows without bound.
    beta : float in [0, 1], default=0.0
        Mean and scale of a component follow their gradient times scale^(2 beta): samples of small scale
        count for less [Seitzer et al. 2022; docs, eq. (56)]. 0 is maximum likelihood; with 1 the
        means follow the gradient of the squared error.
    """

    name: ClassVar[str] = "mixture_density"
    link: ClassVar[str] = "gaussian_mixture"
    n_components: int = 3
    min_scale: PerNetwork = per_network(0.03)
    beta: PerNetwork = per_network(0.0)

    def __post_init__(self) -> None:
        is_count = self.n_components >= 1 and self.n_components % 1 == 0
        check_field(self, "n_components", is_count, "an integer of at least 1")
        check_positive(self, "min_scale")
        check_field(self, "beta", np.greater_equal(self.beta, 0) & np.less_equal(self.beta, 1), "in [0, 1]")

    def n_scores(self, n_targets: int) -> int:
        return self._n_logits + 2 * self.n_components * n_targets

    @property
    def _n_logits(self) -> int:
        return self.n_components if self.n_components > 1 else 0

    def split(self, z: Array) -> tuple[Array, Array, Array]:
        """Return views of the logits (..., M or 0), the means and the scores of the scales (..., M, q)."""
        first, shape = self._n_logits, (*z.shape[:-1], self.n_components, -1)
        middle = (first + z.shape[-1]) // 2
        return z[..., :first], z[..., first:middle].reshape(shape), z[..., middle:].reshape(shape)

    def scales(self, scale_scores: Array) -> Array:
        """Return the standard deviations that belong to their raw scores."""
        return np.asarray(per_component(self.min_scale) + np.logaddexp(0, scale_scores))

    def components(self, z: Array) -> Components:
        """Return the mixtures that raw scores ``z`` of shape (..., n, n_scores) describe."""
        logits, means, scale_scores = self.split(z)
        log_weights = np.zeros_like(means[..., 0])
        if self._n_logits:
            log_softmax(logits, out=log_weights)
        return Components(log_weights, means, self.scales(scale_scores))

    def link_jacobian(self, z: Array) -> Array:
        """Return d mean / dz: the mean of the mixture, sum_j w_j mean_j, is what is predicted."""
        log_weights, means, _ = self.components(z)
        weights = np.exp(log_weights)[..., np.newaxis]
        mean = np.add.reduce(weights * means, axis=-2, keepdims=True)
        n_targets = means.shape[-1]
        jacobian = np.zeros_like(z, shape=(*z.shape[:-1], n_targets, z.shape[-1]))
        of_logits, of_means, _ = self.split(jacobian)
        if self._n_logits:
            of_logits[...] = (weights * (means - mean)).swapaxes(-1, -2)
        of_means[...] = weights[..., np.newaxis, :, :] * np.eye(n_targets)[:, np.newaxis]
        return jacobian

    def initial_scores(self, y: Array, weights: Array | None = None) -> Array:
        """Return raw scores whose means are quantiles of the targets."""
        probabilities = (np.arange(self.n_components) + 0.5) / self.n_components
        scores = np.zeros(self.n_scores(y.shape[1]))
        _, means, scale_scores = self.split(scores)
        weights = np.ones(len(y)) if weights is None else weights
        means[...] = weighted_quantiles(y, weights, probabilities)
        # The means' distance and the scales together are to have the variance of y. Where the means alone
        # have it, because values repeat, a floor keeps the first gradients small.
        variance = np.average((y - np.average(y, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
        scales = np.sqrt(np.maximum(variance - means.var(axis=0), variance / self.n_components**2))
        above_floor = np.maximum(scales - self.min_scale, 0.01 * self.min_scale)
        scale_scores[...] = above_floor + np.log(-np.expm1(-above_floor))  # the inverse of softplus
        return scores

    def value(self, z: Array, y: Array) -> Array:
        log_densities = self.components(z).log_densities(y)
        return np.negative(np.logaddexp.reduce(log_densities, axis=-1, keepdims=True))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        for rows in row_blocks(z):
            scores = z[..., rows, :]
            scales, e = self.scales_and_errors(scores, y[..., rows, :])
            constants = self._constants(scores, scales, e)
            self.write_gradient(scores, scales, e, *constants, delta[..., rows, :])

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        """Return R{gradient}; of beta = 0, with which the gradient is that of a function."""
        logits, _, scale_scores = self.split(z)
        logits_tangent, means_tangent, scores_tangent = self.split(tangent)
        scales, e = self.scales_and_errors(z, y)
        r, _ = self._constants(z, scales, e)
        slope = expit(scale_scores)
        scales_tangent = slope * scores_tangent
        e_tangent = (means_tangent - e * scales_tangent) / scales
        shares_tangent = -np.add.reduce(e * e_tangent + scales_tangent / scales, axis=-1)
        product = np.empty_like(tangent)
        of_logits, of_means, of_scores = self.split(product)
        if self._n_logits:
            shares_tangent = shares_tangent + logits_tangent
            w = np.empty_like(logits)
            softmax(logits, out=w)
            of_logits[...] = w * (logits_tangent - total(w * logits_tangent))
        r_tangent = r * (shares_tangent - total(r * shares_tangent))
        if self._n_logits:
            of_logits -= r_tangent
        r, r_tangent = r[..., np.newaxis], r_tangent[..., np.newaxis]
        of_means[...] = r_tangent * e / scales + r * (e_tangent - e * scales_tangent / scales) / scales
        per_scale = slope / scales
        per_scale_tangent = per_scale * ((1 - slope) * scores_tangent - scales_tangent / scales)
        of_scores[...] = (r_tangent * per_scale + r * per_scale_tangent) * (1 - e * e)
        of_scores -= 2 * r * per_scale * e * e_tangent
        return product

    def with_constants_fixed(self, z: Array, y: Array) -> Loss:
        return FixedMixtureDensity(self, *self._constants(z, *self.scales_and_errors(z, y)))

    def scales_and_errors(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return the standard deviations and (mean - y) / scale, both of shape (..., M, q)."""
        _, means, scale_scores = self.split(z)
        scales = self.scales(scale_scores)
        return scales, (means - y[..., np.newaxis, :]) / scales

    def _constants(self, z: Array, scales: Array, e: Array) -> tuple[Array, Array]:
        """Return the responsibilities r_j (..., M), and r_j scale_j^(2 beta) (..., M, q)."""
        log_scales = np.log(scales)
        log_shares = np.add.reduce(-0.5 * (e * e) - log_scales, axis=-1)
        if self._n_logits:
            np.add(log_shares, self.split(z)[0], out=log_shares)
        responsibilities = np.empty_like(log_shares)
        softmax(log_shares, out=responsibilities)
        factors = responsibilities[..., np.newaxis]
        if is_used(self.beta):
            # Not by a power: numpy's differ in the last bit between one exponent and a column of them.
            factors = factors * np.exp(2 * per_component(self.beta) * log_scales)
        return responsibilities, factors

    def write_gradient(
        self, z: Array, scales: Array, e: Array, responsibilities: Array, factors: Array, delta: Array
    ) -> None:
        """Write the gradient for given constants into ``delta``; ``e`` is (mean - y) / scale."""
        logits, _, scale_scores = self.split(z)
        of_logits, of_means, of_scale_scores = self.split(delta)
        if self._n_logits:
            softmax(logits, out=of_logits)
            np.subtract(of_logits, responsibilities, out=of_logits)
        per_scale = factors / scales
        np.multiply(per_scale, e, out=of_means)
        # d scale / ds is the logistic function of s.
        np.multiply(per_scale * expit(scale_scores), 1 - e * e, out=of_scale_scores)


@dataclass(frozen=True, eq=False)
class FixedMixtureDensity(Loss):
    """-sum_j r_j (log w_j + scale_j^(2 beta) log N_j) with constant r_j and scale_j^(2 beta).

    r_j is the responsibility of component j for y. Where they are those of the present scores, the slope
    is that of `MixtureDensity` [Bishop 2006, eq. 5.154 to 5.157; docs, eq. (55)].

    Parameters
    ----------
    density : MixtureDensity
    responsibilities : array of shape (..., M)
    factors : array of shape (..., M, q)
        r_j scale_j^(2 beta).
    """

    name: ClassVar[str] = "fixed_mixture_density"
    density: MixtureDensity
    responsibilities: Array
    factors: Array

    def value(self, z: Array, y: Array) -> Array:
        components = self.density.components(z)
        of_weights = np.add.reduce(self.responsibilities * components.log_weights, axis=-1)
        of_normals = np.add.reduce(self.factors * components.log_normals(y), axis=(-2, -1))
        return np.asarray(np.negative(of_weights + of_normals)[..., np.newaxis])

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        scales, e = self.density.scales_and_errors(z, y)
        self.density.write_gradient(z, scales, e, self.responsibilities, self.factors, delta)


def per_component(value: PerNetwork) -> PerNetwork:
    """Return a number as it is, and a column with one more axis: that of the components."""
    return value[..., np.newaxis] if isinstance(value, np.ndarray) else value


def weighted_quantiles(y: Array, weights: Array, probabilities: Array) -> Array:
    """Return quantiles of each column of ``y`` (n, q), shape (n_probabilities, q).

    The quantile is the first value that has the share p of the weights at or below it: repeated rows and
    weighted rows have the same.
    """
    order = np.argsort(y, axis=0)
    cumulated = np.cumsum(weights[order], axis=0)
    rows = [np.searchsorted(c, probabilities * c[-1]).clip(max=len(y) - 1) for c in cumulated.T]
    index = np.take_along_axis(order, np.stack(rows, axis=1), axis=0)
    return np.take_along_axis(y, index, axis=0)
