"""What can be known before training is raised before it, as scikit-learn raises it."""

import re

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.model_selection import GroupKFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.model_selection
from skmlp.training.full_batch import Solver
from skmlp.training.stochastic import StochasticSolver
from tests.model_selection.comparisons import DIABETES, SMALL, WINE, model_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FUNCTIONS = ["cross_validate", "cross_val_score", "cross_val_predict", "learning_curve", "validation_curve"]
SEARCHES = ["GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"]
HALVING = SEARCHES[2:]
ALPHAS = {"alpha": [0.1, 1.0]}


class NoSplitter:
    """Neither a number nor anything that splits."""


ALL = {
    "cv is a word": {"cv": "bogus"},
    "one split": {"cv": 1},
    "more splits than samples": {"cv": 200},
    "more splits than samples of a class": {"cv": StratifiedKFold(90)},
    "no groups": {"cv": GroupKFold(3)},
    "no splitter": {"cv": NoSplitter()},
    "no splits": {"cv": []},
    "rows that are not there": {"cv": [([1, 500], [0])]},
    "n_jobs is a word": {"n_jobs": "x"},
    "no jobs": {"n_jobs": 0},
    "verbose is a word": {"verbose": "x"},
    "another parameter": {"bogus": 1},
    "X and y differ in length": {"X": WINE.X[:5]},
    "y is a word": {"y": "abc"},
    "y is a number": {"y": 5},
    "labels that are fractions": {"y": WINE.y * 0.5, "cv": StratifiedKFold(3)},
}
SCORED = {
    "an unknown score": {"scoring": "bogus"},
    "scoring is a number": {"scoring": 3},
    "error_score is a word": {"error_score": "x"},
}
SEVERAL = {
    "one score of two is unknown": {"scoring": ["accuracy", "bogus"]},
    "scores without a name": {"scoring": {}},
    "return_train_score is a word": {"return_train_score": "x"},
}
OF_FUNCTIONS = {
    "no partition": (["cross_val_predict"], {"cv": ShuffleSplit(3)}),
    "a partition of some": (["cross_val_predict"], {"cv": TimeSeriesSplit(3)}),
    "an unknown method": (["cross_val_predict"], {"method": "bogus"}),
    "metadata that fit does not take": (["cross_val_predict"], {"params": {"groups": WINE.y}}),
    "a size beyond all": (["learning_curve"], {"train_sizes": [2.0]}),
    "a size of nothing": (["learning_curve"], {"train_sizes": [0]}),
    "too many samples": (["learning_curve"], {"train_sizes": [10**6]}),
    "shuffle is a word": (["learning_curve"], {"shuffle": "x"}),
    "a seed that is a word": (["learning_curve"], {"shuffle": True, "random_state": "x"}),
    "an unknown name": (["validation_curve"], {"param_name": "bogus"}),
    "values that are a number": (["validation_curve"], {"param_range": 3}),
    "return_estimator is a word": (["cross_validate"], {"return_estimator": "x"}),
    "return_indices is a number": (["cross_validate"], {"return_indices": 3}),
}
OF_SEARCHES = {
    "an unknown parameter": (SEARCHES, {"grid": {"bogus": [1]}}),
    "a known and an unknown one": (SEARCHES, {"grid": {"alpha": [0.1, 1.0], "bogus__x": [1]}}),
    "no values": (SEARCHES, {"grid": {"alpha": []}}),
    "a value in place of values": (SEARCHES, {"grid": {"alpha": 1.0}}),
    "a grid that is a word": (SEARCHES, {"grid": "alpha"}),
    "no grid": (SEARCHES, {"grid": None}),
    "several scores and no choice": (SEARCHES[:2], {"scoring": ["accuracy", "f1_macro"]}),
    "a choice of another": (SEARCHES[:2], {"scoring": ["accuracy"], "refit": "bogus"}),
    "several scores in halving": (HALVING, {"scoring": ["accuracy", "f1_macro"]}),
    "refit is a number": (SEARCHES, {"refit": 3}),
    "no iterations": (["RandomizedSearchCV"], {"n_iter": 0}),
    "a seed that is a word": (SEARCHES[1:], {"random_state": "x"}),
    "splits that differ": (HALVING, {"cv": ShuffleSplit(3)}),
    "a factor of one": (HALVING, {"factor": 1}),
    "an unknown resource": (HALVING, {"resource": "bogus"}),
    "a resource that is searched": (HALVING, {"resource": "alpha", "max_resources": 8}),
    "a resource without a maximum": (HALVING, {"resource": "max_iter"}),
    "a minimum beyond the maximum": (HALVING, {"min_resources": 90, "max_resources": 80}),
    "more resources than samples": (HALVING, {"min_resources": 10**6}),
}
CASES = [
    *((name, what, options) for name in FUNCTIONS + SEARCHES for what, options in ALL.items()),
    *(
        (name, what, options)
        for name in FUNCTIONS + SEARCHES
        if name != "cross_val_predict"
        for what, options in SCORED.items()
    ),
    *(
        (name, what, options)
        for name in ["cross_validate", *SEARCHES[:2]]
        for what, options in SEVERAL.items()
    ),
    *(
        (name, what, options)
        for what, (names, options) in (OF_FUNCTIONS | OF_SEARCHES).items()
        for name in names
    ),
]


@pytest.fixture
def trained(monkeypatch):
    """Collect the solvers that begin to train."""
    begun = []
    for cls in (StochasticSolver, Solver):

        def train(solver, *args, original=cls.train, **kwargs):
            begun.append(solver)
            return original(solver, *args, **kwargs)

        monkeypatch.setattr(cls, "train", train)
    return begun


def error_of(module, name, model, X=WINE.X, y=WINE.y, grid=ALPHAS, **options):
    """Return what kind of error a function or a search of ``module`` raises, and what it says."""
    function = getattr(module, name)
    if name == "validation_curve":
        options = {"param_name": "alpha", "param_range": [0.1, 1.0]} | options
    with pytest.raises(Exception, match=r".") as caught:
        function(model, grid, **options).fit(X, y) if name in SEARCHES else function(model, X, y, **options)
    return caught.type, re.sub("0x[0-9a-f]+", "", str(caught.value))


@pytest.mark.filterwarnings("ignore:The least populated class in y has only")
@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name, _, options in CASES],
    ids=[f"{name}, {what}" for name, what, _ in CASES],
)
def test_an_error_is_that_of_scikit_learn_and_comes_before_training(name, options, trained):
    theirs = error_of(model_selection, name, model_of(WINE), **options)
    del trained[:]
    assert error_of(skmlp.model_selection, name, model_of(WINE), **options) == theirs
    assert not trained


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("is_pipeline", [False, True])
def test_a_missing_method_is_noticed_before_training(is_pipeline, solver, method, trained):
    """scikit-learn notices it after the first fit."""
    model = DIABETES.model(**SMALL, solver=solver)
    model = make_pipeline(StandardScaler(), model) if is_pipeline else model
    data = {"X": DIABETES.X, "y": DIABETES.y, "method": method}
    theirs = error_of(model_selection, "cross_val_predict", model, **data)
    assert theirs[0] is AttributeError
    del trained[:]
    assert error_of(skmlp.model_selection, "cross_val_predict", model, **data) == theirs
    assert not trained


@pytest.mark.parametrize("search", SEARCHES)
def test_a_wrong_name_in_a_later_candidate_is_noticed_before_the_first_is_trained(search, trained):
    """scikit-learn notices it when it comes to that candidate."""
    options = {"RandomizedSearchCV": {"n_iter": 3}, "HalvingRandomSearchCV": {"n_candidates": 3}}
    with pytest.raises(ValueError, match="Invalid parameter 'bogus' for estimator MLPClassifier"):
        getattr(skmlp.model_selection, search)(
            model_of(WINE), [ALPHAS, {"bogus": [1]}], **options.get(search, {})
        ).fit(WINE.X, WINE.y)
    assert not trained


def test_what_fails_in_a_worker_is_no_failure_of_a_fit(monkeypatch):
    """It is raised, whatever error_score says: the fits were never made."""

    def broken(*args):
        raise OSError("no space left")

    monkeypatch.setattr("skmlp.model_selection.prefit.jobs_of", broken)
    for error_score in (np.nan, "raise"):
        with pytest.raises(OSError, match="no space left"):
            skmlp.model_selection.cross_validate(model_of(WINE), WINE.X, WINE.y, error_score=error_score)
