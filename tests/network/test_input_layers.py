"""Layers at the input; a new one is a class and its place in the chain."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from skmlp.network.activations import Tanh
from skmlp.network.input_layers import Embedding, PeriodicEmbedding, Scaling
from skmlp.network.layers import Dense, Layer, Nonlinearity
from skmlp.network.losses import SquaredError
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from tests.network.problems import N_INPUTS, N_NETWORKS, N_ROWS
from tests.network.test_objective import ALPHA, central_differences, relative_error, value_and_gradient

CHAINS = {
    "embedding": [Embedding(n_levels={0: 3}, n_units=2)],
    "two embeddings": [Embedding(n_levels={2: 2, 0: 3}, n_units=2)],
    "scaling": [Scaling()],
    "periodic": [PeriodicEmbedding(n_frequencies=3, n_units=2)],
    "embedding, then scaling": [Embedding(n_levels={0: 3}, n_units=2), Scaling()],
    "periodic, then scaling": [PeriodicEmbedding(n_frequencies=3, n_units=2), Scaling()],
    "scaling in the middle": [Dense(3), Scaling()],
    "periodic in the middle": [Dense(3), PeriodicEmbedding(n_frequencies=2)],
}
EVERY_CHAIN = pytest.mark.parametrize("first", CHAINS.values(), ids=CHAINS)


def network_and_data(first):
    """Return a network, parameters (K, P) of which none is zero, x (K, n, m) and y (K, n, q)."""
    network = Network(N_INPUTS, [*first, Dense(7), Nonlinearity(Tanh()), Dense(2)])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_NETWORKS, N_ROWS, N_INPUTS))
    x[..., 0] = rng.integers(3, size=x.shape[:2])
    x[..., 2] = rng.integers(-1, 3, size=x.shape[:2])  # some are not in the table
    theta = rng.normal(0, 0.5, (N_NETWORKS, network.layout.n_parameters))
    return network, theta, x, rng.normal(size=(N_NETWORKS, N_ROWS, 2))


@EVERY_CHAIN
def test_gradient_is_the_slope_of_the_value(first):
    network, theta, x, y = network_and_data(first)
    objective = Objective(network, SquaredError(), ALPHA)
    _, gradient = value_and_gradient(objective, theta, x, y)
    assert (relative_error(gradient, central_differences(objective, theta, x, y)) < 1e-6).all()


@EVERY_CHAIN
def test_prediction_takes_rows_that_all_networks_see(first):
    network, theta, x, _ = network_and_data(first)
    parameters = network.layout.view(theta).layers
    of_each = np.tile(x[:1], (N_NETWORKS, 1, 1))
    z = network.forward(parameters, of_each, network.traces(N_NETWORKS, N_ROWS, like=theta))
    np.testing.assert_allclose(network.output(parameters, x[0]), z, rtol=1e-12)


@EVERY_CHAIN
def test_the_first_layer_is_asked_for_no_gradient_of_its_input(first):
    network, theta, x, _ = network_and_data(first)
    traces = network.traces(N_NETWORKS, N_ROWS, like=theta)
    network.forward(network.layout.view(theta).layers, x, traces)
    assert traces[0].x is x
    assert [trace.delta_x is None for trace in traces] == [True] + [False] * (len(traces) - 1)
    for before, trace in pairwise(traces):
        assert trace.x is before.output


def test_a_layer_without_parameters_may_come_first():
    @dataclass(frozen=True)
    class Doubled(Layer):
        def forward(self, parameters, trace):
            np.multiply(trace.x, 2, out=trace.output)

        def backward(self, parameters, gradient, trace):
            pass

    network, theta, x, y = network_and_data([Doubled()])
    plain, *_ = network_and_data([])
    found, expected = (
        value_and_gradient(Objective(n, SquaredError(), ALPHA), theta, rows, y)
        for n, rows in ((network, x), (plain, 2 * x))
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    scores = (n.output(n.layout.view(theta).layers, rows) for n, rows in ((network, x), (plain, 2 * x)))
    np.testing.assert_array_equal(*scores)


@EVERY_CHAIN
def test_slopes_of_the_inputs(first):
    """Codes have none: between them, nothing is known."""
    network, theta, x, _ = network_and_data(first)
    parameters, x = network.layout.view(theta[:1]), x[0]
    jacobian = network.jacobian(
        parameters, x, lambda z: np.eye(2)[np.newaxis, np.newaxis] + 0 * z[..., np.newaxis]
    )
    codes = [column for layer in first if isinstance(layer, Embedding) for column, _ in layer.n_levels]
    for j in range(N_INPUTS):
        step = 1e-6 * np.eye(N_INPUTS)[j] * (j not in codes)
        high, low = (network.output(parameters.layers, x + s * step)[0] for s in (1, -1))
        np.testing.assert_allclose(jacobian[..., j], (high - low) / 2e-6, atol=1e-7)


def test_periodic_embedding_is_its_formula():
    layer = PeriodicEmbedding(n_frequencies=4, n_units=2)
    network = Network(3, [layer])
    rng = np.random.default_rng(0)
    x, theta = rng.normal(size=(5, 3)), rng.normal(size=(1, network.layout.n_parameters))
    f, b, W, c = (array[0] for array in network.layout.view(theta).layers[0])
    h = network.output(network.layout.view(theta).layers, x)[0]
    np.testing.assert_array_equal(h[:, :3], x)
    for i in range(5):
        for j in range(3):
            expected = np.cos(2 * np.pi * f[j] * x[i, j] + b[j]) @ W[j] + c[j]
            np.testing.assert_allclose(h[i, 3 + 2 * j : 5 + 2 * j], expected, rtol=1e-12)


def test_initial_frequencies_have_the_standard_deviation_sigma():
    network = Network(50, [PeriodicEmbedding(n_frequencies=40, sigma=0.3)])
    theta = network.initial_parameters([np.random.RandomState(0)], np.dtype(float))
    frequencies, phases, *_ = network.layout.view(theta).layers[0]
    assert abs(frequencies.std() - 0.3) < 0.02
    assert abs(phases).max() < np.pi < abs(phases).max() + 0.01


def test_embedding_is_an_indicator_times_the_table():
    layer = Embedding(n_levels={1: 3}, n_units=2)
    network = Network(2, [layer])
    table = np.array([[1.0, 2], [3, 4], [5, 6]])
    x = np.array([[7.0, 0], [8, 2], [9, 1], [10, -1], [11, 3]])
    h = network.output([[table[np.newaxis]]], x)[0]
    np.testing.assert_array_equal(h[:, 0], x[:, 0])
    np.testing.assert_array_equal(h[:, 1:], np.vstack([table, np.zeros((2, 2))])[[0, 2, 1, 3, 4]])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Scaling(rate_factor=-1), "rate_factor=-1"),
        (lambda: Scaling(decay_factor=np.inf), "decay_factor=inf"),
        (lambda: PeriodicEmbedding(n_frequencies=0), "n_frequencies=0"),
        (lambda: PeriodicEmbedding(n_units=1.5), "n_units=1.5"),
        (lambda: PeriodicEmbedding(sigma=0), "sigma=0"),
        (lambda: Embedding(), "n_levels"),
        (lambda: Embedding(n_levels={0: 0}), "n_levels"),
        (lambda: Embedding(n_levels={-1: 3}), "n_levels"),
        (lambda: Network(2, [Embedding(n_levels={2: 3})]).layout, "columns .2."),
    ],
)
def test_what_is_wrong_is_named(make, match):
    with pytest.raises(ValueError, match=match):
        make()
