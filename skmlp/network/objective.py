"""The objective: weighted mean loss plus penalty, with its gradient. The only thing that is minimised."""

from __future__ import annotations

import numpy as np

from skmlp.network.arrays import Array, Block, number_or_column
from skmlp.network.layers import Trace
from skmlp.network.losses import Loss
from skmlp.network.network import Network
from skmlp.network.parameters import CACHE_BLOCK, Parameters


class Objective:
    """``sum_i w_i loss_i / W + alpha / (2 W) |weights|^2``, W = sum_i w_i, per network [docs, eq. (7)].

    The penalty is divided by the weight of the block, as in scikit-learn: ``alpha`` counts like a
    number of samples.

    Parameters
    ----------
    network : Network
    loss : Loss
    alpha : array of shape (K,)
        Strength of the L2 penalty on the weights of each network.
    """

    def __init__(self, network: Network, loss: Loss, alpha: Array) -> None:
        self.network = network
        self.loss = loss
        self.alpha = alpha
        self._strength = number_or_column(alpha)
        self._decay = np.empty_like(alpha, shape=(len(alpha), max(1, CACHE_BLOCK // len(alpha))))
        self._traces: dict[tuple[int, int], list[Trace]] = {}  # by the shape (K, n) of a block

    def keep(self, networks: Array) -> Objective:
        """Return the objective of some of the networks, given as a boolean mask over K."""
        return Objective(self.network, self.loss, self.alpha[networks])

    def value_and_gradient(
        self, parameters: Parameters, x: Block, y: Array, weights: Array | None, out: Parameters
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
        """
        terms = self.empty_terms(len(y))
        self.terms_and_gradient(parameters, x, y, weights, terms, out)
        return self.value(terms)

    def terms_and_gradient(
        self,
        parameters: Parameters,
        x: Block,
        y: Array,
        weights: Array | None,
        terms: Array,
        out: Parameters,
    ) -> None:
        """Write what E is made of into ``terms`` and dE/d theta into ``out``.

        The last bits of arithmetic on a handful of numbers are left to `value`, which does them for the
        batches of a whole epoch at once: a quarter of the time of a step on a small network.
        """
        traces = self._traces_for(x, like=parameters.flat)
        z = self.network.forward(parameters.layers, x, traces)
        delta = traces[-1].delta
        losses = self.loss.value_and_gradient(z, y, delta)
        total: Array | float = float(z.shape[-2])
        if weights is not None:
            total = np.add.reduce(weights, axis=-1, keepdims=True)
            # A block without weight has nothing to say: its mean loss and its gradient are zero.
            total[total == 0] = 1
            losses = losses * weights[..., np.newaxis]
            np.multiply(delta, weights[..., np.newaxis], out=delta)
        self.network.backward(parameters, x, traces, out)
        self._penalise_and_divide(parameters, total, out)
        n_outputs = z.shape[-1]
        terms[:, -1:] = total
        np.add.reduce(losses, axis=-2, out=terms[:, :n_outputs])
        for i, (row, column) in enumerate(parameters.penalised, start=n_outputs):
            np.matmul(row, column, out=terms[:, i : i + 1, np.newaxis])

    def empty_terms(self, *shape: int) -> Array:
        """Return room for the terms of blocks: an array of shape ``(*shape, number of terms)``.

        The terms are the loss summed over each output, the squared norm of each penalised array, and the
        weight W of the block.
        """
        n_penalised = sum(spec.penalised for layer in self.network.layout.specs for spec in layer)
        n_terms = self.network.widths[-1] + n_penalised + 1
        return np.empty_like(self.alpha, shape=(*shape, n_terms))

    def value(self, terms: Array, *, reported: bool = False) -> Array:
        """Return E from its ``terms`` of shape (..., K, number of terms).

        With ``reported`` it is the value that scikit-learn reports: squared error is averaged over the
        outputs there, while the gradient is that of their sum.
        """
        n_outputs = self.network.widths[-1]
        total = terms[..., -1]
        means = terms[..., :n_outputs] / total[..., np.newaxis]
        loss = np.add.reduce(means, axis=-1)
        if reported:
            loss = loss / self.loss.reported_divisor(n_outputs)
        squares = np.add.reduce(terms[..., n_outputs:-1], axis=-1)
        return np.asarray(loss + 0.5 * self.alpha * squares / total)

    def _traces_for(self, x: Block, like: Array) -> list[Trace]:
        n_networks, n = x.shape[:2]
        traces = self._traces.get((n_networks, n))
        if traces is None:
            traces = self.network.traces(n_networks, n, like)
            self._traces[n_networks, n] = traces
        return traces

    def _penalise_and_divide(self, parameters: Parameters, total: Array | float, out: Parameters) -> None:
        """Turn the sum of gradients in ``out`` into dE/d theta, block by block while in the cache."""
        for (_, weights), (gradient, of_weights) in zip(parameters.blocks, out.blocks, strict=True):
            decay = self._decay[:, : weights.shape[1]]
            np.multiply(weights, self._strength, out=decay)
            np.add(of_weights, decay, out=of_weights)
            np.divide(gradient, total, out=gradient)
