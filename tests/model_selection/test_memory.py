"""What a fit was given is let go when it is over, not when Python looks for cycles."""

import gc
import tracemalloc
import weakref
from itertools import product

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmlp.model_selection
from skmlp import MLPClassifier
from skmlp.model_selection import jobs, planning
from tests.estimators.data import TASKS
from tests.model_selection.comparisons import VARIANTS, model_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def without_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def let_go(array):
    """Return whether there is no such array any more, given a weak reference to it."""
    return array() is None


@pytest.mark.usefixtures("without_collection")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_fit_lets_go_of_its_samples(task, variant):
    model, X = model_of(TASKS[task], variant), TASKS[task].X.copy()
    samples = weakref.ref(X)
    model.fit(X, TASKS[task].y)
    del X
    assert let_go(samples)


def peak_of(call):
    """Return the most memory, in bytes, that a call has had at a time."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


CALLS = {
    "grid": lambda module, model, X, y: module.GridSearchCV(model, alphas(model), cv=3).fit(X, y),
    "halving": lambda module, model, X, y: module.HalvingGridSearchCV(
        model, alphas(model), cv=3, random_state=0, factor=2
    ).fit(X, y),
    "epochs": lambda module, model, X, y: module.HalvingGridSearchCV(
        model, alphas(model), cv=3, random_state=0, resource=prefix(model) + "max_iter", max_resources=3
    ).fit(X, y),
    "scores": lambda module, model, X, y: module.cross_val_score(model, X, y),
    "estimators": lambda module, model, X, y: module.cross_validate(model, X, y, return_estimator=True),
    "predictions": lambda module, model, X, y: module.cross_val_predict(model, X, y),
}
X = np.random.RandomState(0).normal(size=(5000, 300))
Y = (X[:, 0] > 0).astype(int)
CATEGORIES = np.hstack([X[:, :20], np.random.RandomState(0).randint(0, 20, size=(len(X), 14))])


def alphas(model):
    return {prefix(model) + "alpha": [1e-4, 1e-3, 1e-2]}


def prefix(model):
    return "mlpclassifier__" * isinstance(model, Pipeline)


def one_hot(sparse):
    encoder = OneHotEncoder(sparse_output=sparse, handle_unknown="ignore")
    columns = [("numbers", StandardScaler(), slice(20)), ("words", encoder, slice(20, 34))]
    return ColumnTransformer(columns, sparse_threshold=1.0)


def assert_a_search_needs_hardly_more_memory(name, model, X, y):
    theirs, ours = (
        peak_of(lambda module=module: CALLS[name](module, model, X, y))
        for module in (model_selection, skmlp.model_selection)
    )
    assert ours < 1.3 * theirs


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("early_stopping", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("name", ["grid", "scores", "predictions"])
def test_a_search_needs_hardly_more_memory_than_that_of_scikit_learn(name, early_stopping, dtype):
    """The networks of all training parts take their rows from one X."""
    model = MLPClassifier((3,), max_iter=1, early_stopping=early_stopping, random_state=0)
    assert_a_search_needs_hardly_more_memory(name, model, X.astype(dtype), Y)


BEFORE = {
    "scaled": ([StandardScaler()], {}, X),
    "scaled, early stopping": ([StandardScaler()], {"early_stopping": True}, X),
    "scaled by the network": ([], {"standardize": True}, X),
    "scaled by the network, early stopping": ([], {"standardize": True, "early_stopping": True}, X),
    "one-hot": ([one_hot(sparse=False)], {}, CATEGORIES),
    "one-hot, sparse": ([one_hot(sparse=True)], {}, CATEGORIES),
    "one-hot, scaled by the network": (
        [one_hot(sparse=False)],
        {"standardize": True, "early_stopping": True},
        CATEGORIES,
    ),
}
"""The steps before the network, its parameters, and samples."""


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("grid", "scaled"),
        ("scores", "one-hot, scaled by the network"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                *product(["grid", "scores"], BEFORE),
                *product(["halving", "epochs", "estimators"], ["scaled"]),
            ]
        ),
    ],
)
def test_few_training_parts_are_there_that_have_been_transformed(name, before, monkeypatch):
    for module in (jobs, planning):
        monkeypatch.setattr(module, "DATA_BYTES", 1)
    steps, options, samples = BEFORE[before]
    network = MLPClassifier((3,), max_iter=1, random_state=0, **options)
    model = make_pipeline(*steps, network) if steps else network
    assert_a_search_needs_hardly_more_memory(name, model, samples[:2000], Y[:2000])
