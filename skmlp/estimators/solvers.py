"""From the parameters of an estimator to the solver that trains its networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp.estimators.choices import batch_size_of, is_cost, optimizer_of, schedule_of
from skmlp.estimators.combinations import check_batch_size
from skmlp.estimators.memory import remember, resume
from skmlp.estimators.problem import Problem
from skmlp.estimators.scorers import Cost
from skmlp.network.arrays import Array
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
        return by_batches(estimator, problem, monitor)
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


def by_batches(estimator: Any, problem: Problem, monitor: Monitor) -> TrainingResult:
    """Train by stochastic gradient descent, and keep in mind how to go on."""
    theta, data, n_networks = problem.theta, problem.data, len(problem.theta)
    optimizer = optimizer_of(estimator)
    learning_rate = np.full(n_networks, estimator.learning_rate_init, dtype=float)
    batch_size = batch_size_of(estimator, len(problem.rows))
    check_batch_size(estimator, batch_size)
    max_iter = 1 if problem.incremental else estimator.max_iter
    weight_decay, max_grad_norm = estimator.weight_decay, estimator.max_grad_norm
    solver = StochasticSolver(
        problem.objective,
        Batches(
            data.X,
            data.y,
            data.sample_weight,
            [problem.rows] * n_networks,
            batch_size,
            problem.network.widths[-1],
        ),
        problem.streams if estimator.shuffle else None,
        optimizer=optimizer,
        schedule=schedule_of(estimator),
        learning_rate=learning_rate,
        stopping=Stopping(max_iter, np.full(n_networks, estimator.tol), estimator.n_iter_no_change),
        weight_decay=np.full(n_networks, weight_decay) if weight_decay else None,
        max_grad_norm=np.full(n_networks, max_grad_norm) if max_grad_norm else None,
        validate=problem.validate,
        monitor=monitor,
        n_epochs=estimator.max_iter,
    )
    state = State.start(theta, optimizer.n_moments, learning_rate)
    if problem.continuing:
        resume(estimator, solver, state, problem.incremental)
    result = solver.train(state)
    estimator._memory = remember(estimator, solver, state, problem.incremental)
    return result
