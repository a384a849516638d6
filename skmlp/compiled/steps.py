"""The steps of a stack, by the kernels: what they are given, and room for what they need on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skmlp.compiled.codes import ACTIVATION_CODES, LOSS_CODES, NESTEROV, OPTIMIZER_CODES
from skmlp.compiled.threads import Threads, n_allowed
from skmlp.network.activations import ELU, Activation, LeakyReLU
from skmlp.network.arrays import Array
from skmlp.network.layers import Dense, Dropout, Layer, Nonlinearity
from skmlp.network.losses import BinaryFocal, BinaryLogLoss, Focal, Huber, LogLoss, Loss, Quantile
from skmlp.network.network import Network
from skmlp.training.optimizers import SGD, Optimizer
from skmlp.training.stack import Setup
from skmlp.training.state import State

SECONDS_AT_ONCE = 0.05
"""About how long at most the interpreter waits for steps: only then is an interruption noticed."""

SECONDS_OF_THREADS = 1e-3
"""Epochs that take numpy less are not shared by several threads, which wait for each other."""

COINS_AT_ONCE = 2**21
"""Maximum number of random numbers for dropout that are drawn ahead."""


class CompiledSteps:
    """Takes steps of all networks of a stack; see `skmlp.training.stack.Steps`.

    Each network takes all the steps before the next one begins: its parameters stay in the cache, and it
    computes the same, to the last bit, as it does alone.

    Parameters
    ----------
    kernel : callable
        `skmlp.compiled.kernels.steps.train`.
    setup : Setup
        One that `skmlp.compiled.door.is_covered`.
    state : State
        Its parameters and moments are overwritten by each call.
    """

    def __init__(self, kernel: Callable[..., None], setup: Setup, state: State) -> None:
        self._kernel, self._state = kernel, state
        objective, batches, dtype = setup.objective, setup.batches, state.theta.dtype
        network, n_networks = objective.network, len(state.theta)
        hidden = hidden_layers(network.layers) or []
        self._net = arrays_of(network, hidden, dtype)
        self._samples = samples_of(setup)
        self._batches, self._counts = (
            (integers(batches.n_rows), batches.batch_size),
            batches.counts.max(axis=1),
        )
        self._hidden, self._training, self._dropout_factor = hidden, objective.training, 1.0
        self._dropout = dropout_of(hidden, n_networks, dtype)
        self._coins_per_row = integers(
            [q for q, (_, dropout) in zip(self._net[0][1:], hidden, strict=False) if dropout is not None]
        )
        self._no_coins = np.empty((n_networks, 0), np.uint16)
        self._loss = loss_of(objective.loss, network.widths[-1], n_networks, dtype)
        max_norm = np.full(n_networks, np.inf) if setup.max_grad_norm is None else setup.max_grad_norm
        self._code = code_of(setup.optimizer)
        self._numbers = objective.alpha, np.array(max_norm), network.layout.n_penalized
        seconds = seconds_per_step(network, batches.batch_size, n_networks) * n_networks
        pays = n_networks > 1 and seconds * len(batches.counts) > SECONDS_OF_THREADS
        n_threads = min(n_networks, n_allowed()) if pays else 1
        bounds = np.linspace(0, n_networks, n_threads + 1).astype(int).tolist()
        self._parts = [(networks, room(setup, self._net[0], state.theta)) for networks in pairwise(bounds)]
        self._threads = Threads(n_threads)
        n_coins = n_networks * batches.batch_size * self._coins_per_row.sum()
        n = min(SECONDS_AT_ONCE * n_threads / seconds, COINS_AT_ONCE / max(1, n_coins))
        self.n_at_once = max(1, int(n))

    def __call__(self, steps: range, constants: Array, first: int, values: Array) -> None:
        """Take the ``steps``, and write E of each into ``values``."""
        self._follow_schedule()
        order, coins = np.ascontiguousarray(self._state.order), self._coins(steps)

        def take(i: int) -> None:
            networks, room = self._parts[i]
            self._kernel(
                networks,
                (steps.start, steps.stop),
                self._samples,
                (order, *self._batches),
                self._net,
                (coins, *self._dropout),
                self._loss,
                (self._code, constants, first, *self._numbers),
                self._state.theta,
                self._state.moments,
                room,
                values,
            )

        self._threads.run(take, len(self._parts))

    def _follow_schedule(self) -> None:
        """Make the numbers of dropout anew if its rates have changed."""
        factor = self._training.dropout_factor
        if factor != self._dropout_factor:
            hidden = [(f, dropout and dropout.times(factor)) for f, dropout in self._hidden]
            theta, self._dropout_factor = self._state.theta, factor
            self._dropout = dropout_of(hidden, len(theta), theta.dtype)

    def _coins(self, steps: range) -> Array:
        """Draw the random numbers for dropout in these steps, as `skmlp.network.layers.Dropout` would."""
        if not self._coins_per_row.size:
            return self._no_coins
        counts = self._counts[steps.start : steps.stop, np.newaxis]
        n_words = int((-(-counts * self._coins_per_row // 4)).sum())  # each of four coins
        coins = np.empty((len(self._state.theta), 4 * n_words), np.uint16)
        for of_network, stream in zip(coins, self._state.streams, strict=False):
            of_network[:] = stream.bit_generator.random_raw(n_words).view(np.uint16)
        return coins


def hidden_layers(layers: Sequence[Layer]) -> list[tuple[Activation, Dropout | None]] | None:
    """Return activation and dropout of each hidden layer; None unless all others are dense, with biases."""
    hidden: list[tuple[Activation, Dropout | None]] = []
    expected: list[type[Layer]] = [Dense]
    for layer in layers:
        kind = type(layer)
        if kind not in expected:
            return None
        if isinstance(layer, Dense):
            if not layer.has_biases:
                return None
            expected = [Nonlinearity]
        elif isinstance(layer, Nonlinearity):
            if type(layer.activation) not in ACTIVATION_CODES:
                return None
            hidden.append((layer.activation, None))
            expected = [Dense, Dropout]
        elif isinstance(layer, Dropout):
            hidden[-1] = hidden[-1][0], layer
            expected = [Dense]
    return hidden if expected == [Nonlinearity] else None


def arrays_of(
    network: Network, hidden: Sequence[tuple[Activation, Dropout | None]], dtype: np.dtype[Any]
) -> tuple[Array, ...]:
    """Return widths, where weights, biases and outputs begin, and the activations with their numbers."""
    dense = [i for i, layer in enumerate(network.layers) if isinstance(layer, Dense)]
    widths = integers([network.n_inputs, *(network.widths[i + 1] for i in dense)])
    weights_at, biases_at = np.reshape([network.layout.starts(i) for i in dense], (-1, 2)).T
    return (
        widths,
        integers(weights_at),
        integers(biases_at),
        integers([0, *np.cumsum(widths[1:])]),
        integers([ACTIVATION_CODES[type(activation)] for activation, _ in hidden]),
        np.array([parameters(activation) for activation, _ in hidden], dtype).reshape(-1, 2),
    )


def dropout_of(
    hidden: Sequence[tuple[Activation, Dropout | None]], n_networks: int, dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """Return thresholds (-1 where no unit is left out) and scales of each network and hidden layer."""
    thresholds = np.full((n_networks, len(hidden)), -1, dtype=np.int64)
    scales = np.ones((n_networks, len(hidden)), dtype)
    for i, (_, dropout) in enumerate(hidden):
        if dropout is not None:
            thresholds[:, i], scales[:, i] = np.ravel(dropout.thresholds), np.ravel(dropout.scale)
    return thresholds, scales


def loss_of(loss: Loss, n_scores: int, n_networks: int, dtype: np.dtype[Any]) -> tuple[object, ...]:
    """Return the code of a loss, its number in each network, its groups, and the divisor of its report."""
    parameter = np.broadcast_to(np.ravel(parameter_of(loss)), n_networks).astype(dtype)
    group_sizes = integers(getattr(loss, "group_sizes", ()))
    return LOSS_CODES[type(loss)], parameter, group_sizes, loss.reported_divisor(n_scores)


def parameters(activation: Activation) -> tuple[float, float]:
    """Return the numbers that an activation has."""
    if isinstance(activation, LeakyReLU):
        return activation.slope, 0.0
    return (activation.alpha, activation.scale) if isinstance(activation, ELU) else (0.0, 0.0)


def parameter_of(loss: Loss) -> Array | float:
    """Return the number that a loss has, of one network or of each."""
    if isinstance(loss, LogLoss | BinaryLogLoss):
        return loss.label_smoothing
    if isinstance(loss, Focal | BinaryFocal):
        return loss.gamma
    if isinstance(loss, Huber):
        return loss.delta
    return loss.quantile if isinstance(loss, Quantile) else 0.0


def code_of(optimizer: Optimizer) -> int:
    """Return the code of an optimizer."""
    is_nesterov = isinstance(optimizer, SGD) and optimizer.nesterov
    return NESTEROV if is_nesterov else OPTIMIZER_CODES[type(optimizer)]


def samples_of(setup: Setup) -> tuple[object, ...]:
    """Return the samples as the kernels read them; X is not copied where it lies in one piece."""
    batches, dtype, nothing = setup.batches, setup.objective.alpha.dtype, np.empty(0, dtype=np.int64)
    X = np.asarray(batches.X)  # no memmap
    X = X if X.flags.forc else np.ascontiguousarray(X)
    strides = tuple(stride // X.itemsize for stride in X.strides)
    flat = (X if X.flags.c_contiguous else X.T).reshape(-1).view()
    is_coded, weights = bool(batches.group_sizes), batches.sample_weight
    targets = np.empty(0, dtype) if is_coded else np.ascontiguousarray(batches.y, dtype).reshape(-1).view()
    for array in flat, targets:
        array.flags.writeable = False  # one type of arrays, whether or not X can be written to
    return (
        flat,
        strides,
        nothing if batches.rows is None else integers(batches.rows),
        targets,
        integers(batches.y) if is_coded else nothing[:, np.newaxis],
        integers(batches.group_sizes),
        np.empty(0, dtype) if weights is None else np.array(weights, dtype),
    )


def room(setup: Setup, widths: Array, theta: Array) -> tuple[Array, ...]:
    """Return scratch for the steps of one network."""
    n, n_units = int(setup.batches.counts.max()), int(widths[1:].sum())
    sizes = [widths[0], widths[-1], n_units, n_units, n_units, 1, 1]
    arrays = [np.empty_like(theta, shape=n * int(size)) for size in sizes]
    return np.empty(n, np.int64), *arrays, np.empty_like(theta, shape=theta.shape[1])


def integers(values: Array | Sequence[int]) -> Array:
    """Return an array of integers as the kernels take them."""
    return np.array(values, dtype=np.int64, order="C")


def seconds_per_step(network: Network, batch_size: int, n_networks: int) -> float:
    """Return about what a step of one network takes numpy; a stack shares what the interpreter takes."""
    flops = 6 * batch_size * sum(m * q for m, q in pairwise(network.widths))
    elementwise = 2 * network.layout.n_parameters + batch_size * sum(network.widths)
    return 30e-6 / n_networks + flops / 5e10 + elementwise * 2e-9
