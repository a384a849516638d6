"""check_gradients: says ok of every gradient that is right, and finds every bug."""

import html
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import GradientCheck, check_gradients
from skmlp.inspection.gradients import MOST_CHECKED, GradientError
from skmlp.network.activations import ACTIVATIONS, Logistic, ReLU, Tanh
from skmlp.network.layers import Dense, Dropout
from skmlp.network.losses import Focal, Huber, LogLoss, Loss, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.normalizations import BatchNormalization, LayerNormalization
from skmlp.network.objective import Objective
from tests.estimators.state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 31
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N, 4))
LABELS = np.resize([0, 1, 2], N)
NUMBERS = X[:, 0] - X[:, 1] ** 2 + 0.1 * RNG.normal(size=N)
SAMPLE_WEIGHT = RNG.uniform(0.1, 3, size=N)
SMALL = {"hidden_layer_sizes": (5, 3), "activation": "tanh", "random_state": 0, "max_iter": 3}
fitted_or_not = pytest.mark.parametrize("fitted", [False, True], ids=["initial", "fitted"])


def checked(cls, y, fitted=False, X=X, sample_weight=None, **parameters):
    """Return the check of an estimator, as it starts or after a short fit."""
    model = cls(**{**SMALL, **parameters})
    if fitted:
        model.fit(X, y, sample_weight)
    return check_gradients(model, X, y, sample_weight)


def assert_ok(check):
    assert check.ok, str(check)
    assert check.largest_error < 1e-5
    assert any(abs(row.back_propagation) > 1e-4 for row in check.rows), str(check)


# Right gradients


OPTIONS = {
    **{activation: {"activation": activation} for activation in ACTIVATIONS},
    "an activation per layer": {"activation": ["relu", "softplus"]},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "dropout": {"dropout": [0.5, 0.2]},
    "batch normalization": {"normalization": "batch"},
    "layer normalization": {"normalization": "layer"},
    "batch normalization and dropout": {"normalization": "batch", "dropout": 0.3},
    "strong penalty": {"alpha": 10.0},
    "no penalty": {"alpha": 0.0},
    "float32": {"dtype": "float32"},
    "ensemble": {"n_members": 3},
    "early stopping": {"early_stopping": True},
    "warm start": {"warm_start": True},
    "lbfgs": {"solver": "lbfgs"},
    "evolution": {"solver": "es"},
}
ESTIMATORS = {
    "classifier": (MLPClassifier, LABELS),
    "regressor": (MLPRegressor, NUMBERS),
    "density": (MixtureDensityRegressor, NUMBERS),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("cls", "y"), ESTIMATORS.values(), ids=ESTIMATORS)
@fitted_or_not
def test_every_option_is_ok(cls, y, options, fitted):
    assert_ok(checked(cls, y, fitted, **options))


BINARY, MULTILABEL = (LABELS == 1).astype(int), np.c_[LABELS == 1, NUMBERS > 0, X[:, 2] > 0].astype(int)
POSITIVE = np.exp(NUMBERS)
LOSSES = {
    "binary": (MLPClassifier, BINARY, {}),
    "multilabel": (MLPClassifier, MULTILABEL, {}),
    "several multiclass targets": (MLPClassifier, np.c_[LABELS, (LABELS + BINARY) % 3], {}),
    "words": (MLPClassifier, np.array(["a", "b", "c"])[LABELS], {}),
    "class weights": (MLPClassifier, LABELS, {"class_weight": {0: 1, 1: 5, 2: 0.1}}),
    "balanced": (MLPClassifier, BINARY, {"class_weight": "balanced"}),
    "label smoothing": (MLPClassifier, LABELS, {"loss": LogLoss(label_smoothing=0.1)}),
    "smoothed binary": (MLPClassifier, BINARY, {"loss": LogLoss(label_smoothing=0.1)}),
    "focal": (MLPClassifier, LABELS, {"loss": Focal()}),
    "binary focal": (MLPClassifier, BINARY, {"loss": Focal(gamma=0.5)}),
    "absolute error": (MLPRegressor, NUMBERS, {"loss": "absolute_error"}),
    "quantile": (MLPRegressor, NUMBERS, {"loss": "quantile", "quantile": 0.2}),
    "huber": (MLPRegressor, NUMBERS, {"loss": Huber(0.3)}),
    "poisson": (MLPRegressor, np.round(POSITIVE), {"loss": "poisson"}),
    "gamma": (MLPRegressor, POSITIVE, {"loss": "gamma"}),
    "several targets": (MLPRegressor, np.c_[NUMBERS, X[:, 1]], {}),
    "lm": (MLPRegressor, NUMBERS, {"solver": "lm"}),
    "standardized": (MLPRegressor, 100 + 20 * NUMBERS, {"standardize": True}),
    "one component": (MixtureDensityRegressor, NUMBERS, {"n_components": 1}),
    "beta": (MixtureDensityRegressor, NUMBERS, {"beta": 0.5}),
    "beta of one": (MixtureDensityRegressor, np.c_[NUMBERS, X[:, 1]], {"beta": 1.0}),
    "several densities": (MixtureDensityRegressor, np.c_[NUMBERS, X[:, 1]], {"n_components": 2}),
}


@pytest.mark.parametrize(("cls", "y", "options"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("weights", [None, SAMPLE_WEIGHT], ids=["unweighted", "weighted"])
@fitted_or_not
def test_every_loss_is_ok(cls, y, options, weights, fitted):
    assert_ok(checked(cls, y, fitted, sample_weight=weights, **options))


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize(("cls", "y"), ESTIMATORS.values(), ids=ESTIMATORS)
@fitted_or_not
def test_sparse_samples_are_as_dense_ones(cls, y, make, fitted):
    x = np.where(X < 0, 0, X)
    options = {} if cls is MixtureDensityRegressor else {"alpha": 0.3}
    by_sparse = checked(cls, y, fitted, make(x), SAMPLE_WEIGHT, **options)
    assert_ok(by_sparse)
    if cls is not MixtureDensityRegressor:  # which centres dense samples only
        dense = checked(cls, y, fitted, x, SAMPLE_WEIGHT, **options)
        for row, other in zip(by_sparse.rows, dense.rows, strict=True):
            assert row[:3] == other[:3]


def test_the_kinks_of_relu_are_no_errors():
    """Without biases a sample of zeros lies on the kink of every unit."""
    x = np.where(RNG.uniform(size=X.shape) < 0.7, 0, X)
    x[:9] = 0
    for options in ({"initializer": "he_normal"}, {"initializer": "he_normal", "dropout": 0.3}):
        check = checked(MLPRegressor, NUMBERS, X=x, activation="relu", **options)
        assert_ok(check)


@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
def test_the_kink_of_a_loss_is_no_error(loss):
    options = {"quantile": 0.3} if loss == "quantile" else {}
    model = MLPRegressor((), loss=loss, random_state=0, max_iter=1, alpha=0, **options).fit(X, NUMBERS)
    check = check_gradients(model, X, model.predict(X))  # all errors are zero
    assert check.ok, str(check)


def test_the_gradient_of_a_regressor_is_that_of_the_textbook():
    model = MLPRegressor((), alpha=0.7, random_state=0, max_iter=1).fit(X, NUMBERS)
    check = check_gradients(model, X, NUMBERS, SAMPLE_WEIGHT)
    errors = SAMPLE_WEIGHT * (model.predict(X) - NUMBERS)
    weights = (X.T @ errors + 0.7 * model.coefs_[0][:, 0]) / SAMPLE_WEIGHT.sum()
    assert np.isclose(weights, check.rows[0].back_propagation, rtol=1e-12).any()
    assert check.rows[1].back_propagation == pytest.approx(errors.sum() / SAMPLE_WEIGHT.sum(), rel=1e-12)


def test_huge_and_tiny_gradients_are_ok():
    for scale in (1e-6, 1e6):
        assert check_gradients(MLPRegressor(**SMALL, alpha=0), X, scale * NUMBERS).ok


def test_one_batch_larger_than_a_stack(monkeypatch):
    whole = checked(MLPClassifier, LABELS)
    monkeypatch.setattr("skmlp.inspection.gradients.STACK_ELEMENTS", 1)
    for row, other in zip(checked(MLPClassifier, LABELS).rows, whole.rows, strict=True):
        assert row[:3] == other[:3]
        assert row.relative_error < 1e-5


# The estimator


@fitted_or_not
@pytest.mark.parametrize(
    "options", [{}, {"standardize": True}, {"n_members": 2}, {"normalization": "batch"}], ids=str
)
def test_the_estimator_is_left_as_it_was(options, fitted):
    model = MLPClassifier(**SMALL, **options)
    if fitted:
        model.fit(X, LABELS)
    with stays_as_it_was(model):
        first = check_gradients(model, X, LABELS)
    assert str(check_gradients(model, X, LABELS)) == str(first)
    assert ("the fitted weights" if fitted else "initial weights") in first.title


def test_a_random_state_is_not_advanced():
    random_state = np.random.RandomState(0)
    before = random_state.get_state()[1].copy()
    check_gradients(MLPClassifier(**{**SMALL, "random_state": random_state}), X, LABELS)
    np.testing.assert_array_equal(random_state.get_state()[1], before)


def test_samples_are_left_as_they_were():
    arrays = [X.copy(), NUMBERS.copy(), SAMPLE_WEIGHT.copy()]
    for array in arrays:
        array.flags.writeable = False
    assert check_gradients(MLPRegressor(**SMALL), *arrays).ok


def test_fitted_weights_are_those_that_are_checked():
    model = MLPRegressor(**SMALL).fit(X, NUMBERS)
    model.intercepts_[-1][:] += 100
    assert check_gradients(model, X, NUMBERS).rows[-1].back_propagation == pytest.approx(100, rel=0.05)


# Planted bugs


def forget_the_square(self, h, delta, memo):
    np.subtract(1, h, out=memo)
    np.multiply(delta, memo, out=delta)


def let_all_through(self, h, delta, memo):
    pass


def without_a_factor(self, z, y, delta):
    np.subtract(z, y, out=delta)
    np.multiply(delta, 2, out=delta)


BUGS = {
    "tanh": (Tanh, "backward", forget_the_square, {"activation": "tanh"}, "1 Dense"),
    "logistic": (Logistic, "backward", let_all_through, {"activation": "logistic"}, "1 Dense"),
    "relu": (ReLU, "backward", let_all_through, {"activation": "relu"}, "1 Dense"),
    "loss": (SquaredError, "gradient", without_a_factor, {}, "2 Dense"),
}


@fitted_or_not
@pytest.mark.parametrize(("cls", "method", "bug", "options", "layer"), BUGS.values(), ids=BUGS)
def test_a_wrong_derivative_is_found(cls, method, bug, options, layer, fitted, monkeypatch):
    options = {"hidden_layer_sizes": (5,), **options}
    assert checked(MLPRegressor, NUMBERS, fitted, **options).ok
    monkeypatch.setattr(cls, method, bug)
    check = checked(MLPRegressor, NUMBERS, fitted, **options)
    assert not check.ok
    assert check.largest_error > 1e-3
    wrong = {row.layer[:7] for row in check.rows if row.relative_error > 1e-5}
    assert layer in wrong
    if layer == "1 Dense":  # the last layer comes before the activation in the backward pass
        assert wrong == {"1 Dense"}
    assert "WRONG" in str(check)


@pytest.mark.parametrize("loss", [Huber, LogLoss, MixtureDensity], ids=lambda loss: loss.name)
def test_a_wrong_loss_is_found(loss, monkeypatch):
    cls, y, options = {
        Huber: (MLPRegressor, NUMBERS, {"loss": "huber"}),
        LogLoss: (MLPClassifier, LABELS, {}),
        MixtureDensity: (MixtureDensityRegressor, NUMBERS, {}),
    }[loss]
    gradient = loss.gradient

    def wrong(self, z, y, delta):
        gradient(self, z, y, delta)
        delta *= 1.001

    monkeypatch.setattr(loss, "gradient", wrong)
    check = checked(cls, y, alpha=0, **options)
    assert not check.ok
    assert check.largest_error == pytest.approx(1e-3, rel=0.1)


def forget(monkeypatch, kind, which):
    """Let the backward pass of layers of a kind forget the gradient of one array of parameters."""
    original = kind.backward

    def backward(self, parameters, gradient, *rest):
        original(self, parameters, gradient, *rest)
        gradient[which][...] = 0

    monkeypatch.setattr(kind, "backward", backward)


@pytest.mark.parametrize(
    ("kind", "which", "name"),
    [
        (Dense, 0, "weights"),
        (Dense, 1, "biases"),
        (LayerNormalization, 0, "gain"),
        (LayerNormalization, 1, "shift"),
        (BatchNormalization, 0, "gain"),
        (BatchNormalization, 1, "shift"),
    ],
)
def test_a_forgotten_gradient_is_found(kind, which, name, monkeypatch):
    normalization = None if kind is Dense else kind()
    options = {"normalization": normalization, "hidden_layer_sizes": (5,)}
    forget(monkeypatch, kind, which)
    check = checked(MLPRegressor, NUMBERS, **options, alpha=0)
    assert not check.ok
    wrong = {row.layer for row in check.rows if row.relative_error > 1e-5}
    assert wrong
    assert all(layer.endswith(name) and kind.__name__ in layer for layer in wrong)
    assert max(check.rows, key=lambda row: row.relative_error).layer in wrong
    assert check.largest_error == pytest.approx(1)


def test_a_forgotten_penalty_is_found(monkeypatch):
    def without_penalty(self, parameters, total, out):
        out.flat[...] /= total

    monkeypatch.setattr(Objective, "penalize_and_divide", without_penalty)
    assert checked(MLPClassifier, LABELS, alpha=0).ok
    check = checked(MLPClassifier, LABELS, alpha=10.0)
    wrong = {row.layer for row in check.rows if row.relative_error > 1e-5}
    assert wrong == {row.layer for row in check.rows if row.layer.endswith("weights")}


def test_a_mask_that_backward_forgets_is_found(monkeypatch):
    monkeypatch.setattr(Dropout, "backward", lambda self, *args, **kwargs: None)
    assert not checked(MLPClassifier, LABELS, dropout=0.5).ok


# What is printed


def test_rows_are_the_arrays_of_parameters():
    check = checked(MLPClassifier, LABELS, normalization="layer")
    assert isinstance(check, GradientCheck)
    assert [(row.layer, row.n_parameters, row.n_checked) for row in check.rows] == [
        ("1 Dense: weights", 20, 20),
        ("1 Dense: biases", 5, 5),
        ("2 LayerNormalization: gain", 5, 5),
        ("2 LayerNormalization: shift", 5, 5),
        ("3 Dense: weights", 15, 15),
        ("3 Dense: biases", 3, 3),
        ("4 LayerNormalization: gain", 3, 3),
        ("4 LayerNormalization: shift", 3, 3),
        ("5 Dense: weights", 9, 9),
        ("5 Dense: biases", 3, 3),
    ]


def test_running_statistics_are_no_parameters():
    names = [row.layer for row in checked(MLPClassifier, LABELS, True, normalization="batch").rows]
    assert names[:3] == ["1 Dense: weights", "2 BatchNormalization: gain", "2 BatchNormalization: shift"]
    assert not any("running" in name for name in names)


ROWS = [
    GradientError("1 Dense: weights", 1234, 500, 0.25, 0.5, 0.5),
    GradientError("1 Dense: biases", 5, 5, -1e-3, -1e-3, 1e-9),
]


def test_the_text():
    assert str(GradientCheck("a title", ROWS)).splitlines() == [
        "a title",
        "-----------------------------------------------------------------------------------",
        "parameters             checked  finite difference  back propagation  relative error",
        "-----------------------------------------------------------------------------------",
        "1 Dense: weights  500 of 1,234        0.250000000       0.500000000         5.0e-01",
        "1 Dense: biases         5 of 5       -0.001000000      -0.001000000         1.0e-09",
        "-----------------------------------------------------------------------------------",
        "WRONG                                                                       5.0e-01",
    ]
    assert repr(GradientCheck("a title", ROWS)) == str(GradientCheck("a title", ROWS))
    assert str(GradientCheck("a title", ROWS[1:])).splitlines()[-1].startswith("ok")


def test_a_notebook_shows_html():
    page = GradientCheck("<b>", ROWS)._repr_html_()
    assert page.startswith(f"<table><caption>{html.escape('<b>')}</caption>")
    assert page.endswith("</table>")
    assert page.count("<tr>") == page.count("</tr>") == 1 + 2 + 1
    for cell in ("1 Dense: weights", "500 of 1,234", "-0.001000000", "WRONG", "5.0e-01"):
        assert f">{cell}<" in page


def test_the_largest_error_decides():
    check = GradientCheck("", ROWS)
    assert (check.ok, check.largest_error) == (False, 0.5)
    assert GradientCheck("", [ROWS[1]._replace(relative_error=1e-5)]).ok
    assert not GradientCheck("", [ROWS[1]._replace(relative_error=1.1e-5)]).ok
    assert not GradientCheck("", [ROWS[1]._replace(relative_error=np.nan)]).ok


def test_large_arrays_are_sampled():
    first, again = (checked(MLPClassifier, LABELS, hidden_layer_sizes=(150,)) for _ in range(2))
    assert first.rows == again.rows
    assert [(row.n_parameters, row.n_checked) for row in first.rows] == [
        (600, MOST_CHECKED),
        (150, 150),
        (450, 450),
        (3, 3),
    ]
    assert first.ok


# Bad input


@pytest.mark.parametrize("eps", [0, -1e-6, np.nan, -np.inf, np.inf, "small"])
def test_eps_is_positive(eps):
    with pytest.raises(ValueError, match=f"eps={eps!r} must be a positive number"):
        check_gradients(MLPClassifier(**SMALL), X, LABELS, eps=eps)


@pytest.mark.parametrize("eps", [1e-4, 1e-5, 1e-7])
def test_eps_of_other_sizes(eps):
    assert check_gradients(MLPClassifier(**SMALL), X, LABELS, eps=eps).ok


@pytest.mark.parametrize("loss", ["roc_auc_ovr", lambda y_true, y_pred: 0.0], ids=["name", "function"])
def test_a_cost_has_no_gradient(loss):
    with pytest.raises(ValueError, match=r"loss=.* has no gradient"):
        check_gradients(MLPClassifier(**SMALL, solver="es", loss=loss), X, LABELS)


def test_bad_input_is_that_of_fit():
    with pytest.raises(ValueError, match="contains NaN"):
        check_gradients(MLPClassifier(**SMALL), np.where(X > 2, np.nan, X), LABELS)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        check_gradients(MLPClassifier(**SMALL, alpha=-1), X, LABELS)
    model = clone(MLPRegressor(**SMALL)).fit(X, NUMBERS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        check_gradients(model, X, NUMBERS[:-1])


# Precision


@dataclass(frozen=True)
class LogCosh(Loss):
    """A loss that a user wrote, with a constant of any kind."""

    constant: Any

    name = "log_cosh"

    def value(self, z, y):
        return np.logaddexp(z - y, y - z) - self.constant

    def gradient(self, z, y, delta):
        np.subtract(z, y, out=delta)
        np.tanh(delta, out=delta)


def test_a_loss_that_turns_float32_into_float64_is_named():
    """numpy's arrays, and from numpy 2 on its numbers, have a dtype; Python's numbers have none."""
    kept = checked(MLPRegressor, NUMBERS, loss=LogCosh(math.log(2)))
    changed = checked(MLPRegressor, NUMBERS, loss=LogCosh(np.full(1, math.log(2))))
    assert kept.ok
    assert not changed.ok
    assert changed.dtype_changes == ["LogCosh.value returns float64 for float32"]
    assert changed.dtype_changes[0] in str(changed)
    assert changed.largest_error < 1e-5
