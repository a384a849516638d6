"""Initial weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.stats import truncnorm

from skmlp.network.activations import Activation
from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import check_field, check_positive


class Initializer(ABC):
    """How the weights and biases of a dense layer are drawn."""

    @abstractmethod
    def draw(
        self, random_state: np.random.RandomState, fan_in: int, fan_out: int, activation: Activation
    ) -> tuple[Array, Array]:
        """Return weights of shape (fan_in, fan_out) and biases of shape (fan_out,) in float64.

        ``activation`` is that of the layer; for the last layer, that of the hidden layer before it.
        """


@dataclass(frozen=True)
class Auto(Initializer):
    """scikit-learn's choice: weights and biases uniform in +-sqrt(factor / (fan_in + fan_out)).

    The factor is 6, and 2 for logistic units [Glorot & Bengio 2010, eq. 16; docs, eq. (16)].
    """

    def draw(
        self, random_state: np.random.RandomState, fan_in: int, fan_out: int, activation: Activation
    ) -> tuple[Array, Array]:
        bound = np.sqrt(activation.glorot_factor / (fan_in + fan_out))
        weights = random_state.uniform(-bound, bound, (fan_in, fan_out))
        return weights, random_state.uniform(-bound, bound, fan_out)


class WithoutBiases(Initializer):
    """An initializer whose biases start at zero."""

    @abstractmethod
    def weights(self, random_state: np.random.RandomState, fan_in: int, fan_out: int) -> Array:
        """Return weights of shape (fan_in, fan_out) in float64."""

    def draw(
        self, random_state: np.random.RandomState, fan_in: int, fan_out: int, activation: Activation
    ) -> tuple[Array, Array]:
        return self.weights(random_state, fan_in, fan_out), np.zeros(fan_out)


@dataclass(frozen=True)
class VarianceScaling(WithoutBiases):
    """Weights of variance ``gain / fan``: signals keep their size from layer to layer [docs, eq. (39)].

    Parameters
    ----------
    gain : float > 0
        1 for units that are linear near zero [LeCun et al. 1998, eq. 16; Glorot & Bengio 2010, eq. 12],
        2 for rectifiers, which cut one half off [He et al. 2015, eq. 10].
    fan : {'in', 'average'}
        Inputs of a unit, or the mean of inputs and outputs of the layer.
    distribution : {'uniform', 'normal'}
    """

    gain: float
    fan: str
    distribution: str

    def __post_init__(self) -> None:
        check_positive(self, "gain")
        check_field(self, "fan", self.fan in ("in", "average"), "'in' or 'average'")
        words = "'uniform' or 'normal'"
        check_field(self, "distribution", self.distribution in ("uniform", "normal"), words)

    def weights(self, random_state: np.random.RandomState, fan_in: int, fan_out: int) -> Array:
        variance = self.gain / (fan_in if self.fan == "in" else (fan_in + fan_out) / 2)
        if self.distribution == "normal":
            return random_state.normal(scale=np.sqrt(variance), size=(fan_in, fan_out))
        bound = np.sqrt(3 * variance)
        return random_state.uniform(-bound, bound, (fan_in, fan_out))


@dataclass(frozen=True)
class TruncatedNormal(WithoutBiases):
    """Normal weights without those beyond two sigma.

    Parameters
    ----------
    scale : float > 0, default=0.05
        Sigma, the standard deviation before the tails are cut; it is 0.88 of that after.
    """

    scale: float = 0.05

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    def weights(self, random_state: np.random.RandomState, fan_in: int, fan_out: int) -> Array:
        draws = truncnorm.rvs(-2, 2, size=(fan_in, fan_out), random_state=random_state)
        return np.asarray(self.scale * draws)


@dataclass(frozen=True)
class Orthogonal(WithoutBiases):
    """A random rotation: orthonormal rows or columns, times ``gain`` [Saxe et al. 2014, section 3].

    Parameters
    ----------
    gain : float > 0, default=1.0
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "gain")

    def weights(self, random_state: np.random.RandomState, fan_in: int, fan_out: int) -> Array:
        long, short = max(fan_in, fan_out), min(fan_in, fan_out)
        q, r = np.linalg.qr(random_state.normal(size=(long, short)))
        q = q * np.sign(np.diag(r))  # without this the rotations are not uniform [Mezzadri 2007]
        return np.asarray(self.gain * (q if fan_in == long else q.T))


INITIALIZERS: dict[str, Initializer] = {
    "auto": Auto(),
    "glorot_uniform": VarianceScaling(1.0, "average", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "average", "normal"),
    "he_uniform": VarianceScaling(2.0, "in", "uniform"),
    "he_normal": VarianceScaling(2.0, "in", "normal"),
    "lecun_uniform": VarianceScaling(1.0, "in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "in", "normal"),
    "truncated_normal": TruncatedNormal(),
    "orthogonal": Orthogonal(),
}
"""Every initializer by its name."""
