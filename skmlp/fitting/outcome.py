"""What a fit publishes: the fitted attributes, from a problem and the result of its training."""

from __future__ import annotations

from typing import Any

from skmlp.fitting.curves import continued, curves, mean_curves
from skmlp.fitting.posterior import posterior_attributes
from skmlp.fitting.problem import Problem
from skmlp.fitting.resuming import optimizer_state
from skmlp.training.result import TrainingResult


def fitted_attributes(problem: Problem, result: TrainingResult) -> dict[str, Any]:
    """Return all fitted attributes of an estimator."""
    # Where max_time or an interruption has ended a solver that trains one network after the other,
    # members may be left that were never trained.
    trained = result.trained()
    all_trained = len(trained) == len(result.theta)
    theta = result.theta if all_trained else result.theta[trained]
    alpha = result.alpha if all_trained or result.alpha is None else result.alpha[trained]
    attributes = problem.attributes_with(theta) | posterior_attributes(problem, theta, alpha)
    earlier = problem.earlier
    of_networks = [curves(result, k) for k in trained]
    # Last, when nothing can fail any more: streams and curves of an earlier fit are continued.
    if result.state is not None:
        attributes["_optimizer_state"] = optimizer_state(problem, result.state, result.reasons)
    if not problem.seeds:
        return attributes | continued(of_networks[0], {} if earlier is None else earlier.curves[0])
    mean = mean_curves(of_networks)
    if earlier is not None:
        pairs = zip(of_networks, [earlier.curves[k] for k in trained], strict=True)
        of_networks = [continued(new, before) for new, before in pairs]
        # After early stopping, members may have curves of other lengths.
        mean = continued(mean, earlier.mean_curves) if problem.incremental else mean_curves(of_networks)
    seeds = [problem.seeds[k] for k in trained]
    members = [{"random_state": seed, **own} for seed, own in zip(seeds, of_networks, strict=True)]
    return attributes | mean | {"_members": members}
