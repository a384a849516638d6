"""The networks that are trained at present, and an epoch of steps for all of them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Protocol, TypeAlias

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import PerNetwork, kept, per_network
from skmlp.network.monotonic import Bounds, project
from skmlp.network.objective import Objective
from skmlp.network.parameters import cache_blocks
from skmlp.training.batches import Batches
from skmlp.training.optimizers import Arrays, Optimizer
from skmlp.training.state import State
from skmlp.training.stopping import Stopping

STEPS_AHEAD = 64
"""Minimum number of steps, times networks, whose constants are computed at once, even beyond an epoch: few
take as long as many, which is long beside a step of a small network."""

ROWS_AHEAD = 1024
"""The same where the constants stay in one table, and are not taken apart step by step."""

CONSTANTS_AT_A_TIME = 16_384
"""Maximum number of steps, times networks, whose constants are computed at once."""

STEPS_BETWEEN_SWEEPS = 128
"""After so many steps, moments are swept: with beta_1=0.9, none becomes subnormal in between."""

_Factors: TypeAlias = tuple[Callable[[Array], Array], Callable[[Array], Array]]
"""From the indices of steps to the factors on the learning rates, and to those on the weight decay."""

_Constants: TypeAlias = tuple[Array, Array | None, tuple[PerNetwork, ...]]
"""Of n steps and one more: the rates (n + 1, K, 1), factors on the weights, the optimizer's constants."""

_Step: TypeAlias = tuple[Array, Array | None, tuple[Array, ...]]
"""The rates (K,), the factor on the weights (None: no weight decay), and the optimizer's constants."""


Update: TypeAlias = Callable[[Array, Array, Arrays, Arrays], None]
"""`skmlp.training.optimizers.Optimizer.update`."""


class Steps(Protocol):
    """Steps of all networks of a stack that are taken at once, without the interpreter in between."""

    n_at_once: int
    """How many at most: few enough that an interruption is noticed soon."""

    def __call__(self, steps: range, constants: Array, first: int, values: Array) -> None:
        """Take the ``steps`` of an epoch, and write E of each into ``values`` (n_steps, K).

        Parameters
        ----------
        steps : range
            The batches of this epoch.
        constants : array of shape (K, n, n_constants + 1)
            The optimizer's constants in n steps, and behind them the factor on the weights, in the dtype of
            the parameters.
        first : int
            Which of the n is the first of ``steps``.
        values : array of shape (n_steps, K)
            Overwritten.
        """


class Move(Protocol):
    """A step of all networks of a stack, given the sum of gradients in the room of the objective."""

    def __call__(
        self, total: Array, decay: Array | None, constants: tuple[Array, ...], norms: Array
    ) -> None:
        """Take the step, and write what the penalty counts before it into ``norms``.

        Parameters
        ----------
        total : array of shape () or (K, 1)
            The weight of the batch.
        decay, constants
            Of this step.
        norms : array of shape (n_penalized, K, 1, 1)
            Squared norms; only their sum over the first axis counts, unless each array has its own alpha.
        """


@dataclass(frozen=True)
class Setup:
    """What training does not change, for K networks.

    Parameters
    ----------
    objective : Objective
        Its random streams are replaced by those of the state that is trained.
    batches : Batches
    optimizer : Optimizer
        Its fields are columns of shape (K, 1), see `stacked`.
    stopping : Stopping
    learning_rate : array of shape (K,)
        The initial rates.
    weight_decay : array of shape (K,), default=None
        Decoupled from the gradient: before each step the weights shrink by ``rate * weight_decay``, times
        the factor of a schedule [Loshchilov & Hutter 2019, algorithm 1 and 2; docs, eq. (49)].
    max_grad_norm : array of shape (K,), default=None
        A longer gradient is shortened to this norm [Pascanu et al. 2013, algorithm 1; docs, eq. (50)].
    bounds : Bounds, default=None
        Each step is followed by a projection onto them.
    make_steps : callable, default=None
        From a setup and a state to what computes the `Steps` of an epoch. They do what `Stack.epoch` says.
    make_move : callable, default=None
        From a setup and a state to a `Move`, where steps are taken one by one. It does what `Stack._move`
        does.
    """

    objective: Objective
    batches: Batches
    optimizer: Optimizer
    stopping: Stopping
    learning_rate: Array = per_network()
    weight_decay: Array | None = per_network(None)
    max_grad_norm: Array | None = per_network(None)
    bounds: Bounds | None = None
    make_steps: MakeSteps | None = None
    make_move: MakeMove | None = None

    def keep(self, networks: Array) -> Setup:
        """Return the setup of some of the networks, given as a boolean mask over K."""
        return replace(
            kept(self, networks),
            objective=self.objective.keep(networks),
            batches=kept(self.batches, networks),
            optimizer=kept(self.optimizer, networks),
            stopping=kept(self.stopping, networks),
        )


MakeSteps: TypeAlias = Callable[[Setup, State], Steps]
MakeMove: TypeAlias = Callable[[Setup, State], Move]


class Stack:
    """Networks with their state, and the buffers to train them.

    Parameters
    ----------
    setup : Setup
    state : State
        Training overwrites it.
    networks : array of int
        The indices of the networks among those that training began with.
    """

    def __init__(self, setup: Setup, state: State, networks: Array) -> None:
        self.setup, self.state, self.networks = setup, state, networks
        self._coming: Iterator[_Step] = iter(())
        self._tables: Iterator[tuple[Array, Array]] = iter(())
        self._left: tuple[Array, Array, int] | None = None
        self._rate_of_coming: Array | None = None
        setup.objective.training.streams = state.streams
        self._steps = None if setup.make_steps is None else setup.make_steps(setup, state)
        self._compiled_move = None if setup.make_move is None else setup.make_move(setup, state)
        if self._steps is None:
            self._make_room()

    def _make_room(self) -> None:
        """Make the buffers of the steps that are taken one by one."""
        setup, state = self.setup, self.state
        layout, self._gradient = setup.objective.network.layout, setup.objective.room
        self._parameters, gradient = layout.view(state.theta), self._gradient.flat
        self._weights = state.theta[:, : layout.n_penalized]
        factors = layout.factors()
        self._decay_factors = None if factors is None else factors[1].astype(gradient.dtype)
        blocks = cache_blocks(*gradient.shape)
        # The first block is the largest. Scratch arrays are contiguous too, see `cache_blocks`.
        scratch = np.empty_like(gradient, shape=(setup.optimizer.n_scratch, gradient[blocks[0]].size))
        self._blocks = []
        for block in blocks:
            slope = gradient[block]
            arrays = [moment[block] for moment in state.moments]
            arrays += [room[: slope.size].reshape(slope.shape) for room in scratch]
            update: Update = setup.optimizer.update
            if factors is not None:
                update = scaled(update, factors[0][block[1]].astype(gradient.dtype))
            self._blocks.append((block[0], state.theta[block], slope, tuple(arrays), update))

    def keep(self, networks: Array) -> Stack:
        """Return the stack of some of the networks, given as a boolean mask over K."""
        state = self.state.take(np.flatnonzero(networks))
        return Stack(self.setup.keep(networks), state, self.networks[networks])

    def epoch(self, factors: _Factors) -> tuple[Array, Array]:
        """Take one step per batch; return the mean loss over the epoch and the last rates, each (K,).

        Parameters
        ----------
        factors : pair of callables
            Of the indices of steps, 0 for the first of the epoch; for arrays of any length.
        """
        setup, state, counts = self.setup, self.state, self.setup.batches.counts
        if state.random_states:
            setup.batches.shuffle(state.order, state.random_states)
        if state.rate is not self._rate_of_coming:
            # Steps that held the stack would be a cycle: the samples would stay until it is collected.
            this: Stack = weakref.proxy(self)
            self._coming, self._rate_of_coming = Stack._coming_steps(this, factors), state.rate
            self._tables, self._left = Stack._coming_tables(this, factors), None
        values, rate = self._one_by_one() if self._steps is None else self._many_at_once(self._steps)
        n_sweeps = state.step // STEPS_BETWEEN_SWEEPS
        state.step += len(counts)
        if (is_due := state.step // STEPS_BETWEEN_SWEEPS > n_sweeps).any():
            sweep(state.moments, is_due)
        state.samples_seen += setup.batches.n_rows
        # Each network's values lie together: their sum then has the same bits in a stack as alone.
        weighted = np.ascontiguousarray((values * counts).T)
        return np.add.reduce(weighted, axis=1) / setup.batches.n_rows, rate

    def _one_by_one(self) -> tuple[Array, Array]:
        """Take the steps of an epoch; return E in each, shape (n_batches, K), and the last rates (K,)."""
        setup, state, parameters, gradient = self.setup, self.state, self._parameters, self._gradient
        objective, move = setup.objective, self._compiled_move or self._move
        norms, values, step, rate = objective.empty_norms(len(setup.batches.counts)), [], 0, state.rate
        for chunk in setup.batches.gather(state.order):
            first = step
            for x, y, weights, total, scores in chunk.batches:
                np.copyto(scores, objective.sum_of_gradients(parameters, x, y, weights, gradient))
                rate, decay, constants = next(self._coming)
                move(total, decay, constants, norms[step])
                step += 1
                if setup.bounds is not None:
                    project(state.theta, setup.bounds)
            losses = chunk.sum_by_batch(objective.losses(chunk.scores, chunk.y, chunk.weights))
            values.append(objective.value(losses, norms[first:step], chunk.totals, reported=True))
        return np.concatenate(values), rate

    def _move(self, total: Array, decay: Array | None, constants: tuple[Array, ...], norms: Array) -> None:
        """Take a step; see `Move`."""
        setup, parameters, gradient = self.setup, self._parameters, self._gradient
        setup.objective.penalize_and_divide(parameters, total, gradient)
        setup.objective.squared_norms(parameters, out=norms)
        if setup.max_grad_norm is not None:
            clip(gradient.flat, setup.max_grad_norm)
        if decay is not None:
            if self._decay_factors is not None:
                decay = 1 - (1 - decay) * self._decay_factors
            np.multiply(self._weights, decay, out=self._weights)
        for rows, theta, slope, moments, update in self._blocks:
            update(theta, slope, moments, tuple([c[rows] if c.ndim else c for c in constants]))

    def _many_at_once(self, take: Steps) -> tuple[Array, Array]:
        """Take the steps of an epoch; return E in each, shape (n_batches, K), and the last rates (K,)."""
        values, step, rate = np.empty(self.setup.batches.counts.shape), 0, self.state.rate
        while step < len(values):
            rates, table, first = self._left or (*next(self._tables), 0)
            n = min(len(values) - step, len(rates) - first, take.n_at_once)
            take(range(step, step + n), table, first, values[step : step + n])
            step, first, rate = step + n, first + n, rates[first + n - 1]
            self._left = (rates, table, first) if first < len(rates) else None
        return values, rate

    def _coming_constants(self, factors: _Factors, ahead: int) -> Iterator[_Constants]:
        """Yield those of this epoch and of all later ones in which `State.rate` stays as it is."""
        setup, n_networks, taken = self.setup, len(self.networks), self.state.step[:, np.newaxis].copy()
        of_epoch = len(setup.batches.counts) * n_networks
        n_constants = of_epoch if setup.stopping.max_iter == 1 else max(of_epoch, ahead)
        size = max(1, min(n_constants, CONSTANTS_AT_A_TIME) // n_networks)
        for start in count(0, size):
            # One step more than is used: numpy computes the power of a single number in another way than
            # those of many, and its last bit may differ.
            steps = np.arange(start, start + size + 1)
            of_rate, of_decay = factors
            rate = of_rate(steps)[:, np.newaxis, np.newaxis] * self.state.rate[:, np.newaxis]
            t = steps[:, np.newaxis, np.newaxis] + (taken + 1.0)
            decay = None
            if setup.weight_decay is not None:
                of_step = of_decay(steps)[:, np.newaxis, np.newaxis]
                decay = 1 - rate * (of_step * setup.weight_decay[:, np.newaxis])
            yield rate, decay, setup.optimizer.constants(rate, t)

    def _coming_steps(self, factors: _Factors) -> Iterator[_Step]:
        """Yield the `_coming_constants` step by step."""
        # ``self`` is a proxy: its own methods would hold the stack.
        for rate, decay, constants in Stack._coming_constants(self, factors, STEPS_AHEAD):
            n = len(rate) - 1
            decays = repeat(None, n) if decay is None else self._by_step(decay, n)
            of_optimizer = zip(*(self._by_step(c, n) for c in constants), strict=True)
            yield from zip(rate[:-1, :, 0], decays, of_optimizer, strict=True)

    def _coming_tables(self, factors: _Factors) -> Iterator[tuple[Array, Array]]:
        """Yield the rates (n, K) of n steps and their constants, as `Steps` take them."""
        for rate, decay, constants in Stack._coming_constants(self, factors, ROWS_AHEAD):
            columns = *constants, 1.0 if decay is None else decay
            table = np.empty_like(self.state.theta, shape=(len(rate), len(self.networks), len(columns)))
            for i, column in enumerate(columns):
                table[..., i : i + 1] = column
            yield rate[:-1, :, 0], np.ascontiguousarray(table[:-1].swapaxes(0, 1))

    def _by_step(self, constant: Array | float, n_steps: int) -> Iterator[Array]:
        """Return the values of a constant (n_steps + 1, K, 1) or (K, 1) in each step, cast once and last.

        That is a column where networks differ, else one number of shape (): what numpy multiplies by
        fastest, with the same bits.
        """
        values = np.asarray(constant, dtype=self.state.theta.dtype)
        if values.ndim and (values.shape[-2] == 1 or (values == values[..., :1, :]).all()):
            values = values[..., 0, 0]
        is_fixed = np.ndim(constant) < 3
        return repeat(values, n_steps) if is_fixed else iter([values[i, ...] for i in range(n_steps)])


def scaled(update: Update, factors: Array) -> Update:
    """Return an optimizer's ``update`` whose steps are multiplied by ``factors`` (p,)."""

    def scaled_update(theta: Array, gradient: Array, moments: Arrays, constants: Arrays) -> None:
        before = theta.copy()
        update(theta, gradient, moments, constants)
        np.subtract(theta, before, out=theta)
        np.multiply(theta, factors, out=theta)
        np.add(theta, before, out=theta)

    return scaled_update


def sweep(moments: Array, networks: Array) -> None:
    """Set to zero the ``moments`` (n, K, P) of some networks that would soon be subnormal numbers.

    The mean gradient of a unit that has died shrinks by beta_1 in each step and never is zero: processors
    take a hundred times as long for numbers below ``tiny``. A moment that small moves no parameter.
    """
    limits = np.finfo(moments.dtype)
    least = limits.tiny / limits.eps
    for rows, columns in cache_blocks(*moments.shape[1:]):
        for moment in moments:
            block = moment[rows, columns]
            np.copyto(block, 0, where=(np.abs(block) < least) & networks[rows, np.newaxis])


def clip(gradient: Array, max_norm: Array) -> None:
    """Shorten the ``gradient`` (K, P) of each network to ``max_norm`` (K,), if it is longer."""
    # In float64: the square of a large gradient of float32 would overflow.
    squares = np.einsum("kp,kp->k", gradient, gradient, dtype=float)
    factor = np.minimum(1, max_norm / np.sqrt(squares))
    if (factor < 1).any():
        np.multiply(gradient, factor[:, np.newaxis].astype(gradient.dtype), out=gradient)
