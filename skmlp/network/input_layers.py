"""Layers at the input: what a network learns of each feature before the first dense layer.

Their arrays can have learning rates and a weight decay of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi
from typing import Any, cast

import numpy as np

from skmlp.network.arrays import Array, Dual
from skmlp.network.hyperparameters import check_field, check_positive, within
from skmlp.network.layers import DualTrace, Layer, Shape, Trace
from skmlp.network.parameters import ParameterSpec

ATTRIBUTE = "input_parameters_"
"""The fitted attribute that shows their arrays."""


@dataclass(frozen=True)
class InputLayer(Layer):
    """A layer that can be the first.

    Parameters
    ----------
    rate_factor : float >= 0, default=1.0
        What the learning rate is multiplied by for the arrays of this layer.
    decay_factor : float >= 0, default=1.0
        What ``weight_decay`` is multiplied by for those that decay.
    """

    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rate_factor", "decay_factor"):
            is_factor = within(getattr(self, name), 0, np.inf)
            check_field(self, name, is_factor, "at least 0, and finite")

    def spec(self, name: str, *shape: int, penalized: bool = False) -> ParameterSpec:
        """Return an array with the factors of this layer."""
        return ParameterSpec(
            name,
            shape,
            ATTRIBUTE,
            penalized=penalized,
            rate_factor=self.rate_factor,
            decay_factor=self.decay_factor,
        )


@dataclass(frozen=True)
class Scaling(InputLayer):
    """h = s x, with a factor s for each feature, 1 in the beginning.

    [Holzmueller, Grinsztajn & Steinwart 2024, section 3; docs, eq. (83)] dE/ds = sum of delta x over rows,
    dE/dx = s delta. A feature without use can be switched off by one number.

    Parameters
    ----------
    rate_factor : float >= 0, default=6.0
        What the learning rate is multiplied by.
    decay_factor : float >= 0, default=1.0
        What ``weight_decay`` is multiplied by.
    """

    rate_factor: float = 6.0

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        return [self.spec("factors", n_inputs, penalized=True)]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        parameters[0][...] = 1

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        np.multiply(cast(Array, trace.x), parameters[0], out=trace.output)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        np.add.reduce(cast(Array, trace.x) * trace.delta, axis=-2, keepdims=True, out=gradient[0])
        if trace.delta_x is not None:
            np.multiply(trace.delta, parameters[0], out=trace.delta_x)

    def forward_dual(self, parameters: list[Dual], trace: DualTrace) -> Dual:
        return trace.x.times(parameters[0])

    def backward_dual(
        self, parameters: list[Dual], gradient: list[Array], trace: DualTrace, delta: Dual
    ) -> Dual:
        np.add.reduce(delta.times(trace.x).tangent, axis=-2, keepdims=True, out=gradient[0])
        return delta.times(parameters[0])


@dataclass(frozen=True)
class PeriodicEmbedding(InputLayer):
    """h = (x, W cos(2 pi (f x) + b) + c) of each feature x: numbers that steps and waves are made of.

    The embedding "PBLD" of [Holzmueller, Grinsztajn & Steinwart 2024, appendix A; docs, eq. (84)], after
    [Gorishniy, Rubachev & Babenko 2022]. Frequencies f, phases b, weights W and biases c are learned, for
    each feature by itself. First come all features as they are, then ``n_units`` numbers for each.

    Parameters
    ----------
    n_frequencies : int >= 1, default=16
    n_units : int >= 1, default=3
        Numbers for each feature beside itself.
    sigma : float > 0, default=0.1
        The standard deviation of the initial frequencies: for features of about unit variance.
    rate_factor : float >= 0, default=0.1
        What the learning rate is multiplied by.
    decay_factor : float >= 0, default=1.0
        What ``weight_decay`` is multiplied by, for frequencies and weights.
    """

    rate_factor: float = 0.1
    n_frequencies: int = 16
    n_units: int = 3
    sigma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_frequencies", "n_units"):
            check_count(self, name)
        check_positive(self, "sigma")

    def n_outputs(self, n_inputs: int) -> int:
        return n_inputs * (1 + self.n_units)

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        n, q = self.n_frequencies, self.n_units
        return [
            self.spec("frequencies", n_inputs, n, penalized=True),
            self.spec("phases", n_inputs, n),
            self.spec("weights", n_inputs, n, q, penalized=True),
            self.spec("biases", n_inputs, q),
        ]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        frequencies, phases, weights, biases = parameters
        frequencies[...] = random_state.normal(0, self.sigma, frequencies.shape)
        phases[...] = random_state.uniform(-pi, pi, phases.shape)
        bound = 1 / np.sqrt(self.n_frequencies)
        weights[...] = random_state.uniform(-bound, bound, weights.shape)
        biases[...] = random_state.uniform(-bound, bound, biases.shape)

    def memo_shape(self, shape: Shape) -> tuple[int, ...]:
        n_networks, n_rows, n_inputs = shape
        return n_networks, n_inputs, n_rows, self.n_frequencies

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        frequencies, phases, weights, biases = parameters
        x, angles = by_feature(cast(Array, trace.x)), trace.memo
        np.multiply(2 * pi * x, frequencies[:, :, np.newaxis], out=angles)
        np.add(angles, phases[:, :, np.newaxis], out=angles)
        plain, embedded = self._parts(trace.output)
        plain[...] = trace.x
        embedded[...] = (np.cos(angles) @ weights + biases[:, :, np.newaxis]).swapaxes(1, 2)

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        frequencies, _, weights, _ = parameters
        of_frequencies, of_phases, of_weights, of_biases = gradient
        plain, embedded = self._parts(trace.delta)
        x, angles, delta = by_feature(cast(Array, trace.x)), trace.memo, embedded.swapaxes(1, 2)
        np.add.reduce(delta, axis=2, out=of_biases)
        np.matmul(np.cos(angles).swapaxes(-1, -2), delta, out=of_weights)
        of_angles = -np.sin(angles) * (delta @ weights.swapaxes(-1, -2))
        np.add.reduce(of_angles, axis=2, out=of_phases)
        np.add.reduce(2 * pi * x * of_angles, axis=2, out=of_frequencies)
        if trace.delta_x is not None:
            of_x = 2 * pi * (of_angles * frequencies[:, :, np.newaxis]).sum(axis=-1)
            np.add(plain, of_x.swapaxes(1, 2), out=trace.delta_x)

    def _parts(self, output: Array) -> tuple[Array, Array]:
        """Return views of the features, (K, n, m), and of their embeddings, (K, n, m, n_units)."""
        n_inputs = output.shape[-1] // (1 + self.n_units)
        embedded = output[..., n_inputs:].reshape(*output.shape[:-1], n_inputs, self.n_units)
        return output[..., :n_inputs], embedded


@dataclass(frozen=True)
class Embedding(InputLayer):
    """A row of a learned table for each code of a category, in place of an indicator for each.

    [Guo & Berkhahn 2016; docs, eq. (85)] Some columns of X hold codes 0, 1, ...: h has the other columns as
    they are, and behind them the row of each code. Other codes than those of the table have zeros. The
    gradient of a row is the sum of delta over the samples that have its code.

    Parameters
    ----------
    n_levels : dict of int to int
        From the columns that hold codes to how many there are.
    n_units : int >= 1, default=8
        The length of a row.
    rate_factor, decay_factor : float >= 0, default=1.0
        What the learning rate and ``weight_decay`` are multiplied by.
    """

    n_levels: Any = ()
    n_units: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.n_levels
        pairs = tuple(sorted((given if isinstance(given, Mapping) else dict(given)).items()))
        is_valid = bool(pairs) and all(is_count(n) and is_count(column + 1) for column, n in pairs)
        check_field(self, "n_levels", is_valid, "a dict from columns to numbers of codes")
        check_count(self, "n_units")
        object.__setattr__(self, "n_levels", pairs)  # has a hash

    def n_outputs(self, n_inputs: int) -> int:
        n_columns = len(self.n_levels)
        return n_inputs + n_columns * (self.n_units - 1)

    def specs(self, n_inputs: int) -> list[ParameterSpec]:
        wrong = [column for column, _ in self.n_levels if column >= n_inputs]
        if wrong:
            raise ValueError(f"{self} is for columns {wrong}, and there are {n_inputs}, counted from 0.")
        return [
            self.spec(f"table of column {j}", n, self.n_units, penalized=True) for j, n in self.n_levels
        ]

    def initialize(self, parameters: list[Array], random_state: np.random.RandomState) -> None:
        for table in parameters:
            table[...] = random_state.normal(size=table.shape)

    def forward(self, parameters: list[Array], trace: Trace) -> None:
        x = cast(Array, trace.x)
        numbers, embedded = self._parts(trace.output)
        numbers[...] = x[..., self.others(x.shape[-1])]
        for i, table in enumerate(parameters):
            rows, is_known = self._rows(x, i, embedded.shape[:2])
            found = np.take_along_axis(table, rows[..., np.newaxis], axis=1)
            np.multiply(found, is_known, out=embedded[:, :, i])

    def backward(self, parameters: list[Array], gradient: list[Array], trace: Trace) -> None:
        x = cast(Array, trace.x)
        numbers, embedded = self._parts(trace.delta)
        for i, table in enumerate(gradient):
            rows, is_known = self._rows(x, i, embedded.shape[:2])
            first = np.arange(len(table))[:, np.newaxis] * table.shape[1] + rows
            places = first[..., np.newaxis] * self.n_units + np.arange(self.n_units)
            sums = np.bincount(places.ravel(), (embedded[:, :, i] * is_known).ravel(), table.size)
            table[...] = sums.reshape(table.shape)
        if trace.delta_x is not None:
            trace.delta_x[...] = 0
            trace.delta_x[..., self.others(x.shape[-1])] = numbers

    def others(self, n_inputs: int) -> Array:
        """Return the columns that hold no codes."""
        return np.setdiff1d(np.arange(n_inputs), [column for column, _ in self.n_levels])

    def _rows(self, x: Array, i: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """Return the row of each code (K, n) of a column, and whether there is one, (K, n, 1)."""
        column, n_levels = self.n_levels[i]
        codes = np.broadcast_to(x[..., column], shape)
        is_known = (codes >= 0) & (codes < n_levels)
        return np.where(is_known, codes, 0).astype(int), is_known[..., np.newaxis]

    def _parts(self, output: Array) -> tuple[Array, Array]:
        """Return views of the other columns, and of the row of each code, (K, n, C, n_units)."""
        n_columns = len(self.n_levels)
        start = output.shape[-1] - n_columns * self.n_units
        embedded = output[..., start:].reshape(*output.shape[:-1], n_columns, self.n_units)
        return output[..., :start], embedded


def by_feature(x: Array) -> Array:
    """Return ``x`` (..., n, m) as (K, m, n, 1), with K = 1 where all networks see the same rows."""
    x = x if x.ndim == 3 else x[np.newaxis]
    return x.swapaxes(-1, -2)[..., np.newaxis]


def is_count(value: Any) -> bool:
    """Return whether ``value`` is an integer of at least 1."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def check_count(layer: InputLayer, name: str) -> None:
    """Raise an error unless a field is an integer of at least 1."""
    check_field(layer, name, is_count(getattr(layer, name)), "a positive integer")


INPUT_LAYERS: dict[str, InputLayer] = {"scaling": Scaling(), "periodic": PeriodicEmbedding()}
"""Those that have a name; `Embedding` needs to know the columns."""
