"""Parameters become fitted attributes and come back, by what the layers say of their arrays."""

from dataclasses import dataclass

import numpy as np
import pytest

from skmlp.fitting.publishing import FittedNetwork, attribute_names, of_member, shown
from skmlp.network.activations import Tanh
from skmlp.network.layers import Dense, Layer
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.normalizations import NORMALIZATIONS
from skmlp.network.parameters import ParameterSpec

M, HIDDEN, Q, K = 3, (5, 2), 7, 4


def network_of(normalization):
    chosen = None if normalization is None else NORMALIZATIONS[normalization]
    return multilayer_perceptron(M, HIDDEN, Q, [Tanh(), Tanh()], normalization=chosen, dropout=(0.1, 0.2))


def theta_of(network, n_networks=K):
    n_parameters = network.layout.n_parameters
    return np.arange(1.0, 1 + n_networks * n_parameters).reshape(n_networks, n_parameters)


normalizations = pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])


@normalizations
def test_weights_and_biases_are_shown_without_the_axis_of_rows(normalization):
    network = network_of(normalization)
    attributes = shown(network, theta_of(network, 1), single=True)
    assert [array.shape for array in attributes["coefs_"]] == [(3, 5), (5, 2), (2, 7)]
    assert [array.shape for array in attributes["intercepts_"]] == [(5,), (2,), (7,)]
    assert attributes.keys() == attribute_names(network)


@normalizations
def test_an_ensemble_has_its_members_as_the_first_axis(normalization):
    network = network_of(normalization)
    theta = theta_of(network)
    attributes = shown(network, theta, single=False)
    assert [array.shape for array in attributes["coefs_"]] == [(4, 3, 5), (4, 5, 2), (4, 2, 7)]
    for k in range(K):
        alone = shown(network, theta[k : k + 1], single=True)
        for name, value in attributes.items():
            np.testing.assert_equal(of_member(value, k), alone[name])


def test_several_arrays_of_a_layer_under_one_attribute_are_a_list():
    network = network_of("batch")
    attributes = shown(network, theta_of(network, 1), single=True)
    gain, shift, mean, variance = attributes["normalization_parameters_"][1]
    assert gain.shape == shift.shape == mean.shape == variance.shape == (2,)
    assert len(attributes["normalization_parameters_"]) == 2


def test_constants_are_shown_and_not_stored():
    network = network_of("batch")
    attributes = shown(network, theta_of(network, 1), single=True)
    np.testing.assert_array_equal(attributes["intercepts_"][0], np.zeros(5))
    assert attributes["intercepts_"][2].all()


@normalizations
@pytest.mark.parametrize("n_networks", [1, K])
def test_what_is_shown_is_read_back(normalization, n_networks):
    network = network_of(normalization)
    theta = theta_of(network, n_networks)
    fitted = FittedNetwork.of(network, shown(network, theta, single=n_networks == 1))
    np.testing.assert_array_equal(fitted.theta(float), theta)
    assert fitted.n_networks == n_networks
    for views, expected in zip(fitted.layers, network.layout.view(theta).layers, strict=True):
        for view, array in zip(views, expected, strict=True):
            np.testing.assert_array_equal(view, array)
            assert np.shares_memory(view, theta)


@dataclass(frozen=True)
class Table(Layer):
    """Replaces the category codes in the only column of x by the rows of a table."""

    n_categories: int
    n_units: int

    def n_outputs(self, n_inputs):
        return self.n_units

    def specs(self, n_inputs):
        return [ParameterSpec("table", (self.n_categories, self.n_units), "tables_")]

    def forward(self, parameters, trace):
        raise NotImplementedError

    backward = forward


def test_a_layer_of_another_kind_is_shown_under_its_own_attribute():
    network = Network(1, [Table(6, 2), Dense(3)])
    theta = theta_of(network, 1)
    attributes = shown(network, theta, single=True)
    assert attributes["tables_"][0].shape == (6, 2)
    np.testing.assert_array_equal(FittedNetwork.of(network, attributes).theta(float), theta)


def test_other_shapes_are_an_error_that_says_where():
    network = network_of(None)
    attributes = shown(network, theta_of(network, 1), single=True)
    attributes["coefs_"][1] = np.zeros((9, 2))
    with pytest.raises(
        ValueError, match=r"coefs_: the weights of layer 3, Dense have shape \(9, 2\), expected \(5, 2\)"
    ):
        FittedNetwork.of(network, attributes)


def test_a_missing_layer_is_an_error():
    network = network_of(None)
    attributes = shown(network, theta_of(network, 1), single=True)
    attributes["intercepts_"] = attributes["intercepts_"][:2]
    with pytest.raises(ValueError, match="intercepts_ has no entry for layer"):
        FittedNetwork.of(network, attributes)


def test_a_constant_that_was_changed_is_an_error():
    network = network_of("batch")
    attributes = shown(network, theta_of(network, 1), single=True)
    attributes["intercepts_"][0] = np.ones(5)
    with pytest.raises(ValueError, match=r"intercepts_: the biases of layer 0, Dense must stay 0\.0"):
        FittedNetwork.of(network, attributes)
