"""Why training stopped, told as the warnings and errors of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp.estimators.callbacks import FitMonitor
from skmlp.estimators.choices import schedule_of
from skmlp.estimators.problem import Problem
from skmlp.training.result import TrainingResult
from skmlp.training.stopping import StopReason


def report(estimator: Any, problem: Problem, result: TrainingResult, monitor: FitMonitor) -> None:
    """Raise or warn where a reason of stop asks for it."""
    reasons = set(result.reasons)
    if StopReason.DIVERGED in reasons:
        report_divergence(estimator, result)
    if StopReason.INTERRUPTED in reasons:
        which = "latest" if estimator.validation_scores_ is None else "best"
        of = of_members(estimator, result)
        warnings.warn(f"Training interrupted by user. The {which} weights{of} are kept.", stacklevel=2)
    elif monitor.time_limit is not None and monitor.time_limit.is_up:
        warn_of_convergence(
            f"Training stopped after {estimator.n_iter_} iteration(s), when max_time={estimator.max_time}"
            f" seconds had passed{of_members(estimator, result)}."
        )
    elif not estimator._is_stochastic():
        report_of_solver(estimator, result)
    elif StopReason.MAX_ITER in reasons and not (
        problem.incremental or schedule_of(estimator).needs_the_end
    ):
        warn_of_convergence(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the"
            " optimization hasn't converged yet."
        )


def report_of_solver(estimator: Any, result: TrainingResult) -> None:
    """Warn if a solver that has words of its own did not come to its end."""
    pairs = zip(result.messages, result.reasons, strict=True)
    unfinished = [words for words, why in pairs if why in (StopReason.FAILED, StopReason.MAX_ITER)]
    if unfinished:
        warn_of_convergence(
            f"{estimator.solver} failed to converge after {estimator.n_iter_} iteration(s):"
            f" {unfinished[0]}. Increase max_iter={estimator.max_iter} or max_fun={estimator.max_fun}, or"
            " scale the data."
        )


def warn_of_convergence(message: str) -> None:
    """Warn that training has ended before it converged."""
    warnings.warn(message, ConvergenceWarning, stacklevel=2)


def of_members(estimator: Any, result: TrainingResult) -> str:
    """Return how many members were trained, if not all."""
    n_trained = len(result.trained())
    if n_trained == estimator.n_members:
        return ""
    return f" ({n_trained} of {estimator.n_members} members)"


def report_divergence(estimator: Any, result: TrainingResult) -> None:
    """Raise an error if networks are lost; warn if they have weights from before."""
    diverged = [k for k, reason in enumerate(result.reasons) if reason is StopReason.DIVERGED]
    of = "" if estimator.n_members == 1 else f" of {len(diverged)} of {estimator.n_members} members"
    n_iter = max(1, *(len(result.loss_curves[k]) for k in diverged))
    words = (
        f"training{of} diverged in iteration {n_iter} with solver={estimator.solver!r},"
        f" learning_rate_init={estimator.learning_rate_init!r}. Scale X (standardize=True, or a"
        " StandardScaler) or lower learning_rate_init."
    )
    # With validation there are weights from before; scikit-learn keeps them too.
    kept = [any(np.isfinite(score) for score in result.score_curves[k]) for k in diverged]
    if not all(kept):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large"
            f" values and need to be preprocessed: {words}"
        )
    warn_of_convergence(f"The best weights are kept, but {words}")
