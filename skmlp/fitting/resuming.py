"""What a fit leaves behind so that ``partial_fit`` or a warm start can continue it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp.fitting.plans import remembered_plan
from skmlp.fitting.problem import Problem
from skmlp.fitting.streams import continued, state_of
from skmlp.training.state import State
from skmlp.training.stopping import StopReason


def optimizer_state(problem: Problem, state: State, reasons: Sequence[StopReason]) -> dict[str, Any]:
    """Return what training, stopped for ``reasons``, needs to continue.

    Arrays, strings and numbers, but for random streams, see `skmlp.fitting.streams.at_rest`.
    """
    remembered = {
        "incremental": problem.incremental,
        "validated": state.best_theta is not None,
        "solver": problem.choices.solver.name,
        "learning_rate_init": problem.choices.learning_rate_init,
        "moments": state.moments,
        "step": state.step,
        "rate": state.rate,
        "samples_seen": state.samples_seen,
        **remembered_plan(problem, state, reasons),
        "best": state.best,
        "without_improvement": state.without_improvement,
        "order": state.order,
        "streams": [stream.bit_generator.state for stream in state.streams],
    }
    if state.random_states:
        remembered["random_states"] = left_streams(problem, state.random_states)
    return remembered


def left_streams(problem: Problem, streams: list[np.random.RandomState]) -> list[Any]:
    """Return where the random streams are after training: what `continued` takes.

    After a ``partial_fit`` these are streams, not their states, which take longer to read than a step. The
    next call may fail, so it draws from others; these follow when it has not.
    """
    if not problem.incremental:
        return [state_of(stream) for stream in streams]
    remembered = problem.remembered  # None where another optimizer, or a network anew, has new streams
    before: list[Any] = [] if remembered is None else remembered.get("random_states", [])
    if not (len(before) == len(streams) and all(isinstance(b, np.random.RandomState) for b in before)):
        return [continued(stream) for stream in streams]
    for stream in before:
        stream.shuffle(np.arange(problem.n_rows))
    return before


def resume(problem: Problem, state: State) -> None:
    """Write what the earlier fit left behind into ``state``.

    A warm start continues in the last order of the same rows, with its patience reset; ``partial_fit``
    sees other rows, and its patience continues. Where the schedule continues, `plan_of` says.
    """
    earlier, reusable, known = problem.earlier, problem.reusable, []
    if reusable is not None:
        known, reusable.random_states = reusable.random_states, []
    if earlier is None:
        return
    state.samples_seen[:] = earlier.n_seen
    if earlier.optimizer_state_is_lost:
        warnings.warn(
            "Training continues from the weights alone: what the optimizer remembers (moments, steps, the"
            " learning rate and its schedule, the order of the samples) was left out when this estimator"
            " was pickled, copied or taken from members_. To keep it, set warm_start=True before the first"
            " fit, or train by partial_fit.",
            stacklevel=2,
        )
    before = problem.remembered
    if before is None:
        return
    state.samples_seen[:] = before["samples_seen"]
    state.step[:] = before["step"]
    if before["learning_rate_init"] == problem.choices.learning_rate_init:
        state.rate[:] = before["rate"]
    for stream, of_stream in zip(state.streams, before["streams"], strict=False):
        stream.bit_generator.state = of_stream
    if "random_states" in before and state.random_states:
        state.random_states = known or [continued(of_stream) for of_stream in before["random_states"]]
        if reusable is not None:
            reusable.random_states = state.random_states
    if not problem.incremental:
        if np.array_equal(np.sort(before["order"]), np.sort(state.order)):
            state.order[...] = before["order"]
    elif not before["validated"]:  # else the best is a score, not a loss
        state.best[:] = before["best"]
        state.without_improvement[:] = before["without_improvement"]
