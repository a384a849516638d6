"""What a fit leaves behind so that ``partial_fit`` or a warm start can go on from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.estimators.problem import Problem
from skmlp.network.arrays import Array
from skmlp.network.network import Network
from skmlp.training.result import State, TrainingResult
from skmlp.training.stochastic import StochasticSolver


@dataclass(frozen=True)
class Progress:
    """How far the networks of a fit have come: all that training needs to go on as if never interrupted.

    Attributes
    ----------
    result : TrainingResult
    validated : bool
        Whether the best so far is a score.
    order : array of shape (K, n_rows)
        The rows of each network, as they were shuffled last.
    random_states : list of K numpy.random.RandomState, or None
        What shuffles them.
    streams : list of numpy.random.Generator
        Where layers with chance in them draw from.
    """

    result: TrainingResult
    validated: bool
    order: Array
    random_states: list[np.random.RandomState] | None
    streams: list[np.random.Generator]

    @classmethod
    def of(cls, solver: StochasticSolver, result: TrainingResult, own: slice, start: int) -> Progress:
        """Return that of the networks ``own`` of a stack, whose samples begin at ``start``."""
        batches, states = solver.batches, solver.random_states
        return cls(
            result if len(result.theta) == own.stop - own.start else result.of(own),
            solver.validate is not None,
            batches.order[own, : batches.n_rows[own.start]] - start,
            None if states is None else list(states[own]),
            list(solver.objective.training.streams[own]),
        )


def remember(estimator: Any, progress: Progress, problem: Problem) -> dict[str, Any]:
    """Return the optimizer's memory as arrays, strings and numbers."""
    state: Any = progress.result.state
    memory = {
        "incremental": problem.incremental,
        "validated": progress.validated,
        "solver": estimator.solver,
        "learning_rate_init": estimator.learning_rate_init,
        "moments": state.moments,
        "step": state.step,
        "rate": state.rate,
        "samples_seen": state.samples_seen,
        "best": state.best,
        "without_improvement": state.without_improvement,
        "order": progress.order,
        "streams": [stream.bit_generator.state for stream in progress.streams],
    }
    if progress.random_states is not None:
        memory["random_states"] = [
            random_state.get_state(legacy=False) for random_state in progress.random_states
        ]
    return memory


def go_on(solver: StochasticSolver, state: State, before: Sequence[Progress], starts: list[int]) -> None:
    """Write how far the fits of a stack have come into ``state`` and ``solver``."""
    networks = 0
    random_states: list[np.random.RandomState] = []
    for progress in before:
        own = np.arange(networks, networks + len(progress.order))
        networks += len(own)
        earlier: Any = progress.result.state
        state.put(own, earlier)
        solver.batches.order[own, : progress.order.shape[1]] = progress.order + starts[own[0]]
        random_states += progress.random_states or []
    if random_states:
        solver.random_states = random_states
    solver.objective.training.streams = [s for progress in before for s in progress.streams]


def resume(estimator: Any, solver: StochasticSolver, state: State, incremental: bool) -> None:
    """Write what the last fit remembered into ``state`` and ``solver``.

    A warm start goes on in the last order of the same rows, with its patience reset; ``partial_fit``
    sees other rows, and its patience goes on.
    """
    state.samples_seen[:] = estimator.t_ if hasattr(estimator, "t_") else 0
    memory = getattr(estimator, "_memory", None)
    if memory is None or memory["solver"] != estimator.solver:
        return
    state.samples_seen[:] = memory["samples_seen"]
    state.moments[...] = memory["moments"]
    state.step[:] = memory["step"]
    if memory["learning_rate_init"] == estimator.learning_rate_init:
        state.rate[:] = memory["rate"]
    if incremental and not memory["validated"]:  # else the best is a score, not a loss
        state.best[:] = memory["best"]
        state.without_improvement[:] = memory["without_improvement"]
    order = solver.batches.order
    if not incremental and np.array_equal(np.sort(memory["order"]), np.sort(order)):
        order[...] = memory["order"]
    if incremental:
        solver.first_step = int(state.step[0])
    for stream, before in zip(solver.objective.training.streams, memory["streams"], strict=False):
        stream.bit_generator.state = before
    if "random_states" in memory and solver.random_states is not None:
        # Streams of our own: one that the user passed in is not wound back.
        solver.random_states = [np.random.RandomState() for _ in memory["random_states"]]
        for random_state, before in zip(solver.random_states, memory["random_states"], strict=True):
            random_state.set_state(before)


def fitted_layers(estimator: Any, network: Network) -> list[list[Array]]:
    """Return the published arrays as the layers of ``network`` see them: (K, *shape), not copied."""
    single = estimator.coefs_[0].ndim == 2
    dense = iter(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    normalizations = iter(getattr(estimator, "normalization_parameters_", None) or [])
    layers = []
    for i, specs in enumerate(network.layout.specs):
        arrays = next(dense) if i in network.dense else next(normalizations) if specs else ()
        # Where a layer has no biases, zeros are published.
        arrays = arrays[: len(specs)]
        stacked = [array[np.newaxis] if single else array for array in arrays]
        # Biases and the like are published without the axis over which they broadcast.
        layers.append([array if array.ndim == 3 else array[:, np.newaxis] for array in stacked])
    return layers


def fitted_parameters(estimator: Any, network: Network, n_networks: int, dtype: Any) -> Array:
    """Return the fitted parameters as a flat buffer, or raise an error if the network is another one."""
    for name in ("normalization", "n_components"):
        before, now = estimator._fitted_choices.get(name), getattr(estimator, name, None)
        if before != now:
            raise ValueError(
                f"{name}={now!r} was {before!r} in the last fit: warm_start and partial_fit cannot change"
                " the network. Set warm_start=False, or clone the estimator, to start anew."
            )
    dense = [network.layout.specs[i] for i in network.dense]
    members = () if n_networks == 1 else (n_networks,)
    expected = [(*members, *specs[0].shape) for specs in dense]
    found = [np.shape(coef) for coef in estimator.coefs_]
    if found != expected:
        raise ValueError(
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} and n_members={n_networks} ask for"
            f" weights of shapes {expected}, but the fitted network has {found}: warm_start and"
            " partial_fit cannot change the network. Set warm_start=False, or clone the estimator, to"
            " start anew."
        )
    theta = np.empty((n_networks, network.layout.n_parameters), dtype=dtype)
    views = network.layout.view(theta).layers
    for of_layer, fitted in zip(views, fitted_layers(estimator, network), strict=True):
        for view, array in zip(of_layer, fitted, strict=True):
            view[...] = array
    return theta
