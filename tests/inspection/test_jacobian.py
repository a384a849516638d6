"""jacobian: against finite differences of what the public methods return."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import jacobian
from skmlp.inspection.jacobians import SCALERS
from skmlp.network.activations import ACTIVATIONS
from skmlp.network.loss import Loss
from skmlp.network.losses import Focal, Poisson, SquaredError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3)) * [1, 5, 0.2] + [0, 10, 3]
SIGNAL = X[:, 0] + 0.3 * X[:, 1]
NUMBERS = np.stack([SIGNAL, 20 * np.sin(X[:, 0])], axis=1)
COUNTS = RNG.poisson(3, size=40).astype(float) + 1
CLASSES = RNG.randint(3, size=40)
LABELS = RNG.randint(2, size=(40, 4))
SMALL = {"hidden_layer_sizes": (7, 5), "activation": "tanh", "max_iter": 5, "random_state": 0}


def fitted(cls, y, **parameters):
    return cls(**SMALL | {"standardize": True} | parameters).fit(X, y)


def columns(values):
    """Return what a method of prediction returns as (n, p)."""
    values = np.concatenate(values, axis=1) if isinstance(values, list) else values
    return values.reshape(len(values), -1)


def differences(f, X, step=1e-5):
    """Return the central differences of ``f``, (n, p, m)."""
    slopes = []
    for j in range(X.shape[1]):
        change = np.zeros(X.shape[1])
        change[j] = step
        slopes.append((columns(f(X + change)) - columns(f(X - change))) / (2 * step))
    return np.stack(slopes, axis=-1)


def check(estimator, method, of, X=X, rtol=1e-6):
    derivatives = jacobian(estimator, X, of=of)
    if isinstance(derivatives, list):
        derivatives = np.concatenate(derivatives, axis=1)
    expected = differences(method, X)
    assert derivatives.shape == expected.shape
    np.testing.assert_allclose(derivatives, expected, rtol=rtol, atol=1e-8 * max(1, abs(expected).max()))


REGRESSORS = {
    "one target": (SIGNAL, {}),
    "two targets": (NUMBERS, {}),
    "not standardized": (SIGNAL, {"standardize": False}),
    "poisson": (COUNTS, {"loss": "poisson"}),
    "gamma": (COUNTS, {"loss": "gamma"}),
    "huber": (SIGNAL, {"loss": "huber"}),
    "no hidden layer": (SIGNAL, {"hidden_layer_sizes": ()}),
}
CLASSIFIERS = {
    "binary": (CLASSES > 0, {}),
    "three classes": (CLASSES, {}),
    "labels": (LABELS, {}),
    "two targets": (np.stack([CLASSES, LABELS[:, 0]], axis=1), {}),
    "focal": (CLASSES, {"loss": Focal()}),
    "not standardized": (CLASSES, {"standardize": False}),
}
MEMBERS = pytest.mark.parametrize("n_members", [1, 3])


@MEMBERS
@pytest.mark.parametrize("case", REGRESSORS)
def test_predictions_of_regressors(case, n_members):
    y, parameters = REGRESSORS[case]
    regressor = fitted(MLPRegressor, y, n_members=n_members, **parameters)
    check(regressor, regressor.predict, "predictions")


@MEMBERS
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_probabilities_of_classifiers(case, n_members):
    y, parameters = CLASSIFIERS[case]
    classifier = fitted(MLPClassifier, y, n_members=n_members, **parameters)
    check(classifier, classifier.predict_proba, "predictions")


@MEMBERS
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_raw_scores_of_classifiers(case, n_members):
    y, parameters = CLASSIFIERS[case]
    classifier = fitted(MLPClassifier, y, n_members=n_members, **parameters)
    check(classifier, classifier.decision_function, "raw")


@MEMBERS
def test_raw_scores_of_regressors_are_those_of_the_network(n_members):
    regressor = fitted(MLPRegressor, COUNTS, loss="poisson", n_members=n_members)
    check(regressor, lambda X: regressor._raw_scores(X).mean(axis=0), "raw")


@MEMBERS
@pytest.mark.parametrize("y", [SIGNAL, NUMBERS], ids=["one target", "two targets"])
@pytest.mark.parametrize("n_components", [1, 3])
def test_means_of_mixtures(y, n_components, n_members):
    model = MixtureDensityRegressor(**SMALL, n_components=n_components, n_members=n_members).fit(X, y)
    check(model, model.predict, "predictions")
    check(model, lambda X: model._raw_scores(X).mean(axis=0), "raw")


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_and_normalization(activation, normalization):
    parameters = {"activation": activation, "normalization": normalization, "dropout": 0.2}
    classifier = fitted(MLPClassifier, CLASSES, n_members=2, **parameters)
    rows = X[:10]  # none of them at a kink
    check(classifier, classifier.predict_proba, "predictions", rows, rtol=1e-5)


def test_a_class_alone_has_probability_one_everywhere():
    classifier = fitted(MLPClassifier, np.zeros(40))
    np.testing.assert_array_equal(jacobian(classifier, X), np.zeros((40, 1, 3)))


def test_several_targets_give_a_list_as_their_probabilities_are():
    classifier = fitted(MLPClassifier, np.stack([CLASSES, LABELS[:, 0]], axis=1))
    assert [J.shape for J in jacobian(classifier, X)] == [(40, 3, 3), (40, 2, 3)]


def test_scores_that_saturate_keep_their_slopes():
    """The log-odds of an ensemble do not saturate where its probabilities are 0 or 1 to rounding."""
    ensemble = fitted(MLPClassifier, CLASSES > 0, n_members=2, hidden_layer_sizes=())
    for coef in ensemble.coefs_:
        coef *= 1000
    check(ensemble, ensemble.decision_function, "raw", rtol=1e-4)


def test_float32_stays_float32_and_is_float64_to_rounding():
    classifier = fitted(MLPClassifier, CLASSES, dtype="float32", n_members=2)
    single, double = jacobian(classifier, X.astype(np.float32)), jacobian(classifier, X)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-4 * abs(double).max())


def test_many_rows_are_computed_in_blocks():
    regressor = fitted(MLPRegressor, NUMBERS)
    many = np.tile(X, (200, 1))
    np.testing.assert_allclose(jacobian(regressor, many), np.tile(jacobian(regressor, X), (200, 1, 1)))


@pytest.mark.parametrize("scaler", [kind() for kind in SCALERS], ids=lambda scaler: type(scaler).__name__)
def test_pipelines_of_linear_scalers(scaler):
    for first in (StandardScaler(with_std=False), "passthrough"):
        pipeline = make_pipeline(first, scaler, MLPRegressor(**SMALL, standardize=True)).fit(X, NUMBERS)
        check(pipeline, pipeline.predict, "predictions")


def test_scalers_that_only_center_have_slope_one():
    scaler = RobustScaler(with_scaling=False)
    pipeline = make_pipeline(scaler, MLPClassifier(**SMALL)).fit(X, CLASSES)
    check(pipeline, pipeline.predict_proba, "predictions")


@pytest.mark.parametrize("step", [PolynomialFeatures(), MinMaxScaler(clip=True)])
def test_other_steps_are_refused(step):
    pipeline = make_pipeline(MaxAbsScaler(), step, MLPRegressor(**SMALL)).fit(X, SIGNAL)
    with pytest.raises(TypeError, match="is not linear in each feature"):
        jacobian(pipeline, X)


def test_sparse_features_are_refused_with_the_reason():
    with pytest.raises(TypeError, match=r"its derivatives are not.*toarray"):
        jacobian(fitted(MLPRegressor, SIGNAL), sparse.csr_matrix(X))


def test_other_estimators_and_arguments_are_refused():
    with pytest.raises(TypeError, match="not one of this package's networks"):
        jacobian(LinearRegression().fit(X, SIGNAL), X)
    with pytest.raises(NotFittedError):
        jacobian(MLPRegressor(), X)
    with pytest.raises(ValueError, match="of='scores' must be"):
        jacobian(fitted(MLPRegressor, SIGNAL), X, of="scores")


@dataclass(frozen=True)
class Cubic(SquaredError):
    """A custom link without its slope."""

    name = "cubic"
    link = "cube"
    takes_scaled_targets = False

    def inverse_link(self, z):
        return z**3


@dataclass(frozen=True)
class Plain(Loss):
    """A custom loss without a link."""

    name = "plain"

    def value(self, z, y):
        return (z - y) ** 2

    def gradient(self, z, y, delta):
        delta[...] = 2 * (z - y)


def test_a_custom_link_without_slope_names_raw():
    regressor = fitted(MLPRegressor, SIGNAL / 10, loss=Cubic())
    with pytest.raises(ValueError, match=r"Cubic has inverse_link.*no link_jacobian.*of='raw'"):
        jacobian(regressor, X)
    check(regressor, lambda X: regressor._raw_scores(X)[0], "raw")


@dataclass(frozen=True)
class Twice(Poisson):
    """A custom link and its slope."""

    name = "twice"

    def inverse_link(self, z):
        return 2 * z

    def link_jacobian(self, z):
        return np.broadcast_to(2 * np.eye(z.shape[-1]), (*z.shape, z.shape[-1]))


@pytest.mark.parametrize("loss", [Plain(), Twice()], ids=["no link", "own link"])
def test_custom_losses(loss):
    regressor = fitted(MLPRegressor, COUNTS, loss=loss)
    check(regressor, regressor.predict, "predictions")
