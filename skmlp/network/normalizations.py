"""Normalizations: layers that center and scale what they are given."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.arrays import Array, Dual, ones
from skmlp.network.hyperparameters import check_field, check_positive
from skmlp.network.layers import DualTrace, Layer, Shape, Trace, Training
from skmlp.network.parameters import ParameterSpec

ATTRIBUTE = "normalization_parameters_"
"""The fitted attribute that shows their arrays."""


@dataclass(frozen=True)
class Normalization(Layer):
    """z' = gain (z - mean) / sqrt(variance + epsilon) + shift, in place of z.

    Gain and shift are learned. The memo holds z - mean, and 1 / sqrt(...) behind it.

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    """

    in_place: ClassVar[bool] = True
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_positive(self, "epsilon")

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        return [ParameterSpec(name, (n_inputs,), ATTRIBUTE) for name in ("gain", "shift")]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        gain, shift, *_ = parameters
        gain[...], shift[...] = 1, 0

    @abstractmethod
    def mean(self, z: Array, training: Training) -> Array:
        """Return the mean over what is normalized, in training."""

    def mean_slopes(self, slope: Array, training: Training) -> Array:
        """Return dE/dz, if E has the slopes dE/d `mean`: the transpose of `mean`."""
        return self.mean(slope, training)

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        normal, _ = self._normal(trace)
        gain, shift, *_ = parameters
        tangent = gain.tangent * normal.value + gain.value * normal.tangent + shift.tangent
        return Dual(gain.value * normal.value + shift.value, tangent)

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        """Apply the product rule to (d - M d - normal M(d normal)) / s, d = delta gain [docs, eq. (72)]."""

        def mean(slope: Array) -> Array:
            return self.mean_slopes(slope, trace.training)

        normal, inverse = self._normal(trace)
        gain = parameters[0]
        of_gain = delta.tangent * normal.value + delta.value * normal.tangent
        np.add.reduce(of_gain, axis=-2, keepdims=True, out=gradient[0])
        np.add.reduce(delta.tangent, axis=-2, keepdims=True, out=gradient[1])
        for statistic in gradient[2:]:
            statistic[...] = 0
        d = Dual(delta.value * gain.value, delta.tangent * gain.value + delta.value * gain.tangent)
        along = Dual(
            mean(d.value * normal.value), mean(d.tangent * normal.value + d.value * normal.tangent)
        )
        rest = d.value - mean(d.value) - normal.value * along.value
        rest_tangent = d.tangent - mean(d.tangent) - normal.tangent * along.value
        rest_tangent = rest_tangent - normal.value * along.tangent
        return Dual(rest * inverse.value, rest_tangent * inverse.value + rest * inverse.tangent)

    def _normal(self, trace: DualTrace) -> tuple[Dual, Dual]:
        """Return (z - mean) / s and 1 / s, s = sqrt(variance + epsilon)."""
        centered, tangent = (z - self.mean(z, trace.training) for z in trace.x)
        variance = self.mean(centered * centered, trace.training)
        inverse = 1 / np.sqrt(variance + self.epsilon)
        inverse_tangent = -(inverse**3) * self.mean(centered * tangent, trace.training)
        normal_tangent = tangent * inverse + centered * inverse_tangent
        return Dual(centered * inverse, normal_tangent), Dual(inverse, inverse_tangent)


@dataclass(frozen=True)
class BatchNormalization(Normalization):
    """Zero mean and unit variance of each unit over the rows of a batch.

    [Ioffe & Szegedy 2015, algorithm 1 and 2] Rows count by their sample weight [docs, eq. (41)].
    Prediction uses running means of mean and variance, which follow each batch by ``momentum``. They lie
    among the parameters, with a gradient of zero: whoever keeps or restores the parameters has them too.

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    momentum : float in (0, 1], default=0.1
    """

    momentum: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self, "momentum", 0 < self.momentum <= 1, "in (0, 1]")

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        statistics = ("running mean", "running variance")
        running = [ParameterSpec(name, (n_inputs,), ATTRIBUTE, learned=False) for name in statistics]
        return [*super().specs(n_inputs), *running]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        super().initialize(parameters, random_state)
        _, _, mean, variance = parameters
        mean[...], variance[...] = 0, 1

    def mean(self, z: Array, training: Training) -> Array:
        return np.asarray(np.matmul(training.shares(z), z))

    def mean_slopes(self, slope: Array, training: Training) -> Array:
        total = np.add.reduce(slope, axis=-2, keepdims=True)
        return np.asarray(training.shares(slope).swapaxes(-1, -2) * total)

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        n_networks, n, q = shape
        return n_networks, n + 1, q

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        gain, shift, mean, variance = parameters
        z, centered, inverse = trace.output, trace.memo[:, :-1], trace.memo[:, -1:]
        if trace.training is not None:
            shares = trace.training.shares(z)
            batch_mean = np.matmul(shares, z)
            np.subtract(z, batch_mean, out=centered)
            np.multiply(centered, centered, out=z)
            batch_variance = np.matmul(shares, z)
            # A single row (others may weigh nothing) does not tell the variance.
            known = np.count_nonzero(shares, axis=-1, keepdims=True) > 1
            step = self.momentum * known.astype(z.dtype)
            np.add(mean, step * (batch_mean - mean), out=mean)
            np.add(variance, step * (batch_variance - variance), out=variance)
        else:
            np.subtract(z, mean, out=centered)
            batch_variance = variance
        np.divide(1, np.sqrt(batch_variance + self.epsilon), out=inverse)
        np.multiply(centered, gain * inverse, out=z)
        np.add(z, shift, out=z)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        gain = parameters[0]
        gain_gradient, shift_gradient, *statistics = gradient
        for running in statistics:
            running[...] = 0
        slope, centered, inverse = trace.delta, trace.memo[:, :-1], trace.memo[:, -1:]
        rows = ones((1, slope.shape[1]), slope.dtype)
        np.matmul(rows, slope, out=shift_gradient)
        np.multiply(slope, centered, out=trace.output)
        np.matmul(rows, trace.output, out=gain_gradient)
        np.multiply(gain_gradient, inverse, out=gain_gradient)
        if trace.training is None:  # the running statistics are constants
            np.multiply(slope, gain * inverse, out=slope)
            return
        # Each row also moves the mean and the variance, by its share in the batch.
        through_variance, through_mean = gain_gradient * inverse, shift_gradient
        if trace.training.weights is None:
            through_variance, through_mean = (a / slope.shape[1] for a in (through_variance, through_mean))
        np.multiply(centered, through_variance, out=centered)
        np.add(centered, through_mean, out=centered)
        if trace.training.weights is not None:
            np.multiply(centered, trace.training.shares(slope).swapaxes(-1, -2), out=centered)
        np.subtract(slope, centered, out=slope)
        np.multiply(slope, gain * inverse, out=slope)


@dataclass(frozen=True)
class LayerNormalization(Normalization):
    """Zero mean and unit variance of each row over the units of the layer [Ba, Kiros & Hinton 2016, eq. 3].

    Training and prediction are alike [docs, eq. (42)].

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
    """

    def mean(self, z: Array, training: Training) -> Array:
        return np.asarray(np.mean(z, axis=-1, keepdims=True))

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        n_networks, n, q = shape
        return n_networks, n, q + 1

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        gain, shift = parameters
        z, centered, inverse = trace.output, trace.memo[..., :-1], trace.memo[..., -1:]
        share = ones((z.shape[-1], 1), z.dtype) / z.shape[-1]
        np.subtract(z, np.matmul(z, share), out=centered)
        np.multiply(centered, centered, out=z)
        np.divide(1, np.sqrt(np.matmul(z, share) + self.epsilon), out=inverse)
        np.multiply(centered, inverse, out=z)
        np.multiply(z, gain, out=z)
        np.add(z, shift, out=z)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
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


NORMALIZATIONS: dict[str, Normalization] = {"batch": BatchNormalization(), "layer": LayerNormalization()}
"""Every normalization by its name."""
