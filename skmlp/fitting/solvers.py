"""From prepared problems to trained networks: one fit, or several as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import cast

import numpy as np

from skmlp.compiled.door import with_compiled
from skmlp.fitting.checkpoints import FitFile
from skmlp.fitting.combinations import check_batch_size
from skmlp.fitting.plans import plan_of
from skmlp.fitting.problem import Problem
from skmlp.fitting.resuming import resume
from skmlp.fitting.stacks import PooledSamples, networks_of, per_network, validation_of
from skmlp.network.hyperparameters import stacked
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.checkpoints import Saver
from skmlp.training.full_batch import Run
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stack import Setup
from skmlp.training.state import State
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping, StopReason


def train(problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train the networks of one fit by the solver that was chosen."""
    choices, data = problem.choices, problem.data
    if isinstance(choices.solver, Optimizer):
        (result,) = train_stack([problem], monitor)
        return result
    if problem.file is not None and problem.file.is_complete:
        return problem.file.result(problem.random_states)
    samples = data.X, problem.y, data.sample_weight  # class indicators are made once
    runs = [
        Run(
            objective=problem.objective.keep(network),
            theta=problem.theta[k].copy(),
            samples=samples,
            network=k,
            random_state=problem.random_states[k],
            max_iter=choices.max_iter,
            max_fun=choices.max_fun,
            tol=choices.tol,
            monitor=monitor,
            cost=problem.cost,
            bounds=problem.bounds,
        )
        for k, network in enumerate(np.eye(len(problem.theta), dtype=bool))
    ]
    result = choices.solver.train(runs)
    if problem.file is not None:
        problem.file.save_result(result, problem.random_states)
    return result


def train_stack(
    problems: Sequence[Problem], monitor: Monitor, states: Sequence[State | None] | None = None
) -> list[TrainingResult]:
    """Train the networks of fits of one `stack_key` together by stochastic gradient descent.

    Parameters
    ----------
    problems : sequence of Problem
        A single one is a stack of one.
    monitor : Monitor
    states : sequence of State or None, default=None
        How far each fit has come, all in as many epochs: training continues as if it had never ended.
        None: it begins, or continues from the earlier fit or the file of its problem.

    Returns
    -------
    list of TrainingResult
        What became of each fit; with the state from which it can be continued.
    """
    for problem in problems:
        check_batch_size(problem.choices, problem.n_rows)
    choices, plan = problems[0].choices, plan_of(problems[0])
    samples = PooledSamples.of(problems)
    before = states or [None] * len(problems)
    started = [start_of(problem, state) for problem, state in zip(problems, before, strict=True)]
    for state, start in zip(started, samples.starts, strict=True):
        state.order += start
    setup = setup_of(problems, samples, plan.n_to_train)
    solver = StochasticSolver(
        with_compiled(setup, plan.n_to_train),
        schedule=choices.schedule,
        validate=validation_of(problems),
        monitor=monitor,
        n_epochs=plan.n_epochs,
        first_step=plan.n_done * len(setup.batches.counts),
        saver=saver_of(problems, samples.starts),
        weight_decay_schedule=choices.weight_decay_schedule,
        dropout_schedule=choices.dropout_schedule,
    )
    stack = networks_of(problems)
    stopped = {
        own.start + k: reason
        for problem, own in zip(problems, stack, strict=True)
        if problem.file is not None
        for k, reason in problem.file.stopped.items()
    }
    alone = len(problems) == 1
    result = solver.train(started[0] if alone else State.concatenate(started), stopped)
    results = [result] if alone else [result.of(networks) for networks in stack]
    setup.batches.let_go()
    for each, problem, start in zip(results, problems, samples.starts, strict=True):
        each.state = with_own_rows(cast(State, each.state), problem, start)
        file, is_amid_an_epoch = problem.file, StopReason.INTERRUPTED in each.reasons
        if file is not None and not file.is_complete and not is_amid_an_epoch:
            file.save(each.state, dict(enumerate(each.reasons)))
    return results


def setup_of(problems: Sequence[Problem], samples: PooledSamples, n_epochs: int) -> Setup:
    """Return what training does not change; that of the last ``partial_fit``, where it fits."""
    choices, reusable = problems[0].choices, problems[0].reusable
    n_rows = np.array([problem.n_rows for problem in problems for _ in problem.theta])
    if reusable is not None and reusable.setup is not None:
        batches = reusable.setup.batches
        if batches.fits(samples.X, samples.y, samples.weights, n_rows):
            batches.X, batches.y, batches.sample_weight = samples.X, samples.y, samples.weights
            return reusable.setup
    batch_size = max(p.choices.rows_per_batch(p.n_rows) for p in problems)
    optimizers = [cast(Optimizer, problem.choices.solver) for problem in problems for _ in problem.theta]
    weight_decay = per_network(problems, lambda choices: choices.weight_decay)
    max_grad_norm = per_network(problems, lambda choices: choices.max_grad_norm or np.inf)
    setup = Setup(
        Objective.stack([problem.objective for problem in problems]),
        Batches(
            samples.X,
            samples.y,
            samples.weights,
            batch_size,
            problems[0].network.widths[-1],
            n_rows,
            problems[0].targets.group_sizes,
            samples.rows,
        ),
        optimizer=stacked(optimizers),
        learning_rate=per_network(problems, lambda choices: choices.learning_rate_init),
        stopping=Stopping(
            n_epochs,
            choices.n_iter_no_change,
            per_network(problems, lambda choices: choices.tol),
        ),
        weight_decay=weight_decay if weight_decay.any() else None,
        bounds=problems[0].bounds,
        max_grad_norm=max_grad_norm if np.isfinite(max_grad_norm).any() else None,
    )
    if reusable is not None and isinstance(samples.X, np.ndarray):
        reusable.setup = setup
    return setup


def start_of(problem: Problem, before: State | None) -> State:
    """Return the state that training begins with: what was saved of the fit, ``before``, or a new one."""
    is_saved = problem.file is not None and problem.file.is_there
    if before is not None and not is_saved:
        return deepcopy(before)
    state = started_state(problem)
    resume(problem, state)
    return cast(FitFile, problem.file).state(state.random_states, state.streams) if is_saved else state


def saver_of(problems: Sequence[Problem], starts: Sequence[int]) -> Saver | None:
    """Return what saves each fit of a stack in its file; None without a ``checkpoint``."""
    checkpoint = problems[0].choices.checkpoint
    if checkpoint is None:
        return None
    finished: set[int] = set()

    def save(state: State, stopped: dict[int, StopReason]) -> None:
        for problem, own, start in zip(problems, networks_of(problems), starts, strict=True):
            networks = range(own.start, own.stop)
            reasons = {i: stopped[k] for i, k in enumerate(networks) if k in stopped}
            if own.start not in finished:
                of_fit = state if len(problems) == 1 else state.take(np.array(networks))
                cast(FitFile, problem.file).save(with_own_rows(of_fit, problem, start), reasons)
            if len(reasons) == len(networks):
                finished.add(own.start)

    return Saver(save, checkpoint.every)


def with_own_rows(state: State, problem: Problem, start: int) -> State:
    """Return the state of a fit whose samples begin at ``start`` among those of its stack."""
    n_rows = problem.n_rows
    is_own = start == 0 and state.order.shape[1] == n_rows
    return state if is_own else replace(state, order=state.order[:, :n_rows] - start)


def started_state(problem: Problem) -> State:
    """Return the state of a fit before its first step."""
    choices, solver = problem.choices, problem.choices.solver
    n_networks, before = len(problem.theta), problem.remembered
    return State.start(
        problem.theta,
        solver.n_moments if isinstance(solver, Optimizer) else 0,
        np.full(n_networks, choices.learning_rate_init),
        order=np.broadcast_to(problem.rows, (n_networks, problem.n_rows)),
        random_states=problem.random_states if choices.shuffle else [],
        streams=problem.streams,
        validated=bool(problem.validate),
        copy=not problem.incremental,  # nothing asks for where a partial_fit began
        moments=None if before is None else before["moments"],
    )
