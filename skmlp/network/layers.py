"""Layer kinds: the shapes of their parameters, and forward and backward side by side.

Layers own no arrays. Parameters and gradients come as views of the flat buffer, and what a layer must
remember between its forward and its backward pass lies in a `Trace`, made once per batch shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from skmlp.network.activations import Activation, Identity
from skmlp.network.arrays import (
    Array,
    Block,
    ones,
    product,
    product_with_transposed,
    transposed_product,
)
from skmlp.network.hyperparameters import PerNetwork
from skmlp.network.initializers import Auto, Initializer
from skmlp.network.parameters import ParameterSpec


@dataclass
class Training:
    """What layers that act differently in training need to know; in prediction there is none of it.

    Attributes
    ----------
    streams : sequence of K numpy.random.Generator
        Where each network draws its random numbers from: of a kind with 64 random bits, such as SFC64.
    weights : array of shape (K, n), or None
        The sample weights of the present block; None: all alike.
    """

    streams: Sequence[np.random.Generator] = ()
    weights: Array | None = None

    def shares(self, z: Array) -> Array:
        """Return the share of each row of a block ``z`` (K, n, q) in its weight, shape (K, 1, n)."""
        if self.weights is None:
            n = z.shape[1]
            return np.asarray(ones((1, n), z.dtype) / n)
        total = np.add.reduce(self.weights, axis=-1, keepdims=True)
        return np.asarray(self.weights / np.where(total == 0, 1, total))[:, np.newaxis]


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
    training : Training, or None in prediction
    """

    output: Array
    delta: Array
    memo: Array
    training: Training | None = None


class Layer(ABC):
    """One link of the chain that a network is."""

    def n_outputs(self, n_inputs: int) -> int:
        """Return the width of the output, given that of the input: the same, unless a layer changes it."""
        return n_inputs

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        """Return the parameter arrays of the layer in one network."""
        return []

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        """Write initial values into the ``parameters`` of one network."""

    @abstractmethod
    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
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

    Parameters
    ----------
    n_units : int
    initializer : Initializer, default=Auto()
        Draws weights and biases.
    activation : Activation, default=Identity()
        What follows; the scale of the initial weights may depend on it.
    has_biases : bool, default=True
        Before a layer that centres each unit, biases change nothing.
    """

    n_units: int
    initializer: Initializer = field(default_factory=Auto)
    activation: Activation = field(default_factory=Identity)
    has_biases: bool = True

    def n_outputs(self, n_inputs: int) -> int:
        return self.n_units

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        # The biases are a row, (1, q): they broadcast over the rows of a block as they are.
        biases = [ParameterSpec((1, self.n_units), penalised=False)] if self.has_biases else []
        return [ParameterSpec((n_inputs, self.n_units), penalised=True), *biases]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        fan_in, fan_out = parameters[0].shape
        drawn = self.initializer.draw(random_state, fan_in, fan_out, self.activation)
        for array, values in zip(parameters, drawn, strict=False):
            array[...] = values

    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
        n_networks, n, _ = shape
        output = np.empty_like(like, shape=(n_networks, n, self.n_units))
        return Trace(output, np.empty_like(output), memo=np.empty_like(like, shape=(0,)))

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        weights, *biases = parameters
        product(x, weights, out=trace.output)
        if biases:
            np.add(trace.output, biases[0], out=trace.output)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        weights_gradient, *biases_gradient = gradient
        transposed_product(x, trace.delta, out=weights_gradient)
        if biases_gradient:
            np.add.reduce(trace.delta, axis=-2, keepdims=True, out=biases_gradient[0])
        if delta is not None:
            product_with_transposed(trace.delta, parameters[0], out=delta)


@dataclass(frozen=True)
class Nonlinearity(Layer):
    """h = f(z) in place of z; dE/dz = dE/dh f'(z) in place of dE/dh."""

    activation: Activation

    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
        x = not_first(self, x)
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


@dataclass(frozen=True)
class Dropout(Layer):
    """h' = h r / (1 - rate) with r = 0 at random, else 1; in prediction h' = h.

    [Srivastava et al. 2014, section 4, in its inverted form; docs, eq. (40)]

    Parameters
    ----------
    rate : float in [0, 1)
        The probability that a unit is left out, in steps of 2^-16.
    """

    rate: PerNetwork

    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
        x = not_first(self, x)
        if training is None:
            return x
        # The layer before still needs its own output for its gradient: this one is another array.
        return Trace(np.empty_like(x.output), x.delta, np.empty_like(x.output), training)

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        if trace.training is None:
            return
        thresholds = np.minimum(np.rint(np.multiply(self.rate, 2**16)), 2**16 - 1)
        of_network = np.broadcast_to(thresholds, (len(trace.memo), 1, 1)).ravel().astype(np.uint16)
        for mask, stream, threshold in zip(trace.memo, trace.training.streams, of_network, strict=True):
            # 16 bits are enough for a coin, and quicker to draw than a float.
            coins = stream.bit_generator.random_raw(-(-mask.size // 4)).view(np.uint16)
            np.greater_equal(coins[: mask.size].reshape(mask.shape), threshold, out=mask)
        scale = np.asarray(1 / (1 - thresholds / 2**16), dtype=trace.memo.dtype)
        np.multiply(trace.memo, scale, out=trace.memo)
        np.multiply(cast(Array, x), trace.memo, out=trace.output)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        np.multiply(trace.delta, trace.memo, out=trace.delta)


@dataclass(frozen=True)
class Normalization(Layer):
    """Centres and scales z, then lets training choose a gain and a shift; in place of z.

    z' = gain (z - mean) / sqrt(variance + epsilon) + shift. The memo holds z - mean, and 1 / sqrt(...)
    behind it.

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    """

    epsilon: float = 1e-5

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        return [ParameterSpec((1, n_inputs), penalised=False) for _ in range(2)]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        gain, shift, *_ = parameters
        gain[...], shift[...] = 1, 0


@dataclass(frozen=True)
class BatchNormalization(Normalization):
    """Mean and variance of each unit over the rows of a batch [Ioffe & Szegedy 2015, algorithm 1 and 2].

    Rows count by their sample weight [docs, eq. (41)]. Prediction takes running means of both, which
    follow each batch by ``momentum``; they lie among the parameters, with a gradient of zero, so that
    whoever keeps or restores the parameters has them too.

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    momentum : float in (0, 1], default=0.1
    """

    momentum: float = 0.1

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        return [ParameterSpec((1, n_inputs), penalised=False) for _ in range(4)]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        super().initialize(parameters, random_state)
        _, _, mean, variance = parameters
        mean[...], variance[...] = 0, 1

    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
        x = not_first(self, x)
        n_networks, n, q = x.output.shape
        memo = np.empty_like(like, shape=(n_networks, n + 1, q))
        return Trace(x.output, x.delta, memo, training)

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        gain, shift, mean, variance = parameters
        z, centred, inverse = trace.output, trace.memo[:, :-1], trace.memo[:, -1:]
        if trace.training is not None:
            shares = trace.training.shares(z)
            batch_mean = np.matmul(shares, z)
            np.subtract(z, batch_mean, out=centred)
            np.multiply(centred, centred, out=z)
            batch_variance = np.matmul(shares, z)
            # A single row (others may weigh nothing) does not tell the variance.
            known = np.count_nonzero(shares, axis=-1, keepdims=True) > 1
            step = self.momentum * known.astype(z.dtype)
            np.add(mean, step * (batch_mean - mean), out=mean)
            np.add(variance, step * (batch_variance - variance), out=variance)
        else:
            np.subtract(z, mean, out=centred)
            batch_variance = variance
        np.divide(1, np.sqrt(batch_variance + self.epsilon), out=inverse)
        np.multiply(centred, gain * inverse, out=z)
        np.add(z, shift, out=z)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        if trace.training is None:
            raise ValueError("Only training has a backward pass.")
        gain = parameters[0]
        gain_gradient, shift_gradient, *statistics = gradient
        for running in statistics:
            running[...] = 0
        slope, centred, inverse = trace.delta, trace.memo[:, :-1], trace.memo[:, -1:]
        rows = ones((1, slope.shape[1]), slope.dtype)
        np.matmul(rows, slope, out=shift_gradient)
        np.multiply(slope, centred, out=trace.output)
        np.matmul(rows, trace.output, out=gain_gradient)
        np.multiply(gain_gradient, inverse, out=gain_gradient)
        # Each row also moves the mean and the variance, by its share in the batch.
        through_variance, through_mean = gain_gradient * inverse, shift_gradient
        if trace.training.weights is None:
            through_variance, through_mean = (a / slope.shape[1] for a in (through_variance, through_mean))
        np.multiply(centred, through_variance, out=centred)
        np.add(centred, through_mean, out=centred)
        if trace.training.weights is not None:
            np.multiply(centred, trace.training.shares(slope).swapaxes(-1, -2), out=centred)
        np.subtract(slope, centred, out=slope)
        np.multiply(slope, gain * inverse, out=slope)


@dataclass(frozen=True)
class LayerNormalization(Normalization):
    """Mean and variance of each row over the units of the layer [Ba, Kiros & Hinton 2016, eq. 3].

    Training and prediction are alike [docs, eq. (42)].

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    """

    def trace(
        self,
        x: Trace | None,
        shape: tuple[int, int, int],
        like: Array,
        training: Training | None = None,
    ) -> Trace:
        x = not_first(self, x)
        n_networks, n, q = x.output.shape
        memo = np.empty_like(like, shape=(n_networks, n, q + 1))
        return Trace(x.output, x.delta, memo, training)

    def forward(self, parameters: list[Array], x: Block, trace: Trace) -> None:
        gain, shift = parameters
        z, centred, inverse = trace.output, trace.memo[..., :-1], trace.memo[..., -1:]
        share = ones((z.shape[-1], 1), z.dtype) / z.shape[-1]
        np.subtract(z, np.matmul(z, share), out=centred)
        np.multiply(centred, centred, out=z)
        np.divide(1, np.sqrt(np.matmul(z, share) + self.epsilon), out=inverse)
        np.multiply(centred, inverse, out=z)
        np.multiply(z, gain, out=z)
        np.add(z, shift, out=z)

    def backward(
        self,
        parameters: list[Array],
        gradient: list[Array],
        x: Block,
        trace: Trace,
        delta: Array | None,
    ) -> None:
        gain, _ = parameters
        gain_gradient, shift_gradient = gradient
        slope, normal, inverse = trace.delta, trace.memo[..., :-1], trace.memo[..., -1:]
        rows = ones((1, slope.shape[1]), slope.dtype)
        share = ones((slope.shape[-1], 1), slope.dtype) / slope.shape[-1]
        np.multiply(normal, inverse, out=normal)
        np.matmul(rows, slope, out=shift_gradient)
        np.multiply(slope, normal, out=trace.output)
        np.matmul(rows, trace.output, out=gain_gradient)
        np.multiply(slope, gain, out=slope)
        np.multiply(slope, normal, out=trace.output)
        # Each unit also moves the mean and the variance of its row.
        np.multiply(normal, np.matmul(trace.output, share), out=normal)
        np.add(normal, np.matmul(slope, share), out=normal)
        np.subtract(slope, normal, out=slope)
        np.multiply(slope, inverse, out=slope)


def not_first(layer: Layer, x: Trace | None) -> Trace:
    """Return the trace of the layer before, or raise an error if there is none."""
    if x is None:
        raise ValueError(f"{layer} cannot be the first layer: it works on the output of another.")
    return x


NORMALIZATIONS: dict[str, Normalization] = {
    "batch": BatchNormalization(),
    "layer": LayerNormalization(),
}
"""Every normalization by its name."""
