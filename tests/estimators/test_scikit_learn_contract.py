"""scikit-learn's own checks of an estimator, and one test for each of the tools users put around one."""

import functools
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmlp import (
    MixtureDensityRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from skmlp.network.losses import Focal, LogLoss

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CONFIGURATIONS = [
    {},
    {"solver": "sgd"},
    {"solver": "sgd", "learning_rate": "adaptive", "nesterovs_momentum": False},
    {"solver": "lbfgs", "alpha": 1},
    {"solver": "lbfgs", "alpha": 1, "hidden_layer_sizes": ()},
    {"solver": "lbfgs", "alpha": 3, "activation": "logistic"},
    {
        "activation": "tanh",
        "learning_rate_init": 0.005,
    },  # few steps of 0.001 are too short for the class weights
    {"activation": "identity", "learning_rate_init": 0.005},
    {"hidden_layer_sizes": (50, 30), "alpha": 0, "tol": 0, "n_iter_no_change": np.inf},
    {"shuffle": False, "batch_size": 1000, "alpha": 1},
    {"dtype": "float32"},
    {"early_stopping": True, "validation_fraction": 0.3},
    {
        "solver": "nadam",
        "learning_rate": "cosine",
        "learning_rate_init": 0.01,
        "warmup": 0.1,
        "weight_decay": 1e-3,
        "max_grad_norm": 1.0,
    },
    {
        "solver": "rmsprop",
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.01,
        "n_members": 3,
        "max_time": 100.0,
    },
    {
        "hidden_layer_sizes": (20, 10),
        "activation": ["silu", "softplus"],
        "initializer": "he_normal",
        "learning_rate": "linear",
        "learning_rate_init": 0.02,
    },
    {"activation": "gelu", "initializer": "orthogonal", "normalization": "layer"},
    {"normalization": "batch"},
    {"dropout": 0.2},
    # At a smaller alpha, the last bit of the data grows to the third digit of what L-BFGS predicts.
    {"solver": "lbfgs", "alpha": 30, "n_members": 2, "standardize": True},
    {"early_stopping": True, "validation_fraction": 0.3, "scoring": "loss", "standardize": True},
    {"solver": "lbfgs", "alpha": "evidence", "laplace": "full", "hidden_layer_sizes": ()},
]
EVERYDAY = [
    {},
    {"solver": "lbfgs", "alpha": 1, "hidden_layer_sizes": ()},
    {"early_stopping": True, "validation_fraction": 0.3, "scoring": "loss", "standardize": True},
    {"normalization": "batch"},
    {"dropout": 0.2},
    {"solver": "lbfgs", "alpha": 30, "n_members": 2, "standardize": True},
]
"""Those that take different paths through fit and predict; what the others add is one entry of a table."""

PEERS = (MLPClassifier, MLPRegressor)
OF_ONE_CLASS = {
    MLPClassifier: [
        {"loss": Focal(gamma=1)},
        {"loss": LogLoss(label_smoothing=0.1)},
        {"class_weight": "balanced"},
    ],
    MLPRegressor: [
        {"loss": "huber"},
        {"loss": "quantile", "quantile": 0.6},
        {"loss": "absolute_error"},
        {"solver": "lm", "alpha": 1, "hidden_layer_sizes": (5,)},
        {"solver": "es", "alpha": 1, "hidden_layer_sizes": (3,)},
    ],
    MixtureDensityRegressor: [
        {},
        {"early_stopping": False},
        {"n_components": 1, "solver": "lbfgs", "alpha": 100},
        {"beta": 0.5, "n_members": 2, "early_stopping": False},
    ],
    TabularMLPClassifier: [
        {"hidden_layer_sizes": (16,), "n_members": 2},
    ],
    TabularMLPRegressor: [{"hidden_layer_sizes": (16,), "n_members": 2}],
}


def expected_failed_checks(estimator):
    """Return each check that cannot pass, with the reason."""
    if estimator.early_stopping and estimator.solver != "lbfgs":
        reason = "copies of a sample that is repeated may lie on both sides of the random validation split"
    elif estimator.dropout:
        reason = "each copy of a sample that is repeated has a dropout mask of its own"
    else:
        return {}
    kinds = ["dense", "sparse"] if get_tags(estimator).input_tags.sparse else ["dense"]
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in kinds}


ESTIMATORS = {
    cls(max_iter=100, random_state=0, **configuration): configuration
    for cls, of_one_class in OF_ONE_CLASS.items()
    for configuration in (CONFIGURATIONS if cls in PEERS else []) + of_one_class
}


def checks_of(estimators):
    """Return scikit-learn's mark without the one check that only runs where SCIPY_ARRAY_API is set.

    And with a list where 1.6 has a generator, which pytest will no longer take.
    """
    mark = parametrize_with_checks(estimators, expected_failed_checks=expected_failed_checks).mark
    names, pairs = mark.args
    params = [
        pytest.param(*getattr(pair, "values", pair), marks=getattr(pair, "marks", ())) for pair in pairs
    ]
    params = [param for param in params if "array_api" not in str(param)]
    return pytest.mark.parametrize(names, [slow_unless_everyday(param) for param in params], **mark.kwargs)


def slow_unless_everyday(param):
    """Return a case, marked slow where its estimator takes the path of another one."""
    estimator, check = param.values
    only_here = estimator.solver in ("lm", "es") or type(estimator) not in PEERS
    if only_here or ESTIMATORS[estimator] in EVERYDAY:
        return param
    return pytest.param(estimator, check, marks=[*param.marks, pytest.mark.slow])


@pytest.mark.filterwarnings("ignore")
@checks_of(list(ESTIMATORS))
def test_scikit_learns_checks(estimator, check, monkeypatch):
    if estimator.dtype == "float32":
        # Equivalence of weights and repetition is asked for to 1e-7, which float32 cannot resolve.
        lenient = functools.partial(estimator_checks.assert_allclose_dense_sparse, rtol=1e-4, atol=1e-5)
        monkeypatch.setattr(estimator_checks, "assert_allclose_dense_sparse", lenient)
    check(estimator)


WINE = TASKS["multiclass"]
CANCER = TASKS["binary"]
DIABETES = TASKS["regression"]
FAST = {"hidden_layer_sizes": (11,), "max_iter": 60, "learning_rate_init": 0.02}

meta_estimators = pytest.mark.parametrize(
    "meta_estimator",
    [
        lambda mlp: make_pipeline(StandardScaler(), mlp),
        lambda mlp: GridSearchCV(mlp, {"alpha": [1e-4, 1e-2]}, cv=2),
        lambda mlp: CalibratedClassifierCV(mlp, cv=2),
        lambda mlp: VotingClassifier([("mlp", mlp), ("linear", LogisticRegression())], voting="soft"),
        lambda mlp: BaggingClassifier(mlp, n_estimators=3, random_state=0),
        lambda mlp: AdaBoostClassifier(mlp, n_estimators=3, random_state=0),
        OneVsRestClassifier,
    ],
    ids=["Pipeline", "GridSearchCV", "Calibrated", "Voting", "Bagging", "AdaBoost", "OneVsRest"],
)


@meta_estimators
def test_classifiers_around_a_classifier(meta_estimator):
    model = meta_estimator(WINE.model(**FAST)).fit(WINE.X, WINE.y)
    assert model.score(WINE.X, WINE.y) > 0.95
    np.testing.assert_allclose(model.predict_proba(WINE.X).sum(axis=1), 1)


def test_cross_validate():
    scores = cross_validate(
        WINE.model(**FAST), WINE.X, WINE.y, cv=3, scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"]
    )
    assert scores["test_accuracy"].mean() > 0.9
    assert scores["test_roc_auc_ovr"].mean() > 0.95


def test_one_classifier_per_target():
    task = TASKS["multilabel"]
    model = MultiOutputClassifier(task.model(**FAST)).fit(task.X, task.y)
    assert model.predict(task.X).shape == task.y.shape
    assert len(model.estimators_) == task.y.shape[1]
    assert model.score(task.X, task.y) > 0.8


def test_transformed_target_regressor():
    """It brings any target to the range in which a network learns."""
    y = 1e4 * DIABETES.y + 5e5
    model = TransformedTargetRegressor(DIABETES.model(**FAST), transformer=StandardScaler())
    assert model.fit(DIABETES.X, y).score(DIABETES.X, y) > 0.6


def test_permutation_importance():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(101, 3))
    model = MLPRegressor(random_state=0, **FAST).fit(X, X[:, 1])
    importances = permutation_importance(model, X, X[:, 1], n_repeats=2, random_state=0).importances_mean
    assert importances.argmax() == 1
    assert importances[1] > 1 > 10 * importances[[0, 2]].max()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames(frame):
    names = [f"column {i}" for i in range(WINE.X.shape[1])]
    X = frame(dict(zip(names, WINE.X.T, strict=True)))
    model = WINE.model(**FAST).fit(X, WINE.y)
    expected = WINE.model(**FAST).fit(WINE.X, WINE.y).predict_proba(WINE.X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    with pytest.raises(ValueError, match="feature"):
        model.predict(X[names[:-1]])
    # scikit-learn 1.6 sees no names in the frames of polars 2.
    if hasattr(StandardScaler().fit(X), "feature_names_in_"):
        assert list(model.feature_names_in_) == names
        with pytest.raises(ValueError, match="feature names"):
            model.predict(X[names[::-1]])
    else:
        assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("column", [pd.Series, pl.Series], ids=["pandas", "polars"])
def test_targets_and_weights_as_columns_of_a_frame(column):
    labels = np.array(["Barolo", "Grignolino", "Barbera"])[WINE.y]
    model = WINE.model(**FAST).fit(WINE.X, column(labels), sample_weight=column(WINE.weights))
    expected = WINE.model(**FAST).fit(WINE.X, labels, sample_weight=WINE.weights)
    assert list(model.classes_) == ["Barbera", "Barolo", "Grignolino"]
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_pipelines_that_pass_frames_on():
    X = pd.DataFrame(WINE.X).add_prefix("column ")
    pipeline = make_pipeline(StandardScaler(), WINE.model(**FAST)).set_output(transform="pandas")
    assert pipeline.fit(X, WINE.y).score(X, WINE.y) > 0.95
    assert list(pipeline[-1].feature_names_in_) == list(X.columns)


def test_clone_takes_the_parameters_only():
    model = WINE.model(**FAST).fit(WINE.X, WINE.y)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert [name for name in vars(copy) if name.endswith("_")] == []
    assert vars(clone(model)).keys() == vars(WINE.model()).keys()


@pytest.mark.parametrize("task", TASKS)
def test_a_pickled_model_predicts_and_goes_on_as_the_original(task):
    task = TASKS[task]
    model = task.model(**FAST, warm_start=True).fit(task.X, task.y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(task.X), model.predict(task.X))
    model.fit(task.X, task.y)
    copy.fit(task.X, task.y)
    np.testing.assert_array_equal(copy.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("continued", ["partial_fit", "fit"])
def test_a_memory_mapped_model_predicts_and_goes_on(continued, tmp_path):
    model = WINE.model(**FAST, warm_start=True).fit(WINE.X, WINE.y)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not mapped.coefs_[0].flags.writeable
    np.testing.assert_array_equal(mapped.predict_proba(WINE.X), model.predict_proba(WINE.X))
    getattr(mapped, continued)(WINE.X, WINE.y)
    getattr(model, continued)(WINE.X, WINE.y)
    np.testing.assert_array_equal(mapped.coefs_[0], model.coefs_[0])


def test_memory_mapped_data(tmp_path):
    joblib.dump((WINE.X, WINE.weights), tmp_path / "data")
    X, weights = joblib.load(tmp_path / "data", mmap_mode="r")
    model = WINE.model(**FAST).fit(X, WINE.y, sample_weight=weights)
    expected = WINE.model(**FAST).fit(WINE.X, WINE.y, sample_weight=WINE.weights)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_parallel_fits_equal_sequential_ones(backend):
    grid = {"alpha": [1e-4, 1.0], "solver": ["adam", "lbfgs"]}
    search = GridSearchCV(WINE.model(**FAST), grid, cv=2).fit(WINE.X, WINE.y)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        parallel = clone(search).fit(WINE.X, WINE.y)
    np.testing.assert_allclose(
        parallel.cv_results_["split0_test_score"], search.cv_results_["split0_test_score"]
    )
    assert parallel.best_params_ == search.best_params_


def test_one_model_predicts_in_many_threads():
    X = np.tile(WINE.X, (20, 1))
    model = WINE.model(**FAST).fit(WINE.X, WINE.y)
    expected = model.predict_proba(X)
    calls = [joblib.delayed(model.predict_proba)(X) for _ in range(20)]
    for p in joblib.Parallel(n_jobs=4, backend="threading")(calls):
        np.testing.assert_array_equal(p, expected)


def test_metadata_routing_brings_weights_to_fit_and_score():
    parameters = {**FAST, "max_iter": 3}
    weights = WINE.weights
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = WINE.model(**parameters).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), mlp)
        # Asked for on the scorer: scikit-learn 1.6 does not ask the last step of a pipeline.
        scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4]}, cv=2, scoring=scoring)
        search.fit(WINE.X, WINE.y, sample_weight=weights)
    X = StandardScaler().fit_transform(WINE.X)
    weighted = WINE.model(**parameters).fit(X, WINE.y, sample_weight=weights)
    unweighted = WINE.model(**parameters).fit(X, WINE.y)
    np.testing.assert_array_equal(search.best_estimator_[-1].coefs_[0], weighted.coefs_[0])
    assert np.abs(weighted.coefs_[0] - unweighted.coefs_[0]).max() > 1e-3


@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_metadata_routing_brings_weights_to_the_estimators_own_score(task):
    parameters = {**FAST, "max_iter": 3}
    half = np.arange(len(task.X)) % 2
    cv = [(np.flatnonzero(half == 0), np.flatnonzero(half == 1))]
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = task.model(**parameters)
        mlp.set_fit_request(sample_weight=False).set_score_request(sample_weight=True)
        scores = cross_validate(mlp, task.X, task.y, cv=cv, params={"sample_weight": task.weights})
    (train, test) = cv[0]
    model = task.model(**parameters).fit(task.X[train], task.y[train])
    expected = model.score(task.X[test], task.y[test], sample_weight=task.weights[test])
    assert scores["test_score"] == pytest.approx(expected)
    assert expected != pytest.approx(model.score(task.X[test], task.y[test]))


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_metadata_that_is_not_asked_for_is_refused(cls):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(cls(), {"alpha": [1.0]})
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            search.fit(WINE.X, WINE.y, sample_weight=WINE.weights)
        requests = cls().set_partial_fit_request(sample_weight=True).get_metadata_routing()
    assert requests.partial_fit.requests["sample_weight"] is True


def test_repr_shows_what_differs_from_the_defaults():
    assert re.fullmatch(
        r"MLPClassifier\(alpha=1, solver='sgd'\)", repr(MLPClassifier(alpha=1, solver="sgd"))
    )
    assert "MLPRegressor" in MLPRegressor()._repr_html_()
