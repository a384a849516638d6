"""Batches: the rows of each step, gathered in the order of each network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.network.objective import block_weight

GATHER_BYTES = 262_144
"""Batches are gathered together as long as they fit into this: small ones share one call."""


class Batch(NamedTuple):
    """The rows of one step.

    Attributes
    ----------
    x : array of shape (K, n, m), or SparseBlock
    y : array of shape (K, n, q)
    weights : array of shape (K, n), or None
    total : array of shape () or (K, 1)
        The weight of the batch.
    scores : array of shape (K, n, n_scores)
        Room for the raw scores of the rows.
    """

    x: Block
    y: Array
    weights: Array | None
    total: Array
    scores: Array


@dataclass(frozen=True)
class Chunk:
    """Several batches that are gathered together, and the arrays that they are views of."""

    batches: list[Batch]
    y: Array
    weights: Array | None
    totals: Array
    scores: Array

    def sum_by_batch(self, values: Array) -> Array:
        """Return the sums of ``values`` (K, rows, q) over the rows of each batch, (n_batches, K, q)."""
        n_networks, n_rows, n_outputs = values.shape
        sums = np.empty_like(values, shape=(len(self.batches), n_networks, n_outputs))
        size = self.batches[0].y.shape[1]
        n_full, rest = divmod(n_rows, size)
        full = values[:, : n_full * size].reshape(n_networks, n_full, size, n_outputs)
        np.add.reduce(full, axis=2, out=sums[:n_full].swapaxes(0, 1))
        if rest:
            np.add.reduce(values[:, -rest:], axis=1, out=sums[-1])
        return sums


def initial_order(rows: Sequence[Array]) -> Array:
    """Return the ``rows`` of K networks as one array (K, n): shorter ones are padded with their first."""
    order = np.empty((len(rows), max(map(len, rows))), dtype=np.intp)
    for padded, own in zip(order, rows, strict=True):
        padded[: len(own)], padded[len(own) :] = own, own[0]
    return order


class Batches:
    """The samples of a training set in blocks of ``batch_size``, in each network's own order.

    Networks may have different samples, and different numbers of them if their numbers of batches are
    the same: the last batch is padded with rows of weight zero.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_samples, n_features)
        Shared by all networks; its dtype is that of the batches.
    y : array of shape (n_samples, n_outputs), of the same dtype
    sample_weight : array of shape (n_samples,), or None
    n_rows : array of shape (K,)
        How many samples each network is trained on.
    batch_size : int
    n_scores : int, default=n_outputs
        Raw scores per row.
    rows : array of shape (n_samples,), default=None
        Which row of X each sample is; None: X has as many rows as there are samples, in their order.
    """

    def __init__(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        n_rows: Array,
        batch_size: int,
        n_scores: int | None = None,
        rows: Array | None = None,
    ) -> None:
        self.X, self.y, self.sample_weight, self.rows = X, y, sample_weight, rows
        self.batch_size = batch_size
        self.n_scores = n_scores or y.shape[1]
        self.n_rows = n_rows
        self._longest = int(n_rows.max())
        starts = np.arange(0, self._longest, batch_size)
        self.counts = np.clip(n_rows - starts[:, np.newaxis], 0, batch_size)
        """Rows of each batch and network, shape (n_batches, K)."""
        if (self.counts == 0).any():
            raise ValueError(
                f"The networks of a stack need the same number of batches; with batch_size="
                f"{batch_size}, {n_rows.tolist()} rows give different ones."
            )
        self._is_row = np.arange(self._longest) < n_rows[:, np.newaxis]
        self._weighted = sample_weight is not None or not self._is_row.all()
        self._allocate()

    def keep(self, networks: Array) -> Batches:
        """Return the batches of some of the networks, given as a boolean mask over K."""
        n_rows, shared = self.n_rows[networks], (self.batch_size, self.n_scores, self.rows)
        return Batches(self.X, self.y, self.sample_weight, n_rows, *shared)

    def shuffle(self, order: Array, random_states: Sequence[np.random.RandomState]) -> None:
        """Shuffle the ``order`` (K, n) of each network's rows in place, each by its own random stream."""
        for rows, n, random_state in zip(order, self.n_rows, random_states, strict=True):
            permutation = np.arange(n)
            random_state.shuffle(permutation)
            rows[:n] = rows[permutation]

    def gather(self, order: Array) -> Iterator[Chunk]:
        """Yield the batches of an epoch in this ``order``, several at a time; the next overwrite them.

        ``order`` (K, n) holds indices of samples, for each network at least as many as it has rows; those
        beyond them are padding, see `initial_order`.
        """
        for start in range(0, self._longest, self._chunk):
            columns = slice(start, min(start + self._chunk, self._longest))
            yield self._gather(order[:, columns], self._is_row[:, columns])

    def _allocate(self) -> None:
        n_networks = len(self.n_rows)
        batch_bytes = n_networks * self.batch_size * self.X.shape[1] * self.X.dtype.itemsize
        self._sparse = not isinstance(self.X, np.ndarray)
        batches_per_chunk = 1 if self._sparse else max(1, GATHER_BYTES // max(1, batch_bytes))
        self._chunk = min(batches_per_chunk * self.batch_size, self._longest)
        shape = (n_networks, self._chunk)
        self._y = np.empty_like(self.y, shape=(*shape, self.y.shape[1]))
        self._scores = np.empty_like(self.y, shape=(*shape, self.n_scores))
        self._weights = np.empty_like(self.y, shape=shape) if self._weighted else None
        if not self._sparse:
            self._x = np.empty_like(self.X, shape=(*shape, self.X.shape[1]), order="C")
        self._chunks: dict[int, Chunk] = {}  # by length

    def _gather(self, index: Array, is_row: Array) -> Chunk:
        length = index.shape[1]
        if length not in self._chunks:
            self._chunks[length] = self._chunk_of(length)
        chunk = self._chunks[length]
        # mode="clip" lets numpy write straight into the buffer; the indices are valid anyway.
        np.take(self.y, index, axis=0, out=chunk.y, mode="clip")
        if chunk.weights is not None:
            weights = 1 if self.sample_weight is None else self.sample_weight[index]
            np.multiply(weights, is_row, out=chunk.weights)
            for batch in chunk.batches:
                batch.total[...] = block_weight(batch.y, batch.weights)
        if self.rows is not None:
            index = self.rows[index]
        if self._sparse:
            x = SparseBlock([self.X[i] for i in index])
            return replace(chunk, batches=[chunk.batches[0]._replace(x=x)])
        np.take(self.X, index, axis=0, out=self._x[:, :length], mode="clip")
        return chunk

    def _chunk_of(self, length: int) -> Chunk:
        """Return the buffers of a chunk of ``length`` rows, and the views of each batch."""
        y, scores = self._y[:, :length], self._scores[:, :length]
        weights = None if self._weights is None else self._weights[:, :length]
        starts = range(0, length, self.batch_size)
        totals = np.empty_like(y, shape=(len(starts), len(y) if self._weighted else 1, 1))
        batches = []
        for start, total in zip(starts, totals, strict=True):
            rows = slice(start, min(start + self.batch_size, length))
            x = self._y if self._sparse else self._x[:, rows]  # sparse rows come with each gather
            batch_weights = None if weights is None else weights[:, rows]
            if weights is None:
                total = total[0, 0, ...]
                total[...] = block_weight(y[:, rows], None)
            batches.append(Batch(x, y[:, rows], batch_weights, total, scores[:, rows]))
        return Chunk(batches, y, weights, totals, scores)
