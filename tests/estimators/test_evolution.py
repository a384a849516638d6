"""solver='es': any scorer or cost as the loss."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    median_absolute_error,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators.callbacks import HAS_CALLBACKS
from skmlp.network.losses import Huber

from .data import TASKS
from .state import stays_as_it_was
from .test_callbacks import Recorder

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = ignore_convergence

CORNERS, XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
BINARY, WINE, DIABETES = TASKS["binary"], TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (3,), "activation": "tanh", "solver": "es", "max_iter": 6}
both = pytest.mark.parametrize("task", [BINARY, DIABETES], ids=["classifier", "regressor"])


def penalty(model, total):
    return model.alpha / 2 * sum((coef**2).sum() for coef in model.coefs_) / total


def same_weights(model, other):
    return all(map(np.array_equal, model.coefs_ + model.intercepts_, other.coefs_ + other.intercepts_))


# XOR: where backpropagation is often stuck


def n_xor_solved(seeds):
    models = (
        MLPClassifier((2,), "logistic", solver="es", max_iter=1000, random_state=seed).fit(CORNERS, XOR)
        for seed in seeds
    )
    return sum(model.score(CORNERS, XOR) == 1 for model in models)


@pytest.mark.slow
def test_xor_is_solved_from_almost_every_start():
    assert n_xor_solved(range(20)) >= 19


@pytest.mark.slow
def test_xor_is_solved_from_95_of_100_starts():
    assert n_xor_solved(range(100)) >= 95


# What may be the loss


def in_money(y_true, y_pred):
    """A miss costs 10, a false alarm 1."""
    return float(np.where(y_true > y_pred, 10, y_pred > y_true).mean())


def in_weighted_money(y_true, y_pred, *, sample_weight=None):
    return np.average(np.where(y_true > y_pred, 10, y_pred > y_true), weights=sample_weight)


def auc_of_a_half(estimator, X, y):
    """A scorer that looks at other samples than those it is given."""
    return roc_auc_score(y[::2], estimator.predict_proba(X[::2])[:, 1])


def worst_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max()


F1 = make_scorer(f1_score)
COSTS = {
    "roc_auc": (BINARY, "roc_auc", lambda m, X, y: -roc_auc_score(y, m.decision_function(X))),
    "accuracy": (BINARY, "accuracy", lambda m, X, y: -accuracy_score(y, m.predict(X))),
    "neg_log_loss": (WINE, "neg_log_loss", lambda m, X, y: log_loss(y, m.predict_proba(X))),
    "multiclass": (WINE, "balanced_accuracy", lambda m, X, y: -get_scorer("balanced_accuracy")(m, X, y)),
    "cost": (BINARY, in_money, lambda m, X, y: in_money(y, m.predict(X))),
    "scorer": (BINARY, auc_of_a_half, lambda m, X, y: -auc_of_a_half(m, X, y)),
    "make_scorer": (BINARY, F1, lambda m, X, y: -f1_score(y, m.predict(X))),
    "multilabel": (
        TASKS["multilabel"],
        "f1_micro",
        lambda m, X, y: -f1_score(y, m.predict(X), average="micro"),
    ),
    "regression": (DIABETES, "r2", lambda m, X, y: -m.score(X, y)),
    "cost of a regressor": (DIABETES, worst_error, lambda m, X, y: worst_error(y, m.predict(X))),
    "several targets": (
        TASKS["multi-output"],
        mean_absolute_error,
        lambda m, X, y: mean_absolute_error(y, m.predict(X)),
    ),
}


@pytest.mark.parametrize("options", [{}, {"standardize": True}], ids=["as given", "standardized"])
@pytest.mark.parametrize("case", COSTS)
def test_loss_is_the_cost_plus_the_penalty(case, options):
    task, loss, by_hand = COSTS[case]
    X = 100 + 7 * task.X if options else task.X
    model = task.model(**SMALL, loss=loss, alpha=0.3, **options).fit(X, task.y)
    expected = by_hand(model, X, task.y) + penalty(model, len(X))
    assert model.loss_ == pytest.approx(expected, rel=1e-10)
    assert model.loss_ == model.best_loss_ == model.loss_curve_[-1] == min(model.loss_curve_)
    assert len(model.loss_curve_) == model.n_iter_ == 6
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize(
    "task", ["binary", "multiclass", "multilabel", "regression", "multi-output", "poisson"]
)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_losses_with_a_gradient_have_the_same_value_as_for_lbfgs(task, weighted):
    """At the weights that 'es' has found, 'lbfgs' begins with the loss that 'es' reports."""
    task = TASKS[task]
    weights = task.weights if weighted else None
    model = task.model(**SMALL, warm_start=True, alpha=0.5).fit(task.X, task.y, weights)
    reported = model.loss_
    model.set_params(solver="lbfgs", tol=1e300).fit(task.X, task.y, weights)
    assert model.loss_ == pytest.approx(reported, rel=1e-10)


@pytest.mark.slow
def test_auc_is_higher_than_by_the_log_loss():
    X, y = make_classification(
        150,
        8,
        n_informative=4,
        n_redundant=0,
        n_clusters_per_class=3,
        weights=[0.95],
        class_sep=0.5,
        flip_y=0.02,
        random_state=1,
    )
    aucs = []
    for loss in ("roc_auc", "log_loss"):
        model = MLPClassifier((3,), "tanh", solver="es", loss=loss, max_iter=40, random_state=0).fit(X, y)
        aucs.append(roc_auc_score(y, model.predict_proba(X)[:, 1]))
    assert aucs[0] > aucs[1] + 0.03


def test_money_is_saved():
    X, y = make_classification(300, 6, flip_y=0.2, random_state=1)
    costs = []
    for loss in (in_money, "log_loss"):
        model = MLPClassifier((3,), "tanh", solver="es", loss=loss, max_iter=80, random_state=0).fit(X, y)
        costs.append(in_money(y, model.predict(X)))
    assert costs[0] < 0.7 * costs[1]


@pytest.mark.slow
def test_the_median_of_errors_resists_outliers():
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, size=(150, 1))
    truth = np.sin(2 * X[:, 0])
    y = truth.copy()
    y[rng.choice(150, 40, replace=False)] += 30
    errors = []
    for loss in ("neg_median_absolute_error", "squared_error"):
        model = MLPRegressor((4,), "tanh", solver="es", loss=loss, max_iter=120, random_state=0)
        errors.append(median_absolute_error(truth, model.fit(X, y).predict(X)))
    assert errors[0] < 0.2
    assert errors[1] > 1


# Sample weights


@pytest.mark.parametrize(
    ("loss", "sign", "by_hand"),
    [
        ("accuracy", -1, accuracy_score),
        (in_weighted_money, 1, in_weighted_money),
        (accuracy_score, 1, accuracy_score),
        (lambda estimator, X, y, sample_weight: estimator.score(X, y, sample_weight), -1, accuracy_score),
        (lambda y, p, **options: accuracy_score(y, p, **options), 1, accuracy_score),
    ],
    ids=["name", "cost", "metric", "scorer", "any keyword"],
)
def test_weights_reach_what_takes_them(loss, sign, by_hand):
    weights, y = BINARY.weights, np.where(np.arange(len(BINARY.y)) % 5 == 0, 1, BINARY.y)
    model = BINARY.model(**SMALL, loss=loss, alpha=0).fit(BINARY.X, y, weights)
    predicted = model.predict(BINARY.X)
    expected = by_hand(y, predicted, sample_weight=weights)
    assert sign * model.loss_ == pytest.approx(expected, rel=1e-12)
    assert expected != pytest.approx(by_hand(y, predicted), rel=1e-6)


@pytest.mark.parametrize("loss", [in_money, auc_of_a_half], ids=["cost", "scorer"])
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
def test_weights_for_what_takes_none_are_an_error(loss, fitted):
    model = BINARY.model(**SMALL, loss=loss)
    if fitted:
        model.fit(BINARY.X, BINARY.y)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"loss=.* takes no sample_weight"):
        model.fit(BINARY.X, BINARY.y, BINARY.weights)


def test_weights_of_the_classes_count():
    model = BINARY.model(**SMALL, loss="accuracy", class_weight={0: 1, 1: 9}, alpha=0).fit(
        BINARY.X, BINARY.y
    )
    weights = np.where(BINARY.y == 1, 9, 1)
    assert -model.loss_ == pytest.approx(model.score(BINARY.X, BINARY.y, weights), rel=1e-12)


# What cannot be the loss


def is_one(y_true, y_pred):
    return np.asarray(y_true == y_pred, dtype=float)


REFUSED = {
    "an array": ({"loss": is_one}, "loss=.*is_one.* must return one number, got array"),
    "nothing": ({"loss": lambda y, p: None}, "loss=.* must return one number, got None"),
    "words": ({"loss": lambda y, p: "good"}, "loss=.* must return one number, got 'good'"),
    "an unknown name": ({"loss": "nonsense"}, "'loss' parameter .*solver='es'.* 'nonsense'"),
    "another solver": ({"solver": "adam", "loss": in_money}, "loss=.*in_money.* set solver='es'"),
    "lbfgs": ({"solver": "lbfgs", "loss": "accuracy"}, "loss='accuracy' has no gradient.* solver='es'"),
    "dropout": ({"dropout": 0.1}, "dropout=0.1 .*solver='es'"),
    "batch": ({"normalization": "batch"}, "normalization='batch' .*solver='es'"),
    "weight decay": ({"weight_decay": 0.1}, "weight_decay=0.1 .*solver='es'"),
    "decay schedule": ({"weight_decay_schedule": "cosine"}, "weight_decay_schedule='cosine' .*solver='es'"),
    "dropout schedule": ({"dropout_schedule": "cosine"}, "dropout_schedule='cosine' .*solver='es'"),
    "one candidate": ({"population_size": 1}, "'population_size' parameter .* >= 2.* Got 1"),
    "half a restart": ({"n_restarts": 0.5}, "'n_restarts' parameter .* >= 0.* Got 0.5"),
}


@both
@pytest.mark.parametrize(("parameters", "words"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_parameter_and_change_nothing(task, parameters, words):
    model = task.model(**SMALL).fit(task.X, task.y)
    model.set_params(**parameters)
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        model.fit(task.X, task.y)


def test_errors_of_a_cost_are_raised_as_they_are():
    def fails(y_true, y_pred):
        raise ZeroDivisionError("by the user")

    model = BINARY.model(**SMALL, loss=fails)
    with stays_as_it_was(model), pytest.raises(ZeroDivisionError, match="by the user"):
        model.fit(BINARY.X, BINARY.y)


def test_a_cost_that_is_never_finite_is_an_error_that_names_it():
    model = BINARY.model(**SMALL, loss=lambda y, p: np.nan)
    with pytest.raises(ValueError, match=r"loss=<function .* was not a finite number for any network"):
        model.fit(BINARY.X, BINARY.y)


# What is fitted


@both
@pytest.mark.parametrize("options", [{}, {"standardize": True}], ids=["as given", "standardized"])
def test_what_is_fitted_does_not_need_the_cost(task, options):
    model = task.model(**SMALL, loss=lambda y, p: float(np.abs(y - p).mean()), **options).fit(
        task.X, task.y
    )
    expected = model.predict(task.X)
    model.set_params(loss="log_loss" if task is BINARY else "squared_error")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(task.X), expected)
    model.set_params(loss=Huber() if task is DIABETES else "roc_auc")
    np.testing.assert_array_equal(model.predict(task.X), expected)


def test_a_cost_of_a_module_can_be_pickled_too():
    model = pickle.loads(pickle.dumps(BINARY.model(**SMALL, loss=in_money).fit(BINARY.X, BINARY.y)))
    assert model.loss is in_money
    assert same_weights(clone(model).fit(BINARY.X, BINARY.y), model)


@both
def test_nothing_of_the_candidates_stays_behind(task):
    loss = "accuracy" if task is BINARY else "r2"
    model = task.model(**SMALL, loss=loss).fit(task.X, task.y)
    with_gradient = task.model(**SMALL).fit(task.X, task.y)
    assert vars(model).keys() == vars(with_gradient).keys()
    assert "_raw_scores" not in vars(model)


def test_frames_and_labels_of_words():
    X = pd.DataFrame(BINARY.X).add_prefix("column ")
    y = np.array(["bad", "good"])[BINARY.y]
    for loss in ("roc_auc", "accuracy", lambda y, p: float(((y == "bad") & (p == "good")).mean())):
        model = BINARY.model(**SMALL, loss=loss).fit(X, y)
        assert list(model.feature_names_in_) == list(X.columns)
        assert set(model.predict(X)) <= {"bad", "good"}


@both
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("has_cost", [False, True], ids=["loss", "cost"])
def test_sparse_samples(task, make, has_cost):
    cost = "accuracy" if task is BINARY else "r2"
    options = {"loss": cost} if has_cost else {}
    dense, by_sparse = (task.model(**SMALL, **options).fit(X, task.y) for X in (task.X, make(task.X)))
    np.testing.assert_allclose(by_sparse.loss_curve_, dense.loss_curve_, rtol=1e-8)


def test_float32():
    model = BINARY.model(**SMALL, dtype="float32", loss="roc_auc").fit(BINARY.X, BINARY.y)
    assert model.coefs_[0].dtype == np.float32


# The parameters of the solver


@both
@pytest.mark.parametrize(
    ("parameter", "settings"),
    [
        ("population_size", {"max_iter": 30}),
        ("n_restarts", {"tol": 1.0, "max_iter": 400}),
        ("max_fun", {"max_iter": 60}),
        ("tol", {"max_iter": 400, "n_restarts": 0}),
        ("max_iter", {}),
        ("alpha", {}),
        ("random_state", {}),
    ],
)
def test_each_parameter_changes_the_result(task, parameter, settings):
    values = {
        "population_size": ("auto", 7),
        "n_restarts": (0, 2),
        "max_fun": (100, 300),
        "tol": (1.0, 0.1),
        "max_iter": (5, 9),
        "alpha": (0.0, 10.0),
        "random_state": (0, 1),
    }[parameter]
    models = [
        task.model(**{**SMALL, "hidden_layer_sizes": (), **settings, parameter: value}).fit(task.X, task.y)
        for value in (*values, values[0])
    ]
    assert models[0].loss_curve_ != models[1].loss_curve_
    assert models[0].loss_curve_ == models[2].loss_curve_
    assert same_weights(models[0], models[2])


def test_evaluations_are_the_generations_times_the_population():
    calls = []

    def counted(y_true, y_pred):
        calls.append(len(y_pred))
        return float((y_true != y_pred).mean())

    model = BINARY.model(**SMALL, loss=counted, population_size=6).fit(BINARY.X, BINARY.y)
    assert len(calls) == 6 * 6
    model.set_params(max_fun=20).fit(BINARY.X, BINARY.y)
    assert len(calls) == 6 * 6 + 18
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_iter": 3}, "max_iter=3 generations reached"),
        ({"max_fun": 20}, "max_fun=20 evaluations reached"),
    ],
    ids=str,
)
def test_limits_give_a_warning_that_names_them(limits, words):
    with pytest.warns(ConvergenceWarning, match=f"es failed to converge after . iteration.*{words}"):
        DIABETES.model(**{**SMALL, **limits}).fit(DIABETES.X, DIABETES.y)


@pytest.mark.filterwarnings("error")
def test_convergence_gives_no_warning():
    model = DIABETES.model(**{**SMALL, "tol": 10.0, "max_iter": 1000, "n_restarts": 1})
    assert model.fit(DIABETES.X, DIABETES.y).n_iter_ < 1000


@pytest.mark.slow
@both
@pytest.mark.parametrize("has_cost", [False, True], ids=["loss", "cost"])
def test_members_of_an_ensemble_are_the_single_fits(task, has_cost):
    cost = "accuracy" if task is BINARY else "r2"
    options = {"loss": cost} if has_cost else {}
    ensemble = task.model(**SMALL, n_members=3, alpha=0.5, **options).fit(task.X, task.y)
    assert len(ensemble.members_) == 3
    for member in ensemble.members_:
        alone = clone(member).fit(task.X, task.y)
        assert same_weights(alone, member)
        assert member.loss_curve_ == alone.loss_curve_
    assert not same_weights(*ensemble.members_[:2])
    assert ensemble.score(task.X, task.y) > (0.7 if task is BINARY else -0.5)


@both
def test_a_warm_start_goes_on(task):
    model = task.model(**{**SMALL, "max_iter": 30}, warm_start=True).fit(task.X, task.y)
    first, before = list(model.loss_curve_), model.loss_
    model.fit(task.X, task.y)
    assert model.loss_curve_[:30] == first
    assert len(model.loss_curve_) == 60
    assert model.loss_ < before


@both
def test_there_is_no_partial_fit(task):
    assert not hasattr(task.model(**SMALL), "partial_fit")


def test_verbose_prints_each_generation(capsys):
    model = BINARY.model(**SMALL, verbose=True, loss="roc_auc").fit(BINARY.X, BINARY.y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i}, loss = {loss:.8f}" for i, loss in enumerate(model.loss_curve_, 1)]


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_callbacks_can_watch_and_stop():
    recorder = Recorder(stop_after=5)
    model = BINARY.model(**SMALL, loss="accuracy").set_callbacks(recorder).fit(BINARY.X, BINARY.y)
    assert model.n_iter_ == recorder.count("end", "epoch") == 5
    np.testing.assert_array_equal(recorder.fitted_estimators[-1].predict(BINARY.X), model.predict(BINARY.X))


def test_a_density_is_learnt():
    X, y = DIABETES.X[:, [2]], DIABETES.y
    model = MixtureDensityRegressor((2,), "tanh", n_components=1, solver="es", max_iter=60, random_state=0)
    model.fit(X, y)
    assert model.loss_ < model.loss_curve_[0]
    n_penalised = penalty(model, len(X))
    z_scores = model.score_samples(X, y) + np.log(y.std())  # of standardised targets
    assert -model.loss_ == pytest.approx(z_scores.mean() - n_penalised, rel=1e-8)


@pytest.mark.slow
def test_a_grid_search_over_solvers():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((3,), "tanh", max_iter=8, random_state=0))
    grid = [
        {"mlpclassifier__solver": ["adam", "lbfgs", "es"]},
        {"mlpclassifier__solver": ["es"], "mlpclassifier__loss": ["roc_auc", in_money, F1]},
    ]
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(BINARY.X, BINARY.y)
    assert len(search.cv_results_["mean_test_score"]) == 6
    assert search.best_score_ > 0.8
