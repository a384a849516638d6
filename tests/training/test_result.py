from dataclasses import fields

import numpy as np
import pytest

from skmlp.training.result import Epoch, Monitor, State, TrainingResult
from skmlp.training.stopping import StopReason

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


def test_of_copies_the_rows_of_a_slice():
    state = filled()
    some = state.of(slice(1, 3))
    for field in fields(State):
        whole, part = getattr(state, field.name), getattr(some, field.name)
        expected = whole[:, 1:3] if field.name == "moments" else whole[1:3]
        np.testing.assert_array_equal(part, expected, field.name)
        assert not np.shares_memory(whole, part)


def result(state=None, rate_curves=None):
    """Return what became of three networks."""
    return TrainingResult(
        theta=THETA,
        losses=[3.0, 2.0, 1.0],
        loss_curves=[[4.0, 3.0], [2.0], [1.0]],
        score_curves=[[0.1, 0.2], [0.3], [0.4]],
        validation_losses=[[5.0, 6.0], [7.0], [8.0]],
        reasons=[StopReason.MAX_ITER, StopReason.DIVERGED, StopReason.CALLBACK],
        messages=["a", "b", "c"],
        state=state,
        rate_curves=rate_curves,
    )


@pytest.mark.parametrize("networks", [slice(0, 1), slice(1, 3), slice(0, 3)], ids=str)
def test_what_became_of_some_networks_is_a_result(networks):
    whole = result(filled(), [[0.1, 0.2], [0.3], [0.4]])
    some = whole.of(networks)
    assert {f.name for f in fields(TrainingResult)} == vars(some).keys()
    for field in fields(TrainingResult):
        found, expected = getattr(some, field.name), getattr(whole, field.name)
        if field.name == "state":
            assert_equal_states(found, expected.of(networks))
        elif field.name == "theta":
            np.testing.assert_array_equal(found, expected[networks])
            assert not np.shares_memory(found, expected)
        else:
            assert found == expected[networks]


def test_a_result_may_have_neither_state_nor_rates():
    some = result().of(slice(1, 2))
    assert some.state is None
    assert some.rate_curves is None
