"""Optimizers: each turns a gradient into a step.

An update is elementwise, so it runs on any block of the flat buffer. Blocks that fit the cache, with
a handful of in-place calls on each, are as fast as a compiled fused loop. The gradient is not needed
any more after an update, which may overwrite it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import PerNetwork, check_field, check_positive, per_network, within

Arrays: TypeAlias = tuple[Array, ...]


@dataclass(frozen=True)
class Optimizer(ABC):
    """How a gradient moves the parameters.

    A user gives numbers for the fields; the solver makes them columns of shape (K, 1), one row per network.
    """

    name: ClassVar[str]
    n_moments: ClassVar[int]
    """How many arrays of the shape of theta are remembered between steps; they start at zero."""
    n_scratch: ClassVar[int] = 0
    """How many arrays of the shape of its block an update can use as it likes."""

    @abstractmethod
    def constants(self, rate: Array, t: Array) -> tuple[PerNetwork, ...]:
        """Return what `update` needs in the steps ``t``, in float64.

        Parameters
        ----------
        rate, t : arrays of shape (n_steps, K, 1)
            Learning rates, and the numbers of the steps: 1, 2, ...

        Returns
        -------
        tuple of arrays of shape (n_steps, K, 1), or (K, 1) if all steps have the same
        """

    @abstractmethod
    def update(self, theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
        """Move ``theta`` and ``moments`` by one step; ``gradient`` is overwritten.

        Parameters
        ----------
        theta, gradient : arrays of shape (k, p)
        moments : tuple of n_moments + n_scratch arrays of shape (k, p)
            What is remembered between steps, and behind it the arrays to be used as scratch.
        constants : tuple of arrays of shape (k, 1) or ()
            Those of this step, in the dtype of ``theta``.
        """


def check_decay(optimizer: Any, *names: str) -> None:
    """Raise an error unless the decay rates of these ``names`` lie in [0, 1), and epsilon is positive."""
    for name in names:
        check_field(optimizer, name, within(getattr(optimizer, name), 0, 1), "in [0, 1)")
    check_positive(optimizer, "epsilon")


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
    momentum: PerNetwork = per_network(0.9)
    nesterov: bool = True

    def __post_init__(self) -> None:
        is_share = np.greater_equal(self.momentum, 0) & np.less_equal(self.momentum, 1)
        check_field(self, "momentum", is_share, "in [0, 1]")

    def constants(self, rate: Array, t: Array) -> tuple[PerNetwork, ...]:
        return rate, self.momentum

    def update(self, theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
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
    """Mean of the gradient over the root of its mean square [Kingma & Ba 2015; docs, eq. (19) to (21)].

    Algorithm 1 of the paper:
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
    beta_1: PerNetwork = per_network(0.9)
    beta_2: PerNetwork = per_network(0.999)
    epsilon: PerNetwork = per_network(1e-8)

    def __post_init__(self) -> None:
        check_decay(self, "beta_1", "beta_2")

    def constants(self, rate: Array, t: Array) -> tuple[PerNetwork, ...]:
        scale = np.sqrt(1 - self.beta_2)
        correction = np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        step = rate * correction * ((1 - self.beta_1) / scale)
        return step, self.epsilon / scale, self.beta_1, self.beta_2

    def update(self, theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
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
class NAdam(Adam):
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
    n_scratch: ClassVar[int] = 1
    momentum_decay: float = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        is_valid = within(self.momentum_decay, 0, math.inf)
        check_field(self, "momentum_decay", is_valid, "at least 0 and finite")

    def constants(self, rate: Array, t: Array) -> tuple[PerNetwork, ...]:
        i = t.astype(int)
        rise, product = _nadam_factors(self.momentum_decay, 1 << int(i.max() + 1).bit_length())
        present = self.beta_1**t * product[i]  # M_t
        following = self.beta_1 ** (t + 1) * product[i + 1]
        correction, scale = np.sqrt(1 - self.beta_2**t), np.sqrt(1 - self.beta_2)
        along = rate * correction * self.beta_1 * rise[i + 1] / (1 - following) * (1 - self.beta_1)
        ahead = rate * correction * (1 - self.beta_1 * rise[i]) / (1 - present)
        return along / scale, ahead / scale, self.epsilon * correction / scale, self.beta_1, self.beta_2

    def update(self, theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
        # The moments are kept as m / (1 - beta_1) and v / (1 - beta_2), as in Adam.
        m, v, scratch = moments
        along, ahead, epsilon, beta_1, beta_2 = constants
        np.multiply(m, beta_1, out=m)
        np.add(m, gradient, out=m)
        np.multiply(gradient, gradient, out=scratch)
        np.multiply(v, beta_2, out=v)
        np.add(v, scratch, out=v)
        np.multiply(gradient, ahead, out=gradient)
        np.multiply(m, along, out=scratch)
        np.add(gradient, scratch, out=gradient)
        np.sqrt(v, out=scratch)
        np.add(scratch, epsilon, out=scratch)
        np.divide(gradient, scratch, out=gradient)
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
    n_scratch: ClassVar[int] = 1
    rho: PerNetwork = per_network(0.9)
    epsilon: PerNetwork = per_network(1e-8)

    def __post_init__(self) -> None:
        check_decay(self, "rho")

    def constants(self, rate: Array, t: Array) -> tuple[PerNetwork, ...]:
        return rate, self.epsilon, self.rho, 1 - self.rho

    def update(self, theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
        v, scratch = moments
        rate, epsilon, rho, rest = constants
        np.multiply(gradient, gradient, out=scratch)
        np.multiply(scratch, rest, out=scratch)
        np.multiply(v, rho, out=v)
        np.add(v, scratch, out=v)
        np.sqrt(v, out=scratch)
        np.add(scratch, epsilon, out=scratch)
        np.divide(gradient, scratch, out=gradient)
        np.multiply(gradient, rate, out=gradient)
        np.subtract(theta, gradient, out=theta)


OPTIMIZERS: dict[str, type[Optimizer]] = {cls.name: cls for cls in (SGD, Adam, NAdam, RMSprop)}
"""Every optimizer by its name."""
