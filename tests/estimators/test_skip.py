"""skip=True: a linear path from the features to the raw scores, with everything that estimators do."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import check_gradients, hessian_product, integrated_gradients, jacobian, summary
from skmlp.inspection.gradients import Slopes, problem_at_weights
from skmlp.model_selection import GridSearchCV, cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 4))
Y = X @ [1.0, -2, 0.5, 0] + np.sin(2 * X[:, 0]) + 0.1 * RNG.normal(size=80)
CLASSES = np.digitize(Y, [-1, 1])
MODEL = MLPRegressor((5,), "tanh", skip=True, learning_rate_init=0.02, max_iter=20, random_state=0)
CLASSIFIER = MLPClassifier((5,), "tanh", skip=True, max_iter=20, random_state=0)
BOTH = pytest.mark.parametrize(
    ("model", "y"), [(MODEL, Y), (CLASSIFIER, CLASSES)], ids=["numbers", "classes"]
)


def by_hand(model, X):
    h = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    return h @ model.coefs_[1] + model.intercepts_[1] + X @ model.skip_coefs_[0]


def test_predictions_are_the_network_plus_a_linear_function():
    model = clone(MODEL).fit(X, Y)
    assert [coef.shape for coef in model.coefs_] == [(4, 5), (5, 1)]
    assert [coef.shape for coef in model.skip_coefs_] == [(4, 1)]
    assert model.n_layers_ == 3
    np.testing.assert_allclose(model.predict(X), by_hand(model, X)[:, 0], rtol=1e-12)


def test_without_it_there_are_no_direct_weights():
    model = clone(MODEL).set_params(skip=False).fit(X, Y)
    assert not hasattr(model, "skip_coefs_")
    np.testing.assert_array_equal(clone(model).fit(X, Y).predict(X), model.predict(X))


def test_the_initial_network_is_that_without_it():
    started = [clone(MODEL).set_params(skip=skip, learning_rate_init=1e-12) for skip in (True, False)]
    first, second = (model.fit(X, Y).predict(X) for model in started)
    np.testing.assert_allclose(first, second, atol=1e-8)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "lm", "es"])
def test_every_solver_trains_it(solver):
    model = clone(MODEL).set_params(solver=solver, max_iter=300).fit(X, Y)
    assert model.skip_coefs_[0].any()
    assert model.score(X, Y) > (0.9 if solver != "es" else 0.5)


@BOTH
@pytest.mark.parametrize(
    "options", [{}, {"normalization": "batch", "dropout": 0.2}, {"alpha": 10}], ids=str
)
def test_gradients_are_right(model, y, options):
    for estimator in (clone(model).set_params(**options), clone(model).set_params(**options).fit(X, y)):
        check = check_gradients(estimator, X, y)
        assert check.ok
        assert check.rows[-1].layer.endswith("Skip: weights")


@BOTH
@pytest.mark.parametrize("n_members", [1, 3])
def test_derivatives_by_features(model, y, n_members):
    fitted = clone(model).set_params(n_members=n_members, standardize=True).fit(X, y)
    predict = fitted.predict_proba if model is CLASSIFIER else lambda X: fitted.predict(X)[:, np.newaxis]
    for j in range(4):
        change = 1e-5 * np.eye(4)[j]
        expected = (predict(X + change) - predict(X - change)) / 2e-5
        np.testing.assert_allclose(jacobian(fitted, X)[..., j], expected, atol=1e-7)
    found = integrated_gradients(fitted, X[:3], X[3]).sum(axis=-1)
    np.testing.assert_allclose(found, predict(X[:3]) - predict(X[3:4]), atol=1e-6)


def test_hessian_products():
    fitted = clone(MODEL).set_params(alpha=2.0).fit(X, Y)
    problem = problem_at_weights(fitted, X, Y, None)
    v = RNG.normal(size=(3, problem.theta.shape[1]))
    higher, lower = (
        np.array([Slopes(problem, problem.theta[0] + step * direction).gradient for direction in v])
        for step in (1e-6, -1e-6)
    )
    found, expected = hessian_product(fitted, X, Y, v), (higher - lower) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * abs(expected).max())


@BOTH
def test_sparse_features_are_dense_to_rounding(model, y):
    thin = np.where(abs(X) > 0.8, X, 0)
    first, second = (clone(model).fit(features, y) for features in (thin, sparse.csr_matrix(thin)))
    np.testing.assert_allclose(first.skip_coefs_[0], second.skip_coefs_[0], rtol=1e-6, atol=1e-9)
    method = "predict" if model is MODEL else "predict_proba"
    found, expected = (getattr(first, method)(features) for features in (sparse.csr_matrix(thin), thin))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@BOTH
def test_float32(model, y):
    fitted = clone(model).set_params(dtype="float32").fit(X, y)
    assert fitted.skip_coefs_[0].dtype == np.float32
    np.testing.assert_allclose(
        fitted.skip_coefs_[0], clone(model).fit(X, y).skip_coefs_[0], rtol=0.01, atol=1e-3
    )


@BOTH
def test_members_have_their_own_and_equal_networks_alone(model, y):
    ensemble = clone(model).set_params(n_members=3).fit(X, y)
    assert ensemble.skip_coefs_[0].shape == (3, 4, 1 if model is MODEL else 3)
    for k, member in enumerate(ensemble.members_):
        np.testing.assert_array_equal(member.skip_coefs_[0], ensemble.skip_coefs_[0][k])
        alone = clone(member).fit(X, y)
        np.testing.assert_allclose(alone.skip_coefs_[0], member.skip_coefs_[0], rtol=1e-9)


@BOTH
def test_copies_and_pickles(model, y):
    fitted = clone(model).fit(X, y)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(other.predict(X), fitted.predict(X))


@BOTH
def test_a_warm_start_and_partial_fit_continue_it(model, y):
    long = clone(model).set_params(max_iter=20, tol=0.0).fit(X, y)
    warm = clone(model).set_params(max_iter=10, tol=0.0, warm_start=True).fit(X, y).fit(X, y)
    np.testing.assert_allclose(warm.skip_coefs_[0], long.skip_coefs_[0], rtol=1e-9)
    with pytest.raises(ValueError, match="skip=False was True in the last fit"):
        warm.set_params(skip=False).fit(X, y)
    part = clone(model).partial_fit(X, y, **classes_of(model))
    before = part.skip_coefs_[0].copy()
    assert not np.array_equal(part.partial_fit(X, y).skip_coefs_[0], before)


def classes_of(model):
    return {"classes": [0, 1, 2]} if isinstance(model, MLPClassifier) else {}


def test_stacks_equal_their_members():
    result = cross_validate(MODEL, X, Y, cv=3, return_estimator=True, return_indices=True)
    for model, rows in zip(result["estimator"], result["indices"]["train"], strict=True):
        alone = clone(MODEL).fit(X[rows], Y[rows])
        np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=1e-9)


def test_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), MODEL)
    grid = {"mlpregressor__skip": [True, False], "mlpregressor__alpha": [0.1, 1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, Y)
    alone = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_allclose(search.predict(X), alone.predict(X), rtol=1e-9)


def test_the_summary_shows_it():
    table = summary(clone(CLASSIFIER).fit(X, CLASSES))
    assert table.rows[-1][:3] == ("Skip + softmax", (3,), 12)
    assert table.n_parameters == 5 * 5 + 6 * 3 + 12


def test_mixtures_start_at_the_quantiles():
    model = MixtureDensityRegressor((5,), skip=True, n_components=2, max_iter=300, random_state=0).fit(X, Y)
    assert model.skip_coefs_[0].shape == (4, 6)
    assert model.score(X, Y) > 0.7


def test_on_linear_data_it_is_about_as_good_as_a_linear_model():
    rng = np.random.RandomState(1)
    data = rng.normal(size=(1000, 5))
    y = data @ rng.normal(size=5) + rng.normal(size=1000)
    train, test = slice(500), slice(500, None)
    linear = LinearRegression().fit(data[train], y[train])
    model = MLPRegressor((5,), "tanh", skip=True, solver="lbfgs", alpha=30, max_iter=1000, random_state=0)
    model.fit(data[train], y[train])
    errors = [np.sqrt(np.mean((m.predict(data[test]) - y[test]) ** 2)) for m in (model, linear)]
    assert errors[0] < 1.02 * errors[1]


def test_far_outside_the_data_it_is_linear():
    model = clone(MODEL).set_params(solver="lbfgs", max_iter=1000).fit(X, Y)
    far = 1e6 * X[:1]
    step = np.array([[1e6, 0, 0, 0]])
    slope = (model.predict(far + step) - model.predict(far)) / 1e6
    np.testing.assert_allclose(slope, model.skip_coefs_[0][0], rtol=1e-3)


def test_without_hidden_layers_it_is_refused():
    with pytest.raises(ValueError, match="skip=True is for networks with hidden layers"):
        clone(MODEL).set_params(hidden_layer_sizes=()).fit(X, Y)
    with pytest.raises(ValueError, match="skip"):
        clone(MODEL).set_params(skip="yes").fit(X, Y)
