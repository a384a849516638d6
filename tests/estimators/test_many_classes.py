"""Many classes cost no memory: targets stay class codes, and only those of a batch are expanded."""

import tracemalloc

import numpy as np
import pytest

from skmlp import MLPClassifier
from skmlp.network.losses import Focal

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, Q = 80_000, 100
INDICATORS = 8 * N * Q


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"batch_size": 32},
        {"n_members": 2},
        {"loss": Focal()},
        {"standardize": True},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
@pytest.mark.parametrize("several", [False, True], ids=["one target", "several targets"])
def test_a_fit_makes_no_indicators(parameters, several):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(N, 2)), rng.randint(Q, size=N)
    if several:
        y = np.stack([y, y // 2, y % 3], axis=1)
    model = MLPClassifier((2,), max_iter=1, random_state=0, **parameters)
    tracemalloc.start()
    model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < INDICATORS / 3


def test_validation_makes_few_at_a_time(monkeypatch):
    """In blocks, it scores and loses the same."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(700, 2)), rng.randint(40, size=700)
    model = MLPClassifier((2,), max_iter=3, random_state=0, early_stopping=True, n_members=2)
    whole = model.fit(X, y)
    expected = whole.validation_scores_, whole.validation_loss_curve_
    monkeypatch.setattr("skmlp.fitting.early_stopping.LOSS_ELEMENTS", 1000)
    model.fit(X, y)
    assert model.validation_scores_ == expected[0]
    np.testing.assert_allclose(model.validation_loss_curve_, expected[1], rtol=1e-12)
