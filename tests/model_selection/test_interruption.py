"""A search that is interrupted from the keyboard keeps and reports what is done, or raises."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    jobs,
    learning_curve,
    validation_curve,
)
from skmlp.training.full_batch import Run
from skmlp.training.stochastic import StochasticSolver
from tests.estimators.data import TASKS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
    pytest.mark.filterwarnings("ignore:One or more of the (test|train) scores are non-finite"),
]

WINE = TASKS["multiclass"]
MODEL = WINE.model(hidden_layer_sizes=(7,), max_iter=5, batch_size=10)
WIDTHS = {"hidden_layer_sizes": [(2,), (3,), (5,)]}  # one stack each, of a fit per fold
OTHER_WIDTHS = {"mlpclassifier__hidden_layer_sizes": [(2,), (3,), (5,)]}


def interrupt_after(monkeypatch, n, cls=StochasticSolver, method="_epoch"):
    """Let the user interrupt ``method`` once it has been called ``n`` times."""
    count, original = iter(range(n)), getattr(cls, method)

    def interrupted(self, *args):
        if next(count, None) is None:
            monkeypatch.setattr(cls, method, original)  # the user presses a key once
            raise KeyboardInterrupt
        return original(self, *args)

    monkeypatch.setattr(cls, method, interrupted)


def scores_of(search):
    return np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(search.n_splits_)], axis=1)


def comparable(search):
    """Return what a search reports but for the times."""
    return {name: values for name, values in search.cv_results_.items() if "time" not in name}


SEARCHES = {
    "grid": (GridSearchCV, MODEL, WIDTHS, {}),
    "random": (RandomizedSearchCV, MODEL, WIDTHS, {"n_iter": 3, "random_state": 0}),
    "pipeline": (GridSearchCV, make_pipeline(StandardScaler(), MODEL), OTHER_WIDTHS, {}),
}
EVERY_SEARCH = pytest.mark.parametrize(
    ("kind", "model", "values", "options"), SEARCHES.values(), ids=SEARCHES
)


@EVERY_SEARCH
@pytest.mark.parametrize(("error_score", "n_done"), [(np.nan, 1), (-1.0, 2)])
def test_what_is_done_is_kept_and_the_rest_gets_the_error_score(
    kind, model, values, options, error_score, n_done, monkeypatch
):
    options = {"cv": 4, "error_score": error_score, **options}
    whole = kind(model, values, **options).fit(WINE.X, WINE.y)
    interrupt_after(monkeypatch, 5 * n_done + 2)
    search = kind(model, values, **options)
    with pytest.warns(
        UserWarning, match=f"^Interrupted by user: {4 * n_done} of 12 fits are done and kept"
    ):
        assert search.fit(WINE.X, WINE.y) is search
    expected = scores_of(whole)
    expected[n_done:] = error_score
    np.testing.assert_array_equal(scores_of(search), expected)
    assert search.best_index_ == np.argmax(scores_of(whole).mean(axis=1)[:n_done])
    best = search.cv_results_["params"][search.best_index_]
    np.testing.assert_array_equal(
        search.predict_proba(WINE.X),
        clone(model).set_params(**best).fit(WINE.X, WINE.y).predict_proba(WINE.X),
    )


@EVERY_SEARCH
def test_an_interrupted_search_can_be_fitted_anew(kind, model, values, options, monkeypatch):
    whole = kind(model, values, **options).fit(WINE.X, WINE.y)
    search = kind(model, values, **options)
    interrupt_after(monkeypatch, 7)
    with pytest.warns(UserWarning, match="Interrupted by user"):
        search.fit(WINE.X, WINE.y)
    found, expected = comparable(search.fit(WINE.X, WINE.y)), comparable(whole)
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal(found["mean_test_score"], expected["mean_test_score"])


@EVERY_SEARCH
@pytest.mark.parametrize(
    ("n_epochs", "error_score"),
    [(7, "raise"), (2, np.nan), (0, np.nan), (0, "raise")],
    ids=["nothing may be missing", "nothing is done", "nothing has begun", "nothing has begun or may be"],
)
def test_otherwise_the_interruption_is_raised_and_the_search_is_as_it_was(
    kind, model, values, options, n_epochs, error_score, monkeypatch
):
    search = kind(model, values, error_score=error_score, **options)
    before = dict(vars(search))
    interrupt_after(monkeypatch, n_epochs)
    with pytest.raises(KeyboardInterrupt):
        search.fit(WINE.X, WINE.y)
    assert vars(search) == before


def test_fits_that_had_left_their_stack_are_done(monkeypatch):
    """Candidates of one stack: those that have ceased to improve are kept."""
    model = clone(MODEL).set_params(n_iter_no_change=1)
    search = GridSearchCV(model, {"tol": [1e9, 0.0]}, cv=4)
    whole = scores_of(search.fit(WINE.X, WINE.y))
    interrupt_after(monkeypatch, 4)
    with pytest.warns(UserWarning, match="Interrupted by user: 4 of 8 fits"):
        search.fit(WINE.X, WINE.y)
    np.testing.assert_array_equal(scores_of(search), [whole[0], [np.nan] * 4])


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "es"])
def test_solvers_that_train_one_fit_at_a_time(solver, monkeypatch):
    task = TASKS["regression"]
    model = task.model(hidden_layer_sizes=(2,), max_iter=3, solver=solver)
    search = GridSearchCV(model, {"alpha": [1.0, 10.0]}, cv=3, error_score=-9.0, refit=False)
    whole = scores_of(search.fit(task.X, task.y))
    fits = []

    def begin_iteration(run, original=Run.begin_iteration):
        if run not in fits:
            fits.append(run)
        if len(fits) == 5 and len(run.losses) == 1:
            raise KeyboardInterrupt
        original(run)

    monkeypatch.setattr(Run, "begin_iteration", begin_iteration)
    with pytest.warns(UserWarning, match="Interrupted by user: 4 of 6 fits"):
        search.fit(task.X, task.y)
    expected = whole.copy()
    expected[1, 1:] = -9.0
    np.testing.assert_array_equal(scores_of(search), expected)


def test_an_interruption_of_the_last_fit_keeps_its_latest_weights(monkeypatch):
    """That fit is one by itself, which warns by itself."""
    search = GridSearchCV(MODEL, WIDTHS, cv=4)
    interrupt_after(monkeypatch, 3 * 5 + 2)
    with pytest.warns(UserWarning, match="Training interrupted by user. The latest weights are kept"):
        search.fit(WINE.X, WINE.y)
    assert np.isfinite(scores_of(search)).all()
    assert search.best_estimator_.n_iter_ == 2


def test_an_interruption_between_stacks(monkeypatch):
    """While samples are checked and prepared, no solver is there to notice."""
    search = GridSearchCV(MODEL, WIDTHS, cv=4)
    whole = scores_of(search.fit(WINE.X, WINE.y))
    prepared = []

    def prepare(*args, **kwargs):
        prepared.append(args)
        if len(prepared) > 7:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    original = jobs.problem_of
    monkeypatch.setattr(jobs, "problem_of", prepare)
    with pytest.warns(UserWarning, match="Interrupted by user: 4 of 12 fits"):
        search.set_params(refit=False).fit(WINE.X, WINE.y)
    np.testing.assert_array_equal(scores_of(search)[0], whole[0])
    assert np.isnan(scores_of(search)[1:]).all()


# Halving


def halving(kind, **options):
    """Return a search of three iterations with 4, 2 and 1 candidates, each a stack of its own."""
    values = {"hidden_layer_sizes": [(2,), (3,), (5,), (7,)]}
    options = {"factor": 2, "cv": 3, "random_state": 0, "refit": False, "error_score": np.nan, **options}
    if kind is HalvingRandomSearchCV:
        options["n_candidates"] = 4
    return kind(MODEL, values, **options)


RESOURCES = {
    "epochs": ({"resource": "max_iter", "min_resources": 2, "max_resources": 8}, (4 * 2, 4 * 2 + 2 * 2)),
    "samples": ({"min_resources": 20, "max_resources": 80}, (4 * 5, 4 * 5 + 2 * 5)),
}
EVERY_RESOURCE = pytest.mark.parametrize(("resource", "epochs"), RESOURCES.values(), ids=RESOURCES)
EVERY_HALVING = pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])


def assert_first_iterations(search, whole, n_iterations):
    """Assert that ``search`` has ended as ``whole`` after some iterations, the last perhaps in part."""
    assert search.n_iterations_ == n_iterations
    assert search.n_resources_ == whole.n_resources_[:n_iterations]
    assert search.n_candidates_ == whole.n_candidates_[:n_iterations]
    rows = search.cv_results_["iter"]
    assert rows.tolist() == [i for i, n in enumerate(search.n_candidates_) for _ in range(n)]
    found, expected = scores_of(search), scores_of(whole)[: len(rows)]
    done = np.isfinite(found)
    np.testing.assert_array_equal(found[done], expected[done])
    assert done[rows < n_iterations - 1].all()
    return done[rows == n_iterations - 1].all(axis=1).tolist()


@EVERY_RESOURCE
@EVERY_HALVING
def test_an_interrupted_halving_ends_with_the_iteration(kind, resource, epochs, monkeypatch):
    whole = halving(kind, **resource).fit(WINE.X, WINE.y)
    assert whole.n_iterations_ == 3
    search = halving(kind, **resource)
    interrupt_after(monkeypatch, (epochs[0] + epochs[1]) // 2 + 1)  # with one of two candidates done
    with pytest.warns(UserWarning, match="Interrupted by user: 3 of 6 fits are done and kept"):
        search.fit(WINE.X, WINE.y)
    assert assert_first_iterations(search, whole, 2) == [True, False]


@EVERY_RESOURCE
@EVERY_HALVING
@pytest.mark.parametrize("n_whole", [1, 2])
def test_an_interrupted_halving_keeps_the_iterations_before(kind, resource, epochs, n_whole, monkeypatch):
    """Nothing of the iteration that is interrupted is done."""
    whole = halving(kind, **resource).fit(WINE.X, WINE.y)
    search = halving(kind, **resource)
    interrupt_after(monkeypatch, epochs[n_whole - 1] + 1)
    with pytest.warns(UserWarning, match="Interrupted by user"):
        search.fit(WINE.X, WINE.y)
    assert all(assert_first_iterations(search, whole, n_whole))


@EVERY_RESOURCE
@EVERY_HALVING
def test_a_halving_that_may_miss_nothing_raises(kind, resource, epochs, monkeypatch):
    search = halving(kind, error_score="raise", **resource)
    before = dict(vars(search))
    interrupt_after(monkeypatch, epochs[0] - 1)
    with pytest.raises(KeyboardInterrupt):
        search.fit(WINE.X, WINE.y)
    assert vars(search) == before


@EVERY_RESOURCE
@EVERY_HALVING
def test_the_best_of_an_interrupted_halving_is_among_what_is_done(kind, resource, epochs, monkeypatch):
    search = halving(kind, **resource, refit=True)
    interrupt_after(monkeypatch, epochs[0] - 1)  # the last of four candidates is missing
    with pytest.warns(UserWarning, match="Interrupted by user: 9 of 12"):
        search.fit(WINE.X, WINE.y)
    assert search.best_score_ == np.nanmax(scores_of(search).mean(axis=1))
    assert search.best_estimator_.hidden_layer_sizes == search.best_params_["hidden_layer_sizes"]
    assert search.predict(WINE.X).shape == WINE.y.shape


# Validation


def test_cross_validation_keeps_what_is_done(monkeypatch):
    """Training parts of unequal size are stacks of their own here."""
    model = WINE.model(hidden_layer_sizes=(7,), max_iter=5, dropout=0.3)
    options = {"cv": 4, "return_train_score": True, "return_estimator": False}
    whole = cross_validate(model, WINE.X, WINE.y, **options)
    interrupt_after(monkeypatch, 7)
    with pytest.warns(UserWarning, match="Interrupted by user: [1-3] of 4 fits"):
        found = cross_validate(model, WINE.X, WINE.y, **options)
    for name in ("test_score", "train_score"):
        done = np.isfinite(found[name])
        assert 0 < done.sum() < 4
        np.testing.assert_array_equal(found[name][done], whole[name][done])
    assert len(found["fit_time"]) == 4


CURVES = {
    "learning curve": lambda **options: learning_curve(
        MODEL, WINE.X, WINE.y, train_sizes=[20, 40], **options
    )[-1],
    "validation curve": lambda **options: validation_curve(
        MODEL, WINE.X, WINE.y, param_name="max_iter", param_range=[3, 5], **options
    )[-1],
    "scores": lambda **options: cross_val_score(
        WINE.model(max_iter=5, dropout=0.3), WINE.X, WINE.y, **{**options, "cv": 4}
    ),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_curves_keep_what_is_done(curve, monkeypatch):
    whole = curve(cv=2)
    interrupt_after(monkeypatch, 6)
    with pytest.warns(UserWarning, match=r"Interrupted by user: \d of 4 fits"):
        found = curve(cv=2)
    done = np.isfinite(found)
    assert 0 < done.sum() < found.size
    np.testing.assert_array_equal(found[done], whole[done])


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_curves_that_may_miss_nothing_raise(curve, monkeypatch):
    interrupt_after(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt):
        curve(cv=2, error_score="raise")


def test_predictions_are_complete_or_none(monkeypatch):
    interrupt_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        cross_val_predict(MODEL, WINE.X, WINE.y, cv=3)


# A real signal

SCRIPT = """
import signal, sys, warnings, joblib, numpy as np
from pathlib import Path
from sklearn.datasets import load_iris
from skmlp import MLPClassifier
from skmlp.model_selection import GridSearchCV

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    warnings.simplefilter("ignore")
    model = MLPClassifier((3,), tol=0, n_iter_no_change=10**6, random_state=0, verbose=True)
    # Some fits are over at once, others last until the signal comes.
    search = GridSearchCV(model, {"max_iter": [2, 3, 4, 10**7]}, cv=2, n_jobs=2, refit=False)
    with joblib.parallel_config(sys.argv[1]):
        search.fit(*load_iris(return_X_y=True))
    Path("scores.txt").write_text(str(np.isfinite(search.cv_results_["mean_test_score"]).tolist()))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_a_signal_to_all_workers_keeps_what_is_done(backend, tmp_path):
    (tmp_path / "search.py").write_text(SCRIPT)
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "search.py", backend],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of its own, to which the signal goes
        env={**os.environ, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"},
    )
    too_late = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
    too_late.start()
    try:
        for line in process.stdout:
            if line.startswith("Iteration 2000,"):  # the short fits came first
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
        output, _ = process.communicate()
    finally:
        too_late.cancel()
    assert (tmp_path / "scores.txt").exists(), output[-3000:]
    assert (tmp_path / "scores.txt").read_text() == "[True, True, True, False]"
    assert process.returncode == 0
