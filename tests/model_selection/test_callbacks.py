"""scikit-learn's callbacks (from 1.9 on) are told of a search, and of all epochs of its fits, as always."""

from collections import Counter

import numpy as np
import pytest
from joblib import parallel_config
from sklearn import model_selection
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.model_selection
from skmlp.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from tests.estimators.data import TASKS

callback = pytest.importorskip("sklearn.callback")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
    pytest.mark.filterwarnings("ignore:One or more of the (test|train) scores are non-finite"),
]

WINE = TASKS["multiclass"]
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 3, "batch_size": 10}
MODEL = WINE.model(**SMALL)
PIPELINE = make_pipeline(StandardScaler(), MODEL)


class Recorder:
    """A user's callback, set on the network: notes what it is told, and may stop training or fail."""

    def __init__(self, stops=lambda context, estimator: False, error=None):
        self.stops, self.error = stops, error
        self.notes, self.data, self.estimators = [], [], []

    def note(self, event, context):
        path, this = [], context
        while this is not None:
            path.append((this.estimator_name, this.task_name, this.task_id, this.max_subtasks))
            this = this.parent
        self.notes.append((event, context.source_task_name, tuple(path)))

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.note("end", context)
        self.data.append((context.task_name, X, y, metadata))
        self.estimators.append((context.task_name, fitted_estimator))
        if self.error is not None and self.stops(context, estimator):
            error, self.error = self.error, None  # once
            raise error
        return context.task_name == "epoch" and self.stops(context, estimator)

    def count(self, event, task=None):
        return sum(note[0] == event and task in (None, note[-1][0][1]) for note in self.notes)

    @property
    def balanced(self):
        pairs = [("begin", "end"), ("setup", "teardown")]
        return all(self.count(first) == self.count(last) for first, last in pairs)


class Propagated(Recorder):
    """A user's callback, set on the search, which hands it on to its fits."""

    def __init__(self, max_propagation_depth=None, **options):
        super().__init__(**options)
        self.max_propagation_depth = max_propagation_depth


SEARCHES = {
    "grid": ("GridSearchCV", MODEL, {"alpha": [0.1, 1.0]}, {}),
    "several stacks": ("GridSearchCV", MODEL, {"hidden_layer_sizes": [(2,), (3,)]}, {}),
    "early stopping": ("GridSearchCV", MODEL, {"early_stopping": [True, False], "tol": [0.3]}, {}),
    "lbfgs": ("GridSearchCV", MODEL, {"solver": ["lbfgs", "adam"]}, {}),
    "random": ("RandomizedSearchCV", MODEL, {"alpha": [0.1, 1.0]}, {"n_iter": 2, "random_state": 0}),
    "another estimator": ("GridSearchCV", LogisticRegression(), {"C": [0.1, 1.0]}, {}),
    "halving": (
        "HalvingGridSearchCV",
        MODEL,
        {"alpha": [0.1, 1.0, 10.0, 100.0]},
        {"factor": 2, "min_resources": 40, "max_resources": 80, "random_state": 0},
    ),
}
WITH_STEPS = ("GridSearchCV", PIPELINE, {"mlpclassifier__alpha": [0.1, 1.0]}, {})
EVERY_SEARCH = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


def searched(search, module, *callbacks, **options):
    """Return a search of ``module`` that has been made under ``callbacks``."""
    kind, model, values, own = search
    made = getattr(module, kind)(model, values, **{"cv": 3, **own, **options})
    return made.set_callbacks(*callbacks).fit(WINE.X, WINE.y)


@EVERY_SEARCH
@pytest.mark.parametrize("depth", [None, 0, 1])
@pytest.mark.parametrize("refit", [True, False], ids=["refit", "no refit"])
@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
def test_the_same_tasks_as_of_scikit_learn(search, depth, refit):
    """Only the order is another: the epochs of a stack belong to all of its fits."""
    own, expected = Propagated(depth), Propagated(depth)
    searched(search, skmlp.model_selection, own, refit=refit)
    searched(search, model_selection, expected, refit=refit)
    assert Counter(own.notes) == Counter(expected.notes)
    assert own.balanced


@EVERY_SEARCH
@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
def test_callbacks_do_not_change_the_result(search):
    watched = searched(search, skmlp.model_selection, Propagated())
    plain = searched(search, skmlp.model_selection)
    for name, values in plain.cv_results_.items():
        if "time" not in name:
            assert list(watched.cv_results_[name]) == list(values), name
    np.testing.assert_array_equal(watched.predict_proba(WINE.X), plain.predict_proba(WINE.X))


def test_a_task_begins_before_it_ends_and_within_its_parent():
    recorder = Propagated()
    searched(SEARCHES["grid"], skmlp.model_selection, recorder)
    opened = set()
    for event, _, path in recorder.notes:
        if event == "begin":
            assert all(parent in opened or len(parent) > 1 for parent in [path[1:]] if parent)
            opened.add(path)
        elif event == "end":
            opened.remove(path)
    assert not opened


def test_a_pipeline_tells_of_the_epochs_of_its_network():
    own, expected = Propagated(), Propagated()
    searched(WITH_STEPS, skmlp.model_selection, own)
    searched(WITH_STEPS, model_selection, expected)
    for event in ("begin", "end"):
        assert own.count(event, "epoch") == expected.count(event, "epoch") == (2 * 3 + 1) * 3
    assert own.balanced


def test_each_fit_tells_of_its_own_samples_and_of_itself():
    recorder = Propagated()
    splitter = model_selection.StratifiedKFold(3)
    searched(SEARCHES["grid"], skmlp.model_selection, recorder, cv=splitter, refit=False)
    parts = [rows for rows, _ in splitter.split(WINE.X, WINE.y)]
    expected = Counter({(WINE.X[rows].tobytes(), WINE.y[rows].tobytes()): 2 * 3 for rows in parts})
    told = [(X.tobytes(), y.tobytes()) for name, X, y, _ in recorder.data if name == "epoch"]
    assert Counter(told) == expected
    fitted = [estimator for name, estimator in recorder.estimators if name == "epoch"]
    predictions = {estimator.predict_proba(WINE.X).tobytes() for estimator in fitted}
    assert len(predictions) == len(fitted) == 2 * 3 * 3


def test_sample_weights_are_among_what_is_told():
    recorder = Propagated()
    search = GridSearchCV(MODEL, {"alpha": [0.1]}, cv=3).set_callbacks(recorder)
    search.fit(WINE.X, WINE.y, sample_weight=WINE.weights)
    weights = [metadata["sample_weight"] for name, _, _, metadata in recorder.data if name == "epoch"]
    assert len(weights) == 3 * 4
    assert {len(own) for own in weights} <= {64, 65, 97}


# Callbacks of the network


def test_callbacks_of_the_network_are_told_of_each_of_its_fits():
    recorder = Recorder()
    model = WINE.model(**SMALL).set_callbacks(recorder)
    GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=3).fit(WINE.X, WINE.y)
    assert recorder.count("setup") == recorder.count("teardown") == 2 * 3 + 1
    assert recorder.count("end", "epoch") == (2 * 3 + 1) * 3
    assert recorder.balanced


def test_a_callback_stops_one_fit_of_a_stack():
    """As alone, without a warning; the others are trained to their end."""

    def second_candidate(context, estimator):
        return estimator.alpha == 1.0 and context.task_id == 1

    recorder = Recorder(second_candidate)
    model = WINE.model(**SMALL).set_callbacks(recorder)
    values = {"alpha": [0.1, 1.0, 10.0]}
    found = GridSearchCV(model, values, cv=3, refit=False).fit(WINE.X, WINE.y)
    expected = model_selection.GridSearchCV(model, values, cv=3, refit=False).fit(WINE.X, WINE.y)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert recorder.count("end", "epoch") == 2 * (3 * 3 + 3 * 2 + 3 * 3)


def test_callbacks_of_cross_validation():
    recorder = Recorder()
    cross_validate(WINE.model(**SMALL).set_callbacks(recorder), WINE.X, WINE.y, cv=4)
    assert recorder.count("setup") == recorder.count("teardown") == 4
    assert recorder.count("end", "epoch") == 4 * 3
    assert recorder.balanced


# Failures and interruptions


@pytest.mark.parametrize(
    ("name", "bad"), [("grid", {"alpha": [-1.0]}), ("several stacks", {"hidden_layer_sizes": [(0,)]})]
)
def test_tasks_are_ended_and_torn_down_if_fits_fail(name, bad):
    _, model, values, _ = SEARCHES[name]
    recorder = Propagated()
    search = GridSearchCV(model, [values, bad], cv=3).set_callbacks(recorder)
    search.fit(WINE.X, WINE.y)
    assert recorder.balanced
    assert recorder.count("end", "epoch") == (2 * 3 + 1) * 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, True, False]


@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_tasks_are_ended_and_torn_down_if_a_search_is_interrupted(error_score):
    """By a callback here, in the second epoch of the second stack."""

    def late(context, estimator):
        is_epoch = context.task_name == "epoch" and context.task_id == 1
        return is_epoch and estimator.hidden_layer_sizes == (3,)

    recorder = Propagated(stops=late, error=KeyboardInterrupt())
    _, model, values, _ = SEARCHES["several stacks"]
    search = GridSearchCV(model, values, cv=3, error_score=error_score, refit=False)
    search.set_callbacks(recorder)
    if error_score == "raise":
        with pytest.raises(KeyboardInterrupt):
            search.fit(WINE.X, WINE.y)
    else:
        with pytest.warns(UserWarning, match="Interrupted by user: 3 of 6 fits"):
            search.fit(WINE.X, WINE.y)
        assert recorder.balanced
    for task in ("epoch", "fit"):  # scikit-learn leaves its own open if an error passes through
        of_network = [note for note in recorder.notes if note[-1][0][:2] == ("MLPClassifier", task)]
        events = Counter(event for event, *_ in of_network)
        assert events["begin"] == events["end"] == {"epoch": 3 * 3 + 3 * 2, "fit": 6}[task]
    assert recorder.count("setup") == recorder.count("teardown") == 1
    assert not hasattr(search, "_callback_fit_ctx")


# scikit-learn's own callbacks


@pytest.mark.parametrize("name", ["grid", "halving"])
@pytest.mark.parametrize("depth", [0, 1, None])
def test_progress_bars(name, depth, capsys):
    pytest.importorskip("rich")
    search = searched(SEARCHES[name], skmlp.model_selection, callback.ProgressBar(depth))
    shown = capsys.readouterr().out
    assert f"{type(search).__name__} - fit" in shown
    assert ("MLPClassifier - fit" in shown) == (depth != 0)


def test_scoring_monitor_scores_each_epoch_of_each_fit():
    scores = []
    for module in (skmlp.model_selection, model_selection):
        monitor = callback.ScoringMonitor(scoring="accuracy")
        model = WINE.model(**SMALL).set_callbacks(monitor)
        module.GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=3).fit(WINE.X, WINE.y)
        logs = monitor.get_logs(select="all")
        rows = [row for log in (logs if isinstance(logs, list) else [logs]) for row in log.data]
        scores.append(sorted(row["accuracy"] for row in rows if row["task_name"] == "epoch"))
    assert scores[0] == scores[1]
    assert len(scores[0]) == (2 * 3 + 1) * 3


@pytest.mark.slow
def test_progress_bars_of_fits_in_other_processes(capsys):
    pytest.importorskip("rich")
    searched(SEARCHES["several stacks"], skmlp.model_selection, callback.ProgressBar(None), n_jobs=2)
    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown
    assert "MLPClassifier - fit" in shown


def test_tasks_of_fits_in_threads():
    own, expected = Propagated(), Propagated()
    with parallel_config("threading", n_jobs=2):
        searched(SEARCHES["several stacks"], skmlp.model_selection, own)
    searched(SEARCHES["several stacks"], model_selection, expected)
    assert Counter(own.notes) == Counter(expected.notes)


def test_halving_that_goes_on_with_more_epochs_tells_of_those_that_are_new():
    recorder = Propagated()
    search = HalvingGridSearchCV(
        MODEL,
        {"alpha": [0.1, 1.0, 10.0, 100.0]},
        resource="max_iter",
        min_resources=2,
        max_resources=4,
        factor=2,
        cv=3,
        random_state=0,
        refit=False,
    )
    search.set_callbacks(recorder).fit(WINE.X, WINE.y)
    assert search.n_resources_ == [2, 4]
    assert recorder.count("end", "epoch") == 4 * 3 * 2 + 2 * 3 * 2
    assert recorder.balanced
