"""The steps of pipelines before the network: fitted once for all fits that have them in common."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from skmlp.model_selection.samples import TrainingPart, digest, last_network


def steps_key(estimator: Any) -> Hashable:
    """Return what steps before a network have in common with those that do the same; None without any."""
    steps = preprocessing_of(estimator) if last_network(estimator) else None
    return None if steps is None else digest(steps, otherwise=id(estimator))


def in_pipeline(pipeline: Pipeline, steps: Pipeline | None, network: Any) -> Any:
    """Return a ``pipeline`` with its fitted ``steps`` and its network; without steps the network itself."""
    if steps is None:
        return network
    pipeline = copy.copy(pipeline)
    pipeline.steps = [*steps.steps, (pipeline.steps[-1][0], network)]
    return pipeline


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


@dataclass(frozen=True)
class Preprocessed:
    """Fitted steps, and what they make of a training part.

    Attributes
    ----------
    steps : Pipeline
    part : TrainingPart
        What the last step is fitted on.
    seconds : float
    error : Exception, or None
        What went wrong; there are no steps and no part then.
    """

    steps: Any
    part: Any
    seconds: float
    error: Exception | None = None


def preprocess(pipeline: Pipeline, part: TrainingPart) -> Preprocessed:
    """Fit all steps but the last of a pipeline."""
    started = time.perf_counter()
    try:
        cut, steps = part.cut(), clone(pipeline[:-1])
        before, of_last = split_params(pipeline, cut.params)
        transformed = TrainingPart(steps.fit_transform(cut.X, cut.y, **before), cut.y, of_last)
    except Exception as error:
        return Preprocessed(None, None, time.perf_counter() - started, error)
    return Preprocessed(steps, transformed, time.perf_counter() - started)
