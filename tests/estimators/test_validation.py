"""Early stopping: what is watched, on which samples, what is published, and which weights are kept."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import (
    balanced_accuracy_score,
    log_loss,
    make_scorer,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor
from skmlp.fitting import problem

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 13, "max_iter": 8, "learning_rate_init": 0.01}
both = pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
tasks = pytest.mark.parametrize("task", TASKS)


def parts(task):
    """Return data to train on and to validate on: every fourth sample."""
    held_out = np.arange(len(task.X)) % 4 == 3
    return (task.X[~held_out], task.y[~held_out]), (task.X[held_out], task.y[held_out])


def validated(task, sample_weight_val=None, **parameters):
    """Return an estimator that was validated on a part of the data of its own."""
    (X, y), (X_val, y_val) = parts(task)
    model = task.model(**{**SMALL, "early_stopping": True, **parameters})
    return model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)


def after_each_epoch(task, n_epochs, **parameters):
    """Yield the estimator after each epoch of the same training, without validation."""
    (X, y), _ = parts(task)
    for n in range(1, n_epochs + 1):
        yield task.model(**{**SMALL, **parameters, "max_iter": n}).fit(X, y)


def loss_by_hand(task, model, X, y, sample_weight=None):
    """Return the loss of predictions, as it is reported and without penalty."""
    if task.cls is MLPRegressor and not task.parameters:
        return mean_squared_error(y, model.predict(X), sample_weight=sample_weight) / 2
    if task.cls is MLPRegressor:
        mean = model.predict(X)
        logs = np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mean), 0)
        return np.average(logs - y + mean, weights=sample_weight)
    p = model.predict_proba(X)
    if y.ndim == 1:
        return log_loss(y, p, sample_weight=sample_weight, labels=model.classes_)
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    return np.average(losses, weights=sample_weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@tasks
def test_scores_and_losses_are_those_of_each_epoch(task, weighted):
    task = TASKS[task]
    _, (X_val, y_val) = parts(task)
    weights = np.random.RandomState(0).uniform(0.1, 3, size=len(X_val)) if weighted else None
    model = validated(task, weights)
    assert model.n_iter_ == 8
    epochs = list(after_each_epoch(task, 8))
    scores = [epoch.score(X_val, y_val, sample_weight=weights) for epoch in epochs]
    losses = [loss_by_hand(task, epoch, X_val, y_val, weights) for epoch in epochs]
    assert model.validation_scores_ == pytest.approx(scores, rel=1e-9)
    assert model.validation_loss_curve_ == pytest.approx(losses, rel=1e-9)
    assert model.best_iter_ == 1 + int(np.argmax(scores))
    assert model.best_validation_score_ == max(model.validation_scores_)
    kept = epochs[model.best_iter_ - 1]
    for ours, theirs in zip(model.coefs_ + model.intercepts_, kept.coefs_ + kept.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.loss_curve_ == epochs[-1].loss_curve_
    assert model.score(X_val, y_val, sample_weight=weights) == pytest.approx(model.best_validation_score_)


def own_scorer(estimator, X, y):
    """Score by the median of errors."""
    return -median_absolute_error(y, estimator.predict(X))


def weighted_scorer(estimator, X, y, sample_weight=None):
    return r2_score(y, estimator.predict(X), sample_weight=sample_weight)


SCORINGS = {
    "neg_log_loss": (WINE, lambda m, X, y: -log_loss(y, m.predict_proba(X))),
    "balanced_accuracy": (WINE, lambda m, X, y: balanced_accuracy_score(y, m.predict(X))),
    "loss": (WINE, lambda m, X, y: -log_loss(y, m.predict_proba(X))),
    "neg_median_absolute_error": (DIABETES, own_scorer),
    own_scorer: (DIABETES, own_scorer),
    make_scorer(median_absolute_error, greater_is_better=False): (DIABETES, own_scorer),
    "r2": (DIABETES, lambda m, X, y: r2_score(y, m.predict(X))),
}


@pytest.mark.parametrize("scoring", SCORINGS, ids=lambda scoring: str(scoring).split(" at ")[0])
@pytest.mark.parametrize(
    "parameters", [{}, {"normalization": "batch"}, {"standardize": True}, {"dropout": 0.2}], ids=str
)
def test_any_score_can_be_watched(scoring, parameters):
    task, by_hand = SCORINGS[scoring]
    _, (X_val, y_val) = parts(task)
    model = validated(task, scoring=scoring, **parameters)
    epochs = list(after_each_epoch(task, 8, **parameters))
    expected = [by_hand(epoch, X_val, y_val) for epoch in epochs]
    assert model.validation_scores_ == pytest.approx(expected, rel=1e-9)
    assert model.best_iter_ == 1 + int(np.argmax(expected))
    assert by_hand(model, X_val, y_val) == pytest.approx(max(expected), rel=1e-9)


@pytest.mark.parametrize("scoring", ["r2", weighted_scorer, None], ids=["name", "callable", "default"])
def test_weights_of_the_validation_data_change_the_score(scoring):
    _, (X_val, y_val) = parts(DIABETES)
    weights = np.linspace(0.1, 3, len(X_val))
    without, model = validated(DIABETES, scoring=scoring), validated(DIABETES, weights, scoring=scoring)
    epoch = next(after_each_epoch(DIABETES, 1))
    expected = r2_score(y_val, epoch.predict(X_val), sample_weight=weights)
    assert model.validation_scores_[0] == pytest.approx(expected)
    assert without.validation_scores_[0] != pytest.approx(expected)


def test_the_loss_without_penalty_is_watched_for_each_loss():
    for parameters in ({"loss": "absolute_error"}, {"loss": "quantile", "quantile": 0.3}):
        model = validated(DIABETES, scoring="loss", alpha=100.0, **parameters)
        np.testing.assert_array_equal(model.validation_scores_, -np.array(model.validation_loss_curve_))
        assert min(model.validation_loss_curve_) < min(model.loss_curve_) / 2


@pytest.mark.parametrize("parameters", [{}, {"n_members": 2}, {"scoring": "r2"}], ids=str)
def test_without_early_stopping_nothing_is_validated(parameters):
    model = DIABETES.model(**SMALL, **parameters).fit(DIABETES.X, DIABETES.y)
    assert model.validation_scores_ is None
    assert model.validation_loss_curve_ is None
    assert model.best_validation_score_ is None
    assert model.best_iter_ == model.n_iter_ == 8


@both
def test_training_stops_when_the_score_no_longer_improves(task):
    model = validated(task, max_iter=500, learning_rate_init=0.1, n_iter_no_change=3)
    assert model.n_iter_ < 100
    assert model.best_iter_ < model.n_iter_
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_


@both
def test_all_of_the_training_data_are_trained_on(task):
    """No part is held out as well; and nothing is drawn for it."""
    (X, _), _ = parts(task)
    model = validated(task)
    assert model.t_ == 8 * len(X)


@both
def test_the_held_out_part_given_by_hand_is_the_same_as_drawn(task, monkeypatch):
    """Without shuffling, a fit that draws its part equals one that is given both parts."""
    drawn = []
    hold_out = problem.hold_out

    def remembered(*args):
        drawn.append(hold_out(*args))
        return drawn[-1]

    monkeypatch.setattr(problem, "hold_out", remembered)
    parameters = {**SMALL, "early_stopping": True, "shuffle": False, "standardize": True}
    own = task.model(**parameters).fit(task.X, task.y, sample_weight=task.weights)
    ((rows, held_out),) = drawn
    given = task.model(**parameters).fit(
        task.X[rows],
        task.y[rows],
        sample_weight=task.weights[rows],
        X_val=task.X[held_out],
        y_val=task.y[held_out],
        sample_weight_val=task.weights[held_out],
    )
    np.testing.assert_allclose(own.coefs_[0], given.coefs_[0], rtol=1e-12)
    assert own.validation_scores_ == pytest.approx(given.validation_scores_)
    assert own.validation_loss_curve_ == pytest.approx(given.validation_loss_curve_)


@pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=lambda c: c.__name__
)
@both
def test_validation_data_of_any_kind(task, container):
    (X, y), (X_val, y_val) = parts(task)
    expected = validated(task)
    model = clone(expected).fit(X, y, X_val=container(X_val), y_val=list(y_val))
    assert model.validation_scores_ == pytest.approx(expected.validation_scores_)


@pytest.mark.parametrize("scoring", [None, "loss", "neg_log_loss"])
def test_frames_give_no_warning(scoring):
    (X, y), (X_val, y_val) = parts(WINE)
    labels = np.array(["a", "b", "c"])
    X, X_val = (pd.DataFrame(part).add_prefix("column ") for part in (X, X_val))
    y, y_val = (pd.Series(labels[part]) for part in (y, y_val))
    model = WINE.model(**SMALL, early_stopping=True, scoring=scoring)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.validation_scores_ == pytest.approx(validated(WINE, scoring=scoring).validation_scores_)
    model.fit(X, y)  # a part of a frame is held out
    with stays_as_it_was(model), pytest.raises(ValueError, match="feature names"):
        model.fit(X, y, X_val=X_val[X.columns[::-1]], y_val=y_val)


def test_classes_that_are_missing_in_the_validation_data():
    (X, y), (X_val, y_val) = parts(WINE)
    some = y_val != 1
    model = WINE.model(**SMALL, early_stopping=True).fit(X, y, X_val=X_val[some], y_val=y_val[some])
    assert model.best_validation_score_ > 0.5


@pytest.mark.parametrize("warm_start", [False, True])
@both
def test_fits_that_follow(task, warm_start):
    (X, y), (X_val, y_val) = parts(task)
    model = validated(task, warm_start=warm_start)
    first = list(model.validation_scores_)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == (16 if warm_start else 8)
    assert model.validation_scores_[:8] == first
    assert 0 < model.best_iter_ <= 8
    scores = model.validation_scores_[-8:]
    assert model.best_validation_score_ == scores[model.best_iter_ - 1] == max(scores)


# Metadata routing.


@both
def test_validation_data_reach_a_pipeline_by_metadata_routing(task):
    (X, y), (X_val, y_val) = parts(task)
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = task.model(**SMALL, early_stopping=True)
        mlp.set_fit_request(X_val=True, y_val=True, sample_weight_val=False)
        pipeline = make_pipeline(StandardScaler(), mlp)
        pipeline.fit(X, y, X_val=StandardScaler().fit(X).transform(X_val), y_val=y_val)
    scaler = StandardScaler().fit(X)
    expected = task.model(**SMALL, early_stopping=True).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    assert pipeline[-1].validation_scores_ == expected.validation_scores_


@both
def test_validation_data_reach_a_search_by_metadata_routing(task):
    """scikit-learn splits all that is as long as X; these are not."""
    (X, y), (X_val, y_val) = parts(task)
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = task.model(**SMALL, early_stopping=True).set_fit_request(X_val=True, y_val=True)
        search = GridSearchCV(mlp, {"alpha": [1e-4, 1.0]}, cv=2, error_score="raise")
        search.fit(X, y, X_val=X_val, y_val=y_val)
        scores = cross_validate(mlp, X, y, cv=2, params={"X_val": X_val, "y_val": y_val})
    best = search.best_estimator_
    expected = clone(best).fit(X, y, X_val=X_val, y_val=y_val)
    assert best.validation_scores_ == expected.validation_scores_
    assert np.isfinite(scores["test_score"]).all()


@both
def test_validation_data_reach_a_search_without_routing(task):
    """As keyword arguments of fit."""
    (X, y), (X_val, y_val) = parts(task)
    search = GridSearchCV(
        task.model(**SMALL, early_stopping=True), {"alpha": [1e-4, 1.0]}, cv=2, error_score="raise"
    )
    search.fit(X, y, X_val=X_val, y_val=y_val)
    expected = clone(search.best_estimator_).fit(X, y, X_val=X_val, y_val=y_val)
    assert search.best_estimator_.validation_scores_ == expected.validation_scores_


# What is refused.


def bad_validation():
    """Yield what is wrong, parameters, changes to the arguments of fit, and words of the error."""
    es = {"early_stopping": True}
    yield "no early_stopping", {}, {}, "early_stopping=True"
    yield "lbfgs", {**es, "solver": "lbfgs"}, {}, "solver='lbfgs'.*stochastic"
    yield "no y_val", es, {"y_val": None}, "X_val and y_val must be given together"
    yield "no X_val", es, {"X_val": None}, "X_val and y_val must be given together"
    yield "weights only", es, {"X_val": None, "y_val": None, "sample_weight_val": 1.0}, "together"
    yield "features", es, {"X_val": lambda X: X[:, 1:]}, "features"
    yield "NaN", es, {"X_val": lambda X: X * np.nan}, "NaN"
    yield "lengths", es, {"y_val": lambda y: y[1:]}, "inconsistent numbers"
    yield "no samples", es, {"X_val": lambda X: X[:0], "y_val": lambda y: y[:0]}, "0 sample"
    yield "weights", es, {"sample_weight_val": np.ones(3)}, "sample_weight_val"
    yield "no weight", es, {"sample_weight_val": 0.0}, "sum of sample_weight_val must be greater than"
    yield "NaN weights", es, {"sample_weight_val": np.nan}, "sample_weight_val contains NaN"
    yield "scoring", {**es, "scoring": "nonsense"}, {}, "nonsense"
    yield "several scores", {**es, "scoring": lambda m, X, y: [1.0, 2.0]}, {}, "one number"


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("what", [what for what, *_ in bad_validation()])
@both
def test_validation_data_that_make_no_sense(task, what, fitted):
    parameters, changes, words = {what: rest for what, *rest in bad_validation()}[what]
    (X, y), (X_val, y_val) = parts(task)
    arguments = {"X_val": X_val, "y_val": y_val}
    for name, change in changes.items():
        arguments[name] = change(arguments[name]) if callable(change) else change
    model = task.model(**SMALL)
    if fitted:
        model.fit(X, y)
    model.set_params(**parameters)
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        model.fit(X, y, **arguments)


@pytest.mark.parametrize(
    ("task", "change", "words"),
    [
        (WINE, lambda y: np.where(y == 2, 7, y), "`y_val` has classes not in.*7"),
        (TASKS["binary"], lambda y: np.where(y == 1, 2, y), "`y_val` has classes not in.*2"),
        (
            TASKS["multilabel"],
            lambda y: y[:, 1:],
            r"y_val has the shape \(\d+, \d\), and the network predicts \d labels",
        ),
        (TASKS["multi-output"], lambda y: y[:, 1:], "y_val has 2 targets .* predicts 3"),
        (DIABETES, lambda y: np.c_[y, y], "y_val has 2 targets .* predicts 1"),
        (TASKS["poisson"], lambda y: y - 100, "y_val.*loss|loss='poisson'"),
    ],
    ids=["multiclass", "binary", "fewer labels", "fewer targets", "more targets", "poisson"],
)
def test_targets_that_do_not_fit(task, change, words):
    (X, y), (X_val, y_val) = parts(task)
    model = task.model(**SMALL, early_stopping=True)
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        model.fit(X, y, X_val=X_val, y_val=change(y_val))


def test_divergence_is_scored_as_not_a_number_and_never_kept():
    (X, y), (X_val, y_val) = parts(DIABETES)
    model = DIABETES.model(**{**SMALL, "solver": "sgd", "learning_rate_init": 1e6}, early_stopping=True)
    with stays_as_it_was(model), pytest.raises(ValueError, match="diverged"):
        model.fit(1e3 * X, y, X_val=1e3 * X_val, y_val=y_val)


def sometimes_nan(every):
    """Return a scorer that gives a number in one of ``every`` epochs only."""
    calls = iter(range(10**6))
    return lambda model, X, y: model.score(X, y) if next(calls) % every == 0 else np.nan


def test_a_score_that_is_nan_now_and_then_is_no_improvement():
    model = validated(WINE, scoring=sometimes_nan(3), max_iter=9)
    scores = np.array(model.validation_scores_)
    np.testing.assert_array_equal(np.isnan(scores), np.arange(9) % 3 != 0)
    assert model.best_iter_ == np.nanargmax(scores) + 1
    best = [*after_each_epoch(WINE, model.best_iter_)][-1]
    np.testing.assert_array_equal(model.coefs_[0], best.coefs_[0])


@pytest.mark.filterwarnings("ignore:Only one class is present")
@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_scores_that_are_all_nan_are_an_error_that_names_the_way_out():
    y = np.zeros(len(WINE.X), dtype=int)
    y[:2] = 1
    model = WINE.model(**SMALL, early_stopping=True, scoring="roc_auc")
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=r"scoring='roc_auc'.*validation_fraction.*X_val"),
    ):
        model.fit(WINE.X, y)
    model = WINE.model(**SMALL, early_stopping=True, scoring=lambda model, X, y: np.nan)
    with pytest.raises(ValueError, match="was not a finite number after any epoch"):
        model.fit(WINE.X, WINE.y)
