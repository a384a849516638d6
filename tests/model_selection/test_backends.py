"""Fits on any of joblib's backends, in other processes and on a cluster: complete, and equal."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    validation_curve,
)
from tests.estimators.data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE = TASKS["multiclass"]
MODEL = WINE.model(hidden_layer_sizes=(7,), max_iter=5, batch_size=10)
PIPELINE = make_pipeline(StandardScaler(), MODEL)
HALVING = {"resource": "max_iter", "min_resources": 2, "factor": 2, "cv": 3, "random_state": 0}


def searched(search):
    search.fit(WINE.X, WINE.y)
    scores = [search.cv_results_[f"split{i}_test_score"] for i in range(search.n_splits_)]
    return [*scores, search.predict_proba(WINE.X)]


WAYS = {
    "grid": lambda **options: searched(GridSearchCV(MODEL, {"alpha": [0.1, 1, 10, 100]}, cv=3, **options)),
    "several stacks": lambda **options: searched(
        GridSearchCV(MODEL, {"hidden_layer_sizes": [(2,), (3,), (5,)]}, cv=3, **options)
    ),
    "random": lambda **options: searched(
        RandomizedSearchCV(MODEL, {"alpha": [0.1, 1, 10]}, n_iter=3, random_state=0, cv=3, **options)
    ),
    "halving": lambda **options: searched(
        HalvingGridSearchCV(MODEL, {"alpha": [0.1, 1, 10, 100]}, max_resources=8, **HALVING, **options)
    ),
    "halving of a pipeline": lambda **options: searched(
        HalvingGridSearchCV(
            PIPELINE,
            {"mlpclassifier__alpha": [0.1, 1, 10, 100]},
            max_resources=8,
            **{**HALVING, "resource": "mlpclassifier__max_iter"},
            **options,
        )
    ),
    "lbfgs": lambda **options: searched(
        GridSearchCV(MODEL, {"solver": ["lbfgs"], "alpha": [1, 10]}, cv=3, **options)
    ),
    "validation": lambda **options: [
        cross_validate(PIPELINE, WINE.X, WINE.y, params=weights(), **options)["test_score"]
    ],
    "predictions": lambda **options: [cross_val_predict(MODEL, WINE.X, WINE.y, **options)],
    "learning curve": lambda **options: learning_curve(
        MODEL, WINE.X, WINE.y, train_sizes=[20, 40], cv=2, **options
    ),
    "validation curve": lambda **options: validation_curve(
        MODEL, WINE.X, WINE.y, param_name="max_iter", param_range=[2, 3], **options
    ),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def weights():
    return {"mlpclassifier__sample_weight": WINE.weights}


def assert_equal_results(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@EVERY_WAY
@pytest.mark.parametrize("n_jobs", [2, pytest.param(-1, marks=pytest.mark.slow)])
def test_threads_change_nothing(way, n_jobs):
    with parallel_config("threading"):
        found = way(n_jobs=n_jobs)
    assert_equal_results(found, way())


@EVERY_WAY
def test_processes_change_nothing(way):
    assert_equal_results(way(n_jobs=2), way())


@EVERY_WAY
def test_the_number_of_jobs_may_come_from_the_backend(way):
    with parallel_config("threading", n_jobs=2):
        found = way()
    assert_equal_results(found, way())


def test_a_search_within_a_search():
    """Of the two, the outer goes parallel."""
    inner = GridSearchCV(MODEL, {"alpha": [1, 10]}, cv=2, n_jobs=2)
    expected = cross_validate(GridSearchCV(MODEL, {"alpha": [1, 10]}, cv=2), WINE.X, WINE.y, cv=2)
    found = cross_validate(inner, WINE.X, WINE.y, cv=2, n_jobs=2)
    np.testing.assert_array_equal(found["test_score"], expected["test_score"])


def test_errors_of_fits_come_back_from_other_processes():
    search = GridSearchCV(MODEL, {"alpha": [1, -1]}, cv=2, n_jobs=2, refit=False)
    with pytest.warns(Warning, match="(?s)alpha|non-finite"):
        search.fit(WINE.X, WINE.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, False]
    with pytest.raises(ValueError, match="alpha"):
        search.set_params(error_score="raise").fit(WINE.X, WINE.y)


# A cluster

LONG = {"tol": 0.0, "n_iter_no_change": 10**6, "max_iter": 200}
CANDIDATES = {"hidden_layer_sizes": [(2,), (3,), (5,), (7,), (11,), (13,)]}

CLUSTER = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def of_cluster(test):
    for mark in CLUSTER:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def client():
    """Return the client of a cluster of two processes."""
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@of_cluster
@EVERY_WAY
def test_a_cluster_changes_nothing(way, client):
    with parallel_config("dask"):
        found = way()
    assert_equal_results(found, way())


def busy_worker(client, timeout=60):
    """Return the address of a worker, once one has begun with a task of the search."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for address, tasks in client.processing().items():
            if tasks:
                return address
        time.sleep(0.01)
    raise TimeoutError("No task was begun.")


@of_cluster
def test_a_worker_that_dies_in_the_middle_changes_nothing(client):
    """What it was at, and what it had done, is done again."""
    found = []

    def search():
        with parallel_config("dask"):
            found.append(searched(clone(long_search)))

    long_search = GridSearchCV(clone(MODEL).set_params(**LONG), CANDIDATES, cv=4)
    processes = client.run(os.getpid)
    thread = threading.Thread(target=search)
    thread.start()
    victim = busy_worker(client)
    os.kill(processes[victim], signal.SIGKILL)
    died_in_time = thread.is_alive()
    thread.join(timeout=120)
    assert died_in_time
    assert not thread.is_alive()
    client.wait_for_workers(2, timeout=60)
    assert processes[victim] not in client.run(os.getpid).values()
    assert_equal_results(found[0], searched(long_search))
