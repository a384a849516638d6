"""What is around a network, such as the steps of a pipeline: fitted once for all fits that share it."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from skmlp.estimators.callbacks import has_callbacks
from skmlp.model_selection.samples import TrainingPart, digest
from skmlp.model_selection.wrappers import innermost, wrappers_of


def wrappers_key(estimator: Any) -> Hashable:
    """Return what wrappers of a network have in common with those that do the same; None without any."""
    wrappers = wrappers_of(estimator)
    return None if wrappers is None else digest(wrappers, otherwise=id(estimator))


@dataclass(frozen=True)
class Preprocessed:
    """Fitted wrappers, and what they make of a training part.

    Attributes
    ----------
    wrappers : object
    part : TrainingPart
        What the network is fitted on.
    seconds : float
    error : Exception, or None
        What went wrong; there are no wrappers and no part then.
    """

    wrappers: Any
    part: Any
    seconds: float
    error: Exception | None = None


def preprocess(estimator: Any, part: TrainingPart) -> Preprocessed:
    """Fit all of an estimator but the network within it."""
    started = time.perf_counter()
    try:
        cut, wrappers = part.cut(), wrappers_of(estimator)
        if has_callbacks(wrappers):
            wrappers.set_callbacks()  # those of the estimator are called elsewhere
        recipient = innermost(wrappers)
        wrappers.fit(cut.X, cut.y, **cut.params)
    except Exception as error:
        return Preprocessed(None, None, time.perf_counter() - started, error)
    return Preprocessed(wrappers, recipient.part, time.perf_counter() - started)
