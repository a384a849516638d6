"""Batches: which rows each network sees in which order, and gathering them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skmlp.network.arrays import Array, Block, SparseBlock

GATHER_BYTES = 131_072
"""Rows are gathered as many batches at a time as fit this: small batches share one gather."""

Batch = tuple[Block, Array, "Array | None"]


class Batches:
    """The rows of a training set in blocks of ``batch_size``, in an order of each network's own.

    Networks may have different rows, and different numbers of them if that leaves the number of
    batches alike: the last batch is padded with rows of weight zero.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_samples, n_features)
        Shared by all networks; its dtype is that of the batches.
    y : array of shape (n_samples, n_outputs), of the same dtype
    sample_weight : array of shape (n_samples,), or None
    rows : sequence of K index arrays
        The rows that each network is trained on.
    batch_size : int
    """

    def __init__(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        rows: Sequence[Array],
        batch_size: int,
    ) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.batch_size = batch_size
        self.n_rows = np.array([len(r) for r in rows])
        starts = np.arange(0, self.n_rows.max(), batch_size)
        self.counts = np.clip(self.n_rows - starts[:, np.newaxis], 0, batch_size)
        """Rows of each batch and network, shape (n_batches, K)."""
        if (self.counts == 0).any():
            raise ValueError(
                f"The networks of a stack need the same number of batches; with batch_size="
                f"{batch_size}, {self.n_rows.tolist()} rows give different ones."
            )
        self.order = np.zeros((len(rows), self.n_rows.max()), dtype=np.intp)
        for order, r in zip(self.order, rows, strict=True):
            order[: len(r)], order[len(r) :] = r, r[0]  # padded with a row of its own
        self._is_row = np.arange(self.n_rows.max()) < self.n_rows[:, np.newaxis]
        self._weighted = sample_weight is not None or not self._is_row.all()
        self._allocate()

    def keep(self, networks: Array) -> Batches:
        """Return the batches of some of the networks, given as a boolean mask over K."""
        rows = [order[:n] for order, n in zip(self.order[networks], self.n_rows[networks], strict=True)]
        return Batches(self.X, self.y, self.sample_weight, rows, self.batch_size)

    def shuffle(self, random_states: Sequence[np.random.RandomState]) -> None:
        """Shuffle the present order of each network by its own random stream."""
        for order, n, random_state in zip(self.order, self.n_rows, random_states, strict=True):
            permutation = np.arange(n)
            random_state.shuffle(permutation)
            order[:n] = order[permutation]

    def __iter__(self) -> Iterator[Batch]:
        """Yield x (K, n, m), y (K, n, q) and weights (K, n) or None: views, overwritten later."""
        for start in range(0, self.order.shape[1], self._chunk):
            index = self.order[:, start : start + self._chunk]
            yield from self._gather(index, self._is_row[:, start : start + self._chunk])

    def _allocate(self) -> None:
        n_networks = len(self.order)
        batch_bytes = n_networks * self.batch_size * self.X.shape[1] * self.X.dtype.itemsize
        self._sparse = not isinstance(self.X, np.ndarray)
        batches_per_chunk = 1 if self._sparse else max(1, GATHER_BYTES // max(1, batch_bytes))
        self._chunk = min(batches_per_chunk * self.batch_size, self.order.shape[1])
        shape = (n_networks, self._chunk)
        self._y = np.empty_like(self.y, shape=(*shape, self.y.shape[1]))
        self._weights = np.empty_like(self.y, shape=shape)
        if not self._sparse:
            self._x = np.empty_like(self.X, shape=(*shape, self.X.shape[1]), order="C")
        self._views: dict[int, list[tuple[Any, Array, Array | None]]] = {}  # by length of the chunk

    def _gather(self, index: Array, is_row: Array) -> Iterator[Batch]:
        length = index.shape[1]
        if length not in self._views:
            self._views[length] = self._batch_views(length)
        # mode="clip" lets numpy write straight into the buffer; the indices are valid anyway.
        np.take(self.y, index, axis=0, out=self._y[:, :length], mode="clip")
        if self._weighted:
            self._gather_weights(index, is_row)
        if self._sparse:
            ((_, y, weights),) = self._views[length]
            yield SparseBlock([self.X[i] for i in index]), y, weights
        else:
            np.take(self.X, index, axis=0, out=self._x[:, :length], mode="clip")
            yield from self._views[length]

    def _gather_weights(self, index: Array, is_row: Array) -> None:
        weights = self._weights[:, : index.shape[1]]
        if self.sample_weight is None:
            weights[...] = is_row
        else:
            np.multiply(self.sample_weight[index], is_row, out=weights)

    def _batch_views(self, length: int) -> list[tuple[Any, Array, Array | None]]:
        """Return the views of each batch in a chunk of ``length`` rows."""
        views = []
        for start in range(0, length, self.batch_size):
            rows = slice(start, min(start + self.batch_size, length))
            x = None if self._sparse else self._x[:, rows]
            weights = self._weights[:, rows] if self._weighted else None
            views.append((x, self._y[:, rows], weights))
        return views
