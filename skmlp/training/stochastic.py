"""Stochastic gradient descent on a stack of networks: epochs of batches, one step per batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.schedules import Schedule
from skmlp.training.stack import Setup, Stack, columns
from skmlp.training.state import State
from skmlp.training.stopping import Stopping, StopReason

Validate = Callable[[Array, Array], tuple[Array, Array]]
"""From parameters (k, P) and the indices of their networks to validation scores and losses (k,)."""


class StochasticSolver:
    """Trains K networks with one optimizer; a network that stops leaves the stack.

    Parameters
    ----------
    objective : Objective
        Its random streams are replaced by those of the state that is trained.
    batches : Batches
    optimizer : Optimizer
        Its fields are numbers, or columns (K, 1).
    schedule : Schedule
    learning_rate : array of shape (K,)
        The initial rates.
    stopping : Stopping
    weight_decay : array of shape (K,), default=None
        Decoupled from the gradient: before each step the weights shrink by ``rate * weight_decay``
        [Loshchilov & Hutter 2019, algorithm 1 and 2; docs, eq. (49)].
    max_grad_norm : array of shape (K,), default=None
        A longer gradient is shortened to this norm [Pascanu et al. 2013, algorithm 1; docs, eq. (50)].
    validate : callable, default=None
        Scores parameters after each epoch. With it, the scores decide about stopping and the best
        parameters are returned; without it, the training loss decides and the last are returned.
    monitor : Monitor, default=None
        Is called at each epoch and can stop training.
    n_epochs : int, default=stopping.max_iter
        Number of epochs that the schedule plans for.
    first_step : int, default=0
        The step of its plan that the schedule begins with.
    """

    def __init__(
        self,
        objective: Objective,
        batches: Batches,
        *,
        optimizer: Optimizer,
        schedule: Schedule,
        learning_rate: Array,
        stopping: Stopping,
        weight_decay: Array | None = None,
        max_grad_norm: Array | None = None,
        validate: Validate | None = None,
        monitor: Monitor | None = None,
        n_epochs: int | None = None,
        first_step: int = 0,
    ) -> None:
        optimizer = columns(optimizer, len(learning_rate))
        self.setup = Setup(
            objective, batches, optimizer, learning_rate, stopping, weight_decay, max_grad_norm
        )
        self.schedule = schedule
        self.validate = validate
        self.monitor = monitor or Monitor()
        self.n_epochs = n_epochs or stopping.max_iter
        self.first_step = first_step

    def train(self, state: State) -> TrainingResult:
        """Train from ``state``, which is overwritten and returned within the result.

        The number of epochs in its curves counts: training continues up to ``stopping.max_iter``.
        """
        if self.validate is not None and state.best_theta is None:
            raise ValueError("Training with validation needs a state that began with validated=True.")
        stack, max_iter = (
            Stack(self.setup, state, np.arange(len(state.theta))),
            self.setup.stopping.max_iter,
        )
        reasons = [StopReason.MAX_ITER] * len(state.theta)
        try:
            # Overflow is no surprise here: it is found, named and returned as divergence.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                for index in range(len(state.curves.losses[0]), max_iter):
                    self.monitor.begin(index)
                    stops = self._epoch(index, stack)
                    for network, reason in stops.items():
                        reasons[network] = reason
                    if len(stops) == len(stack.networks):
                        break
                    if stops:
                        leaving = np.isin(stack.networks, list(stops))
                        state.put(stack.networks[leaving].tolist(), stack.state.keep(leaving))
                        stack = stack.keep(~leaving)
        except KeyboardInterrupt:
            for network in stack.networks.tolist():
                reasons[network] = StopReason.INTERRUPTED
        state.put(stack.networks.tolist(), stack.state)
        self.setup.objective.training.streams = state.streams
        best = None if self.validate is None else state.best_theta
        return TrainingResult.of_state(state, state.theta if best is None else best, reasons)

    def _epoch(self, index: int, stack: Stack) -> dict[int, StopReason]:
        """Train for an epoch, tell the monitor, and return which networks stop and why."""
        n_steps = len(self.setup.batches.counts)
        loss, rate = stack.epoch(self._factors, self.first_step + index * n_steps)
        state, networks = stack.state, stack.networks
        noted = {"losses": loss, "rates": rate}
        score = None
        if self.validate is not None:
            score, validation_loss = self.validate(state.theta, networks)
            noted |= {"scores": score, "validation_losses": validation_loss}
        state.curves.append(**noted)
        stops, new_rate = self._decide(stack, loss, score)
        if index == self.setup.stopping.max_iter - 1:
            stops = dict.fromkeys(networks.tolist(), StopReason.MAX_ITER) | stops
        epoch = Epoch(index, networks, state.theta, loss, score, new_rate, stops)
        if self.monitor.end(epoch):
            stops = dict.fromkeys(networks.tolist(), StopReason.CALLBACK) | stops
        return stops

    def _factors(self, steps: Array) -> Array:
        """Return the factors on the learning rates of some steps."""
        return self.schedule.factors(steps, self.n_epochs * len(self.setup.batches.counts))

    def _decide(
        self, stack: Stack, loss: Array, score: Array | None
    ) -> tuple[dict[int, StopReason], dict[int, float]]:
        """Update patience and learning rates; return which networks stop, and which rates were lowered."""
        state, stopping, networks = stack.state, stack.setup.stopping, stack.networks
        is_best = stopping.count(-loss if score is None else score, state.best, state.without_improvement)
        if score is not None and state.best_theta is not None:
            state.best_theta[is_best] = state.theta[is_best]
        state.rate = self.schedule.after_epoch(state.rate, stack.setup.learning_rate, state.samples_seen)
        stops: dict[int, StopReason] = {}
        new_rate: dict[int, float] = {}
        plateau = state.without_improvement > stopping.n_iter_no_change
        if plateau.any():
            rate, stop = self.schedule.on_plateau(state.rate)
            lowered = plateau & ~stop
            state.rate = np.where(lowered, rate, state.rate)
            state.without_improvement[lowered] = 0
            stops = dict.fromkeys(networks[plateau & stop].tolist(), StopReason.NO_IMPROVEMENT)
            new_rate = dict(zip(networks[lowered].tolist(), state.rate[lowered].tolist(), strict=True))
        finite = np.isfinite(loss) & np.isfinite(state.theta).all(axis=1)
        if not finite.all():
            stops |= dict.fromkeys(networks[~finite].tolist(), StopReason.DIVERGED)
        return stops, new_rate
