"""Stochastic gradient descent on a stack of networks: epochs of batches, one step per batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from skmlp.network.arrays import Array, are_finite
from skmlp.training.checkpoints import Saver
from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.schedules import Constant, Schedule
from skmlp.training.stack import Setup, Stack
from skmlp.training.state import State
from skmlp.training.stopping import StopReason

Validate = Callable[[Array, Array], tuple[Array, Array]]
"""From parameters (k, P) and the indices of their networks to validation scores and losses (k,)."""


@dataclass(frozen=True)
class StochasticSolver:
    """Trains K networks with one optimizer; a network that stops leaves the stack.

    Parameters
    ----------
    setup : Setup
    schedule : Schedule
    validate : callable, default=None
        Scores parameters after each epoch. With it, the scores decide about stopping and the best
        parameters are returned; without it, the training loss decides and the last are returned.
    monitor : Monitor, default=Monitor()
        Is called at each epoch and can stop training.
    n_epochs : int, default=stopping.max_iter
        Number of epochs that the schedule plans for.
    first_step : int, default=0
        The step of its plan that the schedule begins with.
    saver : Saver, default=None
        Saves the state between two epochs.
    weight_decay_schedule, dropout_schedule : Schedule, default=Constant()
        The factors on the weight decay in each step, and on the rates of dropout in each epoch: that of its
        first step. Both must be `Schedule.is_by_the_step`, and follow the same plan.
    """

    setup: Setup
    schedule: Schedule
    validate: Validate | None = None
    monitor: Monitor = field(default_factory=Monitor)
    n_epochs: int | None = None
    first_step: int = 0
    saver: Saver | None = None
    weight_decay_schedule: Schedule = field(default_factory=Constant)
    dropout_schedule: Schedule = field(default_factory=Constant)

    def train(self, state: State, stopped: Mapping[int, StopReason] | None = None) -> TrainingResult:
        """Train from ``state``, which is overwritten and returned within the result.

        The number of epochs in its curves counts: training continues up to ``stopping.max_iter``. Networks
        that have ``stopped`` before, for the given reasons, stay as they are.
        """
        if self.validate is not None and state.best_theta is None:
            raise ValueError("Training with validation needs a state that began with validated=True.")
        n_networks, reasons = len(state.theta), dict(stopped or {})
        stack = Stack(self.setup, state, np.arange(n_networks))
        if 0 < len(reasons) < n_networks:
            stack = stack.keep(~np.isin(stack.networks, list(reasons)))
        try:
            # Overflow is no surprise here: it is found, named and returned as divergence.
            with np.errstate(all="ignore"):
                for index in range(max(map(len, state.curves.losses)), self.setup.stopping.max_iter):
                    if len(reasons) == n_networks:
                        break
                    self.monitor.begin(index)
                    stops = self._epoch(index, stack)
                    reasons |= stops
                    if stops and len(reasons) < n_networks:
                        leaving = np.isin(stack.networks, list(stops))
                        state.put(stack.networks[leaving], stack.state.take(np.flatnonzero(leaving)))
                        stack = stack.keep(~leaving)
                    if self.saver is not None and self.saver.is_due and len(reasons) < n_networks:
                        if stack.state is not state:
                            state.put(stack.networks, stack.state)
                        self.saver(state, reasons)
        except KeyboardInterrupt:
            reasons |= dict.fromkeys(stack.networks.tolist(), StopReason.INTERRUPTED)
        if stack.state is not state:  # some networks have left the stack
            state.put(stack.networks, stack.state)
        self.setup.objective.training.streams = state.streams
        best = None if self.validate is None else state.best_theta
        return TrainingResult(
            theta=state.theta if best is None else best,
            losses=[losses[-1] if losses else np.inf for losses in state.curves.losses],
            curves=state.curves,
            reasons=[reasons.get(k, StopReason.MAX_ITER) for k in range(n_networks)],
            messages=[""] * n_networks,
            state=state,
        )

    def _epoch(self, index: int, stack: Stack) -> dict[int, StopReason]:
        """Train for an epoch, tell the monitor, and return which networks stop and why."""
        stopping, n_steps = self.setup.stopping, len(self.setup.batches.counts)
        first, n_planned = self.first_step + index * n_steps, (self.n_epochs or stopping.max_iter) * n_steps
        state, networks = stack.state, stack.networks

        def factors_of(schedule: Schedule) -> Callable[[Array], Array]:
            return lambda steps: schedule.factors(first + steps, n_planned)

        if state.streams:
            (dropout_factor,) = factors_of(self.dropout_schedule)(np.zeros(1)).tolist()
            stack.setup.objective.training.dropout_factor = dropout_factor
        loss, rate = stack.epoch((factors_of(self.schedule), factors_of(self.weight_decay_schedule)))
        noted = {"losses": loss, "rates": rate}
        score = None
        if self.validate is not None:
            score, validation_loss = self.validate(state.theta, networks)
            noted |= {"scores": score, "validation_losses": validation_loss}
        state.curves.append(**noted)
        stops, new_rate = self._decide(stack, loss, score)
        if index == stopping.max_iter - 1:
            stops = dict.fromkeys(networks.tolist(), StopReason.MAX_ITER) | stops
        epoch = Epoch(index, networks, state.theta, loss, score, new_rate, stops)
        if self.monitor.end(epoch):
            stops = dict.fromkeys(networks.tolist(), StopReason.CALLBACK) | stops
        return stops

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
        finite = np.isfinite(loss) & are_finite(state.theta)
        if not finite.all():
            stops |= dict.fromkeys(networks[~finite].tolist(), StopReason.DIVERGED)
        return stops, new_rate
