"""Successive halving: candidates that go on with more epochs continue, and end as if trained at once."""

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn import model_selection
from sklearn.base import BaseEstimator
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.model_selection
from skmlp import MixtureDensityRegressor
from skmlp.model_selection import HalvingGridSearchCV
from skmlp.training.schedules import Constant, Cosine, Linear
from tests.estimators.data import TASKS
from tests.model_selection.comparisons import (
    DIABETES,
    SMALL,
    WINE,
    Stacks,
    assert_same_search,
    both,
    both_fitted,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # scikit-learn 1.6 makes an array of the candidates' hidden_layer_sizes.
    pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged nested sequences"),
]

ALPHAS = {"alpha": [1e-4, 0.1, 10.0, 100.0]}
EPOCHS = {"resource": "max_iter", "min_resources": 2, "max_resources": 8, "factor": 2, "cv": 2}
EPOCHS |= {"random_state": 0, "return_train_score": False}
"""4 candidates with 2 epochs, 2 with 4, 1 with 8, for each of 2 training parts; and the best on all."""
ANEW = 2 * (4 * 2 + 2 * 4 + 1 * 8) + 8
CONTINUED = 2 * (4 * 2 + 2 * 2 + 1 * 4) + 8


@pytest.fixture
def stacks(monkeypatch):
    return Stacks(monkeypatch)


def wine(**parameters):
    return WINE.model(**SMALL | {"n_iter_no_change": 100, "batch_size": 25} | parameters)


def searches(*args, **options):
    return both("HalvingGridSearchCV", *args, **EPOCHS | options)


def assert_same_found(model, grid, X=WINE.X, y=WINE.y, params=None, rtol=1e-6, **options):
    """Raise unless both searches find the same; return that of skmlp."""
    pair = both_fitted("HalvingGridSearchCV", model, grid, X, y, params, **EPOCHS | options)
    assert_same_search(*pair, rtol)
    return pair[1]


CONTINUE = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "nadam": {"solver": "nadam"},
    "adaptive": {"learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    "invscaling": {"learning_rate": "invscaling"},
    "dropout": {"dropout": 0.3},
    "batch normalization": {"normalization": "batch"},
    "standardize": {"standardize": True},
    "clipped": {"max_grad_norm": 0.5, "weight_decay": 0.1},
    "class weights": {"class_weight": "balanced"},
    "early stopping": {"early_stopping": True},
    "early stopping, dropout, standardize": {"early_stopping": True, "dropout": 0.2, "standardize": True},
    "ensemble": {"n_members": 3},
    "a plan with a length": {"learning_rate": Cosine(n_epochs=8)},
    "a longer plan": {"learning_rate": Linear(n_epochs=30, warmup=0.2)},
    "decay by a plan with a length": {"weight_decay": 0.5, "weight_decay_schedule": Cosine(n_epochs=8)},
    "a warm-up with a length": {"learning_rate": Constant(n_epochs=5, warmup=0.5)},
}


@pytest.mark.parametrize("variant", CONTINUE)
def test_survivors_go_on_and_end_as_if_trained_at_once(variant, stacks):
    theirs, ours = searches(wine(**CONTINUE[variant]), ALPHAS)
    theirs.fit(WINE.X, WINE.y)
    assert stacks.total_epochs == ANEW
    stacks.clear()
    ours.fit(WINE.X, WINE.y)
    assert stacks.total_epochs == CONTINUED
    assert ours.n_resources_ == [2, 4, 8]
    assert_same_search(theirs, ours)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("options", [{}, {"dropout": 0.3, "early_stopping": True}], ids=str)
def test_every_kind_of_target(task, options):
    task = TASKS[task]
    model = task.model(**SMALL | options, validation_fraction=0.2)
    assert_same_found(model, ALPHAS, task.X, task.y, scoring=lambda e, X, y: e.loss_)


@pytest.mark.parametrize("options", [{}, {"beta": 0.5}], ids=str)
def test_mixture_densities(options):
    model = MixtureDensityRegressor(**SMALL, random_state=0, **options)
    assert_same_found(model, ALPHAS, DIABETES.X, DIABETES.y)


def test_samples_in_float32():
    X, y = DIABETES.X.astype(np.float32), DIABETES.y
    assert_same_found(DIABETES.model(**SMALL), ALPHAS, X, y, rtol=1e-3, scoring=lambda e, X, y: e.alpha)


@pytest.mark.parametrize(
    "options",
    [
        {"scoring": "neg_log_loss"},
        {"return_train_score": True},
        {"refit": False},
        {"cv": StratifiedKFold(3, shuffle=True, random_state=1)},
        {"factor": 1.5},
        {"min_resources": "smallest", "max_resources": 3},
        {"min_resources": "exhaust"},
        {"n_jobs": 2},
        {"verbose": 1},
    ],
    ids=lambda options: ", ".join(options),
)
def test_options(options):
    with joblib.parallel_config(backend="threading"):
        assert_same_found(wine(), ALPHAS, **options)


def test_aggressive_elimination_repeats_the_first_iteration(stacks):
    options = {"aggressive_elimination": True, "min_resources": 2, "max_resources": 4}
    search = assert_same_found(wine(dropout=0.2), ALPHAS, **options)
    assert search.n_resources_ == [2, 2, 4]
    assert search.n_candidates_ == [4, 2, 1]
    stacks.clear()
    search.fit(WINE.X, WINE.y)
    assert stacks.total_epochs == 2 * (4 * 2 + 0 + 2) + 4


def test_candidates_that_are_the_same_do_not_disturb_each_other():
    for grid in ({"alpha": [0.1] * 4}, {"alpha": [0.1, 0.1, 1.0, 1.0]}):
        assert_same_found(wine(dropout=0.2), grid)
        assert_same_found(wine(), grid)


def test_weights_of_samples():
    params = {"sample_weight": WINE.weights}
    assert_same_found(wine(), ALPHAS, params=params, scoring="neg_log_loss")
    assert_same_found(wine(standardize=True, early_stopping=True), ALPHAS, params=params)


def test_groups():
    params = {"groups": np.arange(97) % 5}
    assert_same_found(wine(), ALPHAS, params=params, cv=GroupKFold(3))


@pytest.mark.parametrize("options", [{}, {"dropout": 0.3}, {"early_stopping": True}], ids=str)
def test_pipelines(options, stacks):
    model, grid = (
        make_pipeline(StandardScaler(), wine(**options)),
        {"mlpclassifier__alpha": ALPHAS["alpha"]},
    )
    assert_same_found(model, grid, resource="mlpclassifier__max_iter")
    assert stacks.total_epochs == ANEW + CONTINUED


class Counting(BaseEstimator):
    """A step that notes how often it is fitted."""

    fits = 0

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None):
        Counting.fits += 1
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X * self.factor


def test_preprocessing_parameters_tell_candidates_apart():
    grid = {"counting__factor": [1.0, 2.0], "mlpclassifier__alpha": [0.1, 1.0]}
    theirs, ours = searches(make_pipeline(Counting(), wine()), grid, resource="mlpclassifier__max_iter")
    Counting.fits = 0
    ours.fit(WINE.X, WINE.y)
    # For each training part: 2 for 4 candidates, then at most one for each survivor; and the refit.
    assert 2 * 2 < Counting.fits <= 2 * (2 + 2 + 1) + 1
    assert_same_search(theirs.fit(WINE.X, WINE.y), ours)


STOPPING = {
    "loss": {"tol": 0.1, "n_iter_no_change": 1},
    "late": {"tol": 0.1, "n_iter_no_change": 3},
    "score": {"early_stopping": True, "tol": 0.02, "n_iter_no_change": 2},
    "score, standardize": {"early_stopping": True, "tol": 0.02, "n_iter_no_change": 2, "standardize": True},
    "ensemble": {"tol": 0.1, "n_iter_no_change": 1, "n_members": 3},
    "ensemble, score": {"early_stopping": True, "tol": 0.02, "n_iter_no_change": 1, "n_members": 3},
}


@pytest.mark.parametrize("resources", [(1, 4), (4, 16)])
@pytest.mark.parametrize("stopping", STOPPING)
def test_fits_that_stop_by_themselves_are_over(stopping, resources):
    options = {"min_resources": resources[0], "max_resources": resources[1]}
    # The fewer epochs, the better.
    search = assert_same_found(
        wine(**STOPPING[stopping]), ALPHAS, **options, scoring=lambda e, X, y: e.score(X, y) - e.n_iter_
    )
    assert search.best_estimator_.n_iter_ < search.n_resources_[-1] or resources == (1, 4)


def test_fits_that_are_over_are_not_trained_again(stacks):
    model = wine(tol=10.0, n_iter_no_change=2)  # each ends with its third or fourth epoch
    search = HalvingGridSearchCV(model, ALPHAS, **EPOCHS | {"min_resources": 5, "max_resources": 20})
    search.fit(WINE.X, WINE.y)
    n_epochs = [epochs for stack in stacks.n_epochs for epochs in stack]
    assert len(n_epochs) == 2 * 4 + 1
    assert max(n_epochs) <= 4
    assert search.best_estimator_.n_iter_ == n_epochs[-1]


PLANNED = {
    "cosine": {"learning_rate": "cosine"},
    "warmup": {"warmup": 0.2},
    "linear": {"learning_rate": "linear"},
    "decay": {"weight_decay": 0.5, "weight_decay_schedule": "flat_cosine"},
}


@pytest.mark.parametrize("schedule", PLANNED)
def test_schedules_that_plan_for_the_end_start_anew(schedule, stacks):
    assert_same_found(wine(**PLANNED[schedule]), ALPHAS)
    assert stacks.total_epochs == 2 * ANEW


def test_a_plan_ends_where_it_says(stacks):
    search = assert_same_found(wine(learning_rate=Cosine(n_epochs=5)), ALPHAS)
    assert search.best_estimator_.n_iter_ == 5
    anew, continued = 2 * (4 * 2 + 2 * 4 + 1 * 5) + 5, 2 * (4 * 2 + 2 * 2 + 1 * 1) + 5
    assert stacks.total_epochs == anew + continued


def test_a_search_over_schedules_continues_those_that_can():
    grid = {"learning_rate": ["constant", "cosine"], "alpha": [0.1, 1.0]}
    assert_same_found(wine(), grid)
    assert_same_found(wine(), grid, scoring=lambda e, X, y: -e.alpha)


@pytest.mark.parametrize("parameters", [{"solver": "lbfgs"}, {"max_time": 1000.0}], ids=str)
def test_fits_that_are_no_stacks(parameters):
    assert_same_found(wine(**parameters), ALPHAS)


def test_a_search_over_solvers_and_shapes():
    grid = {"solver": ["adam", "lbfgs"], "hidden_layer_sizes": [(3,), (3, 3)]}
    assert_same_found(wine(), grid)
    assert_same_found(wine(), grid, scoring=lambda e, X, y: -e.loss_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_candidates_that_fail_are_left_behind():
    grid = {"learning_rate_init": [0.001, 0.01, -1.0, 1e300]}
    model = DIABETES.model(**SMALL | {"solver": "sgd"})
    search = assert_same_found(model, grid, DIABETES.X, DIABETES.y, error_score=-1e9)
    assert sum(search.cv_results_["mean_test_score"] == -1e9) >= 2


@pytest.mark.parametrize("resource", ["n_samples", "n_iter_no_change", "n_members"])
def test_other_resources_start_anew(resource):
    options = {"resource": resource, "max_resources": 4, "min_resources": 1}
    if resource == "n_samples":
        options = {"resource": resource, "min_resources": 30, "max_resources": 90}
    assert_same_found(wine(batch_size=7), {"alpha": [0.01, 1.0, 100.0]}, **options)


@pytest.mark.parametrize("resource", ["max_iter", "n_samples"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_random_candidates(seed, resource):
    options = EPOCHS | {"random_state": seed, "resource": resource, "n_candidates": 4}
    if resource == "n_samples":
        options |= {"min_resources": 30, "max_resources": 90}
    distributions = {"alpha": stats.loguniform(1e-4, 10), "n_iter_no_change": stats.randint(1, 3)}
    model = wine(tol=0.01, batch_size=7)
    pair = both_fitted("HalvingRandomSearchCV", model, distributions, WINE.X, WINE.y, **options)
    assert_same_search(*pair)


def test_random_candidates_that_are_drawn_twice():
    pair = both_fitted(
        "HalvingRandomSearchCV",
        wine(dropout=0.2),
        {"alpha": stats.randint(0, 2)},
        WINE.X,
        WINE.y,
        n_candidates=4,
        **EPOCHS,
    )
    assert_same_search(*pair)


def test_the_winner_is_a_fit_of_all_its_epochs():
    search = HalvingGridSearchCV(wine(dropout=0.2), ALPHAS, **EPOCHS).fit(WINE.X, WINE.y)
    expected = wine(dropout=0.2).set_params(**search.best_params_).fit(WINE.X, WINE.y)
    for one, other in zip(expected.coefs_, search.best_estimator_.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert search.best_params_["max_iter"] == 8


def test_any_other_estimator_is_searched_as_by_scikit_learn():
    pair = [
        module.HalvingGridSearchCV(SGDClassifier(tol=None, random_state=0), ALPHAS, **EPOCHS).fit(
            WINE.X, WINE.y
        )
        for module in (model_selection, skmlp.model_selection)
    ]
    for name in ("mean_test_score", "n_resources", "iter"):
        np.testing.assert_array_equal(pair[1].cv_results_[name], pair[0].cv_results_[name])


def test_splits_that_change_are_refused_as_by_scikit_learn():
    for module in (model_selection, skmlp.model_selection):
        search = module.HalvingGridSearchCV(wine(), ALPHAS, **EPOCHS | {"cv": KFold(2, shuffle=True)})
        with pytest.raises(ValueError, match="must yield consistent folds"):
            search.fit(WINE.X, WINE.y)


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({"max_iter": [2, 3]}, {}, "Cannot use parameter max_iter as the resource"),
        (ALPHAS, {"resource": "epochs"}, "Cannot use resource=epochs"),
        (ALPHAS, {"max_resources": "auto"}, "resource can only be 'n_samples' when max_resources='auto'"),
        (ALPHAS, {"min_resources": 100}, "min_resources_=100 is greater than max_resources_=8"),
    ],
    ids=["searched", "unknown", "auto", "too many"],
)
def test_bad_resources_are_refused_as_by_scikit_learn(grid, options, message):
    for module in (model_selection, skmlp.model_selection):
        with pytest.raises(ValueError, match=message):
            module.HalvingGridSearchCV(wine(), grid, **EPOCHS | options).fit(WINE.X, WINE.y)
