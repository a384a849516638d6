"""The plan of schedules: how many epochs it is made for, and how many of them are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from skmlp.fitting.problem import Problem
from skmlp.training.state import State
from skmlp.training.stopping import StopReason


class Plan(NamedTuple):
    """Where a fit stands in the plan that all its schedules follow.

    Attributes
    ----------
    n_epochs : int
        The length of the plan.
    n_done : int
        Epochs of the plan that earlier calls have done.
    n_to_train : int
        How many more this call may do.
    """

    n_epochs: int
    n_done: int
    n_to_train: int


def plan_of(problem: Problem) -> Plan:
    """Return the plan of a fit: a new one, or that of the earlier fit that is followed.

    Other schedules begin a plan of their own; the same with another ``n_epochs`` change the length of their
    plan. What was cut short by ``max_time``, Ctrl-C or a callback goes on where it was.
    """
    choices, needs_the_end = problem.choices, bool(problem.choices.need_the_end)
    name, said = choices.length_of_plan
    before = None if problem.earlier is None else problem.earlier.optimizer_state
    n_epochs, n_done = said or choices.max_iter, 0
    if before is not None and before.get("schedule") == choices.name_of_schedule:
        if said or problem.incremental:
            n_done = before["n_epochs_done"]
        elif before["cut_short"]:
            n_epochs, n_done = before["n_epochs_planned"], before["n_epochs_done"]
    if needs_the_end and said and n_done >= n_epochs:
        raise ValueError(
            f"{name}={choices.params[name]!r} plans for n_epochs={n_epochs}, and {n_done} are done: raise"
            f" n_epochs, choose another {name}, or start anew with warm_start=False or a clone."
        )
    if problem.incremental:
        return Plan(n_epochs, n_done, n_to_train=1)
    left = n_epochs - n_done if needs_the_end else choices.max_iter
    return Plan(n_epochs, n_done, n_to_train=min(choices.max_iter, left))


def remembered_plan(problem: Problem, state: State, reasons: Sequence[StopReason]) -> dict[str, Any]:
    """Return what `plan_of` needs to follow the plan in the next call, as strings and numbers."""
    plan = plan_of(problem)
    n_done = plan.n_done + max(map(len, state.curves.losses))
    cut = {StopReason.INTERRUPTED, StopReason.CALLBACK, StopReason.MAX_ITER} & set(reasons)
    return {
        "schedule": problem.choices.name_of_schedule,
        "n_epochs_planned": plan.n_epochs,
        "n_epochs_done": n_done,
        "cut_short": bool(cut) and n_done < plan.n_epochs and not problem.incremental,
    }
