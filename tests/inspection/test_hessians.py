"""hessian_product: against finite differences of the gradient."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import hessian_product
from skmlp.inspection.gradients import Slopes, problem_at_weights
from skmlp.network.activations import ACTIVATIONS, ELU, Activation
from skmlp.network.losses import Focal, Huber, LogLoss, SquaredError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(23, 3))
NUMBERS = X[:, 0] + np.sin(2 * X[:, 1])
CLASSES = RNG.randint(3, size=23)
LABELS = RNG.randint(2, size=(23, 2))
WEIGHTS = RNG.choice([0, 0.5, 2], size=23)
SMALL = {"hidden_layer_sizes": (5, 4), "activation": "tanh", "alpha": 0.3, "max_iter": 3, "random_state": 0}


def differences(estimator, y, v, weights=None, step=1e-6):
    """Return central differences of the gradient along each direction."""
    problem = problem_at_weights(estimator, X, y, weights)
    theta = problem.theta[0]
    rows = []
    for direction in v:
        higher, lower = (Slopes(problem, theta + sign * step * direction).gradient for sign in (1, -1))
        rows.append((higher - lower) / (2 * step))
    return np.array(rows)


def check(estimator, y, weights=None, rtol=1e-6):
    n_parameters = problem_at_weights(estimator, X, y, weights).network.layout.n_parameters
    v = np.random.RandomState(1).normal(size=(4, n_parameters))
    found, expected = hessian_product(estimator, X, y, v, weights), differences(estimator, y, v, weights)
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * abs(expected).max())


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all alike", "weighted"])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, ELU(0.5, 2.0)], ids=str)
def test_every_activation_and_normalization(activation, normalization, weights):
    parameters = {"activation": activation, "normalization": normalization}
    check(MLPClassifier(**SMALL | parameters).fit(X, CLASSES), CLASSES, weights)


CASES = {
    "squared_error": (MLPRegressor, NUMBERS, {}),
    "two targets": (MLPRegressor, np.stack([NUMBERS, X[:, 2]], axis=1), {"standardize": True}),
    "poisson": (MLPRegressor, np.exp(NUMBERS), {"loss": "poisson"}),
    "gamma": (MLPRegressor, np.exp(NUMBERS), {"loss": "gamma"}),
    "huber": (MLPRegressor, NUMBERS, {"loss": Huber(0.5)}),
    "absolute_error": (MLPRegressor, NUMBERS, {"loss": "absolute_error"}),
    "quantile": (MLPRegressor, NUMBERS, {"loss": "quantile", "quantile": 0.2}),
    "binary": (MLPClassifier, CLASSES > 0, {}),
    "labels": (MLPClassifier, LABELS, {"loss": LogLoss(0.1)}),
    "smoothed": (MLPClassifier, CLASSES, {"loss": LogLoss(0.1)}),
    "several targets": (MLPClassifier, np.stack([CLASSES, LABELS[:, 0]], axis=1), {}),
    "binary focal": (MLPClassifier, CLASSES > 0, {"loss": Focal(1.5)}),
    "focal": (MLPClassifier, CLASSES, {"loss": Focal()}),
    "focal below one": (MLPClassifier, np.stack([CLASSES, LABELS[:, 0]], axis=1), {"loss": Focal(0.5)}),
    "one component": (MixtureDensityRegressor, NUMBERS, {"n_components": 1}),
    "mixture": (MixtureDensityRegressor, np.stack([NUMBERS, X[:, 2]], axis=1), {"n_components": 3}),
    "no hidden layer": (MLPClassifier, CLASSES, {"hidden_layer_sizes": ()}),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all alike", "weighted"])
@pytest.mark.parametrize("is_fitted", [True, False], ids=["fitted", "unfitted"])
@pytest.mark.parametrize("case", CASES)
def test_every_loss(case, is_fitted, weights):
    cls, y, parameters = CASES[case]
    estimator = cls(**SMALL | parameters)
    check(estimator.fit(X, y) if is_fitted else estimator, y, weights)


def test_the_hessian_is_symmetric_and_one_vector_is_one_column():
    classifier = MLPClassifier(**SMALL, normalization="batch").fit(X, CLASSES)
    n_parameters = problem_at_weights(classifier, X, CLASSES, None).network.layout.n_parameters
    H = hessian_product(classifier, X, CLASSES, np.eye(n_parameters))
    np.testing.assert_allclose(H, H.T, atol=1e-12)
    np.testing.assert_allclose(hessian_product(classifier, X, CLASSES, np.eye(n_parameters)[3]), H[3])


def test_stacks_are_cut(monkeypatch):
    regressor = MLPRegressor(**SMALL).fit(X, NUMBERS)
    v = np.random.RandomState(0).normal(size=(7, 49))
    whole = hessian_product(regressor, X, NUMBERS, v)
    monkeypatch.setattr("skmlp.inspection.hessians.STACK_ELEMENTS", 300)
    np.testing.assert_allclose(hessian_product(regressor, X, NUMBERS, v), whole, rtol=1e-12, atol=1e-14)


def test_a_linear_network_is_least_squares():
    regressor = MLPRegressor((), alpha=0.5).fit(X, NUMBERS)
    design = np.column_stack([X, np.ones(23)])
    expected = (design.T @ design + 0.5 * np.diag([1, 1, 1, 0])) / 23
    np.testing.assert_allclose(hessian_product(regressor, X, NUMBERS, np.eye(4)), expected, atol=1e-14)


def test_dropout_is_left_out():
    with_dropout, without = (MLPRegressor(**SMALL, dropout=rate) for rate in (0.5, 0.0))
    v = np.ones(49)
    products = [hessian_product(estimator, X, NUMBERS, v) for estimator in (with_dropout, without)]
    np.testing.assert_array_equal(*products)


def test_newton_s_method_converges_with_it():
    classifier = MLPClassifier((), alpha=1.0, random_state=0).fit(X, CLASSES > 0)
    for _ in range(10):
        slopes = Slopes(problem := problem_at_weights(classifier, X, CLASSES > 0, None), problem.theta[0])
        step = np.linalg.solve(hessian_product(classifier, X, CLASSES > 0, np.eye(4)), slopes.gradient)
        classifier.coefs_[0][:, 0] -= step[:3]
        classifier.intercepts_[0] -= step[3]
    expected = LogisticRegression(C=1.0, tol=1e-12, max_iter=1000).fit(X, CLASSES > 0)
    np.testing.assert_allclose(classifier.coefs_[0][:, 0], expected.coef_[0], rtol=1e-5)


@dataclass(frozen=True)
class Cube(Activation):
    """An activation without second derivative."""

    name = "cube"

    def forward(self, z, memo):
        memo[...] = 3 * z**2
        z **= 3

    def backward(self, h, delta, memo):
        delta *= memo


@dataclass(frozen=True)
class Double(SquaredError):
    """A loss without second derivative."""

    def gradient(self, z, y, delta):
        delta[...] = 2 * (z - y)

    def value(self, z, y):
        return (z - y) ** 2


def test_what_has_no_hessian_is_refused():
    v = np.ones(49)
    with pytest.raises(ValueError, match="Cube has forward, and beside it no curvature: add it"):
        hessian_product(MLPRegressor(**SMALL | {"activation": Cube()}), X, NUMBERS, v)
    with pytest.raises(ValueError, match="Double has gradient, and beside it no hessian_product: add it"):
        hessian_product(MLPRegressor(**SMALL, loss=Double()), X, NUMBERS, v)
    with pytest.raises(ValueError, match="pass one of its members_"):
        hessian_product(MLPRegressor(**SMALL, n_members=2), X, NUMBERS, v)
    with pytest.raises(ValueError, match=r"pass X\.toarray"):
        hessian_product(MLPRegressor(**SMALL), sparse.csr_matrix(X), NUMBERS, v)
    with pytest.raises(ValueError, match=r"v has the shape \(3,\), and the network 49 parameters"):
        hessian_product(MLPRegressor(**SMALL), X, NUMBERS, np.ones(3))
    with pytest.raises(ValueError, match=r"beta=0\.5 changes the gradient"):
        hessian_product(MixtureDensityRegressor((5,), beta=0.5), X, NUMBERS, v)
    with pytest.raises(TypeError, match="not one of this package's networks"):
        hessian_product(LogisticRegression(), X, CLASSES, v)


def test_members_of_an_ensemble_have_hessians():
    ensemble = MLPRegressor(**SMALL, n_members=2).fit(X, NUMBERS)
    check(ensemble.members_[1], NUMBERS)
