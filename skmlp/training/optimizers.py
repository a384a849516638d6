"""Optimizers: each turns a gradient into a step.

An update is elementwise, so it runs on any block of the flat buffer. Blocks that fit the cache, with
a handful of in-place calls on each, are as fast as a compiled fused loop; the gradient has served its
purpose by then and is used as scratch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import PerNetwork


@dataclass(frozen=True)
class Optimizer(ABC):
    """How a gradient moves the parameters.

    The fields are numbers, or columns of shape (K, 1) where the networks of a stack differ.
    """

    name: ClassVar[str]
    n_moments: ClassVar[int]
    """How many arrays of the shape of theta are remembered between steps; they start at zero."""

    @abstractmethod
    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        """Return all numbers (or columns) that `update` needs in step ``t`` = 1, 2, ..., in float64."""

    @abstractmethod
    def update(
        self, theta: Array, gradient: Array, moments: tuple[Array, ...], constants: tuple[Any, ...]
    ) -> None:
        """Move ``theta`` and ``moments`` by one step; ``gradient`` is overwritten."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with momentum: v <- mu v - rate g; theta <- theta + v.

    With Nesterov's momentum, theta <- theta + mu v - rate g [Sutskever et al. 2013, eq. 3 to 4, in
    the form that needs the gradient only at theta; docs, eq. (17) and (18)].

    Parameters
    ----------
    momentum : float in [0, 1], default=0.9
    nesterov : bool, default=True
    """

    name: ClassVar[str] = "sgd"
    n_moments: ClassVar[int] = 1
    momentum: PerNetwork = 0.9
    nesterov: bool = True

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.momentum

    def update(
        self, theta: Array, gradient: Array, moments: tuple[Array, ...], constants: tuple[Any, ...]
    ) -> None:
        (velocity,) = moments
        rate, momentum = constants
        np.multiply(gradient, rate, out=gradient)
        np.multiply(velocity, momentum, out=velocity)
        np.subtract(velocity, gradient, out=velocity)
        if self.nesterov:
            np.subtract(theta, gradient, out=theta)
            np.multiply(velocity, momentum, out=gradient)
            np.add(theta, gradient, out=theta)
        else:
            np.add(theta, velocity, out=theta)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam [Kingma & Ba 2015, algorithm 1; docs, eq. (19) to (21)].

    m <- beta_1 m + (1 - beta_1) g;  v <- beta_2 v + (1 - beta_2) g^2;
    theta <- theta - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    The moments are kept as m / (1 - beta_1) and v / (1 - beta_2): the factors then fold into one
    number on the step and one on epsilon, which saves two passes over the parameters.

    Parameters
    ----------
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the moments.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.
    """

    name: ClassVar[str] = "adam"
    n_moments: ClassVar[int] = 2
    beta_1: PerNetwork = 0.9
    beta_2: PerNetwork = 0.999
    epsilon: PerNetwork = 1e-8

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        scale = (1 - self.beta_2) ** 0.5
        correction = (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        step = rate * correction * (1 - self.beta_1) / scale
        return step, self.epsilon / scale, self.beta_1, self.beta_2

    def update(
        self, theta: Array, gradient: Array, moments: tuple[Array, ...], constants: tuple[Any, ...]
    ) -> None:
        m, v = moments
        step, epsilon, beta_1, beta_2 = constants
        np.multiply(m, beta_1, out=m)
        np.add(m, gradient, out=m)
        np.multiply(gradient, gradient, out=gradient)
        np.multiply(v, beta_2, out=v)
        np.add(v, gradient, out=v)
        np.sqrt(v, out=gradient)
        np.add(gradient, epsilon, out=gradient)
        np.divide(m, gradient, out=gradient)
        np.multiply(gradient, step, out=gradient)
        np.subtract(theta, gradient, out=theta)


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum [Dozat 2016, algorithm 2; docs, eq. (44) and (45)].

    With mu_t = beta_1 (1 - 0.96^(t decay) / 2) and M_t = mu_1 ... mu_t:
    theta <- theta - rate (mu_{t+1} m / (1 - M_{t+1}) + (1 - mu_t) g / (1 - M_t)) / (sqrt(v') + epsilon),
    v' = v / (1 - beta_2^t).

    Parameters
    ----------
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the moments.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.
    momentum_decay : float >= 0, default=0.004
        How fast mu_t rises from beta_1 / 2 to beta_1.
    """

    name: ClassVar[str] = "nadam"
    n_moments: ClassVar[int] = 2
    beta_1: PerNetwork = 0.9
    beta_2: PerNetwork = 0.999
    epsilon: PerNetwork = 1e-8
    momentum_decay: float = 0.004

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        rise, product = _nadam_factors(self.momentum_decay, 1 << int(np.max(t) + 1).bit_length())
        present = self.beta_1**t * product[t]  # M_t
        following = self.beta_1 ** (t + 1) * product[t + 1]
        correction, scale = (1 - self.beta_2**t) ** 0.5, (1 - self.beta_2) ** 0.5
        along = rate * correction * self.beta_1 * rise[t + 1] / (1 - following) * (1 - self.beta_1)
        ahead = rate * correction * (1 - self.beta_1 * rise[t]) / (1 - present)
        return along / scale, ahead / scale, self.epsilon * correction / scale, self.beta_1, self.beta_2

    def update(
        self, theta: Array, gradient: Array, moments: tuple[Array, ...], constants: tuple[Any, ...]
    ) -> None:
        # The moments are kept as m / (1 - beta_1) and v / (1 - beta_2), as in Adam.
        m, v = moments
        along, ahead, epsilon, beta_1, beta_2 = constants
        np.multiply(m, beta_1, out=m)
        np.add(m, gradient, out=m)
        np.multiply(v, beta_2, out=v)
        np.add(v, gradient * gradient, out=v)
        np.multiply(gradient, ahead, out=gradient)
        np.add(gradient, m * along, out=gradient)
        np.divide(gradient, np.sqrt(v) + epsilon, out=gradient)
        np.subtract(theta, gradient, out=theta)


@lru_cache(maxsize=4)
def _nadam_factors(decay: float, size: int) -> tuple[Array, Array]:
    """Return mu_t / beta_1 and the product of all up to there, for each t < ``size``."""
    factors = 1 - 0.5 * 0.96 ** (decay * np.arange(size))
    factors[0] = 1  # t counts from 1
    return factors, np.cumprod(factors)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradient over the root of its mean square [Tieleman & Hinton 2012; docs, eq. (43)].

    v <- rho v + (1 - rho) g^2; theta <- theta - rate g / (sqrt(v) + epsilon)

    Parameters
    ----------
    rho : float in [0, 1), default=0.9
        Decay rate of the mean square.
    epsilon : float > 0, default=1e-8
        Keeps the division finite.
    """

    name: ClassVar[str] = "rmsprop"
    n_moments: ClassVar[int] = 1
    rho: PerNetwork = 0.9
    epsilon: PerNetwork = 1e-8

    def constants(self, rate: Any, t: Any) -> tuple[Any, ...]:
        return rate, self.epsilon, self.rho, 1 - self.rho

    def update(
        self, theta: Array, gradient: Array, moments: tuple[Array, ...], constants: tuple[Any, ...]
    ) -> None:
        (v,) = moments
        rate, epsilon, rho, rest = constants
        square = gradient * gradient
        np.multiply(square, rest, out=square)
        np.multiply(v, rho, out=v)
        np.add(v, square, out=v)
        np.sqrt(v, out=square)
        np.add(square, epsilon, out=square)
        np.divide(gradient, square, out=gradient)
        np.multiply(gradient, rate, out=gradient)
        np.subtract(theta, gradient, out=theta)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adam, NAdam, RMSprop)
}
"""Every optimizer by its name."""
