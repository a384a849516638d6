"""Initial weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.activations import Activation
from skmlp.network.arrays import Array


@dataclass(frozen=True)
class Initializer(ABC):
    """How the weights and biases of a dense layer are drawn."""

    name: ClassVar[str]

    @abstractmethod
    def draw(
        self,
        random_state: np.random.RandomState,
        fan_in: int,
        fan_out: int,
        activation: Activation,
    ) -> tuple[Array, Array]:
        """Return weights of shape (fan_in, fan_out) and biases of shape (fan_out,) in float64.

        ``activation`` is that of the network's hidden layers.
        """


@dataclass(frozen=True)
class Auto(Initializer):
    """scikit-learn's choice: weights and biases uniform in +-sqrt(factor / (fan_in + fan_out)).

    The factor is 6, and 2 for logistic units [Glorot & Bengio 2010, eq. 16; docs, eq. (16)].
    """

    name: ClassVar[str] = "auto"

    def draw(
        self,
        random_state: np.random.RandomState,
        fan_in: int,
        fan_out: int,
        activation: Activation,
    ) -> tuple[Array, Array]:
        bound = np.sqrt(activation.glorot_factor / (fan_in + fan_out))
        weights = random_state.uniform(-bound, bound, (fan_in, fan_out))
        biases = random_state.uniform(-bound, bound, fan_out)
        return weights, biases


INITIALIZERS: dict[str, Initializer] = {initializer.name: initializer for initializer in (Auto(),)}
"""Every initializer by its name."""
