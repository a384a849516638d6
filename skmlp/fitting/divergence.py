"""Whether the final weights are of any use: training may diverge in its very last step.

The final loss is compared with that of a constant prediction, the least that a network can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmlp.fitting.early_stopping import mean_losses
from skmlp.fitting.problem import Problem
from skmlp.network.arrays import Array
from skmlp.training.result import TrainingResult

ABSURD = 1000.0
"""How many times the loss of a constant prediction is absurd."""

N_ROWS = 1000
"""About how many training samples are predicted for it: a fraction of an epoch."""


@dataclass(frozen=True)
class Verdict:
    """What the final losses say of K networks.

    Attributes
    ----------
    diverged : array of bool, shape (K,)
        The weights are not finite, or the loss is absurd and larger than that of the initial weights.
    absurd : array of bool, shape (K,)
        The loss is absurd, but smaller than at the beginning.
    """

    diverged: Array
    absurd: Array


def judge(problem: Problem, result: TrainingResult) -> Verdict:
    """Return what the final losses say of the networks of a fit."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _verdict(problem, result)


def _verdict(problem: Problem, result: TrainingResult) -> Verdict:
    is_lost: Array = np.logical_not(np.isfinite(result.theta).all(axis=1))
    none: Array = np.zeros_like(is_lost)
    if problem.cost is not None:
        return Verdict(is_lost, none)
    if problem.incremental:
        return Verdict(is_lost | exploded(problem, result), none)
    rows = problem.rows[:: max(1, len(problem.rows) // N_ROWS)]
    losses = losses_at(problem, result.theta, rows)
    absurd: Array = np.logical_not(losses <= ABSURD * loss_of_constant(problem, rows))
    if not absurd.any():
        return Verdict(is_lost, none)
    rose: Array = ~(np.isfinite(losses) & (losses <= losses_at(problem, problem.theta, rows)))
    return Verdict(is_lost | (absurd & rose), absurd & ~rose)


def exploded(problem: Problem, result: TrainingResult) -> Array:
    """Return which networks have a loss in this ``partial_fit`` that is absurd, and was not before."""
    curves = [] if problem.earlier is None else problem.earlier.curves
    best = np.array([of.get("best_loss_") or np.nan for of in curves] or [np.nan])
    losses = np.array(result.losses)
    rose = losses > ABSURD * np.abs(best)
    if rose.any():
        rose &= losses > ABSURD * loss_of_constant(problem, problem.rows)
    return np.asarray(rose)


def losses_at(problem: Problem, theta: Array, rows: Array) -> Array:
    """Return the mean losses of networks with parameters ``theta`` (K, P), shape (K,)."""
    network, data = problem.network, problem.data.rows(rows)
    z = network.output(network.layout.view(theta).layers, data.X)
    return mean_losses(problem.targets, z, data)


def loss_of_constant(problem: Problem, rows: Array) -> float:
    """Return the mean loss of a constant prediction: infinite where no scale can be told.

    With the identity as its link, it is the mean of y, and at least a millionth of the loss of zero,
    for y that does not vary. With others, it is the one of raw scores of zero.
    """
    data, targets = problem.data.rows(rows), problem.targets
    z = np.zeros((1, len(rows), problem.network.widths[-1]), dtype=data.X.dtype)
    of_constant = float(abs(mean_losses(targets, z, data)[0]))
    if targets.loss.link == "identity" and z.shape[-1] == targets.n_outputs:
        z[...] = np.average(targets.expanded(data.y, z.dtype), axis=0, weights=data.sample_weight)
        of_constant = max(float(mean_losses(targets, z, data)[0]), 1e-6 * of_constant)
    return of_constant or np.inf
