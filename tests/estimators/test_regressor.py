"""MLPRegressor: it learns one or several numbers, or counts."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.metrics import r2_score

from skmlp import MLPRegressor

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIABETES, GYM, COUNTS = TASKS["regression"], TASKS["multi-output"], TASKS["poisson"]
FAST = {"hidden_layer_sizes": (11,), "max_iter": 60, "learning_rate_init": 0.02}

tasks = pytest.mark.parametrize("task", [DIABETES, GYM, COUNTS], ids=["one", "several", "counts"])


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_solver_and_activation_learns(solver, activation):
    X = np.random.RandomState(0).normal(size=(200, 3))
    y = X @ [0.5, -1, 0.2] + 0.3
    model = MLPRegressor(
        (23,), solver=solver, activation=activation, learning_rate_init=0.05, random_state=0, tol=1e-6
    )
    assert model.fit(X, y).score(X, y) > 0.95


def test_a_hidden_layer_learns_what_a_linear_model_cannot():
    x = np.linspace(-3, 3, 200)[:, np.newaxis]
    y = np.sin(2 * x[:, 0])
    linear, deep = (
        MLPRegressor(sizes, activation="tanh", solver="lbfgs", max_iter=2000, random_state=0)
        .fit(x, y)
        .score(x, y)
        for sizes in [(), (20,)]
    )
    assert linear < 0.2
    assert deep > 0.99


def test_without_hidden_layer_it_is_ridge_regression():
    """The penalty is alpha / 2 per sample, the loss half the squared error: the same alpha."""
    model = DIABETES.model(hidden_layer_sizes=(), solver="lbfgs", alpha=3.0, tol=1e-10, max_iter=1000)
    model.fit(DIABETES.X, DIABETES.y)
    ridge = Ridge(alpha=3.0).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], ridge.coef_, atol=1e-4)
    np.testing.assert_allclose(model.intercepts_[0], ridge.intercept_, atol=1e-4)


def test_without_hidden_layer_counts_are_a_generalised_linear_model():
    n = len(COUNTS.X)
    model = COUNTS.model(hidden_layer_sizes=(), solver="lbfgs", alpha=2.0, tol=1e-9, max_iter=1000)
    model.fit(COUNTS.X, COUNTS.y)
    glm = PoissonRegressor(alpha=2.0 / n, tol=1e-9, max_iter=1000).fit(COUNTS.X, COUNTS.y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], glm.coef_, atol=1e-4)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n_targets", [1, 2, 3])
def test_shapes_of_several_targets(n_targets, solver):
    y = np.stack([DIABETES.y * (i + 1) for i in range(n_targets)], axis=1)
    model = DIABETES.model(**FAST, solver=solver)
    if n_targets == 1:
        with pytest.warns(DataConversionWarning, match="column-vector y"):
            model.fit(DIABETES.X, y)
    else:
        model.fit(DIABETES.X, y)
    assert model.n_outputs_ == n_targets
    expected = (len(y),) if n_targets == 1 else y.shape
    assert model.predict(DIABETES.X).shape == expected
    assert model.predict(DIABETES.X[:1]).shape == (1, *expected[1:])


def test_a_column_is_learned_as_a_vector_is():
    vector = DIABETES.model(**FAST).fit(DIABETES.X, DIABETES.y)
    with pytest.warns(DataConversionWarning):
        column = DIABETES.model(**FAST).fit(DIABETES.X, DIABETES.y[:, np.newaxis])
    np.testing.assert_array_equal(vector.coefs_[0], column.coefs_[0])


@pytest.mark.parametrize(
    "y", [np.arange(103), np.arange(103) % 2 == 0, list(range(103))], ids=["int", "bool", "list"]
)
def test_targets_of_any_number_type(y):
    model = DIABETES.model(**FAST).fit(DIABETES.X, y)
    expected = DIABETES.model(**FAST).fit(DIABETES.X, np.asarray(y, dtype=float))
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.predict(DIABETES.X).dtype == float


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_counts(solver):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(400, 2))
    mean = np.exp(0.5 * X[:, 0] - X[:, 1])
    model = MLPRegressor(loss="poisson", solver=solver, alpha=1, learning_rate_init=0.03, random_state=0)
    model.fit(X, rng.poisson(mean))
    assert (model.predict(10 * X) > 0).all()
    assert r2_score(mean, model.predict(X)) > 0.95
    assert model.out_activation_ == "exp"


def test_several_counts():
    y = np.c_[COUNTS.y, COUNTS.y[::-1], np.ones_like(COUNTS.y)]
    model = COUNTS.model(**FAST).fit(COUNTS.X, y)
    assert model.predict(COUNTS.X).shape == y.shape
    assert (model.predict(COUNTS.X) > 0).all()
    np.testing.assert_allclose(model.predict(COUNTS.X)[:, 2].mean(), 1, atol=0.2)


@tasks
def test_score_is_the_weighted_r2(task):
    model = task.model(**FAST).fit(task.X, task.y)
    expected = r2_score(task.y, model.predict(task.X), sample_weight=task.weights)
    assert model.score(task.X, task.y, sample_weight=task.weights) == pytest.approx(expected)
    assert expected != pytest.approx(model.score(task.X, task.y))


@tasks
def test_the_loss_is_that_of_the_last_weights(task):
    """A further epoch with a tiny rate shows it: half the mean squared error, or deviance."""
    model = task.model(**FAST, alpha=0, warm_start=True).fit(task.X, task.y)
    predicted = model.predict(task.X)
    if task is COUNTS:
        y = task.y
        expected = np.mean(y * np.log(np.where(y > 0, y, 1) / predicted) - y + predicted)
    else:
        expected = np.mean((task.y - predicted) ** 2) / 2
    model.set_params(learning_rate_init=1e-15, max_iter=1).fit(task.X, task.y)
    assert model.loss_ == pytest.approx(expected, rel=1e-6)


@tasks
def test_weights_count_as_repetitions_do(task):
    weights = np.random.RandomState(0).randint(3, size=len(task.X))
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 20, "shuffle": False}
    weighted = task.model(**parameters).fit(task.X, task.y, sample_weight=weights)
    repeated = task.model(**parameters).fit(task.X.repeat(weights, axis=0), task.y.repeat(weights, axis=0))
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-8, atol=1e-10)


@tasks
def test_fitted_attributes(task):
    model = task.model(hidden_layer_sizes=(5, 7), max_iter=3).fit(task.X, task.y)
    m, q = task.X.shape[1], 1 if task.y.ndim == 1 else task.y.shape[1]
    assert [coef.shape for coef in model.coefs_] == [(m, 5), (5, 7), (7, q)]
    assert [intercept.shape for intercept in model.intercepts_] == [(5,), (7,), (q,)]
    link = "exp" if task is COUNTS else "identity"
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (4, q, link)
    assert (model.n_features_in_, model.n_iter_, model.t_) == (m, 3, 3 * len(task.X))
    assert model.loss_ == model.loss_curve_[-1]


def test_early_stopping_keeps_the_best_weights():
    model = DIABETES.model(hidden_layer_sizes=(50,), learning_rate_init=0.1, early_stopping=True)
    model.fit(DIABETES.X, DIABETES.y)
    scores = model.validation_scores_
    best = int(np.argmax(scores)) + 1
    assert best < model.n_iter_ == len(scores)
    assert model.best_validation_score_ == max(scores)
    shorter = DIABETES.model(
        hidden_layer_sizes=(50,), learning_rate_init=0.1, early_stopping=True, max_iter=best
    ).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.coefs_[0], shorter.coefs_[0])


def test_lbfgs_converges_without_a_warning():
    model = DIABETES.model(hidden_layer_sizes=(5,), solver="lbfgs", alpha=10, max_iter=2000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(DIABETES.X, DIABETES.y)
    assert model.n_iter_ < 2000
    assert model.loss_ == model.best_loss_ == min(model.loss_curve_)


def test_what_is_not_fitted_says_so_whatever_its_parameters():
    with pytest.raises(NotFittedError):
        MLPRegressor(quantile=0.1).predict([[1.0]])  # which would need loss='quantile'
