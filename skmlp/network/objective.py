"""The objective: weighted mean loss plus penalty, with its gradient. The only thing that is minimized."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from skmlp.network.arrays import Array, Block, Dual
from skmlp.network.hyperparameters import kept, stack_key, stacked
from skmlp.network.layers import Trace, Training
from skmlp.network.loss import Loss
from skmlp.network.network import Network
from skmlp.network.parameters import Parameters, cache_blocks


def block_weight(y: Array, weights: Array | None) -> Array:
    """Return W, the sum of the sample weights of a block, as a number () or a column (K, 1).

    W is 1 for a block without weight: its mean loss is then zero, and the undivided penalty remains.
    """
    if weights is None:
        return np.asarray(y.shape[-2], dtype=y.dtype)
    total = np.add.reduce(weights, axis=-1, keepdims=True)
    total[total == 0] = 1
    return np.asarray(total)


def weighted(losses: Array, weights: Array | None) -> Array:
    """Return the ``losses`` (K, n, q) times the sample weights (K, n), if there are any."""
    return losses if weights is None else losses * weights[..., np.newaxis]


class Objective:
    """``sum_i w_i loss_i / W + alpha / (2 W) |weights|^2``, W = sum_i w_i, per network [docs, eq. (7)].

    The penalty is divided by the weight of the block, as in scikit-learn: ``alpha`` counts like a
    number of samples.

    Parameters
    ----------
    network : Network
    loss : Loss
    alpha : array of shape (K,), or (K, A)
        Strength of the L2 penalty on the weights of each network: one for all, or for each of the A
        penalized arrays.
    streams : sequence of K numpy.random.Generator, default=()
        Where layers that draw random numbers draw from, such as dropout.
    """

    def __init__(
        self, network: Network, loss: Loss, alpha: Array, streams: Sequence[np.random.Generator] = ()
    ) -> None:
        self.network = network
        self.loss = loss
        self.alpha = alpha
        self.training = Training(streams)
        self._traces: dict[tuple[int, int], list[Trace]] = {}  # by the shape (K, n) of a block

    def keep(self, networks: Array) -> Objective:
        """Return the objective of some of the networks, given as a boolean mask over K."""
        streams = [s for s, stays in zip(self.training.streams, networks, strict=False) if stays]
        network, loss = self.network.keep(networks), kept(self.loss, networks)
        return Objective(network, loss, self.alpha[networks], streams)

    @classmethod
    def stack(cls, objectives: Sequence[Objective]) -> Objective:
        """Return the objective of the networks of several ``objectives`` of one `stack_key`.

        What may differ between networks is a column in it, also for a single network.
        """
        alpha = np.concatenate([objective.alpha for objective in objectives])
        of_network = [objective for objective in objectives for _ in objective.alpha]
        network = Network.stack([objective.network for objective in of_network], alpha.dtype)
        loss = stacked([objective.loss for objective in of_network], alpha.dtype, n_axes=2)
        streams = [stream for objective in objectives for stream in objective.training.streams]
        return cls(network, loss, alpha, streams)

    @property
    def stack_key(self) -> Hashable:
        """What objectives must have in common so that they can be one stack."""
        return self.network.stack_key, stack_key(self.loss), self.alpha.dtype

    def value_and_gradient(
        self,
        parameters: Parameters,
        x: Block,
        y: Array,
        weights: Array | None,
        out: Parameters,
        *,
        reported: bool = False,
    ) -> Array:
        """Write dE/d theta into ``out`` and return E of each network, shape (K,).

        Parameters
        ----------
        parameters : Parameters
        x : array of shape (K, n, m), or SparseBlock
        y : array of shape (K, n, q)
        weights : array of shape (K, n) or None
            Sample weights; None weighs all samples alike. Rows that pad a block weigh zero.
        out : Parameters
            Where the gradient goes.
        reported : bool, default=False
            Return E as scikit-learn reports it, see `value`.
        """
        total = block_weight(y, weights)
        norms = self.empty_norms(1)
        z = self.gradient(parameters, x, y, weights, total, out)
        self.squared_norms(parameters, out=norms[0])
        losses = np.add.reduce(self.losses(z, y, weights), axis=-2)
        return np.asarray(self.value(losses[np.newaxis], norms, total, reported=reported)[0])

    def gradient(
        self,
        parameters: Parameters,
        x: Block,
        y: Array,
        weights: Array | None,
        total: Array,
        out: Parameters,
    ) -> Array:
        """Write dE/d theta into ``out``; return what `losses` takes.

        ``total`` is the `block_weight`.
        """
        z = self.sum_of_gradients(parameters, x, y, weights, out)
        self.penalize_and_divide(parameters, total, out)
        return z

    def sum_of_gradients(
        self, parameters: Parameters, x: Block, y: Array, weights: Array | None, out: Parameters
    ) -> Array:
        """Write W d mean loss / d theta into ``out``; return raw scores or log-probabilities.

        The next call overwrites this array, (K, n, q). E itself follows from `losses` and the
        `squared_norms`: training computes it for several batches at once, which saves a small network a
        quarter of its time.
        """
        block: tuple[int, int] = x.shape[:2]
        if block not in self._traces:
            self._traces[block] = self.network.traces(*block, parameters.flat, self.training)
        traces = self._traces[block]
        self.training.weights = weights
        z = self.network.forward(parameters.layers, x, traces)
        delta = traces[-1].delta
        self.loss.gradient(z, y, delta)
        if weights is not None:
            np.multiply(delta, weights[..., np.newaxis], out=delta)
        self.network.backward(parameters, traces, out)
        return z

    def hessian_product(self, theta: Array, v: Array, x: Array, y: Array, weights: Array | None) -> Array:
        """Return d^2 E / d theta^2 v of each direction, (K, P), without dropout.

        Parameters
        ----------
        theta : array of shape (1, P) or (K, P)
        v : array of shape (K, P)
            A direction for each network, or K directions for one.
        x, y : arrays of shape (1, n, m) and (1, n, q), or (K, n, m) and (K, n, q)
        weights : array of shape (1, n) or (K, n), or None
        """
        layout, product = self.network.layout, np.empty_like(v)
        parameters = [
            list(map(Dual, *pair))
            for pair in zip(layout.view(theta).layers, layout.view(v).layers, strict=True)
        ]

        def slopes(z: Dual) -> Dual:
            delta = np.empty_like(z.value)
            self.loss.gradient(z.value.copy(), y, delta)
            tangent = self.loss.hessian_product(z.value, y, z.tangent)
            return Dual(weighted(delta, weights), weighted(tangent, weights))

        training = Training(weights=weights)
        of_layers = layout.view(product).layers
        self.network.hessian_product(parameters, Dual(x, np.zeros_like(x)), slopes, training, of_layers)
        penalized = slice(layout.n_penalized)
        product[:, penalized] += self.alpha_of_weights * v[:, penalized]
        return np.asarray(product / block_weight(y, weights))

    def losses(self, z: Array, y: Array, weights: Array | None) -> Array:
        """Return the weighted loss of each sample, (K, n, q): the share of each output in it.

        ``z`` is what `sum_of_gradients` has returned.
        """
        return weighted(self.loss.value_after_gradient(z, y), weights)

    def empty_norms(self, n_blocks: int, n_networks: int | None = None) -> Array:
        """Return room for the squared norms of ``n_blocks``: one (K, 1, 1) per penalized array."""
        n_penalized = len(self.network.layout.penalized_sizes)
        n_networks = len(self.alpha) if n_networks is None else n_networks
        return np.empty_like(self.alpha, shape=(n_blocks, n_penalized, n_networks, 1, 1))

    def squared_norms(self, parameters: Parameters, out: Array) -> None:
        """Write the squared norm of each penalized array into ``out``, one block of `empty_norms`."""
        for (row, column), norm in zip(parameters.penalized, out, strict=True):
            np.matmul(row, column, out=norm)

    def value(self, losses: Array, norms: Array, total: Array, *, reported: bool = False) -> Array:
        """Return E of several blocks, shape (n_blocks, K).

        With ``reported`` it is the value that scikit-learn reports: squared error is averaged over the
        outputs there, while the gradient is that of their sum.

        Parameters
        ----------
        losses : array of shape (n_blocks, K, q)
            The losses of each block, summed over its rows.
        norms : array from `empty_norms`
        total : array that broadcasts to (n_blocks, K, 1)
            The weight W of each block.
        """
        loss = np.add.reduce(losses / total, axis=-1)
        if reported:
            loss = loss / self.loss.reported_divisor(losses.shape[-1])
        return np.asarray(loss + self.penalty(norms, total))

    def penalty(self, norms: Array, total: Array) -> Array:
        """Return the penalty of several blocks, shape (n_blocks, K); arguments as in `value`."""
        alpha, squares = self.alpha[:, np.newaxis], norms[..., 0]
        if self.alpha.ndim == 2:
            alpha, squares = np.ones_like(alpha[..., 0]), self.alpha.T[..., np.newaxis] * squares
        return np.asarray((0.5 * alpha * np.add.reduce(squares, axis=1) / total)[..., 0])

    @property
    def alpha_of_weights(self) -> Array:
        """The strength of each penalized weight, (K, 1) or (K, n_penalized)."""
        if self.alpha.ndim == 1:
            return self.alpha[:, np.newaxis]
        return np.repeat(self.alpha, self.network.layout.penalized_sizes, axis=1)

    @property
    def penalties(self) -> Array:
        """The strength of each parameter, (K, P): 0 of those that are not penalized."""
        layout = self.network.layout
        penalties = np.zeros_like(self.alpha, shape=(len(self.alpha), layout.n_parameters))
        penalties[:, : layout.n_penalized] = self.alpha_of_weights
        return penalties

    def values(
        self,
        theta: Array,
        X: Any,
        y: Array,
        weights: Array | None,
        *,
        cost: Callable[[Array, Array], Array] | None = None,
        reported: bool = False,
    ) -> Array:
        """Return E of L candidates for one network, shape (L,), computed as in prediction.

        Parameters
        ----------
        theta : array of shape (L, P)
            Their parameters.
        X : array or sparse matrix of shape (n, m)
        y : array of shape (n, q)
        weights : array of shape (n,), or None
        cost : callable, default=None
            From parameters (L, P) and raw scores (L, n, q) to what takes the place of the mean loss, (L,).
        reported : bool, default=False
            As in `value`.
        """
        parameters = self.network.layout.view(theta)
        z = self.network.output(parameters.layers, X)
        total, norms = block_weight(y, weights), self.empty_norms(1, n_networks=len(theta))
        self.squared_norms(parameters, out=norms[0])
        if cost is not None:
            return np.asarray(cost(theta, z) + self.penalty(norms, total)[0])
        losses = weighted(self.loss.value(z, np.broadcast_to(y, (len(z), *y.shape))), weights)
        sums = np.add.reduce(losses, axis=-2)[np.newaxis]
        return np.asarray(self.value(sums, norms, total, reported=reported)[0])

    def penalize_and_divide(self, parameters: Parameters, total: Array, out: Parameters) -> None:
        """Turn the sum of gradients in ``out`` into dE/d theta, block by block while in the cache."""
        for theta, gradient, (rows, strengths, decay) in zip(
            parameters.blocks, out.blocks, self._penalty, strict=True
        ):
            np.multiply(theta, strengths, out=decay)
            np.add(gradient, decay, out=gradient)
            np.divide(gradient, total[rows] if total.ndim else total, out=gradient)

    @cached_property
    def room(self) -> Parameters:
        """Room for a gradient."""
        layout = self.network.layout
        return layout.view(np.empty_like(self.alpha, shape=(len(self.alpha), layout.n_parameters)))

    @cached_property
    def _penalty(self) -> list[tuple[slice, Array, Array]]:
        """The networks of each block of parameters, alpha or 0 for each parameter, and a buffer."""
        layout = self.network.layout
        places = cache_blocks(len(self.alpha), layout.n_parameters)
        blocks = [(rows, self._strengths(rows, columns)) for rows, columns in places]
        shapes = [(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in places]
        buffer = np.empty_like(self.alpha, shape=max(map(prod, shapes)))
        return [(*block, buffer[: prod(n)].reshape(n)) for block, n in zip(blocks, shapes, strict=True)]

    def _strengths(self, rows: slice, columns: slice) -> Array:
        """Return alpha or 0 for each parameter of a block; one column where all of them are penalized."""
        if self.alpha.ndim == 1 and columns.stop <= self.network.layout.n_penalized:
            return self.alpha[rows, np.newaxis]
        return self.penalties[rows, columns]
