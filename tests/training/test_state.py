from copy import deepcopy
from dataclasses import fields

import numpy as np
import pytest

from skmlp.training.state import Curves, State
from tests.training.problems import assert_equal_states

THETA = np.random.default_rng(0).normal(size=(3, 7))
ORDER = np.array([[2, 1, 0, 3], [5, 4, 4, 4], [0, 3, 5, 0]])
CURVES = [f.name for f in fields(Curves)]
ARRAYS = [f.name for f in fields(State) if f.name not in ("random_states", "streams", "curves")]


def streams(*seeds):
    return [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]


def random_states(*seeds):
    return [np.random.RandomState(seed) for seed in seeds]


def filled(n_networks=3, seed=1, n_rows=4, validated=True):
    """Return a state in which every number is different."""
    rng = np.random.default_rng(seed)
    seeds = range(10 * seed, 10 * seed + n_networks)
    order = np.zeros((n_networks, n_rows), dtype=int)
    zeros, rates = np.zeros((n_networks, 7)), np.zeros(n_networks)
    state = State.start(zeros, 2, rates, order, random_states(*seeds), streams(*seeds), validated=validated)
    for name in ARRAYS:
        if (array := getattr(state, name)) is not None:
            array[...] = rng.permutation(1000)[: array.size].reshape(array.shape)
    for _ in range(3):
        state.curves.append(**{name: rng.uniform(size=n_networks) for name in CURVES})
    return state


def rows(state, name, networks):
    """Return some rows of one array of a state."""
    array = getattr(state, name)
    return array[:, networks] if name == "moments" else array[networks]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_moments", [0, 1, 2])
def test_start_remembers_nothing(dtype, n_moments):
    state = State.start(THETA.astype(dtype), n_moments, np.array([0.1, 0.2, 0.3]), ORDER)
    np.testing.assert_array_equal(state.theta, THETA.astype(dtype))
    assert state.moments.shape == (n_moments, 3, 7)
    assert state.theta.dtype == state.moments.dtype == dtype
    np.testing.assert_array_equal(state.rate, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(state.best, -np.inf)
    np.testing.assert_array_equal(state.order, ORDER)
    for zeros in (state.moments, state.step, state.samples_seen, state.without_improvement):
        np.testing.assert_array_equal(zeros, 0)
    assert state.random_states == state.streams == []
    assert state.best_theta is None
    assert all(getattr(state.curves, name) == [[], [], []] for name in CURVES)


def test_start_copies_arrays_and_shares_random_streams():
    rate, own = np.array([0.1, 0.2, 0.3]), random_states(1, 2, 3)
    state = State.start(THETA, 1, rate, ORDER, own, streams(1, 2, 3), validated=True)
    for array, source in [
        (state.theta, THETA),
        (state.best_theta, THETA),
        (state.rate, rate),
        (state.order, ORDER),
        (state.best_theta, state.theta),
    ]:
        np.testing.assert_array_equal(array, source)
        assert not np.shares_memory(array, source)
    assert all(a is b for a, b in zip(state.random_states, own, strict=True))


def test_curves_are_appended_to_by_name():
    curves = Curves.start(2)
    curves.append(losses=np.array([1.0, 2.0]), rates=np.array([0.1, 0.2]))
    curves.append(losses=np.array([3.0, 4.0]), rates=np.array([0.3, 0.4]))
    assert curves == Curves([[1, 3], [2, 4]], [[], []], [[], []], [[0.1, 0.3], [0.2, 0.4]])


@pytest.mark.parametrize("validated", [False, True])
def test_take_copies_arrays_and_shares_curves_and_random_streams(validated):
    state = filled(validated=validated)
    some = state.take([0, 2])
    for name in ARRAYS:
        if name == "best_theta" and not validated:
            assert some.best_theta is None
            continue
        part = getattr(some, name)
        np.testing.assert_array_equal(part, rows(state, name, [0, 2]), name)
        assert not np.shares_memory(getattr(state, name), part)
    for name in ("random_states", "streams"):
        assert all(a is b for a, b in zip(getattr(some, name), getattr(state, name)[::2], strict=True))
    some.curves.append(losses=np.array([7.0, 8.0]))
    assert [curve[3:] for curve in state.curves.losses] == [[7.0], [], [8.0]]


def test_what_is_empty_stays_empty():
    state = State.start(THETA, 0, np.zeros(3), ORDER)
    for some in (state.take([0, 2]), State.concatenate([state, state])):
        assert some.random_states == some.streams == []
        assert some.best_theta is None
        assert some.moments.shape == (0, *some.theta.shape)
    state.put([0, 2], state.take([0, 2]))
    assert state.random_states == state.streams == []


def test_put_is_the_inverse_of_take():
    state, expected = filled(), filled()
    mask = np.array([True, False, True])
    some = state.take(np.flatnonzero(mask))
    for name in ARRAYS:
        rows(state, name, slice(None))[...] = np.where(
            mask.reshape(-1, *[1] * (getattr(state, name).ndim - 1 - (name == "moments"))),
            0,
            getattr(state, name),
        )
    for name in ("random_states", "streams"):
        getattr(state, name)[::2] = [None, None]
    state.put([0, 2], some)
    assert_equal_states(state, expected)


def test_put_writes_rows_in_the_order_of_the_indices():
    state, some = filled(), filled(2, seed=2)
    state.put([2, 0], some)
    assert_equal_states(State.concatenate([state.take([2]), state.take([0])]), some)
    assert_equal_states(state.take([1]), filled().take([1]))


def test_a_copy_shares_nothing():
    state = filled()
    some = deepcopy(state.take([1, 2]))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(some, name), rows(state, name, slice(1, 3)), name)
        assert not np.shares_memory(getattr(state, name), getattr(some, name))
    before = deepcopy(state)
    for random_state, stream in zip(some.random_states, some.streams, strict=True):
        assert random_state.uniform() != stream.uniform()
    some.curves.append(losses=np.array([7.0, 8.0]))
    assert_equal_states(state, before)


def test_concatenate_is_the_inverse_of_take():
    state = filled()
    parts = [state.take([0]), state.take([1, 2])]
    whole = deepcopy(State.concatenate(parts))
    assert_equal_states(whole, state)
    whole.theta[...] = 0
    whole.curves.append(losses=np.zeros(3))
    for stream in (*whole.streams, *whole.random_states):
        stream.uniform()
    assert_equal_states(State.concatenate(parts), state)


def test_concatenate_pads_the_order_by_a_row_of_the_network():
    whole = State.concatenate([filled(2, 1, n_rows=4), filled(1, 2, n_rows=6)])
    assert whole.order.shape == (3, 6)
    np.testing.assert_array_equal(whole.order[:2, :4], filled(2, 1).order)
    np.testing.assert_array_equal(whole.order[:2, 4:], whole.order[:2, [3, 3]])
