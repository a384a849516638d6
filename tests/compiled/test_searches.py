"""Searches: the setting reaches the workers, and threads train what is compiled."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone

import skmlp
from skmlp.model_selection import GridSearchCV, cross_validate
from skmlp.network.activations import Tanh
from skmlp.training.schedules import Constant

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@dataclass(frozen=True)
class Asking(Tanh):
    """Raises where the setting is another than it should be."""

    expected: bool = True

    def forward(self, z, memo):
        assert skmlp.get_config() == {"compiled": self.expected}
        super().forward(z, memo)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("value", [True, False])
def test_it_reaches_workers(backend, value):
    X, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    model = skmlp.MLPClassifier((3,), activation=Asking(value), max_iter=1, random_state=0)
    with skmlp.config_context(compiled=value), parallel_config(backend, n_jobs=2):
        result = cross_validate(model, X, y, cv=2, error_score="raise")
    assert len(result["test_score"]) == 2


MODEL = skmlp.MLPClassifier((3,), batch_size=10, max_iter=3, random_state=0)
GRID = {"alpha": [0.1, 1.0, 10.0], "hidden_layer_sizes": [(3,), (4,)]}


class Place(Constant):
    """Notes in which threads of this process it is asked."""

    noted: ClassVar[set] = set()

    def after_epoch(self, rate, initial, samples_seen):
        self.noted.add(threading.get_ident())
        return rate


@pytest.fixture
def places():
    Place.noted.clear()
    yield Place.noted
    Place.noted.clear()


def searched(model=MODEL, **options):
    X = np.random.default_rng(0).normal(size=(60, 3))
    search = GridSearchCV(model.set_params(learning_rate=Place()), GRID, cv=3, refit=False, **options)
    return search.fit(X, X[:, 0] > 0).cv_results_["mean_test_score"]


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
def test_threads_train_what_is_compiled(places):
    with skmlp.config_context(compiled=True):
        expected = searched()
        assert places == {threading.get_ident()}
        places.clear()
        np.testing.assert_array_equal(searched(n_jobs=2), expected)
        assert places
        assert threading.get_ident() not in places


@pytest.mark.parametrize(
    ("compiled", "backend", "model"),
    [
        (False, None, MODEL),
        (True, "loky", MODEL),
        (True, None, clone(MODEL).set_params(normalization="batch")),
    ],
    ids=["switched off", "another backend", "not compiled"],
)
def test_processes_train_else(places, compiled, backend, model):
    chosen = nullcontext() if backend is None else parallel_config(backend)
    with skmlp.config_context(compiled=compiled), chosen:
        searched(model, n_jobs=2)
    assert not places
