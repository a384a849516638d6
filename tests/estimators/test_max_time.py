"""max_time: no further epoch is begun when the time is up. The clock is made up."""

import time

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from .data import TASKS

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7,), "tol": 0}


@pytest.fixture
def clock(monkeypatch):
    """A clock on which a second passes whenever it is read."""
    ticks = iter(range(1000, 100_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))


@pytest.mark.parametrize("seconds", [1e-9, 1, 2.5, 7])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_training_stops_when_the_time_is_up(task, solver, seconds, clock):
    model = task.model(**SMALL, solver=solver, max_time=seconds)
    with pytest.warns(ConvergenceWarning, match=f"max_time={seconds} seconds") as warnings:
        model.fit(task.X, task.y)
    assert len(warnings) == 1
    n_iter = int(np.ceil(seconds))
    assert f"after {n_iter} iteration" in str(warnings[0].message)
    assert model.n_iter_ == len(model.loss_curve_) == n_iter
    short = task.model(**SMALL, solver=solver, max_iter=n_iter)
    with pytest.warns(ConvergenceWarning):
        short.fit(task.X, task.y)
    np.testing.assert_array_equal(model.coefs_[0], short.coefs_[0])
    assert model.loss_curve_ == short.loss_curve_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_best_weights_are_kept(clock):
    options = {"early_stopping": True, "learning_rate_init": 0.3, "n_iter_no_change": 20}
    model = DIABETES.model(**SMALL, **options, max_time=9).fit(DIABETES.X, DIABETES.y)
    assert model.best_iter_ < model.n_iter_ == 9
    short = DIABETES.model(**SMALL, **options, max_iter=model.best_iter_).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.coefs_[0], short.coefs_[0])


@pytest.mark.parametrize(("max_time", "lengths"), [(4, [4]), (70, [60, 10])])
@pytest.mark.parametrize("task", [DIABETES, TASKS["multi-output"]], ids=["one target", "several"])
def test_members_that_lbfgs_never_came_to_are_left_out(max_time, lengths, task, clock):
    model = task.model(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=60, n_members=3, max_time=max_time)
    with pytest.warns(ConvergenceWarning, match=rf"max_time={max_time} .*\({len(lengths)} of 3 members"):
        model.fit(task.X, task.y)
    assert [member.n_iter_ for member in model.members_] == lengths
    predictions = [member.predict(task.X) for member in model.members_]
    np.testing.assert_allclose(model.predict(task.X), np.mean(predictions, axis=0), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_time_is_that_of_all_members(clock):
    model = WINE.model(**SMALL, n_members=3, max_time=4).fit(WINE.X, WINE.y)
    assert [member.n_iter_ for member in model.members_] == [4, 4, 4]


def test_time_that_is_left_changes_nothing():
    models = [
        DIABETES.model(hidden_layer_sizes=(7,), tol=0.1, max_time=seconds).fit(DIABETES.X, DIABETES.y)
        for seconds in (None, 1000)
    ]
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


def test_training_can_go_on_after_it(clock):
    model = WINE.model(**SMALL, max_time=3, warm_start=True)
    for n_fits in (1, 2, 3):
        with pytest.warns(ConvergenceWarning, match="max_time"):
            model.fit(WINE.X, WINE.y)
        assert len(model.loss_curve_) == 3 * n_fits
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_partial_fit_is_one_epoch_however_long(clock):
    model = DIABETES.model(**SMALL, max_time=1e9)
    for _ in range(3):
        model.partial_fit(DIABETES.X, DIABETES.y)
    assert len(model.loss_curve_) == 3
