"""Activations: h = f(z), and beside it dE/dz from dE/dh."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, ndtr

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import check_field, check_positive


@dataclass(frozen=True)
class Activation(ABC):
    """The nonlinearity of a hidden layer.

    h overwrites z. What else ``backward`` needs, ``forward`` writes into ``memo``, which is kept between
    the two and may be overwritten by both: an array of the shape of z, or a stack of ``n_memos`` of them.
    Neither allocates an array of this size.
    """

    name: ClassVar[str]
    n_memos: ClassVar[int] = 1
    """Number of arrays in ``memo``."""
    is_rising: ClassVar[bool] = False
    """Whether f(z) never falls: such networks can be monotonic."""
    piecewise_linear: ClassVar[bool] = False
    """Whether f is linear where z > 0, and where z < 0."""
    glorot_factor: ClassVar[float] = 6.0
    """Initial weights are uniform within ``sqrt(glorot_factor / (fan_in + fan_out))``."""

    @abstractmethod
    def forward(self, z: Array, memo: Array) -> None:
        """Overwrite ``z`` by h = f(z)."""

    @abstractmethod
    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        """Overwrite ``delta`` = dE/dh by dE/dz = dE/dh * f'(z)."""

    def curvature(self, z: Array) -> Array:
        """Return f''(z) as a new array; at a kink, that of one of the sides. Only Hessians need it."""
        raise NotImplementedError(f"{type(self).__name__} has no curvature.")


@dataclass(frozen=True)
class Identity(Activation):
    """f(z) = z; a linear bottleneck [docs, eq. (12)]."""

    name: ClassVar[str] = "identity"
    is_rising: ClassVar[bool] = True
    piecewise_linear: ClassVar[bool] = True

    def forward(self, z: Array, memo: Array) -> None:
        pass

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        pass

    def curvature(self, z: Array) -> Array:
        return np.zeros_like(z)


@dataclass(frozen=True)
class Logistic(Activation):
    """f(z) = 1 / (1 + exp(-z)); f'(z) = h (1 - h) [Bishop 2006, eq. 4.88; docs, eq. (13)]."""

    name: ClassVar[str] = "logistic"
    is_rising: ClassVar[bool] = True
    # The slope of the sigmoid at 0 is 1/4, that of tanh 1; scikit-learn divides by 3.
    glorot_factor: ClassVar[float] = 2.0

    def forward(self, z: Array, memo: Array) -> None:
        expit(z, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, h, out=delta)
        np.subtract(1, h, out=memo)
        np.multiply(delta, memo, out=delta)

    def curvature(self, z: Array) -> Array:
        h = expit(z)
        return np.asarray(h * (1 - h) * (1 - 2 * h))


@dataclass(frozen=True)
class Tanh(Activation):
    """f(z) = tanh(z); f'(z) = 1 - h^2 [Bishop 2006, eq. 5.60; docs, eq. (14)]."""

    name: ClassVar[str] = "tanh"
    is_rising: ClassVar[bool] = True

    def forward(self, z: Array, memo: Array) -> None:
        np.tanh(z, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(h, h, out=memo)
        np.subtract(1, memo, out=memo)
        np.multiply(delta, memo, out=delta)

    def curvature(self, z: Array) -> Array:
        h = np.tanh(z)
        return np.asarray(-2 * h * (1 - h * h))


@dataclass(frozen=True)
class ReLU(Activation):
    """f(z) = max(0, z); f'(z) = 1 where h > 0, else 0 [Glorot, Bordes & Bengio 2011; docs, eq. (15)]."""

    name: ClassVar[str] = "relu"
    is_rising: ClassVar[bool] = True
    piecewise_linear: ClassVar[bool] = True

    def forward(self, z: Array, memo: Array) -> None:
        np.maximum(z, 0, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        # A product with the mask: numpy's assignment at one is ten times slower.
        np.greater(h, 0, out=memo)
        np.multiply(delta, memo, out=delta)

    def curvature(self, z: Array) -> Array:
        return np.zeros_like(z)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """f(z) = z where z > 0, else slope z [Maas, Hannun & Ng 2013; docs, eq. (27)].

    Parameters
    ----------
    slope : float, default=0.01
    """

    name: ClassVar[str] = "leaky_relu"
    piecewise_linear: ClassVar[bool] = True
    slope: float = 0.01

    def __post_init__(self) -> None:
        check_field(self, "slope", math.isfinite(self.slope), "finite")

    @property
    def is_rising(self) -> bool:  # type: ignore[override]
        """Whether f(z) never falls."""
        return self.slope >= 0

    def forward(self, z: Array, memo: Array) -> None:
        np.greater(z, 0, out=memo)
        np.multiply(memo, 1 - self.slope, out=memo)
        np.add(memo, self.slope, out=memo)  # f'(z)
        np.multiply(z, memo, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, memo, out=delta)

    def curvature(self, z: Array) -> Array:
        return np.zeros_like(z)


@dataclass(frozen=True)
class ELU(Activation):
    """f(z) = scale z where z > 0, else scale alpha (exp(z) - 1) [Clevert et al. 2016; docs, eq. (28)].

    f'(z) = scale where z > 0, else h + scale alpha.

    Parameters
    ----------
    alpha, scale : float > 0, default=1.0
    """

    name: ClassVar[str] = "elu"
    is_rising: ClassVar[bool] = True
    alpha: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("alpha", "scale"):
            check_positive(self, name)

    def forward(self, z: Array, memo: Array) -> None:
        np.minimum(z, 0, out=memo)
        np.expm1(memo, out=memo)
        np.multiply(memo, self.scale * self.alpha, out=memo)  # h where it is negative, else 0
        np.maximum(z, 0, out=z)
        if self.scale != 1:
            np.multiply(z, self.scale, out=z)
        np.add(z, memo, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.add(memo, self.scale * self.alpha, out=memo)
        np.multiply(delta, memo, out=delta)
        if self.alpha != 1:
            np.greater(h, 0, out=memo)
            np.multiply(memo, 1 / self.alpha - 1, out=memo)
            np.add(memo, 1, out=memo)
            np.multiply(delta, memo, out=delta)

    def curvature(self, z: Array) -> Array:
        left = self.scale * self.alpha * np.exp(np.minimum(z, 0))
        return np.asarray(np.where(z > 0, 0, left))


@dataclass(frozen=True)
class SELU(ELU):
    """The ELU that keeps mean 0 and variance 1 [Klambauer et al. 2017, eq. 14; docs, eq. (28)]."""

    name: ClassVar[str] = "selu"
    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805


MILLS = (
    0.0489421757, -0.202118251, 0.240639186, -0.0170220668,
    0.155960829, 0.133355277, 0.140270317, -2.73139852e-05,
)  # fmt: skip
"""Phi(-a) exp(a^2 / 2) as a polynomial in 1 / (1 + 0.35 a), from its highest power, for 0 <= a <= 13.5.

The form is that of Abramowitz & Stegun 1964, eq. 7.1.26. The coefficients are a least-squares fit with
Lawson's weights [Lawson 1961], which bring the largest relative error down: to 3.1e-7."""


@dataclass(frozen=True)
class GELU(Activation):
    """f(z) = z Phi(z), Phi the normal distribution function [Hendrycks & Gimpel 2016; docs, eq. (29)].

    f'(z) = Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi). With a the absolute value of z, h is the larger of
    z Phi(-a) and z - z Phi(-a).

    scipy's Phi would be most of the time: in float32, Phi(-a) is `MILLS` times the exponential, to 1e-6
    of its value for a < 4 and 3e-6 for a < 10, as z^2 is rounded.
    """

    name: ClassVar[str] = "gelu"
    n_memos: ClassVar[int] = 3

    def forward(self, z: Array, memo: Array) -> None:
        slope, p, scratch = memo
        np.multiply(z, z, out=slope)
        np.multiply(slope, -0.5, out=slope)
        np.exp(slope, out=slope)
        np.abs(z, out=scratch)
        if z.dtype == np.float32:
            np.multiply(scratch, 0.35, out=scratch)
            np.add(scratch, 1, out=scratch)
            np.divide(1, scratch, out=scratch)
            np.multiply(scratch, MILLS[0], out=p)
            for coefficient in MILLS[1:-1]:
                np.add(p, coefficient, out=p)
                np.multiply(p, scratch, out=p)
            np.add(p, MILLS[-1], out=p)
            np.multiply(p, slope, out=p)
        else:
            np.negative(scratch, out=scratch)
            ndtr(scratch, out=p)
        np.multiply(z, p, out=scratch)  # z Phi(-|z|)
        np.subtract(0.5, p, out=p)
        np.copysign(p, z, out=p)
        np.add(p, 0.5, out=p)  # Phi(z)
        np.multiply(slope, 1 / math.sqrt(2 * math.pi), out=slope)
        np.multiply(slope, z, out=slope)
        np.add(slope, p, out=slope)
        np.subtract(z, scratch, out=z)
        np.maximum(z, scratch, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, memo[0], out=delta)

    def curvature(self, z: Array) -> Array:
        density = np.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi))
        return np.asarray(density * (2 - z * z))


@dataclass(frozen=True)
class SiLU(Activation):
    """f(z) = z s(z), s the logistic function [Elfwing, Uchibe & Doya 2018; docs, eq. (30)].

    With e = exp(z): s = e / (1 + e); f'(z) = s + h / (1 + e).
    """

    name: ClassVar[str] = "silu"
    n_memos: ClassVar[int] = 2

    def forward(self, z: Array, memo: Array) -> None:
        sigmoid, e_plus_one = memo
        np.minimum(z, 80, out=sigmoid)  # beyond, s is 1 to rounding, and exp would soon overflow
        np.exp(sigmoid, out=sigmoid)
        np.add(sigmoid, 1, out=e_plus_one)
        np.divide(sigmoid, e_plus_one, out=sigmoid)
        np.multiply(z, sigmoid, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        sigmoid, slope = memo
        np.divide(h, slope, out=slope)
        np.add(slope, sigmoid, out=slope)
        np.multiply(delta, slope, out=delta)

    def curvature(self, z: Array) -> Array:
        s = expit(z)
        return np.asarray(s * (1 - s) * (2 + z * (1 - 2 * s)))


@dataclass(frozen=True)
class Mish(Activation):
    """f(z) = z tanh(log(1 + exp(z))) [Misra 2019, eq. 1; docs, eq. (31)].

    With e = exp(z), n = e (e + 2), d = n + 2: h = z n / d; f'(z) = (n + 4 h (1 + e) / (2 + e)) / d.
    """

    name: ClassVar[str] = "mish"
    n_memos: ClassVar[int] = 2

    def forward(self, z: Array, memo: Array) -> None:
        e, d = memo
        np.minimum(z, 30, out=e)  # beyond, n / d is 1 to rounding, and n would soon overflow
        np.exp(e, out=e)
        np.add(e, 2, out=d)
        np.multiply(d, e, out=d)
        np.multiply(z, d, out=z)
        np.add(d, 2, out=d)
        np.divide(z, d, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        e, d = memo
        np.divide(delta, d, out=delta)
        np.add(e, 2, out=d)
        np.multiply(e, d, out=e)  # n
        np.divide(-1, d, out=d)
        np.add(d, 1, out=d)  # (1 + e) / (2 + e)
        np.multiply(d, h, out=d)
        np.multiply(d, 4, out=d)
        np.add(e, d, out=e)
        np.multiply(delta, e, out=delta)

    def curvature(self, z: Array) -> Array:
        s, t = expit(z), np.tanh(np.logaddexp(0, z))
        slope = (1 - t * t) * s  # dt/dz
        return np.asarray(2 * slope + z * (slope * (1 - s) - 2 * t * slope * s))


@dataclass(frozen=True)
class Softplus(Activation):
    """f(z) = log(1 + exp(z)); f'(z) = 1 - exp(-h) [Dugas et al. 2001; docs, eq. (32)]."""

    name: ClassVar[str] = "softplus"
    is_rising: ClassVar[bool] = True

    def forward(self, z: Array, memo: Array) -> None:
        # max(z, 0) + log(1 + exp(-|z|)): numpy's logaddexp takes ten times as long.
        np.abs(z, out=memo)
        np.negative(memo, out=memo)
        np.exp(memo, out=memo)
        np.log1p(memo, out=memo)
        np.maximum(z, 0, out=z)
        np.add(z, memo, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.negative(h, out=memo)
        np.expm1(memo, out=memo)
        np.multiply(delta, memo, out=delta)
        np.negative(delta, out=delta)

    def curvature(self, z: Array) -> Array:
        s = expit(z)
        return np.asarray(s * (1 - s))


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation()
    for activation in (Identity, Logistic, Tanh, ReLU, LeakyReLU, ELU, SELU, GELU, SiLU, Mish, Softplus)
}
"""Every activation by its name."""
