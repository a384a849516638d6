"""A layer of a new kind: its class and one line where the chain is built are all that it needs."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor
from skmlp.fitting import choices
from skmlp.inspection import check_gradients, summary
from skmlp.model_selection import cross_validate
from skmlp.network.layers import Layer
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.parameters import ParameterSpec

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N_CATEGORIES = 7


@dataclass(frozen=True)
class Embedding(Layer):
    """The row of a table for each category, whose codes are the only feature."""

    n_categories: int
    n_units: int

    def n_outputs(self, n_inputs):
        return self.n_units

    def specs(self, n_inputs):
        return [ParameterSpec("table", (self.n_categories, self.n_units), "embeddings_", penalized=True)]

    def initialize(self, parameters, random_state):
        parameters[0][...] = random_state.normal(size=parameters[0].shape)

    def forward(self, parameters, trace):
        for table, rows, output in zip(parameters[0], self.codes(trace), trace.output, strict=True):
            np.take(table, rows, axis=0, out=output)

    def backward(self, parameters, gradient, trace):
        gradient[0][...] = 0
        for of_table, rows, delta in zip(gradient[0], self.codes(trace), trace.delta, strict=True):
            np.add.at(of_table, rows, delta)

    @staticmethod
    def codes(trace):
        return np.broadcast_to(trace.x[..., 0], trace.output.shape[:2]).astype(int)


@dataclass(frozen=True)
class Scaling(Layer):
    """h = x s for each feature."""

    def specs(self, n_inputs):
        return [ParameterSpec("scales", (n_inputs,), "scales_")]

    def initialize(self, parameters, random_state):
        parameters[0][...] = 1

    def forward(self, parameters, trace):
        np.multiply(trace.x, parameters[0], out=trace.output)

    def backward(self, parameters, gradient, trace):
        np.einsum("knm,knm->km", trace.delta, trace.x, out=gradient[0][:, 0])


LAYERS = {"Embedding": (Embedding(N_CATEGORIES, 3), "embeddings_"), "Scaling": (Scaling(), "scales_")}
SHAPES = {"Embedding": (N_CATEGORIES, 3), "Scaling": (1,)}
EVERY_LAYER = pytest.mark.parametrize("first", LAYERS, indirect=True)

RNG = np.random.RandomState(0)
X = RNG.randint(N_CATEGORIES, size=(120, 1)).astype(float)
EFFECTS = RNG.normal(size=N_CATEGORIES)
Y = EFFECTS[X[:, 0].astype(int)] + 0.1 * RNG.normal(size=120)
CLASSES = np.digitize(Y, [-0.3, 0.6])
MODEL = MLPRegressor((5,), "tanh", learning_rate_init=0.02, max_iter=30, random_state=0)


@pytest.fixture
def first(request, monkeypatch):
    """Put a layer before all others, and return its name, its attribute, and its shape."""
    layer, attribute = LAYERS[request.param]

    def with_first(n_inputs, *args, **options):
        others = multilayer_perceptron(layer.n_outputs(n_inputs), *args, **options)
        return Network(n_inputs, [layer, *others.layers])

    monkeypatch.setattr(choices, "multilayer_perceptron", with_first)
    choices._network.cache_clear()
    yield request.param, attribute, SHAPES[request.param]
    choices._network.cache_clear()


@EVERY_LAYER
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm", "es"])
def test_every_solver_trains_it(first, solver):
    model = clone(MODEL).set_params(solver=solver, max_iter=200).fit(X, Y)
    (shown,) = getattr(model, first[1])
    assert shown.shape == first[2]
    assert [coef.shape for coef in model.coefs_] == [(3 if first[0] == "Embedding" else 1, 5), (5, 1)]
    assert model.score(X, Y) > (0.9 if first[0] == "Embedding" and solver != "es" else 0.2)


@EVERY_LAYER
@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        MLPClassifier((5,), max_iter=5, random_state=0),
    ],
    ids=["regressor", "classifier"],
)
def test_its_gradient_is_checked_and_named(first, model):
    y = CLASSES if isinstance(model, MLPClassifier) else Y
    for estimator in (clone(model), clone(model).fit(X, y)):
        check = check_gradients(estimator, X, y)
        assert check.ok
        name = "table" if first[0] == "Embedding" else "scales"
        assert check.rows[0].layer == f"1 {first[0]}: {name}"
        assert check.rows[0].finite_difference != 0


@EVERY_LAYER
def test_it_is_pickled_and_copied(first):
    model = clone(MODEL).fit(X, Y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))


@EVERY_LAYER
@pytest.mark.parametrize("options", [{}, {"n_members": 3}], ids=str)
def test_a_warm_start_continues_it(first, options):
    model = clone(MODEL).set_params(warm_start=True, max_iter=10, tol=0.0, **options)
    long = clone(MODEL).set_params(max_iter=20, tol=0.0, **options).fit(X, Y)
    for _ in range(2):
        model.fit(X, Y)
    for name in (first[1], "coefs_", "intercepts_"):
        for found, expected in zip(getattr(model, name), getattr(long, name), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9)


@EVERY_LAYER
def test_partial_fit_continues_it(first):
    model = clone(MODEL).partial_fit(X, Y)
    before = getattr(model, first[1])[0].copy()
    model.partial_fit(X, Y)
    assert not np.array_equal(getattr(model, first[1])[0], before)


@EVERY_LAYER
def test_members_of_an_ensemble_have_their_own(first):
    model = clone(MODEL).set_params(n_members=3).fit(X, Y)
    (shown,) = getattr(model, first[1])
    assert shown.shape == (3, *first[2])
    for k, member in enumerate(model.members_):
        np.testing.assert_array_equal(getattr(member, first[1])[0], shown[k])
        alone = clone(member).fit(X, Y)
        np.testing.assert_allclose(alone.predict(X), member.predict(X), rtol=1e-9)


@EVERY_LAYER
def test_cross_validation_trains_it_as_a_stack(first):
    result = cross_validate(MODEL, X, Y, cv=3, return_estimator=True, return_indices=True)
    for model, rows in zip(result["estimator"], result["indices"]["train"], strict=True):
        alone = clone(MODEL).fit(X[rows], Y[rows])
        np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=1e-9)


@EVERY_LAYER
def test_the_summary_shows_it(first):
    table = summary(clone(MODEL).fit(X, Y))
    name, shape, n_parameters, n_bytes = table.rows[0]
    assert (name, n_parameters, n_bytes) == (first[0], np.prod(first[2]), 8 * np.prod(first[2]))
    assert shape == (3 if first[0] == "Embedding" else 1,)


@EVERY_LAYER
def test_what_is_written_into_it_counts(first):
    model = clone(MODEL).fit(X, Y)
    before = model.predict(X)
    getattr(model, first[1])[0][...] = 0
    assert np.ptp(model.predict(X)) == 0 < np.ptp(before)
