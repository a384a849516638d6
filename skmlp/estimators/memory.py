"""What a fit leaves behind so that ``partial_fit`` or a warm start can go on from there."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.network import Network
from skmlp.training.result import State
from skmlp.training.stochastic import StochasticSolver


def remember(estimator: Any, solver: StochasticSolver, state: State, incremental: bool) -> dict[str, Any]:
    """Return the optimizer's memory as arrays, strings and numbers."""
    memory = {
        "incremental": incremental,
        "validated": solver.validate is not None,
        "solver": estimator.solver,
        "learning_rate_init": estimator.learning_rate_init,
        "moments": state.moments,
        "step": state.step,
        "rate": state.rate,
        "samples_seen": state.samples_seen,
        "best": state.best,
        "without_improvement": state.without_improvement,
        "order": solver.batches.order[0],
    }
    if solver.random_states is not None:
        memory["random_state"] = solver.random_states[0].get_state(legacy=False)
    return memory


def resume(estimator: Any, solver: StochasticSolver, state: State, incremental: bool) -> None:
    """Write what the last fit remembered into ``state`` and ``solver``.

    A warm start goes on in the last order of the same rows, with its patience reset; ``partial_fit``
    sees other rows, and its patience goes on.
    """
    state.samples_seen[:] = estimator.t_ if hasattr(estimator, "t_") else 0
    memory = getattr(estimator, "_memory", None)
    if memory is None or memory["solver"] != estimator.solver:
        return
    state.moments[...] = memory["moments"]
    state.step[:] = memory["step"]
    if memory["learning_rate_init"] == estimator.learning_rate_init:
        state.rate[:] = memory["rate"]
    if incremental and not memory["validated"]:  # else the best is a score, not a loss
        state.best[:] = memory["best"]
        state.without_improvement[:] = memory["without_improvement"]
    if not incremental and np.array_equal(np.sort(memory["order"]), np.sort(solver.batches.order[0])):
        solver.batches.order[0] = memory["order"]
    if "random_state" in memory and solver.random_states is not None:
        # A stream of our own: one that the user passed in is not wound back.
        random_state = np.random.RandomState()
        random_state.set_state(memory["random_state"])
        solver.random_states = [random_state]


def fitted_parameters(estimator: Any, network: Network, dtype: Any) -> Array:
    """Return the fitted weights as a flat buffer, or raise an error if the network is another one."""
    expected = [specs[0].shape for specs in network.layout.specs if specs]
    found = [np.shape(coef) for coef in estimator.coefs_]
    if found != expected:
        raise ValueError(
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} asks for weights of shapes"
            f" {expected}, but the fitted network has {found}: warm_start and partial_fit cannot"
            " change the network. Set warm_start=False, or clone the estimator, to start anew."
        )
    arrays = [*estimator.coefs_, *estimator.intercepts_]
    return np.concatenate([np.ravel(array) for array in arrays])[np.newaxis].astype(dtype, copy=False)
