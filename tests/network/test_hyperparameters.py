from dataclasses import dataclass

import numpy as np
import pytest

from skmlp.network.hyperparameters import (
    PerNetwork,
    check_field,
    check_positive,
    fields_per_network,
    is_used,
    kept,
    per_network,
    stack_key,
    stacked,
    within,
)


@dataclass(frozen=True)
class Choice:
    rate: PerNetwork = per_network(0.5)
    decay: PerNetwork = per_network(0.25)
    limit: PerNetwork | None = per_network(None)
    flag: bool = True


def test_fields_say_themselves_that_they_may_differ_and_keep_their_defaults():
    assert [field.name for field in fields_per_network(Choice())] == ["rate", "decay", "limit"]
    assert Choice() == Choice(0.5, 0.25, None, True)


def test_annotations_do_not_matter():
    """Not their text, nor whether they are text."""

    @dataclass(frozen=True)
    class Other:
        rate: float
        power: "PerNetwork" = 2.0
        scale: int = per_network(3)

    assert [field.name for field in fields_per_network(Other)] == ["scale"]


def test_a_field_without_a_default_must_be_given():
    @dataclass(frozen=True)
    class Required:
        rate: PerNetwork = per_network()

    with pytest.raises(TypeError, match="rate"):
        Required()


@pytest.mark.parametrize("rates", [[0.1], [0.1, 0.1, 0.1], [0.5, 0.25, 0.5]], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_axes", [1, 2])
def test_fields_become_columns_for_one_network_as_for_many_equal_or_not(rates, dtype, n_axes):
    choice = stacked([Choice(rate, flag=False) for rate in rates], dtype, n_axes)
    for column, values in ((choice.rate, rates), (choice.decay, [0.25] * len(rates))):
        assert column.dtype == dtype
        assert column.shape == (len(rates), *[1] * n_axes)
        np.testing.assert_array_equal(column.ravel(), np.array(values, dtype))
    assert choice.limit is None
    assert choice.flag is False


def test_a_choice_without_fields_per_network_stays_as_it_is():
    @dataclass(frozen=True)
    class Plain:
        flag: bool = True

    plain = Plain()
    assert stacked([plain, Plain()]) is plain


def test_choices_of_one_key_differ_only_where_networks_may():
    assert stack_key(Choice(0.1)) == stack_key(Choice(0.2, decay=0.5))
    assert stack_key(Choice(0.1)) != stack_key(Choice(0.1, flag=False))
    assert hash(stack_key(Choice(0.1))) == hash(stack_key(Choice(0.2)))


def test_what_a_choice_keeps_beside_its_fields_tells_keys_apart():
    class Own(Choice):
        def __init__(self, power):
            super().__init__()
            object.__setattr__(self, "power", power)

    assert stack_key(Own(1)) == stack_key(Own(1))
    assert stack_key(Own(1)) != stack_key(Own(2))


def test_kept_takes_the_columns_of_some_networks():
    choice = stacked([Choice(rate, flag=False) for rate in (0.1, 0.2, 0.3)])
    some = kept(choice, np.array([True, False, True]))
    np.testing.assert_array_equal(some.rate, [[0.1], [0.3]])
    np.testing.assert_array_equal(some.decay, [[0.25], [0.25]])
    assert (some.limit, some.flag) == (None, False)


def test_kept_leaves_plain_numbers_alone():
    assert kept(Choice(0.1), np.array([True, False])) == Choice(0.1)


@pytest.mark.parametrize(
    ("value", "used"),
    [(0, False), (0.0, False), (0.1, True), (np.zeros((2, 1)), False), (np.array([[0.0], [0.1]]), True)],
)
def test_a_number_is_used_unless_it_is_zero_for_every_network(value, used):
    assert is_used(value) is used


@pytest.mark.parametrize(
    ("value", "open_low", "expected"),
    [(0, False, True), (0, True, False), (1, False, False), (-1, False, False), (np.nan, False, False)],
)
def test_within_has_a_closed_or_open_lower_and_an_open_upper_end(value, open_low, expected):
    assert within(value, 0, 1, open_low=open_low) == expected


def test_an_invalid_field_is_named_with_its_value_and_a_way_out():
    with pytest.raises(ValueError, match=r"^Choice\(rate=2\): rate must be in \[0, 1\)\.$"):
        check_field(Choice(2), "rate", valid=False, words="in [0, 1)")
    check_field(Choice(2), "rate", valid=True, words="in [0, 1)")


@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan, np.array([[1.0], [0.0]]), None, "1"], ids=str)
def test_what_is_not_positive_and_finite_is_refused(value):
    with pytest.raises(ValueError, match="rate must be positive and finite"):
        check_positive(Choice(value), "rate")
    check_positive(Choice(np.array([[1.0], [2.0]])), "rate")
