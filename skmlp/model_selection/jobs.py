"""What a worker does: train some fits, those of one kind as one stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from math import ceil
from typing import Any

import numpy as np
from sklearn.base import clone

from skmlp.compiled.config import config_context
from skmlp.estimators.attributes import publish
from skmlp.estimators.callbacks import has_callbacks, monitor_of, with_callbacks
from skmlp.estimators.floating_point import never_raised
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.estimators.problems import choices_of, problem_of, read
from skmlp.fitting.data import Data, Reading
from skmlp.fitting.monitors import FitMonitor, StackMonitor
from skmlp.fitting.outcome import fitted_attributes
from skmlp.fitting.problem import Problem
from skmlp.fitting.reports import report
from skmlp.fitting.solvers import train, train_stack
from skmlp.fitting.stacks import networks_of, stack_key
from skmlp.model_selection.planning import DATA_BYTES, by_part, most_in_cache, scales_own_rows
from skmlp.model_selection.preprocessing import preprocess
from skmlp.model_selection.requests import FitRequest, FitResult
from skmlp.model_selection.samples import TrainingPart, digest, same_values, takes_rows
from skmlp.model_selection.wrappers import last_network, put_together
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stopping import StopReason

BLOCK_BYTES = 2**20
"""Rows that are looked at together while a training part is checked."""

VALIDATION = ("X_val", "y_val", "sample_weight_val")

KNOWN = {"sample_weight", *VALIDATION}
"""The metadata that the networks of skmlp take; ``fit`` will complain of others."""


@dataclass
class PreparedFit:
    """A fit of which everything is settled but the weights.

    Attributes
    ----------
    request : FitRequest
        Of wrappers, that of their network alone.
    estimator : BaseMultilayerPerceptron
        Where the fitted attributes are published.
    problem : Problem
    result : FitResult
        Where it is written what becomes of the fit.
    whole : callable
        From the fitted network to the whole estimator.
    """

    request: FitRequest
    estimator: BaseMultilayerPerceptron
    problem: Problem
    result: FitResult
    whole: Callable[[Any], Any]

    def alone(self, keep_results: bool) -> None:
        """Make the fit by itself, from its very beginning."""
        estimator = clone(self.request.estimator)
        if has_callbacks(estimator):
            estimator.set_callbacks()  # they have seen this fit
        request = replace(self.request, estimator=estimator, context=None)
        (made,) = run([request], keep_results)
        self.result.error, self.result.result = made.error, made.result
        if made.error is None:
            self.result.estimator = self.whole(made.estimator)

    def finish(self, trained: TrainingResult, monitor: FitMonitor) -> None:
        """Publish what became of the networks, and say why training stopped."""
        if StopReason.INTERRUPTED in trained.reasons:
            self.result.interrupt()
            return
        try:
            report(self.problem, trained, time_is_up=monitor.time_is_up)
            attributes = fitted_attributes(self.problem, trained)
            is_kept = self.request.for_user or self.problem.choices.warm_start
            if trained.state is not None and not is_kept:
                attributes["_optimizer_state"] = None
            publish(self.estimator, attributes)
            self.result.estimator = self.whole(self.estimator)
        except Exception as error:
            self.result.error = error


def run(
    requests: Sequence[FitRequest], keep_results: bool = False, config: dict[str, Any] | None = None
) -> list[FitResult]:
    """Train the networks of ``requests``, in as few stacks as possible, and fit all other estimators.

    Few training parts that had to be copied are there at a time: when they fill the memory that they may,
    their fits are trained before the next are prepared.

    Parameters
    ----------
    requests : sequence of FitRequest
    keep_results : bool, default=False
        Whether to return what is needed to continue training.
    config : dict, default=None
        The settings of the thread that asks for the fits; None: those of this one.

    Returns
    -------
    list of FitResult
    """
    results = {request.index: FitResult(request.index) for request in requests}
    try:
        with ExitStack() as contexts, never_raised(), config_context(**config or {}):
            waiting: list[PreparedFit] = []
            for group in by_part(requests):
                for fits in prepared(group, results, contexts):
                    waiting += fits
                    if copied_bytes(waiting) + copied_bytes(fits) > DATA_BYTES:  # the next may be as large
                        train_stacks(waiting, results, keep_results)
                        contexts.close()
                        waiting, fits = [], []  # both hold their samples
            train_stacks(waiting, results, keep_results)
    except KeyboardInterrupt:  # outside of training; what is done is kept
        for result in results.values():
            if result.estimator is None and result.error is None:
                result.interrupt()
    return list(results.values())


def prepared(
    requests: Sequence[FitRequest], results: dict[int, FitResult], contexts: ExitStack
) -> Iterator[list[PreparedFit]]:
    """Yield the networks of one of the groups, prepared; fit all other estimators to it.

    What becomes of them is written into ``results``.
    """
    if any(result.interrupted for result in results.values()):
        for request in requests:
            results[request.index].interrupt()
        return
    part, wrappers = requests[0].part, None
    if requests[0].wrappers is not None:
        before = preprocess(requests[0].estimator, part)
        for request in requests:
            results[request.index].seconds += before.seconds / len(requests)
            results[request.index].error = before.error
        if before.error is not None:
            return
        part, wrappers = before.part, before.wrappers
    fits, preparation = [], Preparation(part)
    for request in requests:
        result, whole = results[request.index], partial(put_together, request.estimator, wrappers)
        if wrappers is not None:
            network = last_network(request.estimator)
            request = replace(request, estimator=network, part=part, wrappers=None)
        started, estimator = time.perf_counter(), clone(request.estimator)
        enter(request, estimator, preparation, contexts)
        try:
            if last_network(estimator) is estimator and KNOWN.issuperset(part.params):
                problem = preparation.problem_of(request, estimator)
                fits.append(PreparedFit(request, estimator, problem, result, whole))
            else:
                cut = preparation.cut
                result.estimator = whole(estimator.fit(cut.X, cut.y, **cut.params))
        except Exception as error:
            result.error = error
        result.seconds += time.perf_counter() - started
        if fits and scales_own_rows(fits[-1].problem.choices):
            yield [fits.pop()]
    yield fits


def train_stacks(fits: Sequence[PreparedFit], results: dict[int, FitResult], keep_results: bool) -> None:
    """Train fits in as few stacks as fit the cache, unless an interruption has come before."""
    stacks: dict[Hashable, list[PreparedFit]] = {}
    for fit in fits:
        stacks.setdefault(key_of(fit), []).append(fit)
    for stack in stacks.values():
        problem = stack[0].problem
        most = most_in_cache(problem.choices, problem.network, problem.n_rows, problem.theta.itemsize)
        for some in np.array_split(np.arange(len(stack)), ceil(len(stack) / most)):
            if any(result.interrupted for result in results.values()):
                for i in some:
                    stack[i].result.interrupt()
            else:
                train_fits([stack[i] for i in some], keep_results)


def copied_bytes(fits: Sequence[PreparedFit]) -> int:
    """Return about what the samples of fits fill, other than rows of the user's X; once if they share."""
    copies = {id(fit.problem.data.X): fit.problem.data for fit in fits if fit.problem.data.index is None}
    return sum(TrainingPart(data.X, None, {}).n_bytes for data in copies.values())


class Preparation:
    """Prepares fits to a training part; what several of them make of it is made once."""

    def __init__(self, part: TrainingPart) -> None:
        self.part = part
        self._readings: dict[Hashable, Reading] = {}
        self._shared: dict[Hashable, list[Data]] = {}
        self._held_out: dict[Hashable, list[Data]] = {}

    @cached_property
    def cut(self) -> TrainingPart:
        """The part by itself."""
        return self.part.cut()

    @cached_property
    def uncopied(self) -> TrainingPart:
        """The part with the first rows of X in place of its own, where a check would find no difference."""
        X, rows = self.part.X, np.asarray(self.part.rows)
        first, n_blocks = X[: len(rows)], ceil(len(rows) * X[:1].nbytes / BLOCK_BYTES)
        blocks = (X[block] for block in np.array_split(rows, n_blocks or 1))
        with np.errstate(over="ignore", invalid="ignore"):
            finite = all(np.isfinite(block.sum()) for block in chain([first], blocks))
        return self.part.cut(first) if finite and len(first) == len(rows) else self.cut

    def problem_of(self, request: FitRequest, network: BaseMultilayerPerceptron) -> Problem:
        """Return the problem of a network."""
        # The clone has a random stream of its own, as in scikit-learn.
        choices = replace(request.choices or choices_of(network), random_state=network.random_state)
        takes = takes_rows(choices, self.part) and not has_callbacks(network)
        cut = self.uncopied if takes else self.cut
        params = {"sample_weight": None} | cut.params
        validation = tuple(params.pop(name, None) for name in VALIDATION)
        read_alike = digest(
            (choices.dtype, choices.class_weight, choices.loss, choices.encoding), otherwise=object()
        )
        same = type(network), takes, has_callbacks(network), read_alike
        if same not in self._readings:
            reading = read(network, choices, cut.X, cut.y, **params, classes=None, continuing=False)
            if takes:
                index = np.arange(len(self.part.X))[self.part.rows]
                reading = replace(reading, data=replace(reading.data, X=self.part.X, index=index))
            self._readings[same] = reading
        problem = problem_of(
            network,
            cut.X,
            cut.y,
            **params,
            validation=validation,
            choices=choices,
            reading=self._readings[same],
        )
        shared = self._shared.setdefault(same, [])
        problem = replace(problem, data=shared_data(problem.data.dense_if_quicker(), shared))
        del shared[:-1]  # where each fit scales its own rows, few are the same
        validate = problem.validate
        if not validate or choices.standardize:
            return problem
        same_rows = same, digest(problem.rows, otherwise=object())
        held_out = self._held_out.setdefault(same_rows, [each.data for each in validate])
        pairs = zip(validate, held_out, strict=True)
        return replace(problem, held_out=held_out, validate=[replace(v, data=part) for v, part in pairs])


def shared_data(data: Data, shared: list[Data]) -> Data:
    """Return equal data that are there already, or else these: a stack holds samples once."""
    for known in shared:
        pairs = ((data.X, known.X), (data.y, known.y), (data.sample_weight, known.sample_weight))
        if all(same_values(a, b) for a, b in pairs):
            return known
    shared.append(data)
    return data


def key_of(fit: PreparedFit) -> Hashable:
    """Return what the fits of one stack have in common."""
    choices, before = fit.problem.choices, fit.request.before
    if not choices.is_stochastic or choices.max_time is not None:
        return fit.request.index  # one by one
    n_epochs = 0 if before is None else len(before.curves.losses[0])
    if (file := fit.problem.file) is not None and file.is_there:
        if file.is_complete:
            return fit.request.index  # there is nothing to train
        n_epochs = file.n_epochs
    key = stack_key(fit.problem), n_epochs
    try:
        hash(key)
    except TypeError:
        return fit.request.index  # nothing is known of what a user has written
    return key


def train_fits(fits: list[PreparedFit], keep_results: bool) -> None:
    """Train the networks of ``fits`` together, and write what became of each into its result."""
    started = time.perf_counter()
    monitors = [monitor_of(fit.estimator, fit.problem) for fit in fits]
    try:
        trained = results_of(fits, monitors)
    except Exception as error:
        if len(fits) == 1:
            fits[0].result.error = error
        else:  # a scorer, or a callback, has failed: find out in which fit
            for fit in fits:
                fit.alone(keep_results)
    else:
        for fit, of_fit, monitor in zip(fits, trained, monitors, strict=True):
            fit.finish(of_fit, monitor)
            if keep_results and of_fit.state is not None:
                fit.result.result = of_fit
    for fit, monitor in zip(fits, monitors, strict=True):
        monitor.close()
        fit.result.seconds += (time.perf_counter() - started) / len(fits)


def results_of(fits: list[PreparedFit], monitors: Sequence[FitMonitor]) -> list[TrainingResult]:
    """Return what became of the networks of each fit."""
    problems = [fit.problem for fit in fits]
    if not problems[0].choices.is_stochastic:
        return [train(problems[0], monitors[0])]
    listens = any(monitor.monitors for monitor in monitors)
    monitor = StackMonitor(monitors, networks_of(problems)) if listens else Monitor()
    return train_stack(problems, monitor, [fit.request.before for fit in fits])


@with_callbacks  # type: ignore[untyped-decorator]
def end_callbacks(estimator: Any) -> None:
    """Let the callbacks of an estimator end, as its own ``fit`` would."""


def enter(request: FitRequest, estimator: Any, preparation: Preparation, contexts: ExitStack) -> None:
    """Begin scikit-learn's callback context of a fit, and end it with all others."""
    contexts.callback(end_callbacks, estimator)
    if request.context is None:
        return
    arguments = {"estimator": request.caller, "X": preparation.cut.X, "y": preparation.cut.y}
    contexts.callback(lambda: request.context.call_on_fit_task_end(**arguments))
    contexts.enter_context(request.context.propagate_callback_context(estimator))
    request.context.call_on_fit_task_begin(**arguments)
