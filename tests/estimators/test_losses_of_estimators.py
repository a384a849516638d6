"""What estimators learn by each loss, and by weights of classes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import recall_score
from sklearn.utils.class_weight import compute_sample_weight

from skmlp import MLPClassifier, MLPRegressor
from skmlp.network.losses import (
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    Poisson,
    Quantile,
    SquaredError,
)

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, CANCER, GENRES = TASKS["multiclass"], TASKS["binary"], TASKS["multilabel"]
DIABETES, PHYSICAL = TASKS["regression"], TASKS["multi-output"]
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 13, "max_iter": 4}
FAST = {"hidden_layer_sizes": (11,), "max_iter": 60, "learning_rate_init": 0.02}


def several_targets():
    """Return the wines with a second target: whether they are strong."""
    return WINE.X, np.c_[WINE.y, WINE.X[:, 0] > 0].astype(int)


WATCHED = {"early_stopping": True, "scoring": "loss", "n_iter_no_change": 30, "validation_fraction": 0.2}
"""By the loss: the accuracy of ten samples is a rough guide."""

KINDS = {
    "binary": (CANCER.X, CANCER.y),
    "multiclass": (WINE.X, WINE.y),
    "multilabel": (GENRES.X, GENRES.y),
    "multi-output multiclass": several_targets(),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def classifier(**parameters):
    return MLPClassifier(**{**FAST, "random_state": 0, **parameters})


def assert_same_weights(model, other):
    for ours, theirs in zip(
        model.coefs_ + model.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


# Regression.


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_quantile_covers_its_part_wherever_the_noise_is_small_or_large(quantile, solver):
    rng = np.random.RandomState(0)
    X = rng.uniform(0, 1, size=(2000, 1))
    y = X[:, 0] + (0.1 + X[:, 0]) * rng.normal(size=2000)
    model = MLPRegressor((10,), loss="quantile", quantile=quantile, solver=solver, alpha=0, random_state=0)
    rate = (
        {}
        if solver == "lbfgs"
        else {"learning_rate_init": 0.02, "learning_rate": "cosine", "n_iter_no_change": 60}
    )
    model.set_params(**rate, max_iter=60).fit(X, y)
    below = y < model.predict(X)
    assert below.mean() == pytest.approx(quantile, abs=0.02)
    for third in (X[:, 0] < 1 / 3, X[:, 0] > 2 / 3):
        assert below[third].mean() == pytest.approx(quantile, abs=0.06)


def test_the_median_is_half_the_absolute_error():
    """The same gradient but for a factor, which Adam does not see."""
    y = DIABETES.y
    median, absolute = (
        DIABETES.model(**SMALL, alpha=0, epsilon=1e-300, loss=loss).fit(DIABETES.X, y)
        for loss in (Quantile(0.5), "absolute_error")
    )
    np.testing.assert_allclose(median.coefs_[0], absolute.coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(2 * np.array(median.loss_curve_), absolute.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_outliers_pull_a_robust_loss_less_than_the_squared_error(loss, solver):
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, size=(300, 1))
    truth = 2 * X[:, 0]
    y = truth + 0.1 * rng.normal(size=300)
    y[:30] += 50
    errors = {}
    for name in (loss, "squared_error"):
        model = MLPRegressor((), loss=name, solver=solver, alpha=0, random_state=0)
        model.set_params(learning_rate_init=0.05, max_iter=200).fit(X, y)
        errors[name] = np.abs(model.predict(X) - truth).mean()
    assert errors[loss] < 0.2
    assert errors["squared_error"] > 3


def test_a_wide_huber_is_the_squared_error_and_a_narrow_one_the_absolute_error():
    X, y = DIABETES.X, DIABETES.y
    wide = DIABETES.model(**SMALL, loss=Huber(delta=1e6)).fit(X, y)
    assert_same_weights(wide, DIABETES.model(**SMALL).fit(X, y))
    narrow = DIABETES.model(**SMALL, loss=Huber(delta=1e-9), alpha=0, epsilon=1e-300).fit(X, y)
    absolute = DIABETES.model(**SMALL, loss="absolute_error", alpha=0, epsilon=1e-300).fit(X, y)
    np.testing.assert_allclose(narrow.coefs_[0], absolute.coefs_[0], rtol=1e-6)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_losses_with_a_log_link_predict_positive_numbers(solver, loss):
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, size=(300, 2))
    mean = np.exp(2 * X[:, 0])
    y = rng.poisson(mean) if loss == "poisson" else mean * rng.gamma(5, 1 / 5, size=300)
    rate = 0.01 if solver == "sgd" else 0.02
    model = MLPRegressor((10,), loss=loss, solver=solver, learning_rate_init=rate, random_state=0)
    predicted = model.fit(X, y).predict(X)
    assert (predicted > 0).all()
    assert np.abs(np.log(predicted / mean)).mean() < 0.25
    assert (model.predict(10 * X) > 0).all()
    assert model.out_activation_ == "exp"


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_gamma_is_for_positive_targets(value, method):
    y = np.abs(DIABETES.y) + 1
    y[3] = value
    model = DIABETES.model(**SMALL, loss="gamma")
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"loss='gamma'|Gamma\(\)"):
        getattr(model, method)(DIABETES.X, y)


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("squared_error", SquaredError()),
        ("absolute_error", AbsoluteError()),
        ("huber", Huber()),
        ("poisson", Poisson()),
        ("gamma", Gamma()),
    ],
)
@pytest.mark.parametrize("task", ["regression", "multi-output"])
def test_a_loss_by_name_is_an_instance_with_its_defaults(task, name, instance):
    task = TASKS[task]
    y = np.abs(task.y) + 0.1
    models = [task.model(**SMALL, loss=loss).fit(task.X, y) for loss in (name, instance)]
    assert_same_weights(*models)
    np.testing.assert_array_equal(models[0].predict(task.X), models[1].predict(task.X))
    quantiles = [
        task.model(**SMALL, **parameters).fit(task.X, y)
        for parameters in ({"loss": "quantile", "quantile": 0.2}, {"loss": Quantile(0.2)})
    ]
    assert_same_weights(*quantiles)


@dataclass(frozen=True)
class LogCosh(Loss):
    """log cosh(z - y): a loss of a user's own."""

    name: ClassVar[str] = "log_cosh"

    def value(self, z, y):
        return np.log(np.cosh(z - y))

    def gradient(self, z, y, delta):
        delta[...] = np.tanh(z - y)


@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("task", [DIABETES, PHYSICAL], ids=["one target", "three targets"])
def test_a_loss_of_a_users_own(task, parameters):
    model = task.model(loss=LogCosh(), **{**FAST, "alpha": 0}, **parameters).fit(task.X, task.y)
    assert model.score(task.X, task.y) > 0.3
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    if parameters.get("solver") == "lbfgs":
        error = model.predict(task.X) - task.y
        expected = np.log(np.cosh(error)).reshape(len(error), -1).sum(axis=1).mean()
        assert model.loss_ == pytest.approx(expected, rel=1e-6)


# Classification.


@kinds
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_focal_without_focus_is_the_log_loss(kind, solver):
    X, y = KINDS[kind]
    parameters = {"solver": solver, "max_iter": 10}
    focal, default = (
        classifier(**parameters, loss=loss).fit(X, y) for loss in (Focal(gamma=0), "log_loss")
    )
    # L-BFGS lets a difference in the last bit grow.
    rtol, atol = (1e-9, 1e-11) if solver == "adam" else (1e-4, 1e-4)
    np.testing.assert_allclose(focal.coefs_[0], default.coefs_[0], rtol=rtol, atol=atol)
    assert focal.loss_curve_ == pytest.approx(default.loss_curve_, rel=max(rtol, 1e-9))


@kinds
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str)
def test_no_smoothing_is_the_default_bit_for_bit(kind, parameters):
    X, y = KINDS[kind]
    parameters = {**parameters, "max_iter": 10}
    smooth, default = (
        classifier(**parameters, loss=loss).fit(X, y) for loss in (LogLoss(label_smoothing=0), "log_loss")
    )
    assert_same_weights(smooth, default)
    assert smooth.loss_curve_ == default.loss_curve_


def probabilities_of_all_targets(model, X):
    """Return the probabilities of each choice, in a list."""
    p = model.predict_proba(X)
    if isinstance(p, list):
        return p
    return [np.c_[1 - q, q] for q in p.T] if model._target_type == "multilabel-indicator" else [p]


@kinds
def test_smoothing_bounds_the_largest_probability(kind):
    X, y = KINDS[kind]
    long = {"solver": "lbfgs", "alpha": 0, "max_iter": 2000, "hidden_layer_sizes": (30,)}
    smooth = classifier(**long, loss=LogLoss(label_smoothing=0.2)).fit(X, y)
    sharp = classifier(**long).fit(X, y)
    for p, q in zip(
        probabilities_of_all_targets(smooth, X), probabilities_of_all_targets(sharp, X), strict=True
    ):
        n_classes = p.shape[1]
        # What a target of 1 is smoothed to; training fits it all but exactly.
        assert p.max() == pytest.approx(0.8 + 0.2 / n_classes, abs=0.02)
        assert q.max() > 0.99


@kinds
@pytest.mark.parametrize("loss", [Focal(), Focal(gamma=0.5), LogLoss(label_smoothing=0.1)], ids=repr)
@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, WATCHED], ids=str)
def test_every_loss_learns_every_kind_of_target(kind, loss, parameters):
    X, y = KINDS[kind]
    model = classifier(loss=loss, **parameters).fit(X, y)
    assert (model.predict(X) == y).mean() > 0.75
    for p in probabilities_of_all_targets(model, X):
        np.testing.assert_allclose(p.sum(axis=1), 1)
    weights = np.random.RandomState(0).uniform(size=len(X))
    partly = classifier(loss=loss).partial_fit(X, y, weights, classes=classes_of(y))
    assert np.isfinite(partly.loss_)


def classes_of(y):
    """Return what partial_fit must be told on its first call."""
    if y.ndim == 1:
        return np.unique(y)
    return np.arange(y.shape[1]) if y.max() == 1 else [np.unique(column) for column in y.T]


@pytest.mark.parametrize("loss", [BinaryLogLoss(), BinaryFocal()], ids=repr)
def test_a_loss_of_yes_and_no_is_not_for_several_classes(loss):
    model = MLPClassifier((5,), loss=loss, max_iter=3, random_state=0)
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=r"loss=Binary\w+\(.*\) is for two classes"),
    ):
        model.fit(WINE.X, WINE.y)
    two = WINE.y < 1
    np.testing.assert_allclose(model.fit(WINE.X, two).predict_proba(WINE.X).sum(axis=1), 1)


def test_focus_leaves_out_what_is_already_right():
    """So that probabilities of the right class come closer to one another than by the log-loss."""
    focal, default = (classifier(loss=loss).fit(WINE.X, WINE.y) for loss in (Focal(gamma=5), "log_loss"))
    rows = np.arange(len(WINE.y))
    largest = [model.predict_proba(WINE.X)[rows, WINE.y].max() for model in (focal, default)]
    assert largest[0] < largest[1]


@pytest.mark.parametrize("loss", [Focal(gamma=2), LogLoss(label_smoothing=0.1)], ids=repr)
@pytest.mark.parametrize("label", [0, "only"])
def test_a_single_class(label, loss):
    y = np.full(len(WINE.X), label)
    model = classifier(loss=loss).fit(WINE.X, y)
    np.testing.assert_array_equal(model.predict(WINE.X), y)
    np.testing.assert_array_equal(model.predict_proba(WINE.X), np.ones((len(y), 1)))


# Weights of classes.

RARE = np.r_[np.flatnonzero(CANCER.y == 1), np.flatnonzero(CANCER.y == 0)[:8]]
"""Many of one class, few of the other."""

CLASS_WEIGHTS = {
    "binary": [{0: 3.0, 1: 0.5}, {0: 3.0}, "balanced"],
    "multiclass": [{0: 1, 1: 2, 2: 0.1}, {1: 7.0}, "balanced"],
    "multilabel": [[{0: 1, 1: k + 1} for k in range(4)], "balanced"],
    "multi-output multiclass": [[{0: 1, 1: 2, 2: 3}, {0: 1, 1: 4}], "balanced"],
}
class_weights = pytest.mark.parametrize(
    ("kind", "class_weight"), [(kind, weight) for kind in KINDS for weight in CLASS_WEIGHTS[kind]]
)


@class_weights
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_weight_of_classes_is_a_weight_of_samples(kind, class_weight, solver):
    X, y = KINDS[kind]
    parameters = {**SMALL, "solver": solver}
    by_class = classifier(**parameters, class_weight=class_weight).fit(X, y)
    by_hand = classifier(**parameters).fit(X, y, sample_weight=compute_sample_weight(class_weight, y))
    np.testing.assert_allclose(by_class.coefs_[0], by_hand.coefs_[0], rtol=1e-6, atol=1e-9)
    without = classifier(**parameters).fit(X, y)
    assert np.abs(by_class.coefs_[0] - without.coefs_[0]).max() > 1e-6


@class_weights
def test_both_weights_multiply(kind, class_weight):
    X, y = KINDS[kind]
    weights = np.random.RandomState(0).uniform(0.5, 1.5, size=len(X))
    if class_weight == "balanced":
        counts = [[(column == label) @ weights for label in column] for column in y.reshape(len(y), -1).T]
        numbers = [len(np.unique(column)) for column in y.reshape(len(y), -1).T]
        of_classes = np.prod(
            [weights.sum() / (n * np.array(count)) for n, count in zip(numbers, counts, strict=True)],
            axis=0,
        )
    else:
        of_classes = compute_sample_weight(class_weight, y)
    both = classifier(**SMALL, class_weight=class_weight).fit(X, y, sample_weight=weights)
    by_hand = classifier(**SMALL).fit(X, y, sample_weight=weights * of_classes)
    np.testing.assert_allclose(both.coefs_[0], by_hand.coefs_[0], rtol=1e-6, atol=1e-9)


def test_balance_counts_a_weight_of_two_as_two_samples():
    weights = np.random.RandomState(0).randint(3, size=len(CANCER.X))
    parameters = {"solver": "lbfgs", "max_iter": 20, "class_weight": "balanced"}
    weighted = classifier(**parameters).fit(CANCER.X, CANCER.y, sample_weight=weights)
    repeated = classifier(**parameters).fit(CANCER.X.repeat(weights, axis=0), CANCER.y.repeat(weights))
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 20.0}], ids=str)
def test_weights_of_classes_find_more_of_a_rare_class(class_weight):
    X, y = CANCER.X[RARE, :2], CANCER.y[RARE]
    recalls = [
        recall_score(y, classifier(class_weight=weight).fit(X, y).predict(X), pos_label=0)
        for weight in (None, class_weight)
    ]
    assert recalls[1] > recalls[0]
    assert recalls[1] > 0.8


@pytest.mark.parametrize("names", [["a", "b", "c"], [10, 20, 30]], ids=str)
def test_classes_are_named_by_their_labels(names):
    y = np.array(names)[WINE.y]
    named = classifier(**SMALL, class_weight=dict(zip(names, [1, 2, 3], strict=True))).fit(WINE.X, y)
    codes = classifier(**SMALL, class_weight={0: 1, 1: 2, 2: 3}).fit(WINE.X, WINE.y)
    assert_same_weights(named, codes)


def test_a_weight_of_a_class_of_a_partial_fit():
    by_class, by_hand = classifier(**SMALL, class_weight={0: 1, 1: 2, 2: 3}), classifier(**SMALL)
    for rows in (slice(40), slice(40, 97)):
        y = WINE.y[rows]
        by_class.partial_fit(WINE.X[rows], y, classes=[0, 1, 2])
        by_hand.partial_fit(WINE.X[rows], y, sample_weight=y + 1.0, classes=[0, 1, 2])
    assert_same_weights(by_class, by_hand)


def test_balance_of_a_call_in_which_classes_are_missing():
    """Those that are there are balanced among themselves."""
    rows = WINE.y != 2
    model = classifier(**SMALL, class_weight="balanced")
    model.partial_fit(WINE.X[rows], WINE.y[rows], classes=[0, 1, 2])
    expected = compute_sample_weight("balanced", WINE.y[rows])
    by_hand = classifier(**SMALL).partial_fit(WINE.X[rows], WINE.y[rows], expected, classes=[0, 1, 2])
    np.testing.assert_allclose(model.coefs_[0], by_hand.coefs_[0], rtol=1e-9)


def test_weights_of_classes_and_sparse_labels():
    X, y = KINDS["multilabel"]
    dense = classifier(**SMALL, class_weight="balanced").fit(X, y)
    thin = classifier(**SMALL, class_weight="balanced").fit(X, sparse.csr_matrix(y))
    assert_same_weights(dense, thin)


@pytest.mark.parametrize(
    ("kind", "class_weight", "words"),
    [
        ("multiclass", {"red": 1}, "class"),
        ("multilabel", {0: 1}, "class_weight|multi-output"),
        ("multilabel", [{0: 1, 1: 1}], "class_weight|number of outputs|elements"),
    ],
)
def test_weights_of_classes_that_do_not_fit(kind, class_weight, words):
    X, y = KINDS[kind]
    model = classifier(class_weight=class_weight)
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        model.fit(X, y)
