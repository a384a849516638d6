"""Which fits are given to a worker together."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import TabularMLPClassifier
from skmlp.estimators.problems import choices_of, problem_of
from skmlp.fitting.stacks import stack_key as stack_key_of_problem
from skmlp.model_selection import planning
from skmlp.model_selection.planning import (
    are_stacks,
    bytes_of,
    jobs_of,
    most_per_stack,
    reasons_of,
    rounds_of,
    stack_key,
    weights_bytes,
)
from skmlp.model_selection.prefit import choices_if_valid
from skmlp.model_selection.requests import FitRequest
from skmlp.model_selection.samples import TrainingPart, digest
from skmlp.network.activations import Tanh
from skmlp.network.losses import Focal, Huber, LogLoss
from tests.estimators.data import TASKS
from tests.model_selection.comparisons import DIABETES, SMALL, WINE


def tasks_of(models, n_parts=1):
    """Return a task for each model and training part, in scikit-learn's order."""
    parts = [TrainingPart(WINE.X, WINE.y, {}, np.arange(97)[part::3]) for part in range(n_parts)]
    pairs = [(model, part) for model in models for part in parts]
    return [
        FitRequest(index, model, choices_if_valid(model), part) for index, (model, part) in enumerate(pairs)
    ]


def alphas(n):
    return [WINE.model(**SMALL, alpha=float(alpha)) for alpha in range(n)]


def indices(jobs):
    return [[task.index for task in job] for job in jobs]


def test_equal_values_have_equal_digests():
    assert digest([1, np.arange(3)], None) == digest([1, np.arange(3)], None)
    assert digest(Huber(0.5), None) == digest(Huber(0.5), None)
    assert digest(StandardScaler(), None) == digest(StandardScaler(), None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        ("a", "b"),
        (np.zeros(3), np.zeros(4)),
        (np.zeros(3), np.zeros(3, "f4")),
        (Huber(0.5), Huber(1.0)),
        (StandardScaler(), StandardScaler(with_mean=False)),
        ({"a": 1}, {"b": 1}),
    ],
    ids=["numbers", "strings", "shapes", "dtypes", "losses", "estimators", "dicts"],
)
def test_other_values_have_other_digests(one, other):
    assert digest(one, None) != digest(other, None)


class Secret:
    def __reduce__(self):
        raise RuntimeError("Not to be looked into.")


def test_of_what_cannot_be_looked_into_nothing_is_known():
    assert digest(Secret(), 7) == 7
    assert digest([lambda: 1], 7) == 7


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": 1.0},
        {"random_state": 3},
        {"learning_rate_init": 0.5},
        {"tol": 0.1},
        {"dropout": 0.5},
        {"loss": LogLoss(label_smoothing=0.1)},
        {"class_weight": "balanced"},
        {"validation_fraction": 0.3},
        {"verbose": True},
        {"warm_start": True},
    ],
    ids=lambda parameters: ", ".join(parameters),
)
def test_parameters_that_need_not_keep_networks_apart(parameters):
    one, other = tasks_of([WINE.model(**SMALL), WINE.model(**SMALL | parameters)])
    assert stack_key(one) == stack_key(other)
    assert indices(jobs_of([one, other], 1)) == [[0, 1]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": (6,)},
        {"activation": "tanh"},
        {"solver": "sgd"},
        {"max_iter": 6},
        {"batch_size": 10},
        {"early_stopping": True},
        {"standardize": True},
        {"normalization": "batch"},
        {"dtype": "float32"},
        {"max_time": 1.0},
        {"solver": "lbfgs"},
        {"loss": Focal(2.0)},
    ],
    ids=str,
)
def test_parameters_that_keep_networks_apart(parameters):
    one, other = tasks_of([WINE.model(**SMALL), WINE.model(**SMALL | parameters)])
    assert stack_key(one) != stack_key(other)
    assert indices(jobs_of([one, other], 1)) == [[0], [1]]


@pytest.mark.parametrize("parameters", [{"solver": "lbfgs"}, {"solver": "lm"}, {"max_time": 1.0}], ids=str)
def test_what_is_trained_alone_is_a_job_of_its_own(parameters):
    model = (DIABETES if parameters.get("solver") == "lm" else WINE).model(**SMALL | parameters)
    assert indices(jobs_of(tasks_of([model] * 3), 1)) == [[0], [1], [2]]


def test_classifiers_and_regressors_are_kept_apart():
    samples = TrainingPart(WINE.X, WINE.y, {})
    models = [WINE.model(**SMALL), DIABETES.model(**SMALL)]
    one, other = (FitRequest(i, model, choices_of(model), samples) for i, model in enumerate(models))
    assert stack_key(one) != stack_key(other)


def test_fits_that_go_on_are_kept_apart_from_those_that_begin():
    one, other = tasks_of([WINE.model(**SMALL)] * 2)
    other.before = object()
    assert stack_key(one) != stack_key(other)


def test_what_is_no_network_is_a_job_of_its_own():
    models = [LogisticRegression(), WINE.model(**SMALL), make_pipeline(WINE.model(**SMALL)), *alphas(1)]
    jobs = indices(jobs_of(tasks_of(models), 1))
    assert sorted(jobs) == [[0], [1, 3], [2]]


def test_nothing_to_do_is_no_job():
    assert jobs_of([], 2) == []


@pytest.mark.parametrize("n_workers", [1, 2, 3, 8])
@pytest.mark.parametrize("n_candidates", [1, 4, 5])
def test_each_task_is_done_once_and_no_worker_is_left_without_work(n_workers, n_candidates):
    tasks = tasks_of(alphas(n_candidates), n_parts=3)
    jobs = indices(jobs_of(tasks, n_workers))
    assert sorted(index for job in jobs for index in job) == list(range(len(tasks)))
    size = ceil(len(tasks) / n_workers)
    assert max(len(job) for job in jobs) == size
    assert len(jobs) == min(n_workers, len(tasks))


def test_those_of_one_training_part_are_neighbours():
    jobs = indices(jobs_of(tasks_of(alphas(4), n_parts=3), 3))
    assert jobs == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_kinds_that_are_enough_for_the_workers_are_not_cut():
    models = [WINE.model(**SMALL | {"hidden_layer_sizes": (size,)}) for size in (3, 4)]
    jobs = indices(jobs_of(tasks_of(models, n_parts=3), 2))
    assert jobs == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(("n_workers", "expected"), [(1, [4, 4, 4]), (2, [3, 3, 3, 3]), (3, [4, 4, 4])])
def test_a_stack_fits_the_cache(n_workers, expected, monkeypatch):
    monkeypatch.setattr(planning, "most_per_stack", lambda task: (4, 100))
    jobs = jobs_of(tasks_of(alphas(4), n_parts=3), n_workers)
    assert [len(job) for job in jobs] == expected


@pytest.mark.parametrize(("most_parts", "expected"), [(1, [4, 4, 4]), (2, [8, 4]), (3, [12])])
def test_its_training_parts_fit_the_optimizer_state(most_parts, expected, monkeypatch):
    monkeypatch.setattr(planning, "most_per_stack", lambda task: (100, most_parts))
    jobs = jobs_of(tasks_of(alphas(4), n_parts=3), 1)
    assert [len(job) for job in jobs] == expected
    assert all(len({id(task.part) for task in job}) <= most_parts for job in jobs)


def test_of_larger_networks_fewer_fill_the_cache(monkeypatch):
    most = []
    for hidden in ((5,), (50,), (500,)):
        model = WINE.model(**SMALL | {"hidden_layer_sizes": hidden, "batch_size": 10})
        (task,) = tasks_of([model])
        size = bytes_of(choices_of(model), task.part)
        n_parameters = 13 * hidden[0] + hidden[0] + 3 * hidden[0] + 3
        assert size > 8 * 4 * n_parameters  # parameters, gradient and the two moments of Adam
        most.append(most_per_stack(task)[0])
        assert most[-1] == planning.CACHE_BYTES // size
    assert most[0] > most[1] > most[2] > 1
    for n in (1, 7):
        monkeypatch.setattr(planning, "CACHE_BYTES", n * size)
        assert most_per_stack(task)[0] == n


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop", "nadam"])
def test_members_and_dtype_count(solver):
    def size(**parameters):
        model = WINE.model(**SMALL, solver=solver, **parameters)
        return bytes_of(choices_of(model), TrainingPart(WINE.X, WINE.y, {}))

    assert size(n_members=3) == 3 * size()
    assert size(dtype="float32") * 2 == size()


@pytest.mark.parametrize("own", [False, True])
def test_samples_fill_the_memory_if_they_are_copied(own, monkeypatch):
    model = WINE.model(**SMALL, standardize=True, early_stopping=own)
    (task,) = tasks_of([model], n_parts=1)
    n_rows = len(task.part.rows)
    monkeypatch.setattr(planning, "DATA_BYTES", 5 * n_rows * 13 * 8)
    most, most_parts = most_per_stack(task)
    assert most_parts == 5
    # Scaled on rows of its own, each fit has its own samples.
    assert (most == 5) is own
    monkeypatch.setattr(planning, "DATA_BYTES", 1)
    assert most_per_stack(task)[1] == 1


def test_rows_of_one_array_fill_nothing(monkeypatch):
    monkeypatch.setattr(planning, "DATA_BYTES", 1)
    (task,) = tasks_of([WINE.model(**SMALL)], n_parts=1)
    most, most_parts = most_per_stack(task)
    assert most_parts == most > 1


def test_tables_fill_what_the_network_sees_of_them():
    X = pd.DataFrame({"number": WINE.X[:, 0], "category": np.arange(len(WINE.X)) % 40}).astype(
        {"category": "category"}
    )
    model = TabularMLPClassifier((5,), n_bins=16)
    task = FitRequest(0, model, choices_if_valid(model), TrainingPart(X, WINE.y, {}))
    n_inputs = model.fit(X, WINE.y).coefs_[0].shape[-2]
    assert planning.network_of(task.choices, task.part).n_inputs == n_inputs == 17 + 40
    assert planning.data_bytes(task) == 4 * len(X) * n_inputs
    assert most_per_stack(task)[1] == planning.DATA_BYTES // planning.data_bytes(task)


def test_what_will_fail_or_needs_no_stack_is_one():
    invalid, lbfgs = WINE.model(alpha=-1), WINE.model(solver="lbfgs")
    assert [most_per_stack(task) for task in tasks_of([invalid, lbfgs])] == [(1, 1), (1, 1)]


def test_planning_is_silent_and_draws_nothing():
    seed = np.random.RandomState(0)
    model = WINE.model(**SMALL, batch_size=1000)  # more than there are rows: the fit will warn
    model.set_params(random_state=seed)
    (task,) = tasks_of([model])
    assert most_per_stack(task)[0] > 1
    assert seed.randint(1000) == np.random.RandomState(0).randint(1000)


@pytest.mark.parametrize("name", TASKS)
def test_what_is_planned_as_one_stack_can_be_one(name):
    task = TASKS[name]
    model = task.model(**SMALL)
    kinds = [
        stack_key_of_problem(problem_of(other, task.X, task.y, None))
        for other in (model, task.model(**SMALL, alpha=1.0, tol=0.1))
    ]
    assert kinds[0] == kinds[1]


# Why fits are not stacked


def test_every_reason_is_told_with_its_number():
    @dataclass(frozen=True)
    class Listed(Tanh):
        knots: list

    models = [*alphas(2), WINE.model(hidden_layer_sizes=(7,)), *[WINE.model(solver="lbfgs")] * 2]
    models += [WINE.model(alpha=-1), WINE.model(max_time=1.0), LogisticRegression()]
    models += [WINE.model(hidden_layer_sizes=(999, 999))] * 2 + [WINE.model(activation=Listed([1, 2]))]
    assert reasons_of(tasks_of(models)) == [
        "no other network has its shape and solver (1 of 11 fits)",
        "solver='lbfgs' trains one network after the other (2 of 11 fits)",
        "parameters are invalid (1 of 11 fits)",
        "max_time is the time of one fit (1 of 11 fits)",
        "LogisticRegression is no network of skmlp (1 of 11 fits)",
        "one network fills the cache (2 of 11 fits)",
        "a choice of your own cannot be hashed (1 of 11 fits)",
    ]


# Steps before the network


def piped(models, n_parts):
    """Return tasks of pipelines whose first steps are the same."""
    tasks = tasks_of(models, n_parts)
    for task in tasks:
        task.estimator, task.wrappers = make_pipeline(StandardScaler(), task.estimator), "scaled"
    return tasks


@pytest.mark.parametrize(
    ("n_parts", "expected"), [(1, [[0], [1], [2]]), (2, [[0, 1], [2]]), (3, [[0, 1, 2]])]
)
def test_steps_are_fitted_to_a_part_by_one_worker(n_parts, expected, monkeypatch):
    tasks = piped([*alphas(2), WINE.model(solver="lbfgs")], n_parts=3)
    monkeypatch.setattr(planning, "DATA_BYTES", n_parts * tasks[0].part.n_bytes + 99)
    parts = [[task.index for task in tasks if task.index % 3 == part] for part in range(3)]
    expected = [[index for part in job for index in parts[part]] for job in expected]
    assert indices(jobs_of(tasks, 1)) == expected


def test_workers_share_a_part_only_where_there_are_fewer_than_workers(monkeypatch):
    monkeypatch.setattr(planning, "DATA_BYTES", 1)
    models = [WINE.model(**SMALL | {"hidden_layer_sizes": (size,)}) for size in (3, 3, 4, 4)]
    jobs = indices(jobs_of(piped(models, n_parts=3), 2))
    # Of the last part, both have networks of both sizes.
    assert jobs == [[0, 6, 3, 9], [1, 7, 4, 10], [2, 8], [5, 11]]


def test_small_parts_are_shared_evenly():
    jobs = indices(jobs_of(piped(alphas(4), n_parts=3), 2))
    assert jobs == [[0, 6, 3, 9, 1, 7], [4, 10, 2, 8, 5, 11]]


def test_other_steps_are_fitted_by_themselves(monkeypatch):
    monkeypatch.setattr(planning, "DATA_BYTES", 1)
    tasks = piped(alphas(4), n_parts=1)
    for task in tasks[::2]:
        task.wrappers = "reduced"
    assert indices(jobs_of(tasks, 1)) == [[0, 2], [1, 3]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({}, True), ({"hidden_layer_sizes": (999, 999)}, False), ({"solver": "lbfgs"}, False)],
)
def test_networks_behind_steps_are_stacks_if_several_fit_the_cache(parameters, expected):
    tasks = piped([WINE.model(**SMALL | parameters)] * 2, n_parts=1)
    assert are_stacks([tasks]) is expected
    assert not are_stacks([tasks, tasks[:1]])


# Rounds


def test_the_weights_of_all_members_count():
    (single,), (ensemble,) = (tasks_of([WINE.model(hidden_layer_sizes=(5,), n_members=n)]) for n in (1, 3))
    assert weights_bytes(single) == 8 * (WINE.X.shape[1] * 5 + 5 + 5 * 3 + 3)
    assert weights_bytes(ensemble) == 3 * weights_bytes(single)


def test_nothing_is_known_of_the_weights_of_other_estimators():
    assert weights_bytes(FitRequest(0, LogisticRegression(), None, tasks_of(alphas(1))[0].part)) == 0


@pytest.mark.parametrize(
    ("fits", "expected"), [(0.5, [[0], [1], [2]]), (2, [[0, 1], [2]]), (3, [[0, 1, 2]])]
)
def test_a_round_is_what_may_wait_in_optimizer_state(fits, expected, monkeypatch):
    tasks = tasks_of(alphas(3))
    monkeypatch.setattr(planning, "WEIGHTS_BYTES", fits * weights_bytes(tasks[0]))
    assert indices(rounds_of(tasks)) == expected
