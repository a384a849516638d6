import numpy as np
import pytest

from skmlp.network.hyperparameters import kept
from skmlp.training.stopping import Stopping, StopReason


def count(values, tol):
    """Return patience and best value of one network after each of ``values``."""
    stopping = Stopping(max_iter=10, tol=np.array([tol]), n_iter_no_change=2)
    best, without, seen = np.array([-np.inf]), np.array([0]), []
    for value in values:
        is_best = stopping.count(np.array([value]), best, without)
        seen.append((int(without[0]), float(best[0]), bool(is_best[0])))
    return seen


@pytest.mark.parametrize(
    ("values", "tol", "without", "best"),
    [
        ([1, 2, 3], 0, [0, 0, 0], [1, 2, 3]),
        ([3, 2, 1], 0, [0, 1, 2], [3, 3, 3]),
        ([1, 1, 1], 0, [0, 0, 0], [1, 1, 1]),  # a gain of zero is as much as tol asks for
        ([1, 1.5, 2], 0.75, [0, 1, 2], [1, 1.5, 2]),  # each step is too small, and still the best yet
        ([1, 1.75, 1.75], 0.75, [0, 0, 1], [1, 1.75, 1.75]),
        ([1, 5, 2, 7], 1, [0, 0, 1, 0], [1, 5, 5, 7]),
        ([1, np.nan, 2], 0, [0, 1, 0], [1, 1, 2]),
        ([np.nan, 1], 0, [1, 0], [-np.inf, 1]),
        ([1, 2, 3], -np.inf, [0, 0, 0], [1, 2, 3]),
    ],
)
def test_improvement_is_a_gain_of_at_least_tol(values, tol, without, best):
    seen = count(values, tol)
    assert [entry[:2] for entry in seen] == list(zip(without, best, strict=True))


def test_best_is_what_is_larger_than_all_before():
    assert [is_best for *_, is_best in count([1, 1, 2, 0, np.nan, 3], 0)] == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]


def test_networks_are_counted_apart():
    stopping = Stopping(10, 2, np.array([0.0, 2.0, 0.0]))
    best, without = np.array([1.0, 1.0, 5.0]), np.array([3, 3, 3])
    is_best = stopping.count(np.array([2.0, 2.0, 2.0]), best, without)
    np.testing.assert_array_equal(without, [0, 4, 4])
    np.testing.assert_array_equal(best, [2, 2, 5])
    np.testing.assert_array_equal(is_best, [True, True, False])


def test_keep_is_the_rule_for_some_networks():
    some = kept(Stopping(7, 2, np.array([0.1, 0.2, 0.3])), np.array([True, False, True]))
    assert (some.max_iter, some.n_iter_no_change) == (7, 2)
    np.testing.assert_array_equal(some.tol, [0.1, 0.3])


def test_every_reason_says_why():
    assert len({reason.value for reason in StopReason}) == len(StopReason)
