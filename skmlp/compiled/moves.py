"""The step of an optimizer, by the kernels, where the gradient is numpy's: one pass over the parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from skmlp.compiled.steps import code_of
from skmlp.compiled.threads import Threads, n_allowed
from skmlp.network.arrays import Array
from skmlp.network.network import Network
from skmlp.training.stack import Setup
from skmlp.training.state import State

PARAMETERS_PER_THREAD = 2**19
"""Parameters that are worth a thread: to share them costs as much as to move some 50,000."""


class CompiledMove:
    """Moves all networks of a stack; see `skmlp.training.stack.Move`.

    Parameters
    ----------
    kernel : callable
        `skmlp.compiled.kernels.optimizers.move_part`.
    setup : Setup
    state : State
        Its parameters and moments are overwritten by each call.
    """

    def __init__(self, kernel: Callable[..., None], setup: Setup, state: State) -> None:
        self._kernel, self._state, self._gradient = kernel, state, setup.objective.room.flat
        n_networks, n_parameters = state.theta.shape
        max_norm, n_threads = np.full(n_networks, np.inf), 1
        if setup.max_grad_norm is None:  # else the gradient must be known as a whole
            n_threads = max(1, min(n_allowed(), state.theta.size // PARAMETERS_PER_THREAD))
        else:
            max_norm[:] = setup.max_grad_norm
        bounds = np.linspace(0, n_parameters, n_threads + 1).astype(int).tolist()
        self._parts, self._threads = [*pairwise(bounds)], Threads(n_threads)
        self._numbers = setup.objective.network.layout.n_penalized, setup.objective.alpha
        self._max_norm, self._code = max_norm, code_of(setup.optimizer)

    def __call__(
        self, total: Array, decay: Array | None, constants: tuple[Array, ...], norms: Array
    ) -> None:
        """Take the step, and write one squared norm, of all that is penalized, into ``norms``."""
        theta, moments = self._state.theta, self._state.moments
        totals = np.full_like(theta, np.ravel(total), shape=len(theta))
        table = np.ones_like(theta, shape=(len(theta), len(constants) + 1))
        for i, constant in enumerate(constants):
            table[:, i : i + 1] = constant
        if decay is not None:
            table[:, -1:] = decay
        squares = np.empty((len(self._parts), len(theta)))

        def move(i: int) -> None:
            self._kernel(
                *self._parts[i],
                theta,
                self._gradient,
                moments,
                *self._numbers,
                totals,
                self._max_norm,
                self._code,
                table,
                squares[i],
            )

        self._threads.run(move, len(self._parts))
        norms[:] = 0
        norms[0, :, 0, 0] = squares.sum(axis=0)


def seconds_per_move(network: Network) -> float:
    """Return about what a move of one network takes numpy."""
    return 10e-6 + 10e-9 * network.layout.n_parameters
