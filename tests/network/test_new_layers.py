"""A new layer is a class and its place in the chain, also as the first: two examples."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from skmlp.network.activations import Tanh
from skmlp.network.layers import Dense, Layer, Nonlinearity
from skmlp.network.losses import SquaredError
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from skmlp.network.parameters import ParameterSpec
from tests.network.problems import N_INPUTS, N_NETWORKS, N_ROWS
from tests.network.test_objective import ALPHA, central_differences, relative_error, value_and_gradient


@dataclass(frozen=True)
class Embedding(Layer):
    """The first column holds codes of categories: each becomes a row of a table."""

    n_categories: int
    n_units: int

    def n_outputs(self, n_inputs):
        return self.n_units + n_inputs - 1

    def specs(self, n_inputs):
        return [ParameterSpec("table", (self.n_categories, self.n_units), "tables_")]

    def initialize(self, parameters, random_state):
        parameters[0][...] = random_state.normal(size=parameters[0].shape)

    def codes(self, trace):
        return np.broadcast_to(trace.x[..., 0].astype(int), trace.output.shape[:2])

    def forward(self, parameters, trace):
        for k, codes in enumerate(self.codes(trace)):
            trace.output[k, :, : self.n_units] = parameters[0][k, codes]
        trace.output[..., self.n_units :] = trace.x[..., 1:]

    def backward(self, parameters, gradient, trace):
        gradient[0][...] = 0
        for k, codes in enumerate(self.codes(trace)):
            np.add.at(gradient[0][k], codes, trace.delta[k, :, : self.n_units])


@dataclass(frozen=True)
class Scaling(Layer):
    """Each feature times a factor."""

    def specs(self, n_inputs):
        return [ParameterSpec("factors", (n_inputs,), "factors_", penalized=True)]

    def initialize(self, parameters, random_state):
        parameters[0][...] = 1

    def forward(self, parameters, trace):
        np.multiply(trace.x, parameters[0], out=trace.output)

    def backward(self, parameters, gradient, trace):
        np.sum(trace.delta * trace.x, axis=-2, keepdims=True, out=gradient[0])
        if trace.delta_x is not None:
            np.multiply(trace.delta, parameters[0], out=trace.delta_x)


CHAINS = {
    "embedding": [Embedding(3, 2)],
    "scaling": [Scaling()],
    "embedding, then scaling": [Embedding(3, 2), Scaling()],
    "scaling in the middle": [Dense(3), Scaling()],
}
EVERY_CHAIN = pytest.mark.parametrize("first", CHAINS.values(), ids=CHAINS)


def network_and_data(first):
    """Return a network, parameters (K, P) of which none is zero, x (K, n, m) and y (K, n, q)."""
    network = Network(N_INPUTS, [*first, Dense(7), Nonlinearity(Tanh()), Dense(2)])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_NETWORKS, N_ROWS, N_INPUTS))
    x[..., 0] = rng.integers(3, size=x.shape[:2])
    theta = rng.normal(size=(N_NETWORKS, network.layout.n_parameters))
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
