"""What a worker does with the fits that it is given: as few stacks as may be, each fit as alone."""

import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier
from skmlp.fitting.data import Data
from skmlp.model_selection import jobs, planning
from skmlp.model_selection.jobs import (
    Preparation,
    run,
    shared_data,
)
from skmlp.model_selection.prefit import choices_if_valid
from skmlp.model_selection.preprocessing import wrappers_key
from skmlp.model_selection.requests import FitRequest, FitResult, NotTrainedError
from skmlp.model_selection.samples import TrainingPart
from skmlp.network.activations import Tanh
from skmlp.training.stochastic import StochasticSolver
from tests.estimators.data import TASKS
from tests.fitting.test_stacks import assert_same_fit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
PARTS = [np.arange(0, 60), np.arange(37, 97), np.r_[0:30, 67:97]]
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 17, "max_iter": 5}
LONG = {"hidden_layer_sizes": (7,), "max_iter": 10**6, "n_iter_no_change": 10**6}


def samples(rows=None, X=WINE.X, y=WINE.y, **params):
    return TrainingPart(X, y, params, rows)


def tasks_of(models, parts=None):
    """Return tasks of clones of ``models``."""
    parts = parts or [samples()] * len(models)
    return [
        FitRequest(i, clone(model), choices_if_valid(model), part)
        for i, (model, part) in enumerate(zip(models, parts, strict=True))
    ]


def models(*own, **options):
    """Return small networks with different seeds."""
    return [WINE.model(**{**SMALL, **options, "random_state": k, **p}) for k, p in enumerate(own)]


def alone(model, part):
    """Return what becomes of a fit by itself."""
    part = part.cut()
    return clone(model).fit(part.X, part.y, **part.params)


@pytest.fixture
def stacks(monkeypatch):
    """Collect the sizes of the stacks that are trained."""
    sizes = []

    def noted(fits, *args, **kwargs):
        sizes.append(len(fits))
        return train_stack(fits, *args, **kwargs)

    train_stack = jobs.train_stack
    monkeypatch.setattr(jobs, "train_stack", noted)
    return sizes


@pytest.mark.parametrize(
    "options",
    [{}, {"early_stopping": True}, {"standardize": True}, {"n_members": 2}, {"dropout": 0.3}],
    ids=str,
)
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_fits_of_one_kind_are_one_stack_and_each_is_as_alone(options, make, stacks):
    found = models({"alpha": 1.0}, {"learning_rate_init": 0.1}, {}, **options)
    X = make(WINE.X * (WINE.X > 0))
    parts = [samples(rows, X, sample_weight=WINE.weights) for rows in PARTS]
    outcomes = run(tasks_of(found, parts))
    assert stacks == [3]
    for outcome, model, part in zip(outcomes, found, parts, strict=True):
        assert outcome.error is None
        assert_same_fit(outcome.estimator, alone(model, part))


def test_rows_that_are_validated_one_network_after_the_other(stacks, monkeypatch):
    """Together they would be copied, which takes long where they are many."""
    monkeypatch.setattr("skmlp.fitting.stacks.VALIDATED_BYTES", 0)
    found = models({"alpha": 1.0}, {"n_iter_no_change": 10}, {}, early_stopping=True, n_members=2)
    for outcome, model in zip(run(tasks_of(found)), found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))
    assert stacks == [3]


def test_fits_that_hold_out_the_same_rows_share_them():
    found = [WINE.model(**SMALL, early_stopping=True, random_state=seed) for seed in (0, 1, 0)]
    preparation = Preparation(samples(PARTS[0]))
    problems = [preparation.problem_of(task, task.estimator) for task in tasks_of(found)]
    first, other, again = (problem.held_out[0].X for problem in problems)
    assert again is first
    assert other is not first
    assert all(problem.data.X is WINE.X for problem in problems)


def test_outcomes_come_in_the_order_of_the_tasks_whatever_the_stacks(stacks):
    found = models({}, {"max_iter": 3}, {}, {"solver": "lbfgs"}, {"max_iter": 3}, {})
    outcomes = run(tasks_of(found))
    assert sorted(stacks) == [2, 3]
    assert [outcome.index for outcome in outcomes] == list(range(6))
    for outcome, model in zip(outcomes, found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))


def test_no_tasks_have_no_outcomes():
    assert run([]) == []


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(StandardScaler(), MLPClassifier(**SMALL, random_state=0))],
    ids=["another estimator", "a pipeline"],
)
def test_what_is_no_network_is_fitted_by_itself(estimator, stacks):
    (outcome,) = run(tasks_of([estimator], [samples(PARTS[0])]))
    assert stacks in ([], [1])
    np.testing.assert_array_equal(
        outcome.estimator.predict_proba(WINE.X), alone(estimator, samples(PARTS[0])).predict_proba(WINE.X)
    )


def test_solvers_without_batches_train_one_fit_at_a_time(stacks):
    found = models({}, {"alpha": 1.0}, solver="lbfgs")
    for outcome, model in zip(run(tasks_of(found)), found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))
    assert stacks == []


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_parts_of_unequal_size_are_padded_unless_layers_draw_for_each_row(dropout, stacks):
    """Chance in layers would be drawn for the padding too: then they are stacks of their own."""
    parts = [samples(np.arange(n)) for n in (61, 59, 61, 60)]
    found = models({}, {}, {}, {}, dropout=dropout)
    outcomes = run(tasks_of(found, parts))
    assert sorted(stacks) == ([1, 1, 2] if dropout else [4])
    for outcome, model, part in zip(outcomes, found, parts, strict=True):
        assert_same_fit(outcome.estimator, alone(model, part), rtol=0 if dropout else 1e-9)


def test_choices_that_cannot_be_looked_into_are_trained_alone(stacks):
    @dataclass(frozen=True)
    class Listed(Tanh):
        knots: list

    activation = Listed([1, 2])
    with pytest.raises(TypeError, match="unhashable"):
        hash(activation)
    found = models({}, {}, {"activation": "tanh"}, activation=activation)
    outcomes = run(tasks_of(found))
    assert stacks == [1, 1, 1]
    for outcome, model in zip(outcomes, found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))


def test_seeds_may_be_streams():
    """Each fit has a copy of its own, as a clone has."""
    found = models({"random_state": np.random.RandomState(3)}, {"random_state": np.random.RandomState(3)})
    first, second = run(tasks_of(found))
    assert_same_fit(first.estimator, second.estimator)
    assert_same_fit(first.estimator, alone(found[0], samples()))


def test_validation_samples_of_ones_own():
    rows = PARTS[0]
    test = np.setdiff1d(np.arange(97), rows)
    params = {"X_val": WINE.X[test], "y_val": WINE.y[test], "sample_weight_val": WINE.weights[test]}
    found = models({}, {"alpha": 1.0}, early_stopping=True)
    part = samples(rows, sample_weight=WINE.weights, **params)
    for outcome, model in zip(run(tasks_of(found, [part] * 2)), found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, part))
        assert len(outcome.estimator.validation_scores_) == 5


# Steps before the network


def piped(models, parts):
    """Return tasks of pipelines that end in ``models``."""
    tasks = tasks_of([make_pipeline(StandardScaler(), model) for model in models], parts)
    for task in tasks:
        task.wrappers = wrappers_key(task.estimator)
    return tasks


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"standardize": True}], ids=str)
def test_networks_behind_the_same_steps_are_a_stack(options, stacks):
    parts = [samples(rows, mlpclassifier__sample_weight=WINE.weights) for rows in PARTS]
    tasks = piped(models({}, {"alpha": 1.0}, {}, **options), parts)
    outcomes = run(tasks)
    assert stacks == [3]
    for outcome, task in zip(outcomes, tasks, strict=True):
        assert type(outcome.estimator) is Pipeline
        assert_same_fit(outcome.estimator[-1], alone(task.estimator, task.part)[-1])


def test_steps_are_put_before_networks_that_are_trained_once_more():
    tasks = piped(
        models(
            *({"validation_fraction": part} for part in (0.1, 0.11, 0.1)),
            early_stopping=True,
            scoring=fails_on_odd_numbers,
        ),
        [samples()] * 3,
    )
    outcomes = run(tasks)
    assert [str(outcome.error) for outcome in outcomes] == ["None", "odd", "None"]
    for outcome, task in list(zip(outcomes, tasks, strict=True))[::2]:
        assert_same_fit(outcome.estimator[-1], alone(task.estimator, task.part)[-1])


# How much there is at a time


def test_a_stack_is_cut_to_what_the_cache_holds(stacks, monkeypatch):
    """Only a worker knows how many features there are behind the steps of a pipeline."""
    (task,) = tasks_of(models({}))
    monkeypatch.setattr(planning, "CACHE_BYTES", 2 * planning.bytes_of(task.choices, task.part))
    run(tasks_of(models({}, {}, {}, {}, {})))
    assert stacks == [2, 2, 1]


@pytest.mark.parametrize(
    ("n_bytes", "expected"), [(1, [2, 2, 2]), (2 * 60 * 13 * 8, [4, 2]), (3 * 60 * 13 * 8, [6])]
)
def test_copies_of_training_parts_fill_the_memory_that_they_may(n_bytes, expected, stacks, monkeypatch):
    monkeypatch.setattr(jobs, "DATA_BYTES", n_bytes)
    X = np.asfortranarray(WINE.X)
    parts = [part for part in [samples(rows, X) for rows in PARTS] for _ in range(2)]
    found = models(*[{}] * 6)
    for outcome, model, part in zip(run(tasks_of(found, parts)), found, parts, strict=True):
        assert_same_fit(outcome.estimator, alone(model, part))
    assert stacks == expected


def test_a_training_part_is_let_go_before_the_next_is_made(monkeypatch):
    monkeypatch.setattr(jobs, "DATA_BYTES", 1)
    preprocess, made = jobs.preprocess, []

    def noted(*args):
        assert all(part() is None for part in made)
        found = preprocess(*args)
        made.append(weakref.ref(found.part.X))
        return found

    monkeypatch.setattr(jobs, "preprocess", noted)
    run(piped(models({}, {}, {}), [samples(rows) for rows in PARTS]))
    assert len(made) == 3


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_fits_that_scale_their_own_rows_are_counted_one_by_one(seeds, stacks, monkeypatch):
    monkeypatch.setattr(jobs, "DATA_BYTES", 1)
    options = {"early_stopping": True, "standardize": True}
    run(tasks_of([WINE.model(**SMALL, **options, random_state=seed) for seed in seeds]))
    assert stacks == [1, 1]


def test_the_first_rows_of_X_are_checked_in_place_of_others():
    assert np.shares_memory(Preparation(samples(PARTS[1])).uncopied.X, WINE.X)


@pytest.mark.parametrize("bad", [5, 95])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_but_not_where_a_number_is_not_finite(bad, value):
    X = WINE.X.copy()
    X[bad] = value
    preparation = Preparation(samples(PARTS[1], X))
    assert preparation.uncopied is preparation.cut


def test_nor_where_there_are_too_few():
    rows = np.arange(200) % 97
    preparation = Preparation(samples(rows))
    assert preparation.uncopied is preparation.cut
    model = models({})[0]
    (outcome,) = run(tasks_of([model], [samples(rows)]))
    assert_same_fit(outcome.estimator, alone(model, samples(rows)))


# Errors


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"alpha": -1.0}, "alpha"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"solver": "sgd", "learning_rate_init": 1e200}, "diverged"),
    ],
    ids=str,
)
@pytest.mark.parametrize("which", [0, 2])
def test_a_fit_that_fails_leaves_the_others_alone(bad, match, which):
    own = [{}, {}, {}]
    own[which] = bad
    found = [
        DIABETES.model(**{**SMALL, "solver": "sgd", "random_state": k, **p}) for k, p in enumerate(own)
    ]
    parts = [samples(X=DIABETES.X, y=DIABETES.y)] * 3
    for k, (outcome, model) in enumerate(zip(run(tasks_of(found, parts)), found, strict=True)):
        if k == which:
            assert outcome.estimator is None
            with pytest.raises(ValueError, match=match):
                raise outcome.error
        else:
            assert_same_fit(outcome.estimator, alone(model, parts[k]))


def test_samples_that_are_refused_fail_their_own_fits():
    bad = WINE.X.copy()
    bad[70] = np.nan
    outcomes = run(tasks_of(models({}, {}), [samples(PARTS[0], bad), samples(PARTS[1], bad)]))
    assert outcomes[0].error is None
    assert "NaN" in str(outcomes[1].error)


def fails_on_odd_numbers(estimator, X, y):
    """Score, unless there is an odd number of samples."""
    if len(y) % 2:
        raise ValueError("odd")
    return estimator.score(X, y)


def test_a_scorer_that_fails_fails_its_own_fit_alone(stacks):
    parts = [{"validation_fraction": part} for part in (0.1, 0.11, 0.1)]  # 10, 11 and 10 of 97 samples
    found = models(*parts, early_stopping=True, scoring=fails_on_odd_numbers)
    outcomes = run(tasks_of(found))
    assert stacks[0] == 3
    assert [str(outcome.error) for outcome in outcomes] == ["None", "odd", "None"]
    for outcome, model in list(zip(outcomes, found, strict=True))[::2]:
        assert_same_fit(outcome.estimator, alone(model, samples()))


def test_an_error_of_the_solver_is_that_of_all_its_fits():
    found = models({}, {}, normalization="batch", batch_size=1)
    for outcome in run(tasks_of(found)):
        assert "batch_size=1" in str(outcome.error)
        assert outcome.estimator is None


# Time


def test_the_time_of_a_stack_is_shared_by_its_fits():
    outcomes = run(tasks_of(models({}, {}, {}, {})))
    seconds = [outcome.seconds for outcome in outcomes]
    assert min(seconds) > 0
    assert max(seconds) < 10 * min(seconds)


def test_each_fit_with_max_time_has_all_of_its_time(stacks):
    found = [DIABETES.model(**LONG, tol=0.0, max_time=0.2) for _ in range(2)]
    first, second = run(tasks_of(found, [samples(X=DIABETES.X, y=DIABETES.y)] * 2))
    assert stacks == [1, 1]
    assert min(first.seconds, second.seconds) > 0.15
    assert min(first.estimator.n_iter_, second.estimator.n_iter_) > 1


# What is printed


@pytest.mark.parametrize("which", [0, 2])
@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True, "tol": 0.1, "n_iter_no_change": 1, "max_iter": 19}], ids=str
)
def test_a_verbose_fit_in_a_stack_prints_what_it_prints_alone(which, options, stacks, capsys):
    own = [{}, {}, {}]
    own[which] = {"verbose": True}
    found = models(*own, **options)
    run(tasks_of(found))
    printed = capsys.readouterr().out
    assert stacks == [3]
    alone(found[which], samples())
    assert printed == capsys.readouterr().out != ""


# Memory and progress


def test_only_a_warm_start_keeps_its_optimizer_state():
    cold, warm = run(tasks_of(models({}, {"warm_start": True})))
    assert cold.estimator._optimizer_state is None
    assert_same_fit(
        warm.estimator.fit(WINE.X, WINE.y),
        alone(models({}, {"warm_start": True})[1], samples()).fit(WINE.X, WINE.y),
    )


@pytest.mark.parametrize("keep", [False, True])
def test_what_is_needed_to_continue_is_returned_if_asked_for(keep):
    stochastic, other = run(tasks_of(models({}, {"solver": "lbfgs"})), keep)
    assert (stochastic.result is not None) == keep
    assert other.result is None


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"dropout": 0.3}], ids=str)
def test_tasks_go_on_from_what_became_of_others(options, stacks):
    found = models({}, {"alpha": 1.0}, {"learning_rate_init": 0.1}, **options)
    before = run(tasks_of([clone(model).set_params(max_iter=2) for model in found]), keep_results=True)
    tasks = tasks_of(found)
    for task, outcome in zip(tasks[:2], before, strict=False):
        task.before = outcome.result.state
    outcomes = run(tasks)
    assert stacks == [3, 2, 1]  # what begins is no part of a stack of those that go on
    for outcome, model in zip(outcomes, found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))


def test_fits_go_on_with_those_that_have_come_as_far(stacks):
    found = models({}, {}, {}, {})
    tasks = tasks_of(found)
    for task, n_epochs in zip(tasks, (2, 3, 2, 3), strict=True):
        shorter = clone(task.estimator).set_params(max_iter=n_epochs)
        shorter = FitRequest(0, shorter, choices_if_valid(shorter), task.part)
        (outcome,) = run([shorter], keep_results=True)
        task.before = outcome.result.state
    del stacks[:]
    for outcome, model in zip(run(tasks), found, strict=True):
        assert_same_fit(outcome.estimator, alone(model, samples()))
    assert stacks == [2, 2]


# Samples


def data(seed=0, weights=None, make=np.asarray, dtype=float):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(11, 5)), rng.normal(size=(11, 2))
    return Data(make((X * (X > 0)).astype(dtype)), y, weights, y)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_equal_data_are_held_once(make, weighted):
    def equal():
        return data(weights=np.arange(11.0) if weighted else None, make=make)

    known = []
    first = shared_data(equal(), known)
    assert shared_data(equal(), known) is first
    assert known == [first]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (data(), data(seed=1)),
        (data(), data(weights=np.ones(11))),
        (data(), data(dtype="float32")),
        (data(make=sparse.csr_matrix), data(seed=1, make=sparse.csr_matrix)),
    ],
    ids=["values", "weights", "dtype", "sparse"],
)
def test_other_data_are_other_data(one, other):
    known = [one]
    assert shared_data(other, known) is other
    assert known == [one, other]


# Interruptions


@pytest.fixture
def interrupt(monkeypatch):
    """Let the user interrupt the n-th epoch of all."""

    def at(n):
        count = iter(range(n))
        epoch = StochasticSolver._epoch

        def interrupted(*args):
            if next(count, None) is None:
                raise KeyboardInterrupt
            return epoch(*args)

        monkeypatch.setattr(StochasticSolver, "_epoch", interrupted)

    return at


def test_an_interruption_ends_all_stacks_but_keeps_those_that_are_done(interrupt):
    found = models({}, {"max_iter": 3}, {}, {"max_iter": 3}, {"max_iter": 2})
    interrupt(5 + 1)  # in the second epoch of the second stack
    outcomes = run(tasks_of(found))
    assert [outcome.interrupted for outcome in outcomes] == [False, True, False, True, True]
    for k in (0, 2):
        assert outcomes[k].estimator.n_iter_ == 5
    for k in (1, 3, 4):
        assert outcomes[k].estimator is None
        with pytest.raises(NotTrainedError, match="An interruption came before the end of this fit"):
            raise outcomes[k].error


def test_after_an_interruption_no_training_part_is_looked_at(interrupt, monkeypatch):
    monkeypatch.setattr(jobs, "DATA_BYTES", 1)
    bad = np.full_like(WINE.X, np.nan)
    interrupt(1)
    outcomes = run(tasks_of(models({}, {}), [samples(X=np.asfortranarray(WINE.X)), samples(X=bad)]))
    assert all(outcome.interrupted for outcome in outcomes)


def test_an_interruption_of_preprocessing_keeps_what_is_trained(monkeypatch):
    monkeypatch.setattr(jobs, "DATA_BYTES", 1)
    preprocess, made = jobs.preprocess, iter([True])

    def interrupted(*args):
        if next(made, None) is None:
            raise KeyboardInterrupt
        return preprocess(*args)

    monkeypatch.setattr(jobs, "preprocess", interrupted)
    done, *others = run(piped(models({}, {}, {}), [samples(rows) for rows in PARTS]))
    assert done.estimator[-1].n_iter_ == 5
    assert all(outcome.interrupted for outcome in others)


def test_fits_that_had_left_an_interrupted_stack_are_done(interrupt):
    found = models({"tol": 1e9, "n_iter_no_change": 1}, {"n_iter_no_change": 1, "tol": 0.0})
    expected = alone(found[0], samples())
    interrupt(4)
    done, interrupted = run(tasks_of(found))
    assert not done.interrupted
    assert_same_fit(done.estimator, expected)
    assert interrupted.interrupted


def test_an_outcome_is_interrupted_by_nothing_else():
    outcome = FitResult(0, error=ValueError("no"))
    assert not outcome.interrupted
    outcome.interrupt()
    assert outcome.interrupted
