"""What is better than in scikit-learn on purpose: section 5 of the design, point by point, and dtype."""

import pickle
import tracemalloc
import warnings
from numbers import Number

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from skmlp import MLPClassifier, MLPRegressor
from skmlp.fitting import data

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE = TASKS["multiclass"]
DIABETES = TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 13}

solvers = pytest.mark.parametrize(
    "solver",
    [
        {"solver": "adam"},
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.1},
    ],
    ids=["adam", "sgd", "invscaling", "adaptive"],
)
tasks = pytest.mark.parametrize("task", TASKS)


def classes_of(task):
    """Return what partial_fit must be told on its first call."""
    if task.cls is MLPRegressor:
        return {}
    return {"classes": np.arange(task.y.shape[1]) if task.y.ndim == 2 else np.unique(task.y)}


def assert_same_weights(model, other):
    for ours, theirs in zip(
        model.coefs_ + model.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


# 1. The early-stopping split is stratified for multiclass too.


def held_out_labels(X, y, **parameters):
    """Return an estimator after its fit, and the numbers of labels that it was validated on."""
    counts = []

    def scoring(estimator, X, y):
        counts.append(np.unique(y, return_counts=True)[1])
        return estimator.score(X, y)

    model = MLPClassifier(**SMALL, max_iter=1, early_stopping=True, scoring=scoring, **parameters)
    return model.fit(X, y), counts


@pytest.mark.parametrize("random_state", range(5))
def test_the_validation_part_holds_the_classes_in_proportion(random_state):
    y = np.repeat(["a", "b", "c"], [80, 40, 10])
    X = np.random.RandomState(0).normal(size=(130, 3))
    _, (counts,) = held_out_labels(X, y, random_state=random_state)
    np.testing.assert_array_equal(counts, [8, 4, 1])


@pytest.mark.parametrize(
    "counts", [(60, 40, 1), (5,) * 20], ids=["a lonely sample", "more classes than held out"]
)
def test_classes_too_small_to_stratify_are_split_at_random(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.RandomState(0).normal(size=(len(y), 3))
    _, (held_out,) = held_out_labels(X, y, random_state=0)
    assert held_out.sum() == np.ceil(len(y) / 10)


# 2. partial_fit goes on: random stream, optimizer, schedule; under early_stopping too.


@solvers
@tasks
def test_partial_fits_are_the_epochs_of_one_fit(task, solver):
    """In the order that is given: fit shuffles the order of the epoch before, partial_fit its data."""
    task = TASKS[task]
    rate = {"learning_rate_init": 1e-3} if task.cls is MLPRegressor and task.parameters else {}
    parameters = {**SMALL, **solver, **rate, "shuffle": False, "n_iter_no_change": 2}
    whole = task.model(**parameters, max_iter=8).fit(task.X, task.y)
    parts = task.model(**parameters)
    for _ in range(8):
        parts.partial_fit(task.X, task.y, **classes_of(task))
    assert whole.n_iter_ == 8
    assert_same_weights(parts, whole)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.t_ == whole.t_ == 8 * len(task.X)
    assert parts.best_loss_ == whole.best_loss_
    assert parts.n_iter_ == 1


def test_partial_fit_draws_a_new_order_in_every_call():
    """scikit-learn draws the first order again and again."""
    model = MLPRegressor(**SMALL, random_state=0)
    orders = [model.partial_fit(DIABETES.X, DIABETES.y)._optimizer_state["order"].copy() for _ in range(4)]
    assert len({tuple(order.ravel()) for order in orders}) == 4


def test_partial_fit_draws_orders_that_random_state_decides():
    def trained(seed):
        model = DIABETES.model(**SMALL, random_state=seed)
        for _ in range(3):
            model.partial_fit(DIABETES.X, DIABETES.y)
        return model

    assert_same_weights(trained(0), trained(0))
    assert np.abs(trained(0).coefs_[0] - trained(1).coefs_[0]).max() > 0.1


def test_partial_fit_goes_on_with_a_stream_that_the_user_owns():
    """And does not wind it back: what others draw from it goes on too."""
    stream = np.random.RandomState(0)
    model, other = DIABETES.model(**SMALL, random_state=stream), DIABETES.model(**SMALL, random_state=0)
    draws = set()
    for _ in range(3):
        model.partial_fit(DIABETES.X, DIABETES.y)
        other.partial_fit(DIABETES.X, DIABETES.y)
        draws.add(stream.uniform())
    assert_same_weights(model, other)
    assert len(draws) == 3


@tasks
def test_partial_fit_under_early_stopping_holds_nothing_out(task):
    task = TASKS[task]
    model = task.model(**SMALL, early_stopping=True)
    other = task.model(**SMALL)
    for _ in range(3):
        model.partial_fit(task.X, task.y, **classes_of(task))
        other.partial_fit(task.X, task.y, **classes_of(task))
    assert_same_weights(model, other)
    assert model.validation_scores_ is None
    assert model.best_loss_ == min(model.loss_curve_)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_partial_fit_after_fit_improves_on_it(task, early_stopping):
    task = TASKS[task]
    model = task.model(**SMALL, max_iter=10, early_stopping=early_stopping).fit(task.X, task.y)
    before, seen = model.loss_curve_[-1], model.t_
    for _ in range(20):
        model.partial_fit(task.X, task.y)
    assert model.loss_curve_[-1] < before
    assert len(model.loss_curve_) == 30
    assert model.t_ == seen + 20 * len(task.X)
    assert model.best_loss_ == pytest.approx(min(model.loss_curve_))
    assert model.best_validation_score_ is None or early_stopping


def test_partial_fit_takes_batches_of_any_size():
    model = WINE.model(**SMALL, learning_rate_init=0.01)
    rng = np.random.RandomState(0)
    for _ in range(100):
        rows = rng.permutation(len(WINE.X))[: rng.randint(1, 40)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # batch_size is clipped
            model.partial_fit(WINE.X[rows], WINE.y[rows], classes=[0, 1, 2])
    assert model.score(WINE.X, WINE.y) > 0.9


# 3. warm_start goes on with the optimizer, and starts its patience anew.


@pytest.mark.parametrize("shuffle", [False, True])
@solvers
@tasks
def test_two_warm_fits_of_5_epochs_are_one_of_10(task, solver, shuffle):
    task = TASKS[task]
    if task.parameters:  # the exponential of the Poisson loss wants small steps
        solver = {**solver, "learning_rate_init": 1e-3}
    parameters = {**SMALL, **solver, "shuffle": shuffle, "n_iter_no_change": 20}
    once = task.model(**parameters, max_iter=10).fit(task.X, task.y)
    twice = task.model(**parameters, max_iter=5, warm_start=True)
    twice.fit(task.X, task.y).fit(task.X, task.y)
    assert_same_weights(twice, once)
    assert twice.loss_curve_ == once.loss_curve_
    assert (twice.n_iter_, once.n_iter_) == (5, 10)
    assert twice.t_ == once.t_


def test_a_warm_start_has_new_patience():
    """One that has stopped for lack of improvement trains on for as long as a new one would."""
    model = WINE.model(**SMALL, warm_start=True, tol=10, n_iter_no_change=3, max_iter=50)
    lengths = [model.fit(WINE.X, WINE.y).n_iter_ for _ in range(3)]
    # The first epoch always improves on nothing; 4 more without improvement exceed 3.
    assert lengths == [5, 5, 5]


def test_a_warm_start_under_early_stopping_validates_on_the_same_samples():
    model = WINE.model(**SMALL, warm_start=True, early_stopping=True, max_iter=5)
    for n_fits in (1, 2, 3):
        model.fit(WINE.X, WINE.y)
        assert len(model.validation_scores_) == 5 * n_fits
    held, counts = held_out_labels(WINE.X, WINE.y, random_state=0, warm_start=True)
    for _ in range(2):
        held.fit(WINE.X, WINE.y)
    assert len({tuple(labels) for labels in counts}) == 1
    assert len(counts) == 3


def test_a_warm_start_follows_parameters_that_were_changed():
    model = WINE.model(**SMALL, warm_start=True, max_iter=5).fit(WINE.X, WINE.y)
    kept = [coef.copy() for coef in model.coefs_]
    model.set_params(learning_rate_init=1e-12).fit(WINE.X, WINE.y)
    np.testing.assert_allclose(model.coefs_[0], kept[0], atol=1e-9)
    model.set_params(solver="sgd", learning_rate_init=0.1).fit(WINE.X, WINE.y)
    assert np.abs(model.coefs_[0] - kept[0]).max() > 1e-2


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("sizes", [(), (9,), (7, 7)], ids=str)
def test_a_warm_start_cannot_change_the_network(sizes, solver):
    model = WINE.model(**SMALL, warm_start=True, max_iter=5, solver=solver).fit(WINE.X, WINE.y)
    model.set_params(hidden_layer_sizes=sizes)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.*warm_start") as error:
        model.fit(WINE.X, WINE.y)
    assert repr(sizes) in str(error.value)
    model.set_params(warm_start=False).fit(WINE.X, WINE.y)
    assert len(model.coefs_) == len(sizes) + 1


def test_warm_starts_of_lbfgs_go_on():
    model = WINE.model(solver="lbfgs", hidden_layer_sizes=(7,), warm_start=True, max_iter=2)
    losses = [model.fit(WINE.X, WINE.y).loss_ for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert len(model.loss_curve_) == 8


def test_without_warm_start_a_second_fit_is_the_first():
    model = WINE.model(**SMALL, max_iter=5)
    first = clone(model).fit(WINE.X, WINE.y)
    assert_same_weights(model.fit(WINE.X, WINE.y).fit(WINE.X, WINE.y), first)
    assert model.loss_curve_ == first.loss_curve_


# 4. Log-probabilities and losses from raw scores: never -inf, never saturated.


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_finite_and_exact_however_small(task):
    task = TASKS[task]
    model = task.model(**SMALL, max_iter=5).fit(task.X, task.y)
    X = 1e4 * task.X
    log_p, p = model.predict_log_proba(X), model.predict_proba(X)
    assert p.min() < 1e-300
    assert np.isfinite(log_p).all()
    assert log_p.min() < -1000
    np.testing.assert_allclose(np.exp(log_p), p, atol=1e-12)


def test_small_probabilities_of_either_class_keep_their_digits():
    model = TASKS["binary"].model(**SMALL, max_iter=1).fit(TASKS["binary"].X, TASKS["binary"].y)
    model.coefs_ = [np.zeros_like(coef) for coef in model.coefs_]
    for score in (-50.0, 50.0):
        model.intercepts_[-1][:] = score
        p = model.predict_proba(TASKS["binary"].X[:1])[0]
        assert p.min() == pytest.approx(np.exp(-50), rel=1e-12, abs=0)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_loss_does_not_saturate(task):
    """scikit-learn clips probabilities: no sample can cost more than -log(eps), 36."""
    task = TASKS[task]
    X, wrong = 1e4 * task.X, task.y.max() - task.y
    model = task.model(**SMALL, warm_start=True, max_iter=1, alpha=0).fit(X, task.y)
    expected = -model.predict_log_proba(X)[np.arange(len(X)), wrong].mean()
    model.set_params(learning_rate_init=1e-15).fit(X, wrong)
    assert model.loss_ == pytest.approx(expected, rel=1e-6)
    assert model.loss_ > 36


# 5. Raw scores, and several multiclass targets.


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_decision_function_gives_the_scores_before_the_link(task):
    task = TASKS[task]
    model = task.model(**SMALL, max_iter=5).fit(task.X, task.y)
    scores, p = model.decision_function(task.X), model.predict_proba(task.X)
    if task is TASKS["multiclass"]:
        np.testing.assert_allclose(p, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))
    else:
        expected = p[:, 1] if scores.ndim == 1 else p
        np.testing.assert_allclose(expected, 1 / (1 + np.exp(-scores)))


@pytest.fixture
def flowers():
    """Features, and three targets of 2, 3 and 4 classes, with labels that are strings."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(211, 5))
    parts = [np.digitize(X[:, 0], [0]), np.digitize(X[:, 1], [-0.5, 0.5]), np.digitize(X[:, 2], [-1, 0, 1])]
    names = [["no", "yes"], ["blue", "green", "red"], ["l", "m", "s", "xs"]]
    y = np.array([np.array(n)[part] for n, part in zip(names, parts, strict=True)], dtype=object).T
    return X, y, names


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_several_multiclass_targets(flowers, solver):
    X, y, names = flowers
    model = MLPClassifier((23,), solver=solver, learning_rate_init=0.03, alpha=0.1, random_state=0).fit(
        X, y
    )
    assert [list(classes) for classes in model.classes_] == names
    assert model.predict(X).shape == y.shape
    assert (model.predict(X) == y).mean() > 0.85
    assert model.score(X, y) == pytest.approx((model.predict(X) == y).all(axis=1).mean())
    p = model.predict_proba(X)
    assert [part.shape for part in p] == [(211, 2), (211, 3), (211, 4)]
    for part, log_part, classes, column in zip(
        p, model.predict_log_proba(X), names, model.predict(X).T, strict=True
    ):
        np.testing.assert_allclose(part.sum(axis=1), 1)
        np.testing.assert_allclose(np.log(part), log_part)
        np.testing.assert_array_equal(np.array(classes)[part.argmax(axis=1)], column)
    assert model.decision_function(X).shape == (211, 2 + 3 + 4)


def test_the_loss_of_several_targets_is_the_sum_of_theirs(flowers):
    X, y, _ = flowers
    model = MLPClassifier(**SMALL, warm_start=True, alpha=0, max_iter=5, random_state=0).fit(X, y)
    expected = sum(
        log_loss(column, p, labels=classes)
        for column, p, classes in zip(y.T, model.predict_proba(X), model.classes_, strict=True)
    )
    model.set_params(learning_rate_init=1e-12).fit(X, y)
    assert model.loss_curve_[5] == pytest.approx(expected, rel=1e-6)


def test_integer_targets_with_weights_and_early_stopping(flowers):
    X, y, _ = flowers
    codes = np.array([np.unique(column, return_inverse=True)[1] for column in y.T]).T
    weights = np.random.RandomState(0).uniform(size=len(X))
    model = MLPClassifier((23,), early_stopping=True, learning_rate_init=0.03, random_state=0)
    model.fit(X, codes, sample_weight=weights)
    assert model.score(X, codes, sample_weight=weights) > 0.5
    assert model.predict(X).dtype == codes.dtype


def test_partial_fit_of_several_targets(flowers):
    X, y, names = flowers
    model = MLPClassifier((23,), learning_rate_init=0.03, random_state=0)
    model.partial_fit(X[:5], y[:5], classes=names)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.5
    assert [list(classes) for classes in model.classes_] == names
    unseen = y[:5].copy()
    unseen[0, 1] = "black"
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X[:5], unseen)


# 6. A pickled model weighs little more than its weights.


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_pickle_holds_little_but_the_weights(solver, early_stopping):
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((200, 100), solver=solver, max_iter=2, early_stopping=early_stopping)
    model.fit(X / 16, y)
    weights = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
    assert weights < len(pickle.dumps(model)) < 1.02 * weights + 5000
    model.set_params(warm_start=True)
    if solver != "lbfgs":
        assert len(pickle.dumps(model)) > 1.5 * weights


def test_a_pickle_after_partial_fit_holds_the_optimizer():
    """And after it, training goes on as without it."""
    model = DIABETES.model(**SMALL).partial_fit(DIABETES.X, DIABETES.y)
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        each.partial_fit(DIABETES.X, DIABETES.y)
    assert_same_weights(copy, model)


# 7. No partial_fit for solvers that cannot; fitted state of arrays, strings and numbers.


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_partial_fit_exists_for_stochastic_solvers_only(cls):
    assert hasattr(cls(), "partial_fit")
    assert hasattr(cls(solver="sgd"), "partial_fit")
    assert not hasattr(cls(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        cls(solver="lbfgs").partial_fit(WINE.X, WINE.y)


def assert_plain(value, where):
    """Raise unless ``value`` is arrays, strings, numbers or None, or lists and dicts of them."""
    if isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, str), where
            assert_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for item in value:
            assert_plain(item, f"{where}[.]")
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufUSO", where
    else:
        assert value is None or isinstance(value, (Number, np.generic, str)), (where, type(value))


@tasks
@pytest.mark.parametrize(
    "parameters",
    [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}, {"warm_start": True}],
    ids=str,
)
def test_what_is_pickled_is_plain(task, parameters):
    task = TASKS[task]
    model = task.model(**SMALL, max_iter=3, **parameters).fit(task.X, task.y)
    if model.solver != "lbfgs":
        model.partial_fit(task.X, task.y)
    for name, value in model.__getstate__().items():
        assert_plain(value, name)


# The dtype of computation.


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(
    ("dtype", "given", "computed"),
    [
        ("auto", np.float64, np.float64),
        ("auto", np.float32, np.float32),
        ("auto", np.int64, np.float64),
        ("float32", np.float64, np.float32),
        ("float32", np.int64, np.float32),
        ("float64", np.float32, np.float64),
    ],
)
@tasks
def test_dtype(task, dtype, given, computed, solver, container):
    task = TASKS[task]
    X = container((3 * task.X).astype(given))
    model = task.model(**SMALL, dtype=dtype, solver=solver, max_iter=2).fit(X, task.y)
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(computed)}
    if solver != "lbfgs":
        assert model._optimizer_state["moments"].dtype == computed
    output = model.predict(X) if task.cls is MLPRegressor else model.predict_proba(X)
    assert output.dtype == np.result_type(computed, np.float32 if given is np.float32 else np.float64)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@tasks
def test_float32_gives_nearly_the_same(task, solver):
    task = TASKS[task]
    models = {
        dtype: task.model(**SMALL, solver=solver, dtype=dtype, max_iter=10, alpha=1).fit(task.X, task.y)
        for dtype in ("float32", "float64")
    }
    difference = np.abs(models["float32"].coefs_[0] - models["float64"].coefs_[0]).max()
    assert 0 < difference < 2e-3
    assert models["float32"].loss_ == pytest.approx(models["float64"].loss_, rel=1e-4)


# Memory.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"shuffle": False}], ids=str)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_fit_makes_no_full_copy_of_x(cls, parameters, container, dtype, monkeypatch):
    monkeypatch.setattr(data, "DENSE_BYTES", 0)  # a sparse X may become an array that is no larger
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 60)).astype(dtype), rng.randint(2, size=20_000)
    nbytes = X.nbytes
    X = container(X)
    model = cls((2,), max_iter=2, **parameters)
    model.fit(X[:500], y[:500])  # whatever is imported or cached on first use
    tracemalloc.start()
    try:
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.4 * nbytes


def test_float32_of_float64_data_costs_one_copy():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 60)), rng.randint(2, size=20_000)
    tracemalloc.start()
    try:
        MLPClassifier((2,), max_iter=2, dtype="float32").fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes / 2 < peak < 0.8 * X.nbytes
