"""The flat parameter buffer and its views.

``theta`` is one C-contiguous array of shape (K, P). Each row holds first all that is penalized (the
weight matrices), then the rest (biases), so that an optimizer step is a handful of calls on the whole
buffer, the penalty is one slice, and a snapshot is one copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

import numpy as np

from skmlp.network.arrays import Array

CACHE_BLOCK = 32_768
"""Elements of each array that an elementwise pass over several arrays works on at a time.

Measured: 16k to 64k elements keep five float32 arrays in the second-level cache."""


@dataclass(frozen=True)
class ParameterSpec:
    """One array of a layer: what it is, and where a fitted estimator shows it.

    Parameters
    ----------
    name : str
        Such as "weights" or "biases".
    shape : tuple of int
        Its shape in one network. The layer sees a vector (q,) as a row (1, q), which broadcasts over the
        rows of a block as it is.
    attribute : str
        The fitted attribute that shows it. Arrays of one layer under one attribute are shown as a list.
    penalized : bool, default=False
        Whether the L2 penalty counts it.
    constant : float, default=None
        The value of all elements of an array that is shown, but neither stored nor learned.
    learned : bool, default=True
        Whether it follows a gradient. Running statistics do not.
    rate_factor : float, default=1.0
        What the learning rate is multiplied by for this array: each step of it is so much longer.
    decay_factor : float, default=1.0
        What the weight decay is multiplied by, if it is penalized.
    """

    name: str
    shape: tuple[int, ...]
    attribute: str
    penalized: bool = False
    constant: float | None = None
    learned: bool = True
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    @property
    def shape_in_layer(self) -> tuple[int, ...]:
        """The shape in which the layer sees the array of one network."""
        return (1, *self.shape) if len(self.shape) == 1 else self.shape


@dataclass(frozen=True)
class Parameters:
    """A flat buffer (parameters or their gradient) and the views that the layers see.

    Attributes
    ----------
    flat : array of shape (K, P)
    layers : one list per layer of views of shape (K, 1, q) of vectors, ``(K, *shape)`` of others
        In the order of the layer's specs; constants have none.
    penalized : list of (row, column) views of shape (K, 1, size) and (K, size, 1)
        One pair per penalized array; row @ column is its squared norm.
    blocks : list of views of shape (k, width)
        All of it in `cache_blocks`.
    """

    flat: Array
    layers: list[list[Array]]
    penalized: list[tuple[Array, Array]]
    blocks: list[Array]


class Layout:
    """Where the parameters of each layer lie in the flat buffer.

    Parameters
    ----------
    specs : one sequence per layer of ParameterSpec
    """

    def __init__(self, specs: Sequence[Sequence[ParameterSpec]]) -> None:
        self.specs = [list(layer) for layer in specs]
        stored = [[spec for spec in layer if spec.constant is None] for layer in self.specs]
        self.penalized_sizes = [prod(spec.shape) for layer in stored for spec in layer if spec.penalized]
        self.n_penalized = sum(self.penalized_sizes)
        next_start = {True: 0, False: self.n_penalized}
        self._places: list[list[tuple[slice, tuple[int, ...], bool]]] = []
        for layer in stored:
            places = []
            for spec in layer:
                start = next_start[spec.penalized]
                stop = next_start[spec.penalized] = start + prod(spec.shape)
                places.append((slice(start, stop), spec.shape_in_layer, spec.penalized))
            self._places.append(places)
        self.n_parameters = next_start[False]

    def factors(self) -> tuple[Array, Array] | None:
        """Return the factors on each step (P,) and on weight decay (n_penalized,); None if all are 1."""
        specs = [spec for layer in self.specs for spec in layer if spec.constant is None]
        specs = [spec for first in (True, False) for spec in specs if spec.penalized is first]
        if all(spec.rate_factor == spec.decay_factor == 1 for spec in specs):
            return None
        sizes = [prod(spec.shape) for spec in specs]
        rates = np.repeat([spec.rate_factor for spec in specs], sizes)
        decays = np.repeat([spec.decay_factor for spec in specs], sizes)
        return rates, (rates * decays)[: self.n_penalized]

    def starts(self, layer: int) -> list[int]:
        """Return where the arrays that are stored of a layer begin in a row of the buffer."""
        return [columns.start for columns, _, _ in self._places[layer]]

    def view(self, flat: Array) -> Parameters:
        """Return ``flat`` of shape (K, P) together with its views."""
        layers = [
            [flat[:, columns].reshape(-1, *shape) for columns, shape, _ in places]
            for places in self._places
        ]
        penalized = [
            (flat[:, np.newaxis, columns], flat[:, columns, np.newaxis])
            for places in self._places
            for columns, _, is_penalized in places
            if is_penalized
        ]
        return Parameters(flat, layers, penalized, [flat[block] for block in cache_blocks(*flat.shape)])


@lru_cache(maxsize=64)
def cache_blocks(n_networks: int, n_columns: int) -> list[tuple[slice, slice]]:
    """Cut arrays of shape (K, p) into blocks that fit the cache together: networks, or a part of one.

    Each block is contiguous: where rows have gaps between them, numpy takes two to four times as long.
    """
    most = max(1, CACHE_BLOCK // n_columns)
    n_rows = ceil(n_networks / ceil(n_networks / most))
    return [
        (slice(row, min(row + n_rows, n_networks)), slice(start, min(start + CACHE_BLOCK, n_columns)))
        for row in range(0, n_networks, n_rows)
        for start in range(0, n_columns, CACHE_BLOCK)
    ]
