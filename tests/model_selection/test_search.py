"""Searches by stacks: every option means what it means in scikit-learn, and gives the same."""

import inspect
import pickle
import re
import time
import warnings
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse, stats
from sklearn import model_selection
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import skmlp.model_selection
from skmlp import MLPClassifier
from skmlp.model_selection import GridSearchCV, planning
from skmlp.network.losses import Focal, Huber, LogLoss
from tests.estimators.data import TASKS
from tests.estimators.state import stays_as_it_was
from tests.model_selection.comparisons import (
    DIABETES,
    SMALL,
    VARIANTS,
    WINE,
    Stacks,
    assert_same_fit,
    assert_same_search,
    both_fitted,
    last_of,
    model_of,
    unfitted,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # scikit-learn 1.6 makes an array of the candidates' hidden_layer_sizes.
    pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged nested sequences"),
]

ALPHAS = {"alpha": [0.01, 1.0, 10.0]}
STEP_ALPHAS = {"mlpclassifier__alpha": [0.01, 1.0, 10.0]}
SEARCHES = ["GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"]


@pytest.fixture
def stacks(monkeypatch):
    return Stacks(monkeypatch)


def assert_same_found(model, grid, X=WINE.X, y=WINE.y, params=None, rtol=1e-6, **options):
    """Raise unless both grid searches find the same; return that of skmlp."""
    theirs, ours = both_fitted("GridSearchCV", model, grid, X, y, params, **{"cv": 2, **options})
    assert_same_search(theirs, ours, rtol)
    return ours


def pipeline(variant="adam", **parameters):
    return make_pipeline(StandardScaler(), model_of(WINE, variant).set_params(**parameters))


# Every estimator, every task, every parameter


# A grid is divided into stacks in the same way whatever the targets are.
@pytest.mark.parametrize("task", ["multiclass", pytest.param("regression", marks=pytest.mark.slow)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_results_are_those_of_scikit_learn(task, variant):
    task = TASKS[task]
    rtol = 1e-3 if variant == "float32" else 1e-6
    assert_same_found(model_of(task, variant), VARIANTS[variant][1], task.X, task.y, rtol=rtol)


@pytest.mark.parametrize("task", ["binary", "multilabel", "multi-output", "poisson"])
@pytest.mark.parametrize("variant", ["adam", "standardize", "early stopping", "tol"])
def test_other_targets(task, variant):
    task = TASKS[task]
    model = model_of(task, variant).set_params(validation_fraction=0.2)
    assert_same_found(model, VARIANTS[variant][1], task.X, task.y)


@pytest.mark.parametrize(
    ("task", "grid"),
    [
        ("regression", {"loss": ["squared_error", Huber(0.5), Huber(1.0), "absolute_error"]}),
        ("regression", {"loss": ["quantile"], "quantile": [0.1, 0.5, 0.9]}),
        ("multiclass", {"loss": ["log_loss", LogLoss(label_smoothing=0.1), Focal(1), Focal(2)]}),
        ("multiclass", {"class_weight": [None, "balanced", {0: 5.0, 1: 1.0, 2: 0.5}]}),
        ("multiclass", {"scoring": [None, "f1_macro"], "early_stopping": [True]}),
        ("multiclass", {"standardize": [True, False], "dtype": ["float64", "float32"]}),
    ],
    ids=["losses", "quantiles", "losses of classes", "class weights", "validation scores", "dtypes"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_differs_between_candidates(task, grid, weighted):
    task = TASKS[task]
    params = {"sample_weight": task.weights} if weighted else {}
    rtol = 1e-3 if "dtype" in grid else 1e-6
    model = task.model(**SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_found(model, grid, task.X, task.y, params, rtol)


@pytest.mark.parametrize("task", TASKS)
def test_pipelines(task):
    task = TASKS[task]
    model = Pipeline([("scale", MinMaxScaler()), ("reduce", PCA()), ("net", task.model(**SMALL))])
    grid = {"reduce__n_components": [2, 3], "net__alpha": [0.1, 1.0]}
    assert_same_found(model, grid, task.X, task.y, scoring=lambda e, X, y: e.score(X, y) + e[-1].n_iter_)


def test_steps_are_candidates_too():
    grid = {
        "scale": [StandardScaler(), MinMaxScaler(), "passthrough"],
        "net": [model_of(WINE), model_of(WINE, "lbfgs"), LogisticRegression()],
    }
    model = Pipeline([("scale", None), ("net", model_of(WINE))])
    options = {"scoring": "neg_log_loss", "refit": lambda results: 0}
    assert_same_found(model, grid, **options)


def test_a_pipeline_of_nothing_but_a_network():
    assert_same_found(Pipeline([("net", model_of(WINE))]), {"net__alpha": [0.1, 1.0]})


def test_a_pipeline_with_a_cache(tmp_path):
    model = Pipeline([("scale", StandardScaler()), ("net", model_of(WINE))], memory=str(tmp_path))
    assert_same_found(model, {"net__alpha": [0.1, 1.0]})


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "distributions",
    [
        {"alpha": stats.loguniform(1e-4, 1), "learning_rate_init": stats.uniform(0.001, 0.1)},
        {"alpha": [0.1, 1.0, 10.0], "hidden_layer_sizes": [(3,), (4,)]},
        [{"alpha": stats.uniform()}, {"solver": ["lbfgs", "adam"]}],
    ],
    ids=["distributions", "lists", "list of dict"],
)
def test_randomized_search(distributions, seed):
    options = {"n_iter": 4, "random_state": seed, "cv": 3}
    assert_same_search(
        *both_fitted("RandomizedSearchCV", model_of(WINE), distributions, WINE.X, WINE.y, **options)
    )


# Samples and metadata


@pytest.mark.parametrize("variant", ["adam", "early stopping", "standardize", "dropout"])
def test_sparse_samples(variant):
    X = sparse.csr_matrix(np.maximum(WINE.X, 0))
    assert_same_found(model_of(WINE, variant), VARIANTS[variant][1], X)


def test_sparse_samples_in_a_pipeline():
    model = make_pipeline(StandardScaler(with_mean=False), model_of(WINE))
    assert_same_found(model, STEP_ALPHAS, sparse.csr_matrix(WINE.X))


def test_sparse_labels():
    genres = TASKS["multilabel"]
    assert_same_found(model_of(genres), ALPHAS, genres.X, sparse.csr_matrix(genres.y))


def test_samples_in_float32():
    search = assert_same_found(model_of(DIABETES), ALPHAS, DIABETES.X.astype("f4"), DIABETES.y, rtol=1e-3)
    assert search.best_estimator_.coefs_[0].dtype == np.float32


@pytest.mark.parametrize("is_pipeline", [False, True])
def test_data_frames_and_labels_that_are_strings(is_pipeline):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(WINE.X, columns=[f"x{i}" for i in range(13)])
    y = pandas.Series(np.array(["c", "a", "b"])[WINE.y])
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    search = assert_same_found(model, grid, X, y)
    assert search.classes_.tolist() == ["a", "b", "c"]
    assert search.feature_names_in_.tolist() == list(X.columns)
    assert search.n_features_in_ == 13


@pytest.mark.parametrize(
    "weights", [WINE.weights, WINE.weights.tolist(), None], ids=["array", "list", "None"]
)
@pytest.mark.parametrize("variant", ["adam", "early stopping", "standardize", "ensemble"])
def test_sample_weights(variant, weights):
    grid = VARIANTS[variant][1]
    assert_same_found(model_of(WINE, variant), grid, params={"sample_weight": weights})
    if variant == "adam":
        model, grid = pipeline(), STEP_ALPHAS
        assert_same_found(model, grid, params={"mlpclassifier__sample_weight": weights})


def test_groups():
    groups = np.arange(97) % 7
    search = assert_same_found(model_of(WINE), ALPHAS, params={"groups": groups}, cv=GroupKFold(4))
    assert search.n_splits_ == 4


def test_validation_data_that_are_given():
    params = {"X_val": WINE.X[::4], "y_val": WINE.y[::4], "sample_weight_val": WINE.weights[::4]}
    model = WINE.model(**SMALL, early_stopping=True, n_iter_no_change=1)
    assert_same_found(model, {"tol": [0.001, 0.1]}, params=params)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("fits", [False, True])
@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("is_pipeline", [False, True])
def test_metadata_are_routed(fits, scores, is_pipeline):
    model = model_of(WINE).set_fit_request(sample_weight=fits).set_score_request(sample_weight=scores)
    grid, params = ALPHAS, {"groups": np.arange(97) % 7}
    if is_pipeline:
        model, grid = (
            make_pipeline(StandardScaler().set_fit_request(sample_weight=fits), model),
            STEP_ALPHAS,
        )
    if fits or scores:
        params["sample_weight"] = WINE.weights
    # The ``score`` of scikit-learn's pipelines may refuse weights.
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=scores)
    options = {"scoring": scorer} if is_pipeline else {}
    assert_same_found(model, grid, params=params, cv=GroupKFold(3), **options)


@pytest.mark.usefixtures("routing")
def test_metadata_by_another_name_and_for_a_scorer():
    model = model_of(WINE).set_fit_request(sample_weight="trust")
    scoring = {
        "weighted": make_scorer(accuracy_score).set_score_request(sample_weight="importance"),
        "plain": make_scorer(accuracy_score).set_score_request(sample_weight=False),
    }
    params = {"trust": WINE.weights, "importance": np.arange(1.0, 98)}
    search = assert_same_found(model, ALPHAS, params=params, scoring=scoring, refit="plain")
    results = search.cv_results_
    assert (results["mean_test_weighted"] != results["mean_test_plain"]).any()


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("is_pipeline", [False, True])
def test_metadata_that_nobody_asked_for_raise(is_pipeline):
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    for module in (model_selection, skmlp.model_selection):
        search = module.GridSearchCV(model, grid, cv=3, refit=False, error_score="raise")
        with pytest.raises(UnsetMetadataPassedError, match=r"sample_weight.*not explicitly set"):
            search.fit(WINE.X, WINE.y, sample_weight=WINE.weights)


# Options


def isinstance_score(estimator, X, y):
    assert type(estimator) in (Pipeline, MLPClassifier)
    network = last_of(estimator)
    assert type(network) is MLPClassifier
    return network.n_iter_ + network.loss_


def several_scores(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "epochs": float(last_of(estimator).n_iter_)}


SCORINGS = {
    "name": {"scoring": "neg_log_loss"},
    "names": {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
    "tuple": {"scoring": ("accuracy", "neg_log_loss"), "refit": False},
    "dict": {"scoring": {"a": "accuracy", "b": isinstance_score}, "refit": "b"},
    "callable": {"scoring": isinstance_score},
    "several of one callable": {"scoring": several_scores, "refit": "accuracy"},
    "training parts": {"return_train_score": True},
    "names, training parts": {"scoring": ["accuracy"], "refit": "accuracy", "return_train_score": True},
    "no refit": {"refit": False},
    "refit by rule": {"refit": lambda results: len(results["params"]) - 1},
    "scorer": {"scoring": make_scorer(accuracy_score)},
    "splitter": {"cv": ShuffleSplit(4, random_state=0)},
    "number": {"cv": 2},
    "list": {"cv": [(np.arange(50), np.arange(50, 97)), (np.arange(40, 97), np.arange(40))]},
    "workers": {"n_jobs": 2},
    "one at a time": {"n_jobs": 2, "pre_dispatch": 1},
}


@pytest.mark.parametrize("options", SCORINGS)
@pytest.mark.parametrize("is_pipeline", [False, True])
def test_options(options, is_pipeline):
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    with joblib.parallel_config(backend="threading"):
        assert_same_found(model, grid, **SCORINGS[options])


def test_a_list_of_grids():
    grids = [
        {"alpha": [0.1, 1.0]},
        {"solver": ["lbfgs"]},
        {"hidden_layer_sizes": [(3,), (4,)], "tol": [0.1]},
    ]
    assert_same_found(model_of(WINE), grids)


def test_a_generator_of_splits():
    theirs, ours = (
        module.GridSearchCV(model_of(WINE), ALPHAS, cv=KFold(3).split(WINE.X)).fit(WINE.X, WINE.y)
        for module in (model_selection, skmlp.model_selection)
    )
    assert_same_search(theirs, ours)


def test_masks_are_splits_too():
    masks = [(np.arange(97) % 3 != fold, np.arange(97) % 3 == fold) for fold in range(3)]
    assert_same_found(model_of(WINE), ALPHAS, cv=masks)


def timeless(text):
    return re.sub(r"(total time=|\d+(\.\d+)?(s|min)\b).*", "", text)


@pytest.mark.parametrize("verbose", [1, 2, 3, 10])
def test_verbose_prints_what_scikit_learn_prints_and_how_many_stacks(verbose, capsys):
    printed = []
    for module in (model_selection, skmlp.model_selection):
        module.GridSearchCV(model_of(WINE), ALPHAS, cv=3, verbose=verbose).fit(WINE.X, WINE.y)
        printed.append(timeless(capsys.readouterr().out).splitlines())
    line = next(line for line in printed[1] if line.startswith("Training 9 fits in"))
    printed[1].remove(line)
    assert printed[1] == printed[0]


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_say_why_they_are_not_stacked(name, capsys):
    grid = {"C": [0.1, 1.0, 2.0]}
    options = {"RandomizedSearchCV": {"n_iter": 3}, "HalvingRandomSearchCV": {"n_candidates": 3}}.get(
        name, {}
    )
    search = getattr(skmlp.model_selection, name)(LogisticRegression(), grid, verbose=1, cv=2, **options)
    search.fit(WINE.X, WINE.y)
    assert (
        capsys.readouterr().out.splitlines()[0] == "Not stacked: LogisticRegression is no network of skmlp"
    )


def test_nothing_is_printed_unless_asked_for(capsys):
    GridSearchCV(model_of(WINE), ALPHAS, cv=3).fit(WINE.X, WINE.y)
    assert capsys.readouterr() == ("", "")


# What goes wrong


def found_and_warned(model, grid, X=WINE.X, y=WINE.y, **options):
    """Return, for scikit-learn and skmlp, the fitted search and the beginnings of its warnings."""
    pairs = []
    for module in (model_selection, skmlp.model_selection):
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            search = module.GridSearchCV(model, grid, **{"cv": 3, **options}).fit(X, y)
        # How an error came about is told by a traceback.
        told = [f"{note.category.__name__}: {str(note.message).strip().splitlines()[0]}" for note in notes]
        last_lines = [str(note.message).rstrip().splitlines()[-1] for note in notes]
        pairs.append((search, sorted(told), sorted(last_lines)))
    (theirs, expected, ends), (ours, found, own_ends) = pairs
    assert found == expected
    assert own_ends == ends
    return theirs, ours, found


WRONG = {
    "invalid": (WINE, {"alpha": [0.1, -1.0, 1.0]}),
    "not a number": (WINE, {"tol": [1e-4, "much"]}),
    "unknown name": (WINE, {"activation": ["relu", "rely"]}),
    "wrong combination": (WINE, {"solver": ["adam", "lm"]}),
    "diverges": (DIABETES, {"solver": ["sgd"], "learning_rate_init": [0.01, 1e6], "alpha": [0.1, 1.0]}),
}


@pytest.mark.parametrize("error_score", [np.nan, -7.0])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_candidate_that_fails_gets_error_score_and_the_usual_warning(wrong, error_score):
    task, grid = WRONG[wrong]
    theirs, ours, found = found_and_warned(
        model_of(task), grid, task.X, task.y, error_score=error_score, return_train_score=True, refit=False
    )
    assert_same_search(theirs, ours)
    assert sum(told.startswith("FitFailedWarning") for told in found) == 1
    failed = ours.cv_results_["mean_test_score"]
    assert (np.isnan(failed) if np.isnan(error_score) else failed == error_score).any()


def test_neighbours_of_a_candidate_that_fails_are_not_touched(stacks):
    alone = GridSearchCV(model_of(DIABETES, "in order"), {"alpha": [0.1, 1.0]}, cv=3)
    alone.fit(DIABETES.X, DIABETES.y)
    stacks.clear()
    grid = [{"alpha": [0.1, 1.0]}, {"alpha": [-1.0]}, {"learning_rate_init": [1e300]}]
    search = GridSearchCV(model_of(DIABETES, "in order"), grid, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(DIABETES.X, DIABETES.y)
    assert stacks.n_fits == [9, 1]  # the invalid ones are never trained; the last is the refit
    for i in range(3):
        name = f"split{i}_test_score"
        np.testing.assert_array_equal(search.cv_results_[name][:2], alone.cv_results_[name])
        assert np.isnan(search.cv_results_[name][2:]).all()


def test_a_preprocessing_step_that_fails():
    model, grid = make_pipeline(PCA(), model_of(WINE)), {"pca__n_components": [3, 50, 4]}
    theirs, ours, found = found_and_warned(model, grid)
    assert_same_search(theirs, ours)
    assert any("3 fits failed out of a total of 9" in told for told in found)


def test_samples_that_some_training_parts_cannot_have():
    X = WINE.X.copy()
    X[0, 0] = np.inf
    theirs, ours, _ = found_and_warned(
        model_of(WINE), ALPHAS, X, cv=KFold(3), refit=False, scoring=lambda e, X, y: e.loss_
    )
    assert_same_search(theirs, ours)


def test_a_scorer_that_fails():
    def score(estimator, X, y):
        if estimator.alpha == 1.0:
            raise ValueError("No score for this.")
        return estimator.loss_

    theirs, ours, found = found_and_warned(model_of(WINE), ALPHAS, scoring=score)
    assert_same_search(theirs, ours)
    assert sum("Scoring failed" in told for told in found) == 3


@pytest.mark.parametrize(
    ("grid", "params", "options"),
    [
        ({"alpha": [0.1, -1.0]}, {}, {"error_score": "raise"}),
        ({"alpha": [-1.0]}, {}, {}),
        ({"alhpa": [1.0]}, {}, {}),
        (ALPHAS, {"sample_weight": [1.0]}, {}),
        (ALPHAS, {"unknown": [1.0]}, {}),
        (ALPHAS, {"incremental": True}, {}),
        (ALPHAS, {"classes": [0, 1, 2]}, {}),
        (ALPHAS, {}, {"cv": 1000}),
        (ALPHAS, {}, {"cv": []}),
        (ALPHAS, {}, {"cv": "five"}),
        (ALPHAS, {}, {"scoring": "elegance"}),
        (ALPHAS, {}, {"refit": "accuracy", "scoring": several_scores, "error_score": "x"}),
        (ALPHAS, {}, {"scoring": several_scores}),
        (ALPHAS, {}, {"scoring": ["accuracy"], "refit": True}),
        (ALPHAS, {}, {"refit": lambda results: 17}),
        ({"alpha": []}, {}, {}),
        (5, {}, {}),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else str(value),
)
def test_if_fit_raises_it_is_the_usual_error_and_the_search_is_as_it_was(grid, params, options):
    raised = []
    for module in (model_selection, skmlp.model_selection):
        search = module.GridSearchCV(model_of(WINE), grid, **{"cv": 3, **options})
        unchanged = stays_as_it_was(search) if module is skmlp.model_selection else nullcontext()
        with unchanged, pytest.raises(Exception, match=r".") as caught:
            fit_without_warnings(search, **params)
        raised.append(caught.type)
    # Where scikit-learn has a subclass of its own, that is its base.
    assert issubclass(*raised)
    assert raised[1] is not Exception


def fit_without_warnings(search, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(WINE.X, WINE.y, **params)


@pytest.mark.parametrize("option", [{"n_jobs": "all"}, {"verbose": "loud"}, {"pre_dispatch": [1]}], ids=str)
def test_an_option_that_is_invalid_is_named(option):
    with pytest.raises(ValueError, match=f"The '{next(iter(option))}' parameter of GridSearchCV must be"):
        GridSearchCV(model_of(WINE), ALPHAS, cv=3, **option).fit(WINE.X, WINE.y)


def test_a_fitted_search_survives_a_fit_that_raises():
    search = GridSearchCV(model_of(WINE), ALPHAS, cv=3, error_score="raise").fit(WINE.X, WINE.y)
    with stays_as_it_was(search), pytest.raises(ValueError, match="NaN"):
        search.fit(np.full_like(WINE.X, np.nan), WINE.y)
    assert search.score(WINE.X, WINE.y) > 0.5


# The search as an object


@pytest.mark.parametrize("name", SEARCHES)
def test_the_searches_are_scikit_learns(name):
    theirs, ours = getattr(model_selection, name), getattr(skmlp.model_selection, name)
    assert issubclass(ours, theirs)
    assert ours.__name__ == name
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    search, other = ours(model_of(WINE), ALPHAS), theirs(model_of(WINE), ALPHAS)
    assert repr(search) == repr(other)
    assert repr(search.get_params()) == repr(other.get_params())
    assert repr(clone(search)) == repr(search)
    assert not hasattr(search, "predict_proba") or hasattr(other, "predict_proba")


@pytest.mark.parametrize("is_pipeline", [False, True])
def test_a_fitted_search_does_what_its_best_estimator_does(is_pipeline):
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    theirs, search = both_fitted("GridSearchCV", model, grid, WINE.X, WINE.y, cv=3)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_allclose(
            getattr(search, method)(WINE.X), getattr(theirs, method)(WINE.X), rtol=1e-6
        )
    assert search.score(WINE.X, WINE.y) == theirs.score(WINE.X, WINE.y)
    np.testing.assert_array_equal(search.classes_, [0, 1, 2])
    assert repr(search) == repr(theirs)


@pytest.mark.parametrize("is_pipeline", [False, True])
def test_a_fitted_search_can_be_pickled_and_cloned(is_pipeline):
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    search = GridSearchCV(model, grid, cv=3).fit(WINE.X, WINE.y)
    assert not hasattr(clone(search), "cv_results_")
    assert_same_search(clone(search).fit(WINE.X, WINE.y), search)
    again = pickle.loads(pickle.dumps(search))
    last_of(search.best_estimator_)._optimizer_state = None  # as a pickle has it
    assert_same_search(search, again)
    np.testing.assert_array_equal(again.predict(WINE.X), search.predict(WINE.X))


@pytest.mark.parametrize("is_pipeline", [False, True])
@pytest.mark.parametrize("name", SEARCHES)
def test_the_estimator_that_was_passed_in_stays_unfitted(name, is_pipeline):
    model, grid = (pipeline(), STEP_ALPHAS) if is_pipeline else (model_of(WINE), ALPHAS)
    before = repr(model.get_params())
    search = getattr(skmlp.model_selection, name)(model, grid, cv=3)
    if "Random" in name:
        search.set_params(random_state=0, **({} if "Halving" in name else {"n_iter": 2}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(WINE.X, WINE.y)
    assert search.estimator is model
    assert unfitted(model)
    assert repr(model.get_params()) == before
    assert type(search.best_estimator_) is type(model)
    assert type(last_of(search.best_estimator_)) is MLPClassifier
    assert search.n_jobs is None
    assert search.cv == 3


def test_a_search_can_be_fitted_again():
    search = GridSearchCV(model_of(WINE), ALPHAS, cv=3).fit(WINE.X, WINE.y)
    search.set_params(param_grid={"alpha": [0.5]}, estimator__max_iter=3).fit(WINE.X[::2], WINE.y[::2])
    assert search.cv_results_["params"] == [{"alpha": 0.5}]
    assert search.best_estimator_.n_iter_ == 3


@pytest.mark.parametrize("outer", [model_selection, skmlp.model_selection], ids=["scikit-learn", "skmlp"])
def test_a_search_inside_a_validation(outer):
    theirs, ours = (
        outer.cross_val_score(module.GridSearchCV(pipeline(), STEP_ALPHAS, cv=2), WINE.X, WINE.y, cv=3)
        for module in (model_selection, skmlp.model_selection)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_a_search_as_a_step():
    search = GridSearchCV(model_of(WINE), ALPHAS, cv=3)
    model = make_pipeline(StandardScaler(), search).fit(WINE.X, WINE.y)
    expected = GridSearchCV(model_of(WINE), ALPHAS, cv=3).fit(
        StandardScaler().fit_transform(WINE.X), WINE.y
    )
    assert_same_fit(expected.best_estimator_, model[-1].best_estimator_)


# What falls back


class OwnFit(MLPClassifier):
    def fit(self, X, y):
        return super().fit(-X, y)


class OwnPredict(MLPClassifier):
    def predict(self, X):
        return super().predict(-X)


class OwnPipeline(Pipeline):
    def fit(self, X, y=None, **params):
        return super().fit(-X, y, **params)


NET = {"net__alpha": [0.1, 1.0]}
FALLBACKS = {
    "another estimator": (LogisticRegression(), {"C": [0.1, 1.0]}),
    "a fit of one's own": (OwnFit(**SMALL, random_state=0), ALPHAS),
    "another estimator at the end": (
        Pipeline([("net", StandardScaler()), ("last", LogisticRegression())]),
        {"last__C": [0.1, 1.0], "net__with_mean": [True, False]},
    ),
    "a pipeline of one's own": (OwnPipeline([("scale", StandardScaler()), ("net", model_of(WINE))]), NET),
    "an ensemble of networks": (
        BaggingClassifier(model_of(WINE), 2, random_state=0),
        {"estimator__alpha": [0.1, 1.0]},
    ),
}


@pytest.mark.parametrize("fallback", FALLBACKS)
def test_any_other_estimator_is_fitted_as_by_scikit_learn(fallback, stacks):
    model, grid = FALLBACKS[fallback]
    found = [
        module.GridSearchCV(model, grid, cv=3).fit(WINE.X, WINE.y).cv_results_["mean_test_score"]
        for module in (model_selection, skmlp.model_selection)
    ]
    np.testing.assert_array_equal(*found)
    assert set(stacks.n_fits) <= {1}


@pytest.mark.usefixtures("routing")
def test_a_pipeline_that_transforms_validation_data():
    network = WINE.model(**SMALL, early_stopping=True).set_fit_request(X_val=True, y_val=True)
    model = Pipeline([("scale", StandardScaler()), ("net", network)], transform_input=["X_val"])
    params = {"X_val": WINE.X[:20], "y_val": WINE.y[:20]}
    assert_same_found(model, NET, params=params)


def test_a_subclass_with_the_fit_of_its_base_is_a_stack(stacks):
    model = OwnPredict(**SMALL, random_state=0, batch_size=13)
    assert_same_found(model, ALPHAS)
    assert max(stacks.n_fits) == 6


# Stacks


SIDE_BY_SIDE = {
    "alpha": [0.1, 1.0],
    "random_state": [0, 1],
    "learning_rate_init": [0.01, 0.02],
    "tol": [0.1, 0.01],
    "beta_1": [0.5, 0.9],
    "beta_2": [0.9, 0.99],
    "epsilon": [1e-8, 1e-3],
    "weight_decay": [0.0, 0.1],
    "max_grad_norm": [None, 0.5],
    "class_weight": [None, "balanced"],
    "loss": [Focal(1.0), Focal(2.0)],
}
APART = {
    "hidden_layer_sizes": [(5,), (6,)],
    "activation": ["relu", "tanh"],
    "solver": ["adam", "nadam"],
    "batch_size": [13, 20],
    "learning_rate": ["constant", "cosine"],
    "warmup": [0.0, 0.2],
    "weight_decay_schedule": ["constant", "cosine"],
    "max_iter": [3, 5],
    "n_iter_no_change": [3, 5],
    "shuffle": [True, False],
    "early_stopping": [True, False],
    "normalization": [None, "layer"],
    "dtype": ["float32", "float64"],
    "loss": ["log_loss", Focal(2.0)],
    "dropout": [0.0, 0.2],
}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_what_may_differ_within_a_stack(name, stacks):
    grid = {name: SIDE_BY_SIDE[name]}
    model = WINE.model(**SMALL, batch_size=13)
    GridSearchCV(model, grid, cv=4, refit=False).fit(WINE.X, WINE.y)
    assert stacks.n_fits == [8]


@pytest.mark.parametrize("name", APART)
def test_what_separates_stacks(name, stacks):
    model = WINE.model(**SMALL | {"batch_size": 13})
    # Training parts of 64 rows: nothing else may separate them.
    X, y = WINE.X[:96], WINE.y[:96]
    assert_same_search(
        *both_fitted("GridSearchCV", model, {name: APART[name]}, X, y, cv=KFold(3), refit=False)
    )
    assert stacks.n_fits == [1] * 6 + [3, 3]


@pytest.mark.parametrize("values", [[0.1, 0.2], [[0.1], [0.2]]])
def test_networks_that_drop_with_other_probabilities_are_a_stack(values, stacks):
    GridSearchCV(WINE.model(**SMALL), {"dropout": values}, cv=KFold(3), refit=False).fit(
        WINE.X[:96], WINE.y[:96]
    )
    assert stacks.n_fits == [6]


def test_members_of_ensembles_are_in_one_stack_with_single_networks(stacks):
    grid = {"n_members": [3]} | ALPHAS
    GridSearchCV(model_of(WINE, "in order"), grid, cv=3, refit=False).fit(WINE.X, WINE.y)
    assert stacks.n_fits == [9]
    assert stacks.n_networks == [27]


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_there_is_work_for_each_worker(n_jobs, stacks):
    search = GridSearchCV(model_of(WINE, "in order"), {"alpha": np.arange(6.0)}, cv=3, refit=False)
    with joblib.parallel_config(backend="threading"):
        search.set_params(n_jobs=n_jobs).fit(WINE.X, WINE.y)
    assert stacks.n_fits == [18 // n_jobs] * n_jobs


@pytest.mark.parametrize("name", SEARCHES)
def test_rounds_change_nothing(name, monkeypatch):
    """Of a few fits at a time the weights are kept, and the next are made when these have been scored."""
    expected = searched(name)
    monkeypatch.setattr(planning, "WEIGHTS_BYTES", 5000)
    assert_same_search(expected, searched(name))


def searched(name):
    options = {"cv": 3, "random_state": 0} if "Halving" in name else {"cv": 3}
    options |= {"resource": "max_iter", "max_resources": 8} if "Halving" in name else {}
    options |= {"n_iter": 4, "random_state": 0} if "Randomized" in name else {}
    options |= {"n_candidates": 4} if "HalvingRandom" in name else {}
    search = getattr(skmlp.model_selection, name)(
        WINE.model(**SMALL), {"alpha": [0.1, 1.0, 3.0, 5.0]}, **options
    )
    return search.fit(WINE.X, WINE.y)


@pytest.mark.slow  # test_backends runs every kind of search in other processes
def test_workers_find_the_same():
    with joblib.parallel_config(backend="loky"):
        search = assert_same_found(pipeline("early stopping"), STEP_ALPHAS, n_jobs=2)
    assert search.n_jobs == 2


class Counting(TransformerMixin, BaseEstimator):
    """A step that notes what it is fitted to."""

    fits: list = []  # noqa: RUF012

    def __init__(self, factor=1.0, other=None):
        self.factor, self.other = factor, other

    def fit(self, X, y=None):
        self.fitted_ = True
        Counting.fits.append((self.factor, len(X), float(X.sum())))
        return self

    def transform(self, X):
        return X * self.factor


@pytest.fixture
def fits():
    Counting.fits.clear()
    return Counting.fits


def test_preprocessing_is_fitted_once_for_its_parameters_and_training_part(fits):
    model = make_pipeline(Counting(), model_of(WINE))
    grid = {"counting__factor": [1.0, 2.0]} | STEP_ALPHAS | {"mlpclassifier__tol": [0.1, 0.2]}
    theirs, ours = both_fitted("GridSearchCV", model, grid, WINE.X, WINE.y, cv=4)
    assert_same_search(theirs, ours)
    n_candidates, n_parts = 12, 4
    assert len(fits) == n_candidates * n_parts + 1 + 2 * n_parts + 1
    own = fits[n_candidates * n_parts + 1 : -1]
    assert len(set(own)) == len(own)


def test_preprocessing_that_draws_is_fitted_for_each_seed(fits):
    grid = {"counting__other": [0, 1, None]} | STEP_ALPHAS
    GridSearchCV(make_pipeline(Counting(), model_of(WINE)), grid, cv=3, refit=False).fit(WINE.X, WINE.y)
    assert len(fits) == 9


def test_each_fit_has_its_own_pipeline():
    model = make_pipeline(Counting(), model_of(WINE))
    search = GridSearchCV(
        model, STEP_ALPHAS, cv=3, refit=False, scoring=lambda e, X, y: float(e[-1].alpha)
    ).fit(WINE.X, WINE.y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], [0.01, 1.0, 10.0])


LONG = {"max_iter": 400, "tol": 0.0, "n_iter_no_change": 400, "batch_size": 13}


def test_times_of_fits_add_up_to_that_of_the_whole():
    model = make_pipeline(StandardScaler(), WINE.model(**SMALL | LONG))
    started = time.perf_counter()
    search = GridSearchCV(model, STEP_ALPHAS, cv=4, refit=False).fit(WINE.X, WINE.y)
    whole = time.perf_counter() - started
    total = search.cv_results_["mean_fit_time"].sum() * 4
    assert 0.3 * whole < total < whole
    # All have their share in one stack.
    assert (search.cv_results_["mean_fit_time"] > 0.5 * total / 12).all()


# Documentation


@pytest.mark.parametrize("name", SEARCHES)
def test_every_parameter_is_documented(name):
    cls = getattr(skmlp.model_selection, name)
    for parameter in inspect.signature(cls).parameters:
        assert f"\n{parameter} : " in inspect.cleandoc(cls.__doc__)
    assert "{" not in cls.__doc__.split("Examples")[0]


# Callbacks


def test_callbacks_are_told_what_scikit_learn_tells_them():
    pytest.importorskip("sklearn.callback")
    from tests.estimators.test_callbacks import Recorder

    notes = []
    for module in (model_selection, skmlp.model_selection):
        recorder = Recorder()
        model = model_of(WINE)
        model.set_callbacks(recorder)
        module.GridSearchCV(model, ALPHAS, cv=3).fit(WINE.X, WINE.y)
        notes.append(recorder.notes)
    assert len(notes[0]) == len(notes[1]) > 0
    assert sorted(map(str, notes[1])) == sorted(map(str, notes[0]))
