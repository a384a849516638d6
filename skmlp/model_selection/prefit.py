"""Fits that are made before scikit-learn asks for them.

scikit-learn's searches and validations do all that they always do, so that their options mean what they
always mean; only, they are given a stand-in for the estimator. When they split the data, all fits that
will follow are known. They are trained, as few stacks, when the stand-in is cloned for the first of them:
scikit-learn has made all its checks then. The stand-in's ``fit`` takes the next of them.
"""

from __future__ import annotations

import functools
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from numbers import Integral
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skmlp.compiled.config import get_config
from skmlp.estimators.problems import choices_of
from skmlp.fitting.choices import Choices
from skmlp.model_selection.jobs import run
from skmlp.model_selection.planning import are_compiled, are_stacks, jobs_of, reasons_of, rounds_of
from skmlp.model_selection.preprocessing import wrappers_key
from skmlp.model_selection.requests import FitRequest, FitResult
from skmlp.model_selection.samples import TrainingPart, digest, length
from skmlp.model_selection.wrappers import last_network, why_no_network
from skmlp.network.arrays import Array
from skmlp.training.stopping import StopReason


class InterruptedSearchError(Exception):
    """Leaves a search that has several rounds."""


def splitter_if_prefit(estimator: Any, y: Any, *, cv: Any, n_jobs: Any, verbose: Any) -> Any:
    """Return what splits the data; None without a network, or with something for scikit-learn to refuse."""
    valid = (n_jobs is None or isinstance(n_jobs, Integral)) and isinstance(verbose, Integral)
    if not valid or y is None:
        return None
    if last_network(estimator) is None:
        say_why(verbose, why_no_network(estimator))
        return None
    try:
        return check_cv(cv, y, classifier=is_classifier(estimator))
    except ValueError:
        return None


def say_why(verbose: int, *reasons: str) -> None:
    """Print in one line why fits are not parts of stacks, if that is asked for."""
    if verbose > 0 and reasons:
        print(f"Not stacked: {'; '.join(reasons)}")


class ExpectedFit(NamedTuple):
    """A fit that scikit-learn is going to ask for.

    Attributes
    ----------
    parameters : dict
        What is set on the estimator.
    rows : array of int
        The training part.
    fold : int, default=0
        Which training part that is.
    y : array-like, default=None
        Other targets than those of all fits.
    """

    parameters: dict[str, Any]
    rows: Array
    fold: int = 0
    y: Any = None


class ObservedSplitter:
    """A splitter that tells what it splits.

    Parameters
    ----------
    cv : splitter
    expect : callable
        Is given X, y and the list of training parts.
    """

    def __init__(self, cv: Any, expect: Callable[[Any, Any, list[Array]], None]) -> None:
        self.cv, self.expect = cv, expect

    def get_n_splits(self, *args: Any, **params: Any) -> int:
        """Return how many splits there are."""
        n_splits: int = self.cv.get_n_splits(*args, **params)
        return n_splits

    def split(self, X: Any, y: Any = None, **params: Any) -> list[tuple[Array, Array]]:
        """Return the splits, whose training parts have been told."""
        splits = list(self.cv.split(X, y, **params))
        self.expect(X, y, training_parts(splits))
        return splits

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the splitter asks for."""
        return get_routing_for_object(self.cv)


class KnownSplits:
    """A splitter whose splits are known before it is asked.

    Parameters
    ----------
    cv : splitter
        Of whom they are.
    splits : iterable of list
        What ``split`` returns, call after call.
    """

    def __init__(self, cv: Any, splits: Iterable[list[tuple[Array, Array]]]) -> None:
        self.cv, self.splits = cv, iter(splits)

    def get_n_splits(self, *args: Any, **params: Any) -> int:
        """Return how many splits there are at a time."""
        n_splits: int = self.cv.get_n_splits(*args, **params)
        return n_splits

    def split(self, *args: Any, **params: Any) -> list[tuple[Array, Array]]:
        """Return the next splits."""
        return next(self.splits)

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the splitter asks for."""
        return get_routing_for_object(self.cv)


def training_parts(splits: Iterable[tuple[Any, Any]]) -> list[Array]:
    """Return the rows of the training parts; a splitter may give masks."""
    parts = [np.asarray(rows) for rows, _ in splits]
    return [np.flatnonzero(rows) if rows.dtype == bool else rows for rows in parts]


class Prefit:
    """The fits of one search or validation.

    Parameters
    ----------
    estimator : object
    n_jobs, verbose, pre_dispatch
        As in scikit-learn.
    error_score : 'raise' or number
        With a number, an interruption ends training but keeps what is done.
    resource : str, default=None
        The parameter by which fits with the same other parameters and rows differ; later fits continue
        earlier ones.
    caller : object, default=None
        The estimator that callbacks are given for the contexts of the fits.
    for_user : bool, default=False
        Whether the user gets all fitted estimators.
    fits_again : bool, default=False
        Whether scikit-learn fits each of its clones several times.

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
        for_user: bool = False,
        fits_again: bool = False,
    ) -> None:
        self.estimator, self.verbose, self.error_score = estimator, verbose, error_score
        self.caller, self.for_user, self.fits_again = caller, for_user, fits_again
        # Made now: while scikit-learn takes one fit after the other, joblib's backends are switched off.
        self.n_workers = effective_n_jobs(n_jobs)
        options = {"n_jobs": n_jobs, "verbose": max(0, verbose - 1), "pre_dispatch": pre_dispatch}
        try:
            self.parallel = Parallel(**options, return_as="generator")
            self.threads = Parallel(**options, return_as="generator", prefer="threads")
        except ValueError:  # a backend that returns all at once
            self.parallel = self.threads = Parallel(**options)
        self.seconds: list[float] = []
        self.interrupted, self.n_rounds = False, 0
        self._continued = ContinuedFits(resource)
        self._made: deque[tuple[int, FitResult, TracebackType | None]] = deque()
        self._rounds: deque[list[FitRequest]] = deque()
        self._expected: Sequence[ExpectedFit] = ()
        self._n_done = 0

    def stand_in(self) -> Any:
        """Return a clone of the estimator whose ``fit`` takes the next of the fits that have been made.

        They are made when the clone for the first of them is asked for: in ``fit``, their samples would be
        there twice, and an error that is none of the fit would pass for one.
        """
        real = type(self.estimator)

        def cloned(estimator: Any) -> Any:
            if not self._made and self._rounds:
                self._make_next_round()
            return real.__sklearn_clone__(estimator)

        @functools.wraps(real.fit)
        def fit(estimator: Any, X: Any, *args: Any, **params: Any) -> Any:
            if not self.fits_again:
                estimator.__class__ = real  # its time has come
                if not self._made:  # the fit of the best estimator on all samples
                    return estimator.fit(X, *args, **params)
            elif not self._made:
                self._make_next_round()
            n_samples, result, traceback = self._made.popleft()
            if length(X) != n_samples:
                raise RuntimeError(
                    f"A fit to {n_samples} samples was made, one to {length(X)} is asked for."
                )
            if result.error is not None:
                # Each raise lengthens the traceback, and fits of a stack may share their error.
                raise result.error.with_traceback(traceback)
            vars(estimator).update(vars(result.estimator))
            return estimator

        estimator = clone(self.estimator)
        body = {
            "fit": fit,
            "__sklearn_clone__": cloned,
            "__module__": real.__module__,
            "__doc__": real.__doc__,
        }
        metaclass: Any = type(real)
        estimator.__class__ = metaclass(real.__name__, (real,), body)
        return estimator

    def expect(
        self,
        X: Any,
        y: Any,
        params: dict[str, Any],
        expected: Sequence[ExpectedFit],
        contexts: Iterable[Any] = (),
    ) -> None:
        """Note the fits that are ``expected``; they are made when the first of them is asked for.

        Parameters
        ----------
        X, y : array-likes
        params : dict
            The metadata for ``fit``.
        expected : sequence of ExpectedFit
            In the order in which they will be asked for.
        contexts : iterable of callback contexts, default=()
            One per fit, if there are callbacks.
        """
        parts = {
            (id(fit.rows), id(fit.y)): TrainingPart(X, y if fit.y is None else fit.y, params, fit.rows)
            for fit in expected
        }
        estimators = {
            id(parameters): clone(self.estimator).set_params(**clone(parameters, safe=False))
            for parameters in {id(fit.parameters): fit.parameters for fit in expected}.values()
        }
        choices = {name: choices_if_valid(estimator) for name, estimator in estimators.items()}
        wrappers = {name: wrappers_key(estimator) for name, estimator in estimators.items()}
        requests = [
            FitRequest(
                index,
                estimators[id(fit.parameters)],
                choices[id(fit.parameters)],
                parts[id(fit.rows), id(fit.y)],
                wrappers[id(fit.parameters)],
                for_user=self.for_user,
                caller=self.caller,
            )
            for index, fit in enumerate(expected)
        ]
        for request, context in zip(requests, contexts, strict=False):
            request.context = context
        self._expected, self._n_done = expected, 0
        self._continued.next_iteration()
        self._rounds.extend(rounds_of(requests))

    def _make_next_round(self) -> None:
        """Make as many fits as may wait in memory until scikit-learn takes them."""
        requests = self._rounds.popleft()
        was_interrupted = self.interrupted
        results = self._results(requests)
        self._n_done += sum(not result.interrupted for result in results)
        if self.interrupted and not was_interrupted:
            self._report_interruption()
        self.seconds += [result.seconds for result in results]
        for request, result in zip(requests, results, strict=True):
            traceback = None if result.error is None else result.error.__traceback__
            self._made.append((len(self._expected[request.index].rows), result, traceback))

    def _results(self, requests: list[FitRequest]) -> list[FitResult]:
        """Return what becomes of each fit."""
        expected = [self._expected[request.index] for request in requests]
        results: dict[int, FitResult] = {}
        for request, fit in zip(requests, expected, strict=True):
            if (over := self._continued.continue_earlier(request, fit)) is not None:
                results[request.index] = over
        try:
            left = [] if self.interrupted else [r for r in requests if r.index not in results]
            for done in self._trained(left):
                results[done.index] = done
                self.interrupted |= done.interrupted
        except KeyboardInterrupt:
            self.interrupted = True
        for request in requests:
            if request.index not in results:
                results[request.index] = FitResult(request.index)
                results[request.index].interrupt()
        ordered = [results[request.index] for request in requests]
        for fit, result in zip(expected, ordered, strict=True):
            self._continued.keep(fit, result)
        return ordered

    def _trained(self, requests: list[FitRequest]) -> Iterator[FitResult]:
        """Yield what becomes of each fit."""
        jobs = jobs_of(requests, self.n_workers)
        if self.verbose > 0 and requests:
            print(f"Training {len(requests)} fits in {len(jobs)} jobs")
            say_why(self.verbose, *reasons_of(requests))
        # Where several networks fit the cache, their products are too small for threads of BLAS.
        limit = 1 if are_stacks(jobs) else None
        parallel = self.parallel
        if self.n_workers > 1 and are_compiled(requests):
            parallel, limit = self.threads, 1  # unless the user has chosen another backend
        with threadpool_limits(limit, "blas"):
            options = self._continued.is_asked_for, get_config()
            for done in parallel(delayed(run)(job, *options) for job in jobs):
                yield from done
                if any(result.interrupted for result in done):
                    return

    def _report_interruption(self) -> None:
        """Warn of what is missing; raise if nothing is there, or nothing may be missing."""
        if self.error_score == "raise" or not (self._n_done or self.n_rounds):
            raise KeyboardInterrupt
        warnings.warn(
            f"Interrupted by user: {self._n_done} of {len(self._expected)} fits are done and kept, the"
            f" others get error_score={self.error_score}.",
            stacklevel=2,
        )
        if not self._n_done:
            raise InterruptedSearchError


def choices_if_valid(estimator: Any) -> Choices | None:
    """Return what the parameters of a network choose; None if they are invalid, or there is no network."""
    network = last_network(estimator)
    try:
        return None if network is None else choices_of(network)
    except (ValueError, TypeError):  # the fit itself will raise
        return None


class ContinuedFits:
    """The fits of a halving search by ``max_iter``, whose later iterations continue the earlier ones.

    Parameters
    ----------
    resource : str, or None
        The parameter by which they differ; None: every fit begins anew.
    """

    def __init__(self, resource: str | None) -> None:
        self.resource = resource
        self._earlier: dict[Hashable, FitResult] = {}
        self._now: dict[Hashable, FitResult] = {}

    @property
    def is_asked_for(self) -> bool:
        """Whether what is needed to continue must be kept."""
        return self.resource is not None

    def next_iteration(self) -> None:
        """Begin an iteration of the search."""
        self._earlier, self._now = self._now, {}

    def keep(self, fit: ExpectedFit, result: FitResult) -> None:
        """Keep a fit for the next iteration."""
        if (name := self._name(fit)) is not None:
            self._now[name] = result

    def continue_earlier(self, request: FitRequest, fit: ExpectedFit) -> FitResult | None:
        """Let a fit continue an earlier one; return what becomes of it if training is over already."""
        name = self._name(fit)
        earlier = None if name is None else self._earlier.get(name)
        if earlier is None or earlier.result is None or earlier.error is not None:
            return None
        if request.choices is None:
            return None
        schedules = request.choices.schedules.values()
        is_planned = any(schedule.needs_the_end or schedule.warmup for schedule in schedules)
        if is_planned and request.choices.length_of_plan[1] is None:
            return None  # its rates are planned for another number of epochs
        reasons = set(earlier.result.reasons)
        if reasons == {StopReason.MAX_ITER}:
            request.before = earlier.result.state
        elif StopReason.MAX_ITER not in reasons:
            max_iter = last_network(request.estimator).max_iter
            earlier.estimator.set_params(**{str(self.resource): max_iter})
            return FitResult(request.index, earlier.estimator, result=earlier.result)
        return None

    def _name(self, fit: ExpectedFit) -> Hashable:
        """Return what a fit has in common with the one that it continues; None if it begins anew."""
        if self.resource is None:
            return None
        others = {name: value for name, value in fit.parameters.items() if name != self.resource}
        name = digest(others, None)
        return None if name is None else (name, fit.fold)
