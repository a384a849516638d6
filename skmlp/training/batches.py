"""Batches: the rows of each step, gathered in the order of each network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.network.codes import expand
from skmlp.network.hyperparameters import per_network
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
    """Several batches that are gathered together, and the arrays that they are views of.

    The rows of ``codes`` are gathered and expanded into ``y``; where there is nothing to expand, both are
    one array.
    """

    batches: list[Batch]
    codes: Array
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


@dataclass(eq=False)
class Batches:
    """The samples of a training set in blocks of ``batch_size``, in each network's own order.

    Networks may have different samples, and different numbers of them if their numbers of batches are
    the same: the last batch is padded with rows of weight zero.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_samples, n_features)
        Shared by all networks; its dtype is that of the batches.
    y : array of shape (n_samples, n_targets)
        Numbers of the same dtype, or codes that are expanded batch by batch.
    sample_weight : array of shape (n_samples,), or None
    batch_size : int
    n_scores : int
        Raw scores per row.
    n_rows : array of shape (K,)
        How many samples each network is trained on.
    group_sizes : tuple of int, default=()
        As in `skmlp.network.codes.expand`, which makes the n_outputs columns of a batch from ``y``.
    rows : array of shape (n_samples,), default=None
        Which row of X each sample is; None: X has as many rows as there are samples, in their order.
    """

    X: Any
    y: Array
    sample_weight: Array | None
    batch_size: int
    n_scores: int
    n_rows: Array = per_network()
    group_sizes: tuple[int, ...] = ()
    rows: Array | None = None

    def __post_init__(self) -> None:
        n_rows, batch_size = self.n_rows, self.batch_size
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
        self._weighted = self.sample_weight is not None or not self._is_row.all()
        self._sparse = not isinstance(self.X, np.ndarray)
        dtype = self.X.dtype
        width = max(self.X.shape[1], self.n_scores)
        batch_bytes = len(n_rows) * batch_size * width * dtype.itemsize
        batches_per_chunk = 1 if self._sparse else max(1, GATHER_BYTES // max(1, batch_bytes))
        self._chunk = min(batches_per_chunk * batch_size, self._longest)
        shape = len(n_rows), self._chunk
        self._y = np.empty((*shape, sum(self.group_sizes) or self.y.shape[1]), dtype)
        is_expanded = bool(self.group_sizes) or self.y.dtype != dtype
        self._codes = np.empty_like(self.y, shape=(*shape, self.y.shape[1])) if is_expanded else self._y
        self._scores = np.empty((*shape, self.n_scores), dtype)
        self._weights = np.empty(shape, dtype) if self._weighted else None
        if not self._sparse:
            self._x = np.empty_like(self.X, shape=(*shape, self.X.shape[1]), order="C")
        self._chunks: dict[int, Chunk] = {}  # by length

    def fits(self, X: Any, y: Array, sample_weight: Array | None, n_rows: Array) -> bool:
        """Return whether the buffers are right for these samples too."""
        return (
            not self._sparse
            and isinstance(X, np.ndarray)
            and (X.dtype, y.dtype) == (self._x.dtype, self._codes.dtype)
            and (sample_weight is not None) == self._weighted
            and np.array_equal(n_rows, self.n_rows)
        )

    def let_go(self) -> None:
        """Forget the samples."""
        self.X = self.y = self.sample_weight = self.rows = None  # type: ignore[assignment]

    def shuffle(self, order: Array, random_states: Sequence[np.random.RandomState]) -> None:
        """Shuffle the ``order`` (K, n) of each network's rows in place, each by its own random stream."""
        for rows, n, random_state in zip(order, self.n_rows, random_states, strict=True):
            permutation = np.arange(n)
            random_state.shuffle(permutation)
            rows[:n] = rows[permutation]

    def gather(self, order: Array) -> Iterator[Chunk]:
        """Yield the batches of an epoch in this ``order``, several at a time; the next overwrite them.

        ``order`` (K, n) holds indices of samples, for each network at least as many as it has rows; those
        beyond them are padding, taken from its own rows.
        """
        for start in range(0, self._longest, self._chunk):
            columns = slice(start, min(start + self._chunk, self._longest))
            yield self._gather(order[:, columns], self._is_row[:, columns])

    def _gather(self, index: Array, is_row: Array) -> Chunk:
        length = index.shape[1]
        if length not in self._chunks:
            self._chunks[length] = self._chunk_of(length)
        chunk = self._chunks[length]
        # mode="clip" lets numpy write straight into the buffer; the indices are valid anyway.
        np.take(self.y, index, axis=0, out=chunk.codes, mode="clip")
        if chunk.codes is not chunk.y:
            expand(chunk.codes, self.group_sizes, out=chunk.y)
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
        codes = y if self._codes is self._y else self._codes[:, :length]
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
        return Chunk(batches, codes, y, weights, totals, scores)
