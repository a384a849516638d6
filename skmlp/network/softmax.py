"""The softmax over the last axis and its logarithm, without arrays larger than the cache."""

from __future__ import annotations

import numpy as np

from skmlp.network.arrays import Array, ones
from skmlp.network.parameters import CACHE_BLOCK


def row_blocks(z: Array) -> list[slice]:
    """Return slices of the rows of scores (K, n, q), so that temporaries of this size fit the cache."""
    if z.size <= CACHE_BLOCK:
        return [slice(None)]
    n_rows = max(1, CACHE_BLOCK * z.shape[-2] // z.size)
    return [slice(start, start + n_rows) for start in range(0, z.shape[-2], n_rows)]


def softmax(z: Array, out: Array) -> None:
    """Write exp(z) over its sum over the last axis into ``out``."""
    np.subtract(z, maximum(z), out=out)
    np.exp(out, out=out)
    np.divide(out, total(out), out=out)


def log_softmax(z: Array, out: Array) -> None:
    """Write the logarithm of the softmax over the last axis into ``out``."""
    np.copyto(out, z)
    to_log_softmax(out, np.empty_like(out))


def to_log_softmax(z: Array, p: Array) -> None:
    """Overwrite raw scores ``z`` by the logarithm of their softmax, and write the softmax into ``p``."""
    np.subtract(z, maximum(z), out=z)
    np.exp(z, out=p)
    sums = total(p)
    np.divide(p, sums, out=p)
    np.subtract(z, np.log(sums), out=z)


def maximum(z: Array) -> Array:
    """Return the largest score of each row, (K, n, 1).

    numpy is quickest where the axis that it reduces over is not the last: two to three times here.
    """
    if z.size <= CACHE_BLOCK or z.shape[-2] == 1:
        return np.asarray(np.maximum.reduce(z.swapaxes(-1, -2).copy(), axis=-2)[..., np.newaxis])
    return np.concatenate([maximum(z[..., rows, :]) for rows in row_blocks(z)], axis=-2)


def total(e: Array) -> Array:
    """Return the sum over the classes of each row, (K, n, 1): as a matrix product it is quickest."""
    return np.asarray(np.matmul(e, ones((e.shape[-1], 1), e.dtype)))
