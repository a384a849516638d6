"""What is told during a fit: scikit-learn's verbose text, and its callbacks (from 1.9 on)."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp.estimators.callbacks import HAS_CALLBACKS

from .data import TASKS
from .test_parity import peer

TASK = TASKS["multiclass"]
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 5}

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@ignore_convergence
@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"max_iter": 3},
        {"solver": "sgd", "max_iter": 3},
        {"tol": 0.1, "n_iter_no_change": 2},
        {"early_stopping": True, "max_iter": 3},
        {"early_stopping": True, "tol": 0.1, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "early_stopping": True},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 10, "learning_rate_init": 1e-5},
    ],
    ids=str,
)
def test_verbose_prints_what_scikit_learn_prints(task, parameters, capsys):
    task = TASKS[task]
    model = task.model(verbose=True, **parameters)
    peer(model).fit(task.X, task.y)
    expected = capsys.readouterr().out
    model.fit(task.X, task.y)
    assert capsys.readouterr().out.splitlines() == expected.splitlines()


@ignore_convergence
def test_verbose_lbfgs_prints_one_line_per_iteration(capsys):
    model = TASK.model(**SMALL, solver="lbfgs", verbose=True).fit(TASK.X, TASK.y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i + 1}, loss = {loss:.8f}" for i, loss in enumerate(model.loss_curve_)]
    assert len(lines) == 5


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_nothing_is_printed_unless_asked_for(solver, capsys):
    TASK.model(**SMALL, solver=solver).fit(TASK.X, TASK.y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_callbacks_are_there_where_scikit_learn_has_them(cls):
    has_callbacks = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
    assert has_callbacks == HAS_CALLBACKS
    assert hasattr(cls, "set_callbacks") == HAS_CALLBACKS


class Recorder:
    """A user's callback: remembers what it is told, and can stop training or fail.

    The notes are kept in a list that clones of the estimator share.
    """

    def __init__(self, stop_after=None, error=None, at_epoch=None):
        self.stop_after, self.error, self.at_epoch = stop_after, error, at_epoch
        self.notes = []

    def setup(self, estimator, context):
        self.notes.append(("setup", context.task_name, None))

    def teardown(self, estimator, context):
        self.notes.append(("teardown", context.task_name, None))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.notes.append(("begin", context.task_name, (X, y, metadata)))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.notes.append(("end", context.task_name, (X, y, metadata, fitted_estimator)))
        if self.error is not None and context.task_name == "epoch" and context.task_id == self.at_epoch:
            raise self.error
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after

    def count(self, event, task=None):
        return sum(note[0] == event and task in (None, note[1]) for note in self.notes)

    @property
    def balanced(self):
        return all(
            self.count(first) == self.count(last)
            for first, last in [("begin", "end"), ("setup", "teardown")]
        )

    @property
    def fitted_estimators(self):
        """What was handed out at the end of each epoch."""
        return [details[-1] for event, task, details in self.notes if (event, task) == ("end", "epoch")]


solvers = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


@ignore_convergence
class TestCallbacksOfScikitLearn:
    """Collected where scikit-learn has callbacks."""

    __test__ = HAS_CALLBACKS

    @solvers
    def test_each_epoch_is_a_task_within_fit(self, solver):
        recorder = Recorder()
        TASK.model(**SMALL, solver=solver).set_callbacks(recorder).fit(TASK.X, TASK.y)
        epochs = [("begin", "epoch"), ("end", "epoch")] * 5
        told = [(event, task) for event, task, _ in recorder.notes]
        assert told == [
            ("setup", "fit"),
            ("begin", "fit"),
            *epochs,
            ("end", "fit"),
            ("teardown", "fit"),
        ]

    @solvers
    def test_callbacks_do_not_change_the_result(self, solver):
        model = TASK.model(**SMALL, solver=solver).set_callbacks(Recorder()).fit(TASK.X, TASK.y)
        alone = TASK.model(**SMALL, solver=solver).fit(TASK.X, TASK.y)
        np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])
        assert vars(model).keys() - vars(alone).keys() == {"_skl_callbacks"}

    @solvers
    @pytest.mark.parametrize("task", TASKS)
    def test_the_fitted_estimator_of_each_epoch_is_that_of_a_shorter_fit(self, task, solver):
        task, recorder = TASKS[task], Recorder()
        task.model(**SMALL, solver=solver).set_callbacks(recorder).fit(task.X, task.y)
        for epoch, fitted in enumerate(recorder.fitted_estimators):
            shorter = task.model(**{**SMALL, "max_iter": epoch + 1}, solver=solver).fit(task.X, task.y)
            np.testing.assert_allclose(fitted.predict(task.X), shorter.predict(task.X), rtol=1e-10)

    def test_callbacks_are_given_data_and_weights(self):
        recorder = Recorder()
        model = TASK.model(**SMALL).set_callbacks(recorder)
        model.fit(TASK.X, TASK.y, sample_weight=TASK.weights)
        for event, _, details in recorder.notes:
            if event in ("begin", "end"):
                X, y, metadata = details[:3]
                np.testing.assert_array_equal(X, TASK.X)
                np.testing.assert_array_equal(y, TASK.y)
                np.testing.assert_array_equal(metadata["sample_weight"], TASK.weights)

    @solvers
    def test_a_callback_stops_training_without_a_warning(self, solver):
        recorder = Recorder(stop_after=3)
        model = TASK.model(**SMALL, solver=solver).set_callbacks(recorder)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(TASK.X, TASK.y)
        assert model.n_iter_ == len(model.loss_curve_) == recorder.count("end", "epoch") == 3
        assert recorder.balanced
        shorter = TASK.model(**{**SMALL, "max_iter": 3}, solver=solver).fit(TASK.X, TASK.y)
        np.testing.assert_array_equal(model.coefs_[0], shorter.coefs_[0])

    def test_a_callback_stops_training_with_early_stopping(self):
        model = TASK.model(**SMALL, early_stopping=True).set_callbacks(Recorder(stop_after=2))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(TASK.X, TASK.y)
        assert model.n_iter_ == len(model.validation_scores_) == 2

    @solvers
    @pytest.mark.parametrize("error", [RuntimeError("by the callback"), MemoryError("by the callback")])
    def test_a_callback_that_fails_is_torn_down_and_the_estimator_is_as_before(self, solver, error):
        recorder = Recorder(error=error, at_epoch=2)
        model = TASK.model(**SMALL, solver=solver).set_callbacks(recorder)
        before = dict(vars(model))
        with pytest.raises(type(error), match="by the callback"):
            model.fit(TASK.X, TASK.y)
        assert recorder.count("begin", "epoch") == recorder.count("end", "epoch") == 3
        assert recorder.count("setup") == recorder.count("teardown") == 1
        assert vars(model) == before

    @solvers
    def test_tasks_are_ended_if_training_is_interrupted(self, solver):
        recorder = Recorder(error=KeyboardInterrupt(), at_epoch=2)
        model = TASK.model(**SMALL, solver=solver).set_callbacks(recorder)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model.fit(TASK.X, TASK.y)
        assert recorder.balanced
        assert model.n_iter_ == 3

    def test_tasks_are_ended_if_training_diverges(self):
        recorder = Recorder()
        task = TASKS["regression"]
        model = task.model(solver="sgd", learning_rate_init=1e9).set_callbacks(recorder)
        with pytest.raises(ValueError, match="diverged"):
            model.fit(task.X, task.y)
        assert recorder.count("begin", "epoch") > 0
        assert recorder.balanced

    def test_no_task_is_begun_if_the_data_are_refused(self):
        recorder = Recorder()
        with pytest.raises(ValueError, match="NaN"):
            TASK.model().set_callbacks(recorder).fit(TASK.X * np.nan, TASK.y)
        assert recorder.balanced

    @solvers
    def test_below_pipeline_and_grid_search(self, solver):
        recorder = Recorder()
        mlp = TASK.model(**SMALL, solver=solver).set_callbacks(recorder)
        grid = {"mlpclassifier__alpha": [0.1, 1.0]}
        search = GridSearchCV(make_pipeline(StandardScaler(), mlp), grid, cv=2, refit=False)
        search.fit(TASK.X, TASK.y)
        assert recorder.count("setup") == 4
        assert recorder.count("end", "epoch") == 4 * 5
        assert recorder.balanced

    def test_progress_bars_of_a_fit(self, capsys):
        from sklearn.callback import ProgressBar

        TASK.model(**SMALL).set_callbacks(ProgressBar()).fit(TASK.X, TASK.y)
        assert "MLPClassifier - fit" in capsys.readouterr().out

    def test_progress_bars_of_a_search_reach_its_fits(self, capsys):
        from sklearn.callback import ProgressBar

        search = GridSearchCV(
            make_pipeline(StandardScaler(), TASK.model(**SMALL)), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2
        )
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(TASK.X, TASK.y)
        shown = capsys.readouterr().out
        assert "GridSearchCV - fit" in shown
        assert "MLPClassifier - fit" in shown

    @pytest.mark.parametrize(("task", "score"), [("multiclass", "accuracy"), ("regression", "r2")])
    @solvers
    def test_scoring_monitor_scores_each_epoch(self, task, score, solver):
        from sklearn.callback import ScoringMonitor

        task, monitor = TASKS[task], ScoringMonitor(scoring=score)
        model = task.model(**SMALL, solver=solver).set_callbacks(monitor).fit(task.X, task.y)
        rows = monitor.get_logs().data
        scores = [row[score] for row in rows if row["task_name"] == "epoch"]
        assert len(scores) == model.n_iter_
        assert scores[-1] == pytest.approx(model.score(task.X, task.y))
        assert len(set(scores)) > 1

    def test_scoring_monitor_uses_the_weights_of_the_fit(self):
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring="accuracy")
        model = TASK.model(**SMALL).set_callbacks(monitor)
        model.fit(TASK.X, TASK.y, sample_weight=TASK.weights)
        last = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"][-1]
        assert last["accuracy"] == pytest.approx(model.score(TASK.X, TASK.y, TASK.weights))
        assert last["accuracy"] != pytest.approx(model.score(TASK.X, TASK.y))

    def test_clones_keep_their_callbacks(self):
        recorder = Recorder()
        clone(TASK.model(**SMALL).set_callbacks(recorder)).fit(TASK.X, TASK.y)
        assert recorder.count("end", "epoch") == 5
