"""hidden_activations: what the units of a hidden layer compute, computed by hand."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import NotFittedError

from skmlp import MLPClassifier, MLPRegressor
from skmlp.inspection import hidden_activations

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = 3 * RNG.normal(size=(60, 4)) + 1
Y = RNG.randint(3, size=60)
SMALL = {"hidden_layer_sizes": (8, 5), "max_iter": 3, "batch_size": 17, "random_state": 0}

both = pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "logistic": expit,
    "identity": lambda z: z,
    "silu": lambda z: z * expit(z),
}


def normalized(z, kind, parameters):
    """Return z as it enters the activation."""
    if kind is None:
        return z
    gain, shift, *running = parameters
    if kind == "batch":
        mean, variance = running
    else:
        mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    return gain * (z - mean) / np.sqrt(variance + 1e-5) + shift


def by_hand(model, X, functions):
    """Return the activations of each hidden layer of a single network."""
    h, layers = X, []
    if model.standardize:
        h = (X - X.mean(axis=0)) / X.std(axis=0)
    for i, f in enumerate(functions):
        z = h @ model.coefs_[i] + model.intercepts_[i]
        parameters = model.normalization_parameters_[i] if model.normalization else None
        h = f(normalized(z, model.normalization, parameters))
        layers.append(h)
    return layers


OPTIONS = [
    {},
    {"dropout": 0.4},
    {"normalization": "batch"},
    {"normalization": "layer"},
    {"standardize": True},
    {"normalization": "batch", "dropout": [0.1, 0.5], "standardize": True},
    {"solver": "lbfgs"},
]
options = pytest.mark.parametrize("parameters", OPTIONS, ids=str)


@options
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity", ["silu", "tanh"]], ids=str)
@both
def test_each_layer_of_a_network(cls, activation, parameters):
    model = cls(**SMALL, activation=activation, **parameters).fit(X, Y)
    names = [activation] * 2 if isinstance(activation, str) else activation
    expected = by_hand(model, X, [FUNCTIONS[name] for name in names])
    for layer in (0, 1):
        h = hidden_activations(model, X, layer=layer)
        np.testing.assert_allclose(h, expected[layer], rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(h, hidden_activations(model, X, layer=layer - 2))
    np.testing.assert_array_equal(hidden_activations(model, X), hidden_activations(model, X, 1))


@options
@both
def test_the_last_layer_gives_the_raw_scores(cls, parameters):
    model = cls(**SMALL, **parameters).fit(X, Y)
    scores = hidden_activations(model, X) @ model.coefs_[-1] + model.intercepts_[-1]
    if cls is MLPClassifier:
        np.testing.assert_allclose(scores, model.decision_function(X))
    else:
        scale, mean = (model.y_scaler_.scale_, model.y_scaler_.mean_) if model.standardize else (1, 0)
        np.testing.assert_allclose((scale * scores + mean)[:, 0], model.predict(X))


@options
@both
def test_an_ensemble_has_those_of_all_members(cls, parameters):
    model = cls(**SMALL, **parameters, n_members=3).fit(X, Y)
    for layer, width in enumerate((8, 5)):
        h = hidden_activations(model, X, layer)
        assert h.shape == (3, 60, width)
        for of_member, member in zip(h, model.members_, strict=True):
            np.testing.assert_allclose(of_member, hidden_activations(member, X, layer), rtol=1e-12)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("n_members", [1, 2])
def test_sparse_features(container, n_members):
    model = MLPClassifier(**SMALL, n_members=n_members).fit(X, Y)
    for layer in (0, 1):
        np.testing.assert_allclose(
            hidden_activations(model, container(X), layer), hidden_activations(model, X, layer), rtol=1e-12
        )


def test_many_rows_in_blocks():
    model = MLPClassifier((300, 7), max_iter=1, random_state=0).fit(X, Y)
    many = np.tile(X, (100, 1))
    h = hidden_activations(model, many)
    np.testing.assert_allclose(h, np.tile(hidden_activations(model, X), (100, 1)), rtol=1e-9, atol=1e-12)


def test_precision_is_that_of_the_network():
    model = MLPClassifier(**SMALL).fit(X.astype(np.float32), Y)
    assert hidden_activations(model, X.astype(np.float32)).dtype == np.float32


def test_it_is_of_what_was_fitted():
    model = MLPClassifier(**SMALL).fit(X, Y)
    before = hidden_activations(model, X)
    model.set_params(hidden_layer_sizes=(3,), activation="tanh", normalization="batch", dropout=0.5)
    np.testing.assert_array_equal(hidden_activations(model, X), before)


@pytest.mark.parametrize("layer", [2, -3, 100])
def test_a_layer_that_there_is_not(layer):
    model = MLPClassifier(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match=rf"layer={layer}.*2 hidden layer"):
        hidden_activations(model, X, layer=layer)


def test_a_network_without_hidden_layers():
    model = MLPRegressor((), max_iter=2).fit(X, Y)
    for layer in (0, -1):
        with pytest.raises(ValueError, match="0 hidden layer"):
            hidden_activations(model, X, layer=layer)


@both
def test_what_cannot_be_looked_at(cls):
    with pytest.raises(NotFittedError):
        hidden_activations(cls(), X)
    model = cls(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        hidden_activations(model, X[:, 1:])
