"""Why training stopped, as the warnings and errors of scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp.fitting.choices import Choices
from skmlp.fitting.divergence import ABSURD, Verdict, judge
from skmlp.fitting.plans import plan_of
from skmlp.fitting.problem import Problem
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import TrainingResult
from skmlp.training.stopping import StopReason


def report(problem: Problem, result: TrainingResult, *, time_is_up: bool) -> None:
    """Raise or warn where a reason of stop asks for it."""
    choices, reasons = problem.choices, set(result.reasons)
    if StopReason.INTERRUPTED in reasons and (problem.incremental or not any(result.curves.losses)):
        raise KeyboardInterrupt  # a partial_fit is all or nothing; a fit has no weights to keep yet
    verdict = judge(problem, result)
    if StopReason.DIVERGED in reasons or verdict.diverged.any():
        report_divergence(choices, result, verdict)
    elif verdict.absurd.any():
        warn_of_convergence(
            f"The final loss is more than {ABSURD:.0f} times that of a constant prediction: the network has"
            f" learned nothing of use yet. {way_out_of_divergence(choices)}"
        )
    check_some_score(problem, result)
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
    elif StopReason.MAX_ITER in reasons and not problem.incremental:
        report_max_iter(problem, n_iter)


def check_some_score(problem: Problem, result: TrainingResult) -> None:
    """Raise an error if a network has no score, by which the best weights would be chosen."""
    choices, held_out = problem.choices, problem.held_out
    if not held_out or not any(scores and not np.isfinite(scores).any() for scores in result.curves.scores):
        return
    n_validation = held_out[0].X.shape[0]
    way_out = f"raise validation_fraction={choices.validation_fraction!r}, or pass X_val and y_val"
    raise ValueError(
        f"scoring={choices.scoring!r} was not a finite number after any epoch on the"
        f" {n_validation} validation samples, which may be too few or of one class: {way_out}, for"
        " which it is defined, or choose another scoring, such as 'loss'."
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


def report_max_iter(problem: Problem, n_iter: int) -> None:
    """Warn that ``max_iter`` has ended training, unless it has come to the end of its schedules."""
    choices, plan, so_far = problem.choices, plan_of(problem), ""
    if choices.need_the_end:
        n_done = plan.n_done + n_iter
        if n_done == plan.n_epochs:
            return
        planning = " and ".join(f"{name}={choices.params[name]!r}" for name in choices.need_the_end)
        so_far = (
            f" {n_done} of the {plan.n_epochs} epochs are done that are planned for by {planning}: continue"
            " with warm_start=True, or raise max_iter."
        )
    warn_of_convergence(
        f"Stochastic Optimizer: Maximum iterations ({choices.max_iter}) reached and the"
        f" optimization hasn't converged yet.{so_far}"
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


def report_divergence(choices: Choices, result: TrainingResult, verdict: Verdict) -> None:
    """Raise an error if networks are lost; warn if they have weights from before."""
    if choices.cost is not None:
        raise ValueError(
            f"loss={choices.cost!r} was not a finite number for any network: make it one for finite"
            " predictions, or choose another loss."
        )
    stopped = np.array([reason is StopReason.DIVERGED for reason in result.reasons])
    diverged = np.flatnonzero(stopped | verdict.diverged)
    of = "" if choices.n_members == 1 else f" of {len(diverged)} of {choices.n_members} members"
    n_iter = max(1, *(len(result.curves.losses[k]) for k in diverged))
    words = (
        f"training{of} diverged in iteration {n_iter} with solver={choices.params['solver']!r}."
        f" {way_out_of_divergence(choices)}"
    )
    # With validation there are weights from before; scikit-learn keeps them too.
    has_earlier = np.array([np.isfinite(scores).any() for scores in result.curves.scores])
    if (verdict.diverged | (stopped & ~has_earlier)).any():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large"
            f" values and need to be preprocessed: {words}"
        )
    warn_of_convergence(f"The best weights are kept, but {words}")


def way_out_of_divergence(choices: Choices) -> str:
    """Return what can be changed so that training does not diverge: only what there is to change."""
    ways = []
    if not choices.standardize:
        ways.append("scale X and y (standardize=True, or a StandardScaler)")
    if choices.is_stochastic:
        ways.append(f"lower learning_rate_init={choices.learning_rate_init!r}")
        if choices.max_grad_norm is None:
            ways.append("set max_grad_norm=1")
    ways.append("look for extreme values in X, y and sample_weight")
    words = ", or ".join(ways)
    return words[0].upper() + words[1:] + "."
