"""Several fits as one stack: each ends as it does alone, whatever the others are and do."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators.attributes import publish
from skmlp.estimators.problems import choices_of, problem_of
from skmlp.fitting.monitors import Printer, StackMonitor
from skmlp.fitting.outcome import fitted_attributes
from skmlp.fitting.solvers import train_stack
from skmlp.fitting.stacks import PooledSamples, networks_of, stack_key, validation_of
from skmlp.network.activations import Tanh
from skmlp.network.losses import Focal, Huber, LogLoss
from skmlp.network.normalizations import NORMALIZATIONS
from skmlp.training.optimizers import OPTIMIZERS, Adam
from skmlp.training.result import Epoch, Monitor
from skmlp.training.schedules import SCHEDULES, Schedule
from skmlp.training.stopping import StopReason
from tests.estimators.data import TASKS
from tests.estimators.state import same_content

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
ALL = np.arange(97)
PARTS = [np.arange(0, 60), np.arange(37, 97), np.r_[0:30, 67:97]]  # 60 rows each
UNEQUAL = [np.arange(0, 59), np.arange(36, 97), np.r_[0:30, 67:97]]  # 59, 61 and 60 rows
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 17, "max_iter": 7}

OWN = [
    {"random_state": 2, "learning_rate_init": 0.01, "alpha": 0.1, "tol": 1e-3},
    {"random_state": 3, "learning_rate_init": 0.03, "alpha": 0.0, "tol": 0.1},
    {"random_state": 5, "learning_rate_init": 0.002, "alpha": 2.0, "tol": 0.0},
]
"""What the three fits of a stack differ in."""

NUMBERS = [
    {"beta_1": 0.9, "beta_2": 0.999, "momentum": 0.9, "weight_decay": 0.0, "max_grad_norm": None},
    {"beta_1": 0.5, "beta_2": 0.99, "momentum": 0.5, "weight_decay": 0.3, "max_grad_norm": 0.1},
    {"beta_1": 0.0, "epsilon": 1e-3, "momentum": 0.0, "weight_decay": 0.0, "max_grad_norm": 10.0},
]
PATIENCE = {"n_iter_no_change": 1, "max_iter": 19}

OPTIONS = {
    "defaults": {},
    "patience": PATIENCE,
    "unshuffled": {"shuffle": False},
    "two layers": {"hidden_layer_sizes": (7, 3), "activation": "tanh"},
    "float32": {"dtype": "float32"},
    "standardize": {"standardize": True},
    "balanced": {"class_weight": "balanced"},
    "early stopping": {"early_stopping": True, **PATIENCE},
    "early stopping by loss": {"early_stopping": True, "scoring": "loss", **PATIENCE},
    "early stopping by a scorer": {"early_stopping": True, "scoring": "balanced_accuracy", **PATIENCE},
    "early stopping, standardize": {"early_stopping": True, "standardize": True},
    "dropout": {"dropout": 0.3},
    "three members": {"n_members": 3},
    "three members, dropout, early stopping": {
        "n_members": 3,
        "dropout": 0.3,
        "early_stopping": True,
        **PATIENCE,
    },
    "orthogonal": {"initializer": "orthogonal"},
    "one batch": {"batch_size": 60},
    "an activation of its own": {"activation": Tanh()},
    **{f"solver={name}": {"solver": name} for name in OPTIMIZERS},
    **{f"learning_rate={name}": {"learning_rate": name, "solver": "sgd"} for name in SCHEDULES},
    "scheduled": {"dropout": 0.3, "weight_decay_schedule": "flat_cosine", "dropout_schedule": "linear"},
    "adaptive, patience": {"learning_rate": "adaptive", "warmup": 0.4, **PATIENCE},
    **{f"normalization={name}": {"normalization": name} for name in NORMALIZATIONS},
    "skip": {"skip": True},
    "scaling": {"input_layer": "scaling"},
    "periodic": {"input_layer": "periodic"},
    "all": {
        "solver": "nadam",
        "dropout": 0.2,
        "normalization": "batch",
        "standardize": True,
        "early_stopping": True,
        "learning_rate": "one_cycle",
        "class_weight": "balanced",
        "n_members": 2,
    },
}
EVERY_OPTION = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def models(task=WINE, own=OWN, numbers=NUMBERS, **options):
    return [task.model(**{**SMALL, **options, **a, **b}) for a, b in zip(own, numbers, strict=True)]


class Fit(NamedTuple):
    """An estimator, and its problem."""

    estimator: Any
    problem: Any


def problems_of(fits):
    return [fit.problem for fit in fits]


def fit_of(model, X, y, sample_weight=None, **options):
    """Return a fit that is ready to be trained; the model given stays as it is."""
    model = clone(model)
    return Fit(model, problem_of(model, X, y, sample_weight, **options))


def train(fits, monitors=None):
    """Train ``fits`` as one stack and return the fitted estimators."""
    problems = problems_of(fits)
    assert len({stack_key(problem) for problem in problems}) == 1
    monitor = Monitor() if monitors is None else StackMonitor(monitors, networks_of(problems))
    for (model, problem), result in zip(fits, train_stack(problems, monitor), strict=True):
        publish(model, fitted_attributes(problem, result))
    return [fit.estimator for fit in fits]


def assert_same_fit(model, alone, rtol=0.0):
    """Assert that everything that two estimators have learned is the same."""
    learned, expected = (
        {n: v for n, v in vars(m).items() if n != "_optimizer_state"} for m in (model, alone)
    )
    assert learned.keys() == expected.keys()
    for name, value in expected.items():
        if rtol and name in ("coefs_", "intercepts_", "loss_curve_"):
            for a, b in zip(learned[name], value, strict=True):
                np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=name)
        elif not rtol:
            assert same_content(learned[name], value), name
            assert not isinstance(value, (float, str)) or learned[name] == value, name
    assert model.n_iter_ == alone.n_iter_


def cases(parts, X=WINE.X, y=WINE.y, sample_weight=None, **options):
    """Return models and what each is trained on."""
    weights = [None if sample_weight is None else sample_weight[rows] for rows in parts]
    data = [(X[rows], y[rows], own) for rows, own in zip(parts, weights, strict=True)]
    return list(zip(models(**options), data, strict=True))


def assert_stack_equals_members(cases, rtol=0.0):
    together = train([fit_of(model, *data) for model, data in cases])
    for stacked, (model, data) in zip(together, cases, strict=True):
        assert_same_fit(stacked, clone(model).fit(*data), rtol)
    return together


# A stack equals its members


@EVERY_OPTION
def test_fits_to_parts_of_equal_size_equal_each_alone_bit_for_bit(options):
    assert_stack_equals_members(cases(PARTS, **options))


def some(*names):
    return pytest.mark.parametrize("options", [OPTIONS[name] for name in names], ids=names)


@some(
    "defaults",
    "patience",
    "float32",
    "balanced",
    "standardize",
    "early stopping by a scorer",
    "normalization=batch",
    "all",
)
def test_weighted_samples_of_a_stack(options):
    assert_stack_equals_members(cases(PARTS, sample_weight=WINE.weights, **options))


@some("defaults", "patience", "dropout", "balanced", "early stopping by a scorer", "normalization=batch")
def test_sparse_samples_of_a_stack(options):
    assert_stack_equals_members(cases(PARTS, X=sparse.csr_matrix(WINE.X * (WINE.X > 0)), **options))


@pytest.mark.parametrize(
    "options",
    [options for options in OPTIONS.values() if not ("dropout" in options or options.get("batch_size"))],
    ids=[name for name, o in OPTIONS.items() if not ("dropout" in o or o.get("batch_size"))],
)
def test_fits_to_parts_of_unequal_size_equal_each_alone_to_rounding(options):
    """Their last batches are padded."""
    if options.get("dtype") == "float32":
        assert_stack_equals_members(cases(UNEQUAL, **options), rtol=1e-4)
    else:
        assert_stack_equals_members(cases(UNEQUAL, **options), rtol=1e-9)


@some("defaults", "early stopping", "three members", "float32")
def test_fits_to_the_same_samples_hold_them_once(options):
    found = cases([ALL] * 3, **options)
    fits = [fit_of(model, *data) for model, data in found]
    shared = fits[0].problem.data
    fits = [Fit(model, replace(problem, data=shared)) for model, problem in fits]
    assert PooledSamples.of(problems_of(fits)).X is shared.X
    for stacked, (model, data) in zip(train(fits), found, strict=True):
        assert_same_fit(stacked, clone(model).fit(*data))


def test_a_stack_of_one_is_a_fit():
    assert_stack_equals_members(cases(PARTS)[:1])


@pytest.mark.parametrize("name", TASKS)
def test_every_kind_of_target(name):
    task = TASKS[name]
    n = len(task.X)
    size = {"batch_size": 5} if n < 60 else {}
    parts = [np.arange(n - 3), np.arange(3, n), np.r_[: n // 2, n // 2 + 3 : n]]
    found = models(task, **size)
    assert_stack_equals_members(
        [(model, (task.X[rows], task.y[rows])) for model, rows in zip(found, parts, strict=True)]
    )


# What fits may differ in

LOSSES = {
    "huber": (DIABETES, [{"loss": Huber(delta)} for delta in (0.3, 1.0, 2.0)]),
    "quantile": (DIABETES, [{"loss": "quantile", "quantile": q} for q in (0.1, 0.5, 0.95)]),
    "label smoothing": (WINE, [{"loss": LogLoss(label_smoothing=part)} for part in (0.0, 0.1, 0.3)]),
    "yes or no": (TASKS["binary"], [{"loss": LogLoss(label_smoothing=part)} for part in (0.0, 0.1, 0.3)]),
    "focal": (WINE, [{"loss": Focal(gamma=gamma)} for gamma in (0.0, 0.7, 3.0)]),
}


@pytest.mark.parametrize(("task", "own"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("early_stopping", [False, True], ids=["", "early stopping"])
def test_constants_of_the_loss(task, own, early_stopping):
    found = models(task, own, early_stopping=early_stopping)
    stack = assert_stack_equals_members([(model, (task.X, task.y)) for model in found], rtol=1e-9)
    assert all((stack[0].coefs_[0] != model.coefs_[0]).all() for model in stack[1:])


@pytest.mark.parametrize("n_components", [1, 3])
def test_constants_of_a_mixture_density(n_components):
    own = [{"min_scale": 0.01}, {"min_scale": 0.1, "beta": 0.5}, {"min_scale": 0.3, "beta": 1.0}]
    found = [
        MixtureDensityRegressor(**SMALL, n_components=n_components, random_state=seed, **constants)
        for seed, constants in enumerate(own)
    ]
    assert_stack_equals_members([(model, (DIABETES.X, DIABETES.y)) for model in found], rtol=1e-9)


def test_rates_of_dropout():
    own = [{"dropout": rates} for rates in ((0.1, 0.3), (0.5, 0.3), (0.9, 0.2))]
    found = models(own=own, hidden_layer_sizes=(7, 5))
    assert_stack_equals_members([(model, (WINE.X, WINE.y)) for model in found])


def test_weights_of_the_classes():
    own = [{"class_weight": None}, {"class_weight": "balanced"}, {"class_weight": {0: 0.1, 1: 5.0}}]
    assert_stack_equals_members([(model, (WINE.X, WINE.y)) for model in models(own=own)])


def test_some_fits_may_have_sample_weights():
    weights = [None, WINE.weights, None]
    found = zip(models(), weights, strict=True)
    assert_stack_equals_members([(model, (WINE.X, WINE.y, own)) for model, own in found])


def test_parts_that_are_held_out_may_differ():
    own = [
        {"random_state": 0, "scoring": None},
        {"random_state": 1, "scoring": "loss"},
        {"random_state": 0, "scoring": "balanced_accuracy"},
    ]
    found = models(own=own, early_stopping=True, **PATIENCE)
    stack = assert_stack_equals_members([(model, (WINE.X, WINE.y)) for model in found])
    assert len({tuple(model.validation_scores_) for model in stack}) == 3


def test_validation_samples_of_ones_own():
    tests = [np.setdiff1d(ALL, rows) for rows in PARTS]
    found = models(early_stopping=True, **PATIENCE)
    data = [(WINE.X[rows], WINE.y[rows]) for rows in PARTS]
    held_out = [(WINE.X[rows], WINE.y[rows], WINE.weights[rows]) for rows in tests]
    fits = [
        fit_of(model, *own, validation=validation)
        for model, own, validation in zip(found, data, held_out, strict=True)
    ]
    for stacked, model, own, (X, y, w) in zip(train(fits), found, data, held_out, strict=True):
        assert_same_fit(stacked, clone(model).fit(*own, X_val=X, y_val=y, sample_weight_val=w))


def test_numbers_of_members_may_differ():
    own = [{"n_members": n} for n in (1, 3, 2)]
    found = models(own=own, early_stopping=True, **PATIENCE)
    assert networks_of([fit_of(model, WINE.X, WINE.y).problem for model in found]) == [
        slice(0, 1),
        slice(1, 4),
        slice(4, 6),
    ]
    assert_stack_equals_members([(model, (WINE.X, WINE.y)) for model in found])


# Who can be together


BASE = {"random_state": 0, **SMALL}
TOGETHER = [
    {"random_state": 1},
    {"alpha": 3.0},
    {"learning_rate_init": 0.5},
    {"momentum": 0.1},
    {"beta_1": 0.1},
    {"beta_2": 0.1},
    {"epsilon": 0.1},
    {"tol": 0.5},
    {"weight_decay": 0.1},
    {"max_grad_norm": 0.1},
    {"n_members": 2},
    {"class_weight": "balanced"},
    {"verbose": True},
    {"loss": LogLoss(label_smoothing=0.1)},
]
APART = [
    {"hidden_layer_sizes": (8,)},
    {"hidden_layer_sizes": (7, 7)},
    {"activation": "tanh"},
    {"activation": Tanh()},
    {"solver": "sgd"},
    {"batch_size": 16},
    {"learning_rate": "invscaling"},
    {"warmup": 0.1},
    {"weight_decay_schedule": "cosine"},
    {"dropout_schedule": "cosine"},
    {"max_iter": 8},
    {"n_iter_no_change": 3},
    {"shuffle": False},
    {"early_stopping": True},
    {"dtype": "float32"},
    {"initializer": "orthogonal"},
    {"normalization": "batch"},
    {"normalization": "layer"},
    {"dropout": 0.5},
    {"loss": Focal()},
]


def key_with(parameters, X=WINE.X, y=WINE.y):
    return stack_key(fit_of(MLPClassifier(**{**BASE, **parameters}), X, y).problem)


@pytest.mark.parametrize("parameters", TOGETHER, ids=str)
def test_numbers_keep_no_fits_apart(parameters):
    assert key_with(parameters) == key_with({})
    assert hash(key_with(parameters)) == hash(key_with({}))


@pytest.mark.parametrize("parameters", APART, ids=str)
def test_what_changes_shapes_or_code_keeps_fits_apart(parameters):
    assert key_with(parameters) != key_with({})


def test_constants_of_a_schedule_keep_fits_apart():
    keys = [key_with({"learning_rate": "invscaling", "power_t": power}) for power in (0.5, 0.3)]
    assert keys[0] != keys[1]


def test_samples_keep_fits_apart_by_type_and_by_the_number_of_their_batches():
    assert key_with({}, WINE.X[:84], WINE.y[:84]) == key_with({}, WINE.X[:69], WINE.y[:69])
    assert key_with({}, WINE.X[:86], WINE.y[:86]) != key_with({}, WINE.X[:69], WINE.y[:69])
    assert key_with({}, sparse.csr_matrix(WINE.X * (WINE.X > 2.2))) != key_with({})
    assert key_with({}, sparse.csr_matrix(WINE.X)) == key_with({})  # trained on as an array
    assert key_with({}, WINE.X[:, 1:]) != key_with({})


def test_with_chance_in_layers_parts_of_unequal_size_are_kept_apart():
    """What is drawn for a padded row would be missing for the next."""
    dropping = {"dropout": 0.3}
    assert key_with(dropping, WINE.X[:84], WINE.y[:84]) != key_with(dropping, WINE.X[:83], WINE.y[:83])
    assert key_with(dropping, WINE.X[1:], WINE.y[1:]) == key_with(dropping, WINE.X[:-1], WINE.y[:-1])
    assert key_with({"dropout": 0.3}) == key_with({"dropout": 0.5})


def test_schedules_of_ones_own_are_told_apart_by_what_they_say_of_themselves():
    class Sawtooth(Schedule):
        name = "sawtooth"

        def __init__(self, period):
            super().__init__()
            object.__setattr__(self, "period", period)

        def __repr__(self):
            return f"Sawtooth({self.period})"

    keys = [key_with({"learning_rate": Sawtooth(period)}) for period in (3, 3, 5)]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


# Samples


def test_samples_lie_one_below_the_other():
    fits = [fit_of(model, *data) for model, data in cases(UNEQUAL)]
    samples = PooledSamples.of(problems_of(fits))
    assert samples.starts == [0, 59, 120]
    assert samples.weights is None
    for fit, start in zip(fits, samples.starts, strict=True):
        np.testing.assert_array_equal(samples.X[start:][: fit.problem.n_rows], fit.problem.data.X)
        np.testing.assert_array_equal(samples.y[start:][: fit.problem.n_rows], fit.problem.data.y)


def test_samples_of_several_fits_occur_once():
    shared, other = (fit_of(model, *data) for model, data in cases(PARTS)[:2])
    samples = PooledSamples.of(problems_of([shared, other, shared]))
    assert samples.starts == [0, 60, 0]
    assert len(samples.X) == len(samples.y) == 120


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples_without_weights_weigh_one_beside_others(dtype):
    fits = [
        fit_of(model, WINE.X, WINE.y, own)
        for model, own in zip(models(dtype=dtype), (None, WINE.weights, None), strict=True)
    ]
    weights = PooledSamples.of(problems_of(fits)).weights
    assert weights.dtype == dtype
    np.testing.assert_array_equal(
        weights, np.concatenate([np.ones(97), WINE.weights, np.ones(97)]).astype(dtype)
    )


def test_sparse_samples_stay_csr():
    fits = [fit_of(m, sparse.csr_matrix(X * (X > 2.2)), y) for m, (X, y, _) in cases(UNEQUAL)]
    X = PooledSamples.of(problems_of(fits)).X
    assert X.format == "csr"
    expected = np.concatenate([WINE.X[rows] for rows in UNEQUAL])
    np.testing.assert_array_equal(X.toarray(), expected * (expected > 2.2))


# Validation


def test_networks_of_a_stack_are_scored_on_the_validation_samples_of_their_fits():
    own = [{"random_state": 0, "n_members": 2}, {"random_state": 1}, {"random_state": 2}]
    fits = [fit_of(model, WINE.X, WINE.y) for model in models(own=own, early_stopping=True)]
    validate = validation_of(problems_of(fits))
    theta = np.concatenate([fit.problem.theta for fit in fits])
    expected = [fit.problem.validate[0](fit.problem.theta, np.array([0])) for fit in fits]
    scores, losses = (np.concatenate(values) for values in zip(*expected, strict=True))
    for networks in ([0, 1, 2, 3], [1, 3], [2], [0, 1]):
        found = validate(theta[networks], np.array(networks))
        np.testing.assert_array_equal(found[0], scores[networks])
        np.testing.assert_array_equal(found[1], losses[networks])


def test_a_stack_without_validation_has_none():
    assert validation_of([fit_of(model, WINE.X, WINE.y).problem for model in models()]) is None


# Neighbours that fail or are stopped


@pytest.mark.parametrize("early_stopping", [False, True], ids=["", "early stopping"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_neighbour_that_diverges_is_not_felt(which, early_stopping):
    own = [dict(parameters) for parameters in OWN]
    own[which]["learning_rate_init"] = 1e200
    fits = [
        fit_of(model, DIABETES.X, DIABETES.y)
        for model in models(DIABETES, own, solver="sgd", early_stopping=early_stopping)
    ]
    found = train_stack(problems_of(fits), Monitor())
    for k, ((model, _), result) in enumerate(zip(fits, found, strict=True)):
        assert (result.reasons[0] is StopReason.DIVERGED) == (k == which)
        if k != which:
            alone = clone(model).fit(DIABETES.X, DIABETES.y)
            assert result.curves.losses[0] == alone.loss_curve_
            np.testing.assert_array_equal(result.theta, fit_again(alone, DIABETES.X, DIABETES.y).theta)


def fit_again(model, X, y):
    """Return what becomes of a fit alone."""
    (result,) = train_stack([fit_of(model, X, y).problem], Monitor())
    return result


@dataclass
class Watcher(Monitor):
    """Remembers what it is told, and asks to stop after an epoch."""

    stop_after: int = 10**9

    def __post_init__(self):
        self.begun, self.epochs, self.closed = [], [], 0

    def begin(self, index):
        self.begun.append(index)

    def end(self, epoch):
        self.epochs.append(replace(epoch, theta=epoch.theta.copy(), stopped=dict(epoch.stopped)))
        return epoch.index + 1 == self.stop_after

    def close(self):
        self.closed += 1


def own_epochs(model, stop_after=10**9):
    """Return what a monitor is told of a fit alone."""
    watcher = Watcher(stop_after)
    train_stack([fit_of(model, WINE.X, WINE.y).problem], watcher)
    return watcher


def assert_same_epochs(watcher, alone):
    assert watcher.begun == alone.begun
    for told, expected in zip(watcher.epochs, alone.epochs, strict=True):
        assert told.index == expected.index
        assert told.new_rate == expected.new_rate
        assert told.stopped == expected.stopped
        for name in ("networks", "theta", "loss", "score"):
            np.testing.assert_array_equal(getattr(told, name), getattr(expected, name), name)


WATCHED = {
    "patience": PATIENCE,
    "early stopping": {"early_stopping": True, **PATIENCE},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", **PATIENCE},
    "members": {"n_members": 3, **PATIENCE},
}
EVERY_WATCHED = pytest.mark.parametrize("options", WATCHED.values(), ids=WATCHED)


@EVERY_WATCHED
def test_each_monitor_is_told_of_its_own_fit_as_if_it_were_alone(options):
    found, watchers = models(**options), [Watcher() for _ in range(3)]
    train([fit_of(model, WINE.X, WINE.y) for model in found], watchers)
    assert len({len(watcher.epochs) for watcher in watchers}) > 1
    for model, watcher in zip(found, watchers, strict=True):
        assert_same_epochs(watcher, own_epochs(model))


@EVERY_WATCHED
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_monitor_stops_its_own_fit_alone(options, which):
    found, watchers = models(**options), [Watcher() for _ in range(3)]
    watchers[which].stop_after = 2
    stack = train([fit_of(model, WINE.X, WINE.y) for model in found], watchers)
    for k, (model, watcher) in enumerate(zip(found, watchers, strict=True)):
        if k == which:
            assert len(watcher.epochs) == stack[k].n_iter_ == 2
            expected = own_epochs(model, stop_after=2)
        else:
            expected = own_epochs(model)
            assert_same_fit(stack[k], clone(model).fit(WINE.X, WINE.y))
        np.testing.assert_array_equal(watcher.epochs[-1].theta, expected.epochs[-1].theta)


def test_a_fit_that_a_monitor_stops_has_that_reason():
    fits = [fit_of(model, WINE.X, WINE.y) for model in models()]
    problems = problems_of(fits)
    monitor = StackMonitor([Watcher(), Watcher(3), Watcher()], networks_of(problems))
    reasons = [result.reasons for result in train_stack(problems, monitor)]
    assert reasons == [[StopReason.MAX_ITER], [StopReason.CALLBACK], [StopReason.MAX_ITER]]


def test_a_fit_that_ends_by_itself_keeps_its_reason_where_a_monitor_stops_it_too():
    """As alone: a monitor that asks to stop hides neither divergence nor the last epoch."""
    fits = [fit_of(model, WINE.X, WINE.y) for model in models()]
    stops = [Watcher(SMALL["max_iter"]) for _ in fits]
    alone = [train_stack([fit_of(fit.estimator, WINE.X, WINE.y).problem], Watcher(7))[0] for fit in fits]
    problems = problems_of(fits)
    together = train_stack(problems, StackMonitor(stops, networks_of(problems)))
    reasons, expected = ([result.reasons for result in results] for results in (together, alone))
    assert expected == [[StopReason.MAX_ITER]] * 3
    assert reasons == expected


@pytest.mark.parametrize("reason", [StopReason.DIVERGED, StopReason.NO_IMPROVEMENT, StopReason.MAX_ITER])
def test_a_monitor_does_not_overwrite_another_reason(reason):
    monitor = StackMonitor([Watcher(1), Watcher(1)], [slice(0, 2), slice(2, 3)])
    epoch = Epoch(0, np.arange(3), np.zeros((3, 5)), np.zeros(3), stopped={1: reason})
    assert monitor.end(epoch) is False
    assert epoch.stopped == {0: StopReason.CALLBACK, 1: reason, 2: StopReason.CALLBACK}


def test_all_monitors_are_closed():
    watchers = [Watcher(), Watcher()]
    StackMonitor(watchers, [slice(0, 1), slice(1, 2)]).close()
    assert [watcher.closed for watcher in watchers] == [1, 1]


@EVERY_WATCHED
def test_each_fit_prints_what_it_prints_alone(options, capsys):
    found, printed = models(**options), []

    class Recorder(Printer):
        def end(self, epoch):
            stops = super().end(epoch)
            self.printed = [*getattr(self, "printed", []), capsys.readouterr().out]
            return stops

    recorders = [Recorder(choices_of(model)) for model in found]
    train([fit_of(model, WINE.X, WINE.y) for model in found], recorders)
    for model in found:
        clone(model).set_params(verbose=True).fit(WINE.X, WINE.y)
        printed.append(capsys.readouterr().out)
    assert ["".join(recorder.printed) for recorder in recorders] == printed


# Going on


@some(
    "defaults",
    "early stopping",
    "dropout",
    "three members, dropout, early stopping",
    "normalization=batch",
    "learning_rate=adaptive",
    "unshuffled",
)
def test_a_stack_that_goes_on_equals_one_longer_training(options):
    found = cases(PARTS, **{**options, "tol": 0.0, "n_iter_no_change": 100})
    for model, _ in found:
        model.set_params(tol=0.0)
    first, second = (
        [fit_of(model.set_params(max_iter=n_epochs), *data) for model, data in found] for n_epochs in (3, 7)
    )
    before = [result.state for result in train_stack(problems_of(first), Monitor())]
    # Others come along the second time: what happened before belongs to each fit.
    picked = [2, 0]
    after = train_stack([second[k].problem for k in picked], Monitor(), [before[k] for k in picked])
    for k, result in zip(picked, after, strict=True):
        model, data = found[k]
        publish(second[k].estimator, fitted_attributes(second[k].problem, result))
        assert_same_fit(second[k].estimator, clone(model).fit(*data))


def test_the_memory_of_a_fit_in_a_stack_is_that_of_the_fit_alone():
    """So a warm start goes on from a stack too."""
    found = cases(PARTS, warm_start=True, early_stopping=True)
    stack = train([fit_of(model, *data) for model, data in found])
    for stacked, (model, data) in zip(stack, found, strict=True):
        alone = clone(model).fit(*data)
        assert same_content(stacked._optimizer_state, alone._optimizer_state)
        assert stacked._optimizer_state.keys() == alone._optimizer_state.keys()
        assert_same_fit(stacked.fit(*data), alone.fit(*data))


def test_more_samples_in_a_batch_than_there_are_warn_for_each_fit():
    fits = [fit_of(model, WINE.X, WINE.y) for model in models(batch_size=1000)]
    with pytest.warns(UserWarning, match="batch_size=1000 is clipped to 97") as warned:
        train_stack(problems_of(fits), Monitor())
    assert len(warned) == 3


def test_regressors_and_classifiers_are_kept_apart():
    regressor = fit_of(MLPRegressor(**BASE), WINE.X, WINE.y.astype(float))
    assert stack_key(regressor.problem) != key_with({})


def test_an_optimizer_of_ones_own_numbers_may_differ():
    found = [WINE.model(**SMALL, solver=Adam(beta_1=beta)) for beta in (0.9, 0.5)]
    assert_stack_equals_members([(model, (WINE.X, WINE.y)) for model in found])
