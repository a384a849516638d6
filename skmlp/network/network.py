"""The chain of layers: forward and backward, the only place where the chain rule is applied."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from math import ceil
from typing import Any

import numpy as np

from skmlp.network.activations import Activation
from skmlp.network.arrays import Array, Block, Dual, SparseBlock
from skmlp.network.hyperparameters import kept, stack_key, stacked
from skmlp.network.initializers import Auto, Initializer
from skmlp.network.layers import Dense, Dropout, DualTrace, Layer, Nonlinearity, Skip, Trace, Training
from skmlp.network.normalizations import BatchNormalization, Normalization
from skmlp.network.parameters import Layout, Parameters

PREDICT_ELEMENTS = 32_768
"""Prediction works on blocks of rows whose widest layer has about this many elements.

Measured: larger buffers, which are made anew in every call, cost more page faults than computing takes."""


class Network:
    """A chain of layers, h_l = layer_l(h_{l-1}), of which K copies are computed at once.

    Parameters
    ----------
    n_inputs : int
        Number of features.
    layers : sequence of Layer
        From the input to the raw scores.
    """

    def __init__(self, n_inputs: int, layers: Sequence[Layer]) -> None:
        self.n_inputs = n_inputs
        self.layers = list(layers)
        self.widths, specs = [n_inputs], []  # widths of the input, then of each layer's output
        for layer in self.layers:
            specs.append(layer.specs(self.widths[-1]))
            self.widths.append(layer.n_outputs(self.widths[-1]))
        self.layout = Layout(specs)

    @classmethod
    def stack(cls, networks: Sequence[Network], dtype: Any) -> Network:
        """Return the network whose copies are K ``networks`` of one `stack_key`.

        What may differ between them is a column of ``dtype``, also for a single network.
        """
        of_position = zip(*(network.layers for network in networks), strict=True)
        layers = [stacked(layers, dtype, n_axes=2) for layers in of_position]
        alike = all(layer is first for layer, first in zip(layers, networks[0].layers, strict=True))
        return networks[0] if alike else cls(networks[0].n_inputs, layers)

    @property
    def stack_key(self) -> Hashable:
        """What networks must have in common so that they can be one stack."""
        return self.n_inputs, tuple(stack_key(layer) for layer in self.layers)

    def keep(self, networks: Array) -> Network:
        """Return the network of some of the copies, given as a boolean mask over K."""
        return Network(self.n_inputs, [kept(layer, networks) for layer in self.layers])

    def work(self, n_rows: int) -> int:
        """Return the multiplications of the largest product with ``n_rows`` rows."""
        return n_rows * max(self.layout.penalized_sizes, default=0)

    def rows_per_block(self, n_networks: int) -> int:
        """Return how many rows `output` computes at a time."""
        return max(64, PREDICT_ELEMENTS // (n_networks * max(self.widths[1:])))

    def initial_parameters(
        self, random_states: Sequence[np.random.RandomState], dtype: np.dtype[np.floating]
    ) -> Array:
        """Return initial parameters of shape (K, P), drawn from one random stream per network."""
        theta = np.empty((len(random_states), self.layout.n_parameters), dtype=dtype)
        views = self.layout.view(theta).layers
        for k, random_state in enumerate(random_states):
            for layer, parameters in zip(self.layers, views, strict=True):
                layer.initialize([p[k] for p in parameters], random_state)
        return theta

    @property
    def draws(self) -> bool:
        """Whether a layer draws random numbers in training."""
        return any(layer.draws for layer in self.layers)

    def start_from(self, theta: Array, scores: Array | None) -> None:
        """Write raw scores (q,) into the last layer of ``theta`` (K, P): those of all rows at the start.

        Its weights become zero; the gradient reaches the layers before from the second step on. None
        leaves the last layer as it is.
        """
        if scores is not None:
            last = -2 if isinstance(self.layers[-1], Skip) else -1  # the direct weights are zero already
            weights, biases = self.layout.view(theta).layers[last]
            weights[...], biases[...] = 0, scores

    def traces(
        self, n_networks: int, n_rows: int, like: Array, training: Training | None = None
    ) -> list[Trace]:
        """Return room for one block of ``n_rows`` per network: one trace per layer.

        With ``training``, the layers act as they do in training; without, as in prediction.
        """
        traces: list[Trace] = []
        for layer, width in zip(self.layers, self.widths, strict=False):
            before = traces[-1] if traces else None
            traces.append(layer.trace(before, (n_networks, n_rows, width), like, training))
        return traces

    def forward(self, parameters: list[list[Array]], x: Block, traces: list[Trace]) -> Array:
        """Return the raw scores of ``x``; ``traces`` is overwritten and holds them.

        ``parameters`` are the views that the layers see, `Parameters.layers`.
        """
        traces[0].x = x
        for layer, of_layer, trace in zip(self.layers, parameters, traces, strict=True):
            layer.forward(of_layer, trace)
        return traces[-1].output

    def output(self, parameters: list[list[Array]], X: Any, layer: int = -1) -> Array:
        """Return what ``layer`` makes of the rows of ``X`` in every network, (K, n, q), block by block.

        The last layer makes the raw scores. ``X`` is an array or a sparse matrix of shape (n, m), or an
        array (K, n, m) with rows for each network. Buffers are made anew in every call, so that threads
        can share a network.
        """
        dense = isinstance(X, np.ndarray)
        some = next(chain.from_iterable(parameters))
        n_networks, n = len(some), X.shape[-2]
        output = np.empty_like(some, shape=(n_networks, n, self.widths[1:][layer]))
        n_block = max(1, ceil(n / ceil(max(1, n) / self.rows_per_block(n_networks))))  # equal blocks
        traces = self.traces(n_networks, n_block, like=output)
        for start in range(0, n, n_block):
            rows = X[..., start : start + n_block, :] if dense else X[start : start + n_block]
            if rows.shape[-2] < traces[0].output.shape[1]:
                traces = self.traces(n_networks, rows.shape[-2], like=output)
            x = rows if dense else SparseBlock([rows] * n_networks)
            # On some processors, OpenBLAS calls products of finite numbers invalid (numpy #24067).
            with np.errstate(invalid="ignore"):
                self.forward(parameters, x, traces)
            output[:, start : start + n_block] = traces[layer].output
        return output

    def jacobian(self, parameters: Parameters, X: Array, slopes: Callable[[Array], Array]) -> Array:
        """Return dy/dX of p outputs y that depend on the raw scores of all networks, (n, p, m).

        Each row goes through the network once for each output: what backward starts from is not dE/dz
        then, but dy/dz [Bishop 2006, section 5.3.4; docs, eq. (62) and (63)].

        Parameters
        ----------
        parameters : Parameters
        X : array of shape (n, m)
        slopes : callable
            From raw scores (K, n, q) to dy/dz, (K, n, p, q).
        """
        like, n_networks = parameters.flat, len(parameters.flat)
        p = slopes(np.zeros_like(like, shape=(n_networks, 1, self.widths[-1]))).shape[-2]
        jacobian = np.empty_like(like, shape=(len(X), p, self.n_inputs))
        not_used = self.layout.view(np.empty_like(like))
        n_block = max(1, PREDICT_ELEMENTS // (n_networks * p * max(self.widths)))
        for start in range(0, len(X), n_block):
            x = np.repeat(X[start : start + n_block], p, axis=0)
            traces = self.traces(n_networks, len(x), like)
            traces[0].delta_x = np.empty_like(like, shape=(n_networks, *x.shape))
            with np.errstate(invalid="ignore"):  # as in `output`
                z = self.forward(parameters.layers, np.broadcast_to(x, traces[0].delta_x.shape), traces)
                traces[-1].delta[...] = slopes(z[:, ::p]).reshape(z.shape)
                self.backward(parameters, traces, not_used)
            of_networks = np.add.reduce(traces[0].delta_x, axis=0)
            jacobian[start : start + n_block] = of_networks.reshape(-1, p, self.n_inputs)
        return jacobian

    def backward(self, parameters: Parameters, traces: list[Trace], out: Parameters) -> None:
        """Write dE/d parameters into ``out``; dE/d raw scores stands in ``traces[-1].delta``.

        From the last layer to the first, each turns dE/d output into dE/d parameters and dE/d input
        [Bishop 2006, section 5.3.1].
        """
        for i in range(len(self.layers) - 1, -1, -1):
            self.layers[i].backward(parameters.layers[i], out.layers[i], traces[i])
        first = traces[0]
        if first.delta_x is not None and first.direct_delta_x is not None:
            np.add(first.delta_x, first.direct_delta_x, out=first.delta_x)

    def hessian_product(
        self,
        parameters: list[list[Dual]],
        x: Dual,
        slopes: Callable[[Dual], Dual],
        training: Training,
        out: list[list[Array]],
    ) -> None:
        """Write R{dE/d parameters} into ``out``: a forward and a backward pass of values with their R{.}.

        [Pearlmutter 1994; Bishop 2006, section 5.4.6; docs, eq. (67) to (71)] ``slopes`` turns raw scores
        into dE/d raw scores. Layers that draw random numbers act as in prediction.
        """
        traces, first = [], x
        for layer, of_layer in zip(self.layers, parameters, strict=True):
            traces.append(DualTrace(x, first, training))
            x = layer.forward_dual(of_layer, traces[-1])
        delta = slopes(x)
        for i in range(len(self.layers) - 1, -1, -1):
            delta = self.layers[i].backward_dual(parameters[i], out[i], traces[i], delta)


def multilayer_perceptron(
    n_inputs: int,
    hidden_layer_sizes: Sequence[int],
    n_outputs: int,
    activation: Activation | Sequence[Activation],
    *,
    initializer: Initializer | None = None,
    normalization: Normalization | None = None,
    dropout: Sequence[float] = (),
    skip: bool = False,
    input_layers: Sequence[Layer] = (),
) -> Network:
    """Return the network of dense layers with activations between them and raw scores at the end.

    Parameters
    ----------
    n_inputs : int
    hidden_layer_sizes : sequence of int
    n_outputs : int
    activation : Activation, or one per hidden layer
    initializer : Initializer, default=Auto()
    normalization : Normalization, default=None
        Comes before each activation.
    dropout : sequence of float, default=()
        The rate after each activation; empty: none.
    skip : bool, default=False
        Whether a linear path leads from the inputs to the raw scores.
    input_layers : sequence of Layer, default=()
        What comes before the first dense layer.
    """
    n_hidden = len(hidden_layer_sizes)
    initializer = initializer or Auto()
    activations = [activation] * (n_hidden + 1) if isinstance(activation, Activation) else [*activation]
    rates = dropout or [0.0] * n_hidden
    has_biases = not isinstance(normalization, BatchNormalization)
    layers: list[Layer] = [*input_layers]
    for n_units, f, rate in zip(hidden_layer_sizes, activations, rates, strict=False):
        layers += [Dense(n_units, initializer, f, has_biases)]
        layers += [normalization] if normalization else []
        layers += [Nonlinearity(f)]
        layers += [Dropout(rate)] if rate else []
    layers += [Dense(n_outputs, initializer, activations[-1])]
    layers += [Skip(n_inputs)] if skip else []
    return Network(n_inputs, layers)
