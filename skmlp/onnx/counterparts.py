"""What layers, activations and links are in ONNX: one table each.

Each entry writes into a graph what `forward`, or the method of a loss, computes in prediction. Arrays of an
ensemble have the members as their first axis, those of a single network have no such axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from skmlp.network.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softplus,
    Tanh,
)
from skmlp.network.arrays import Array
from skmlp.network.input_layers import Embedding, PeriodicEmbedding, Scaling
from skmlp.network.layers import Dense, Dropout, Layer, Nonlinearity, Skip
from skmlp.network.losses import BinaryLoss, Gamma, Loss, MulticlassLoss, Poisson
from skmlp.network.monotonic import Mirrored
from skmlp.network.normalizations import BatchNormalization, LayerNormalization
from skmlp.network.quantiles import Quantiles

if TYPE_CHECKING:
    from skmlp.onnx.graph import Graph

OfActivation: TypeAlias = Callable[["Graph", Any, str], str]
OfLayer: TypeAlias = Callable[["Graph", Any, list[Array], str], str]
OfLoss: TypeAlias = Callable[["Graph", Any, str], str]


def counterpart(table: Mapping[Any, Any], key: Any, what: str) -> Any:
    """Return the entry of a table, or raise an error that names ``what`` has none.

    The key is the exact class or method: one derived from it may compute something else.
    """
    if key not in table:
        known = ", ".join(sorted(entry.__qualname__ for entry in table))
        raise NotImplementedError(f"{what} cannot be converted to ONNX; these can: {known}.")
    return table[key]


# Activations


def sigmoid(g: Graph, z: str) -> str:
    """Return 1 / (1 + exp(-z)), also where it is small: onnxruntime's own ends at 1e-8 in float32."""
    return g("Reciprocal", g("Add", 1.0, g("Exp", g("Neg", z))))


def softplus(g: Graph, z: str) -> str:
    """Return max(z, 0) + log(1 + exp(-|z|)); onnxruntime has its own in float32 only."""
    return g("Add", g("Relu", z), g("Log", g("Add", 1.0, g("Exp", g("Neg", g("Abs", z))))))


def leaky_relu(g: Graph, f: LeakyReLU, z: str) -> str:
    """Return max(z, 0) + slope min(z, 0)."""
    return g("Add", g("Relu", z), g("Mul", f.slope, g("Min", z, 0.0)))


def elu(g: Graph, f: ELU, z: str) -> str:
    """Return scale (max(z, 0) + alpha (exp(min(z, 0)) - 1))."""
    negative = g("Mul", f.alpha, g("Sub", g("Exp", g("Min", z, 0.0)), 1.0))
    return g("Mul", f.scale, g("Add", g("Relu", z), negative))


def gelu(g: Graph, f: GELU, z: str) -> str:
    """Return z (1 + erf(z / sqrt(2))) / 2; onnxruntime has erf in float32 only."""
    scaled = g("Mul", z, math.sqrt(0.5))
    double = g.dtype == np.float64
    erf = g("Erf", g("Cast", scaled, to=1) if double else scaled)
    erf = g("Cast", erf, to=11) if double else erf
    return g("Mul", g("Mul", z, 0.5), g("Add", 1.0, erf))


ACTIVATIONS: dict[type[Activation], OfActivation] = {
    Identity: lambda g, f, z: z,
    Logistic: lambda g, f, z: g("Sigmoid", z),
    Tanh: lambda g, f, z: g("Tanh", z),
    ReLU: lambda g, f, z: g("Relu", z),
    LeakyReLU: leaky_relu,
    ELU: elu,
    SELU: elu,
    GELU: gelu,
    SiLU: lambda g, f, z: g("Mul", z, g("Sigmoid", z)),
    Mish: lambda g, f, z: g("Mul", z, g("Tanh", softplus(g, z))),
    Softplus: lambda g, f, z: softplus(g, z),
}
"""The counterpart of each activation, by its class."""


# Layers


def dense(g: Graph, layer: Dense, parameters: list[Array], x: str) -> str:
    """Return x W + b."""
    weights, *biases = parameters
    z = g("MatMul", x, weights)
    return g("Add", z, biases[0]) if biases else z


def nonlinearity(g: Graph, layer: Nonlinearity, parameters: list[Array], x: str) -> str:
    """Return f(z)."""
    f = layer.activation
    if isinstance(f, Mirrored):  # s f(s z), with s = -1 in the units that are mirrored
        signs = np.where(np.arange(g.width) < (g.width + 1) // 2, 1.0, -1.0)
        return g("Mul", nonlinearity(g, Nonlinearity(f.activation), [], g("Mul", x, signs)), signs)
    return str(counterpart(ACTIVATIONS, type(f), f"activation={f!r}")(g, f, x))


def batch_normalization(g: Graph, layer: BatchNormalization, parameters: list[Array], x: str) -> str:
    """Return gain (z - mean) / sqrt(variance + epsilon) + shift, with the running statistics."""
    gain, shift, mean, variance = parameters
    factor = gain / np.sqrt(variance + layer.epsilon)
    return g("Add", g("Mul", g("Sub", x, mean), factor), shift)


def layer_normalization(g: Graph, layer: LayerNormalization, parameters: list[Array], x: str) -> str:
    """Return gain (z - mean) / sqrt(variance + epsilon) + shift, over the units of each row."""
    gain, shift = parameters
    n_units = gain.shape[-1]
    share = np.full((n_units, 1), 1 / n_units)
    centered = g("Sub", x, g("MatMul", x, share))
    variance = g("MatMul", g("Mul", centered, centered), share)
    normal = g("Div", centered, g("Sqrt", g("Add", variance, layer.epsilon)))
    return g("Add", g("Mul", normal, gain), shift)


def skip(g: Graph, layer: Skip, parameters: list[Array], h: str) -> str:
    """Return h + x W, with the network's inputs x."""
    return g("Add", h, g("MatMul", g.inputs, parameters[0]))


def of_each_member(g: Graph, x: str) -> str:
    """Return inputs that all members share, (n, m), as (K, n, m)."""
    return x if g.n_networks == 1 else g("Add", x, np.zeros((g.n_networks, 1, 1)))


def periodic_embedding(g: Graph, layer: PeriodicEmbedding, parameters: list[Array], x: str) -> str:
    """Return (x, W cos(2 pi (f x) + b) + c); onnxruntime has the sine in both precisions."""
    frequencies, phases, weights, biases = (
        np.expand_dims(array, 0 if g.n_networks == 1 else 1) for array in parameters
    )
    angles = g("Mul", g("Unsqueeze", x, [-1]), 2 * math.pi * frequencies)
    waves = g("Sin", g("Add", angles, phases + math.pi / 2))
    terms = g("Mul", g("Unsqueeze", waves, [-1]), weights)
    embedded = g("Add", g("ReduceSum", terms, [-2], keepdims=0), biases)
    flat = g("Reshape", embedded, [0, -1] if g.n_networks == 1 else [0, 0, -1])
    return g("Concat", of_each_member(g, x), flat, axis=-1)


def embedding(g: Graph, layer: Embedding, parameters: list[Array], x: str) -> str:
    """Return the columns without codes, and indicators of the codes times their table."""
    n_inputs = g.width - len(parameters) * (layer.n_units - 1)
    parts = [g("Gather", of_each_member(g, x), layer.others(n_inputs), axis=-1)]
    for (column, n_levels), table in zip(layer.n_levels, parameters, strict=True):
        is_level = g("Equal", g.columns(x, column, column + 1), np.arange(float(n_levels)))
        indicators = g("Cast", is_level, to=11 if g.dtype == np.float64 else 1)
        parts.append(g("MatMul", indicators, table))
    return g("Concat", *parts, axis=-1)


LAYERS: dict[type[Layer], OfLayer] = {
    Dense: dense,
    Skip: skip,
    Scaling: lambda g, layer, parameters, x: g("Mul", x, parameters[0]),
    PeriodicEmbedding: periodic_embedding,
    Embedding: embedding,
    Nonlinearity: nonlinearity,
    Dropout: lambda g, layer, parameters, x: x,
    BatchNormalization: batch_normalization,
    LayerNormalization: layer_normalization,
}
"""The counterpart of each layer, by its class."""


# Links


def softmax(g: Graph, loss: MulticlassLoss, z: str, op: str = "Softmax") -> str:
    """Return a softmax, or its logarithm, over each group of raw scores."""
    if len(loss.group_sizes) == 1:
        return g(op, z, axis=-1)
    groups = pairwise(np.cumsum([0, *loss.group_sizes]).tolist())
    return g("Concat", *(g(op, g.columns(z, *group), axis=-1) for group in groups), axis=-1)


def log_odds_of_mean(g: Graph, loss: BinaryLoss, z: str) -> str:
    """Return log(mean p / mean(1 - p)) over the members; log p = -softplus(-z)."""
    log_p, log_q = (g("Neg", softplus(g, score)) for score in (g("Neg", z), z))
    return g("Sub", *(g.over_members("ReduceLogSumExp", log) for log in (log_p, log_q)))


def log_of_mean(g: Graph, loss: MulticlassLoss, z: str) -> str:
    """Return log(mean p) over the members."""
    log_total = g.over_members("ReduceLogSumExp", softmax(g, loss, z, "LogSoftmax"))
    return g("Sub", log_total, math.log(g.n_networks))


def quantiles(g: Graph, loss: Quantiles, z: str) -> str:
    """Return the first raw score, and steps upwards from it."""
    n_quantiles = len(loss.quantiles)
    steps = softplus(g, g.columns(z, 1, n_quantiles))
    return g("CumSum", g("Concat", g.columns(z, 0, 1), steps, axis=-1), np.array(-1))


METHODS: dict[Callable[..., Any], OfLoss] = {
    Loss.inverse_link: lambda g, loss, z: z,
    Poisson.inverse_link: lambda g, loss, z: g("Exp", z),
    Gamma.inverse_link: lambda g, loss, z: g("Exp", z),
    Quantiles.inverse_link: quantiles,
    BinaryLoss.inverse_link: lambda g, loss, z: sigmoid(g, z),
    MulticlassLoss.inverse_link: softmax,
    BinaryLoss.scores_of_mean: log_odds_of_mean,
    MulticlassLoss.scores_of_mean: log_of_mean,
}
"""The counterpart of each inverse link, and of each mean over members, by the method of the loss."""


def of_loss(g: Graph, loss: Loss, method: str, z: str) -> str:
    """Return what a method of the loss makes of raw scores."""
    where = f"The {method} of loss={loss!r}"
    return str(counterpart(METHODS, getattr(type(loss), method), where)(g, loss, z))
