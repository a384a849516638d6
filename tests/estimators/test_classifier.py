"""MLPClassifier: it learns labels of any type, and its outputs agree with one another."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CANCER, WINE, GENRES = TASKS["binary"], TASKS["multiclass"], TASKS["multilabel"]
FAST = {"hidden_layer_sizes": (11,), "max_iter": 60, "learning_rate_init": 0.02}

tasks = pytest.mark.parametrize("task", [CANCER, WINE, GENRES], ids=["binary", "multiclass", "multilabel"])


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"dtype": "float32"}], ids=str)
def test_it_generalises_on_real_data(parameters):
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    model = MLPClassifier(random_state=0, **parameters, max_iter=60, learning_rate_init=0.005)
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.94


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@tasks
def test_every_solver_and_activation_learns(task, solver, activation):
    rate = 0.5 if solver == "sgd" else 0.05
    model = task.model(
        hidden_layer_sizes=(23,), solver=solver, activation=activation, learning_rate_init=rate
    )
    assert (model.fit(task.X, task.y).predict(task.X) == task.y).mean() > 0.75


def test_a_hidden_layer_learns_what_a_linear_model_cannot():
    X = np.random.RandomState(0).uniform(-1, 1, size=(400, 2))
    y = X[:, 0] * X[:, 1] > 0
    linear, deep = (
        MLPClassifier(sizes, solver="lbfgs", random_state=0).fit(X, y).score(X, y)
        for sizes in [(), (10, 10)]
    )
    assert linear < 0.7
    assert deep > 0.97


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        [-1, 1],
        [True, False],
        [2.0, 7.0],
        ["no", "yes"],
        [0, 1, 2],
        [-5, 10, 3],
        ["x", "yy", "z"],
    ],
    ids=str,
)
def test_labels_of_any_type(labels):
    y = np.array(labels)[WINE.y % len(labels)]
    model = MLPClassifier(**FAST, random_state=0).fit(WINE.X, y)
    assert list(model.classes_) == sorted(labels)
    predicted = model.predict(WINE.X)
    assert predicted.dtype == y.dtype
    assert set(predicted) == set(labels)
    assert model.score(WINE.X, y) == accuracy_score(y, predicted) > 0.8
    # The names do not change what is learned.
    codes = MLPClassifier(**FAST, random_state=0).fit(WINE.X, np.unique(y, return_inverse=True)[1])
    np.testing.assert_array_equal(model.coefs_[0], codes.coefs_[0])


@pytest.mark.parametrize("label", [0, 1, -3, "only", True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_single_class(label, solver):
    y = np.full(len(WINE.X), label)
    model = MLPClassifier(**FAST, solver=solver).fit(WINE.X, y)
    np.testing.assert_array_equal(model.predict(WINE.X), y)
    np.testing.assert_array_equal(model.predict_proba(WINE.X), np.ones((len(y), 1)))
    np.testing.assert_array_equal(model.predict_log_proba(WINE.X), np.zeros((len(y), 1)))


def test_labels_are_not_bytes():
    with pytest.raises((TypeError, FutureWarning), match="bytes"):  # scikit-learn 1.6 only warns
        MLPClassifier(**FAST).fit(WINE.X, np.array([b"a", b"b", b"c"])[WINE.y])


def test_a_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        column = WINE.model(**FAST).fit(WINE.X, WINE.y[:, np.newaxis])
    np.testing.assert_array_equal(column.coefs_[0], WINE.model(**FAST).fit(WINE.X, WINE.y).coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@tasks
def test_outputs_agree(task, solver):
    model = task.model(**FAST, solver=solver).fit(task.X, task.y)
    X = task.X[:17]
    p, labels, scores = model.predict_proba(X), model.predict(X), model.decision_function(X)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(np.log(p), model.predict_log_proba(X), atol=1e-12)
    if task is GENRES:
        assert p.shape == scores.shape == labels.shape == (17, 4)
        np.testing.assert_array_equal(labels, p > 0.5)
        np.testing.assert_array_equal(labels, scores > 0)
    else:
        n_classes = len(np.unique(task.y))
        assert p.shape == (17, n_classes)
        assert scores.shape == ((17,) if n_classes == 2 else (17, n_classes))
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_array_equal(labels, model.classes_[p.argmax(axis=1)])


@tasks
def test_score_is_the_weighted_accuracy_of_whole_rows(task):
    model = task.model(**{**FAST, "max_iter": 3}).fit(task.X, task.y)
    expected = accuracy_score(task.y, model.predict(task.X), sample_weight=task.weights)
    assert model.score(task.X, task.y, sample_weight=task.weights) == pytest.approx(expected)
    assert expected != pytest.approx(model.score(task.X, task.y))


def test_validation_scores_are_the_accuracy_on_the_validation_part():
    """Of which the best is that of the weights that are kept."""
    model = WINE.model(**FAST, early_stopping=True).fit(WINE.X, WINE.y)
    n_held_out = int(np.ceil(0.1 * len(WINE.X)))
    hits = np.array(model.validation_scores_) * n_held_out
    np.testing.assert_allclose(hits, hits.round())
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_)
    assert model.best_loss_ is None


@pytest.mark.parametrize(
    ("task", "n_outputs", "link"), [(CANCER, 1, "logistic"), (WINE, 3, "softmax"), (GENRES, 4, "logistic")]
)
def test_fitted_attributes(task, n_outputs, link):
    model = task.model(hidden_layer_sizes=(5, 7), max_iter=3).fit(task.X, task.y)
    m = task.X.shape[1]
    assert [coef.shape for coef in model.coefs_] == [(m, 5), (5, 7), (7, n_outputs)]
    assert [intercept.shape for intercept in model.intercepts_] == [(5,), (7,), (n_outputs,)]
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (4, n_outputs, link)
    assert (model.n_features_in_, model.n_iter_, model.t_) == (m, 3, 3 * len(task.X))
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is model.best_validation_score_ is None


def test_weights_may_be_edited_by_hand():
    model = CANCER.model(**FAST).fit(CANCER.X, CANCER.y)
    for array in model.coefs_ + model.intercepts_:
        array[:] = 0
    np.testing.assert_array_equal(model.predict_proba(CANCER.X), np.full((len(CANCER.X), 2), 0.5))


def test_partial_fit_learns_classes_that_come_late():
    model = WINE.model(**FAST)
    order = np.argsort(WINE.y, kind="stable")
    model.partial_fit(WINE.X[order[:20]], WINE.y[order[:20]], classes=np.unique(WINE.y))
    assert model.predict_proba(WINE.X).shape == (len(WINE.X), 3)
    for _ in range(40):
        model.partial_fit(WINE.X, WINE.y)
    assert model.score(WINE.X, WINE.y) > 0.95


def test_partial_fit_of_one_class_at_a_time_of_two():
    model = CANCER.model(**FAST)
    for label in (0, 1):
        part = CANCER.y == label
        model.partial_fit(CANCER.X[part], CANCER.y[part], classes=[0, 1])
    assert list(model.classes_) == [0, 1]
    assert model.predict_proba(CANCER.X).shape[1] == 2


@tasks
def test_weights_count_as_repetitions_do(task):
    weights = np.random.RandomState(0).randint(3, size=len(task.X))
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 20, "batch_size": 1000, "shuffle": False}
    with pytest.warns(UserWarning, match="clipped"):
        weighted = task.model(**parameters).fit(task.X, task.y, sample_weight=weights)
    with pytest.warns(UserWarning, match="clipped"):
        repeated = task.model(**parameters).fit(
            task.X.repeat(weights, axis=0), task.y.repeat(weights, axis=0)
        )
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-8, atol=1e-10)
