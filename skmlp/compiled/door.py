"""What the solver is given: compiled steps, or moves, where they do what was chosen and pay; else None."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from skmlp.compiled import loading
from skmlp.compiled.codes import LOSS_CODES, OPTIMIZER_CODES
from skmlp.compiled.config import get_config
from skmlp.compiled.loading import MOVE_PART, TRAIN
from skmlp.compiled.moves import CompiledMove, seconds_per_move
from skmlp.compiled.steps import CompiledSteps, hidden_layers, seconds_per_step
from skmlp.network.losses import Loss
from skmlp.network.network import Network
from skmlp.training.stack import MakeMove, MakeSteps, Setup
from skmlp.training.state import State

PRECISIONS = ("float64", "float32")

LOADING_SECONDS, COMPILING_SECONDS = 2.0, 13.0
"""About what the kernels take to be loaded from disk, with numba, and to be compiled.

Fits that take numpy less do not wait for them."""

_seconds_in_numpy = 0.0
"""The estimated time of fits of this process that could have been compiled, but were not."""


def with_compiled(setup: Setup, n_epochs: int) -> Setup:
    """Return the setup with compiled steps, or else compiled moves, or as it is: numpy computes all.

    Parameters
    ----------
    setup : Setup
    n_epochs : int
        The maximum number of epochs of training.
    """
    if not loading.can_load(setup.objective.alpha.dtype):
        return setup
    if (make_steps := compiled_steps(setup, n_epochs)) is not None:
        return replace(setup, make_steps=make_steps)
    make_move = compiled_move(setup, n_epochs)
    return setup if make_move is None else replace(setup, make_move=make_move)


def compiled_move(setup: Setup, n_epochs: int) -> MakeMove | None:
    """Return what makes the compiled moves of a stack, or None; the gradient is numpy's."""
    alpha, n_steps = setup.objective.alpha, n_epochs * setup.batches.counts.size
    is_known = type(setup.optimizer) in OPTIMIZER_CODES and alpha.ndim == 1
    if is_covered(setup) or not is_known or setup.objective.network.layout.factors() is not None:
        return None
    seconds = n_steps * seconds_per_move(setup.objective.network)
    kernel = kernel_if_it_pays(alpha.dtype, seconds, MOVE_PART)
    if kernel is None:
        return None

    def make(setup: Setup, state: State) -> CompiledMove:
        return CompiledMove(kernel, setup, state)

    return make


def compiled_steps(setup: Setup, n_epochs: int) -> MakeSteps | None:
    """Return what makes the compiled steps of a stack, or None: numpy computes them.

    Parameters
    ----------
    setup : Setup
    n_epochs : int
        The maximum number of epochs of training.
    """
    objective, batches = setup.objective, setup.batches
    if not is_covered(setup):
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


def kernel_if_it_pays(
    dtype: np.dtype[Any], seconds: float, kernel: str = TRAIN
) -> Callable[..., None] | None:
    """Return a kernel for what is estimated to take numpy some ``seconds``; None: numpy does it.

    It is loaded (or compiled) when the fits of this process have taken numpy about as long as that takes:
    together, they never take much more than twice as long as with the better choice.
    """
    global _seconds_in_numpy
    mode = get_config()["compiled"]
    if mode is False or dtype.name not in PRECISIONS or not loading.can_load(dtype, kernel):
        return None
    if mode == "auto" and not loading.is_loaded(dtype, kernel):
        _seconds_in_numpy += seconds
        if _seconds_in_numpy < LOADING_SECONDS:
            return None
    may_compile = mode is True or _seconds_in_numpy >= COMPILING_SECONDS
    return loading.load(dtype, kernel, may_compile=may_compile)
