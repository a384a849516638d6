"""What the solvers share that train one network after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.objective import Objective
from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.stopping import StopReason


class Samples(NamedTuple):
    """What a network is trained on.

    Attributes
    ----------
    X : array or sparse matrix of shape (n, m)
    y : array of shape (n, q)
    weights : array of shape (n,), or None
    """

    X: Any
    y: Array
    weights: Array | None


class StopTrainingError(Exception):
    """Leaves a solver's loop when a monitor asks to stop."""


class Run(ABC):
    """The training of one network, remembered so that it can be left at any iteration.

    Parameters
    ----------
    theta : array of shape (P,)
        Where the network starts.
    network : int
        Its index in the stack.
    monitor : Monitor, or None
        Is told of each iteration and can stop training.

    Attributes
    ----------
    theta : array of shape (P,)
        The parameters to be kept.
    losses : list of float
        The loss after each iteration.
    loss : float
        That of ``theta``.
    reason : StopReason
    message : str
        The solver's own words, empty if it has none.
    """

    def __init__(self, theta: Array, network: int, monitor: Monitor | None) -> None:
        self.theta, self.network, self.monitor = theta.copy(), network, monitor or Monitor()
        self.losses: list[float] = []
        self.loss = np.inf
        self.reason, self.message = StopReason.INTERRUPTED, ""

    @abstractmethod
    def minimize(self) -> StopReason:
        """Train, and return why training ended."""

    def train(self) -> None:
        """Train until the solver ends, a monitor stops it or the user interrupts it."""
        try:
            # Overflow is no surprise here: it is found, named and returned as divergence.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.reason = self.minimize()
        except KeyboardInterrupt:
            self.reason = StopReason.INTERRUPTED
        except StopTrainingError:
            self.reason = StopReason.CALLBACK

    def begin_iteration(self) -> None:
        """Tell the monitor that an iteration begins."""
        self.monitor.begin(len(self.losses))

    def end_iteration(self, loss: float) -> None:
        """Keep the ``loss`` of ``theta``, tell the monitor, and leave if it asks to stop."""
        self.loss = loss
        self.losses.append(loss)
        index, network = len(self.losses) - 1, np.array([self.network])
        if self.monitor.end(Epoch(index, network, self.theta[np.newaxis], np.array([loss]))):
            raise StopTrainingError


class Descent(Run):
    """The training of one network on all samples at once.

    Parameters
    ----------
    objective : Objective
        That of one network.
    theta : array of shape (P,)
    samples : Samples
    network, monitor
        As in `Run`.
    max_iter, max_fun : int
        Most iterations, and most evaluations of the objective.
    tol : float
        Training has converged when no element of the gradient is larger.
    """

    def __init__(
        self,
        objective: Objective,
        theta: Array,
        samples: Samples,
        network: int,
        monitor: Monitor | None,
        *,
        max_iter: int,
        max_fun: int,
        tol: float,
    ) -> None:
        super().__init__(theta, network, monitor)
        self.objective, self.samples = objective, samples
        self.max_iter, self.max_fun, self.tol = max_iter, max_fun, tol
        # The relative gain below which training has converged: scipy's default, 1e7 eps of float64, which
        # lies below the resolution of float32.
        self.ftol = max(1e7 * np.finfo(np.float64).eps, 10 * float(np.finfo(theta.dtype).eps))


def descend(
    kind: type[Descent],
    objective: Objective,
    theta: Array,
    samples: Samples,
    *,
    max_iter: int,
    max_fun: int,
    tol: Array,
    monitor: Monitor | None,
) -> TrainingResult:
    """Train each of K networks by a ``kind`` of descent, from ``theta`` (K, P); ``tol`` has shape (K,)."""
    return train_one_by_one(
        kind(
            objective.keep(network),
            theta[k],
            samples,
            k,
            monitor,
            max_iter=max_iter,
            max_fun=max_fun,
            tol=float(tol[k]),
        )
        for k, network in enumerate(np.eye(len(theta), dtype=bool))
    )


def train_one_by_one(runs: Iterable[Run]) -> TrainingResult:
    """Train one network after the other, until one of them is stopped from outside."""
    result = TrainingResult(np.empty(0), [], [], [], [], [], [])
    thetas: list[Array] = []
    ended: StopReason | None = None  # what has ended all training
    for run in runs:
        if ended is None:
            run.train()
            ended = run.reason if run.reason in (StopReason.CALLBACK, StopReason.INTERRUPTED) else None
        else:
            run.reason = ended
        thetas.append(run.theta)
        result.losses.append(run.loss)
        result.loss_curves.append(run.losses)
        result.score_curves.append([])
        result.validation_losses.append([])
        result.reasons.append(run.reason)
        result.messages.append(run.message)
    result.theta = np.stack(thetas)
    return result
