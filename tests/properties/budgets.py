"""How many examples of a property are tried."""

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings

MANY = int(os.environ.get("SKMLP_EXAMPLES", 200))
SEED = os.environ.get("SKMLP_SEED")


def settings_for(n_examples):
    """Return settings that make the same examples in every run, and have no limit of time."""
    return settings(
        max_examples=n_examples,
        derandomize=SEED is None,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


def budgets(few):
    """Return the mark for ``few`` examples in the normal run, many in the slow one."""
    mark = pytest.mark.parametrize(
        "n_examples",
        [pytest.param(few, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)],
    )
    return [mark, expected_warnings]


expected_warnings = pytest.mark.filterwarnings("ignore::UserWarning")
"""Those that skmlp gives on purpose are; RuntimeWarning, FutureWarning and others stay errors."""


def with_seed(run):
    """Return a function of hypothesis that makes the examples which ``SKMLP_SEED`` asks for."""
    return run if SEED is None else seed(int(SEED))(run)


def for_all(few, *strategies):
    """Return the decorator that makes a property of drawn values a test, with both budgets."""

    def decorate(holds):
        def test(n_examples):
            with_seed(settings_for(n_examples)(given(*strategies)(holds)))()

        test.holds = holds, strategies
        test.__name__ = holds.__name__
        for mark in budgets(few):
            test = mark(test)
        return test

    return decorate
