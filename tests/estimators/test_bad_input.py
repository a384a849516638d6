"""What cannot be learned from is refused in words, and the estimator stays as it was."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skmlp import MLPClassifier, MLPRegressor
from skmlp.compiled.config import config_context
from skmlp.estimators import multilayer_perceptron
from skmlp.fitting import problem
from skmlp.fitting.data import hold_out
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from skmlp.training.solvers import SOLVERS

from .data import TASKS
from .state import stays_as_it_was

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = ignore_convergence

WINE = TASKS["multiclass"]
DIABETES = TASKS["regression"]
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 4}

solvers = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


def with_one(array, value):
    """Return a copy in which the element in the middle is ``value``."""
    array = np.array(array, dtype=float)
    array.flat[array.size // 2] = value
    return array


def bad_data(task):
    """Yield what is wrong, arguments of fit, and words of the error."""
    X, y, w = task.X, task.y, task.weights
    for value, word in [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]:
        yield f"{value} in X", (with_one(X, value), y), f"X contains {word}"
        yield f"{value} in sparse X", (sparse.csr_array(with_one(X, value)), y), f"contains {word}"
        yield f"{value} in y", (X, with_one(y, value)), f"y contains {word}"
        yield f"{value} in weights", (X, y, with_one(w, value)), f"sample_weight contains {word}"
    yield "X of 1 dimension", (X[:, 0], y), "Expected 2D array, got 1D"
    yield "X of 3 dimensions", (X[np.newaxis], y), "dim 3"
    yield "X of no samples", (X[:0], y[:0]), "0 sample"
    yield "X of no features", (X[:, :0], y), r"0 feature"
    yield "X of words", (np.full(X.shape, "word"), y), "could not convert|dtype"
    yield "complex X", (X + 1j, y), "Complex"
    yield "X is None", (None, y), "2D array"
    yield "fewer y", (X, y[:-1]), "inconsistent numbers of samples"
    yield "y of 3 dimensions", (X, np.zeros((len(X), 2, 2))), "dim 3|y should be|shape|Unknown label"
    yield "y is None", (X, None), "requires y"
    yield "fewer weights", (X, y, w[:-1]), "sample_weight.shape"
    yield "weights of 2 dimensions", (X, y, np.c_[w, w]), "[Ss]ample.weight"
    yield "sparse weights", (X, y, sparse.csr_array(w[:, np.newaxis])), "[Ss]parse"
    yield "all weights zero", (X, y, np.zeros(len(X))), "sum of sample_weight must be greater than zero"
    yield "weight zero", (X, y, 0), "sum of sample_weight must be greater than zero"
    yield "negative weights", (X, y, -w), "sum of sample_weight must be greater than zero"
    yield "words as weights", (X, y, ["heavy"] * len(X)), "sample_weight=.* must be a number"


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("what", [what for what, _, _ in bad_data(WINE)])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_bad_data_are_refused(task, what, method, fitted):
    task = TASKS[task]
    arguments, words = {what: rest for what, *rest in bad_data(task)}[what]
    model = task.model(**SMALL)
    if fitted:
        model.fit(task.X, task.y)
    keywords = {"classes": [0, 1, 2]} if method == "partial_fit" and task is WINE else {}
    with stays_as_it_was(model), pytest.raises((ValueError, TypeError), match=words):
        getattr(model, method)(*arguments, **keywords)


@solvers
@pytest.mark.parametrize("values", [["a", "b"], [1 + 1j, 2]], ids=["words", "complex"])
def test_targets_of_a_regressor_are_numbers(solver, values):
    y = np.resize(values, len(DIABETES.X))
    model = DIABETES.model(**SMALL, solver=solver)
    with (
        stays_as_it_was(model),
        pytest.raises(
            ValueError, match=r"[Cc]omplex data|y=\['a', .*\] must be numbers, and could not be converted"
        ),
    ):
        model.fit(DIABETES.X, y)


@solvers
def test_labels_of_a_classifier_are_no_numbers_of_any_size(solver):
    model = WINE.model(**SMALL, solver=solver)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"[Uu]nknown label type"):
        model.fit(WINE.X, WINE.X[:, 0])


@pytest.mark.parametrize(
    "labels", [["a", None], [1, None], [None, True], ["a", 1], [b"a", "a"]], ids=lambda labels: repr(labels)
)
def test_labels_are_of_one_kind(labels):
    X, y = WINE.X[:40], np.array(labels * 20, dtype=object)
    words = "y has labels of the types .* and .*, which have no order"
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**SMALL).partial_fit(X, y, classes=["a", "b"])
    several = np.c_[y, y]
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**SMALL).fit(X, several)
    with pytest.raises(ValueError, match="y_val has labels of the types"):
        MLPClassifier(**SMALL, early_stopping=True).fit(X, ["a", "b"] * 20, X_val=X, y_val=y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("y", [[-1.0], [-1e-300], [0.0, 3.0, -2.5]])
def test_poisson_is_for_counts(y, method):
    y = np.resize([1.0, *y], len(DIABETES.X))
    model = DIABETES.model(**SMALL, loss="poisson")
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=r"loss='poisson' .* not negative") as error,
    ):
        getattr(model, method)(DIABETES.X, y)
    assert str(y.min()) in str(error.value)


@solvers
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_one_sample_is_learned(task, solver):
    task = TASKS[task]
    model = task.model(**SMALL, solver=solver).fit(task.X[:1], task.y[:1])
    assert model.predict(task.X[:3]).shape == (3,)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize(
    ("n_samples", "fraction"), [(1, 0.5), (5, 0.1), (10, 0), (5, 0.99), (50, 0.001)], ids=str
)
def test_a_validation_part_that_is_too_small_or_too_large(task, n_samples, fraction):
    task = TASKS[task]
    model = task.model(**SMALL, early_stopping=True, validation_fraction=fraction)
    with stays_as_it_was(model), pytest.raises(ValueError, match="validation_fraction") as error:
        model.fit(task.X[:n_samples], task.y[:n_samples])
    assert f"validation_fraction={fraction!r} of n_samples={n_samples}" in str(error.value)


@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_weights_that_are_all_zero_in_one_part(task, part, monkeypatch):
    task = TASKS[task]
    held = []

    def remembered(*args):
        rows, held_out = hold_out(*args)
        held.append(held_out)
        return rows, held_out

    monkeypatch.setattr(problem, "hold_out", remembered)
    model = task.model(**SMALL, early_stopping=True).fit(task.X, task.y)
    weights = np.zeros(len(task.X)) if part == "training" else np.ones(len(task.X))
    weights[held[0]] = 1 - weights[held[0]]
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=rf"sample_weight \(times class_weight\) of the {part} part"),
    ):
        model.fit(task.X, task.y, sample_weight=weights)


@pytest.mark.parametrize("batch_size", [1, 10])
def test_a_batch_without_weight_moves_nothing_but_what_has_momentum(batch_size):
    """scikit-learn divides by zero."""
    weights = np.r_[np.ones(50), np.zeros(len(WINE.X) - 50)]
    model = WINE.model(
        **SMALL, solver="sgd", momentum=0, alpha=0, shuffle=False, batch_size=batch_size
    ).fit(WINE.X, WINE.y, sample_weight=weights)
    part = WINE.model(**SMALL, solver="sgd", momentum=0, alpha=0, shuffle=False, batch_size=batch_size).fit(
        WINE.X[:50], WINE.y[:50]
    )
    np.testing.assert_allclose(model.coefs_[0], part.coefs_[0], rtol=1e-10)


# partial_fit and warm_start: what has begun with one kind of data goes on with it.


def test_the_first_partial_fit_needs_the_classes():
    model = WINE.model(**SMALL)
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match="classes must be passed on the first call"),
    ):
        model.partial_fit(WINE.X, WINE.y)


def other_data(task):
    """Yield what differs from the data of the first call, arguments of partial_fit, and words."""
    X, y = task.X, task.y
    yield "fewer features", (X[:, 1:], y), "features"
    if task.cls is MLPRegressor:
        yield "more targets", (X, np.c_[y, y, y]), "targets"
    elif y.ndim == 2:
        yield "fewer labels", (X, y[:, 1:]), "shape|labels|classes"
    else:
        yield "an unseen class", (X, np.r_[y[:-1], 7]), "classes not in `self.classes_`|same classes"
        yield "labels of another type", (X, np.where(y == 1, "one", "two")), "classes|labels|type"
        yield "several labels", (X, np.c_[y == 0, y == 1].astype(int)), "classes|multilabel|shape"


ignore_comparison = pytest.mark.filterwarnings("ignore:elementwise comparison")
"""numpy before 1.25 warns where words are compared with numbers."""


@ignore_comparison
@pytest.mark.parametrize(("method", "parameters"), [("partial_fit", {}), ("fit", {"warm_start": True})])
@pytest.mark.parametrize(
    ("task", "what"), [(name, what) for name, task in TASKS.items() for what, _, _ in other_data(task)]
)
def test_other_data_than_before(task, what, method, parameters):
    task = TASKS[task]
    arguments, words = {what: rest for what, *rest in other_data(task)}[what]
    model = task.model(**SMALL, **parameters).fit(task.X, task.y)
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        getattr(model, method)(*arguments)


@ignore_comparison
@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3], ["a", "b", "c"]], ids=str)
def test_classes_do_not_change(classes):
    model = WINE.model(**SMALL).partial_fit(WINE.X, WINE.y, classes=[0, 1, 2])
    with stays_as_it_was(model), pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(WINE.X, WINE.y, classes=classes)
    model.partial_fit(WINE.X, WINE.y, classes=[2, 1, 0])


def test_a_warm_start_needs_all_classes_again():
    model = WINE.model(**SMALL, warm_start=True).fit(WINE.X, WINE.y)
    few = WINE.y != 2
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"warm_start .* same classes"):
        model.fit(WINE.X[few], WINE.y[few])


@pytest.mark.parametrize("sizes", [(), (6,), (5, 5)], ids=str)
def test_partial_fit_cannot_change_the_network(sizes):
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y).set_params(hidden_layer_sizes=sizes)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"hidden_layer_sizes=.*partial_fit"):
        model.partial_fit(WINE.X, WINE.y)


# Prediction.


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_prediction(method):
    with pytest.raises(NotFittedError):
        getattr(WINE.model(), method)(WINE.X)
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    for X, words in [
        (WINE.X[:, 1:], "features"),
        (WINE.X * np.nan, "NaN"),
        (WINE.X[0], "2D array"),
        (WINE.X[:0], "0 sample"),
    ]:
        with stays_as_it_was(model), pytest.raises(ValueError, match=words):
            getattr(model, method)(X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite(value):
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        model.predict(with_one(WINE.X, value))


def test_prediction_checks_no_more_than_scikit_learn(monkeypatch):
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    large = with_one(WINE.X, 1e308)
    large[:2, 0] = 1e308  # finite, though the sum is not
    assert np.isfinite(model.predict_proba(large)).all()
    for X in (WINE.X, WINE.X.astype(np.float32), np.asfortranarray(WINE.X), WINE.X[::-2]):
        with monkeypatch.context() as patch:
            patch.setattr(multilayer_perceptron, "is_valid", lambda *args: False)
            checked = model.predict_proba(X)
        np.testing.assert_array_equal(model.predict_proba(X), checked)


def test_an_array_without_the_names_of_the_fit_is_warned_of():
    frame = pytest.importorskip("pandas").DataFrame(WINE.X).add_prefix("x")
    model = WINE.model(**SMALL).fit(frame, WINE.y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(WINE.X)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_prediction_of_a_regressor(loss):
    with pytest.raises(NotFittedError):
        DIABETES.model(loss=loss).predict(DIABETES.X)
    with pytest.raises(NotFittedError):
        DIABETES.model(loss=loss).score(DIABETES.X, DIABETES.y)


@pytest.mark.parametrize(
    "parameters",
    [{"hidden_layer_sizes": (3, 3)}, {"activation": "tanh"}, {"loss": "poisson"}, {"solver": "?"}],
    ids=str,
)
def test_prediction_follows_what_was_fitted(parameters):
    model = DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y)
    before = model.predict(DIABETES.X)
    model.set_params(**parameters)
    np.testing.assert_array_equal(model.predict(DIABETES.X), before)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"NaN|solver"):
        model.fit(DIABETES.X * np.nan, DIABETES.y)
    np.testing.assert_array_equal(model.predict(DIABETES.X), before)


# Divergence.


DIVERGING = {
    "adam": {"solver": "adam", "learning_rate_init": 1e300},
    "sgd": {"solver": "sgd", "learning_rate_init": 1e6},
    "float32": {"solver": "sgd", "learning_rate_init": 1e6, "dtype": "float32"},
    "invscaling": {"solver": "sgd", "learning_rate_init": 1e200, "learning_rate": "invscaling"},
}


@pytest.mark.parametrize("parameters", DIVERGING.values(), ids=list(DIVERGING))
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("how", ["fit", "fitted", "warm_start", "partial_fit"])
def test_divergence(how, loss, parameters):
    y = np.abs(DIABETES.y)
    model = DIABETES.model(loss=loss, batch_size=10, **SMALL)
    if how != "fit":
        model.fit(DIABETES.X, y)
    model.set_params(**parameters, max_iter=50, warm_start=how == "warm_start")
    method = model.partial_fit if how == "partial_fit" else model.fit
    rate = parameters["learning_rate_init"]
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=r"non-finite.*diverged.*learning_rate_init=") as error,
    ):
        method(DIABETES.X, y)
    assert f"learning_rate_init={rate!r}" in str(error.value)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_divergence_of_a_classifier(task):
    task = TASKS[task]
    model = task.model(solver="sgd", learning_rate_init=1e300, max_iter=50)
    with stays_as_it_was(model), pytest.raises(ValueError, match="diverged"):
        model.fit(task.X, task.y)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_divergence_of_lbfgs(task):
    """At features so large that their scores overflow."""
    task = TASKS[task]
    model = task.model(solver="lbfgs", **SMALL)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"diverged.*'lbfgs'"):
        model.fit(1e305 * task.X, task.y)


def test_divergence_keeps_the_best_weights_where_there_is_a_validation_part():
    model = DIABETES.model(
        solver="sgd", learning_rate_init=0.5, hidden_layer_sizes=(50,), early_stopping=True
    )
    with pytest.warns(ConvergenceWarning, match="best weights are kept, but training diverged"):
        model.fit(DIABETES.X, DIABETES.y)
    assert model.n_iter_ > 1
    assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)
    assert model.best_validation_score_ == np.nanmax(model.validation_scores_)
    assert np.isfinite(model.predict(DIABETES.X)).all()


# Interruption.


@pytest.fixture
def in_numpy():
    """The compiled engine calls no gradient, and has tests of its own."""
    with config_context(compiled=False):
        yield


class Interruption:
    """Raises KeyboardInterrupt in the n-th evaluation of the objective, counted from 0."""

    def __init__(self, monkeypatch, at):
        self.calls, self.at = 0, at
        original = Objective.sum_of_gradients

        def interrupted(objective, *args, **kwargs):
            self.calls += 1
            if self.calls == self.at + 1:
                raise KeyboardInterrupt
            return original(objective, *args, **kwargs)

        monkeypatch.setattr(Objective, "sum_of_gradients", interrupted)


@pytest.mark.usefixtures("in_numpy")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("n_epochs", [1, 3])
def test_an_interruption_keeps_the_latest_weights(solver, n_epochs, monkeypatch):
    """Here it comes at the beginning of an epoch, so that they are those of a shorter fit."""
    parameters = {"hidden_layer_sizes": (5,), "solver": solver, "batch_size": 50}
    n_batches = int(np.ceil(len(WINE.X) / 50))
    expected = WINE.model(**parameters, max_iter=n_epochs).fit(WINE.X, WINE.y)
    Interruption(monkeypatch, at=n_epochs * n_batches)
    model = WINE.model(**parameters)
    with pytest.warns(UserWarning, match="interrupted by user. The latest weights are kept"):
        model.fit(WINE.X, WINE.y)
    assert model.n_iter_ == len(model.loss_curve_) == n_epochs
    assert model.predict(WINE.X).shape == WINE.y.shape
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.usefixtures("in_numpy")
@pytest.mark.parametrize("at", [0, 2], ids=["first step", "later step"])
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize(
    "options", [{}, {"n_members": 2}, {"early_stopping": True}, {"warm_start": True}], ids=str
)
def test_an_interruption_of_the_first_epoch_is_passed_on(options, fitted, at, monkeypatch):
    model = WINE.model(**SMALL, batch_size=30, **options)
    if fitted:
        model.fit(WINE.X, WINE.y)
    Interruption(monkeypatch, at=at)
    with stays_as_it_was(model), pytest.raises(KeyboardInterrupt):
        model.fit(WINE.X, WINE.y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interruption_before_the_first_iteration_is_passed_on(solver, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    for name in ("value", "values", "gradient", "value_and_gradient"):
        monkeypatch.setattr(Objective, name, interrupted)
    monkeypatch.setattr(Network, "forward", interrupted)
    model = DIABETES.model(**SMALL, solver=solver)
    with stays_as_it_was(model), pytest.raises(KeyboardInterrupt):
        model.fit(DIABETES.X, DIABETES.y)


@pytest.mark.usefixtures("in_numpy")
@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
def test_an_interrupted_partial_fit_changes_nothing_and_passes_it_on(fitted, at, monkeypatch):
    model, classes = WINE.model(**SMALL, batch_size=30), np.unique(WINE.y)
    if fitted:
        model.partial_fit(WINE.X, WINE.y, classes=classes)
    Interruption(monkeypatch, at=at)
    with stays_as_it_was(model), pytest.raises(KeyboardInterrupt):
        model.partial_fit(WINE.X, WINE.y, classes=classes)


@pytest.mark.usefixtures("in_numpy")
def test_an_interruption_of_lbfgs_keeps_the_latest_weights(monkeypatch):
    Interruption(monkeypatch, at=12)
    model = WINE.model(solver="lbfgs", hidden_layer_sizes=(5,))
    with pytest.warns(UserWarning, match="interrupted by user. The latest weights are kept"):
        model.fit(WINE.X, WINE.y)
    shorter = WINE.model(solver="lbfgs", hidden_layer_sizes=(5,), max_iter=model.n_iter_)
    assert 0 < model.n_iter_ <= 12
    np.testing.assert_array_equal(model.coefs_[0], shorter.fit(WINE.X, WINE.y).coefs_[0])
    assert model.loss_ == shorter.loss_


@pytest.mark.usefixtures("in_numpy")
def test_an_interruption_under_early_stopping_keeps_the_best_weights(monkeypatch):
    parameters = {"hidden_layer_sizes": (5,), "early_stopping": True, "learning_rate_init": 0.3}
    Interruption(monkeypatch, at=9)
    model = DIABETES.model(**parameters, n_iter_no_change=20)
    with pytest.warns(UserWarning, match="interrupted by user. The best weights are kept"):
        model.fit(DIABETES.X, DIABETES.y)
    best = int(np.argmax(model.validation_scores_)) + 1
    assert best < model.n_iter_ == 9
    monkeypatch.undo()
    shorter = DIABETES.model(**parameters, max_iter=best).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.coefs_[0], shorter.coefs_[0])


@pytest.mark.usefixtures("in_numpy")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupted_training_can_go_on(method, monkeypatch):
    model = WINE.model(hidden_layer_sizes=(5,), max_iter=20, warm_start=True)
    Interruption(monkeypatch, at=10)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(WINE.X, WINE.y)
    before = model.loss_
    getattr(model, method)(WINE.X, WINE.y)
    assert model.loss_ < before


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
def test_an_interruption_before_training_is_passed_on(fitted, monkeypatch):
    model = WINE.model(**SMALL)
    if fitted:
        model.fit(WINE.X, WINE.y)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(MLPClassifier, "_targets", interrupted)
    with stays_as_it_was(model), pytest.raises(KeyboardInterrupt):
        model.fit(WINE.X, WINE.y)


# Warnings that are turned into errors leave the estimator as it was, too.


@solvers
def test_a_convergence_warning_that_is_an_error(solver):
    model = WINE.model(**SMALL, solver=solver)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with (
            stays_as_it_was(model),
            pytest.raises(ConvergenceWarning, match=r"max_iter|Maximum iterations"),
        ):
            model.fit(WINE.X, WINE.y)
