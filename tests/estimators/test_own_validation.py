"""Members that hold out rows of their own: ``shared_validation=False``."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from skmlp import Checkpoint, TabularMLPClassifier, TabularMLPRegressor
from skmlp.estimators.problems import problem_of

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
OWN = {
    "hidden_layer_sizes": (7,),
    "batch_size": 13,
    "max_iter": 8,
    "learning_rate_init": 0.01,
    "n_members": 4,
    "early_stopping": True,
    "shared_validation": False,
    "random_state": 0,
}
both = pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])


def parts_of(model, task):
    """Return the rows that each member is trained on, and those that it holds out."""
    rows = problem_of(model, task.X, task.y, task.weights).rows
    return [(own, np.setdiff1d(np.arange(len(task.y)), own)) for own in rows]


@both
@pytest.mark.parametrize("params", [{}, {"scoring": "loss", "dropout": 0.1}, {"dtype": "float32"}])
def test_a_member_equals_a_network_that_is_given_its_parts(task, params):
    model = task.model(**OWN | params)
    parts = parts_of(model, task)
    model.fit(task.X, task.y, task.weights)
    for member, (rows, held_out) in zip(model.members_, parts, strict=True):
        alone = task.model(**OWN | params | {"n_members": 1, "random_state": member.random_state})
        alone.fit(
            task.X[rows],
            task.y[rows],
            task.weights[rows],
            X_val=task.X[held_out],
            y_val=task.y[held_out],
            sample_weight_val=task.weights[held_out],
        )
        tolerance = 1e-4 if params.get("dtype") == "float32" else 1e-10
        np.testing.assert_allclose(member.coefs_[0], alone.coefs_[0], rtol=tolerance, atol=tolerance)
        assert member.validation_scores_ == pytest.approx(alone.validation_scores_, rel=1e-4)
        assert member.best_iter_ == alone.best_iter_


@both
def test_no_two_members_hold_out_the_same_row_and_all_rows_are_seen(task):
    parts = parts_of(task.model(**OWN), task)
    n_own = int(np.ceil(0.1 * len(task.y)))
    assert [len(held_out) for _, held_out in parts] == [n_own] * 4
    assert len(np.unique(np.concatenate([held_out for _, held_out in parts]))) == 4 * n_own
    assert len(np.unique(np.concatenate([rows for rows, _ in parts]))) == len(task.y)


def test_more_parts_than_rows_begin_again():
    parts = parts_of(WINE.model(**OWN | {"validation_fraction": 0.4}), WINE)
    assert [len(held_out) for _, held_out in parts] == [39] * 4
    assert len(np.unique(np.concatenate([held_out for _, held_out in parts]))) == len(WINE.y)


def test_each_part_is_stratified():
    shares = np.unique(WINE.y, return_counts=True)[1] * 0.1
    for _, held_out in parts_of(WINE.model(**OWN), WINE):
        assert (np.abs(np.unique(WINE.y[held_out], return_counts=True)[1] - shares) < 1).all()


def test_a_single_network_has_nobody_to_share_with():
    one, other = (
        WINE.model(**OWN | {"n_members": 1, "shared_validation": shared}).fit(WINE.X, WINE.y)
        for shared in (True, False)
    )
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])


def test_validation_data_of_the_user_are_shared():
    shared = {"X_val": WINE.X[::4], "y_val": WINE.y[::4]}
    one, other = (
        WINE.model(**OWN | {"shared_validation": how}).fit(WINE.X, WINE.y, **shared)
        for how in (True, False)
    )
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])


@both
def test_scalers_take_all_rows(task):
    model = task.model(**OWN, standardize=True).fit(task.X, task.y)
    np.testing.assert_allclose(model.x_scaler_.mean_, task.X.mean(axis=0))


@both
def test_a_warm_start_continues_in_the_same_rows(task):
    model = task.model(**OWN | {"warm_start": True}).fit(task.X, task.y)
    order = model._optimizer_state["order"]
    np.testing.assert_array_equal(np.sort(order), [rows for rows, _ in parts_of(task.model(**OWN), task)])
    model.fit(task.X, task.y)
    np.testing.assert_array_equal(np.sort(model._optimizer_state["order"]), np.sort(order))
    assert len(model.members_[0].loss_curve_) == 16


def test_a_fit_that_was_cut_short_continues(tmp_path):
    reference = WINE.model(**OWN).fit(WINE.X, WINE.y)
    model = WINE.model(**OWN, checkpoint=Checkpoint(tmp_path, every=0))
    model.set_params(max_time=1e-9).fit(WINE.X, WINE.y)
    model.set_params(max_time=None).fit(WINE.X, WINE.y)
    np.testing.assert_array_equal(model.coefs_[0], reference.coefs_[0])


def test_a_scorer_is_given_the_part_of_each_member():
    seen = []

    def scorer(estimator, X, y):
        seen.append(X[:, 0].sum())
        return -log_loss(y, estimator.predict_proba(X), labels=estimator.classes_)

    model = WINE.model(**OWN | {"scoring": scorer, "max_iter": 1}).fit(WINE.X, WINE.y)
    parts = parts_of(model, WINE)
    assert sorted(seen) == pytest.approx(sorted(WINE.X[held_out, 0].sum() for _, held_out in parts))


@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_tables(kind):
    task = WINE if kind is TabularMLPClassifier else DIABETES
    X = pd.DataFrame(task.X).rename(columns=str)
    model = kind((16,), max_iter=40, shared_validation=False, random_state=0).fit(X, task.y)
    assert model.score(X, task.y) > 0.4
    scores = [member.validation_scores_ for member in model.members_]
    assert len({tuple(of_member) for of_member in scores}) == 4
