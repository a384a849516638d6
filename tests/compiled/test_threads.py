"""Threads over networks: as many as are allowed, with the same results."""

import signal
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

pytest.importorskip("numba")

from skmlp.compiled import steps, threads
from skmlp.compiled.threads import Threads, n_allowed
from skmlp.training.result import Monitor
from skmlp.training.stopping import StopReason
from tests.compiled.problems import run
from tests.training.problems import Member
from tests.training.test_stochastic import REGULARIZED


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"dropout": (0.3,)}, {"dtype": "float32"}])
def test_results_are_the_same_to_the_last_bit(n_threads, options, monkeypatch):
    expected = run(*REGULARIZED, compiled=True, **options)
    monkeypatch.setattr(steps, "SECONDS_OF_THREADS", 0.0)
    monkeypatch.setattr(steps, "n_allowed", lambda: n_threads)
    found = run(*REGULARIZED, compiled=True, **options)
    np.testing.assert_array_equal(found.theta, expected.theta)
    assert found.curves == expected.curves


@pytest.mark.parametrize("limit", [1, 2])
def test_as_many_as_the_user_allows(limit):
    with threadpool_limits(limit, "blas"):
        assert n_allowed() <= limit


def test_blas_has_one_thread_meanwhile():
    counts = []

    def note(i):
        counts.append([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])

    with threadpool_limits(2, "blas"):
        before = threads._blas().info()
        Threads(2).run(note, 2)
        assert threads._blas().info() == before
    assert all(set(count) == {1} for count in counts)


def test_errors_come_through():
    def fails(i):
        if i == 1:
            raise ValueError("in another thread")

    with pytest.raises(ValueError, match="in another thread"):
        Threads(2).run(fails, 2)


def test_an_interruption_waits_for_the_others():
    done = []

    def interrupted(i):
        if i == 0:
            raise KeyboardInterrupt
        time.sleep(0.2)
        done.append(i)

    with pytest.raises(KeyboardInterrupt):
        Threads(3).run(interrupted, 3)
    assert sorted(done) == [1, 2]


class Presser(Monitor):
    """Presses Ctrl-C soon after the beginning of the second epoch."""

    def __init__(self):
        self.begun = []

    def begin(self, index):
        self.begun.append(time.perf_counter())
        if index == 1:
            main = threading.main_thread().ident
            threading.Timer(0.02, lambda: signal.pthread_kill(main, signal.SIGINT)).start()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there are no such signals here")
def test_an_epoch_can_be_interrupted_before_its_end(monkeypatch):
    n = 6_000
    monkeypatch.setattr("tests.training.problems.HIDDEN", (300, 300))
    monkeypatch.setattr("tests.training.problems.N", n)
    monkeypatch.setattr("tests.training.problems.X", np.random.default_rng(0).normal(size=(n, 5)))
    members, monitor = [Member(seed, rows=tuple(range(n))) for seed in range(2)], Presser()
    found = run(*members, compiled=True, batch_size=10, monitor=monitor, max_iter=3)
    first, second = monitor.begun
    assert time.perf_counter() - second < 0.7 * (second - first)
    assert found.reasons == [StopReason.INTERRUPTED] * 2
    assert [len(curve) for curve in found.curves.losses] == [1, 1]
    assert np.isfinite(found.theta).all()
