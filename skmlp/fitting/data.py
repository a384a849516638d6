"""What ``fit`` was given, as the network sees it, and the part held out for validation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing

from skmlp.fitting.targets import Targets
from skmlp.fitting.weights import check_some_weight
from skmlp.network.arrays import Array

DENSE_SHARE = 0.05
"""The share of values other than zero from which a dense X is quicker to train on than a sparse one."""

DENSE_COLUMNS = 256
"""The number of columns up to which that holds: wider batches leave the cache."""

DENSE_BYTES = 67_108_864
"""At most how large a sparse X may become as an array: 64 MB."""


@dataclass(frozen=True)
class Data:
    """Samples with encoded targets.

    Attributes
    ----------
    X : array, CSR matrix or CenteredRows of shape (n_samples, n_features)
    y : array of shape (n_samples, n_targets)
        Numbers, or class codes: see `Targets.encode`.
    sample_weight : array of shape (n_samples,), or None
    labels : array or CSR matrix of shape (n_samples,) or (n_samples, n_targets)
        The targets as the user gave them.
    index : array of shape (n_samples,), default=None
        Which row of X each sample is, where X has other rows too; None: X has these alone, in their order.
    table : table of n_samples rows, default=None
        The features as the user gave them, where X was made of a table.
    """

    X: Any
    y: Array
    sample_weight: Array | None
    labels: Any
    index: Array | None = None
    table: Any = None

    @property
    def features(self) -> Any:
        """The features as an estimator predicts from them."""
        return self.X if self.table is None else self.table

    def rows(self, rows: Array) -> Data:
        """Return some of the samples, copied."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        X = self.X[rows if self.index is None else self.index[rows]]
        table = None if self.table is None else _safe_indexing(self.table, rows)
        return Data(X, self.y[rows], weights, self.labels[rows], table=table)

    def dense_if_quicker(self) -> Data:
        """Return the data with a sparse X as an array, if products are quicker by it and it is small."""
        X = self.X
        if not sparse.issparse(X) or X.shape[1] > DENSE_COLUMNS:
            return self
        size = math.prod(X.shape)
        is_small = size * X.dtype.itemsize <= DENSE_BYTES
        return replace(self, X=X.toarray()) if is_small and X.nnz >= DENSE_SHARE * size else self


@dataclass(frozen=True)
class Reading:
    """What an estimator makes of X, y and the weights; nothing of it depends on chance.

    Attributes
    ----------
    data : Data
        In the units of the user.
    targets : Targets
        What y is.
    features : dict
        The fitted attributes that say what the columns of X are.
    """

    data: Data
    targets: Targets
    features: dict[str, Any]


def hold_out(
    data: Data,
    fraction: float,
    random_state: np.random.RandomState,
    targets: Targets,
    at_least: int,
) -> tuple[Array, Array]:
    """Return the rows to train on and those to validate on, as scikit-learn would draw them.

    Only indices are split: X is not copied. A score may need ``at_least`` so many samples.
    """
    n_samples = len(data.y)
    strata = targets.strata(data.y, n_held_out(fraction, n_samples))
    split = f"validation_fraction={fraction!r} of n_samples={n_samples}"
    way_out = "Change validation_fraction, get more data, or set early_stopping=False."
    try:
        rows, held_out = train_test_split(
            np.arange(n_samples), test_size=fraction, random_state=random_state, stratify=strata
        )
    except ValueError as error:
        raise ValueError(f"Cannot hold out {split}: {error} {way_out}") from error
    if len(held_out) < at_least:
        raise ValueError(
            f"The validation set is too small: {split} is {len(held_out)}, at least"
            f" {at_least} are needed. {way_out}"
        )
    check_weights(data, rows, held_out)
    return rows, held_out


def hold_out_own(
    data: Data,
    fraction: float,
    random_state: np.random.RandomState,
    targets: Targets,
    at_least: int,
    n_members: int,
) -> list[tuple[Array, Array]]:
    """Return the same for each member of an ensemble; no two hold out the same row, while there are others.

    The parts are drawn from one order of the rows, in which the classes are evenly mixed.
    """
    n_samples = len(data.y)
    # Also checks how many are left, and draws the order.
    order = np.concatenate(hold_out(data, fraction, random_state, targets, at_least))
    n_own = n_held_out(fraction, n_samples)
    strata = targets.strata(data.y, n_own)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
        _, counts = np.unique(strata, return_counts=True)
        order = order[np.argsort(np.concatenate([np.arange(n) / n for n in counts]), kind="stable")]
    held_out = np.take(order, np.arange(n_members * n_own).reshape(n_members, n_own), mode="wrap")
    parts = [(np.delete(np.arange(n_samples), own), own) for own in held_out]
    for rows, own in parts:
        check_weights(data, rows, own)
    return parts


def check_weights(data: Data, rows: Array, held_out: Array) -> None:
    """Raise an error if a part has no weight."""
    if data.sample_weight is None:
        return
    for part, of in ((rows, "training"), (held_out, "validation")):
        check_some_weight(data.sample_weight[part], f"sample_weight (times class_weight) of the {of} part")


def n_held_out(fraction: float, n_samples: int) -> int:
    """Return how many samples are held out, or raise an error if none are, or all."""
    count = int(np.ceil(fraction * n_samples))
    if not 1 <= count < n_samples:
        raise ValueError(
            f"validation_fraction={fraction!r} of n_samples={n_samples} leaves {count} to validate on"
            f" and {n_samples - count} to train on. Change validation_fraction, or set"
            " early_stopping=False."
        )
    return count
