"""Why training stopped, as the warnings and errors of scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp.fitting.choices import Choices
from skmlp.fitting.problem import Problem
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import TrainingResult
from skmlp.training.stopping import StopReason


def report(problem: Problem, result: TrainingResult, *, time_is_up: bool) -> None:
    """Raise or warn where a reason of stop asks for it."""
    choices, reasons = problem.choices, set(result.reasons)
    if StopReason.DIVERGED in reasons:
        report_divergence(choices, result)
    n_iter = max(map(len, result.curves.losses))
    if StopReason.INTERRUPTED in reasons:
        which = "best" if any(result.curves.scores) else "latest"
        of = of_members(choices, result)
        warnings.warn(f"Training interrupted by user. The {which} weights{of} are kept.", stacklevel=2)
    elif time_is_up:
        warn_of_convergence(
            f"Training stopped after {n_iter} iteration(s), when max_time={choices.max_time}"
            f" seconds had passed{of_members(choices, result)}."
        )
    elif not isinstance(choices.solver, Optimizer):
        report_of_solver(choices, result, n_iter)
    elif StopReason.MAX_ITER in reasons and not (problem.incremental or choices.schedule.needs_the_end):
        warn_of_convergence(
            f"Stochastic Optimizer: Maximum iterations ({choices.max_iter}) reached and the"
            " optimization hasn't converged yet."
        )


def report_of_solver(choices: Choices, result: TrainingResult, n_iter: int) -> None:
    """Warn if a full-batch solver did not finish."""
    pairs = zip(result.messages, result.reasons, strict=True)
    unfinished = [words for words, why in pairs if why in (StopReason.FAILED, StopReason.MAX_ITER)]
    if unfinished:
        warn_of_convergence(
            f"{choices.solver.name} failed to converge after {n_iter} iteration(s):"
            f" {unfinished[0]}. Increase max_iter={choices.max_iter} or max_fun={choices.max_fun}, or"
            " scale the data."
        )


def warn_of_convergence(message: str) -> None:
    """Warn that training has ended before it converged."""
    warnings.warn(message, ConvergenceWarning, stacklevel=2)


def of_members(choices: Choices, result: TrainingResult) -> str:
    """Return how many members were trained, if not all."""
    n_trained = len(result.trained())
    if n_trained == choices.n_members:
        return ""
    return f" ({n_trained} of {choices.n_members} members)"


def report_divergence(choices: Choices, result: TrainingResult) -> None:
    """Raise an error if networks are lost; warn if they have weights from before."""
    diverged = [k for k, reason in enumerate(result.reasons) if reason is StopReason.DIVERGED]
    of = "" if choices.n_members == 1 else f" of {len(diverged)} of {choices.n_members} members"
    n_iter = max(1, *(len(result.curves.losses[k]) for k in diverged))
    words = (
        f"training{of} diverged in iteration {n_iter} with solver={choices.params['solver']!r},"
        f" learning_rate_init={choices.learning_rate_init!r}. Scale X (standardize=True, or a"
        " StandardScaler) or lower learning_rate_init."
    )
    # With validation there are weights from before; scikit-learn keeps them too.
    kept = [any(np.isfinite(score) for score in result.curves.scores[k]) for k in diverged]
    if not all(kept):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large"
            f" values and need to be preprocessed: {words}"
        )
    warn_of_convergence(f"The best weights are kept, but {words}")
