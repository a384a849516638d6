import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.initializers import INITIALIZERS, Auto, Orthogonal, TruncatedNormal, VarianceScaling
from tests.network.problems import network_and_theta

EVERY_ACTIVATION = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))


FAN_IN, FAN_OUT = 331, 733
VARIANCES = {
    "glorot": 2 / (FAN_IN + FAN_OUT),  # Glorot & Bengio 2010, eq. 12
    "he": 2 / FAN_IN,  # He et al. 2015, eq. 10
    "lecun": 1 / FAN_IN,  # LeCun et al. 1998, eq. 16
}
OTHERS = {name: initializer for name, initializer in INITIALIZERS.items() if name != "auto"}
EVERY_OTHER = pytest.mark.parametrize("initializer", OTHERS.values(), ids=OTHERS)


def draw(initializer, fan_in=FAN_IN, fan_out=FAN_OUT, seed=0):
    return initializer.draw(np.random.RandomState(seed), fan_in, fan_out, ACTIVATIONS["relu"])


def test_names_in_the_table():
    scalings = {f"{name}_{kind}" for name in VARIANCES for kind in ("uniform", "normal")}
    assert set(INITIALIZERS) == {"auto", "truncated_normal", "orthogonal"} | scalings
    assert INITIALIZERS["auto"] == Auto()


@pytest.mark.parametrize("name", VARIANCES)
def test_uniform_weights_fill_the_range_of_the_paper(name):
    weights, _ = draw(INITIALIZERS[f"{name}_uniform"])
    bound = np.sqrt(3 * VARIANCES[name])
    assert 0.9999 * bound < np.abs(weights).max() <= bound
    np.testing.assert_allclose(weights.var(), VARIANCES[name], rtol=0.01)
    np.testing.assert_allclose(weights.mean(), 0, atol=5 * np.sqrt(VARIANCES[name] / weights.size))
    for edge in (-0.5, 0, 0.5):  # as many in each quarter of the range
        np.testing.assert_allclose((weights < edge * bound).mean(), (edge + 1) / 2, atol=0.006)


@pytest.mark.parametrize("name", VARIANCES)
def test_normal_weights_have_the_variance_of_the_paper(name):
    weights, _ = draw(INITIALIZERS[f"{name}_normal"])
    standard = np.sort(weights.ravel()) / np.sqrt(VARIANCES[name])
    np.testing.assert_allclose(standard.var(), 1, rtol=0.015)
    np.testing.assert_allclose((standard**4).mean(), 3, rtol=0.03)
    np.testing.assert_allclose(standard.mean(), 0, atol=5 / np.sqrt(standard.size))


@pytest.mark.parametrize("scale", [0.05, 2.0])
def test_truncated_normal_has_nothing_beyond_two_sigma(scale):
    weights, _ = draw(TruncatedNormal(scale))
    assert 1.999 * scale < np.abs(weights).max() <= 2 * scale
    np.testing.assert_allclose(weights.std(), 0.8796 * scale, rtol=0.01)
    np.testing.assert_allclose(weights.mean(), 0, atol=5 * scale / np.sqrt(weights.size))


@pytest.mark.parametrize(("fan_in", "fan_out"), [(31, 31), (31, 13), (13, 31), (1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_orthogonal_weights_have_orthonormal_rows_or_columns(fan_in, fan_out, gain):
    weights, _ = draw(Orthogonal(gain), fan_in, fan_out)
    assert weights.shape == (fan_in, fan_out)
    square = weights.T @ weights if fan_in >= fan_out else weights @ weights.T
    np.testing.assert_allclose(square, gain**2 * np.eye(len(square)), atol=1e-13)


def test_orthogonal_weights_favour_no_direction():
    draws = np.array([draw(Orthogonal(), 3, 3, seed)[0] for seed in range(2003)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=5 / np.sqrt(3 * len(draws)))
    np.testing.assert_allclose((draws**2).mean(axis=0), 1 / 3, atol=5 * np.sqrt(4 / 45 / len(draws)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VarianceScaling(1.0, "x", "normal"), r"\(fan='x'\): fan must be 'in' or 'average'"),
        (lambda: VarianceScaling(1.0, "in", "y"), r"\(distribution='y'\): .* 'uniform' or 'normal'"),
        (lambda: VarianceScaling(0.0, "in", "normal"), r"\(gain=0.0\): gain must be positive and finite"),
        (lambda: TruncatedNormal(-1.0), r"TruncatedNormal\(scale=-1.0\): scale must be positive"),
        (lambda: Orthogonal(np.inf), r"Orthogonal\(gain=inf\): gain must be positive and finite"),
    ],
)
def test_fields_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@EVERY_OTHER
def test_biases_start_at_zero(initializer):
    weights, biases = draw(initializer, 31, 37)
    assert weights.shape == (31, 37)
    assert weights.dtype == biases.dtype == float
    np.testing.assert_array_equal(biases, np.zeros(37))


@EVERY_OTHER
def test_the_stream_decides(initializer):
    first, again, other = (draw(initializer, 31, 37, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@EVERY_OTHER
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_draws_its_layers_in_turn(initializer, dtype):
    network, _ = network_and_theta(initializer=initializer)
    theta = network.initial_parameters([np.random.RandomState(seed) for seed in (3, 5)], np.dtype(dtype))
    assert theta.dtype == dtype
    random_state = np.random.RandomState(5)
    views = [views for views in network.layout.view(theta).layers if views]
    for (weights, biases), (fan_in, fan_out) in zip(views, [(5, 7), (7, 2), (2, 13)], strict=True):
        expected, _ = initializer.draw(random_state, fan_in, fan_out, ACTIVATIONS["tanh"])
        np.testing.assert_array_equal(weights[1], expected.astype(dtype))
        np.testing.assert_array_equal(biases, 0)


@EVERY_ACTIVATION
def test_auto_draws_uniformly_within_glorots_bound(activation):
    weights, biases = Auto().draw(np.random.RandomState(0), 31, 37, ACTIVATIONS[activation])
    bound = np.sqrt((2 if activation == "logistic" else 6) / (31 + 37))
    assert (weights.shape, biases.shape) == ((31, 37), (37,))
    for values in (weights, biases):
        assert 0.9 * bound < np.abs(values).max() <= bound
    np.testing.assert_allclose(weights.std(), bound / np.sqrt(3), rtol=0.05)


@pytest.mark.parametrize("activation", ["identity", "logistic", "relu", "tanh"])
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
    theta = network.initial_parameters(random_states, np.dtype(dtype))
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
        return network.initial_parameters(streams, np.dtype(float))

    np.testing.assert_array_equal(draw(2, 3, 5), np.concatenate([draw(2), draw(3), draw(5)]))


@pytest.mark.parametrize("initializer", INITIALIZERS.values(), ids=INITIALIZERS)
def test_pickles_to_an_equal_one(initializer):
    assert pickle.loads(pickle.dumps(initializer)) == initializer
