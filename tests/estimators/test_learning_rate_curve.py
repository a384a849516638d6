"""learning_rate_curve_: the rate of the last step of every epoch."""

import numpy as np
import pytest

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIABETES = TASKS["regression"]  # 103 samples
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 6, "batch_size": 21, "learning_rate_init": 0.01}
STEPS = 5 * np.arange(1, 7) - 1  # the last step of each epoch, of 30
CURVES = {
    "constant": np.full(6, 0.01),
    "invscaling": 0.01 / np.append(1, 103 * np.arange(1, 6) + 1) ** 0.5,
    "linear": 0.01 * (1 - STEPS / 30),
    "cosine": 0.01 * (1 + np.cos(np.pi * STEPS / 30)) / 2,
}


def fitted(**parameters):
    return DIABETES.model(**{**SMALL, **parameters}).fit(DIABETES.X, DIABETES.y)


@pytest.mark.parametrize("schedule", CURVES)
def test_it_is_that_of_the_schedule(schedule):
    model = fitted(learning_rate=schedule)
    assert model.learning_rate_curve_ == pytest.approx(CURVES[schedule], rel=1e-12)


def test_it_falls_in_steps_on_plateaus():
    model = fitted(learning_rate="adaptive", solver="sgd", tol=10, n_iter_no_change=1)
    assert model.learning_rate_curve_ == pytest.approx(0.01 / 5.0 ** np.array([0, 0, 0, 1, 1, 2]))


def test_it_has_an_entry_for_each_value_of_the_loss():
    model = fitted(early_stopping=True, n_iter_no_change=1, tol=10)
    assert len(model.learning_rate_curve_) == len(model.loss_curve_) == model.n_iter_ < 6


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "es"])
def test_solvers_without_a_rate_have_none(solver):
    assert fitted(solver=solver).learning_rate_curve_ is None


def test_it_goes_on_in_a_warm_start_and_in_partial_fit():
    model = fitted(warm_start=True)
    assert len(model.fit(DIABETES.X, DIABETES.y).learning_rate_curve_) == 12
    assert len(model.partial_fit(DIABETES.X, DIABETES.y).learning_rate_curve_) == 13


def test_of_an_ensemble_it_is_the_mean():
    ensemble = fitted(n_members=3, learning_rate="cosine")
    assert ensemble.learning_rate_curve_ == pytest.approx(CURVES["cosine"], rel=1e-12)
    for member in ensemble.members_:
        assert member.learning_rate_curve_ == pytest.approx(CURVES["cosine"], rel=1e-12)
