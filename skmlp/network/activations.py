"""Activations: h = f(z), and beside it dE/dz from dE/dh."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

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


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for activation in (Identity(), Logistic(), Tanh(), ReLU())
}
"""Every activation by its name."""
