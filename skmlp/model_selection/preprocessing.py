"""The steps of pipelines before the network: fitted once for all fits that have them in common."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing
from sklearn.utils.parallel import delayed

from skmlp.model_selection.jobs import FitRequest, FitResult
from skmlp.model_selection.planning import PREPROCESSED_BYTES
from skmlp.model_selection.samples import TrainingPart, digest, last_network


def made_with_preprocessing(
    requests: list[FitRequest],
    parallel: Callable[..., Any],
    n_workers: int,
    train: Callable[[list[FitRequest]], Iterator[FitResult]],
) -> Iterator[FitResult]:
    """Yield what becomes of each fit, in the order in which they are done.

    Parameters
    ----------
    requests : list of FitRequest
    parallel : joblib.Parallel
        Runs the preprocessing.
    n_workers : int
    train : callable
        Makes fits that need no preprocessing.
    """
    ready, groups = grouped(requests)
    at_a_time = max(n_workers, PREPROCESSED_BYTES // requests[0].part.n_bytes) if requests else 1
    for start in range(0, len(groups) or 1, at_a_time):
        some = groups[start : start + at_a_time]
        fitted = (
            parallel(delayed(preprocess)(group[0].estimator, group[0].part) for group in some)
            if some
            else []
        )
        steps: dict[int, Preprocessed] = {}
        for group, of_group in zip(some, fitted, strict=True):
            of_fit = replace(of_group, seconds=of_group.seconds / len(group))
            if of_fit.error is not None:
                yield from (FitResult(r.index, seconds=of_fit.seconds, error=of_fit.error) for r in group)
                continue
            steps |= {request.index: of_fit for request in group}
            ready += [
                replace(request, estimator=last_network(request.estimator), part=of_fit.part)
                for request in group
            ]
        pipelines = {request.index: request.estimator for group in some for request in group}
        interrupted = False
        for result in train(ready):
            if result.index in steps and result.error is None:
                put_together(pipelines[result.index], steps[result.index], result)
            interrupted |= result.interrupted
            yield result
        if interrupted:
            return
        ready = []


def grouped(requests: list[FitRequest]) -> tuple[list[FitRequest], list[list[FitRequest]]]:
    """Return the fits that need no preprocessing, and groups of those that need the same."""
    groups: dict[Hashable, list[FitRequest]] = {}
    digests: dict[int, Hashable] = {}  # by candidate
    for request in requests:
        steps = preprocessing_of(request.estimator) if last_network(request.estimator) else None
        if steps is not None and id(request.estimator) not in digests:
            digests[id(request.estimator)] = digest(steps, request.index)
        key = None if steps is None else (digests[id(request.estimator)], id(request.part))
        groups.setdefault(key, []).append(request)
    return groups.pop(None, []), list(groups.values())


def put_together(pipeline: Pipeline, fitted: Preprocessed, result: FitResult) -> None:
    """Put the network of a ``result``, which was trained by itself, behind its fitted steps."""
    pipeline = copy.copy(pipeline)
    pipeline.steps = [*fitted.steps.steps, (pipeline.steps[-1][0], result.estimator)]
    result.estimator = pipeline
    result.seconds += fitted.seconds


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
