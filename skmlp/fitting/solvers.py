"""From prepared problems to trained networks: one fit, or several as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import cast

import numpy as np

from skmlp.compiled.door import compiled_steps
from skmlp.fitting.combinations import check_batch_size
from skmlp.fitting.plans import plan_of
from skmlp.fitting.problem import Problem
from skmlp.fitting.resuming import resume
from skmlp.fitting.stacks import PooledSamples, networks_of, per_network, validation_of
from skmlp.network.hyperparameters import stacked
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.full_batch import Run
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stack import Setup
from skmlp.training.state import State
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping


def train(problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train the networks of one fit by the solver that was chosen."""
    choices, data = problem.choices, problem.data
    if isinstance(choices.solver, Optimizer):
        (result,) = train_stack([problem], monitor)
        return result
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
        )
        for k, network in enumerate(np.eye(len(problem.theta), dtype=bool))
    ]
    return choices.solver.train(runs)


def train_stack(
    problems: Sequence[Problem], monitor: Monitor, states: Sequence[State] | None = None
) -> list[TrainingResult]:
    """Train the networks of fits of one `stack_key` together by stochastic gradient descent.

    Parameters
    ----------
    problems : sequence of Problem
        A single one is a stack of one.
    monitor : Monitor
    states : sequence of State, default=None
        How far each fit has come, all in as many epochs: training continues as if it had never ended.
        None: it begins, or continues from the earlier fits of the problems.

    Returns
    -------
    list of TrainingResult
        What became of each fit; with the state from which it can be continued.
    """
    for problem in problems:
        check_batch_size(problem.choices, len(problem.rows))
    choices, plan = problems[0].choices, plan_of(problems[0])
    samples = PooledSamples.of(problems)
    n_rows = np.array([len(problem.rows) for problem in problems for _ in problem.theta])
    batch_size = max(p.choices.rows_per_batch(len(p.rows)) for p in problems)
    optimizers = [cast(Optimizer, problem.choices.solver) for problem in problems for _ in problem.theta]
    weight_decay = per_network(problems, lambda choices: choices.weight_decay)
    max_grad_norm = per_network(problems, lambda choices: choices.max_grad_norm or np.inf)
    if states is None:
        started = [started_state(problem) for problem in problems]
        for problem, state in zip(problems, started, strict=True):
            resume(problem, state)
    else:
        started = [deepcopy(state) for state in states]
    for state, start in zip(started, samples.starts, strict=True):
        state.order += start
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
            plan.n_to_train,
            choices.n_iter_no_change,
            per_network(problems, lambda choices: choices.tol),
        ),
        weight_decay=weight_decay if weight_decay.any() else None,
        max_grad_norm=max_grad_norm if np.isfinite(max_grad_norm).any() else None,
    )
    solver = StochasticSolver(
        replace(setup, make_steps=compiled_steps(setup, plan.n_to_train)),
        schedule=choices.schedule,
        validate=validation_of(problems),
        monitor=monitor,
        n_epochs=plan.n_epochs,
        first_step=plan.n_done * len(setup.batches.counts),
    )
    alone = len(problems) == 1
    result = solver.train(started[0] if alone else State.concatenate(started))
    results = [result] if alone else [result.of(networks) for networks in networks_of(problems)]
    for each, problem, start in zip(results, problems, samples.starts, strict=True):
        if each.state is not None:
            each.state.order = each.state.order[:, : len(problem.rows)] - start
    return results


def started_state(problem: Problem) -> State:
    """Return the state of a fit before its first step."""
    choices, solver = problem.choices, problem.choices.solver
    n_networks = len(problem.theta)
    return State.start(
        problem.theta,
        solver.n_moments if isinstance(solver, Optimizer) else 0,
        np.full(n_networks, choices.learning_rate_init),
        order=np.tile(problem.rows, (n_networks, 1)),
        random_states=problem.random_states if choices.shuffle else [],
        streams=problem.streams,
        validated=problem.validate is not None,
    )
