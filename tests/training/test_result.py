from dataclasses import astuple, fields

import numpy as np
import pytest

from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.state import Curves
from skmlp.training.stopping import StopReason
from tests.training.problems import assert_equal_states
from tests.training.test_state import filled

THETA = np.random.default_rng(0).normal(size=(3, 7))


def test_monitor_lets_training_continue():
    monitor = Monitor()
    monitor.begin(0)
    assert monitor.end(Epoch(0, np.arange(3), THETA, np.zeros(3))) is False


def result(state=None, rates=((), (), ())):
    """Return what became of three networks."""
    return TrainingResult(
        theta=THETA,
        losses=[3.0, 2.0, 1.0],
        curves=Curves(
            losses=[[4.0, 3.0], [2.0], [1.0]],
            scores=[[0.1, 0.2], [0.3], [0.4]],
            validation_losses=[[5.0, 6.0], [7.0], [8.0]],
            rates=[[*curve] for curve in rates],
        ),
        reasons=[StopReason.MAX_ITER, StopReason.DIVERGED, StopReason.CALLBACK],
        messages=["a", "b", "c"],
        alpha=np.arange(3.0),
        state=state,
    )


@pytest.mark.parametrize("networks", [slice(0, 1), slice(1, 3), slice(0, 3)], ids=str)
def test_what_became_of_some_networks_is_a_result(networks):
    whole = result(filled(), [[0.1, 0.2], [0.3], [0.4]])
    some = whole.of(networks)
    assert {f.name for f in fields(TrainingResult)} == vars(some).keys()
    for field in fields(TrainingResult):
        found, expected = getattr(some, field.name), getattr(whole, field.name)
        if field.name == "state":
            assert_equal_states(found, expected.take([*range(3)[networks]]))
        elif field.name == "curves":
            assert astuple(found) == tuple(of_all[networks] for of_all in astuple(expected))
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(found, expected[networks])
            assert not np.shares_memory(found, expected)
        else:
            assert found == expected[networks]


def test_a_result_may_have_neither_state_nor_rates():
    some = result().of(slice(1, 2))
    assert some.state is None
    assert some.curves.rates == [[]]
