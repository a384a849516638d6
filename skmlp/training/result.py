"""What every solver returns, and what it tells while it works."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from skmlp.network.arrays import Array
from skmlp.training.state import Rows, State
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
    loss_curves : list of K lists
        The loss of each epoch (or iteration), as scikit-learn reports it.
    score_curves : list of K lists
        The validation score of each epoch; empty without validation.
    validation_losses : list of K lists
        The loss on the validation rows after each epoch; empty without validation.
    reasons : list of K StopReason
    messages : list of K str
        The solver's own words, empty if it has none.
    state : State or None
        From which training can continue.
    rate_curves : list of K lists, or None
        The learning rate of the last step of each epoch; None from a solver that has none.
    """

    theta: Array
    losses: list[float]
    loss_curves: list[list[float]]
    score_curves: list[list[float]]
    validation_losses: list[list[float]]
    reasons: list[StopReason]
    messages: list[str]
    state: State | None = None
    rate_curves: list[list[float]] | None = None

    @classmethod
    def of_state(cls, state: State, theta: Array, reasons: list[StopReason]) -> TrainingResult:
        """Return the result of stochastic training; its curves are those of the ``state``."""
        curves = state.curves
        return cls(
            theta=theta,
            losses=[curve[-1] if curve else np.inf for curve in curves.losses],
            loss_curves=curves.losses,
            score_curves=curves.scores,
            validation_losses=curves.validation_losses,
            reasons=reasons,
            messages=[""] * len(theta),
            state=state,
            rate_curves=curves.rates,
        )

    def of(self, networks: slice) -> TrainingResult:
        """Return what became of some of the networks, see `Rows.take`."""
        return self.take(range(len(self.theta))[networks])

    def trained(self) -> list[int]:
        """Return the networks that have finished an epoch (or iteration); if none has, all."""
        begun = [k for k, losses in enumerate(self.loss_curves) if losses]
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
