"""What a worker does: train some fits, those of one kind as one stack."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skmlp.estimators.attributes import publish
from skmlp.estimators.callbacks import has_callbacks, monitor_of, with_callbacks
from skmlp.estimators.floating_point import never_raised
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.estimators.problems import choices_of, problem_of, read
from skmlp.fitting.choices import Choices
from skmlp.fitting.data import Data, Reading
from skmlp.fitting.monitors import FitMonitor, StackMonitor
from skmlp.fitting.outcome import fitted_attributes
from skmlp.fitting.problem import Problem
from skmlp.fitting.reports import report
from skmlp.fitting.solvers import train, train_stack
from skmlp.fitting.stacks import networks_of, stack_key
from skmlp.model_selection.samples import TrainingPart, digest, last_network, same_values, takes_rows
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.state import State
from skmlp.training.stopping import StopReason

VALIDATION = ("X_val", "y_val", "sample_weight_val")

KNOWN = {"sample_weight", *VALIDATION}
"""The metadata that the networks of skmlp take; ``fit`` will complain of others."""


class NotTrainedError(RuntimeError):
    """A fit that an interruption came before."""


@dataclass(eq=False)
class FitRequest:
    """A fit to be made.

    Attributes
    ----------
    index : int
        Its place among all fits that were asked for.
    estimator : object
        With its parameters set: a network, or whatever is not to be taken apart. A clone of it is fitted.
    choices : Choices, or None
        What the parameters of its network choose; None if they are invalid, or there is no network.
    part : TrainingPart
    before : State, or None
        From where training continues.
    for_user : bool, default=False
        Whether the user gets the estimator, and may go on with ``partial_fit``: it keeps the state of its
        optimizer, as after any ``fit``. Of fits that wait to be scored only the weights are kept.
    context : object, or None
        scikit-learn's callback context of the fit.
    caller : object, or None
        The estimator that callbacks are given for that context.
    """

    index: int
    estimator: Any
    choices: Choices | None
    part: TrainingPart
    before: State | None = None
    for_user: bool = False
    context: Any = None
    caller: Any = None


@dataclass
class FitResult:
    """What became of a fit.

    Attributes
    ----------
    index : int
    estimator : object
        Fitted, unless there is an ``error``.
    seconds : float
        The time of the fit: its share in that of a stack.
    error : Exception, or None
    result : TrainingResult, or None
        What became of its networks, if that was asked for and training can be continued.
    """

    index: int
    estimator: Any = None
    seconds: float = 0.0
    error: Exception | None = None
    result: TrainingResult | None = None

    def interrupt(self) -> None:
        """Note that an interruption came before the end of the fit."""
        self.error = NotTrainedError("An interruption came before the end of this fit.")

    @property
    def interrupted(self) -> bool:
        """Whether the fit did not come to its end because of an interruption."""
        return isinstance(self.error, NotTrainedError)


@dataclass
class PreparedFit:
    """A fit of which everything is settled but the weights."""

    request: FitRequest
    estimator: BaseMultilayerPerceptron
    problem: Problem
    result: FitResult

    def alone(self, keep_results: bool) -> None:
        """Make the fit by itself, from its very beginning."""
        estimator = clone(self.request.estimator)
        if has_callbacks(estimator):
            estimator.set_callbacks()  # they have seen this fit
        request = replace(self.request, estimator=estimator, context=None)
        (made,) = run([request], keep_results)
        self.result.estimator, self.result.error, self.result.result = (
            made.estimator,
            made.error,
            made.result,
        )

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
            self.result.estimator = self.estimator
        except Exception as error:
            self.result.error = error


def run(requests: Sequence[FitRequest], keep_results: bool = False) -> list[FitResult]:
    """Train the networks of ``requests``, in as few stacks as possible, and fit all other estimators.

    Parameters
    ----------
    requests : sequence of FitRequest
    keep_results : bool, default=False
        Whether to return what is needed to continue training.

    Returns
    -------
    list of FitResult
    """
    with ExitStack() as contexts, never_raised():
        results = {request.index: FitResult(request.index) for request in requests}
        stacks: dict[Hashable, list[PreparedFit]] = {}
        by_part: dict[int, list[FitRequest]] = {}
        for request in requests:
            by_part.setdefault(id(request.part), []).append(request)
        for some in by_part.values():
            for fit in prepared(some, results, contexts):
                stacks.setdefault(key_of(fit), []).append(fit)
        for fits in stacks.values():
            if any(result.interrupted for result in results.values()):
                for fit in fits:
                    fit.result.interrupt()
            else:
                train_fits(fits, keep_results)
        return list(results.values())


def prepared(
    requests: Sequence[FitRequest], results: dict[int, FitResult], contexts: ExitStack
) -> list[PreparedFit]:
    """Prepare the networks of one training part, and fit all other estimators to it.

    What becomes of them is written into ``results``.
    """
    fits, preparation = [], Preparation(requests[0].part)
    for request in requests:
        part, result = preparation.cut, results[request.index]
        started, estimator = time.perf_counter(), clone(request.estimator)
        enter(request, estimator, part, contexts)
        try:
            if last_network(estimator) is estimator and KNOWN.issuperset(part.params):
                problem = preparation.problem_of(request, estimator)
                fits.append(PreparedFit(request, estimator, problem, result))
            else:
                result.estimator = estimator.fit(part.X, part.y, **part.params)
        except Exception as error:
            result.error = error
        result.seconds += time.perf_counter() - started
    return fits


class Preparation:
    """Prepares fits to a training part; what several of them make of it is made once."""

    def __init__(self, part: TrainingPart) -> None:
        self.part, self.cut = part, part.cut()
        self._readings: dict[Hashable, Reading] = {}
        self._shared: dict[Hashable, list[Data]] = {}
        self._held_out: dict[Hashable, Data] = {}

    def problem_of(self, request: FitRequest, network: BaseMultilayerPerceptron) -> Problem:
        """Return the problem of a network."""
        params = {"sample_weight": None} | self.cut.params
        validation = tuple(params.pop(name, None) for name in VALIDATION)
        # The clone has a random stream of its own, as in scikit-learn.
        choices = replace(request.choices or choices_of(network), random_state=network.random_state)
        read_alike = digest(
            (choices.dtype, choices.class_weight, choices.loss, choices.encoding), otherwise=object()
        )
        same = type(network), takes_rows(choices, self.part), has_callbacks(network), read_alike
        if same not in self._readings:
            self._readings[same] = self._read(network, choices, **params)
        problem = problem_of(
            network,
            self.cut.X,
            self.cut.y,
            **params,
            validation=validation,
            choices=choices,
            reading=self._readings[same],
        )
        problem = replace(problem, data=shared_data(problem.data, self._shared.setdefault(same, [])))
        validate = problem.validate
        if validate is None or choices.standardize:  # each fit scales by its own rows
            return problem
        same_rows = same, digest(problem.rows, otherwise=object())
        held_out = self._held_out.setdefault(same_rows, validate.data)
        return replace(problem, held_out=held_out, validate=replace(validate, data=held_out))

    def _read(self, network: BaseMultilayerPerceptron, choices: Choices, sample_weight: Any) -> Reading:
        """Check and encode the part; where a network can take rows of X itself, no copy is kept."""
        X, y = self.cut.X, self.cut.y
        reading = read(network, choices, X, y, sample_weight, classes=None, continuing=False)
        if has_callbacks(network) or not takes_rows(choices, self.part):
            return reading
        index = np.arange(len(self.part.X))[self.part.rows]
        return replace(reading, data=replace(reading.data, X=self.part.X, index=index))


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
    states = [fit.request.before for fit in fits if fit.request.before is not None]
    return train_stack(problems, monitor, states or None)


@with_callbacks  # type: ignore[untyped-decorator]
def end_callbacks(estimator: Any) -> None:
    """Let the callbacks of an estimator end, as its own ``fit`` would."""


def enter(request: FitRequest, estimator: Any, part: TrainingPart, contexts: ExitStack) -> None:
    """Begin scikit-learn's callback context of a fit, and end it with all others."""
    contexts.callback(end_callbacks, estimator)
    if request.context is None:
        return
    arguments = {"estimator": request.caller, "X": part.X, "y": part.y}
    contexts.callback(lambda: request.context.call_on_fit_task_end(**arguments))
    contexts.enter_context(request.context.propagate_callback_context(estimator))
    request.context.call_on_fit_task_begin(**arguments)
