"""alpha='evidence': found while training, with everything that estimators do."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skmlp import Checkpoint, MixtureDensityRegressor, MLPClassifier, MLPRegressor, TabularMLPRegressor
from skmlp.inspection import hessian_product
from skmlp.inspection.gradients import Slopes, problem_at_weights
from skmlp.losses import LogLoss
from skmlp.model_selection import GridSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIABETES = load_diabetes(return_X_y=True)
X, Y = (array[::4] for array in DIABETES)
MODEL = MLPRegressor(
    (3,), "tanh", solver="lm", alpha="evidence", standardize=True, max_iter=300, random_state=0
)
SOLVERS = pytest.mark.parametrize("solver", ["lbfgs", "lm"])
EVIDENCE = ("alpha_", "noise_variance_", "effective_n_parameters_", "log_evidence_")


def published(model):
    return [np.array(getattr(model, name)) for name in EVIDENCE]


@SOLVERS
def test_a_linear_network_is_bayesian_ridge(solver):
    """BayesianRidge does not count the intercept among the parameters: hence the tolerance."""
    X, Y = DIABETES
    model = clone(MODEL).set_params(hidden_layer_sizes=(), solver=solver, tol=1e-8).fit(X, Y)
    ridge = BayesianRidge(tol=1e-9).fit(scale(X), scale(Y))
    np.testing.assert_allclose(model.alpha_, ridge.lambda_ / ridge.alpha_, rtol=0.02)
    np.testing.assert_allclose(model.noise_variance_, Y.var() / ridge.alpha_, rtol=0.01)
    np.testing.assert_allclose(model.predict(X), ridge.predict(scale(X)) * Y.std() + Y.mean(), rtol=1e-3)
    assert 5 < model.effective_n_parameters_ < 11


@SOLVERS
@pytest.mark.parametrize("alpha", ["evidence", pytest.param("evidence_per_layer", marks=pytest.mark.slow)])
def test_the_weights_are_those_for_the_alpha_that_was_found(solver, alpha):
    model = clone(MODEL).set_params(solver=solver, alpha=alpha, tol=1e-6, max_iter=3000).fit(X, Y)
    problem = problem_at_weights(model, X, Y, None)
    gradient = Slopes(problem, problem.theta[0]).gradient
    penalties = np.repeat(np.broadcast_to(model.alpha_, 2), [coef.size for coef in model.coefs_])
    pulls = penalties * np.concatenate([coef.ravel() for coef in model.coefs_]) / len(Y)
    assert np.abs(gradient).max() < 0.05 * np.abs(pulls).max()


def test_evidence_is_that_of_y_in_its_units():
    standardized = clone(MODEL).fit(X, Y)
    by_hand = clone(MODEL).set_params(standardize=False).fit(scale(X), scale(Y))
    np.testing.assert_allclose(standardized.alpha_, by_hand.alpha_)
    np.testing.assert_allclose(standardized.noise_variance_, by_hand.noise_variance_ * Y.var())
    expected = by_hand.log_evidence_ - len(Y) * np.log(Y.std())
    np.testing.assert_allclose(standardized.log_evidence_, expected)


def test_noise_of_several_targets_is_in_their_units():
    model = clone(MODEL).fit(X, np.column_stack([Y, Y[::-1] / 100]))
    assert model.noise_variance_.shape == (2,)
    assert model.noise_variance_[0] > 1000 * model.noise_variance_[1]


@SOLVERS
@pytest.mark.parametrize(
    ("alpha", "shape"), [("evidence", ()), ("evidence_per_layer", (2,))], ids=["one", "layers"]
)
def test_members_have_their_own_and_can_be_compared(solver, alpha, shape):
    ensemble = clone(MODEL).set_params(solver=solver, alpha=alpha, n_members=3, max_iter=60).fit(X, Y)
    assert ensemble.alpha_.shape == (3, *shape)
    for k, member in enumerate(ensemble.members_):
        assert np.shape(member.alpha_) == shape
        alone = clone(member).fit(X, Y)
        for one, other, all_members in zip(*map(published, (member, alone, ensemble)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
            np.testing.assert_array_equal(one, all_members[k])
    best = max(ensemble.members_, key=lambda member: member.log_evidence_)
    assert best.log_evidence_ == ensemble.log_evidence_.max()


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_classifiers_have_no_noise(load):
    X, y = load(return_X_y=True)
    model = MLPClassifier((3,), "tanh", alpha="evidence", solver="lbfgs", standardize=True, random_state=0)
    model.fit(X, y)
    assert not hasattr(model, "noise_variance_")
    assert model.alpha_ > 0.01
    assert 0 < model.effective_n_parameters_ < sum(a.size for a in model.coefs_ + model.intercepts_)
    assert model.score(X, y) > 0.95


def test_more_noise_needs_a_larger_penalty():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    alphas = [
        clone(MODEL).set_params(hidden_layer_sizes=(10,)).fit(x, np.sin(2 * x[:, 0]) + noise).alpha_
        for noise in rng.normal(size=200) * np.array([[0.05], [1.0]])
    ]
    assert alphas[1] > 3 * alphas[0]


def test_weights_count_as_repeated_samples():
    counts = np.random.RandomState(0).randint(1, 4, size=len(Y))
    weighted = clone(MODEL).fit(X, Y, counts.astype(float))
    repeated = clone(MODEL).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts))
    for one, other in zip(published(weighted), published(repeated), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.01)


def test_samples_without_weight_do_not_count():
    weights = np.repeat([1.0, 0.0], [80, len(Y) - 80])
    model = clone(MODEL).set_params(standardize=False)
    some = clone(model).fit(scale(X)[:80], scale(Y)[:80])
    for one, other in zip(published(some), published(model.fit(scale(X), scale(Y), weights)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def test_pipelines_searches_and_pickles():
    model = make_pipeline(StandardScaler(), clone(MODEL))
    search = GridSearchCV(model, {"mlpregressor__hidden_layer_sizes": [(1,), (2,)]}, cv=2).fit(X, Y)
    chosen = search.best_estimator_[-1]
    alone = clone(model).set_params(**search.best_params_).fit(X, Y)[-1]
    for one, other in zip(published(chosen), published(alone), strict=True):
        np.testing.assert_array_equal(one, other)
    copied = pickle.loads(pickle.dumps(chosen))
    assert copied.log_evidence_ == chosen.log_evidence_


@pytest.mark.slow
def test_a_warm_start_continues_with_the_alpha_that_was_found():
    model = clone(MODEL).set_params(hidden_layer_sizes=(2,), warm_start=True, max_iter=1000).fit(X, Y)
    alpha, n_iter = model.alpha_, model.n_iter_
    model.fit(X, Y)
    assert model.n_iter_ < n_iter / 4
    np.testing.assert_allclose(model.alpha_, alpha, rtol=0.1)
    model.set_params(alpha="evidence_per_layer").fit(X, Y)
    assert model.alpha_.shape == (2,)
    model.set_params(alpha=0.1).fit(X, Y)
    assert not hasattr(model, "alpha_")


def test_derivatives_of_the_objective_know_alpha():
    model = clone(MODEL).set_params(alpha="evidence_per_layer").fit(X, Y)
    n_parameters = sum(a.size for a in model.coefs_ + model.intercepts_)
    v = np.eye(n_parameters)
    given = clone(model).set_params(alpha=float(model.alpha_[0])).fit(X, Y)
    given.coefs_, given.intercepts_ = model.coefs_, model.intercepts_
    differences = hessian_product(model, X, Y, v) - hessian_product(given, X, Y, v)
    first, second = (coef.size for coef in model.coefs_)
    expected = np.repeat([0, model.alpha_[1] - model.alpha_[0], 0], [first, second, 4]) / len(Y)
    np.testing.assert_allclose(differences, np.diag(expected), atol=1e-12)


def test_a_checkpoint_keeps_alpha(tmp_path):
    model = clone(MODEL).set_params(checkpoint=Checkpoint(tmp_path), n_members=2, max_iter=30)
    first, second = model.fit(X, Y), clone(model).fit(X, Y)
    for one, other in zip(published(first), published(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_without_noise_or_signal_end():
    constant = clone(MODEL).set_params(standardize=False, solver="lbfgs").fit(X, np.ones(len(X)))
    exact = clone(MODEL).set_params(hidden_layer_sizes=()).fit(X, X[:, 0])
    for model in (constant, exact):
        assert all(np.isfinite(value).all() for value in published(model))
    np.testing.assert_allclose(exact.predict(X), X[:, 0], atol=1e-4)


def test_float32_gives_almost_the_same():
    one, other = (
        clone(MODEL).set_params(hidden_layer_sizes=(2,), dtype=dtype).fit(X, Y)
        for dtype in ("float64", "float32")
    )
    assert other.coefs_[0].dtype == np.float32
    np.testing.assert_allclose(one.log_evidence_, other.log_evidence_, rtol=5e-3)


REFUSED = {
    "adam": (MLPRegressor(alpha="evidence"), "weights that have converged"),
    "es": (MLPRegressor(alpha="evidence", solver="es"), "weights that have converged"),
    "another loss": (MLPRegressor(alpha="evidence", solver="lbfgs", loss="huber"), "a probability of y"),
    "smoothing": (
        MLPClassifier(alpha="evidence", solver="lbfgs", loss=LogLoss(label_smoothing=0.1)),
        "a probability of y",
    ),
    "lm of classes": (MLPClassifier(alpha="evidence", solver="lm"), "sums of squares"),
    "monotonic": (
        MLPRegressor(alpha="evidence", solver="lbfgs", monotonic_cst=[1] * 10),
        "no normal posterior",
    ),
    "density": (
        MixtureDensityRegressor(alpha="evidence", solver="lbfgs", early_stopping=False),
        "a probability of y",
    ),
    "too large": (MLPRegressor((1000, 10), alpha="evidence", solver="lbfgs"), "GiB"),
    "tables": (TabularMLPRegressor(alpha="evidence"), "weights that have converged"),
}


@pytest.mark.parametrize(("model", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_combined_is_refused_with_a_reason(model, reason):
    with pytest.raises(ValueError, match=reason):
        model.fit(X, (Y > 100).astype(float))
