from dataclasses import fields

import numpy as np
import pytest

from skmlp.training.result import Epoch, Monitor, State

THETA = np.random.default_rng(0).normal(size=(3, 7))


def filled(n_networks=3, seed=1):
    """Return a state in which every number is different."""
    rng = np.random.default_rng(seed)
    state = State.start(np.zeros((n_networks, 7)), 2, np.zeros(n_networks))
    for field in fields(State):
        array = getattr(state, field.name)
        array[...] = rng.permutation(1000)[: array.size].reshape(array.shape)
    return state


def assert_equal_states(a, b):
    for field in fields(State):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), field.name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_moments", [0, 1, 2])
def test_start_remembers_nothing(dtype, n_moments):
    state = State.start(THETA.astype(dtype), n_moments, np.array([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(state.theta, THETA.astype(dtype))
    assert state.moments.shape == (n_moments, 3, 7)
    assert state.theta.dtype == state.moments.dtype == dtype
    np.testing.assert_array_equal(state.rate, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(state.best, -np.inf)
    for zeros in (state.moments, state.step, state.samples_seen, state.without_improvement):
        np.testing.assert_array_equal(zeros, 0)


def test_start_copies_its_arguments():
    rate = np.array([0.1, 0.2, 0.3])
    state = State.start(THETA, 1, rate)
    assert not np.shares_memory(state.theta, THETA)
    assert not np.shares_memory(state.rate, rate)


def test_keep_copies_some_rows():
    state = filled()
    some = state.keep(np.array([True, False, True]))
    for field in fields(State):
        whole, part = getattr(state, field.name), getattr(some, field.name)
        expected = whole[:, [0, 2]] if field.name == "moments" else whole[[0, 2]]
        np.testing.assert_array_equal(part, expected, field.name)
        assert not np.shares_memory(whole, part)


def test_put_is_the_inverse_of_keep():
    state, expected = filled(), filled()
    mask = np.array([True, False, True])
    some = state.keep(mask)
    for field in fields(State):
        rows = getattr(state, field.name).swapaxes(0, 1 if field.name == "moments" else 0)
        rows[mask] = 0
    state.put(np.flatnonzero(mask), some)
    assert_equal_states(state, expected)


def test_put_writes_rows_in_the_order_of_the_indices():
    state, some = filled(), filled(2, seed=2)
    state.put(np.array([2, 0]), some)
    np.testing.assert_array_equal(state.theta[[2, 0]], some.theta)
    np.testing.assert_array_equal(state.moments[:, [2, 0]], some.moments)
    np.testing.assert_array_equal(state.theta[1], filled().theta[1])


def test_monitor_lets_training_go_on():
    monitor = Monitor()
    monitor.begin(0)
    assert monitor.end(Epoch(0, np.arange(3), THETA, np.zeros(3))) is False
