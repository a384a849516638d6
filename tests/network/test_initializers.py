import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.initializers import INITIALIZERS, Auto
from tests.network.problems import network_and_theta

EVERY_ACTIVATION = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))


def test_names_in_the_table_are_those_of_the_initializers():
    assert {name: initializer.name for name, initializer in INITIALIZERS.items()} == {"auto": "auto"}


@EVERY_ACTIVATION
def test_auto_draws_uniformly_within_glorots_bound(activation):
    weights, biases = Auto().draw(np.random.RandomState(0), 31, 37, ACTIVATIONS[activation])
    bound = np.sqrt((2 if activation == "logistic" else 6) / (31 + 37))
    assert (weights.shape, biases.shape) == ((31, 37), (37,))
    for values in (weights, biases):
        assert 0.9 * bound < np.abs(values).max() <= bound
    np.testing.assert_allclose(weights.std(), bound / np.sqrt(3), rtol=0.05)


@EVERY_ACTIVATION
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", [(), (7,), (7, 2)])
def test_auto_is_scikit_learns(activation, dtype, hidden):
    """scikit-learn's network after a step too small to move it is its initial one."""
    y = np.arange(11) % 3
    sklearn_mlp = MLPClassifier(
        hidden, activation=activation, solver="sgd", learning_rate_init=1e-300, max_iter=1, random_state=5
    )
    with pytest.warns(ConvergenceWarning):
        sklearn_mlp.fit(np.ones((11, 5), dtype=dtype), y)
    network, _ = network_and_theta(hidden, activation, n_outputs=3)
    random_states = [np.random.RandomState(seed) for seed in (3, 5)]
    theta = network.initial_parameters(random_states, Auto(), ACTIVATIONS[activation], np.dtype(dtype))
    assert theta.dtype == sklearn_mlp.coefs_[0].dtype == dtype
    ours = [views for views in network.layout.view(theta).layers if views]
    assert len(ours) == len(sklearn_mlp.coefs_)
    for (weights, biases), W, b in zip(ours, sklearn_mlp.coefs_, sklearn_mlp.intercepts_, strict=True):
        np.testing.assert_array_equal(weights[1], W)
        np.testing.assert_array_equal(biases[1, 0], b)


def test_each_network_draws_from_its_own_stream():
    network, _ = network_and_theta()

    def draw(*seeds):
        streams = [np.random.RandomState(seed) for seed in seeds]
        return network.initial_parameters(streams, Auto(), ACTIVATIONS["relu"], np.dtype(float))

    np.testing.assert_array_equal(draw(2, 3, 5), np.concatenate([draw(2), draw(3), draw(5)]))


def test_pickles_to_an_equal_one():
    assert pickle.loads(pickle.dumps(Auto())) == Auto()
