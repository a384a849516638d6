"""Threads over networks: as many as are allowed, with the same results."""

import signal
import time
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

pytest.importorskip("numba")

from skmlp.compiled import steps, threads
from skmlp.compiled.threads import Threads, n_allowed
from skmlp.training.stopping import StopReason
from tests.compiled.problems import run
from tests.training.problems import Training
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


def test_an_epoch_can_be_interrupted_before_its_end(monkeypatch, request):
    """In the fifth call: an epoch has four steps, and each is a call of its own."""
    # Jobs in the background ignore the signal, unless they say otherwise.
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    calls = []
    take = steps.CompiledSteps.__call__

    def pressing(self, steps, *arguments):
        calls.append(steps)
        take(self, steps, *arguments)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(steps, "SECONDS_AT_ONCE", 1e-9)
    monkeypatch.setattr(steps.CompiledSteps, "__call__", pressing)
    found = run(*REGULARIZED, compiled=True)
    assert calls == [range(i, i + 1) for i in (0, 1, 2, 3, 0)]
    assert found.reasons == [StopReason.INTERRUPTED] * 3
    assert [len(curve) for curve in found.curves.losses] == [1, 1, 1]
    monkeypatch.undo()
    after_one = run(*REGULARIZED, compiled=True, max_iter=1)
    assert (found.theta != after_one.theta).any(axis=1).all()
    assert np.isfinite(found.theta).all()


def test_the_interpreter_has_its_turn_often():
    setup = Training(REGULARIZED).setup
    steps_of = steps.CompiledSteps(None, setup, Training(REGULARIZED).state)
    seconds = steps.seconds_per_step(setup.objective.network, setup.batches.batch_size, 3)
    assert 0.02 < steps_of.n_at_once * seconds * 3 <= steps.SECONDS_AT_ONCE
