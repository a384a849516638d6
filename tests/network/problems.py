"""Small problems that the tests of the engine share. Every axis has a prime length of its own."""

from itertools import pairwise

import numpy as np

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.losses import BinaryLogLoss, LogLoss, Poisson, SquaredError
from skmlp.network.network import multilayer_perceptron

N_NETWORKS, N_ROWS, N_INPUTS, N_OUTPUTS = 3, 11, 5, 13
HIDDEN = {0: (), 1: (7,), 2: (7, 2)}  # by depth

LOSS_CASES = {
    "squared_error": SquaredError(),
    "poisson": Poisson(),
    "binary_log_loss": BinaryLogLoss(),
    "log_loss of one group": LogLoss((13,)),
    "log_loss of two groups": LogLoss((4, 9)),
}
"""Every loss, for 13 outputs."""


def targets(loss, rng, shape):
    """Draw targets of ``shape`` (..., 13) that the loss is defined for, not only 0 and 1."""
    y = rng.uniform(size=shape)
    if isinstance(loss, SquaredError):
        return rng.normal(size=shape)
    if isinstance(loss, Poisson):
        return rng.poisson(2, size=shape).astype(float)
    if isinstance(loss, LogLoss):
        for group in loss.groups(y):
            group /= group.sum(axis=-1, keepdims=True)
    return y


def data(loss, n_networks=N_NETWORKS, n_rows=N_ROWS, seed=0):
    """Return x (K, n, m), y (K, n, q) and weights (K, n)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_networks, n_rows, N_INPUTS))
    y = targets(loss, rng, (n_networks, n_rows, N_OUTPUTS))
    return x, y, rng.uniform(0.5, 2, size=(n_networks, n_rows))


def network_and_theta(hidden=(7, 2), activation="tanh", n_networks=N_NETWORKS, n_outputs=N_OUTPUTS, seed=1):
    """Return a network and parameters (K, P) of which none is zero."""
    network = multilayer_perceptron(N_INPUTS, hidden, n_outputs, ACTIVATIONS[activation])
    rng = np.random.default_rng(seed)
    return network, rng.normal(scale=0.5, size=(n_networks, network.layout.n_parameters))


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
}
"""Every activation as textbooks write it."""


def naive_raw_scores(network, theta, x, activation):
    """Return the raw scores (n, q) of rows ``x`` in one network, layer by layer."""
    *hidden, (W, b) = weights_and_biases(network, theta)
    for weights, biases in hidden:
        x = FORMULAS[activation](x @ weights + biases)
    return x @ W + b


def naive_losses(loss, z, y):
    """Return the loss of each sample and output as textbooks write it; for moderate scores only."""
    if isinstance(loss, SquaredError):
        return (z - y) ** 2 / 2
    if isinstance(loss, Poisson):
        mu = np.exp(z)
        y_log_ratio = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mu), 0)
        return y_log_ratio - y + mu
    if isinstance(loss, BinaryLogLoss):
        p = 1 / (1 + np.exp(-z))
        return -y * np.log(p) - (1 - y) * np.log(1 - p)
    p = np.empty_like(z)
    for scores, probabilities in zip(loss.groups(z), loss.groups(p), strict=True):
        probabilities[...] = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    return -y * np.log(p)
