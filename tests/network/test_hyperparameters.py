from dataclasses import dataclass

import numpy as np
import pytest

from skmlp.network.hyperparameters import PerNetwork, as_arrays, is_used, kept, kind, stacked


@dataclass(frozen=True)
class Choice:
    rate: PerNetwork = 0.5
    decay: PerNetwork = 0.25
    flag: bool = True


@pytest.mark.parametrize("n_networks", [1, 3])
def test_equal_members_stay_plain_numbers(n_networks):
    assert stacked([Choice(0.1)] * n_networks) == Choice(0.1)


def test_fields_that_differ_become_columns():
    choice = stacked([Choice(0.5), Choice(0.25), Choice(0.5)])
    assert choice.rate.dtype == float
    np.testing.assert_array_equal(choice.rate, [[0.5], [0.25], [0.5]])
    assert (choice.decay, choice.flag) == (0.25, True)


def test_columns_have_the_axes_and_the_dtype_of_what_they_meet():
    choice = stacked([Choice(0.5), Choice(0.25)], np.float32, n_axes=2)
    assert choice.rate.dtype == np.float32
    assert choice.rate.shape == (2, 1, 1)


def test_choices_of_one_kind_differ_only_where_networks_may():
    assert kind(Choice(0.1)) == kind(Choice(0.2, decay=0.5))
    assert kind(Choice(0.1)) != kind(Choice(0.1, flag=False))


def test_what_a_choice_keeps_beside_its_fields_tells_kinds_apart():
    class Own(Choice):
        def __init__(self, power):
            super().__init__()
            object.__setattr__(self, "power", power)

    assert kind(Own(1)) == kind(Own(1))
    assert kind(Own(1)) != kind(Own(2))


def test_kept_takes_the_columns_of_some_networks():
    choice = stacked([Choice(rate, flag=False) for rate in (0.1, 0.2, 0.3)])
    some = kept(choice, np.array([True, False, True]))
    np.testing.assert_array_equal(some.rate, [[0.1], [0.3]])
    assert (some.decay, some.flag) == (0.25, False)


def test_kept_leaves_plain_numbers_alone():
    assert kept(Choice(0.1), np.array([True, False])) == Choice(0.1)


def test_columns_and_numbers_become_arrays_of_one_dtype():
    column, number = as_arrays((np.array([[0.1], [0.2]]), 0.1), np.dtype("float32"))
    assert column.dtype == number.dtype == np.float32
    np.testing.assert_array_equal(column, np.float32([[0.1], [0.2]]))
    assert number.shape == ()
    assert number == np.float32(0.1)


@pytest.mark.parametrize(
    ("value", "used"), [(0, False), (0.0, False), (0.1, True), (np.zeros((2, 1)), True)]
)
def test_a_number_is_used_unless_it_is_zero(value, used):
    assert is_used(value) is used
