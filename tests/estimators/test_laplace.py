"""laplace: how sure a network is, with everything that estimators do."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor, TabularMLPRegressor
from skmlp.inspection import hessian_product, jacobian
from skmlp.model_selection import GridSearchCV, cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
NOISE = 0.3
Y = np.sin(2 * X[:, 0]) + X[:, 1] + NOISE * RNG.normal(size=120)
CANCER, IRIS = load_breast_cancer(return_X_y=True), load_iris(return_X_y=True)
MODEL = MLPRegressor((5,), "tanh", solver="lbfgs", alpha=0.3, laplace="full", max_iter=1000, random_state=0)
CLASSIFIER = MLPClassifier(
    (4,), "tanh", solver="lbfgs", alpha=1, laplace="full", standardize=True, max_iter=300, random_state=0
)
BOTH_KINDS = pytest.mark.parametrize("laplace", ["full", "last_layer"])


def parameters_of(model):
    return np.concatenate([array.ravel() for array in model.coefs_ + model.intercepts_])


def with_parameters(model, theta):
    """Return a copy of a network with other parameters, in the order of `hessian_product`."""
    model, arrays = pickle.loads(pickle.dumps(model)), model.coefs_ + model.intercepts_
    parts = np.split(theta, np.cumsum([array.size for array in arrays])[:-1])
    for array, part in zip(model.coefs_ + model.intercepts_, parts, strict=True):
        array[...] = part.reshape(array.shape)
    return model


def gradients(model, X):
    """Return the derivatives of predictions by the parameters, by finite differences."""
    theta, eps = parameters_of(model), 1e-5
    steps = eps * np.eye(len(theta))
    pairs = [[with_parameters(model, theta + s * step).predict(X) for s in (1, -1)] for step in steps]
    return np.stack([(high - low) / (2 * eps) for high, low in pairs], axis=-1)


def test_a_linear_network_is_bayesian_ridge():
    model = clone(MODEL).set_params(hidden_layer_sizes=(), alpha="evidence", tol=1e-9).fit(scale(X), Y)
    ridge = BayesianRidge(tol=1e-9).fit(scale(X), Y)
    for ours, theirs in zip(
        model.predict(scale(X), return_std=True), ridge.predict(scale(X), return_std=True), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=1e-3)


def test_variance_by_finite_differences():
    """Noise and g' A^-1 g, with g by differences and A as the sum of their outer products."""
    model = clone(MODEL).fit(X, Y)
    g = gradients(model, X)
    prior = np.repeat([0.3, 0.0], [sum(coef.size for coef in model.coefs_), 6])
    hessian = g.T @ g + np.diag(prior)
    effective = np.trace(np.linalg.solve(hessian, g.T @ g))
    noise = np.sum((model.predict(X) - Y) ** 2) / (len(Y) - effective)
    np.testing.assert_allclose(model.noise_variance_, noise, rtol=1e-4)
    new = RNG.normal(size=(7, 3)) * 2
    g = gradients(model, new)
    expected = np.sqrt(noise * (1 + np.einsum("ni,ij,nj->n", g, np.linalg.inv(hessian), g)))
    mean, std = model.predict(new, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(new))
    np.testing.assert_allclose(std, expected, rtol=1e-4)


def test_without_residuals_the_matrix_is_the_hessian():
    """Where the network fits exactly, the approximation of Gauss and Newton is none."""
    model = clone(MODEL).set_params(alpha=1e-3).fit(X, Y)
    H = hessian_product(model, X, model.predict(X), np.eye(len(parameters_of(model)))) * len(Y)
    L = model.posterior_factor_
    np.testing.assert_allclose(L @ L.T, H, rtol=1e-5, atol=1e-5)


def test_intervals_hold_what_they_promise():
    model = clone(MODEL).set_params(alpha="evidence").fit(X, Y)
    new = RNG.normal(size=(4000, 3))
    y = np.sin(2 * new[:, 0]) + new[:, 1] + NOISE * RNG.normal(size=4000)
    low, high = model.predict_interval(new, 0.9).T
    assert 0.85 < np.mean((low <= y) & (y <= high)) < 0.95
    mean, std = model.predict(new, return_std=True)
    np.testing.assert_allclose(low + high, 2 * mean, atol=1e-12)
    assert (model.predict_interval(new, 0.99)[:, 1] > high).all()
    far = model.predict(np.full((1, 3), 6.0), return_std=True)[1]
    assert far > 1.5 * np.median(std)


def test_intervals_of_what_is_not_known_are_refused():
    with pytest.raises(ValueError, match="coverage=1"):
        clone(MODEL).fit(X, Y).predict_interval(X, 1)
    for n_members in (1, 2):
        model = clone(MODEL).set_params(laplace=None, n_members=n_members).fit(X, Y)
        with pytest.raises(ValueError, match=r"predict_interval needs .*laplace='full'"):
            model.predict_interval(X)


@BOTH_KINDS
def test_ensembles_are_mixtures_of_their_members(laplace):
    model = clone(MODEL).set_params(n_members=3, laplace=laplace, standardize=True).fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    means, stds = zip(*(member.predict(X, return_std=True) for member in model.members_), strict=True)
    np.testing.assert_allclose(mean, np.mean(means, axis=0))
    variance = np.mean(np.square(stds), axis=0) + np.var(means, axis=0)
    np.testing.assert_allclose(std, np.sqrt(variance))


@BOTH_KINDS
def test_units_of_several_targets(laplace):
    y = np.column_stack([Y, 100 * Y])
    model = clone(MODEL).set_params(standardize=True, laplace=laplace).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == y.shape
    assert model.predict_interval(X).shape == (120, 2, 2)
    np.testing.assert_allclose(std[:, 1], 100 * std[:, 0], rtol=0.1)
    np.testing.assert_allclose(model.noise_variance_[1], 1e4 * model.noise_variance_[0])


def test_last_layer_is_bayesian_ridge_on_hidden_features():
    model = clone(MODEL).set_params(laplace="last_layer").fit(X, Y)
    h = np.column_stack([np.tanh(X @ model.coefs_[0] + model.intercepts_[0]), np.ones(len(X))])
    A = h.T @ h + np.diag([0.3] * 5 + [1e-9])
    L = model.posterior_factor_
    np.testing.assert_allclose(L @ L.T, A, rtol=1e-6)
    std = model.predict(X, return_std=True)[1]
    spread = np.einsum("ni,ij,nj->n", h, np.linalg.inv(A), h)
    np.testing.assert_allclose(std, np.sqrt(model.noise_variance_ * (1 + spread)), rtol=1e-5)


def test_without_hidden_layers_the_last_is_all():
    whole, last = (
        clone(MODEL).set_params(hidden_layer_sizes=(), laplace=kind).fit(X, Y)
        for kind in ("full", "last_layer")
    )
    np.testing.assert_allclose(whole.posterior_factor_, last.posterior_factor_)
    np.testing.assert_allclose(whole.predict_interval(X), last.predict_interval(X))


def test_probabilities_of_two_classes_are_moderated():
    X, y = CANCER
    model = clone(CLASSIFIER).fit(X, y)
    plain = clone(model).set_params(laplace=None).fit(X, y)
    z, moderated = plain.decision_function(X), model.decision_function(X)
    assert (np.abs(moderated) <= np.abs(z)).all()
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(moderated))
    # by sampling the scores, whose variance follows from kappa
    kappa = moderated / z
    std = np.sqrt((kappa**-2 - 1) * 8 / np.pi)
    samples = expit(z[:, np.newaxis] + std[:, np.newaxis] * RNG.normal(size=(len(z), 2000)))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], samples.mean(axis=1), atol=0.04)


@BOTH_KINDS
def test_probabilities_of_more_classes_are_moderated(laplace):
    X, y = IRIS
    model = clone(CLASSIFIER).set_params(laplace=laplace).fit(X, y)
    plain = clone(model).set_params(laplace=None).fit(X, y)
    p, p_plain = model.predict_proba(X), plain.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p))
    assert (p.max(axis=1) < p_plain.max(axis=1) + 0.01).all()
    far, far_plain = (m.predict_proba(X * 20 - 60).max(axis=1) for m in (model, plain))
    assert far.mean() < far_plain.mean()


def test_a_softmax_of_two_is_the_rule_of_one_score():
    X, y = CANCER
    two = np.column_stack([y, y])
    model = (
        clone(CLASSIFIER).set_params(hidden_layer_sizes=(), tol=1e-7).fit(X, two + 1)
    )  # two targets of two classes
    first, second = model.predict_proba(X)
    np.testing.assert_allclose(first, second, atol=1e-3)
    # each of two scores has half of the weight of one: the penalty of one is half as strong
    one = clone(CLASSIFIER).set_params(hidden_layer_sizes=(), alpha=0.5, tol=1e-7).fit(X, y)
    np.testing.assert_allclose(first, one.predict_proba(X), atol=0.01)


def test_labels_are_moderated_each():
    X, y = IRIS
    labels = np.column_stack([y == 0, y == 2]).astype(int)
    model = clone(CLASSIFIER).fit(X, labels)
    plain = clone(model).set_params(laplace=None).fit(X, labels)
    p, p_plain = model.predict_proba(X), plain.predict_proba(X)
    assert (np.abs(p - 0.5) <= np.abs(p_plain - 0.5) + 1e-12).all()


@pytest.mark.parametrize(
    ("model", "data"), [(MODEL, (X, Y)), (CLASSIFIER, IRIS)], ids=["numbers", "classes"]
)
@BOTH_KINDS
def test_blocks_containers_pipelines_and_pickles(model, data, laplace, monkeypatch):
    X, y = data
    model = clone(model).set_params(laplace=laplace, standardize=False).fit(X, y)
    predict = getattr(model, "predict_proba", None) or model.predict_interval
    expected = predict(X)
    np.testing.assert_allclose(predict(sparse.csr_matrix(X)), expected, rtol=1e-9)
    np.testing.assert_allclose(np.concatenate([predict(row[np.newaxis]) for row in X[:5]]), expected[:5])
    monkeypatch.setattr("skmlp.network.curvature.JACOBIAN_ELEMENTS", 300)
    np.testing.assert_allclose(predict(X), expected, rtol=1e-9)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.posterior_factor_, model.posterior_factor_)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model), {f"{type(model).__name__.lower()}__alpha": [0.1, 1]}, cv=2
    )
    search.fit(X, y)
    assert search.best_estimator_[-1].posterior_factor_.shape == model.posterior_factor_.shape


def test_other_solvers_weights_and_warm_starts():
    X, y = CANCER
    model = clone(CLASSIFIER).set_params(solver="adam", max_iter=20, warm_start=True, early_stopping=True)
    first = model.fit(X, y, np.full(len(y), 2.0)).posterior_factor_
    model.fit(X, y, np.full(len(y), 2.0))
    assert not np.array_equal(first, model.posterior_factor_)
    assert not hasattr(model, "partial_fit")
    model.set_params(laplace=None).fit(X, y)
    assert not hasattr(model, "posterior_factor_")


def test_stacks_of_a_search_give_what_single_fits_give():
    model = clone(MODEL).set_params(solver="adam", max_iter=20, early_stopping=True)
    grid = {"laplace": [None, "full", "last_layer"], "n_members": [1, 2]}
    for parameters in ParameterGrid(grid):
        only = {name: [value] for name, value in parameters.items()}
        search = GridSearchCV(clone(model), only | {"alpha": [0.1, 1]}, cv=2)
        found = search.fit(X, Y).best_estimator_
        alone = clone(found).fit(X, Y)
        np.testing.assert_allclose(found.predict(X), alone.predict(X), rtol=1e-9)
        assert hasattr(found, "posterior_factor_") == (parameters["laplace"] is not None)
        if parameters["laplace"]:
            np.testing.assert_allclose(found.predict_interval(X), alone.predict_interval(X), rtol=1e-6)
    scores = cross_validate(clone(model), X, Y, cv=3, return_estimator=True)
    assert all(fitted.posterior_factor_.shape == (26, 26) for fitted in scores["estimator"])


def test_tables_may_have_it():
    model = TabularMLPRegressor((8,), alpha=1, dropout=0, laplace="last_layer", max_iter=5, random_state=0)
    assert model.fit(X, Y).predict_interval(X).shape == (120, 2)


def test_what_is_not_moderated_says_so():
    model = clone(CLASSIFIER).fit(*IRIS)
    with pytest.raises(ValueError, match="fit with laplace=None"):
        jacobian(model, IRIS[0])
    assert jacobian(clone(MODEL).fit(X, Y), X).shape == (120, 1, 3)


REFUSED = {
    "no prior": (MLPRegressor(alpha=0, laplace="full"), "alpha=0 is none"),
    "dropout": (MLPRegressor(dropout=0.1, laplace="full"), "dropout=0.1 trains other networks"),
    "batches": (MLPRegressor(normalization="batch", laplace="last_layer"), "normalization='batch' trains"),
    "another loss": (MLPRegressor(loss="poisson", laplace="full"), "a probability of y"),
    "a cost": (MLPRegressor(loss="r2", solver="es", laplace="full"), "a probability of y"),
    "monotonic": (MLPRegressor(monotonic_cst=[1, 0, 0], laplace="full"), "no normal posterior"),
    "skip": (MLPRegressor(skip=True, laplace="last_layer"), "skip=True has two"),
    "too large": (MLPRegressor((200, 100), laplace="full"), "choose laplace='last_layer'"),
    "still too large": (MLPRegressor((10_000,), laplace="last_layer"), "leave it out"),
}


@pytest.mark.parametrize(("model", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_combined_is_refused_with_a_reason(model, reason):
    with pytest.raises(ValueError, match=reason):
        model.fit(X, np.abs(Y))


def test_densities_have_no_such_parameter():
    with pytest.raises(TypeError):
        MixtureDensityRegressor(laplace="full")
