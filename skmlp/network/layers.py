"""Layer kinds: the shapes of their parameters, and forward and backward side by side.

Layers own no arrays. Parameters and gradients come as views of the flat buffer, and what a layer must
remember between its forward and its backward pass lies in a `Trace`, made once per batch shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias, cast

import numpy as np

from skmlp.network.activations import Activation, Identity
from skmlp.network.arrays import (
    Array,
    Block,
    Dual,
    ones,
    product,
    product_with_transposed,
    transposed_product,
)
from skmlp.network.hyperparameters import PerNetwork, check_field, per_network, within
from skmlp.network.initializers import Auto, Initializer
from skmlp.network.parameters import ParameterSpec

Shape: TypeAlias = tuple[int, int, int]  # (K, n, m) of a block


@dataclass
class Training:
    """What layers need that act differently in training than in prediction.

    Attributes
    ----------
    streams : sequence of K numpy.random.Generator
        Where each network draws its random numbers from. The bit generators must give 64 random bits,
        as SFC64 does.
    weights : array of shape (K, n), or None
        The sample weights of the present block; None weighs all alike.
    dropout_factor : float
        The rates of dropout are multiplied by it at present.
    """

    streams: Sequence[np.random.Generator] = ()
    weights: Array | None = None
    dropout_factor: float = 1.0

    def shares(self, z: Array) -> Array:
        """Return the share of each row of a block ``z`` (K, n, q) in its weight, shape (K, 1, n)."""
        if self.weights is None:
            n = z.shape[1]
            return np.asarray(ones((1, n), z.dtype) / n)
        total = np.add.reduce(self.weights, axis=-1, keepdims=True)
        return np.asarray(self.weights / np.where(total == 0, 1, total))[:, np.newaxis]


@dataclass
class Trace:
    """What one layer reads and writes for a block of n rows: made once, overwritten by every pass.

    Attributes
    ----------
    x : array that broadcasts to (K, n, m), or SparseBlock
        The input: the output of the layer before. For the first layer it is set anew before every pass;
        in prediction it has the shape (n, m) where all networks see the same rows.
    delta_x : array of shape (K, n, m), or None
        Where backward writes W dE/dx, W the weight of the block; None for the first layer, as nothing
        that is trained depends on it.
    output : array of shape (K, n, q)
        What the layer computes.
    delta : array of shape (K, n, q)
        W dE/d output (the objective divides by W at the end). The layer behind writes it, this layer
        reads it and may overwrite it.
    memo : array
        What forward notes down for backward; empty for a layer that needs nothing.
    training : Training, or None in prediction
    first : Trace, or None
        That of the first layer, whose input a layer may see too; None for the first layer itself.
    direct_delta_x : array of shape (K, n, m), or None
        For the first layer: what a later layer that sees its input adds to ``delta_x``.
    """

    x: Block
    delta_x: Array | None
    output: Array
    delta: Array
    memo: Array
    training: Training | None = None
    first: Trace | None = None
    direct_delta_x: Array | None = None


@dataclass
class DualTrace:
    """What one layer is given for a Hessian product: nothing is overwritten.

    Attributes
    ----------
    x : Dual
        The input: the output of the layer before.
    first : Dual
        The input of the first layer.
    training : Training
    """

    x: Dual
    first: Dual
    training: Training


class Layer(ABC):
    """One link of the chain that a network is."""

    in_place: ClassVar[bool] = False
    """Whether output and delta overwrite x and delta_x. Such a layer cannot be the first."""
    draws: ClassVar[bool] = False
    """Whether training draws random numbers from `Training.streams`."""

    def n_outputs(self, n_inputs: int) -> int:
        """Return the width of the output, given that of the input: the same, unless a layer changes it."""
        return n_inputs

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        """Return the arrays of the layer in one network."""
        return []

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        """Write initial values into the ``parameters`` of one network."""

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        """Return the shape of the trace's memo, given that of the input."""
        return (0,)

    def trace(
        self, before: Trace | None, shape: Shape, like: Array, training: Training | None = None
    ) -> Trace:
        """Return room for a block whose input has ``shape`` (K, n, m) and lies in the trace ``before``."""
        if self.in_place and before is None:
            raise ValueError(f"{self} cannot be the first layer: it overwrites the output of another.")
        x, delta_x = (before.output, before.delta) if before else (np.empty_like(like, shape=(0,)), None)
        if self.in_place:
            output, delta = x, cast(Array, delta_x)
        else:
            output = np.empty_like(like, shape=(*shape[:-1], self.n_outputs(shape[-1])))
            delta = np.empty_like(output)
        memo = np.empty_like(like, shape=self.memo_shape(shape))
        first = before and (before.first or before)
        return Trace(x, delta_x, output, delta, memo, training, first)

    @abstractmethod
    def forward(self, parameters: list[Array], trace: Trace) -> None:
        """Write the layer's output for ``trace.x`` into ``trace.output``."""

    @abstractmethod
    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        """Write dE/d parameters into ``gradient`` and dE/dx into ``trace.delta_x``, unless it is None.

        dE/d output stands in ``trace.delta``.
        """

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        """Return the output and its R{.}, as `forward` computes the output in training."""
        raise NotImplementedError(f"{type(self).__name__} has no forward_dual.")

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        """Write R{dE/d parameters} into ``gradient``; return dE/dx and its R{.}, given ``delta``."""
        raise NotImplementedError(f"{type(self).__name__} has no backward_dual.")


@dataclass(frozen=True)
class Dense(Layer):
    """z = x W + b; dE/dW = x' delta, dE/db = sum of delta over rows, dE/dx = delta W'.

    [Bishop 2006, eq. 5.48 to 5.56; docs, eq. (1) and (9) to (11)] R{.} of these sums of products follows
    the product rule [docs, eq. (68) and (70)].

    Parameters
    ----------
    n_units : int
    initializer : Initializer, default=Auto()
        Draws weights and biases.
    activation : Activation, default=Identity()
        What follows; the scale of the initial weights may depend on it.
    has_biases : bool, default=True
        Before a layer that centers each unit, biases change nothing.
    """

    n_units: int
    initializer: Initializer = field(default_factory=Auto)
    activation: Activation = field(default_factory=Identity)
    has_biases: bool = True

    def n_outputs(self, n_inputs: int) -> int:
        return self.n_units

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        constant = None if self.has_biases else 0.0
        return [
            ParameterSpec("weights", (n_inputs, self.n_units), "coefs_", penalized=True),
            ParameterSpec("biases", (self.n_units,), "intercepts_", constant=constant),
        ]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        fan_in, fan_out = parameters[0].shape
        drawn = self.initializer.draw(random_state, fan_in, fan_out, self.activation)
        for array, values in zip(parameters, drawn, strict=False):
            array[...] = values

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        weights, *biases = parameters
        product(trace.x, weights, out=trace.output)
        if biases:
            np.add(trace.output, biases[0], out=trace.output)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        weights_gradient, *biases_gradient = gradient
        transposed_product(trace.x, trace.delta, out=weights_gradient)
        if biases_gradient:
            np.add.reduce(trace.delta, axis=-2, keepdims=True, out=biases_gradient[0])
        if trace.delta_x is not None:
            product_with_transposed(trace.delta, parameters[0], out=trace.delta_x)

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        weights, *biases = parameters
        x = trace.x
        z, z_tangent = x.value @ weights.value, x.value @ weights.tangent + x.tangent @ weights.value
        if biases:
            z, z_tangent = z + biases[0].value, z_tangent + biases[0].tangent
        return Dual(z, z_tangent)

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        weights, x = (
            Dual(*(array.swapaxes(-1, -2) for array in dual)) for dual in (parameters[0], trace.x)
        )
        gradient[0][...] = x.value @ delta.tangent + x.tangent @ delta.value
        if len(gradient) > 1:
            np.add.reduce(delta.tangent, axis=-2, keepdims=True, out=gradient[1])
        tangent = delta.tangent @ weights.value + delta.value @ weights.tangent
        return Dual(delta.value @ weights.value, tangent)


@dataclass(frozen=True)
class Nonlinearity(Layer):
    """h = f(z) in place of z; dE/dz = dE/dh f'(z) in place of dE/dh.

    R{h} = f'(z) R{z}; R{dE/dz} = f'(z) R{dE/dh} + f''(z) R{z} dE/dh [Bishop 2006, eq. 5.102 and 5.107;
    docs, eq. (69) and (71)].
    """

    in_place: ClassVar[bool] = True
    activation: Activation

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        n_memos = self.activation.n_memos
        return shape if n_memos == 1 else (n_memos, *shape)

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        self.activation.forward(trace.output, trace.memo)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        self.activation.backward(trace.output, trace.delta, trace.memo)

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        h, slope = self._value_and_slope(trace.x.value)
        return Dual(h, slope * trace.x.tangent)

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        z, slope = trace.x, self._value_and_slope(trace.x.value)[1]
        curved = self.activation.curvature(z.value) * z.tangent * delta.value
        return Dual(slope * delta.value, slope * delta.tangent + curved)

    def _value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """Return f(z) and f'(z)."""
        h, slope = z.copy(), np.ones_like(z)
        memo = np.empty_like(z, shape=self.memo_shape(cast(Shape, z.shape)))
        self.activation.forward(h, memo)
        self.activation.backward(h, slope, memo)
        return h, slope


@dataclass(frozen=True)
class Dropout(Layer):
    """h' = h r / (1 - rate) with r = 0 at random, else 1; in prediction h' = h.

    [Srivastava et al. 2014, section 4, in its inverted form; docs, eq. (40)]

    Parameters
    ----------
    rate : float in [0, 1)
        The probability that a unit is left out, in steps of 2^-16.
    """

    in_place: ClassVar[bool] = True
    draws: ClassVar[bool] = True
    rate: PerNetwork = per_network()

    def __post_init__(self) -> None:
        check_field(self, "rate", within(self.rate, 0, 1), "in [0, 1)")

    @property
    def thresholds(self) -> PerNetwork:
        """The number of 16 random bits below which a unit is left out."""
        return np.minimum(np.rint(np.multiply(self.rate, 2**16)), 2**16 - 1)

    @property
    def scale(self) -> PerNetwork:
        """What the other units are multiplied by."""
        return 1 / (1 - self.thresholds / 2**16)

    def times(self, factor: float) -> Dropout:
        """Return the layer whose rate is multiplied by ``factor``."""
        return self if factor == 1 else replace(self, rate=np.multiply(self.rate, factor))

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        return shape

    def trace(
        self, before: Trace | None, shape: Shape, like: Array, training: Training | None = None
    ) -> Trace:
        trace = super().trace(before, shape, like, training)
        # The layer before still needs its own output for its gradient: this one is another array.
        return trace if training is None else replace(trace, output=np.empty_like(trace.output))

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        if trace.training is None:
            return
        now = self.times(trace.training.dropout_factor)
        thresholds, scale = now.thresholds, np.asarray(now.scale, dtype=trace.memo.dtype)
        of_network = np.full(len(trace.memo), np.ravel(thresholds), dtype=np.uint16)
        for mask, stream, threshold in zip(trace.memo, trace.training.streams, of_network, strict=True):
            # 16 bits are enough for a coin, and quicker to draw than a float.
            coins = stream.bit_generator.random_raw(-(-mask.size // 4)).view(np.uint16)
            np.greater_equal(coins[: mask.size].reshape(mask.shape), threshold, out=mask)
        np.multiply(trace.memo, scale, out=trace.memo)
        np.multiply(cast(Array, trace.x), trace.memo, out=trace.output)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        if trace.training is not None:
            np.multiply(trace.delta, trace.memo, out=trace.delta)

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        return trace.x

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        return delta


@dataclass(frozen=True)
class Skip(Layer):
    """z = h + x W, with the network's inputs x: a linear path past all layers [docs, eq. (73)].

    dE/dh = delta, dE/dW = x' delta; what it adds to dE/dx is delta W'. The direct weights W start at zero.

    Parameters
    ----------
    n_inputs : int
        Of the network.
    """

    in_place: ClassVar[bool] = True
    n_inputs: int

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        return [ParameterSpec("weights", (self.n_inputs, n_inputs), "skip_coefs_", penalized=True)]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        parameters[0][...] = 0

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        return shape

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        product(cast(Trace, trace.first).x, parameters[0], out=trace.memo)
        np.add(trace.output, trace.memo, out=trace.output)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        first = cast(Trace, trace.first)
        transposed_product(first.x, trace.delta, out=gradient[0])
        if first.delta_x is not None:
            first.direct_delta_x = np.matmul(trace.delta, parameters[0].swapaxes(-1, -2))

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        x, weights = trace.first.value, parameters[0]
        return Dual(trace.x.value + x @ weights.value, trace.x.tangent + x @ weights.tangent)

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        gradient[0][...] = trace.first.value.swapaxes(-1, -2) @ delta.tangent
        return delta
