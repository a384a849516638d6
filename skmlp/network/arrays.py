"""The names of array types, and the products that also take sparse blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""A dense array of any shape and dtype."""


class Dual(NamedTuple):
    """An array and R{array}, its derivative along a direction of the parameters [Pearlmutter 1994].

    Attributes
    ----------
    value, tangent : arrays
        Where several directions belong to one network, only the tangents have the axis K > 1.
    """

    value: Array
    tangent: Array

    def times(self, other: Dual) -> Dual:
        """Return the product, by the product rule."""
        return Dual(self.value * other.value, self.value * other.tangent + self.tangent * other.value)


class CenteredRows(LinearOperator):
    """Sparse rows minus the same ``center`` in each: known by its products, and never made dense.

    (X - 1 c') W = X W - 1 (c' W), as if -c' W were in the biases, and (X - 1 c')' D = X' D - c (1' D).

    Parameters
    ----------
    rows : sparse matrix or array of shape (n, m)
    center : array of shape (m,)
    """

    def __init__(self, rows: Any, center: Array) -> None:
        super().__init__(rows.dtype, rows.shape)
        self.rows, self.center = rows, center.astype(rows.dtype, copy=False)

    def __getitem__(self, index: Any) -> CenteredRows:
        """Return some of the rows."""
        return CenteredRows(self.rows[index], self.center)

    def toarray(self) -> Array:
        """Return the rows as an array, for a solver that needs them one by one."""
        return np.asarray(self.rows.toarray() - self.center)

    def _matmat(self, weights: Array) -> Array:
        return np.asarray(self.rows @ weights - self.center @ weights)

    def _rmatvec(self, delta: Array) -> Array:
        return self._rmatmat(delta.reshape(-1, 1))

    def _rmatmat(self, delta: Array) -> Array:
        return np.asarray(self.rows.T @ delta - np.outer(self.center, delta.sum(axis=0)))


@dataclass
class SparseBlock:
    """A block of sparse rows for each of K networks: what a (K, n, m) array is for dense rows.

    Parameters
    ----------
    rows : list of K sparse matrices, arrays or CenteredRows of shape (n, m)
        One block of rows per network, in CSR or CSC format.
    """

    rows: list[Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, n, m)."""
        return (len(self.rows), *self.rows[0].shape)


Block: TypeAlias = Array | SparseBlock
"""The rows of a batch for each network, dense (K, n, m) or sparse."""


def are_finite(theta: Array) -> Array:
    """Return which rows of ``theta`` (K, P) hold finite numbers alone."""
    finite: Array = np.asarray(np.isfinite(np.add.reduce(theta, axis=1)))  # makes no array of booleans
    for k, is_finite in enumerate(finite.tolist()):
        if not is_finite:  # or the sum is too large
            finite[k] = np.isfinite(theta[k]).all()
    return finite


@lru_cache(maxsize=64)
def ones(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of ones that all callers share: as a matrix product, sums are quickest."""
    array = np.ones(shape, dtype=dtype)
    array.flags.writeable = False
    return array


def product(x: Block, weights: Array, out: Array) -> None:
    """Write ``x @ weights`` of each network into ``out``."""
    if isinstance(x, SparseBlock):
        for rows, w, z in zip(x.rows, weights, out, strict=True):
            z[...] = rows @ w
    else:
        np.matmul(x, weights, out=out)


def transposed_product(x: Block, delta: Array, out: Array) -> None:
    """Write ``x.T @ delta`` of each network into ``out``."""
    if isinstance(x, SparseBlock):
        for rows, d, gradient in zip(x.rows, delta, out, strict=True):
            if sparse.issparse(rows) and rows.format == "csr" and rows.nnz < rows.shape[1]:
                # Most columns are empty: the whole product would be an array as large as the weights.
                columns, index = np.unique(rows.indices, return_inverse=True)
                shape = rows.shape[0], len(columns)
                gradient.fill(0)
                gradient[columns] = sparse.csr_array((rows.data, index, rows.indptr), shape).T @ d
            else:
                gradient[...] = rows.T @ d
    else:
        np.matmul(x.swapaxes(-1, -2), delta, out=out)


def product_with_transposed(delta: Array, weights: Array, out: Array) -> None:
    """Write ``delta @ weights.T`` of each network into ``out``."""
    transposed = weights.swapaxes(-1, -2)
    if weights.shape[-1] == 1:
        # An outer product. numpy hands it to no BLAS; as a product with broadcasting it is the same
        # to the last bit and three to ten times faster.
        np.multiply(delta, transposed, out=out)
    else:
        np.matmul(delta, transposed, out=out)
