"""The base of solvers that use all samples in every step and train one network after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.monotonic import Bounds
from skmlp.network.objective import Objective
from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.state import Curves
from skmlp.training.stopping import StopReason

Cost = Callable[[Array, Array], Array]
"""From parameters (L, P) and raw scores (L, n, q) to values (L,) that take the place of the mean loss."""

# X, an array or sparse matrix of shape (n, m); y (n, q); and the sample weights (n,), or None.
Samples: TypeAlias = tuple[Any, Array, Array | None]

Needs: TypeAlias = Literal["gradient", "residuals", "values"]
"""What a solver must know of the objective; residuals: the loss must be the squared error."""


@dataclass(eq=False)
class Run:
    """The training of one network, remembered so that it can be left at any iteration.

    Attributes
    ----------
    objective : Objective
        That of this network alone.
    theta : array of shape (P,)
        Where it starts; overwritten by the parameters to keep.
    samples : Samples
        What it is trained on.
    network : int
        Its index in the stack.
    random_state : numpy.random.RandomState
        Where solvers that use chance draw from.
    max_iter, max_fun : int
        Maximum number of iterations, and of evaluations of the objective.
    tol : float
        See the solver.
    monitor : Monitor
        Is called at each iteration and can stop training.
    cost : callable, or None
        Takes the place of the mean loss, for solvers that need values only.
    bounds : Bounds, or None
        Within which the parameters stay.
    n_evaluations : int
        Evaluations of the objective so far.
    losses : list of float
        The loss after each iteration.
    loss : float
        That of ``theta``.
    reason : StopReason
        Why training ended; INTERRUPTED until it has.
    message : str
        The solver's own words, empty if it has none.
    """

    objective: Objective
    theta: Array
    samples: Samples
    network: int
    random_state: np.random.RandomState
    max_iter: int
    max_fun: int
    tol: float
    monitor: Monitor
    cost: Cost | None
    bounds: Bounds | None = None
    n_evaluations: int = 0
    losses: list[float] = field(default_factory=list)
    loss: float = np.inf
    reason: StopReason = StopReason.INTERRUPTED
    message: str = ""

    @property
    def ftol(self) -> float:
        """The relative gain below which training has converged.

        It is scipy's default, 1e7 eps of float64, which lies below the resolution of float32.
        """
        return max(1e7 * np.finfo(np.float64).eps, 10 * float(np.finfo(self.theta.dtype).eps))

    def values(self, theta: Array, *, reported: bool = False) -> Array:
        """Return the objective of L candidates ``theta`` (L, P), shape (L,)."""
        return self.objective.values(theta, *self.samples, cost=self.cost, reported=reported)

    def begin_iteration(self) -> None:
        """Tell the monitor that an iteration begins."""
        self.monitor.begin(len(self.losses))

    def end_iteration(self, loss: float) -> bool:
        """Note the ``loss`` of ``theta``, tell the monitor, and return whether it asks to stop."""
        self.loss = loss
        self.losses.append(loss)
        index, network = len(self.losses) - 1, np.array([self.network])
        return self.monitor.end(Epoch(index, network, self.theta[np.newaxis], np.array([loss])))


@dataclass(frozen=True)
class Solver(ABC):
    """A way to train one network on all samples at once; its fields are settings."""

    name: ClassVar[str]
    unit: ClassVar[str] = "iteration"
    """What an iteration is called."""
    needs: ClassVar[Needs]

    @abstractmethod
    def minimize(self, run: Run) -> StopReason:
        """Train the network of ``run``, write into `Run.theta`, and return why training ended."""

    def check(self, n_parameters: int) -> None:
        """Raise an error if the solver cannot train this many parameters."""

    def train(self, runs: Sequence[Run]) -> TrainingResult:
        """Train the networks of ``runs`` one after the other, until one of them is stopped from outside."""
        self.check(len(runs[0].theta))
        ended: StopReason | None = None  # what has ended all training
        # Overflow is no surprise here: it is found, named and returned as divergence.
        with np.errstate(all="ignore"):
            for run in runs:
                with suppress(KeyboardInterrupt):  # INTERRUPTED is its reason until it has another
                    run.reason = ended or self.minimize(run)
                if run.reason in (StopReason.CALLBACK, StopReason.INTERRUPTED):
                    ended = run.reason
                elif not run.losses and np.isfinite(run.loss):  # it ended where it started
                    run.losses.append(run.loss)
        return TrainingResult(
            theta=np.stack([run.theta for run in runs]),
            losses=[run.loss for run in runs],
            curves=replace(Curves.start(len(runs)), losses=[run.losses for run in runs]),
            reasons=[run.reason for run in runs],
            messages=[run.message for run in runs],
            alpha=np.concatenate([run.objective.alpha for run in runs]),
        )
