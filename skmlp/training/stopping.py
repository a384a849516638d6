"""When to stop: the best value so far, patience, and the reasons a solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import per_network


class StopReason(Enum):
    """Why a solver stopped training a network."""

    NO_IMPROVEMENT = "no improvement by more than tol for n_iter_no_change epochs"
    CONVERGED = "the solver's own test of convergence"
    MAX_ITER = "max_iter reached"
    FAILED = "the solver gave up, see the message"
    DIVERGED = "loss or parameters are not finite"
    CALLBACK = "a callback asked to stop"
    INTERRUPTED = "interrupted from the keyboard"


@dataclass(frozen=True)
class Stopping:
    """When training ends.

    Parameters
    ----------
    max_iter : int
        Maximum number of epochs.
    n_iter_no_change : float
        Patience: more epochs without improvement than this are a plateau.
    tol : array of shape (K,)
        An improvement is a gain of at least this much, in absolute terms [docs, eq. (25)].
    """

    max_iter: int
    n_iter_no_change: float
    tol: Array = per_network()

    def count(self, value: Array, best: Array, without_improvement: Array) -> Array:
        """Update ``best`` and ``without_improvement`` in place; return which networks are better than ever.

        ``value`` is to be maximized (a score, or minus the loss); not a number is no improvement.
        """
        improved = value >= best + self.tol
        without_improvement += 1
        without_improvement[improved] = 0
        is_best = value > best
        np.copyto(best, value, where=is_best)
        return np.asarray(is_best)
