"""What the solver is given: compiled steps, where they do what was chosen and pay; else None."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skmlp.compiled import loading
from skmlp.compiled.codes import LOSS_CODES, OPTIMIZER_CODES
from skmlp.compiled.config import get_config
from skmlp.compiled.steps import CompiledSteps, hidden_layers, seconds_per_step
from skmlp.network.losses import Loss
from skmlp.network.network import Network
from skmlp.training.stack import MakeSteps, Setup
from skmlp.training.state import State

PRECISIONS = ("float64", "float32")

LOADING_SECONDS, COMPILING_SECONDS = 2.0, 13.0
"""About what the kernels take to be loaded from disk, with numba, and to be compiled.

Fits that take numpy less do not wait for them."""

_seconds_in_numpy = 0.0
"""The estimated time of fits of this process that could have been compiled, but were not."""


def compiled_steps(setup: Setup, n_epochs: int) -> MakeSteps | None:
    """Return what makes the compiled steps of a stack, or None: numpy computes them.

    Parameters
    ----------
    setup : Setup
    n_epochs : int
        The maximum number of epochs of training.
    """
    objective, batches = setup.objective, setup.batches
    if not (loading.can_load(objective.alpha.dtype) and is_covered(setup)):
        return None
    seconds = seconds_per_step(objective.network, batches.batch_size, len(objective.alpha))
    kernel = kernel_if_it_pays(objective.alpha.dtype, n_epochs * batches.counts.size * seconds)
    if kernel is None:
        return None

    def make(setup: Setup, state: State) -> CompiledSteps:
        return CompiledSteps(kernel, setup, state)

    return make


def is_covered(setup: Setup) -> bool:
    """Return whether the compiled engine knows all that is to be done."""
    objective, X, y = setup.objective, setup.batches.X, setup.batches.y
    is_known = are_known(objective.network, objective.loss, setup.optimizer)
    is_array = isinstance(X, np.ndarray) and X.flags.aligned
    # Codes become wider: those of very many outputs would fill more memory than X.
    y_fits = is_array and (y.dtype == X.dtype or y.size <= X.size)
    return is_known and X.dtype == objective.alpha.dtype and y_fits and setup.bounds is None


def are_known(network: Network, loss: Loss, optimizer: Any) -> bool:
    """Return whether the compiled engine knows what was chosen. Types are exact, as in the tables."""
    return (
        type(network) is Network
        and hidden_layers(network.layers) is not None
        and type(loss) in LOSS_CODES
        and type(optimizer) in OPTIMIZER_CODES
    )


def kernel_if_it_pays(dtype: np.dtype[Any], seconds: float) -> Callable[..., None] | None:
    """Return the kernel for what is estimated to take numpy some ``seconds``; None: numpy does it.

    It is loaded (or compiled) when the fits of this process have taken numpy about as long as that takes:
    together, they never take much more than twice as long as with the better choice.
    """
    global _seconds_in_numpy
    mode = get_config()["compiled"]
    if mode is False or dtype.name not in PRECISIONS or not loading.can_load(dtype):
        return None
    if mode == "auto" and not loading.is_loaded(dtype):
        _seconds_in_numpy += seconds
        if _seconds_in_numpy < LOADING_SECONDS:
            return None
    return loading.load(dtype, may_compile=mode is True or _seconds_in_numpy >= COMPILING_SECONDS)
