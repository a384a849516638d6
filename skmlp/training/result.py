"""What every solver returns, and what it tells while it works."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from skmlp.network.arrays import Array
from skmlp.training.state import Curves, Rows, State
from skmlp.training.stopping import StopReason


@dataclass
class TrainingResult(Rows):
    """What became of each of K networks.

    Attributes
    ----------
    theta : array of shape (K, P)
        Parameters: the best by validation score where there is one, else the last.
    losses : list of K float
        The last value of the loss; infinite if there was none.
    curves : Curves
    reasons : list of K StopReason
    messages : list of K str
        The solver's own words, empty if it has none.
    alpha : array of shape (K,) or (K, A), or None
        What the weights were penalized by, see `Objective`; None: as the problem says.
    state : State or None
        From which training can continue; None from a solver that cannot.
    """

    theta: Array
    losses: list[float]
    curves: Curves
    reasons: list[StopReason]
    messages: list[str]
    alpha: Array | None = None
    state: State | None = None

    def of(self, networks: slice) -> TrainingResult:
        """Return what became of some of the networks, see `Rows.take`."""
        return self.take(np.arange(len(self.theta))[networks])

    def trained(self) -> list[int]:
        """Return the networks that have finished an epoch (or iteration); if none has, all."""
        begun = [k for k, losses in enumerate(self.curves.losses) if losses]
        return begun or list(range(len(self.theta)))


@dataclass(frozen=True)
class Epoch:
    """What a monitor is given at the end of an epoch (or of an iteration).

    Attributes
    ----------
    index : int
        Counts from 0.
    networks : array of int
        Which networks are still being trained; the other attributes have an entry for each.
    theta : array of shape (k, P)
        Their parameters; a view, to be copied if kept.
    loss : array of shape (k,)
    score : array of shape (k,), or None
    new_rate : dict of network to float
        Learning rates that were lowered because training ceased to improve.
    stopped : dict of network to StopReason
        Networks that stop after this epoch, and why; a monitor may add to it.
    """

    index: int
    networks: Array
    theta: Array
    loss: Array
    score: Array | None = None
    new_rate: dict[int, float] = field(default_factory=dict)
    stopped: dict[int, StopReason] = field(default_factory=dict)


class Monitor:
    """Watches a solver; the base class does nothing."""

    def begin(self, index: int) -> None:
        """Epoch ``index`` begins."""

    def end(self, epoch: Epoch) -> bool:
        """Return whether all training should stop after this ``epoch``."""
        return False

    def close(self) -> None:
        """Training is over, or has failed."""
