"""What each fit is trained on: the rows of a training part, with their metadata."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import joblib
import numpy as np
from sklearn import get_config
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.metadata_routing import process_routing

from skmlp.fitting.choices import Choices
from skmlp.network.arrays import Array


@dataclass(frozen=True, eq=False)
class TrainingPart:
    """The rows of the data that an estimator is fitted on.

    Attributes
    ----------
    X, y : array-likes, or None for y
    params : dict
        Metadata for ``fit``, such as sample weights.
    rows : array of int, or None
        The training part; None: all of them.
    """

    X: Any
    y: Any
    params: dict[str, Any]
    rows: Array | None = None

    def cut(self, X: Any = None) -> TrainingPart:
        """Return the training part by itself; with ``X`` in place of its features, these are not copied."""
        if self.rows is None:
            return self
        n_samples = length(self.X)
        params = {
            name: _safe_indexing(*indexable(value), self.rows) if length(value) == n_samples else value
            for name, value in self.params.items()
        }
        y = None if self.y is None else _safe_indexing(self.y, self.rows)
        return TrainingPart(_safe_indexing(self.X, self.rows) if X is None else X, y, params)

    @cached_property
    def n_labels(self) -> int:
        """How many different targets there are in the whole of y."""
        return len(np.unique(np.asarray(self.y)))

    @property
    def n_bytes(self) -> int:
        """About what the features of the training part fill as numbers."""
        shape = getattr(self.X, "shape", (length(self.X), 1))
        n_values = getattr(self.X, "nnz", int(np.prod(shape)))
        share = 1.0 if self.rows is None else len(self.rows) / max(1, shape[0])
        return max(1, int(8 * n_values * share))


def takes_rows(choices: Choices, part: TrainingPart) -> bool:
    """Return whether a network can be given rows of X as it is: a training part then needs no copy."""
    X = part.X
    return (
        part.rows is not None
        and choices.is_stochastic
        and not choices.standardize
        and choices.encoding is None
        and type(X) in (np.ndarray, np.memmap)
        and X.flags.c_contiguous
        and X.dtype in ([np.float64, np.float32] if choices.dtype == "auto" else [np.dtype(choices.dtype)])
    )


def length(values: Any) -> Any:
    """Return how many rows array-likes have; None for what is no array-like."""
    shape = getattr(values, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(values) if hasattr(values, "__len__") and not isinstance(values, (str, dict)) else None


def fit_params(caller: Any, params: dict[str, Any], of_splitter: str | None = None) -> dict[str, Any]:
    """Return those of the metadata ``params`` of a search (or a router) that its estimator is given.

    Without routing that is all of them but one, ``of_splitter``.
    """
    if get_config()["enable_metadata_routing"]:
        return dict(process_routing(caller, "fit", **params).estimator.fit)
    return {name: value for name, value in params.items() if name != of_splitter}


def same_values(a: Any, b: Any) -> bool:
    """Return whether two arrays or CSR matrices, or None, hold the same."""
    if a is b:
        return True
    if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return a.nnz == b.nnz and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("indptr", "indices", "data")
    )


def digest(value: Any, otherwise: Hashable) -> Hashable:
    """Return what equal values have in common; ``otherwise`` of a value that cannot be looked into."""
    try:
        return str(joblib.hash(value))
    except Exception:  # pickling may raise anything
        return otherwise
