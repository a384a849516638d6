"""Stochastic gradient descent on a stack of networks: epochs of batches, one step per batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from skmlp.network.arrays import Array, number_or_column, of_rows
from skmlp.network.hyperparameters import as_arrays, kept
from skmlp.network.objective import Objective
from skmlp.network.parameters import cache_blocks
from skmlp.training.batches import Batches
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import Epoch, Monitor, State, TrainingResult
from skmlp.training.schedules import Schedule
from skmlp.training.stopping import Stopping, StopReason

Validate = Callable[[Array, Array], tuple[Array, Array]]
"""From parameters (k, P) and the indices of their networks to validation scores and losses (k,)."""


class StochasticSolver:
    """Trains K networks with one optimizer, once; a network that stops leaves the stack.

    Parameters
    ----------
    objective : Objective
    batches : Batches
    random_states : sequence of K numpy.random.RandomState, or None
        The stream that shuffles each network's rows before every epoch; None keeps the order.
    optimizer : Optimizer
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
    n_epochs : int, default=stopping.max_iter
        How many epochs the schedule plans for.
    first_step : int, default=0
        Where in its plan the schedule begins.
    monitor : Monitor, default=None
        Is told of each epoch and can stop training.
    """

    def __init__(
        self,
        objective: Objective,
        batches: Batches,
        random_states: Sequence[np.random.RandomState] | None,
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
        self.objective = objective
        self.batches = batches
        self.random_states = random_states
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.stopping = stopping
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.validate = validate
        self.monitor = monitor or Monitor()
        self.n_epochs = n_epochs or stopping.max_iter
        self.first_step = first_step

    def train(self, state: State, before: Sequence[TrainingResult] | None = None) -> TrainingResult:
        """Train from ``state``, which is overwritten and returned within the result.

        ``before`` are the results of as many epochs for all networks, in their order: training goes on
        from there, as if it had never ended.
        """
        n_networks = len(state.theta)
        self._all, self._best_theta = state, state.theta.copy()
        if before is not None:
            np.concatenate([result.theta for result in before], out=self._best_theta)
        self._networks = np.arange(n_networks)

        def curves(name: str) -> list[list[float]]:
            if before is None:
                return [[] for _ in range(n_networks)]
            return [[*curve] for result in before for curve in getattr(result, name)]

        self._loss_curves, self._score_curves = curves("loss_curves"), curves("score_curves")
        self._validation_losses, self._rate_curves = curves("validation_losses"), curves("rate_curves")
        self._first_epoch = len(self._loss_curves[0])
        self._reasons = [StopReason.MAX_ITER] * n_networks
        self._bind(state)
        whole = self.objective, self.batches, self.random_states
        self._order = self.batches.order
        try:
            # Overflow is no surprise here: it is found, named and returned as divergence.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self._run_epochs()
        except KeyboardInterrupt:
            for network in self._networks.tolist():
                self._reasons[network] = StopReason.INTERRUPTED
        self._all.put(self._networks, self._state)
        self._keep_order()
        self.objective, self.batches, self.random_states = whole
        return TrainingResult(
            theta=self._all.theta if self.validate is None else self._best_theta,
            losses=[curve[-1] if curve else np.inf for curve in self._loss_curves],
            loss_curves=self._loss_curves,
            score_curves=self._score_curves,
            validation_losses=self._validation_losses,
            reasons=self._reasons,
            messages=[""] * n_networks,
            state=self._all,
            rate_curves=self._rate_curves,
        )

    def _bind(self, state: State) -> None:
        """Make the buffers and views for the networks in ``state``, which training overwrites."""
        self._state = state
        gradient = np.empty_like(state.theta)
        layout = self.objective.network.layout
        self._parameters, self._gradient = layout.view(state.theta), layout.view(gradient)
        self._blocks = [
            (
                block[0],
                state.theta[block],
                gradient[block],
                tuple(moment[block] for moment in state.moments),
            )
            for block in cache_blocks(*gradient.shape)
        ]

    def _run_epochs(self) -> None:
        for index in range(self._first_epoch, self.stopping.max_iter):
            self.monitor.begin(index)
            if self.random_states is not None:
                self.batches.shuffle(self.random_states)
            loss = self._epoch(index)
            stops = self._end_of_epoch(index, loss)
            if len(stops) == len(self._networks):
                return
            if stops:
                self._leave(np.isin(self._networks, list(stops)))

    def _epoch(self, index: int) -> Array:
        """Take one step per batch and return the mean loss over the epoch, shape (k,)."""
        objective, optimizer, counts = self.objective, self.optimizer, self.batches.counts
        parameters, gradient, dtype = self._parameters, self._gradient, self._state.theta.dtype
        rate, t = number_or_column(self._state.rate), number_or_column(self._state.step)
        norms, factors = objective.empty_norms(len(counts)), self._rate_factors(index, len(counts))
        values: list[Array] = []
        step = 0
        for chunk in self.batches:
            first = step
            for x, y, weights, total, scores in chunk.batches:
                np.copyto(scores, objective.gradient(parameters, x, y, weights, total, gradient))
                objective.squared_norms(parameters, out=norms[step])
                step_rate = rate * factors[step] if factors else rate
                step += 1
                if self.max_grad_norm is not None:
                    clip(gradient.flat, self.max_grad_norm)
                if self.weight_decay is not None:
                    self._decay(step_rate * number_or_column(self.weight_decay))
                constants = as_arrays(optimizer.constants(step_rate, t + step), dtype)
                for rows, theta, slope, moments in self._blocks:
                    optimizer.update(theta, slope, moments, tuple(of_rows(c, rows) for c in constants))
            losses = chunk.sum_by_batch(objective.losses(chunk.scores, chunk.y, chunk.weights))
            values.append(objective.value(losses, norms[first:step], chunk.totals, reported=True))
        last_rate = self._state.rate * (factors[-1] if factors else 1)
        for network, value in zip(self._networks, last_rate.tolist(), strict=True):
            self._rate_curves[network].append(value)
        self._state.step += len(counts)
        self._state.samples_seen += self.batches.n_rows
        # Each network's values lie together: their sum then has the same bits in a stack as alone.
        weighted = np.ascontiguousarray((np.concatenate(values) * counts).T)
        return np.asarray(np.add.reduce(weighted, axis=1) / self.batches.n_rows)

    def _rate_factors(self, epoch: int, n_steps: int) -> list[float] | None:
        """Return what the schedule multiplies the rates of the steps of an epoch by."""
        steps = self.first_step + epoch * n_steps + np.arange(n_steps)
        factors = self.schedule.factors(steps, self.n_epochs * n_steps)
        return None if factors is None else factors.tolist()

    def _decay(self, part: float | Array) -> None:
        """Shrink the weights by a part of them."""
        (factor,) = as_arrays((1 - part,), self._state.theta.dtype)
        weights = self._state.theta[:, : self.objective.network.layout.n_penalised]
        np.multiply(weights, factor, out=weights)

    def _end_of_epoch(self, index: int, loss: Array) -> dict[int, StopReason]:
        """Keep the books, tell the monitor, and return who stops and why."""
        score = None
        if self.validate is not None:
            score, validation_loss = self.validate(self._state.theta, self._networks)
            for network, value in zip(self._networks, validation_loss.tolist(), strict=True):
                self._validation_losses[network].append(value)
        for network, value in zip(self._networks, loss.tolist(), strict=True):
            self._loss_curves[network].append(value)
        if score is not None:
            for network, value in zip(self._networks, score.tolist(), strict=True):
                self._score_curves[network].append(value)
        stops, new_rate = self._decide(loss, score)
        if index == self.stopping.max_iter - 1:
            stops = dict.fromkeys(self._networks.tolist(), StopReason.MAX_ITER) | stops
        epoch = Epoch(index, self._networks, self._state.theta, loss, score, new_rate, stops)
        if self.monitor.end(epoch):
            stops = dict.fromkeys(self._networks.tolist(), StopReason.CALLBACK) | stops
        for stopped, reason in stops.items():
            self._reasons[stopped] = reason
        return stops

    def _decide(self, loss: Array, score: Array | None) -> tuple[dict[int, StopReason], dict[int, float]]:
        """Update patience and learning rates; return who stops and whose rate was lowered."""
        state = self._state
        is_best = self.stopping.count(
            -loss if score is None else score, state.best, state.without_improvement
        )
        if score is not None and is_best.any():
            self._best_theta[self._networks[is_best]] = state.theta[is_best]
        state.rate = self.schedule.after_epoch(state.rate, self.learning_rate, state.samples_seen)
        stops: dict[int, StopReason] = {}
        new_rate: dict[int, float] = {}
        plateau = state.without_improvement > self.stopping.n_iter_no_change
        if plateau.any():
            rate, stop = self.schedule.on_plateau(state.rate)
            lowered = plateau & ~stop
            state.rate = np.where(lowered, rate, state.rate)
            state.without_improvement[lowered] = 0
            stops = dict.fromkeys(self._names(plateau & stop), StopReason.NO_IMPROVEMENT)
            new_rate = dict(zip(self._names(lowered), state.rate[lowered].tolist(), strict=True))
        finite = np.isfinite(loss) & np.isfinite(state.theta).all(axis=1)
        if not finite.all():
            stops |= dict.fromkeys(self._names(~finite), StopReason.DIVERGED)
        return stops, new_rate

    def _names(self, networks: Array) -> list[int]:
        """Return the original indices of the networks of a boolean mask over the stack."""
        names: list[int] = self._networks[networks].tolist()
        return names

    def _keep_order(self) -> None:
        """Write the present order of rows into that of the whole stack, from which training may go on."""
        order = self.batches.order
        self._order[self._networks, : order.shape[1]] = order

    def _leave(self, leaving: Array) -> None:
        """Take the networks of the boolean mask ``leaving`` off the stack."""
        staying = ~leaving
        self._keep_order()
        self._all.put(self._networks[leaving], self._state.keep(leaving))
        self._networks = self._networks[staying]
        self.objective = self.objective.keep(staying)
        self.batches = self.batches.keep(staying)
        self.optimizer = kept(self.optimizer, staying)
        self.stopping = self.stopping.keep(staying)
        self.learning_rate = self.learning_rate[staying]
        if self.weight_decay is not None:
            self.weight_decay = self.weight_decay[staying]
        if self.max_grad_norm is not None:
            self.max_grad_norm = self.max_grad_norm[staying]
        if self.random_states is not None:
            self.random_states = [
                random_state
                for random_state, stays in zip(self.random_states, staying, strict=True)
                if stays
            ]
        self._bind(self._state.keep(staying))


def clip(gradient: Array, max_norm: Array) -> None:
    """Shorten the ``gradient`` (K, P) of each network to ``max_norm`` (K,), if it is longer."""
    # In float64: the square of a large gradient of float32 would overflow.
    squares = np.einsum("kp,kp->k", gradient, gradient, dtype=float)
    factor = np.minimum(1, max_norm / np.sqrt(squares))
    if (factor < 1).any():
        np.multiply(gradient, factor[:, np.newaxis].astype(gradient.dtype), out=gradient)
