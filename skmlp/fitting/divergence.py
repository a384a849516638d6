"""Whether the final weights are of any use: training may diverge in its very last step.

The final loss is compared with that of a constant prediction, the least that a network can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from skmlp.fitting.early_stopping import mean_losses
from skmlp.fitting.problem import Problem
from skmlp.network.arrays import Array, are_finite
from skmlp.network.mixture_density import MixtureDensity
from skmlp.training.result import TrainingResult

ABSURD = 1000.0
"""How many times the loss of a constant prediction is absurd."""

N_ROWS = 250
"""At most how many training samples are predicted for it: about those of a step."""


@dataclass(frozen=True)
class Verdict:
    """What the final losses say of K networks.

    Attributes
    ----------
    diverged : array of bool, shape (K,)
        The weights are not finite, or the loss is absurd and larger than that of the initial weights.
    absurd : array of bool, shape (K,)
        The loss is absurd beside that of the best constant, but training has not made it so.
    """

    diverged: Array
    absurd: Array


def judge(problem: Problem, result: TrainingResult) -> Verdict:
    """Return what the final losses say of the networks of a fit."""
    with np.errstate(over="ignore", invalid="ignore"):
        is_finite = are_finite(result.theta)
        if problem.cost is not None:
            return Verdict(~is_finite, np.zeros_like(is_finite))
        exploded, absurd = of_batch(problem, result) if problem.incremental else of_fit(problem, result)
        return Verdict(~is_finite | exploded, absurd & ~exploded)


def of_fit(problem: Problem, result: TrainingResult) -> tuple[Array, Array]:
    """Return which networks have exploded, and which have an absurd loss, after a ``fit``."""
    rows = judged_rows(problem)
    losses, (of_mean, of_zero) = losses_at(problem, result.theta, rows), losses_of_constants(problem, rows)
    # Of y that hardly varies, the mean has hardly any loss: a scale is still told by zero.
    absurd = is_absurd(problem, losses, max(of_mean, 1e-6 * of_zero))
    if not absurd.any():
        return absurd, absurd
    rose = ~(losses <= losses_at(problem, problem.theta, rows)) | ~np.isfinite(losses)
    return rose & is_absurd(problem, losses, max(of_mean, of_zero)), absurd


def of_batch(problem: Problem, result: TrainingResult) -> tuple[Array, Array]:
    """Return the same after a ``partial_fit``: the loss of its batches is absurd, and was not before."""
    curves = [] if problem.earlier is None else problem.earlier.curves
    best = np.array([of.get("best_loss_") or np.nan for of in curves] or [np.nan])
    losses = np.array(result.losses)
    exploded: Array = losses > ABSURD * np.abs(best)
    if exploded.any():
        exploded &= is_absurd(problem, losses, max(losses_of_constants(problem, judged_rows(problem))))
    return exploded, np.zeros_like(exploded)


def is_absurd(problem: Problem, losses: Array, of_constant: float) -> Array:
    """Return which losses are `ABSURD` times that of a constant; of densities, y is as much less likely."""
    if isinstance(problem.targets.loss, MixtureDensity):
        return np.asarray(~(losses <= of_constant + np.log(ABSURD)))
    limit = ABSURD * (abs(of_constant) or np.inf)  # a loss of zero tells no scale
    return np.asarray(~(losses <= limit))


def judged_rows(problem: Problem) -> Array:
    """Return at most `N_ROWS` training samples, none without weight."""
    rows, weights = problem.rows[0], problem.data.sample_weight
    if weights is not None:
        rows = rows[weights[rows] > 0]
    some: Array = rows[:: max(1, ceil(len(rows) / N_ROWS))]
    return some


def losses_at(problem: Problem, theta: Array, rows: Array) -> Array:
    """Return the mean losses of networks with parameters ``theta`` (K, P), shape (K,)."""
    network, data = problem.network, problem.data.rows(rows)
    z = network.output(network.layout.view(theta).layers, data.X)
    return mean_losses(problem.targets, z, data)


def losses_of_constants(problem: Problem, rows: Array) -> tuple[float, float]:
    """Return the mean losses of predicting the mean of y, and of raw scores of zero.

    With another link than the identity, and of y that does not vary, both are that of zero.
    """
    data, targets = problem.data.rows(rows), problem.targets
    z = np.zeros((1, len(rows), problem.network.widths[-1]), dtype=data.X.dtype)
    of_zero = of_mean = float(mean_losses(targets, z, data)[0])
    if targets.loss.link == "identity" and z.shape[-1] == targets.n_outputs:
        y = targets.expanded(data.y, z.dtype)
        if (y != y[0]).any():
            z[...] = np.average(y, axis=0, weights=data.sample_weight)
            of_mean = float(mean_losses(targets, z, data)[0])
    return of_mean, of_zero
