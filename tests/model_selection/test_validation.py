"""Validation by stacks: what scikit-learn's functions return, from fewer and larger computations."""

import inspect
import re
import time
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import model_selection
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import skmlp.model_selection
from skmlp import MixtureDensityRegressor, MLPClassifier
from skmlp.model_selection import planning
from skmlp.model_selection.calls import like
from skmlp.model_selection.validation import one_each
from tests.estimators.data import TASKS
from tests.model_selection.comparisons import (
    DIABETES,
    SMALL,
    VARIANTS,
    WINE,
    Stacks,
    assert_same_fit,
    assert_same_validation,
    both,
    last_of,
    model_of,
    unfitted,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

tasks = pytest.mark.parametrize("task", TASKS)
ALL = {"return_estimator": True, "return_indices": True}
HAS_FIT_PARAMS = "fit_params" in inspect.signature(model_selection.learning_curve).parameters  # up to 1.7
FUNCTIONS = [
    *("cross_validate", "cross_val_score", "cross_val_predict"),
    *("learning_curve", "validation_curve", "permutation_test_score"),
]


@pytest.fixture
def stacks(monkeypatch):
    return Stacks(monkeypatch)


# Every estimator, every task


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", ["binary", "multilabel", "multi-output", "poisson"])
def test_the_fits_are_those_of_scikit_learn(task, variant):
    task = TASKS[task]
    model = model_of(task, variant)
    rtol = 1e-3 if variant == "float32" else 1e-6
    # 3 training parts of two sizes: in a stack, blocks of rows are padded.
    assert_same_validation(*both("cross_validate", model, task.X, task.y, cv=3, **ALL), rtol=rtol)


@pytest.mark.parametrize("variant", ["adam", "early stopping", "standardize"])
@tasks
def test_sample_weights_are_cut_like_the_samples(task, variant):
    task = TASKS[task]
    options = {"cv": 3, "params": {"sample_weight": task.weights}}
    theirs, ours = both("cross_validate", model_of(task, variant), task.X, task.y, **options, **ALL)
    assert_same_validation(theirs, ours)
    unweighted = skmlp.model_selection.cross_validate(model_of(task, variant), task.X, task.y, cv=3, **ALL)
    assert not np.allclose(ours["estimator"][0].coefs_[0], unweighted["estimator"][0].coefs_[0], rtol=1e-4)


SPLITTERS = {
    "default": None,
    "number": 4,
    "unshuffled": KFold(4),
    "shuffled": KFold(3, shuffle=True, random_state=1),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "random": ShuffleSplit(3, train_size=0.5, random_state=0),
    "growing": TimeSeriesSplit(4),
    "groups": GroupKFold(3),
    "one group out": LeaveOneGroupOut(),
    "predefined": PredefinedSplit(np.arange(97) % 3 - 1),
    "list": [(np.arange(60), np.arange(60, 97)), (np.arange(40, 97), np.arange(40))],
    "lists of int": [(list(range(60)), list(range(60, 97))), (list(range(40, 97)), list(range(40)))],
    "masks": [(np.arange(97) % 3 != fold, np.arange(97) % 3 == fold) for fold in range(3)],
    "rows that occur twice": [(np.arange(97) // 2, np.arange(50, 97))] * 2,
}


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    ("task", "variant"), [("multiclass", "early stopping"), ("regression", "in order")]
)
def test_any_splitter(task, splitter, variant):
    X, y = TASKS[task].X[:97], TASKS[task].y[:97]
    groups = {"groups": np.arange(97) // 7 % 5} if "group" in splitter else {}
    options = {"cv": SPLITTERS[splitter], **groups}
    assert_same_validation(*both("cross_validate", model_of(TASKS[task], variant), X, y, **options, **ALL))


def test_a_generator_of_splits():
    results = [
        module.cross_validate(model_of(WINE), WINE.X, WINE.y, cv=KFold(3).split(WINE.X), **ALL)
        for module in (model_selection, skmlp.model_selection)
    ]
    assert_same_validation(*results)


def test_a_splitter_of_ones_own():
    class EvenAndOdd:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 2

        def split(self, X, y=None, groups=None):
            rows = np.arange(len(X))
            yield rows[::2], rows[1::2]
            yield rows[1::2], rows[::2]

    assert_same_validation(*both("cross_validate", model_of(WINE), WINE.X, WINE.y, cv=EvenAndOdd(), **ALL))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_training_parts_that_lack_a_class_are_trained_apart(stacks):
    X, y = load_wine(return_X_y=True)  # sorted by class
    theirs, ours = both("cross_validate", model_of(WINE, "in order"), X, y, cv=KFold(3), **ALL)
    assert_same_validation(theirs, ours)
    assert [len(model.classes_) for model in ours["estimator"]] == [2, 3, 2]
    assert stacks.n_fits == [1, 1, 1, 2, 1]  # scikit-learn's, then these


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array]
)
@pytest.mark.parametrize("variant", ["adam", "standardize", "early stopping"])
def test_sparse_samples(form, variant):
    X = form(np.maximum(WINE.X, 0))
    results = both("cross_validate", model_of(WINE, variant), X, WINE.y, cv=3, **ALL)
    assert_same_validation(*results)


@pytest.mark.parametrize("variant", ["adam", "early stopping", "standardize", "ensemble"])
def test_samples_in_float32(variant):
    X, y = DIABETES.X.astype(np.float32), DIABETES.y
    results = both("cross_validate", model_of(DIABETES, variant), X, y, cv=3, **ALL)
    assert_same_validation(*results, rtol=1e-3)
    assert results[1]["estimator"][0].coefs_[0].dtype == np.float32


@pytest.mark.parametrize("variant", ["adam", "early stopping", "dropout"])
def test_several_multiclass_targets(variant):
    y = np.stack([WINE.y, np.arange(97) % 4 % 3], axis=1)
    assert_same_validation(*both("cross_validate", model_of(WINE, variant), WINE.X, y, cv=3, **ALL))


@pytest.mark.parametrize("variant", ["adam", "early stopping"])
def test_lists_and_labels_that_are_strings(variant):
    X, y = WINE.X.tolist(), np.array(["a", "b", "c"])[WINE.y].tolist()
    theirs, ours = both("cross_validate", model_of(WINE, variant), X, y, cv=3, **ALL)
    assert_same_validation(theirs, ours)
    assert ours["estimator"][0].classes_.tolist() == ["a", "b", "c"]


def test_data_frames_tell_their_names():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(WINE.X, columns=[f"x{i}" for i in range(13)], index=np.arange(97)[::-1])
    y = pandas.Series(WINE.y, index=X.index)
    theirs, ours = both("cross_validate", model_of(WINE), X, y, cv=3, **ALL)
    assert_same_validation(theirs, ours)
    assert ours["estimator"][0].feature_names_in_.tolist() == list(X.columns)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0, 1: 1.0, 2: 0.5}], ids=str)
@pytest.mark.parametrize("variant", ["adam", "early stopping", "standardize"])
def test_class_weights(class_weight, variant):
    model = model_of(WINE, variant).set_params(class_weight=class_weight)
    params = {"sample_weight": WINE.weights}
    assert_same_validation(*both("cross_validate", model, WINE.X, WINE.y, cv=3, params=params, **ALL))


@pytest.mark.parametrize("solver", ["lm", "es"])
def test_solvers_that_train_one_network_after_the_other(solver, stacks):
    model = DIABETES.model(hidden_layer_sizes=(2,), solver=solver, max_iter=3)
    assert_same_validation(*both("cross_validate", model, DIABETES.X, DIABETES.y, cv=3, **ALL))
    assert stacks.n_fits == []


@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"n_components": 1, "beta": 0.5}], ids=str
)
def test_mixture_densities(options):
    model = MixtureDensityRegressor(**SMALL, random_state=0, **options)
    assert_same_validation(*both("cross_validate", model, DIABETES.X, DIABETES.y, cv=3, **ALL))


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_pipelines(early_stopping, dropout):
    model = make_pipeline(
        MinMaxScaler(),
        StandardScaler(),
        WINE.model(**SMALL, early_stopping=early_stopping, dropout=dropout),
    )
    theirs, ours = both("cross_validate", model, WINE.X, WINE.y, cv=3, **ALL)
    assert_same_validation(theirs, ours)
    for one, other in zip(theirs["estimator"], ours["estimator"], strict=True):
        np.testing.assert_array_equal(other[0].data_max_, one[0].data_max_)
        np.testing.assert_array_equal(other.predict(WINE.X), one.predict(WINE.X))


def test_validation_data_that_are_given():
    rows = np.random.RandomState(0).permutation(97)
    X, y = WINE.X[rows[:70]], WINE.y[rows[:70]]
    params = {
        "X_val": WINE.X[rows[70:]],
        "y_val": WINE.y[rows[70:]],
        "sample_weight_val": np.arange(1.0, 28),
    }
    model = WINE.model(**SMALL, early_stopping=True, n_iter_no_change=2, tol=0.01)
    theirs, ours = both("cross_validate", model, X, y, cv=3, params=params, **ALL)
    assert_same_validation(theirs, ours)
    assert theirs["estimator"][0].validation_scores_ == ours["estimator"][0].validation_scores_


@pytest.mark.parametrize("seed", [3, np.random.RandomState(3)], ids=["int", "stream"])
def test_random_states(seed):
    model = model_of(WINE).set_params(random_state=seed)
    assert_same_validation(*both("cross_validate", model, WINE.X, WINE.y, cv=3, **ALL))


SCORINGS = {
    "name": "neg_log_loss",
    "names": ["accuracy", "neg_log_loss"],
    "dict": {"a": "accuracy", "b": lambda e, X, y: e.n_iter_},
    "callable": lambda e, X, y: e.score(X, y) + e.n_iter_,
    "several of one callable": lambda e, X, y: {"score": e.score(X, y), "loss": e.loss_},
}


@pytest.mark.parametrize("scoring", SCORINGS)
def test_scores_of_test_and_training_parts(scoring):
    options = {"scoring": SCORINGS[scoring], "return_train_score": True, "cv": 3}
    assert_same_validation(*both("cross_validate", model_of(WINE), WINE.X, WINE.y, **options, **ALL))


# The other functions


@pytest.mark.parametrize(
    "scoring",
    [None, "neg_log_loss", lambda e, X, y: e.n_iter_ + e.score(X, y)],
    ids=["default", "str", "callable"],
)
def test_cross_val_score(scoring):
    theirs, ours = both("cross_val_score", model_of(WINE), WINE.X, WINE.y, cv=4, scoring=scoring)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


@pytest.mark.parametrize("labels", [np.arange(3), np.array(["z", "b", "a"])], ids=["int", "str"])
@pytest.mark.parametrize("method", METHODS)
def test_cross_val_predict(method, labels):
    y = labels[WINE.y]
    theirs, ours = both("cross_val_predict", model_of(WINE), WINE.X, y, method=method)
    if method == "predict":
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_cross_val_predict_of_other_targets(task, method):
    task = TASKS[task]
    theirs, ours = both("cross_val_predict", model_of(task), task.X, task.y, method=method, cv=3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("task", ["regression", "multi-output", "poisson"])
def test_cross_val_predict_of_numbers(task):
    task = TASKS[task]
    params = {"sample_weight": task.weights}
    theirs, ours = both("cross_val_predict", model_of(task), task.X, task.y, cv=3, params=params)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train_sizes": [0.5, 1.0]},
        {"train_sizes": [30, 10, 40]},
        {"train_sizes": [0.101, 0.102, 1.0]},
        {"shuffle": True, "random_state": 3},
        {"cv": GroupKFold(3), "groups": np.arange(97) % 7},
        {"scoring": lambda e, X, y: e.predict_proba(X).max(axis=1).mean()},
        {"return_times": True},
        {"params": {"sample_weight": WINE.weights}},
        *([{"fit_params": {"sample_weight": WINE.weights}}] if HAS_FIT_PARAMS else []),
        {"exploit_incremental_learning": True},
    ],
    ids=lambda options: ", ".join(options),
)
@pytest.mark.filterwarnings("ignore:Removed duplicate entries from 'train_sizes'")
@pytest.mark.filterwarnings("ignore:`fit_params` is deprecated")
def test_learning_curve(options):
    is_pipeline = "return_times" in options
    model = make_pipeline(StandardScaler(), model_of(WINE)) if is_pipeline else model_of(WINE)
    theirs, ours = both("learning_curve", model, WINE.X, WINE.y, **{"cv": 2} | options)
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(ours[0], theirs[0])
    for found, expected in zip(ours[1:3], theirs[1:3], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for found, expected in zip(ours[3:], theirs[3:], strict=True):
        assert found.shape == expected.shape
        assert (found > 0).all()


def test_a_learning_curve_shuffles_the_same_way_twice_without_a_seed():
    random_state = np.random.RandomState(5)
    theirs = model_selection.learning_curve(
        model_of(WINE), WINE.X, WINE.y, cv=3, shuffle=True, random_state=np.random.RandomState(5)
    )
    ours = skmlp.model_selection.learning_curve(
        model_of(WINE), WINE.X, WINE.y, cv=3, shuffle=True, random_state=random_state
    )
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-6)
    skmlp.model_selection.learning_curve(model_of(WINE), WINE.X, WINE.y, cv=3, shuffle=True)


def test_a_learning_curve_warns_of_sizes_once():
    with pytest.warns(RuntimeWarning, match="Removed duplicate entries") as notes:
        skmlp.model_selection.learning_curve(
            model_of(WINE), WINE.X, WINE.y, train_sizes=[0.501, 0.502], cv=3
        )
    assert sum("Removed duplicate" in str(note.message) for note in notes) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("alpha", [0.1, 1.0, 10.0]),
        ("hidden_layer_sizes", [(3,), (4, 2)]),
        ("max_iter", np.array([1, 3, 5])),
        ("solver", ["adam", "lbfgs"]),
    ],
)
@pytest.mark.parametrize("is_pipeline", [False, True])
def test_validation_curve(name, values, is_pipeline):
    model = make_pipeline(StandardScaler(), model_of(WINE)) if is_pipeline else model_of(WINE)
    name = f"mlpclassifier__{name}" if is_pipeline else name
    curves = both(
        "validation_curve",
        model,
        WINE.X,
        WINE.y,
        param_name=name,
        param_range=values,
        scoring="neg_log_loss",
    )
    for theirs, ours in zip(*curves, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


PERMUTED = {
    "classes": (model_of(WINE), WINE, {}),
    "numbers": (model_of(DIABETES), DIABETES, {"scoring": "neg_mean_absolute_error"}),
    "several targets": (model_of(TASKS["multi-output"]), TASKS["multi-output"], {}),
    "pipeline": (make_pipeline(StandardScaler(), model_of(WINE)), WINE, {"scoring": "neg_log_loss"}),
    "early stopping": (model_of(WINE, "early stopping"), WINE, {}),
    "lbfgs": (model_of(WINE, "lbfgs"), WINE, {}),
    "another estimator": (LogisticRegression(), WINE, {}),
    "within groups": (model_of(WINE), WINE, {"cv": GroupKFold(2), "groups": np.arange(97) % 5}),
    "shuffled splits": (model_of(WINE), WINE, {"cv": KFold(2, shuffle=True, random_state=3)}),
    "masks": (model_of(WINE), WINE, {"cv": SPLITTERS["masks"]}),
    "weights": (model_of(WINE), WINE, {"params": {"sample_weight": WINE.weights}}),
    "warm start": (model_of(WINE).set_params(warm_start=True), WINE, {}),
    "a stream": (model_of(WINE).set_params(random_state=np.random.RandomState(3)), WINE, {}),
}


@pytest.mark.parametrize("name", PERMUTED)
def test_permutation_test_score(name):
    model, task, options = PERMUTED[name]
    options = {"n_permutations": 3, "cv": 2, "scoring": None} | options
    theirs, ours = both("permutation_test_score", model, task.X, task.y, **options)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert len(set(ours[1])) > 1


def test_permutations_are_drawn_as_by_scikit_learn():
    """Also those of streams of random numbers, which a call moves on."""
    found = []
    for module in (model_selection, skmlp.model_selection):
        stream = np.random.RandomState(5)
        splitter = ShuffleSplit(2, random_state=np.random.RandomState(7))
        found += [
            module.permutation_test_score(
                model_of(WINE), WINE.X, WINE.y, n_permutations=2, cv=splitter, random_state=stream
            )[1]
            for _ in range(2)
        ]
    np.testing.assert_allclose(found[2:], found[:2], rtol=1e-6)
    skmlp.model_selection.permutation_test_score(
        model_of(WINE), WINE.X, WINE.y, n_permutations=1, cv=2, random_state=None
    )


@pytest.mark.skipif(HAS_FIT_PARAMS, reason="with routing, from scikit-learn 1.8 on")
def test_metadata_of_a_permutation_test_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        model = model_of(WINE).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        params = {"sample_weight": WINE.weights, "groups": np.arange(97) % 7}
        options = {"cv": GroupKFold(2), "params": params, "n_permutations": 2}
        theirs, ours = both("permutation_test_score", model, WINE.X, WINE.y, **options)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_wrong_call_of_a_permutation_test_fails_before_training(stacks):
    for options in ({"scoring": "no such"}, {"n_permutations": -1}, {"cv": 98}):
        for module in (model_selection, skmlp.model_selection):
            with pytest.raises(ValueError, match=r"'scoring'|'n_permutations'|n_splits=98"):
                module.permutation_test_score(model_of(WINE), WINE.X, WINE.y, **options)
    assert stacks.n_fits == []


def test_all_permutations_are_one_stack(stacks, monkeypatch):
    model = model_of(WINE, "in order")
    options = {"n_permutations": 4, "cv": KFold(2)}
    scores = skmlp.model_selection.permutation_test_score(model, WINE.X, WINE.y, **options)
    assert sorted(stacks.n_fits) == [10] or sorted(stacks.n_fits) == [5, 5]
    monkeypatch.setattr(planning, "WEIGHTS_BYTES", 3 * 8 * (13 * 5 + 5 + 5 * 3 + 3))
    again = skmlp.model_selection.permutation_test_score(model, WINE.X, WINE.y, **options)
    np.testing.assert_allclose(scores[1], again[1], rtol=1e-6)


# Training that is continued


@pytest.mark.parametrize("variant", ["adam", "sgd", "ensemble", "dropout", "standardize", "float32"])
@pytest.mark.parametrize("is_pipeline", [False, True])
@pytest.mark.parametrize("name", ["binary", "regression"])
def test_the_estimators_go_on_as_those_of_scikit_learn(name, is_pipeline, variant):
    """With the state of their optimizer: Adam would begin with steps as large as its first ones."""
    task = TASKS[name]
    model = model_of(task, variant)
    model = make_pipeline(StandardScaler(), model) if is_pipeline else model
    theirs, ours = both("cross_validate", model, task.X, task.y, cv=3, **ALL)
    for pair in zip(theirs["estimator"], ours["estimator"], strict=True):
        for _ in range(3):
            continued = [last_of(estimator).partial_fit(task.X, task.y) for estimator in pair]
            assert_same_fit(*continued, rtol=1e-3 if variant == "float32" else 1e-6)


# What falls back, what fails, what is printed


class OwnFit(MLPClassifier):
    def fit(self, X, y):
        return super().fit(-X, y)


FALLBACKS = {
    "another estimator": LogisticRegression(),
    "a fit of one's own": OwnFit(**SMALL, random_state=0),
    "inside another": ClassifierChain(model_of(TASKS["multilabel"])),
}


@pytest.mark.parametrize("fallback", FALLBACKS)
def test_any_other_estimator_is_fitted_as_by_scikit_learn(fallback, stacks):
    task = TASKS["multilabel"] if fallback == "inside another" else WINE
    results = both("cross_validate", FALLBACKS[fallback], task.X, task.y, cv=3, return_train_score=True)
    assert_same_validation(*results)
    assert set(stacks.n_fits) <= {1}


def test_a_fit_that_fails_gets_error_score_and_leaves_the_others_as_they_are():
    X = WINE.X.copy()
    X[0, 0] = np.nan  # in all training parts but one
    for error_score in (np.nan, -1.0):
        results, notes = [], []
        for module in (model_selection, skmlp.model_selection):
            with pytest.warns(sklearn.exceptions.FitFailedWarning) as note:
                results.append(
                    module.cross_validate(
                        model_of(WINE), X, WINE.y, cv=KFold(3), error_score=error_score, scoring=scored
                    )
                )
            notes.append([str(n.message).split("\n")[0] for n in note if n.category.__name__[:3] == "Fit"])
        assert_same_validation(*results)
        assert np.array_equal(results[1]["test_score"][1:], [error_score] * 2, equal_nan=True)
        assert notes[0] == notes[1]


def scored(estimator, X, y):
    """Score as if nothing were missing."""
    return estimator.score(np.nan_to_num(X), y)


@pytest.mark.parametrize("function", ["cross_validate", "cross_val_score", "cross_val_predict"])
@pytest.mark.parametrize(
    ("parameters", "params", "message"),
    [
        ({"alpha": -1}, {}, "alpha"),
        ({"tol": "x"}, {}, "tol"),
        ({}, {"sample_weight": -np.ones(97)}, "sample_weight"),
        ({}, {"unknown": 1}, "unexpected keyword argument 'unknown'"),
        ({}, {"classes": [0, 1, 2]}, "unexpected keyword argument 'classes'"),
        ({}, {"incremental": True}, "unexpected keyword argument 'incremental'"),
    ],
    ids=["alpha", "tol", "sample_weight", "unknown", "classes", "incremental"],
)
def test_errors_are_those_of_the_fit(function, parameters, params, message):
    options = {} if function == "cross_val_predict" else {"error_score": "raise"}
    model = model_of(WINE).set_params(**parameters)
    kinds = []
    for module in (model_selection, skmlp.model_selection):
        with pytest.raises(Exception, match=message) as caught:
            getattr(module, function)(model, WINE.X, WINE.y, cv=3, params=params, **options)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "parameters", [{}, {"batch_size": 1000}, {"solver": "lbfgs"}, {"tol": 10}], ids=str
)
def test_each_fit_warns_as_it_would_alone(parameters):
    model = WINE.model(**SMALL | {"n_iter_no_change": 2} | parameters)
    found = []
    for module in (model_selection, skmlp.model_selection):
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            module.cross_val_score(model, WINE.X, WINE.y, cv=3)
        found.append(sorted(f"{note.category.__name__}: {note.message}" for note in notes))
    assert found[1] == found[0]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_estimator_stays_unfitted(function):
    model = make_pipeline(StandardScaler(), model_of(WINE))
    params, options = repr(model.get_params()), {}
    if function == "validation_curve":
        options = {"param_name": "mlpclassifier__alpha", "param_range": [0.1, 1.0]}
    getattr(skmlp.model_selection, function)(model, WINE.X, WINE.y, cv=3, **options)
    assert unfitted(model)
    assert repr(model.get_params()) == params
    assert type(model).__name__ == "Pipeline"
    assert type(model[-1]) is MLPClassifier


@pytest.mark.parametrize("function", FUNCTIONS)
def test_signatures_are_those_of_scikit_learn(function):
    theirs = inspect.signature(getattr(model_selection, function))
    ours = inspect.signature(getattr(skmlp.model_selection, function))
    assert str(ours) == str(theirs)
    for name, parameter in ours.parameters.items():
        assert parameter.kind == theirs.parameters[name].kind, name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_parameter_is_documented_with_its_default(function):
    function = getattr(skmlp.model_selection, function)
    for name, parameter in inspect.signature(function).parameters.items():
        (kind,) = re.findall(rf"^{name} : (.+)\n    \w", function.__doc__, re.MULTILINE)
        if parameter.default is inspect.Parameter.empty:
            assert "default=" not in kind
        else:
            default = np.asarray(parameter.default).tolist()
            assert kind.endswith(f", default={default!r}")
    assert "{parameters}" not in function.__doc__
    assert "As in scikit-learn." not in function.__doc__


def test_options_of_later_versions_are_handed_on(stacks):
    def later_version(estimator, X, y=None, *, bonus=0.0, **options):
        return bonus + model_selection.cross_val_score(estimator, X, y, **options)

    later_version.__signature__ = inspect.signature(model_selection.cross_val_score).replace(
        parameters=[
            *inspect.signature(model_selection.cross_val_score).parameters.values(),
            inspect.Parameter("bonus", inspect.Parameter.KEYWORD_ONLY, default=0.0),
        ]
    )

    @like(later_version)
    def scores_of(call):
        """Parameters: {parameters}."""
        scores, _ = call.result_with_stacks(one_each)
        return scores

    model = model_of(WINE)
    scores = skmlp.model_selection.cross_val_score(model, WINE.X, WINE.y)
    np.testing.assert_array_equal(scores_of(model, WINE.X, WINE.y), scores)
    np.testing.assert_array_equal(scores_of(model, WINE.X, WINE.y, bonus=1.0), 1.0 + scores)
    assert stacks.n_fits == [5, 5, 5]
    assert "bonus : object, default=0.0\n    As in scikit-learn." in scores_of.__doc__


NOT_STACKED = {
    "another estimator": (LogisticRegression(), "LogisticRegression is no network of skmlp"),
    "a fit of one's own": (OwnFit(**SMALL, random_state=0), "OwnFit has a fit of its own"),
    "solver": (model_of(WINE, "lbfgs"), "solver='lbfgs' trains one network after the other (3 of 3 fits)"),
    "pipeline": (
        make_pipeline(StandardScaler(), model_of(WINE, "lbfgs")),
        "solver='lbfgs' trains one network after the other (3 of 3 fits)",
    ),
    "time": (model_of(WINE, "time limit"), "max_time is the time of one fit (3 of 3 fits)"),
    "large": (
        MLPClassifier((999, 999), max_iter=1, random_state=0),
        "one network fills the cache (3 of 3 fits)",
    ),
}


@pytest.mark.parametrize("name", NOT_STACKED)
def test_a_line_says_why_fits_are_not_stacked(name, capsys):
    model, reason = NOT_STACKED[name]
    for verbose in (0, 1):
        skmlp.model_selection.cross_val_score(model, WINE.X, WINE.y, cv=KFold(3), verbose=verbose)
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Not stacked")]
        assert lines == [f"Not stacked: {reason}"] * verbose


def test_other_functions_say_it_too(capsys):
    model, options = model_of(WINE), {"cv": 2, "verbose": 1}
    skmlp.model_selection.learning_curve(
        model, WINE.X, WINE.y, exploit_incremental_learning=True, train_sizes=[20, 40], **options
    )
    assert "Not stacked: exploit_incremental_learning trains" in capsys.readouterr().out
    model.set_params(warm_start=True)
    skmlp.model_selection.permutation_test_score(model, WINE.X, WINE.y, n_permutations=1, **options)
    assert "Not stacked: by warm_start or a RandomState" in capsys.readouterr().out


# Stacks


@pytest.mark.parametrize(
    ("variant", "cv", "expected"),
    [
        ("adam", 5, [5]),
        ("early stopping", 5, [5]),
        ("standardize", 7, [7]),
        ("ensemble", 4, [4]),
        ("dropout", KFold(3), [1, 2]),  # chance draws for each row: 64 are not padded to 65
        ("lbfgs", 3, []),
        ("time limit", 3, [1, 1, 1]),
    ],
)
def test_all_training_parts_are_one_stack(variant, cv, expected, stacks):
    dropout = {"dropout": 0.3} if variant == "dropout" else {}
    model = model_of(WINE, variant).set_params(**dropout, batch_size=13)
    skmlp.model_selection.cross_val_score(model, WINE.X, WINE.y, cv=cv)
    assert sorted(stacks.n_fits) == expected
    assert sum(stacks.n_networks) == model.n_members * sum(expected)


def test_a_pipeline_is_a_stack_too(stacks):
    skmlp.model_selection.cross_val_score(
        make_pipeline(StandardScaler(), model_of(WINE, "in order")), WINE.X, WINE.y
    )
    assert stacks.n_fits == [5]


def test_a_validation_curve_is_one_stack(stacks):
    skmlp.model_selection.validation_curve(
        model_of(WINE, "in order"), WINE.X, WINE.y, param_name="alpha", param_range=[0, 1, 2, 3, 4, 5], cv=3
    )
    assert stacks.n_fits == [18]


def test_a_learning_curve_is_a_stack_for_each_number_of_batches(stacks):
    skmlp.model_selection.learning_curve(
        model_of(WINE).set_params(batch_size=16), WINE.X, WINE.y, train_sizes=[20, 25, 60, 64], cv=3
    )
    assert sorted(stacks.n_fits) == [6, 6]


# test_backends runs every function in other processes.
@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"])
def test_workers(backend):
    with joblib.parallel_config(backend=backend):
        results = both("cross_validate", model_of(WINE), WINE.X, WINE.y, cv=4, n_jobs=2, **ALL)
    assert_same_validation(*results)


LONG = {"max_iter": 400, "tol": 0.0, "n_iter_no_change": 400, "batch_size": 13}


def test_times_add_up_to_that_of_the_whole():
    started = time.perf_counter()
    model = make_pipeline(StandardScaler(), WINE.model(**SMALL | LONG))
    result = skmlp.model_selection.cross_validate(model, WINE.X, WINE.y, cv=StratifiedKFold(4))
    whole = time.perf_counter() - started
    assert 0.3 * whole < result["fit_time"].sum() < whole
