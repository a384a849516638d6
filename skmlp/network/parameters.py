"""The flat parameter buffer and its views.

``theta`` is one C-contiguous array of shape (K, P). Each row holds first all that is penalised (the
weight matrices), then the rest (biases), so that an optimizer step is a handful of calls on the whole
buffer, the penalty is one slice, and a snapshot is one copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from skmlp.network.arrays import Array

CACHE_BLOCK = 32_768
"""Elements of each array that an elementwise pass over several arrays works on at a time.

Measured: 16k to 64k elements keep five float32 arrays in the second-level cache."""


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter array of a layer: its shape in one network, and whether it is penalised."""

    shape: tuple[int, ...]
    penalised: bool


@dataclass(frozen=True)
class Parameters:
    """A flat buffer (parameters or their gradient) and the views that the layers see.

    Attributes
    ----------
    flat : array of shape (K, P)
    layers : one list per layer of views of shape ``(K, *shape)``
    penalised : list of (row, column) views of shape (K, 1, size) and (K, size, 1)
        One pair per penalised array; row @ column is its squared norm.
    blocks : list of views of shape (k, width)
        All of it in `cache_blocks`.
    """

    flat: Array
    layers: list[list[Array]]
    penalised: list[tuple[Array, Array]]
    blocks: list[Array]


class Layout:
    """Where the parameters of each layer lie in the flat buffer.

    Parameters
    ----------
    specs : one sequence per layer of ParameterSpec
    """

    def __init__(self, specs: Sequence[Sequence[ParameterSpec]]) -> None:
        self.specs = [list(layer) for layer in specs]
        penalised = [spec for layer in self.specs for spec in layer if spec.penalised]
        others = [spec for layer in self.specs for spec in layer if not spec.penalised]
        self.n_penalised = sum(prod(spec.shape) for spec in penalised)
        self.n_parameters = self.n_penalised + sum(prod(spec.shape) for spec in others)

    def view(self, flat: Array) -> Parameters:
        """Return ``flat`` of shape (K, P) together with its views."""
        next_start = {True: 0, False: self.n_penalised}
        layers, penalised = [], []
        for layer in self.specs:
            views = []
            for spec in layer:
                start = next_start[spec.penalised]
                stop = next_start[spec.penalised] = start + prod(spec.shape)
                columns = flat[:, start:stop]
                views.append(columns.reshape(-1, *spec.shape))
                if spec.penalised:
                    penalised.append((columns[:, np.newaxis, :], columns[:, :, np.newaxis]))
            layers.append(views)
        return Parameters(flat, layers, penalised, [flat[block] for block in cache_blocks(*flat.shape)])


def cache_blocks(n_networks: int, n_columns: int) -> list[tuple[slice, slice]]:
    """Cut arrays of shape (K, p) into blocks that fit the cache together: networks, or a part of one.

    Each block is contiguous: where rows have gaps between them, numpy takes two to four times as long.
    """
    most = max(1, CACHE_BLOCK // n_columns)
    n_rows = ceil(n_networks / ceil(n_networks / most))
    return [
        (slice(row, row + n_rows), slice(start, start + CACHE_BLOCK))
        for row in range(0, n_networks, n_rows)
        for start in range(0, n_columns, CACHE_BLOCK)
    ]
