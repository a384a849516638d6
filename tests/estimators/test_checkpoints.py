"""Checkpoints: a fit whose process dies again and again ends as one that was never stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.fitting.checkpoints
from skmlp import Checkpoint, MixtureDensityRegressor, config_context
from skmlp import model_selection as ours
from skmlp.fitting.solvers import StochasticSolver
from skmlp.inspection import check_gradients
from skmlp.training import checkpoints
from skmlp.training.schedules import Cosine

from .data import TASKS

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {
    "hidden_layer_sizes": (7,),
    "max_iter": 14,
    "batch_size": 20,
    "learning_rate_init": 0.01,
    "n_iter_no_change": 2,
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Killed(BaseException):
    """The process dies: nothing may catch it."""


@pytest.fixture
def deaths(monkeypatch):
    """Lets the process die after every second checkpoint; every epoch is saved."""
    count = {"writes": 0, "deaths": 0}
    write = checkpoints.write

    def write_and_die(path, arrays, notes):
        write(path, arrays, notes)
        count["writes"] += 1
        if count["writes"] % 2 == 0 and not all(notes["reasons"]):
            count["deaths"] += 1
            raise Killed

    monkeypatch.setattr(checkpoints, "SHARE", np.inf)
    monkeypatch.setattr(skmlp.fitting.checkpoints, "write", write_and_die)
    return count


def no_epoch(*_):
    """Stands in the place of an epoch that must not be trained."""
    raise AssertionError("An epoch was trained.")


def fit_with_deaths(make, *data, **metadata):
    """Return what ``make`` makes, fitted, in as many lives as that takes."""
    while True:
        try:
            return make().fit(*data, **metadata)
        except Killed:
            pass


def assert_same_fit(model, other):
    """Assert that two estimators have the same fitted attributes, to the last bit."""
    for name, value in vars(other).items():
        if name.endswith("scaler_"):
            assert_same_fit(vars(model)[name], value)
        elif name.endswith("_") or name == "_members":
            np.testing.assert_equal(vars(model)[name], value, err_msg=name)


CASES = {
    "adam": (WINE, {}),
    "sgd with momentum": (WINE, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1}),
    "nadam": (DIABETES, {"solver": "nadam"}),
    "rmsprop": (DIABETES, {"solver": "rmsprop"}),
    "inverse scaling": (DIABETES, {"solver": "sgd", "learning_rate": "invscaling"}),
    "one cycle": (WINE, {"learning_rate": "one_cycle", "warmup": 0.1}),
    "cosine of its own length": (WINE, {"learning_rate": Cosine(n_epochs=15)}),
    "early stopping": (WINE, {"early_stopping": True, "tol": 0.01}),
    "scoring": (WINE, {"early_stopping": True, "scoring": "balanced_accuracy"}),
    "dropout": (DIABETES, {"dropout": 0.3}),
    "scheduled": (
        DIABETES,
        {
            "dropout": 0.3,
            "dropout_schedule": "flat_cosine",
            "weight_decay": 0.3,
            "weight_decay_schedule": "flat_cosine",
        },
    ),
    "batch normalization": (DIABETES, {"normalization": "batch"}),
    "standardize": (DIABETES, {"standardize": True, "loss": "huber"}),
    "ensemble": (WINE, {"n_members": 3, "tol": 0.03, "max_iter": 40}),
    "ensemble, early stopping": (WINE, {"n_members": 3, "early_stopping": True, "dropout": 0.1}),
    "float32": (DIABETES, {"dtype": "float32", "weight_decay": 0.01, "max_grad_norm": 1.0}),
    "unshuffled": (WINE, {"shuffle": False}),
    "multilabel": (TASKS["multilabel"], {"class_weight": "balanced"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_in_many_lives_equals_one_in_one(case, deaths, tmp_path):
    task, params = CASES[case]
    whole = task.model(**SMALL | params).fit(task.X, task.y)
    checkpoint = Checkpoint(tmp_path, every=0)
    model = fit_with_deaths(lambda: task.model(**SMALL | params, checkpoint=checkpoint), task.X, task.y)
    assert deaths["deaths"] >= 2
    assert_same_fit(model, whole)
    # What they learn from then on is the same too.
    assert_same_fit(model.partial_fit(task.X, task.y), whole.partial_fit(task.X, task.y))
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_other_data(kind, weighted, deaths, tmp_path):
    X, y = WINE.X * (WINE.X > 0), WINE.y
    X = sparse.csr_matrix(X) if kind == "sparse" else X
    weights = WINE.weights if weighted else None
    params = SMALL | {"early_stopping": True}
    validation = {"X_val": X[:20], "y_val": y[:20]}
    whole = WINE.model(**params).fit(X, y, weights, **validation)
    checkpoint = Checkpoint(tmp_path, every=0)
    model = fit_with_deaths(
        lambda: WINE.model(**params, checkpoint=checkpoint), X, y, weights, **validation
    )
    assert_same_fit(model, whole)


def test_densities(deaths, tmp_path):
    params = {**SMALL, "random_state": 0, "n_components": 2, "early_stopping": False}
    whole = MixtureDensityRegressor(**params).fit(DIABETES.X, DIABETES.y)
    model = fit_with_deaths(
        lambda: MixtureDensityRegressor(**params, checkpoint=Checkpoint(tmp_path, every=0)),
        DIABETES.X,
        DIABETES.y,
    )
    assert_same_fit(model, whole)


def test_a_seed_that_was_drawn_is_kept(deaths, tmp_path):
    def make():
        return WINE.model(
            **SMALL
            | {"random_state": None, "early_stopping": True, "checkpoint": Checkpoint(tmp_path, every=0)}
        )

    model = fit_with_deaths(make, WINE.X, WINE.y)
    (path,) = tmp_path.iterdir()
    seed = json.loads(np.load(path)["notes"].tobytes())["seed"]
    assert_same_fit(
        model, WINE.model(**SMALL | {"random_state": seed, "early_stopping": True}).fit(WINE.X, WINE.y)
    )


def test_a_random_stream_of_the_user_is_left_where_training_leaves_it(deaths, tmp_path):
    checkpoint, used = Checkpoint(tmp_path, every=0), []

    def make():
        used.append(np.random.RandomState(5))
        return WINE.model(**SMALL | {"random_state": used[-1], "checkpoint": checkpoint})

    stream = np.random.RandomState(5)
    whole = WINE.model(**SMALL | {"random_state": stream}).fit(WINE.X, WINE.y)
    assert_same_fit(fit_with_deaths(make, WINE.X, WINE.y), whole)
    assert used[-1].randint(1000, size=5).tolist() == stream.randint(1000, size=5).tolist()


def test_a_chain_of_warm_starts(deaths, tmp_path):
    params = SMALL | {"warm_start": True, "max_iter": 6}
    whole = WINE.model(**params)
    for _ in range(3):
        whole.fit(WINE.X, WINE.y)

    def chain():
        model = WINE.model(**params, checkpoint=Checkpoint(tmp_path, every=0))
        for _ in range(3):
            model.fit(WINE.X, WINE.y)
        return model

    while True:
        try:
            model = chain()
            break
        except Killed:
            pass
    assert_same_fit(model, whole)
    assert len(os.listdir(tmp_path)) == 3


def test_max_time_goes_on_in_the_next_fit(tmp_path):
    # Short of time, a fit does one epoch in each life.
    params = SMALL | {"early_stopping": True}
    whole = WINE.model(**params).fit(WINE.X, WINE.y)
    for n_iter in range(1, whole.n_iter_ + 1):
        model = WINE.model(**params, max_time=1e-9, checkpoint=Checkpoint(tmp_path)).fit(WINE.X, WINE.y)
        assert model.n_iter_ == n_iter
    assert_same_fit(model, whole)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_complete_fit_is_not_trained_again(solver, tmp_path, monkeypatch):
    params = SMALL | {"solver": solver, "checkpoint": Checkpoint(tmp_path)}
    first = WINE.model(**params).fit(WINE.X, WINE.y)
    monkeypatch.setattr(StochasticSolver, "_epoch", no_epoch)
    with pytest.warns(ConvergenceWarning):  # as the first time
        again = WINE.model(**params).fit(WINE.X, WINE.y)
    assert_same_fit(again, first)
    for name, value in {"verbose": 1, "max_time": 3.0}.items():  # what changes no result
        assert_same_fit(WINE.model(**params | {name: value}).fit(WINE.X, WINE.y), first)
    with pytest.raises(AssertionError, match="An epoch was trained"):
        WINE.model(**params | {"alpha": 0.1}).fit(WINE.X, WINE.y)


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "es"])
def test_solvers_without_epochs_save_what_they_have_finished(solver, tmp_path, monkeypatch):
    params = {"hidden_layer_sizes": (3,), "max_iter": 20, "solver": solver, "n_members": 2}
    whole = DIABETES.model(**params).fit(DIABETES.X, DIABETES.y)
    model = DIABETES.model(**params, checkpoint=Checkpoint(tmp_path))
    assert_same_fit(model.fit(DIABETES.X, DIABETES.y), whole)
    monkeypatch.setattr("skmlp.training.full_batch.Solver.train", None)
    assert_same_fit(model.fit(DIABETES.X, DIABETES.y), whole)


def test_progress_is_printed(deaths, tmp_path, capsys):
    def make():
        return WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path, every=0), verbose=1)

    fit_with_deaths(make, WINE.X, WINE.y)
    make().fit(WINE.X, WINE.y)
    lines = capsys.readouterr().out.splitlines()
    (path,) = tmp_path.iterdir()
    assert f"Continuing after iteration 2: {path}" in lines
    assert lines[-1] == f"Training ended after iteration 14: {path}"
    iterations = [int(line.split()[1].rstrip(",")) for line in lines if line.startswith("Iteration")]
    assert iterations == [*range(1, 15)]  # none twice


def with_other_notes(path, **changes):
    arrays, notes = checkpoints.read(path)
    checkpoints.write(path, arrays, notes | changes)


class TestRefusals:
    @pytest.fixture
    def saved(self, tmp_path):
        """A fit that was saved under a name, as a function that makes it again with some changes."""

        def fit(X=WINE.X, y=WINE.y, weights=None, **params):
            checkpoint = Checkpoint(tmp_path, name="wine")
            return WINE.model(**SMALL | {"checkpoint": checkpoint} | params).fit(X, y, weights)

        fit()
        return fit

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"learning_rate_init": 0.02}, "learning_rate_init=0.02 was 0.01"),
            ({"random_state": 1, "alpha": 0.1}, "alpha=0.1 was 0.0001; random_state=1 was 0"),
            ({"X": WINE.X + 1e-15}, "X is another one"),
            ({"X": WINE.X[1:], "y": WINE.y[1:]}, "X is another one; y is another one"),
            ({"y": WINE.y[::-1]}, "y is another one"),
            ({"weights": WINE.weights}, "sample_weight is another one"),
        ],
    )
    def test_other_parameters_or_data(self, changes, message, saved, tmp_path):
        with pytest.raises(
            ValueError, match=f"wine.npz is that of another fit .{re.escape(message)}.*delete"
        ):
            saved(**changes)
        saved()  # it is still there

    def test_without_a_name_they_have_a_file_of_their_own(self, tmp_path):
        for alpha in (0.1, 0.2):
            WINE.model(**SMALL, alpha=alpha, checkpoint=Checkpoint(tmp_path)).fit(WINE.X, WINE.y)
        assert len(os.listdir(tmp_path)) == 2

    @pytest.mark.parametrize("package", ["skmlp", "numpy", "scipy", "sklearn"])
    def test_other_versions(self, package, saved, tmp_path):
        versions = skmlp.fitting.checkpoints.versions()
        with_other_notes(tmp_path / "wine.npz", versions=versions | {package: "0.0.7"})
        now = f"{package} 0.0.7, now {versions[package]}"
        with pytest.raises(ValueError, match=f"other versions .{re.escape(now)}.*delete the file"):
            saved()

    def test_a_file_that_cannot_be_read(self, saved, tmp_path):
        (tmp_path / "wine.npz").write_bytes(b"")
        with pytest.raises(ValueError, match="not a checkpoint that can be read"):
            saved()

    def test_a_directory_that_is_none(self, tmp_path):
        (tmp_path / "file").write_text("")
        model = WINE.model(checkpoint=Checkpoint(tmp_path / "file" / "directory"))
        with pytest.raises(ValueError, match=r"checkpoint: the directory .* cannot be made"):
            model.fit(WINE.X, WINE.y)

    def test_parameters_that_cannot_be_told_apart(self, tmp_path):
        model = WINE.model(
            scoring=lambda model, X, y: 0, early_stopping=True, checkpoint=Checkpoint(tmp_path)
        )
        with pytest.raises(ValueError, match=r"scoring=.*<lambda> has no name of its own"):
            model.fit(WINE.X, WINE.y)

    def test_a_file_of_something_else(self, saved, tmp_path):
        checkpoints.write(tmp_path / "wine.npz", {}, {"mine": 1})
        with pytest.raises(ValueError, match=r"wine.npz is not the file of a fit: delete it"):
            saved()

    def test_fits_of_one_search_under_one_name(self, tmp_path):
        model = WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path, name="wine"))
        search = ours.GridSearchCV(model, {"alpha": [0.1, 1]}, cv=2, error_score="raise")
        with pytest.raises(ValueError, match=r"wine.npz is that of another fit"):
            search.fit(WINE.X, WINE.y)

    @pytest.mark.parametrize("value", ["directory", 3, True])
    def test_what_is_no_checkpoint(self, value):
        with pytest.raises(ValueError, match=r"'checkpoint' parameter .* must be Checkpoint, or None"):
            WINE.model(checkpoint=value).fit(WINE.X, WINE.y)


def test_a_full_disk_does_not_end_training(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    whole = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.warns(UserWarning, match="could not be written .*No space left.*Training goes on"):
        model = WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path, every=0)).fit(WINE.X, WINE.y)
    assert_same_fit(model, whole)
    assert os.listdir(tmp_path) == []


def test_no_memory_for_a_checkpoint_does_not_end_training(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(skmlp.fitting.checkpoints, "write", fail)
    with pytest.warns(UserWarning, match="could not be written"):
        WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path, every=0)).fit(WINE.X, WINE.y)


def test_the_directory_stays_where_it_was(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    gradient = skmlp.network.objective.Objective.sum_of_gradients

    def change_directory(*args):
        os.chdir(tmp_path / "other")
        return gradient(*args)

    monkeypatch.setattr(skmlp.network.objective.Objective, "sum_of_gradients", change_directory)
    WINE.model(**SMALL, checkpoint=Checkpoint("here", every=0)).fit(WINE.X, WINE.y)
    assert len(os.listdir(tmp_path / "here")) == 1


def test_max_time_below_a_search_is_no_end_either(tmp_path):
    options = {"cv": 2, "return_estimator": True}
    checkpoint = Checkpoint(tmp_path)
    ours.cross_validate(
        WINE.model(**SMALL, max_time=1e-9, checkpoint=checkpoint), WINE.X, WINE.y, **options
    )
    found = ours.cross_validate(WINE.model(**SMALL, checkpoint=checkpoint), WINE.X, WINE.y, **options)
    assert [model.n_iter_ for model in found["estimator"]] == [14, 14]
    assert len(os.listdir(tmp_path)) == 2


def test_labels_of_another_type_are_the_same_data(tmp_path):
    params = SMALL | {"checkpoint": Checkpoint(tmp_path)}
    words = np.array(["a", "b", "c"])[WINE.y]
    for labels in (words, words.astype(object), words.tolist(), words.reshape(-1, 1)[:, 0]):
        WINE.model(**params).fit(WINE.X, labels)
    assert len(os.listdir(tmp_path)) == 1
    WINE.model(**params).fit(WINE.X, np.array(["a", "b", "d"])[WINE.y])
    assert len(os.listdir(tmp_path)) == 2


def test_a_check_of_gradients_leaves_checkpoints_alone(tmp_path):
    model = WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path / "none"))
    assert check_gradients(model, WINE.X[:20], WINE.y[:20]).ok
    assert os.listdir(tmp_path) == []


def test_a_random_stream_of_the_user_and_a_solver_without_epochs(tmp_path):
    def fits(**params):
        stream = np.random.RandomState(1)
        model = DIABETES.model(
            hidden_layer_sizes=(2,), max_iter=5, solver="es", random_state=stream, **params
        )
        return [model.fit(DIABETES.X, DIABETES.y).coefs_ for _ in range(2)]

    whole = fits()
    for _ in range(2):  # trained, then read
        np.testing.assert_equal(fits(checkpoint=Checkpoint(tmp_path)), whole)


def test_an_interruption_leaves_the_last_whole_epoch(tmp_path, monkeypatch):
    with config_context(compiled=False):
        whole = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    objective_gradient = skmlp.network.objective.Objective.sum_of_gradients
    calls = []

    def interrupt(*args):
        calls.append(1)
        if len(calls) == 18:  # amid the fourth epoch of 5 steps
            raise KeyboardInterrupt
        return objective_gradient(*args)

    monkeypatch.setattr(checkpoints, "SHARE", np.inf)
    monkeypatch.setattr(skmlp.network.objective.Objective, "sum_of_gradients", interrupt)
    make = lambda: WINE.model(**SMALL, checkpoint=Checkpoint(tmp_path, every=0))  # noqa: E731
    # It is numpy's gradient that is interrupted.
    with config_context(compiled=False), pytest.warns(UserWarning, match="interrupted"):
        make().fit(WINE.X, WINE.y)
    with config_context(compiled=False):
        assert_same_fit(make().fit(WINE.X, WINE.y), whole)


GRID = {"mlp__alpha": [0.001, 0.1], "mlp__hidden_layer_sizes": [(5,), (7,)]}


@pytest.mark.parametrize("search", [sklearn.model_selection.GridSearchCV, ours.GridSearchCV])
def test_a_search_in_many_lives(search, deaths, tmp_path):
    def make(**params):
        network = WINE.model(**SMALL, early_stopping=True, **params)
        pipeline = Pipeline([("scale", StandardScaler()), ("mlp", network)])
        return search(pipeline, GRID, cv=2)

    whole = make().fit(WINE.X, WINE.y)
    checkpoint = Checkpoint(tmp_path, every=0)
    model = fit_with_deaths(lambda: make(checkpoint=checkpoint), WINE.X, WINE.y)
    assert deaths["deaths"] > 10
    assert len(os.listdir(tmp_path)) == 2 * 4 + 1
    for name in whole.cv_results_:
        if "score" in name and "time" not in name:
            np.testing.assert_allclose(model.cv_results_[name], whole.cv_results_[name], rtol=1e-9)
    for a, b in zip(model.best_estimator_[-1].coefs_, whole.best_estimator_[-1].coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    # Everything is finished: nothing is trained any more.
    writes = deaths["writes"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make(checkpoint=checkpoint).fit(WINE.X, WINE.y)
    assert deaths["writes"] == writes


SCRIPT = """
import sys, warnings
import numpy as np
from skmlp import Checkpoint, MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = rng.randn(4000, 20)
y = (X[:, 0] * X[:, 1] > 0).astype(int)
checkpoint = Checkpoint(sys.argv[1], every=0) if len(sys.argv) > 2 else None
model = MLPClassifier((60, 40), n_members=2, dropout=0.1, early_stopping=True, max_iter=40,
                      n_iter_no_change=40, random_state=0, checkpoint=checkpoint, verbose=1)
model.fit(X, y)
np.savez(sys.argv[1] + "/result", *model.coefs_, *model.intercepts_, curve=model.loss_curve_)
"""


@pytest.mark.slow
def test_sigkill_amid_epochs(tmp_path):
    def start(directory, *options):
        directory.mkdir(exist_ok=True)
        command = [sys.executable, "-c", SCRIPT, str(directory), *options]
        slowly = os.environ | {"SKMLP_COMPILED": "0"}  # else training may be over before the signal
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=slowly)

    kills = 0
    for n_lines in (14, 18, 9, 22):  # of which every epoch prints two
        process = start(tmp_path / "killed", "checkpoint")
        for _ in range(n_lines):
            process.stdout.readline()
        time.sleep(0.003 * n_lines)
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.stdout.close()
        kills += process.wait() != 0
    assert kills == 4
    first_line = []
    for directory, options in ((tmp_path / "killed", ["checkpoint"]), (tmp_path / "whole", [])):
        process = start(directory, *options)
        output, _ = process.communicate()
        first_line.append(output.splitlines()[0])
        assert process.returncode == 0
    assert first_line[0].startswith("Continuing after iteration")
    assert first_line[1].startswith("Iteration 1,")
    killed, whole = (np.load(tmp_path / name / "result.npz") for name in ("killed", "whole"))
    for name in whole.files:
        np.testing.assert_array_equal(killed[name], whole[name])


OF_A_SCRIPT = """
import sys
import numpy as np
from sklearn.model_selection import GridSearchCV
from skmlp import Checkpoint, MLPClassifier
from skmlp import model_selection as ours
from skmlp.network.activations import Tanh

def my_score(model, X, y):
    return model.score(X, y)

class MyTanh(Tanh):
    pass

rng = np.random.RandomState(0)
X = rng.randn(60, 3)
y = (X[:, 0] > 0).astype(int)
for search in (GridSearchCV, ours.GridSearchCV):
    model = MLPClassifier((4,), activation=MyTanh(), scoring=my_score, early_stopping=True, max_iter=3,
                          random_state=0, checkpoint=Checkpoint(sys.argv[1]))
    search(model, {"alpha": [0.1, 1]}, cv=2, n_jobs=2, error_score="raise").fit(X, y)
"""


@pytest.mark.slow
def test_functions_and_classes_of_a_script_have_a_name_in_every_worker(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(OF_A_SCRIPT)
    command = [sys.executable, "-W", "ignore", str(script), str(tmp_path / "checkpoints")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    assert len(os.listdir(tmp_path / "checkpoints")) == 5  # the second search has found all of the first


OF_A_SEARCH = """
import sys, warnings
import numpy as np
from sklearn.model_selection import GridSearchCV
from skmlp import Checkpoint, MLPClassifier
from skmlp import model_selection as ours
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = rng.randn(2000, 10)
y = (X[:, 0] * X[:, 1] > 0).astype(int)
search = {"theirs": GridSearchCV, "ours": ours.GridSearchCV}[sys.argv[1]]
checkpoint = Checkpoint(sys.argv[3], every=0) if len(sys.argv) > 3 else None
model = MLPClassifier((20, 10), early_stopping=True, max_iter=20, random_state=0, checkpoint=checkpoint)
search = search(model, {"alpha": [0.1, 1], "activation": ["relu", "tanh"]}, cv=3, n_jobs=2).fit(X, y)
np.savez(sys.argv[2], search.cv_results_["mean_test_score"], *search.best_estimator_.coefs_)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.parametrize("search", ["theirs", "ours"])
def test_a_search_in_several_processes_is_killed(search, tmp_path):
    """Its orphaned workers may write on while the next search has begun."""

    def start(name, *checkpoints):
        command = [sys.executable, "-c", OF_A_SEARCH, search, str(tmp_path / name), *map(str, checkpoints)]
        return subprocess.Popen(
            command, env=os.environ | {"PYTHONWARNINGS": "ignore", "SKMLP_COMPILED": "0"}
        )

    directory = tmp_path / "checkpoints"
    directory.mkdir()
    for n_files in (2, 8):  # of thirteen
        process = start("killed", directory)
        while len(os.listdir(directory)) < n_files:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() != 0
    for process in (start("killed", directory), start("whole")):
        assert process.wait() == 0
    killed, whole = (np.load(tmp_path / f"{name}.npz") for name in ("killed", "whole"))
    for name in whole.files:
        np.testing.assert_allclose(killed[name], whole[name], rtol=1e-9)
