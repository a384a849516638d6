"""BLAS has no more threads than its products are worth, and afterwards those of before."""

from threading import Thread

import numpy as np
import pytest
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info, threadpool_limits

from skmlp import MLPClassifier, MLPRegressor
from skmlp.estimators import multilayer_perceptron
from skmlp.fitting.threads import WORK_OF_ONE, WORK_PER_THREAD, threads_for
from skmlp.network.network import Network
from tests.estimators.data import TASKS

DIGITS_WORK, WIDE_WORK = 200 * 64 * 100, 512 * 1024 * 1024


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, "blas"):
        if n_threads() != {2}:
            pytest.skip("BLAS has no threads here")
        yield


def n_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize(
    ("work", "expected"),
    [(WORK_OF_ONE, 2), (DIGITS_WORK, 1), (2 * WORK_PER_THREAD - 1, 1), (256**3, 2), (WIDE_WORK, 2)],
)
def test_threads_follow_from_the_work_of_a_product(work, expected):
    with threads_for(work):
        assert n_threads() == {expected}
    assert n_threads() == {2}


def test_never_more_than_the_user_has_set():
    with threadpool_limits(1, "blas"), threads_for(WIDE_WORK):
        assert n_threads() == {1}


def test_an_error_sets_them_back():
    with pytest.raises(KeyError), threads_for(DIGITS_WORK):
        raise KeyError
    assert n_threads() == {2}


def test_who_comes_later_leaves_them_alone():
    with threads_for(DIGITS_WORK):
        with threads_for(WIDE_WORK):
            assert n_threads() == {1}
        assert n_threads() == {1}
    with threads_for(WIDE_WORK), threads_for(DIGITS_WORK):
        assert n_threads() == {2}


def test_a_call_in_another_thread_does_not_wait_or_end_the_limit():
    def other():
        with threads_for(DIGITS_WORK):
            pass

    with threads_for(DIGITS_WORK):
        thread = Thread(target=other)
        thread.start()
        thread.join(timeout=10)
        assert not thread.is_alive()
        assert n_threads() == {1}
    assert n_threads() == {2}


def test_a_fit_limits_them_and_sets_them_back(monkeypatch):
    found, train = [], multilayer_perceptron.train

    def noted(*args):
        found.append(n_threads())
        return train(*args)

    monkeypatch.setattr(multilayer_perceptron, "train", noted)
    X = np.random.default_rng(0).normal(size=(200, 64))
    for hidden, expected in [((100,), {1}), ((2000,), {2}), ((3,), {2})]:
        MLPRegressor(hidden, max_iter=1).partial_fit(X, X[:, 0])
        assert found.pop() == expected
        assert n_threads() == {2}


def test_a_long_prediction_limits_them_and_sets_them_back(monkeypatch):
    found, output = [], Network.output

    def noted(*args):
        found.append(n_threads())
        return output(*args)

    task = TASKS["multiclass"]
    model = task.model(hidden_layer_sizes=(100,), max_iter=1).partial_fit(task.X, task.y, classes=[0, 1, 2])
    monkeypatch.setattr(Network, "output", noted)
    model.predict(task.X)
    model.predict(np.resize(task.X, (60_000, task.X.shape[1])))
    assert found == [{2}, {1}]
    assert n_threads() == {2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_and_predictions_in_many_threads_leave_what_was():
    X = np.random.default_rng(0).normal(size=(400, 64))
    y = (X[:, 0] > 0).astype(int)

    def fitted(i):
        model = MLPClassifier((100 + 1900 * (i % 4 == 0),), max_iter=1, random_state=0).fit(X, y)
        return model.predict_proba(np.resize(X, (20_000, 64)))[0]

    rows = Parallel(n_jobs=4, backend="threading")(delayed(fitted)(i) for i in range(12))
    assert n_threads() == {2}
    for i, row in enumerate(rows):
        np.testing.assert_allclose(row, rows[i % 4], rtol=1e-10)
