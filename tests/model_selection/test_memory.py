"""What a fit was given is let go when it is over, not when Python looks for cycles."""

import gc
import weakref

import pytest

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
