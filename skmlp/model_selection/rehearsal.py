"""Fits that are made before scikit-learn asks for them.

scikit-learn's searches and validations do all that they always do, so that their options mean what they
always mean; only, they are given a stand-in for the estimator. When they split the data, all fits that
will follow are known, and are trained as few stacks. The stand-in's ``fit`` then takes the next of them.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skmlp.estimators.choices import schedule_of
from skmlp.model_selection.jobs import Outcome, Task, run
from skmlp.model_selection.planning import PREPROCESSED_BYTES, digest, jobs_of, rounds_of
from skmlp.model_selection.samples import (
    Samples,
    length,
    network_of,
    preprocess,
    preprocessing_of,
)
from skmlp.network.arrays import Array
from skmlp.training.stopping import StopReason


class InterruptedSearchError(Exception):
    """Leaves a search that goes on in several rounds."""


def can_rehearse(estimator: Any, y: Any, n_jobs: Any, verbose: Any) -> bool:
    """Return whether there is a network to be trained, and nothing for scikit-learn to complain about."""
    valid = (n_jobs is None or isinstance(n_jobs, Integral)) and isinstance(verbose, Integral)
    return valid and network_of(estimator) is not None and y is not None


class Wanted(NamedTuple):
    """A fit that scikit-learn is going to ask for.

    Attributes
    ----------
    parameters : dict
        What is set on the estimator.
    rows : array of int
        The training part.
    fold : int, default=0
        Which training part that is.
    """

    parameters: dict[str, Any]
    rows: Array
    fold: int = 0


class Splits:
    """A splitter whose splits are known to ``train`` before anybody else has them.

    Parameters
    ----------
    cv : splitter
    train : callable
        Is given X, y and the list of training parts.
    """

    def __init__(self, cv: Any, train: Callable[[Any, Any, list[Array]], None]) -> None:
        self.cv, self.train = cv, train

    def get_n_splits(self, *args: Any, **params: Any) -> int:
        """Return how many splits there are."""
        n_splits: int = self.cv.get_n_splits(*args, **params)
        return n_splits

    def split(self, X: Any, y: Any = None, **params: Any) -> list[tuple[Array, Array]]:
        """Return the splits, of whose training parts all fits have then been made."""
        splits = list(self.cv.split(X, y, **params))
        # A splitter may give masks.
        parts = [np.asarray(rows) for rows, _ in splits]
        self.train(X, y, [np.flatnonzero(rows) if rows.dtype == bool else rows for rows in parts])
        return splits

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the splitter asks for."""
        return get_routing_for_object(self.cv)


class Fits:
    """The fits of one search or validation.

    Parameters
    ----------
    estimator : object
    n_jobs, verbose, pre_dispatch
        As in scikit-learn.
    error_score : 'raise' or number
        With a number, an interruption ends training but keeps what is done.
    resource : str, default=None
        The parameter that tells fits of the same parameters and rows apart, of which the later go on from
        the earlier.
    caller : object, default=None
        What callbacks are told to be the estimator of the fits' contexts.

    Attributes
    ----------
    seconds : list of float
        The time of each fit, in the order in which they were asked for.
    interrupted : bool
    n_rounds : int
        How often scikit-learn has taken all fits that were made for it.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        n_jobs: int | None,
        verbose: int,
        pre_dispatch: int | str,
        error_score: Any = "raise",
        resource: str | None = None,
        caller: Any = None,
    ) -> None:
        self.estimator, self.real = estimator, type(estimator)
        self.verbose, self.error_score, self.resource = verbose, error_score, resource
        self.caller, self.n_rounds = caller, 0
        # Made now: while scikit-learn takes one fit after the other, joblib's backends are switched off.
        self.n_workers = effective_n_jobs(n_jobs)
        options = {"n_jobs": n_jobs, "verbose": max(0, verbose - 1), "pre_dispatch": pre_dispatch}
        try:
            self.parallel = Parallel(**options, return_as="generator")
        except ValueError:  # a backend that returns all at once
            self.parallel = Parallel(**options)
        self.seconds: list[float] = []
        self.interrupted = False
        self._waiting: deque[tuple[int, Outcome, TracebackType | None]] = deque()
        self._rounds: deque[list[Task]] = deque()
        self._wanted: Sequence[Wanted] = ()
        self._n_done = 0
        self._earlier: dict[Hashable, Outcome] = {}  # those of the wanted before
        self._made_now: dict[Hashable, Outcome] = {}

    def stand_in(self) -> Any:
        """Return a clone of the estimator whose ``fit`` takes the next of the fits that have been made."""

        @functools.wraps(self.real.fit)
        def fit(estimator: Any, X: Any, *args: Any, **params: Any) -> Any:
            estimator.__class__ = self.real  # its time has come
            if not self._waiting and self._rounds:
                self._make_next_round()
            if not self._waiting:  # the fit of the best estimator on all samples
                return estimator.fit(X, *args, **params)
            expected, outcome, traceback = self._waiting.popleft()
            if length(X) != expected:
                raise RuntimeError(
                    f"A fit to {expected} samples was made, one to {length(X)} is asked for."
                )
            if outcome.error is not None:
                # Each raise lengthens the traceback, and fits of a stack may share their error.
                raise outcome.error.with_traceback(traceback)
            vars(estimator).update(vars(outcome.estimator))
            return estimator

        estimator = clone(self.estimator)
        body = {"fit": fit, "__module__": self.real.__module__, "__doc__": self.real.__doc__}
        metaclass: Any = type(self.real)
        estimator.__class__ = metaclass(self.real.__name__, (self.real,), body)
        return estimator

    def train(
        self,
        X: Any,
        y: Any,
        params: dict[str, Any],
        wanted: Sequence[Wanted],
        contexts: Iterable[Any] = (),
    ) -> None:
        """Make all fits that are ``wanted``.

        Parameters
        ----------
        X, y : array-likes
        params : dict
            The metadata for ``fit``.
        wanted : sequence of Wanted
            In the order in which they will be asked for.
        contexts : iterable of callback contexts, default=()
            One per fit, if there are callbacks.
        """
        samples = {id(rows): Samples(X, y, params, rows) for _, rows, _ in wanted}
        estimators = {
            id(parameters): clone(self.estimator).set_params(**clone(parameters, safe=False))
            for parameters in {id(w.parameters): w.parameters for w in wanted}.values()
        }
        tasks = [
            Task(index, estimators[id(parameters)], samples[id(rows)], caller=self.caller)
            for index, (parameters, rows, _) in enumerate(wanted)
        ]
        for task, context in zip(tasks, contexts, strict=False):
            task.context = context
        self._wanted, self._n_done = wanted, 0
        self._earlier, self._made_now = self._made_now, {}
        self._rounds.extend(rounds_of(tasks))
        self._make_next_round()

    def _make_next_round(self) -> None:
        """Make as many fits as may wait in memory until scikit-learn takes them."""
        tasks = self._rounds.popleft()
        was_interrupted = self.interrupted
        outcomes = self._outcomes(tasks)
        self._n_done += sum(not outcome.interrupted for outcome in outcomes)
        if self.interrupted and not was_interrupted:
            self._report_interruption()
        self.seconds += [outcome.seconds for outcome in outcomes]
        for task, outcome in zip(tasks, outcomes, strict=True):
            traceback = None if outcome.error is None else outcome.error.__traceback__
            self._waiting.append((len(self._wanted[task.index].rows), outcome, traceback))

    def _outcomes(self, tasks: list[Task]) -> list[Outcome]:
        """Return what becomes of each task."""
        names = [self._name(self._wanted[task.index]) for task in tasks]
        outcomes: dict[int, Outcome] = {}
        for task, name in zip(tasks, names, strict=True):
            if name in self._earlier and (over := self._go_on(task, self._earlier[name])):
                outcomes[task.index] = over
        try:
            left = [] if self.interrupted else [task for task in tasks if task.index not in outcomes]
            for done in self._made(left):
                outcomes[done.index] = done
                self.interrupted |= done.interrupted
        except KeyboardInterrupt:
            self.interrupted = True
        for task in tasks:
            if task.index not in outcomes:
                outcomes[task.index] = Outcome(task.index)
                outcomes[task.index].interrupt()
        ordered = [outcomes[task.index] for task in tasks]
        self._made_now |= {name: outcome for name, outcome in zip(names, ordered, strict=True) if name}
        return ordered

    def _made(self, tasks: list[Task]) -> Iterator[Outcome]:
        """Yield what becomes of each task, in the order in which they are done."""
        alike: dict[Hashable, list[Task]] = {}
        digests: dict[int, Hashable] = {}  # by candidate
        for task in tasks:
            steps = preprocessing_of(task.estimator) if network_of(task.estimator) else None
            if steps is not None and id(task.estimator) not in digests:
                digests[id(task.estimator)] = digest(steps, task.index)
            key = None if steps is None else (digests[id(task.estimator)], id(task.samples))
            alike.setdefault(key, []).append(task)
        ready = alike.pop(None, [])
        parts = list(alike.values())
        at_a_time = max(self.n_workers, PREPROCESSED_BYTES // tasks[0].samples.n_bytes) if tasks else 1
        for start in range(0, len(parts) or 1, at_a_time):
            some, steps_of, failed = self._preprocessed(parts[start : start + at_a_time])
            yield from failed
            for outcome in self._trained([*ready, *some]):
                if outcome.index in steps_of and outcome.error is None:
                    pipeline, steps, seconds = steps_of[outcome.index]
                    # The last step was trained by itself.
                    pipeline = copy.copy(pipeline)
                    pipeline.steps = [*steps.steps, (pipeline.steps[-1][0], outcome.estimator)]
                    outcome.estimator = pipeline
                    outcome.seconds += seconds
                yield outcome
            if self.interrupted:
                return
            ready = []

    def _trained(self, tasks: list[Task]) -> Iterator[Outcome]:
        """Yield what becomes of each task that needs no preprocessing."""
        jobs = jobs_of(tasks, self.n_workers)
        if self.verbose > 0:
            print(f"Training {len(tasks)} fits in {len(jobs)} jobs")
        keeps = self.resource is not None
        # Where several networks fit the cache, their products are too small for threads of BLAS.
        limit = 1 if all(len(job) > 1 for job in jobs) else None
        with threadpool_limits(limit, "blas"):
            for done in self.parallel(delayed(run)(job, keeps) for job in jobs):
                yield from done
                if any(outcome.interrupted for outcome in done):
                    return

    def _preprocessed(
        self, parts: list[list[Task]]
    ) -> tuple[list[Task], dict[int, tuple[Any, Any, float]], list[Outcome]]:
        """Fit all steps but the last of pipelines, once for each list of tasks that have them in common.

        Returns
        -------
        tasks : list of Task
            What is left to do: the last step.
        steps : dict of index to (pipeline, fitted steps, seconds)
        failed : list of Outcome
        """
        left: list[Task] = []
        fitted: dict[int, tuple[Any, Any, float]] = {}
        failed: list[Outcome] = []
        jobs = [(tasks[0].estimator, tasks[0].samples) for tasks in parts]
        results = self.parallel(delayed(preprocess)(*job) for job in jobs) if jobs else []
        for tasks, (steps, samples, seconds, error) in zip(parts, results, strict=True):
            share = seconds / len(tasks)
            for task in tasks:
                if error is not None:
                    failed.append(Outcome(task.index, seconds=share, error=error))
                else:
                    fitted[task.index] = task.estimator, steps, share
                    left.append(replace(task, estimator=network_of(task.estimator), samples=samples))
        return left, fitted, failed

    def _name(self, wanted: Wanted) -> Hashable:
        """Return what a fit has in common with those that it goes on from; None if it starts anew."""
        if self.resource is None:
            return None
        others = {name: v for name, v in wanted.parameters.items() if name != self.resource}
        return digest(others, None) and (digest(others, None), wanted.fold)

    def _go_on(self, task: Task, earlier: Outcome) -> Outcome | None:
        """Let a task go on from an ``earlier`` fit; return what becomes of it if training is over."""
        network = network_of(task.estimator)
        progress = earlier.progress
        if network is None or progress is None or earlier.error is not None:
            return None
        schedule = schedule_of(network)
        reasons = set(progress.result.reasons)
        if schedule.needs_the_end or schedule.warmup:
            return None  # its rates are planned for another number of epochs
        if reasons == {StopReason.MAX_ITER}:
            # Candidates that are drawn twice must not share their random streams.
            task.before = copy.deepcopy(progress)
        elif StopReason.MAX_ITER not in reasons:
            earlier.estimator.set_params(**{str(self.resource): network.max_iter})
            return Outcome(task.index, earlier.estimator, progress=progress)
        return None

    def _report_interruption(self) -> None:
        """Warn of what is missing; raise if nothing is there, or nothing may be missing."""
        if self.error_score == "raise" or not (self._n_done or self.n_rounds):
            raise KeyboardInterrupt
        warnings.warn(
            f"Interrupted by user: {self._n_done} of {len(self._wanted)} fits are done and kept, the others"
            f" get error_score={self.error_score}.",
            stacklevel=2,
        )
        if not self._n_done:
            raise InterruptedSearchError
