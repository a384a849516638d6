"""From the parameters of an estimator to the solver that trains its networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp.estimators.choices import batch_size_of, is_cost, optimizer_of, schedule_of
from skmlp.estimators.combinations import check_batch_size
from skmlp.estimators.memory import Progress, go_on, remember, resume
from skmlp.estimators.problem import Problem
from skmlp.estimators.scorers import Cost
from skmlp.estimators.stacks import Fit, Samples, networks_of, per_network, validation_of
from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import stacked
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.evolution import train_evolution
from skmlp.training.lbfgs import train_lbfgs
from skmlp.training.levenberg_marquardt import train_levenberg_marquardt
from skmlp.training.result import Monitor, State, TrainingResult
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping


def train(estimator: Any, problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train the networks of ``problem`` by the solver that ``estimator`` names."""
    if estimator._is_stochastic():
        (progress,) = by_batches([Fit(estimator, problem)], monitor)
        return progress.result
    estimator.__dict__.pop("_memory", None)
    if estimator.solver == "es":
        return by_evolution(estimator, problem, monitor)
    return by_iterations(estimator, problem, monitor)


def by_iterations(estimator: Any, problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train by L-BFGS or Levenberg-Marquardt, on all samples at once."""
    solver = {"lbfgs": train_lbfgs, "lm": train_levenberg_marquardt}[estimator.solver]
    return solver(
        problem.objective,
        problem.theta,
        problem.data.X,
        problem.data.y,
        problem.data.sample_weight,
        max_iter=estimator.max_iter,
        max_fun=estimator.max_fun,
        tol=np.full(len(problem.theta), estimator.tol),
        monitor=monitor,
    )


def by_evolution(estimator: Any, problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train by an evolution strategy: without a gradient, so that any cost can be the loss."""
    data, n_networks = problem.data, len(problem.theta)
    objective = problem.objective.keep(np.arange(n_networks) == 0)  # that of any one: they are alike
    has_cost = is_cost(getattr(estimator, "loss", None))
    cost = Cost(estimator, problem.network, problem.given) if has_cost else None

    def values(theta: Array) -> Array:
        return objective.values(theta, data.X, data.y, data.sample_weight, cost=cost, reported=True)

    size = estimator.population_size
    return train_evolution(
        values,
        problem.theta,
        problem.streams,
        population_size=None if size == "auto" else size,
        n_restarts=estimator.n_restarts,
        max_iter=estimator.max_iter,
        max_fun=estimator.max_fun,
        tol=np.full(n_networks, estimator.tol),
        monitor=monitor,
    )


def by_batches(
    fits: Sequence[Fit], monitor: Monitor, before: Sequence[Progress] | None = None
) -> list[Progress]:
    """Train the networks of ``fits`` of one `kind_of` as one stack by stochastic gradient descent.

    Parameters
    ----------
    fits : sequence of Fit
    monitor : Monitor
    before : sequence of Progress, default=None
        How far each fit has come in as many epochs; None: training begins.

    Returns
    -------
    list of Progress
        How far each has come. The estimators keep in mind how to go on.
    """
    estimator, problem = fits[0]
    for fit in fits:
        check_batch_size(fit.estimator, len(fit.problem.rows))
    batch_size = max(batch_size_of(fit.estimator, len(fit.problem.rows)) for fit in fits)
    samples, stack = Samples.of(fits), networks_of(fits)
    starts = [start for start, fit in zip(samples.starts, fits, strict=True) for _ in fit.problem.theta]
    rows = [start + fit.problem.rows for start, fit in zip(samples.starts, fits, strict=True)]
    of_network = [own for own, fit in zip(rows, fits, strict=True) for _ in fit.problem.theta]
    optimizer = stacked([optimizer_of(fit.estimator) for fit in fits for _ in fit.problem.theta])
    learning_rate = per_network(fits, lambda e: e.learning_rate_init)
    weight_decay = per_network(fits, lambda e: e.weight_decay)
    max_grad_norm = per_network(fits, lambda e: e.max_grad_norm or np.inf)
    max_iter = 1 if problem.incremental else estimator.max_iter
    solver = StochasticSolver(
        Objective.stack([fit.problem.objective for fit in fits]),
        Batches(samples.X, samples.y, samples.weights, of_network, batch_size, problem.network.widths[-1]),
        [stream for fit in fits for stream in fit.problem.streams] if estimator.shuffle else None,
        optimizer=optimizer,
        schedule=schedule_of(estimator),
        learning_rate=learning_rate,
        stopping=Stopping(max_iter, per_network(fits, lambda e: e.tol), estimator.n_iter_no_change),
        weight_decay=weight_decay if weight_decay.any() else None,
        max_grad_norm=max_grad_norm if np.isfinite(max_grad_norm).any() else None,
        validate=validation_of(fits),
        monitor=monitor,
        n_epochs=estimator.max_iter,
    )
    theta = np.concatenate([fit.problem.theta for fit in fits])
    state = State.start(theta, optimizer.n_moments, learning_rate)
    if problem.continuing:
        resume(estimator, solver, state, problem.incremental)
    if before is not None:
        go_on(solver, state, before, starts)
    result = solver.train(state, [progress.result for progress in before] if before else None)
    ended = [Progress.of(solver, result, own, starts[own.start]) for own in stack]
    for fit, progress in zip(fits, ended, strict=True):
        fit.estimator._memory = remember(fit.estimator, progress, fit.problem)
    return ended
