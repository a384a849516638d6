"""What a fit publishes: the fitted attributes, from a problem and the result of its training."""

from __future__ import annotations

from typing import Any

from skmlp.fitting.curves import curves, mean_curves
from skmlp.fitting.problem import Problem
from skmlp.fitting.resuming import optimizer_state
from skmlp.training.result import TrainingResult


def fitted_attributes(problem: Problem, result: TrainingResult) -> dict[str, Any]:
    """Return all fitted attributes of an estimator."""
    # Where max_time or an interruption has ended a solver that trains one network after the other,
    # members may be left that were never trained.
    trained = result.trained()
    earlier = problem.earlier.curves if problem.earlier is not None else []
    of_networks = [curves(result, k, earlier[k] if earlier else {}) for k in trained]
    attributes = problem.attributes_with(result.theta[trained])
    attributes |= mean_curves(of_networks) if problem.seeds else of_networks[0]
    if problem.seeds:
        seeds = [problem.seeds[k] for k in trained]
        attributes["_members"] = [
            {"random_state": seed, **own} for seed, own in zip(seeds, of_networks, strict=True)
        ]
    if result.state is not None:
        attributes["_optimizer_state"] = optimizer_state(problem, result.state)
    return attributes
