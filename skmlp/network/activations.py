"""Activations: h = f(z), and beside it dE/dz from dE/dh."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, ndtr

from skmlp.network.arrays import Array


@dataclass(frozen=True)
class Activation(ABC):
    """The nonlinearity of a hidden layer.

    h overwrites z; what else backward needs, forward notes down in ``memo``, an array of the same shape
    that is kept between the two and may be overwritten by both.
    """

    name: ClassVar[str]
    glorot_factor: ClassVar[float] = 6.0
    """Initial weights are uniform within ``sqrt(glorot_factor / (fan_in + fan_out))``."""

    @abstractmethod
    def forward(self, z: Array, memo: Array) -> None:
        """Overwrite ``z`` by h = f(z)."""

    @abstractmethod
    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        """Overwrite ``delta`` = dE/dh by dE/dz = dE/dh * f'(z)."""


@dataclass(frozen=True)
class Identity(Activation):
    """f(z) = z; a linear bottleneck [docs, eq. (12)]."""

    name: ClassVar[str] = "identity"

    def forward(self, z: Array, memo: Array) -> None:
        pass

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        pass


@dataclass(frozen=True)
class Logistic(Activation):
    """f(z) = 1 / (1 + exp(-z)); f'(z) = h (1 - h) [Bishop 2006, eq. 4.88; docs, eq. (13)]."""

    name: ClassVar[str] = "logistic"
    # The slope of the sigmoid at 0 is 1/4, that of tanh 1; scikit-learn divides by 3.
    glorot_factor: ClassVar[float] = 2.0

    def forward(self, z: Array, memo: Array) -> None:
        expit(z, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, h, out=delta)
        np.subtract(1, h, out=memo)
        np.multiply(delta, memo, out=delta)


@dataclass(frozen=True)
class Tanh(Activation):
    """f(z) = tanh(z); f'(z) = 1 - h^2 [Bishop 2006, eq. 5.60; docs, eq. (14)]."""

    name: ClassVar[str] = "tanh"

    def forward(self, z: Array, memo: Array) -> None:
        np.tanh(z, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(h, h, out=memo)
        np.subtract(1, memo, out=memo)
        np.multiply(delta, memo, out=delta)


@dataclass(frozen=True)
class ReLU(Activation):
    """f(z) = max(0, z); f'(z) = 1 where h > 0, else 0 [Glorot, Bordes & Bengio 2011; docs, eq. (15)]."""

    name: ClassVar[str] = "relu"

    def forward(self, z: Array, memo: Array) -> None:
        # A product with the mask: numpy's maximum with a number and its assignment at a mask are three
        # to ten times slower. backward finds the mask made.
        np.greater(z, 0, out=memo)
        np.multiply(z, memo, out=z)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, memo, out=delta)


class NotedDerivative(Activation):
    """An activation whose ``forward`` leaves f'(z) in ``memo``: h does not tell it, or not exactly."""

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        np.multiply(delta, memo, out=delta)


@dataclass(frozen=True)
class LeakyReLU(NotedDerivative):
    """f(z) = z where z > 0, else slope z [Maas, Hannun & Ng 2013; docs, eq. (27)].

    Parameters
    ----------
    slope : float, default=0.01
    """

    name: ClassVar[str] = "leaky_relu"
    slope: float = 0.01

    def forward(self, z: Array, memo: Array) -> None:
        np.greater(z, 0, out=memo)
        np.multiply(memo, 1 - self.slope, out=memo)
        np.add(memo, self.slope, out=memo)
        np.multiply(z, memo, out=z)


@dataclass(frozen=True)
class ELU(NotedDerivative):
    """f(z) = scale z where z > 0, else scale alpha (exp(z) - 1) [Clevert et al. 2016; docs, eq. (28)].

    Parameters
    ----------
    alpha, scale : float, default=1.0
    """

    name: ClassVar[str] = "elu"
    alpha: float = 1.0
    scale: float = 1.0

    def forward(self, z: Array, memo: Array) -> None:
        positive = z > 0
        np.minimum(z, 0, out=memo)
        np.expm1(memo, out=memo)
        np.multiply(memo, self.alpha, out=memo)
        np.copyto(z, memo, where=~positive)
        np.multiply(z, self.scale, out=z)
        np.add(memo, self.alpha, out=memo)  # alpha exp(z)
        np.copyto(memo, 1, where=positive)
        np.multiply(memo, self.scale, out=memo)


@dataclass(frozen=True)
class SELU(ELU):
    """The ELU that keeps mean 0 and variance 1 [Klambauer et al. 2017, eq. 14; docs, eq. (28)]."""

    name: ClassVar[str] = "selu"
    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805


@dataclass(frozen=True)
class GELU(NotedDerivative):
    """f(z) = z Phi(z), Phi the normal distribution function [Hendrycks & Gimpel 2016; docs, eq. (29)]."""

    name: ClassVar[str] = "gelu"

    def forward(self, z: Array, memo: Array) -> None:
        probability = ndtr(z)
        np.multiply(z, z, out=memo)
        np.multiply(memo, -0.5, out=memo)
        np.exp(memo, out=memo)
        np.multiply(memo, 1 / math.sqrt(2 * math.pi), out=memo)  # the density
        np.multiply(memo, z, out=memo)
        np.add(memo, probability, out=memo)
        np.multiply(z, probability, out=z)


@dataclass(frozen=True)
class SiLU(NotedDerivative):
    """f(z) = z s(z), s the logistic function [Elfwing, Uchibe & Doya 2018; docs, eq. (30)]."""

    name: ClassVar[str] = "silu"

    def forward(self, z: Array, memo: Array) -> None:
        sigmoid = expit(z)
        np.subtract(1, sigmoid, out=memo)
        np.multiply(memo, z, out=memo)
        np.add(memo, 1, out=memo)
        np.multiply(memo, sigmoid, out=memo)
        np.multiply(z, sigmoid, out=z)


@dataclass(frozen=True)
class Mish(NotedDerivative):
    """f(z) = z tanh(log(1 + exp(z))) [Misra 2019, eq. 1; docs, eq. (31)]."""

    name: ClassVar[str] = "mish"

    def forward(self, z: Array, memo: Array) -> None:
        t = np.tanh(np.logaddexp(0, z))
        np.multiply(t, t, out=memo)
        np.subtract(1, memo, out=memo)
        np.multiply(memo, expit(z), out=memo)
        np.multiply(memo, z, out=memo)
        np.add(memo, t, out=memo)
        np.multiply(z, t, out=z)


@dataclass(frozen=True)
class Softplus(NotedDerivative):
    """f(z) = log(1 + exp(z)); f'(z) = 1 / (1 + exp(-z)) [Dugas et al. 2001; docs, eq. (32)]."""

    name: ClassVar[str] = "softplus"

    def forward(self, z: Array, memo: Array) -> None:
        expit(z, out=memo)
        np.logaddexp(0, z, out=z)


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Identity(),
        Logistic(),
        Tanh(),
        ReLU(),
        LeakyReLU(),
        ELU(),
        SELU(),
        GELU(),
        SiLU(),
        Mish(),
        Softplus(),
    )
}
"""Every activation by its name."""
