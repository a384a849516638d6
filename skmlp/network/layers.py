"""Layer kinds: the shapes of their parameters, and forward and backward side by side.

Layers own no arrays. Parameters and gradients come as views of the flat buffer, and what a layer must
remember between its forward and its backward pass lies in a `Trace`, made once per batch shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from skmlp.network.activations import Activation
from skmlp.network.arrays import (
    Array,
    Block,
    product,
    product_with_transposed,
    transposed_product,
)
from skmlp.network.initializers import Initializer
from skmlp.network.parameters import ParameterSpec


@dataclass(frozen=True)
class Trace:
    """What one layer holds for a block of n rows: made once, overwritten by every pass.

    Attributes
    ----------
    output : array of shape (K, n, q)
        What the layer computed.
    delta : array of shape (K, n, q)
        W dE/d output (the objective divides by W at the end); the layer behind writes it, this layer
        reads it and may overwrite it.
    memo : array
        What forward notes down for backward; empty for a layer that needs nothing of the kind.
    """

    output: Array
    delta: Array
    memo: Array


class Layer(ABC):
    """One link of the chain that a network is."""

    @abstractmethod
    def n_outputs(self, n_inputs: int) -> int:
        """Return the width of the output, given that of the input."""

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        """Return the parameter arrays of the layer in one network."""
        return []

    def initialize(
        self,
        parameters: list[Array],
        random_state: np.random.RandomState,
        initializer: Initializer,
        activation: Activation,
    ) -> None:
        """Write initial values into the ``parameters`` of one network."""

    @abstractmethod
    def trace(self, x: Trace | None, shape: tuple[int, int, int], like: Array) -> Trace:
        """Return room for a block whose input has ``shape`` (K, n, m) and the trace ``x``."""

    @abstractmethod
    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        """Write the layer's output for ``x`` into ``trace``."""

    @abstractmethod
    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        """Write dE/d parameters into ``gradient`` and dE/dx into ``delta`` (None: not wanted).

        dE/d output stands in ``trace.delta``.
        """


@dataclass(frozen=True)
class Dense(Layer):
    """z = x W + b; dE/dW = x' delta, dE/db = sum of delta over rows, dE/dx = delta W'.

    [Bishop 2006, eq. 5.48 to 5.56; docs, eq. (1) and (9) to (11)]
    """

    n_units: int

    def n_outputs(self, n_inputs: int) -> int:
        return self.n_units

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        # The biases are a row, (1, q): they broadcast over the rows of a block as they are.
        return [
            ParameterSpec((n_inputs, self.n_units), penalised=True),
            ParameterSpec((1, self.n_units), penalised=False),
        ]

    def initialize(
        self,
        parameters: list[Array],
        random_state: np.random.RandomState,
        initializer: Initializer,
        activation: Activation,
    ) -> None:
        weights, biases = parameters
        weights[...], biases[...] = initializer.draw(
            random_state, weights.shape[0], weights.shape[1], activation
        )

    def trace(self, x: Trace | None, shape: tuple[int, int, int], like: Array) -> Trace:
        n_networks, n, _ = shape
        output = np.empty_like(like, shape=(n_networks, n, self.n_units))
        return Trace(output, np.empty_like(output), memo=np.empty_like(like, shape=(0,)))

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        weights, biases = parameters
        product(x, weights, out=trace.output)
        np.add(trace.output, biases, out=trace.output)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        weights, _ = parameters
        weights_gradient, biases_gradient = gradient
        transposed_product(x, trace.delta, out=weights_gradient)
        np.add.reduce(trace.delta, axis=-2, keepdims=True, out=biases_gradient)
        if delta is not None:
            product_with_transposed(trace.delta, weights, out=delta)


@dataclass(frozen=True)
class Nonlinearity(Layer):
    """h = f(z) in place of z; dE/dz = dE/dh f'(z) in place of dE/dh."""

    activation: Activation

    def n_outputs(self, n_inputs: int) -> int:
        return n_inputs

    def trace(self, x: Trace | None, shape: tuple[int, int, int], like: Array) -> Trace:
        if x is None:
            raise ValueError("A nonlinearity cannot be the first layer: it overwrites its input.")
        return Trace(x.output, x.delta, np.empty_like(x.output))

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        self.activation.forward(trace.output, trace.memo)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        self.activation.backward(trace.output, trace.delta, trace.memo)
