"""Small problems that the tests of the engine share. Every axis has a prime length of its own."""

import tracemalloc
from itertools import pairwise

import numpy as np
from scipy.special import erfc

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.layers import (
    Dense,
    Nonlinearity,
)
from skmlp.network.losses import (
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    BinaryLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    MulticlassLoss,
    Poisson,
    ProbabilisticLoss,
    Quantile,
    SquaredError,
)
from skmlp.network.network import multilayer_perceptron
from skmlp.network.normalizations import (
    BatchNormalization,
    LayerNormalization,
)

N_NETWORKS, N_ROWS, N_INPUTS, N_OUTPUTS = 3, 11, 5, 13
HIDDEN = {0: (), 1: (7,), 2: (7, 2)}  # by depth

LOSS_CASES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "narrow huber": Huber(0.3),
    "quantile": Quantile(0.3),
    "poisson": Poisson(),
    "gamma": Gamma(),
    "binary_log_loss": BinaryLogLoss(),
    "smoothed binary_log_loss": BinaryLogLoss(0.2),
    "log_loss of one group": LogLoss(group_sizes=(13,)),
    "log_loss of two groups": LogLoss(group_sizes=(4, 9)),
    "smoothed log_loss": LogLoss(0.2, group_sizes=(4, 9)),
    "binary_focal": BinaryFocal(),
    "binary_focal below one": BinaryFocal(0.5),
    "focal of one group": Focal(group_sizes=(13,)),
    "focal below one": Focal(0.5, group_sizes=(4, 9)),
}
"""Every loss, for 13 outputs."""

CONSTANTS = {
    "huber": [Huber(delta) for delta in (0.3, 1.0, 2.5)],
    "quantile": [Quantile(quantile) for quantile in (0.1, 0.5, 0.95)],
    "binary_log_loss": [BinaryLogLoss(part) for part in (0.0, 0.1, 0.7)],
    "log_loss": [LogLoss(part, group_sizes=(4, 9)) for part in (0.0, 0.1, 0.7)],
    "binary_focal": [BinaryFocal(gamma) for gamma in (0.0, 0.7, 3.0)],
    "focal": [Focal(gamma, group_sizes=(4, 9)) for gamma in (0.0, 0.7, 3.0)],
}
"""Losses that differ in a constant, one for each network of a stack, by name."""


def targets(loss, rng, shape):
    """Draw targets of ``shape`` (..., 13) that the loss is defined for, not only 0 and 1."""
    y = rng.uniform(size=shape)
    if isinstance(loss, Poisson):
        return rng.poisson(2, size=shape).astype(float)
    if isinstance(loss, Gamma):
        return rng.gamma(2, size=shape)
    if isinstance(loss, MulticlassLoss):
        for group in loss.groups(y):
            group /= group.sum(axis=-1, keepdims=True)
    return y if isinstance(loss, ProbabilisticLoss) else rng.normal(size=shape)


def away_from_kinks(loss, z, y):
    """Return targets for which no score lies where the loss, or its slope, has a kink."""
    match loss:
        case AbsoluteError() | Quantile():
            kinks = [0.0]
        case Huber(delta):
            kinks = [-delta, delta]
        case _:
            kinks = []
    for kink in kinks:
        y = np.where(np.abs(z - y - kink) < 0.01, y - 0.05, y)
    return y


def peak_memory(function):
    """Return the most bytes that ``function()`` holds at once in arrays that it makes."""
    function()  # what is kept from the first call on does not count
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def data(loss, n_networks=N_NETWORKS, n_rows=N_ROWS, seed=0):
    """Return x (K, n, m), y (K, n, q) and weights (K, n)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_networks, n_rows, N_INPUTS))
    y = targets(loss, rng, (n_networks, n_rows, N_OUTPUTS))
    return x, y, rng.uniform(0.5, 2, size=(n_networks, n_rows))


def network_and_theta(
    hidden=(7, 2), activation="tanh", n_networks=N_NETWORKS, n_outputs=N_OUTPUTS, seed=1, **options
):
    """Return a network and parameters (K, P) of which none is zero; running variances are positive."""
    network = multilayer_perceptron(N_INPUTS, hidden, n_outputs, ACTIVATIONS[activation], **options)
    rng = np.random.default_rng(seed)
    theta = rng.normal(scale=0.5, size=(n_networks, network.layout.n_parameters))
    for layer, parameters in zip(network.layers, network.layout.view(theta).layers, strict=True):
        if isinstance(layer, BatchNormalization):
            np.abs(parameters[3], out=parameters[3])
    return network, theta


def weights_and_biases(network, theta):
    """Return [(W, b), ...] of one network, cut from its row of the flat buffer by counting."""
    widths = [network.n_inputs] + [layer.n_units for layer in network.layers if hasattr(layer, "n_units")]
    shapes = list(pairwise(widths))
    n_weights = [m * q for m, q in shapes]
    weights = np.split(theta[: sum(n_weights)], np.cumsum(n_weights)[:-1])
    biases = np.split(theta[sum(n_weights) :], np.cumsum(widths[1:])[:-1])
    return [(W.reshape(shape), b) for W, b, shape in zip(weights, biases, shapes, strict=True)]


FORMULAS = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
    "gelu": lambda z: z * erfc(-z / np.sqrt(2)) / 2,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z: np.log(1 + np.exp(z)),
}
"""Every activation as textbooks write it; for moderate z only."""


def naive_raw_scores(network, theta, x, activation):
    """Return the raw scores (n, q) of rows ``x`` in one network, layer by layer."""
    *hidden, (W, b) = weights_and_biases(network, theta)
    for weights, biases in hidden:
        x = FORMULAS[activation](x @ weights + biases)
    return x @ W + b


def naive_prediction(network, parameters, x):
    """Return the raw scores (n, q) of rows ``x`` in prediction; ``parameters`` are those of one network."""
    for layer, own in zip(network.layers, parameters, strict=True):
        if isinstance(layer, Dense):
            x = sum(own[1:], start=x @ own[0])
        elif isinstance(layer, Nonlinearity):
            x = FORMULAS[layer.activation.name](x)
        elif isinstance(layer, BatchNormalization):
            gain, shift, mean, variance = own
            x = gain * (x - mean) / np.sqrt(variance + layer.epsilon) + shift
        elif isinstance(layer, LayerNormalization):
            mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
            x = own[0] * (x - mean) / np.sqrt(variance + layer.epsilon) + own[1]
    return x


def naive_probabilities(loss, z):
    """Return the probabilities that belong to moderate scores."""
    if isinstance(loss, BinaryLoss):
        return 1 / (1 + np.exp(-z))
    p = np.empty_like(z)
    for scores, probabilities in zip(loss.groups(z), loss.groups(p), strict=True):
        probabilities[...] = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return p


def naive_smoothed(loss, y):
    """Return targets of which a part is spread over all classes."""
    part = loss.label_smoothing
    if isinstance(loss, BinaryLoss):
        return (1 - part) * y + part / 2
    smooth = np.empty_like(y)
    for group, own in zip(loss.groups(y), loss.groups(smooth), strict=True):
        own[...] = (1 - part) * group + part / group.shape[-1]
    return smooth


def naive_losses(loss, z, y):
    """Return the loss of each sample and output as textbooks write it; for moderate scores only."""
    if isinstance(loss, ProbabilisticLoss):
        p = naive_probabilities(loss, z)
        modulation, rest = 1.0, 1.0
        if isinstance(loss, Focal | BinaryFocal):
            modulation, rest = (1 - p) ** loss.gamma, p**loss.gamma
        else:
            y = naive_smoothed(loss, y)
        losses = -y * modulation * np.log(p)
        return losses - (1 - y) * rest * np.log(1 - p) if isinstance(loss, BinaryLoss) else losses
    error = np.abs(z - y)
    match loss:
        case SquaredError():
            return error**2 / 2
        case AbsoluteError():
            return error
        case Huber(delta):
            return np.where(error <= delta, error**2 / 2, delta * (error - delta / 2))
        case Quantile(quantile):
            return np.where(y > z, quantile, 1 - quantile) * error
        case Poisson():
            mu = np.exp(z)
            return np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mu), 0) - y + mu
        case Gamma():
            return np.log(np.exp(z) / y) + y / np.exp(z) - 1
    raise TypeError(loss)
