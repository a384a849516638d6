import pickle

import numpy as np
import pytest

from skmlp.training.schedules import SCHEDULES, Adaptive, Constant, InverseScaling

INITIAL = np.array([0.1, 0.2, 0.3])
RATE = np.array([0.1, 0.02, 1e-7])  # of which the last lies below what Adaptive lowers
SEEN = np.array([0, 3, 99])


def test_names_in_the_table_are_those_of_the_schedules():
    assert all(schedule.name == name for name, schedule in SCHEDULES.items())
    assert set(SCHEDULES) == {"constant", "invscaling", "adaptive"}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), RATE),
        (Adaptive(), RATE),
        (InverseScaling(), [0.1, 0.2 / 2, 0.3 / 10]),
        (InverseScaling(1.0), [0.1, 0.2 / 4, 0.3 / 100]),
        (InverseScaling(0.0), INITIAL),
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
