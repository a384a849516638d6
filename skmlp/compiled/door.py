"""What the solver is given: compiled steps, where they do what was chosen and pay; else None."""

from __future__ import annotations

import numpy as np

from skmlp.compiled import loading
from skmlp.compiled.codes import LOSS_CODES, OPTIMIZER_CODES
from skmlp.compiled.config import get_config
from skmlp.compiled.steps import CompiledSteps, hidden_layers, seconds_per_step
from skmlp.network.network import Network
from skmlp.training.stack import MakeSteps, Setup
from skmlp.training.state import State

LOADING_SECONDS, COMPILING_SECONDS = 2.0, 20.0
"""About what the kernels take to be loaded from disk, with numba, and to be compiled.

Fits that take numpy less do not wait for them."""

_seconds_in_numpy = 0.0
"""The estimated time of fits of this process that could have been compiled, but were not."""


def compiled_steps(setup: Setup, n_epochs: int) -> MakeSteps | None:
    """Return what makes the compiled steps of a stack, or None: numpy computes them.

    The kernels are loaded (or compiled) when the fits of this process have taken numpy about as long as
    that takes: together, they never take much more than twice as long as with the better choice.

    Parameters
    ----------
    setup : Setup
    n_epochs : int
        The maximum number of epochs of training.
    """
    global _seconds_in_numpy
    mode, dtype = get_config()["compiled"], setup.objective.alpha.dtype
    if mode is False or not loading.can_load(dtype) or not is_covered(setup):
        return None
    if mode == "auto" and not loading.is_loaded(dtype):
        n_steps = n_epochs * setup.batches.counts.size
        _seconds_in_numpy += n_steps * seconds_per_step(setup)
        if _seconds_in_numpy < LOADING_SECONDS:
            return None
    may_compile = mode is True or _seconds_in_numpy >= COMPILING_SECONDS
    kernel = loading.load(dtype, may_compile=may_compile)
    if kernel is None:
        return None

    def make(setup: Setup, state: State) -> CompiledSteps:
        return CompiledSteps(kernel, setup, state)

    return make


def is_covered(setup: Setup) -> bool:
    """Return whether the compiled engine knows all that is to be done. Types are exact."""
    objective, X = setup.objective, setup.batches.X
    return (
        type(objective.loss) in LOSS_CODES
        and type(setup.optimizer) in OPTIMIZER_CODES
        and type(objective.network) is Network
        and hidden_layers(objective.network.layers) is not None
        and isinstance(X, np.ndarray)
        and X.dtype == objective.alpha.dtype
        and X.dtype.name in ("float32", "float64")
    )
