"""Losses of numbers: errors of means, medians and quantiles, and deviances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import PerNetwork, check_field, check_positive, per_network, within
from skmlp.network.loss import Loss, diagonal


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared error, (z - y)^2 / 2 [Bishop 2006, eq. 5.11; docs, eq. (3)]; d/dz = z - y."""

    name: ClassVar[str] = "squared_error"

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        return np.asarray(0.5 * (error * error))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return tangent

    def reported_divisor(self, n_outputs: int) -> int:
        # scikit-learn follows the gradient of the sum over the outputs and reports their mean.
        return n_outputs


@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance of the mean mu = exp(z): y log(y / mu) - y + mu; d/dz = mu - y.

    [McCullagh & Nelder 1989, section 2.3; docs, eq. (4)]
    """

    name: ClassVar[str] = "poisson"
    link: ClassVar[str] = "exp"
    takes_scaled_targets: ClassVar[bool] = False
    targets: ClassVar[str] = "counts or rates: not negative"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(xlogy(y, y) - y * z + (np.exp(z) - y))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.exp(z, out=delta)
        np.subtract(delta, y, out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.asarray(np.exp(z) * tangent)

    def inverse_link(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    def link_jacobian(self, z: Array) -> Array:
        return diagonal(np.exp(z))

    def allows(self, y: Array) -> bool:
        return bool(np.all(y >= 0))


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """The absolute error ``|z - y|``; d/dz = sign(z - y); estimates the median [docs, eq. (33)]."""

    name: ClassVar[str] = "absolute_error"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.abs(z - y))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)
        np.sign(delta, out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.zeros_like(tangent)


@dataclass(frozen=True)
class Huber(Loss):
    """Half the squared error up to ``delta``, linear beyond [Huber 1964; docs, eq. (34)].

    With e = z - y clipped to c = [-delta, delta]: c (e - c / 2); d/dz = c.

    Parameters
    ----------
    delta : float > 0, default=1.0
        In the units of y as the network sees it: with ``standardize=True``, in its standard deviations.
    """

    name: ClassVar[str] = "huber"
    delta: PerNetwork = per_network(1.0)

    def __post_init__(self) -> None:
        check_positive(self, "delta")

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        clipped = np.clip(error, -self.delta, self.delta)
        return np.asarray(clipped * (error - 0.5 * clipped))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)
        np.minimum(delta, self.delta, out=delta)
        np.maximum(delta, np.negative(self.delta), out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.asarray((np.abs(z - y) < self.delta) * tangent)


@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss, whose best constant is a quantile [Koenker & Bassett 1978; docs, eq. (35)].

    quantile (y - z) where z < y, else (1 - quantile) (z - y).

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
    """

    name: ClassVar[str] = "quantile"
    quantile: PerNetwork = per_network(0.5)

    def __post_init__(self) -> None:
        check_field(self, "quantile", within(self.quantile, 0, 1, open_low=True), "between 0 and 1")

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        return np.asarray(np.maximum(-self.quantile * error, (1 - self.quantile) * error))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)
        np.sign(delta, out=delta)
        np.maximum(delta, np.negative(self.quantile), out=delta)
        np.minimum(delta, np.subtract(1, self.quantile), out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.zeros_like(tangent)


@dataclass(frozen=True)
class Gamma(Loss):
    """Half the gamma deviance of the mean mu = exp(z): log(mu / y) + y / mu - 1; d/dz = 1 - y / mu.

    [McCullagh & Nelder 1989, section 8.3; docs, eq. (36)]
    """

    name: ClassVar[str] = "gamma"
    link: ClassVar[str] = "exp"
    takes_scaled_targets: ClassVar[bool] = False
    targets: ClassVar[str] = "positive"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(z - np.log(y) + y * np.exp(-z) - 1)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.negative(z, out=delta)
        np.exp(delta, out=delta)
        np.multiply(delta, y, out=delta)
        np.subtract(1, delta, out=delta)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.asarray(y * np.exp(-z) * tangent)

    def inverse_link(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    def link_jacobian(self, z: Array) -> Array:
        return diagonal(np.exp(z))

    def allows(self, y: Array) -> bool:
        return bool(np.all(y > 0))
