"""What each fit is trained on: the rows of a training part, and what preprocessing makes of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.network.arrays import Array


@dataclass(frozen=True, eq=False)
class Samples:
    """What an estimator is fitted on.

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

    def cut(self) -> Samples:
        """Return the training part by itself."""
        if self.rows is None:
            return self
        n_samples = length(self.X)
        params = {
            name: _safe_indexing(*indexable(value), self.rows) if length(value) == n_samples else value
            for name, value in self.params.items()
        }
        y = None if self.y is None else _safe_indexing(self.y, self.rows)
        return Samples(_safe_indexing(self.X, self.rows), y, params)

    @property
    def n_bytes(self) -> int:
        """About what the features of the training part fill as numbers."""
        shape = getattr(self.X, "shape", (length(self.X), 1))
        n_values = getattr(self.X, "nnz", int(np.prod(shape)))
        share = 1.0 if self.rows is None else len(self.rows) / max(1, shape[0])
        return max(1, int(8 * n_values * share))


def length(values: Any) -> Any:
    """Return how many rows array-likes have; None for what is no array-like."""
    shape = getattr(values, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(values) if hasattr(values, "__len__") and not isinstance(values, (str, dict)) else None


def fit_params(caller: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Return those of the metadata ``params`` of a search (or a router) that its estimator is given."""
    if get_config()["enable_metadata_routing"]:
        return dict(process_routing(caller, "fit", **params).estimator.fit)
    return {name: value for name, value in params.items() if name != "groups"}


def network_of(estimator: Any) -> Any:
    """Return the network that ``estimator`` is or ends in; None if there is none."""
    if isinstance(estimator, Pipeline):
        # A pipeline of another kind may do something else.
        plain = type(estimator).fit is Pipeline.fit and not getattr(estimator, "transform_input", None)
        estimator = estimator.steps[-1][1] if plain else None
    own_fit = getattr(type(estimator), "fit", None) is BaseMultilayerPerceptron.fit
    return estimator if own_fit else None


def preprocessing_of(estimator: Any) -> Pipeline | None:
    """Return the steps before the last; None if there are none."""
    has_steps = isinstance(estimator, Pipeline) and len(estimator.steps) > 1
    return estimator[:-1] if has_steps else None


def split_params(pipeline: Pipeline, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata for the steps before the last, and those for the last."""
    last = pipeline.steps[-1][0]
    if get_config()["enable_metadata_routing"]:
        wanted = get_routing_for_object(pipeline[:-1]).consumes("fit_transform", params.keys())
        routed = process_routing(pipeline, "fit", **params)
        return {name: params[name] for name in wanted}, dict(routed[last].fit)
    prefix = f"{last}__"
    of_last = {
        name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)
    }
    return {name: value for name, value in params.items() if not name.startswith(prefix)}, of_last


def preprocess(
    pipeline: Pipeline, samples: Samples
) -> tuple[Pipeline | None, Samples | None, float, Exception | None]:
    """Fit all steps but the last of a pipeline.

    Returns
    -------
    steps : Pipeline
        Fitted.
    samples : Samples
        What the last step is fitted on.
    seconds : float
    error : Exception, or None
    """
    started = time.perf_counter()
    try:
        part, steps = samples.cut(), clone(pipeline[:-1])
        before, of_last = split_params(pipeline, part.params)
        transformed = Samples(steps.fit_transform(part.X, part.y, **before), part.y, of_last)
    except Exception as error:
        return None, None, time.perf_counter() - started, error
    return steps, transformed, time.perf_counter() - started, None


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
