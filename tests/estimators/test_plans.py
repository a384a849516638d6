"""The plan of a schedule is followed across warm starts, calls to partial_fit, and interruptions."""

import itertools
import pickle
import time
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skmlp.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    FlatCosine,
    InverseScaling,
    Linear,
    OneCycle,
)
from skmlp.training.stack import Stack
from tests.crossing import crossed, named

from .data import TASKS
from .state import same_content

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (5,), "batch_size": 21, "learning_rate_init": 0.01}
SMALL |= {"n_iter_no_change": np.inf, "max_iter": 12}

ENDING = {
    "linear": Linear,
    "cosine": Cosine,
    "flat_cosine": FlatCosine,
    "one_cycle": OneCycle,
    "linear after a warm-up": lambda **fields: Linear(warmup=0.6, **fields),
    "cosine after a warm-up": lambda **fields: Cosine(warmup=0.6, **fields),
    "one_cycle after a warm-up": lambda **fields: OneCycle(warmup=0.6, **fields),
}
PLANNED = ENDING | {
    "constant after a warm-up": lambda **fields: Constant(warmup=0.6, **fields),
    "invscaling after a warm-up": lambda **fields: InverseScaling(warmup=0.6, **fields),
    "adaptive after a warm-up": lambda **fields: Adaptive(warmup=0.6, **fields),
}
every_plan = pytest.mark.parametrize("schedule", PLANNED.values(), ids=PLANNED)
every_end = pytest.mark.parametrize("schedule", ENDING.values(), ids=ENDING)
VARIANTS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "float32, dropout": {"dtype": "float32", "dropout": 0.2},
    "ensemble": {"n_members": 3},
    "early stopping": {"early_stopping": True, "scoring": "loss"},
}


def model_of(schedule, **parameters):
    return DIABETES.model(**SMALL | {"learning_rate": schedule, **parameters})


def fitted(model, n_fits=1):
    for _ in range(n_fits):
        model.fit(DIABETES.X, DIABETES.y)
    return model


def assert_same_training(ours, theirs, *, best_weights=False):
    """The same rates, losses and weights, bit for bit."""
    assert ours.learning_rate_curve_ == theirs.learning_rate_curve_
    if not best_weights:  # else training goes on from the best weights, not from the last
        assert ours.loss_curve_ == theirs.loss_curve_
        assert same_content(ours.coefs_, theirs.coefs_)


# 1. Warm starts.


@crossed(
    lengths=named((4, 8), (6, 6), (1, 1, 10), (5, 5, 2)),
    variant=VARIANTS,
    schedule=PLANNED,
)
def test_warm_starts_are_parts_of_one_fit(schedule, lengths, variant):
    whole = fitted(model_of(schedule(n_epochs=12), **variant))
    assert whole.learning_rate_curve_ == fitted(model_of(schedule(), **variant)).learning_rate_curve_
    parts = model_of(schedule(n_epochs=12), warm_start=True, **variant)
    for max_iter in lengths:
        fitted(parts.set_params(max_iter=max_iter))
    assert_same_training(parts, whole, best_weights="early_stopping" in variant)


@every_end
def test_a_call_ends_with_its_plan(schedule):
    model = model_of(schedule(n_epochs=12), max_iter=5, warm_start=True)
    assert [len(fitted(model).loss_curve_) for _ in range(3)] == [5, 10, 12]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        whole = fitted(model_of(schedule(n_epochs=12), max_iter=200))
    assert_same_training(model, whole)


@every_end
def test_the_report_says_how_far_a_plan_has_come(schedule):
    model = model_of(schedule(n_epochs=12), max_iter=5, warm_start=True)
    for n_done in (5, 10):
        words = rf"iterations \(5\) .* {n_done} of the 12 epochs are done .* by learning_rate="
        with pytest.warns(ConvergenceWarning, match=words):
            fitted(model)


@every_end
def test_beyond_the_end_is_an_error_that_names_it(schedule):
    model = fitted(model_of(schedule(n_epochs=12), warm_start=True))
    before = pickle.dumps(vars(model))
    for continued in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="plans for n_epochs=12, and 12 are done"):
            continued(DIABETES.X, DIABETES.y)
        assert pickle.dumps(vars(model)) == before


@every_end
def test_the_ways_out_of_that_error(schedule):
    model = fitted(model_of(schedule(n_epochs=12), warm_start=True))
    longer = pickle.loads(pickle.dumps(model)).set_params(learning_rate=schedule(n_epochs=16))
    whole = fitted(model_of(schedule(n_epochs=16), max_iter=16))
    assert fitted(longer).learning_rate_curve_[12:] == whole.learning_rate_curve_[12:]
    other = pickle.loads(pickle.dumps(model)).set_params(learning_rate="constant")
    assert fitted(other).learning_rate_curve_[12:] == [0.01] * 12
    first = model.learning_rate_curve_
    assert fitted(model.set_params(warm_start=False)).learning_rate_curve_ == first


@pytest.mark.parametrize("name", [name for name in PLANNED if name not in ENDING])
def test_a_schedule_without_an_end_goes_on_after_its_warm_up(name):
    model = fitted(model_of(PLANNED[name](n_epochs=12), warm_start=True, max_iter=9), n_fits=3)
    longer = fitted(model_of(PLANNED[name](n_epochs=12), max_iter=27))
    assert len(model.loss_curve_) == 27
    assert_same_training(model, longer)


def test_another_schedule_begins_a_plan_of_its_own():
    model = fitted(model_of("constant", warm_start=True))
    fitted(model.set_params(learning_rate=Cosine(n_epochs=12)))
    assert model.learning_rate_curve_[12:] == fitted(model_of("cosine")).learning_rate_curve_


def test_it_is_counted_in_epochs_whatever_the_number_of_steps():
    model = fitted(model_of(Linear(n_epochs=12), warm_start=True, max_iter=6))
    fitted(model.set_params(batch_size=103))
    steps = np.append(5 * np.arange(1, 7) - 1, 5 * np.arange(6, 12)) / 60
    assert model.learning_rate_curve_ == pytest.approx(0.01 * (1 - steps), rel=1e-12)


@every_plan
def test_pickles_keep_the_plan(schedule):
    model = fitted(model_of(schedule(n_epochs=12), warm_start=True, max_iter=5))
    model = fitted(pickle.loads(pickle.dumps(model)).set_params(max_iter=7))
    assert_same_training(model, fitted(model_of(schedule())))


def test_what_is_remembered_are_arrays_strings_and_numbers():
    state = fitted(model_of(Cosine(n_epochs=12, warmup=0.1), warm_start=True))._optimizer_state
    kinds = {type(value) for name, value in state.items() if name not in ("streams", "random_states")}
    assert kinds <= {bool, int, float, str, np.ndarray}


def test_patience_may_end_a_call_within_the_plan():
    model = model_of(Cosine(n_epochs=12), warm_start=True, tol=10, n_iter_no_change=2)
    assert [len(fitted(model).loss_curve_) for _ in range(3)] == [4, 8, 12]
    assert model.learning_rate_curve_ == fitted(model_of("cosine")).learning_rate_curve_
    with pytest.raises(ValueError, match="n_epochs=12"):
        fitted(model)


SCHEDULED = {"weight_decay": 0.5, "dropout": 0.3}
TOGETHER = {
    "weight decay": {"weight_decay_schedule": FlatCosine},
    "dropout": {"dropout_schedule": FlatCosine},
    "all": {"learning_rate": OneCycle, "weight_decay_schedule": Cosine, "dropout_schedule": Linear},
}
every_combination = pytest.mark.parametrize("kinds", TOGETHER.values(), ids=TOGETHER)


def scheduled(kinds, n_epochs=None, **parameters):
    """Return a model whose last schedule says the length of the plan that all follow."""
    schedules = {name: kind() for name, kind in kinds.items()}
    last = [*kinds][-1]
    schedules[last] = kinds[last](n_epochs=n_epochs)
    return DIABETES.model(**SMALL | SCHEDULED | schedules | parameters)


@every_combination
@pytest.mark.parametrize("lengths", [(4, 8), (5, 5, 2)], ids=str)
def test_decay_and_dropout_follow_the_plan_across_warm_starts(kinds, lengths):
    whole = fitted(scheduled(kinds))
    assert_same_training(fitted(scheduled(kinds, 12, max_iter=200)), whole)
    parts = scheduled(kinds, 12, warm_start=True)
    for max_iter in lengths:
        fitted(parts.set_params(max_iter=max_iter))
        parts = pickle.loads(pickle.dumps(parts))
    assert_same_training(parts, whole)
    unscheduled = fitted(DIABETES.model(**SMALL | SCHEDULED))
    assert not same_content(whole.coefs_, unscheduled.coefs_)


@every_combination
def test_decay_and_dropout_follow_the_plan_across_partial_fits(kinds):
    model, by_max_iter = scheduled(kinds, 6, max_iter=500), scheduled(kinds, max_iter=6)
    for _ in range(6):
        model.partial_fit(DIABETES.X, DIABETES.y)
        by_max_iter.partial_fit(DIABETES.X, DIABETES.y)
    assert_same_training(model, by_max_iter)
    whole = scheduled(kinds, max_iter=6, shuffle=False)
    parts = scheduled(kinds, max_iter=6, shuffle=False)
    for _ in range(6):
        parts.partial_fit(DIABETES.X, DIABETES.y)
    assert_same_training(parts, fitted(whole))


@every_combination
def test_a_plan_of_decay_or_dropout_ends_too(kinds):
    model, name = scheduled(kinds, 12, max_iter=8, warm_start=True), [*kinds][-1]
    with pytest.warns(ConvergenceWarning, match=f"8 of the 12 epochs .* by .*{name}="):
        fitted(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert len(fitted(model).loss_curve_) == 12
    with pytest.raises(ValueError, match=f"{name}=.*plans for n_epochs=12, and 12 .* another {name}"):
        fitted(model)


# 2. partial_fit.


@every_plan
@pytest.mark.parametrize("variant", ["adam", "ensemble"])
def test_calls_to_partial_fit_are_the_epochs_of_the_plan(schedule, variant):
    model = model_of(schedule(n_epochs=6), max_iter=500, **VARIANTS[variant])
    by_max_iter = model_of(schedule(), max_iter=6, **VARIANTS[variant])
    for _ in range(6):
        model.partial_fit(DIABETES.X, DIABETES.y)
        by_max_iter.partial_fit(DIABETES.X, DIABETES.y)
    assert_same_training(model, by_max_iter)
    by_max_iter.partial_fit(DIABETES.X, DIABETES.y)  # without n_epochs the rate stays at its end
    if schedule().needs_the_end:
        assert by_max_iter.learning_rate_curve_[-1] <= by_max_iter.learning_rate_curve_[-2]
        with pytest.raises(ValueError, match="n_epochs=6, and 6 are done"):
            model.partial_fit(DIABETES.X, DIABETES.y)


def test_parts_of_different_size_are_an_epoch_each():
    model = model_of(Linear(n_epochs=6))
    for n in (21, 103, 42):  # batches: 1, 5, 2
        model.partial_fit(DIABETES.X[:n], DIABETES.y[:n])
    progress = np.array([0, 1 + 4 / 5, 2 + 1 / 2]) / 6
    assert model.learning_rate_curve_ == pytest.approx(0.01 * (1 - progress), rel=1e-12)


# 3. Interruptions.


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that fits and presses Ctrl-C at the end of the n-th epoch."""

    def fit(model, n_epochs):
        original, calls = Stack.epoch, itertools.count(1)

        def epoch(stack, factors):
            result = original(stack, factors)
            if next(calls) == n_epochs:
                raise KeyboardInterrupt
            return result

        with monkeypatch.context() as patch:
            patch.setattr(Stack, "epoch", epoch)
            with pytest.warns(UserWarning, match="interrupted by user"):
                fitted(model)

    return fit


@crossed(
    n_epochs=named(None, 12),
    variant=VARIANTS,
    schedule={name: PLANNED[name] for name in PLANNED if "invscaling" not in name},
)
def test_after_ctrl_c_the_plan_is_resumed(schedule, variant, n_epochs, interrupt):
    whole = fitted(model_of(schedule(), **variant)).learning_rate_curve_
    model = model_of(schedule(n_epochs=n_epochs), warm_start=True, **variant)
    interrupt(model, 6)  # its samples have been seen, by which invscaling counts
    assert model.learning_rate_curve_ == whole[:5]
    fitted(model)
    assert model.learning_rate_curve_[:12] == pytest.approx(whole, rel=1e-12)
    assert len(model.learning_rate_curve_) == (12 if schedule().needs_the_end else 17)


@every_plan
@pytest.mark.parametrize("n_epochs", [None, 12])
def test_after_max_time_the_plan_is_resumed(schedule, n_epochs, monkeypatch):
    """The weights too: nothing of an epoch is lost."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    whole = fitted(model_of(schedule()))
    model = model_of(schedule(n_epochs=n_epochs), warm_start=True, max_time=5)
    for n_done in (5, 10):
        with pytest.warns(ConvergenceWarning, match="max_time"):
            fitted(model)
        assert model.learning_rate_curve_ == whole.learning_rate_curve_[:n_done]
        model = pickle.loads(pickle.dumps(model))
    if not schedule().needs_the_end:
        model.set_params(max_iter=2)
    assert_same_training(fitted(model), whole)


@every_end
def test_what_is_left_of_a_plan_may_be_done_in_parts(schedule, interrupt):
    whole = fitted(model_of(schedule()))
    model = model_of(schedule(), warm_start=True)
    interrupt(model, 3)
    fitted(model.set_params(max_iter=4), n_fits=3)
    assert model.learning_rate_curve_ == whole.learning_rate_curve_


@every_plan
@pytest.mark.parametrize("how", ["interrupted", "complete"])
def test_a_fit_that_came_to_its_end_begins_a_new_plan(schedule, how, monkeypatch):
    """Also where Ctrl-C came after the last epoch."""
    first = fitted(model_of(schedule())).learning_rate_curve_
    model = model_of(schedule(), warm_start=True, max_time=1000)
    if how == "interrupted":

        def end(monitor, epoch):
            if epoch.index == 11:
                raise KeyboardInterrupt
            return False

        monkeypatch.setattr("skmlp.fitting.monitors.TimeLimit.end", end)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Training interrupted")
        fitted(model, n_fits=2)
    if schedule().name != "invscaling":
        assert model.learning_rate_curve_ == [*first, *first]
    assert len(model.learning_rate_curve_) == 24


@every_plan
def test_a_fit_that_patience_ended_begins_a_new_plan(schedule):
    first = fitted(model_of(schedule())).learning_rate_curve_
    model = fitted(model_of(schedule(), warm_start=True, tol=10, n_iter_no_change=2), n_fits=2)
    if schedule().name in ("linear", "cosine", "flat_cosine", "one_cycle", "constant"):
        assert model.learning_rate_curve_ == [*first[:4], *first[:4]]


def test_without_a_warm_start_an_interrupted_plan_begins_anew(interrupt):
    whole = fitted(model_of("cosine"))
    model = model_of("cosine")
    interrupt(model, 6)
    assert_same_training(fitted(model), whole)
