"""What a worker does: train some fits, those of one kind as one stack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import clone

from skmlp.estimators.callbacks import FitMonitor, has_callbacks, with_callbacks
from skmlp.estimators.data import Data, Reading
from skmlp.estimators.memory import Progress
from skmlp.estimators.problem import Problem
from skmlp.estimators.reports import report
from skmlp.estimators.solvers import by_batches, train
from skmlp.estimators.stacks import Fit, StackMonitor, kind_of, networks_of
from skmlp.model_selection.samples import Samples, network_of, same_values
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stopping import StopReason

VALIDATION = ("X_val", "y_val", "sample_weight_val")

KNOWN = {"sample_weight", *VALIDATION}
"""The metadata that the networks of skmlp take; ``fit`` will complain of others."""


class NotTrainedError(RuntimeError):
    """A fit that an interruption came before."""


@dataclass(eq=False)
class Task:
    """A fit to be made.

    Attributes
    ----------
    index : int
        Its place among all fits that were asked for.
    estimator : object
        With its parameters set: a network, or whatever is not to be taken apart. A clone of it is fitted.
    samples : Samples
    before : Progress, or None
        From where training goes on.
    context : object, or None
        scikit-learn's callback context of the fit.
    caller : object, or None
        What the callbacks are told to be the estimator of that context.
    """

    index: int
    estimator: Any
    samples: Samples
    before: Progress | None = None
    context: Any = None
    caller: Any = None


@dataclass
class Outcome:
    """What became of a task.

    Attributes
    ----------
    index : int
    estimator : object
        Fitted, unless there is an ``error``.
    seconds : float
        The time of the fit: its share in that of a stack.
    error : Exception, or None
    progress : Progress, or None
        How far it has come, if that was asked for.
    """

    index: int
    estimator: Any = None
    seconds: float = 0.0
    error: Exception | None = None
    progress: Progress | None = None

    def interrupt(self) -> None:
        """Note that an interruption came before the end of the fit."""
        self.error = NotTrainedError("An interruption came before the end of this fit.")

    @property
    def interrupted(self) -> bool:
        """Whether the fit did not come to its end because of an interruption."""
        return isinstance(self.error, NotTrainedError)


@dataclass
class Entry:
    """A task of which everything is settled but the weights."""

    task: Task
    fit: Fit
    outcome: Outcome

    def alone(self, keep_progress: bool) -> None:
        """Make the fit by itself, from its very beginning."""
        estimator = clone(self.task.estimator)
        if has_callbacks(estimator):
            estimator.set_callbacks()  # they have been told of this fit
        task = replace(self.task, estimator=estimator, context=None)
        (outcome,) = run([task], keep_progress)
        vars(self.outcome).update(vars(outcome))

    def finish(self, result: TrainingResult, monitor: FitMonitor) -> None:
        """Publish what became of the networks, and say why training stopped."""
        estimator, problem = self.fit
        if StopReason.INTERRUPTED in result.reasons:
            self.outcome.interrupt()
            return
        try:
            estimator._publish(problem, result)
            report(estimator, problem, result, monitor)
            self.outcome.estimator = estimator
        except Exception as error:
            self.outcome.error = error
        if not estimator.warm_start:
            estimator.__dict__.pop("_memory", None)  # many fits: only the weights are kept of each


def run(tasks: Sequence[Task], keep_progress: bool = False) -> list[Outcome]:
    """Train the networks of ``tasks``, in as few stacks as may be, and fit all other estimators.

    Parameters
    ----------
    tasks : sequence of Task
    keep_progress : bool, default=False
        Whether to return what is needed to go on with training.

    Returns
    -------
    list of Outcome
    """
    with ExitStack() as contexts:
        outcomes: list[Outcome] = []
        stacks: dict[Any, list[Entry]] = {}
        cut = {id(samples): samples.cut() for samples in {id(t.samples): t.samples for t in tasks}.values()}
        readings: dict[Any, Reading] = {}
        shared: dict[Any, list[Data]] = {}
        for task in tasks:
            samples, outcome = cut[id(task.samples)], Outcome(task.index)
            outcomes.append(outcome)
            started, estimator = time.perf_counter(), clone(task.estimator)
            enter(task, estimator, samples, contexts)
            try:
                if network_of(estimator) is estimator and KNOWN.issuperset(samples.params):
                    same = id(samples), estimator._reading_key()
                    problem = prepared(estimator, samples, readings.get(same))
                    readings[same] = problem.read
                    data = shared_data(problem.data, shared.setdefault(same, []))
                    entry = Entry(task, Fit(estimator, replace(problem, data=data)), outcome)
                    stacks.setdefault(key_of(entry), []).append(entry)
                else:
                    outcome.estimator = estimator.fit(samples.X, samples.y, **samples.params)
            except Exception as error:
                outcome.error = error
            outcome.seconds += time.perf_counter() - started
        for entries in stacks.values():
            if any(outcome.interrupted for outcome in outcomes):
                for entry in entries:
                    entry.outcome.interrupt()
            else:
                train_stack(entries, keep_progress)
        return outcomes


def prepared(network: Any, samples: Samples, read: Reading | None = None) -> Problem:
    """Return the problem of a network on ``samples``; ``read`` is what another has made of them."""
    params = {"sample_weight": None} | samples.params
    validation = tuple(params.pop(name, None) for name in VALIDATION)
    problem: Problem = network._prepare(samples.X, samples.y, **params, validation=validation, read=read)
    return problem


def shared_data(data: Data, shared: list[Data]) -> Data:
    """Return equal data that are there already, or else these: a stack holds samples once."""
    for known in shared:
        pairs = ((data.X, known.X), (data.y, known.y), (data.sample_weight, known.sample_weight))
        if all(same_values(a, b) for a, b in pairs):
            return known
    shared.append(data)
    return data


def key_of(entry: Entry) -> Any:
    """Return what the entries of one stack have in common."""
    if not entry.fit.estimator._is_stochastic() or entry.fit.estimator.max_time is not None:
        return entry.task.index  # one by one
    n_epochs = 0 if entry.task.before is None else len(entry.task.before.result.loss_curves[0])
    key = kind_of(entry.fit), n_epochs
    try:
        hash(key)
    except TypeError:
        return entry.task.index  # of a choice of the user's own nothing is known
    return key


def train_stack(entries: list[Entry], keep_progress: bool) -> None:
    """Train the networks of ``entries`` together, and write what became of each into its outcome."""
    started = time.perf_counter()
    fits = [entry.fit for entry in entries]
    monitors = [FitMonitor(e, problem.given, problem.network, with_callbacks=True) for e, problem in fits]
    try:
        ended = results_of(entries, monitors, keep_progress)
    except Exception as error:
        if len(entries) == 1:
            entries[0].outcome.error = error
        else:  # a scorer, or whoever listens, has failed: to find out of whose fit
            for entry in entries:
                entry.alone(keep_progress)
    else:
        for entry, result, monitor in zip(entries, ended, monitors, strict=True):
            entry.finish(result, monitor)
    for entry, monitor in zip(entries, monitors, strict=True):
        monitor.close()
        entry.outcome.seconds += (time.perf_counter() - started) / len(entries)


def results_of(
    entries: list[Entry], monitors: Sequence[FitMonitor], keep_progress: bool
) -> list[TrainingResult]:
    """Return what became of the networks of each fit."""
    fits, before = [entry.fit for entry in entries], [entry.task.before for entry in entries]
    if not fits[0].estimator._is_stochastic():
        return [train(*fits[0], monitors[0])]
    listens = any(monitor.monitors for monitor in monitors)
    monitor = StackMonitor(monitors, networks_of(fits)) if listens else Monitor()
    progress = by_batches(fits, monitor, [p for p in before if p is not None] or None)
    if keep_progress:
        for entry, ended in zip(entries, progress, strict=True):
            entry.outcome.progress = ended
    return [ended.result for ended in progress]


@with_callbacks  # type: ignore[untyped-decorator]
def end_callbacks(estimator: Any) -> None:
    """Let the callbacks of an estimator end, as its own ``fit`` would."""


def enter(task: Task, estimator: Any, samples: Samples, contexts: ExitStack) -> None:
    """Begin scikit-learn's callback context of a task, and end it with all others."""
    contexts.callback(end_callbacks, estimator)
    if task.context is None:
        return
    told = {"estimator": task.caller, "X": samples.X, "y": samples.y}
    contexts.callback(lambda: task.context.call_on_fit_task_end(**told))
    contexts.enter_context(task.context.propagate_callback_context(estimator))
    task.context.call_on_fit_task_begin(**told)
