import math
import pickle
import re

import numpy as np
import pytest

from skmlp.training.schedules import (
    SCHEDULES,
    Adaptive,
    Constant,
    Cosine,
    FlatCosine,
    InverseScaling,
    Linear,
    OneCycle,
)

INITIAL = np.array([0.1, 0.2, 0.3])
RATE = np.array([0.1, 0.02, 1e-7])  # of which the last lies below what Adaptive lowers
SEEN = np.array([0, 3, 99])


def test_names_in_the_table_are_those_of_the_schedules():
    assert all(schedule.name == name for name, schedule in SCHEDULES.items())
    names = {"constant", "invscaling", "adaptive", "linear", "cosine", "flat_cosine", "one_cycle"}
    assert set(SCHEDULES) == names


PLANNED = [Linear(), Cosine(), FlatCosine(), OneCycle()]
EVERY_PLANNED = pytest.mark.parametrize("schedule", PLANNED, ids=repr)


def naive_factor(schedule, i, n):
    """Return the factor of step ``i`` of ``n``, without warmup."""
    match schedule:
        case Linear():
            return 1 - i / n
        case Cosine():
            return 0.5 * (1 + math.cos(math.pi * i / n))
        case FlatCosine():
            return 0.5 * (1 + math.cos(math.pi * (max(1, 2 * i / n) - 1)))
        case OneCycle(rise=rise, start=start, end=end):
            if i < rise * n:
                return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * i / (rise * n)))
            return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * (i - rise * n) / (n - rise * n)))
    return 1.0


@pytest.mark.parametrize("schedule", [*PLANNED, OneCycle(rise=0.5, start=0.2, end=0.1)], ids=repr)
@pytest.mark.parametrize("n_steps", [1, 7, 100])
def test_factors_are_the_formula(schedule, n_steps):
    steps = np.arange(n_steps)
    expected = [naive_factor(schedule, i, n_steps) for i in steps]
    np.testing.assert_allclose(schedule.factors(steps, n_steps), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("schedule", [Constant(), InverseScaling(), Adaptive()], ids=repr)
def test_factors_of_others_are_one(schedule):
    np.testing.assert_array_equal(schedule.factors(np.arange(9), 7), np.ones(9))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.99])
def test_warmup_rises_linearly_to_what_the_schedule_says(schedule, warmup):
    n_steps = 40
    factors = schedule(warmup=warmup).factors(np.arange(n_steps), n_steps)
    for i, factor in enumerate(factors):
        ramp = min(1.0, (i + 1) / (warmup * n_steps))
        np.testing.assert_allclose(factor, ramp * naive_factor(schedule(), i, n_steps), rtol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_warmup_of_less_than_a_step_changes_nothing(schedule):
    steps = np.arange(7)
    factors, expected = schedule(warmup=0.1).factors(steps, 7), schedule().factors(steps, 7)
    np.testing.assert_array_equal(factors, expected)


@pytest.mark.parametrize("schedule", [*PLANNED, Constant(warmup=0.3), Cosine(warmup=0.3)], ids=repr)
def test_factors_of_an_epoch_are_part_of_those_of_all(schedule):
    whole = schedule.factors(np.arange(28), 28)
    np.testing.assert_array_equal(
        np.concatenate([schedule.factors(np.arange(i, i + 4), 28) for i in range(0, 28, 4)]), whole
    )


@pytest.mark.parametrize(
    ("schedule", "end"),
    [(Linear(), 0), (Cosine(), 0), (FlatCosine(), 0), (OneCycle(), 1 / 25 / 1e4)],
    ids=repr,
)
def test_the_last_factor_holds_beyond_the_plan(schedule, end):
    np.testing.assert_allclose(schedule.factors(np.array([10, 11, 1000]), 10), end, atol=1e-15)


def test_flat_cosine_is_one_for_half_of_the_plan_and_falls_to_zero():
    factors = FlatCosine().factors(np.arange(1001), 1000)
    np.testing.assert_array_equal(factors[:501], 1)
    assert (np.diff(factors[500:]) < 0).all()
    assert factors[750] == pytest.approx(0.5)
    assert factors[-1] == 0


def test_one_cycle_starts_low_is_highest_after_its_rise_and_ends_lowest():
    factors = OneCycle().factors(np.arange(1001), 1000)
    assert factors[0] == pytest.approx(1 / 25)
    assert np.argmax(factors) == 300
    assert factors[300] == 1
    assert factors[-1] == pytest.approx(1 / 25 / 1e4)
    assert (np.diff(factors[:301]) > 0).all()
    assert (np.diff(factors[300:]) < 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_only_planned_schedules_need_the_end(schedule):
    assert schedule.needs_the_end == (schedule() in PLANNED)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("n_epochs", [None, 1, 100, np.int64(7)])
def test_the_length_of_a_plan_can_be_said(schedule, n_epochs):
    assert schedule(n_epochs=n_epochs).n_epochs == n_epochs
    assert schedule().n_epochs is None


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_fields_are_keywords(schedule):
    with pytest.raises(TypeError, match="positional"):
        schedule(0.5)


@EVERY_PLANNED
def test_planned_schedules_leave_the_rates_to_their_factors(schedule):
    np.testing.assert_array_equal(schedule.after_epoch(RATE, INITIAL, SEEN), RATE)
    rate, stop = schedule.on_plateau(RATE)
    np.testing.assert_array_equal(rate, RATE)
    np.testing.assert_array_equal(stop, True)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), RATE),
        (Adaptive(), RATE),
        (InverseScaling(), [0.1, 0.2 / 2, 0.3 / 10]),
        (InverseScaling(power_t=1.0), [0.1, 0.2 / 4, 0.3 / 100]),
        (InverseScaling(power_t=0.0), INITIAL),
    ],
    ids=repr,
)
def test_rates_after_an_epoch(schedule, expected):
    np.testing.assert_allclose(schedule.after_epoch(RATE, INITIAL, SEEN), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("schedule", "rate", "stop"),
    [
        (Constant(), RATE, [True, True, True]),
        (InverseScaling(), RATE, [True, True, True]),
        (Adaptive(), [0.02, 0.004, 1e-7], [False, False, True]),
    ],
    ids=repr,
)
def test_rates_and_stops_on_a_plateau(schedule, rate, stop):
    found_rate, found_stop = schedule.on_plateau(RATE)
    np.testing.assert_allclose(found_rate, rate, rtol=1e-15)
    np.testing.assert_array_equal(found_stop, stop)


def test_adaptive_stops_at_its_lowest_rate():
    _, stop = Adaptive().on_plateau(np.array([1e-6, 1.0000001e-6]))
    np.testing.assert_array_equal(stop, [True, False])


@pytest.mark.parametrize("schedule", [cls() for cls in SCHEDULES.values()], ids=SCHEDULES)
def test_inputs_are_not_written_into(schedule):
    rate, initial, seen = RATE.copy(), INITIAL.copy(), SEEN.copy()
    for array in (rate, initial, seen):
        array.flags.writeable = False
    schedule.after_epoch(rate, initial, seen)
    schedule.on_plateau(rate)


@pytest.mark.parametrize("schedule", [cls() for cls in SCHEDULES.values()], ids=SCHEDULES)
def test_pickles_to_an_equal_one(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule


WRONG = [
    (Constant, "warmup", [-0.1, 1.0, np.nan]),
    (InverseScaling, "power_t", [-0.1, np.nan, np.inf, None]),
    (InverseScaling, "warmup", [1.0]),
    (Linear, "n_epochs", [0, -3, 2.0, np.inf, "10"]),
    (Cosine, "n_epochs", [0, np.nan]),
    (OneCycle, "n_epochs", [0, []]),
    (Constant, "n_epochs", [0, 1.5]),
    (OneCycle, "rise", [0.0, 1.0, -0.1]),
    (OneCycle, "start", [-0.1, np.inf]),
    (OneCycle, "end", [-0.1, np.nan]),
    (OneCycle, "warmup", [1.0]),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"), [(cls, name, value) for cls, name, values in WRONG for value in values]
)
def test_values_without_a_meaning_are_refused(cls, name, value):
    with pytest.raises(
        ValueError, match=rf"^{cls.__name__}\({re.escape(f'{name}={value!r}')}\): {name} must be .+\.$"
    ):
        cls(**{name: value})
