"""What every solver returns, and what it tells while it works."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from skmlp.network.arrays import Array
from skmlp.training.stopping import StopReason


@dataclass
class State:
    """All that changes while K networks are trained: one row per network.

    Attributes
    ----------
    theta : array of shape (K, P)
        Parameters.
    moments : array of shape (n_moments, K, P)
        What the optimizer remembers.
    step : array of shape (K,)
        Steps taken.
    rate : array of shape (K,)
        Learning rates.
    samples_seen : array of shape (K,)
    best : array of shape (K,)
        The best score, or minus the lowest loss, so far.
    without_improvement : array of shape (K,)
        Epochs since the last improvement by at least tol.
    """

    theta: Array
    moments: Array
    step: Array
    rate: Array
    samples_seen: Array
    best: Array
    without_improvement: Array

    @classmethod
    def start(cls, theta: Array, n_moments: int, rate: Array) -> State:
        """Return the state before the first step; ``theta`` is copied."""
        n_networks = len(theta)
        return cls(
            theta=theta.copy(),
            moments=np.zeros_like(theta, shape=(n_moments, *theta.shape)),
            step=np.zeros(n_networks, dtype=int),
            rate=rate.astype(float),
            samples_seen=np.zeros(n_networks, dtype=int),
            best=np.full(n_networks, -np.inf),
            without_improvement=np.zeros(n_networks, dtype=int),
        )

    def keep(self, networks: Array) -> State:
        """Return a copy of some rows, given as a boolean mask over K."""
        rows = {name: value[networks] for name, value in self._per_network().items()}
        return State(moments=self.moments[:, networks], **rows)

    def of(self, networks: slice) -> State:
        """Return a copy of some rows."""
        rows = {name: value[networks].copy() for name, value in self._per_network().items()}
        return State(moments=self.moments[:, networks].copy(), **rows)

    def put(self, networks: Array, state: State) -> None:
        """Write ``state`` into the rows ``networks`` (indices)."""
        for name, value in self._per_network().items():
            value[networks] = getattr(state, name)
        self.moments[:, networks] = state.moments

    def _per_network(self) -> dict[str, Array]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "moments"}


@dataclass
class TrainingResult:
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
        From which training can go on.
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

    def of(self, networks: slice) -> TrainingResult:
        """Return what became of some of the networks, copied."""
        return TrainingResult(
            self.theta[networks].copy(),
            self.losses[networks],
            self.loss_curves[networks],
            self.score_curves[networks],
            self.validation_losses[networks],
            self.reasons[networks],
            self.messages[networks],
            None if self.state is None else self.state.of(networks),
            None if self.rate_curves is None else self.rate_curves[networks],
        )

    def trained(self) -> list[int]:
        """Return the networks whose turn has come; all, if it has come for none."""
        begun = [k for k, losses in enumerate(self.loss_curves) if losses]
        return begun or list(range(len(self.theta)))


@dataclass(frozen=True)
class Epoch:
    """What a monitor is told at the end of an epoch (or of an iteration).

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
        Who stops after this epoch; a monitor may add to it.
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
