"""What a fit was given is let go when it is over, not when Python looks for cycles."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from sklearn import model_selection

import skmlp.model_selection
from skmlp import MLPClassifier
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
    "grid": lambda module, model, X, y: module.GridSearchCV(model, ALPHAS, cv=3).fit(X, y),
    "scores": lambda module, model, X, y: module.cross_val_score(model, X, y),
    "predictions": lambda module, model, X, y: module.cross_val_predict(model, X, y),
}
ALPHAS = {"alpha": [1e-4, 1e-3, 1e-2]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_a_search_needs_hardly_more_memory_than_that_of_scikit_learn(name, early_stopping, dtype):
    """The networks of all training parts take their rows from one X."""
    X = np.random.RandomState(0).normal(size=(5000, 300)).astype(dtype)
    y = (X[:, 0] > 0).astype(int)
    model = MLPClassifier((3,), max_iter=1, early_stopping=early_stopping, random_state=0)
    theirs, ours = (
        peak_of(lambda module=module: CALLS[name](module, model, X, y))
        for module in (model_selection, skmlp.model_selection)
    )
    assert ours < 1.3 * theirs
