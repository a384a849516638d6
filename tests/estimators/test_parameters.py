"""Every constructor parameter: what it refuses, that it matters, and that it is documented."""

import dataclasses
import inspect
import re

import numpy as np
import pytest
import sklearn
import sklearn.neural_network
from sklearn.base import clone

from skmlp import (
    MixtureDensityRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from skmlp.fitting.parameters import PARAMETERS
from skmlp.network.activations import ACTIVATIONS, LeakyReLU
from skmlp.network.initializers import INITIALIZERS, TruncatedNormal
from skmlp.network.input_layers import Scaling
from skmlp.network.losses import Huber
from skmlp.network.normalizations import BatchNormalization
from skmlp.training.optimizers import RMSprop
from skmlp.training.schedules import (
    SCHEDULES,
    Adaptive,
    Constant,
    FlatCosine,
    InverseScaling,
    OneCycle,
    Schedule,
)

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = [
    MLPClassifier,
    MLPRegressor,
    MixtureDensityRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
]
PEERS = [MLPClassifier, MLPRegressor]
TASK = TASKS["regression"]
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3}

WRONG = {
    "hidden_layer_sizes": [
        *[0, -1, (3, 0), (3, -2), 2.5, (2.5,), "ten", None, (3, "4"), True, ((3,), 4), np.array([[3, 2]])],
        *[map(int, "32"), {3, 2}, {3: 2}, b"ab", bytearray(b"ab"), np.array(3)],
    ],
    "activation": [
        "gelu?",
        "",
        None,
        1,
        np.tanh,
        ["relu?"],
        ["relu", None],
        [["relu"]],
        iter(["relu"]),
        {"relu"},
    ],
    "loss": ["absolute", None, 0, np.array([4, 2])],
    "solver": ["newton", "Adam", None, 0],
    "alpha": [-1e-9, np.nan, np.inf, "0.1", "Evidence", None, [0.1], True, 10**400],
    "batch_size": [0, -3, 2.0, "all", None, True, np.nan],
    "learning_rate": ["linearly", None, 0.1],
    "learning_rate_init": [0, -0.1, np.nan, np.inf, "0.1", None],
    "power_t": [-0.5, np.nan, np.inf, "0.5", None],
    "max_iter": [0, -1, 2.0, np.inf, "10", None, True],
    "shuffle": [None, "yes", 0, 1.0],
    "random_state": [-1, 2**32, 0.5, "seed", (1, 2), np.random.default_rng(0)],
    "tol": [-1e-9, np.nan, np.inf, "0", None],
    "verbose": [-1, 0.5, "yes", None],
    "warm_start": [None, "yes", 1],
    "momentum": [-0.1, 1.1, np.nan, "0.9", None],
    "nesterovs_momentum": [None, "yes", 1],
    "early_stopping": [None, "yes", 1],
    "validation_fraction": [-0.1, 1.0, 1.5, np.nan, "0.1", None, 3],
    "shared_validation": [None, "yes", 1],
    "beta_1": [-0.1, 1.0, np.nan, "0.9", None],
    "beta_2": [-0.1, 1.0, np.nan, "0.9", None],
    "epsilon": [0, -1e-8, np.nan, np.inf, "0", None],
    "n_iter_no_change": [0, -1, 2.5, np.nan, "10", None, True],
    "max_fun": [0, -1, 2.0, np.inf, "10", None],
    "dtype": ["float16", "int", None, np.float16, np.dtype("int"), int, 4],
    "weight_decay": [-1e-9, np.nan, np.inf, "0.1", None, True],
    "weight_decay_schedule": ["linearly", "adaptive", InverseScaling(), None, 0.1, Constant],
    "dropout_schedule": ["linearly", "invscaling", Adaptive(), None, 0.1, ["cosine"]],
    "warmup": [-0.1, 1, 1.5, np.nan, "0.1", None],
    "max_grad_norm": [0, -1, np.nan, np.inf, "1", True],
    "initializer": ["he", None, 0],
    "dropout": [-0.1, 1, np.nan, "0.5", None, [1.0], [0.5, None], iter([0.5]), {0.5}, {0.5: 1}],
    "normalization": ["instance", 0, True],
    "input_layer": ["waves", 0, True, [None], ["scaling", 1]],
    "skip": [1, "yes", None],
    "standardize": [None, "yes", 1],
    "class_weight": ["even", 1, 0.5],
    "scoring": [1, 0.5, ["accuracy"], "bogus", np.array([4, 2])],
    "n_members": [0, -1, 2.0, "3", None, True],
    "max_time": [0, -1, np.nan, np.inf, "1", True],
    "checkpoint": ["directory", 60, True],
    "laplace": ["diagonal", True, 1, ["full"]],
    "monotonic_cst": [1, [2], [0.5], "1", {1: 1}, {"a": 2}, [True]],
    "quantile": [
        0,
        1,
        -0.1,
        1.5,
        np.nan,
        "0.5",
        True,
        [],
        [0.5],
        [0.5, 0.5],
        [0.9, 0.1],
        [0, 0.5],
        [0.1, True],
    ],
    "population_size": [0, 1, 2.5, "all", None, True],
    "n_restarts": [-1, 0.5, np.inf, "1", None, True],
    "n_components": [0, -1, 1.5, "3", None, True],
    "min_scale": [0, -0.1, np.nan, np.inf, "0.1", None],
    "beta": [-0.1, 1.1, np.nan, "0.5", None],
    "categorical_features": ["all", 3, True, {0}],
    "n_bins": [-1, 2.5, "many", None, True],
    "max_levels": [1, 0, 2.5, "3", None, True],
    "embedding_size": [0, -1, 2.5, "3", True],
    "clip_predictions": [None, "yes", 1],
}
"""Wrong types, and values just outside of the range."""

BY_THE_STEP = ["constant", "linear", "cosine", "flat_cosine", "one_cycle"]

RIGHT = {
    "hidden_layer_sizes": [
        3,
        (3,),
        [3, 2],
        np.array([3, 2]),
        (),
        [],
        np.int64(3),
        range(2, 4),
        {0: 3}.values(),
    ],
    "activation": [
        *ACTIVATIONS,
        LeakyReLU(slope=0.1),
        ["relu"],
        ("tanh",),
        np.array(["elu"]),
        {0: "relu"}.values(),
    ],
    "loss": ["squared_error", "absolute_error", "huber", Huber(delta=2.0)],
    "solver": ["lbfgs", "sgd", "adam", "nadam", "rmsprop", RMSprop(rho=0.99)],
    "alpha": [0, 1, 0.5, np.float32(0.5)],
    "batch_size": ["auto", "adaptive", 1, np.int32(20)],
    "learning_rate": [*SCHEDULES, OneCycle(rise=0.1)],
    "learning_rate_init": [1e-9, np.float32(1e-3)],
    "power_t": [0, 1],
    "max_iter": [1, np.int64(2)],
    "shuffle": [True, False, np.False_],
    "random_state": [None, 0, 2**32 - 1, np.int64(3), np.random.RandomState(0), np.random],
    "tol": [0, 1],
    "verbose": [False, 0],
    "warm_start": [True, False, np.True_],
    "momentum": [0, 1, 0.5],
    "nesterovs_momentum": [True, False],
    "early_stopping": [True, False],
    "validation_fraction": [0.1, 0.9],
    "shared_validation": [True, False],
    "beta_1": [0, 0.5],
    "beta_2": [0, 0.5],
    "epsilon": [1e-12, 1],
    "n_iter_no_change": [1, np.inf, float("inf")],
    "max_fun": [1, 10],
    "dtype": ["auto", "float32", "float64", np.float32, np.dtype("float64")],
    "weight_decay": [0, 0.1, np.float32(0.5)],
    "weight_decay_schedule": [*BY_THE_STEP, Constant(warmup=0.5)],
    "dropout_schedule": [*BY_THE_STEP, FlatCosine(warmup=0.5)],
    "warmup": [0, 0.5, 0.999],
    "max_grad_norm": [None, 1e-9, 1, np.float32(0.5)],
    "initializer": [*INITIALIZERS, TruncatedNormal(scale=0.1)],
    "dropout": [0, 0.999, [0.5], (0,), np.array([0.5]), {0: 0.5}.values()],
    "normalization": [None, "batch", "layer", BatchNormalization(momentum=0.5)],
    "input_layer": [None, "scaling", "periodic", ["periodic", "scaling"], Scaling(rate_factor=2)],
    "skip": [False, True, np.bool_(True)],
    "standardize": [True, False, np.True_, "targets"],
    "class_weight": [None, "balanced", {0: 2.0}, {0: 1, 1: 2, 2: 3}],
    "scoring": [None, "loss", "r2", np.mean],
    "n_members": [1, 2, np.int64(2)],
    "max_time": [None, 100, np.float32(100)],
    "laplace": [None, "full", "last_layer"],
    "monotonic_cst": [None, [0] * 10, np.ones(10, dtype=int), {}],
    "checkpoint": [None],  # files: in test_checkpoints.py
    "quantile": [0.1, np.float32(0.5), [0.1, 0.9], (0.1, 0.5, 0.9), np.array([0.2, 0.8])],
    "population_size": ["auto", 2, np.int64(10)],
    "n_restarts": [0, np.int64(3)],
    "n_components": [1, np.int64(4)],
    "min_scale": [1e-6, 0.5, np.float32(0.1)],
    "beta": [0, 1, 0.5],
    "categorical_features": ["from_dtype", None, [], [0, -1], ["x1"], np.arange(10) < 2],
    "n_bins": ["auto", 0, 1, np.int64(4)],
    "max_levels": [2, np.int64(100)],
    "embedding_size": [None, 1, np.int64(8)],
    "clip_predictions": [True, False, np.False_],
}


def cases(table):
    """Return a pytest parameter for each value; ids without addresses, which differ between processes."""
    return [
        pytest.param(name, value, id=re.sub(r" at 0x\w+", "", f"{name}={value!r}"))
        for name in table
        for value in table[name]
    ]


def task_for(name):
    """Return a task whose estimator has the parameter."""
    if name in ("n_components", "min_scale", "beta"):
        return dataclasses.replace(TASK, cls=MixtureDensityRegressor)
    if name in ("categorical_features", "n_bins", "max_levels", "embedding_size", "clip_predictions"):
        return dataclasses.replace(TASK, cls=TabularMLPRegressor)
    return TASKS["multiclass"] if name == "class_weight" else TASK


def fitted(parameters, task=TASK):
    return task.model(**{**SMALL, **parameters}).fit(task.X, task.y)


def test_the_tables_name_every_parameter():
    names = {name for cls in CLASSES for name in inspect.signature(cls).parameters}
    assert names == set(WRONG) == set(RIGHT) == {*MATTERS, *NO_WEIGHTS}
    assert names == set(PARAMETERS) - {"classification_loss"}  # what "loss" is for a classifier


def assert_refused(method, name, value):
    """Raise unless a call of ``method`` raises an error that says what is wrong and changes nothing."""
    model, task = method.__self__, task_for(name)
    classes = {"classes": [0, 1, 2]} if "classes" in inspect.signature(method).parameters else {}
    for kind in (ValueError, TypeError):
        with stays_as_it_was(model), pytest.raises(kind, match=f"'{name}'") as error:
            method(task.X, task.y, **classes)
        assert repr(value) in str(error.value)
        assert type(model).__name__ in str(error.value)


@pytest.mark.parametrize(("name", "value"), cases(WRONG))
def test_wrong_values_are_refused_by_name(name, value):
    model = task_for(name).model(**{name: value})
    assert_refused(model.fit, name, value)
    if name in ("solver", "laplace") or isinstance(model, TabularMLPRegressor):
        assert not hasattr(model, "partial_fit")
    else:
        assert_refused(model.partial_fit, name, value)


def test_numbers_of_numpy_are_shown_as_those_of_python():
    with pytest.raises(ValueError, match=r"Got \(3, 0\) instead. hidden_layer_sizes must be > 0"):
        MLPRegressor((3, np.int64(0))).fit(TASK.X, TASK.y)
    with pytest.raises(ValueError, match=r"dropout=\[0.5, 0.5\] has 2 entries, hidden_layer_sizes=3 has 1"):
        MLPRegressor(np.int64(3), dropout=[np.float32(0.5), 0.5]).fit(TASK.X, TASK.y)


def test_no_hidden_layers_have_no_entries():
    model = MLPRegressor((), dropout=[], activation=[], max_iter=2, random_state=0).fit(TASK.X, TASK.y)
    same = MLPRegressor((), max_iter=2, random_state=0).fit(TASK.X, TASK.y)
    np.testing.assert_array_equal(model.predict(TASK.X), same.predict(TASK.X))


@pytest.mark.parametrize("value", [iter([3]), {3}, {3: 1}])
def test_what_has_no_order_of_layers_is_refused_with_the_way_out(value):
    with pytest.raises(ValueError, match="Make it a list: sets and dicts have no order"):
        MLPRegressor(value).fit(TASK.X, TASK.y)


def test_a_loss_in_the_place_of_the_sizes_gets_an_error_that_says_how_to_write_both():
    """The first parameter of scikit-learn's MLPRegressor is the loss."""
    for model in (MLPRegressor("poisson"), MLPRegressor("squared_error", (50,))):
        written = rf"MLPRegressor\(loss={model.hidden_layer_sizes!r}, hidden_layer_sizes="
        with pytest.raises(ValueError, match=written):
            model.fit(TASK.X, TASK.y)


def test_the_precision_may_be_said_as_a_type():
    for dtype in (np.float32, np.dtype("float32"), "float32"):
        model = fitted({"dtype": dtype})
        assert model.coefs_[0].dtype == np.float32


def test_numbers_of_numpy_give_the_same_weights():
    numbers = {"alpha": 0.5, "validation_fraction": 0.25, "batch_size": 20, "early_stopping": True}
    of_numpy = {name: np.asarray(value)[()] for name, value in numbers.items()}
    of_numpy["validation_fraction"] = np.float32(0.25)
    for one, other in zip(fitted(numbers).coefs_, fitted(of_numpy).coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_checks_can_be_skipped_as_those_of_scikit_learn():
    with sklearn.config_context(skip_parameter_validation=True):
        MLPRegressor(**SMALL, tol=-1).fit(TASK.X, TASK.y)


@pytest.mark.parametrize(
    ("cls", "name"),
    [(cls, name) for cls in CLASSES for name in WRONG if name in inspect.signature(cls).parameters],
)
def test_a_fitted_estimator_stays_as_it_was(cls, name):
    """The first wrong value of each: also parameters that this solver does not use are checked."""
    task = TASKS["multiclass"]
    model = cls(**SMALL, random_state=0).fit(task.X, task.y)
    model.set_params(**{name: WRONG[name][0]})
    predicted = model.predict(task.X)
    with stays_as_it_was(model), pytest.raises(ValueError, match=name):
        model.fit(task.X, task.y)
    np.testing.assert_array_equal(model.predict(task.X), predicted)


@pytest.mark.parametrize(("name", "value"), cases(RIGHT))
def test_right_values_are_accepted(name, value):
    beside = {"loss": "quantile"} if name == "quantile" else {}
    fitted({name: value, **beside}, task_for(name))


def largest_weights(model, X, y):
    """Score a model by the size of its weights."""
    return np.abs(model.coefs_[0]).sum()


MATTERS = {
    "hidden_layer_sizes": ({"hidden_layer_sizes": (5,)}, {"hidden_layer_sizes": (5, 5)}),
    "activation": ({"activation": "relu"}, {"activation": "tanh"}),
    "loss": ({"loss": "squared_error"}, {"loss": "poisson"}),
    "solver": ({"solver": "adam"}, {"solver": "sgd"}),
    "alpha": ({"alpha": 0}, {"alpha": 10}),
    "batch_size": ({"batch_size": 10}, {"batch_size": 11}),
    "learning_rate": ({"learning_rate": "constant", "solver": "sgd"}, {"learning_rate": "invscaling"}),
    "learning_rate_init": ({"learning_rate_init": 0.001}, {"learning_rate_init": 0.002}),
    "power_t": (
        {"power_t": 0.5, "solver": "sgd", "learning_rate": "invscaling"},
        {"power_t": 0.4},
    ),
    "max_iter": ({"max_iter": 3}, {"max_iter": 4}),
    "shuffle": ({"shuffle": True, "batch_size": 10}, {"shuffle": False}),
    "random_state": ({"random_state": 0}, {"random_state": 1}),
    "tol": ({"tol": 0, "max_iter": 10, "n_iter_no_change": 1}, {"tol": 10}),
    "warm_start": ({"warm_start": False}, {"warm_start": True}),
    "momentum": ({"momentum": 0.9, "solver": "sgd"}, {"momentum": 0.8}),
    "nesterovs_momentum": ({"nesterovs_momentum": True, "solver": "sgd"}, {"nesterovs_momentum": False}),
    "early_stopping": ({"early_stopping": False}, {"early_stopping": True}),
    "validation_fraction": (
        {"validation_fraction": 0.1, "early_stopping": True},
        {"validation_fraction": 0.2},
    ),
    "shared_validation": ({"early_stopping": True, "n_members": 2}, {"shared_validation": False}),
    "beta_1": ({"beta_1": 0.9}, {"beta_1": 0.8}),
    "beta_2": ({"beta_2": 0.999}, {"beta_2": 0.9}),
    "epsilon": ({"epsilon": 1e-8}, {"epsilon": 1e-2}),
    "n_iter_no_change": ({"n_iter_no_change": 1, "tol": 10, "max_iter": 10}, {"n_iter_no_change": 3}),
    "max_fun": ({"max_fun": 2, "solver": "lbfgs", "max_iter": 10}, {"max_fun": 15000}),
    "dtype": ({"dtype": "float64"}, {"dtype": "float32"}),
    "verbose": ({"verbose": False}, {"verbose": True}),
    "weight_decay": ({"weight_decay": 0}, {"weight_decay": 0.1}),
    "weight_decay_schedule": ({"weight_decay": 1}, {"weight_decay_schedule": "flat_cosine"}),
    "dropout_schedule": ({"dropout": 0.5}, {"dropout_schedule": "cosine"}),
    "warmup": ({"warmup": 0}, {"warmup": 0.5}),
    "max_grad_norm": ({"max_grad_norm": None}, {"max_grad_norm": 0.01}),
    "initializer": ({"initializer": "auto"}, {"initializer": "glorot_uniform"}),
    "dropout": ({"dropout": 0.1}, {"dropout": 0.2}),
    "normalization": ({"normalization": "batch"}, {"normalization": "layer"}),
    "input_layer": ({"input_layer": None}, {"input_layer": "scaling"}),
    "skip": ({"skip": False}, {"skip": True}),
    "standardize": ({"standardize": False}, {"standardize": True}),
    "class_weight": ({"class_weight": None}, {"class_weight": "balanced"}),
    "scoring": ({"early_stopping": True, "max_iter": 10}, {"scoring": largest_weights}),
    "n_members": ({"n_members": 2}, {"n_members": 3}),
    "max_time": ({"max_time": 100}, {"max_time": 1e-9}),
    "quantile": ({"loss": "quantile", "quantile": 0.5}, {"quantile": 0.9}),
    "population_size": ({"solver": "es", "population_size": "auto"}, {"population_size": 8}),
    # Many candidates for a few generations: rounding does not decide which run is the best.
    "n_restarts": (
        {
            "solver": "es",
            "n_restarts": 0,
            "population_size": 200,
            "tol": 100,
            "max_iter": 300,
            "random_state": 3,
        },
        {"n_restarts": 1},
    ),
    "monotonic_cst": ({"monotonic_cst": None}, {"monotonic_cst": [1] * 10}),
    "n_components": ({"n_components": 2}, {"n_components": 3}),
    "min_scale": ({"min_scale": 0.03}, {"min_scale": 0.05}),
    "beta": ({"beta": 0}, {"beta": 0.5}),
    "categorical_features": ({"categorical_features": None}, {"categorical_features": [0]}),
    "n_bins": ({"n_bins": 0}, {"n_bins": 4}),
    "max_levels": ({"categorical_features": [0], "max_levels": 3}, {"max_levels": 4}),
    "embedding_size": ({"categorical_features": [0], "embedding_size": None}, {"embedding_size": 2}),
}
"""Parameters of a first fit, and what to change for a second one that must end elsewhere."""

NO_WEIGHTS = ["checkpoint", "clip_predictions", "laplace"]
"""The parameters that change no weights."""


def weights_after_two_fits(parameters, task=TASK):
    """Return all weights; a second fit tells a warm start."""
    model = task.model(**{**SMALL, **parameters})
    y = np.abs(task.y)  # such as every loss takes
    model.fit(task.X, y).fit(task.X, y)
    return np.concatenate([np.ravel(array) for array in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("name", [name for name in MATTERS if name != "verbose"])
def test_each_parameter_changes_the_weights(name):
    (first, change), task = MATTERS[name], task_for(name)
    one, again = weights_after_two_fits(first, task), weights_after_two_fits(first, task)
    other = weights_after_two_fits({**first, **change}, task)
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or np.abs(one - other).max() > 1e-9


@pytest.mark.parametrize("name", ["weight_decay_schedule", "dropout_schedule"])
@pytest.mark.parametrize("value", ["adaptive", "invscaling", Adaptive(), InverseScaling()], ids=repr)
def test_schedules_that_are_no_functions_of_the_step_are_refused_with_the_way_out(name, value):
    words = "'flat_cosine', .* or a Schedule of the step alone.* only the learning rate changes"
    with pytest.raises(ValueError, match=words):
        fitted({name: value})


@pytest.mark.parametrize("name", ["weight_decay_schedule", "dropout_schedule"])
def test_a_schedule_of_ones_own_that_is_a_function_of_the_step(name):
    class Half(Schedule):
        def factor(self, progress):
            return 0.5 * super().factor(progress)

    whole = {"weight_decay": 0.5, "dropout": 0.5}
    halved = {name.removesuffix("_schedule"): 0.25}
    one, other = (weights_after_two_fits(whole | changes) for changes in ({name: Half()}, halved))
    np.testing.assert_array_equal(one, other)


def test_verbose_changes_the_output(capsys):
    fitted({"verbose": False})
    assert capsys.readouterr().out == ""
    fitted({"verbose": True})
    assert capsys.readouterr().out.count("Iteration") == 3


@pytest.mark.parametrize("name", ["momentum", "nesterovs_momentum"])
def test_parameters_of_sgd_do_not_touch_adam(name):
    first, change = MATTERS[name]
    first = {**first, "solver": "adam"}
    np.testing.assert_array_equal(
        weights_after_two_fits(first), weights_after_two_fits({**first, **change})
    )


@pytest.mark.parametrize("solver", ["sgd", "adam", "nadam", "rmsprop"])
@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name != "constant"])
def test_every_schedule_works_with_every_stochastic_solver(schedule, solver):
    """Unlike in scikit-learn, where only 'sgd' has schedules."""
    parameters = {"solver": solver, "max_iter": 5, "tol": 1, "n_iter_no_change": 2}
    one, other = (
        weights_after_two_fits({**parameters, "learning_rate": value}) for value in ("constant", schedule)
    )
    assert np.abs(one - other).max() > 1e-9


@pytest.mark.parametrize("solver", ["sgd", "adam", "nadam", "rmsprop"])
def test_the_exponent_of_inverse_scaling_works_with_every_stochastic_solver(solver):
    first, change = MATTERS["power_t"]
    first = {**first, "solver": solver}
    one, other = weights_after_two_fits(first), weights_after_two_fits({**first, **change})
    assert np.abs(one - other).max() > 1e-9


@pytest.mark.parametrize("values", [("constant", "adaptive"), ("invscaling", "adaptive")])
def test_schedules_differ(values):
    parameters = {"solver": "sgd", "max_iter": 20, "tol": 1, "n_iter_no_change": 2}
    one, other = (weights_after_two_fits({**parameters, "learning_rate": value}) for value in values)
    assert np.abs(one - other).max() > 1e-9


MORE = {
    "dtype": "auto",
    "weight_decay": 0.0,
    "weight_decay_schedule": "constant",
    "dropout_schedule": "constant",
    "warmup": 0.0,
    "max_grad_norm": None,
    "initializer": "auto",
    "dropout": 0.0,
    "normalization": None,
    "input_layer": None,
    "skip": False,
    "standardize": False,
    "scoring": None,
    "shared_validation": True,
    "n_members": 1,
    "max_time": None,
    "checkpoint": None,
    "monotonic_cst": None,
    "laplace": None,
    "population_size": "auto",
    "n_restarts": 3,
}
"""What both classes have beyond scikit-learn."""


@pytest.mark.parametrize("cls", PEERS)
def test_signatures_are_those_of_scikit_learn(cls):
    """Then come more, which do nothing by default; scikit-learn before 1.7 has no loss."""
    ours = inspect.signature(cls).parameters
    theirs = inspect.signature(getattr(sklearn.neural_network, cls.__name__)).parameters
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
    assert {name: ours[name].default for name in set(ours) - set(theirs) - {"loss"}} == {
        **MORE,
        **({"class_weight": None} if cls is MLPClassifier else {"quantile": None}),
    }
    positional = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional[0] == "hidden_layer_sizes"


@pytest.mark.parametrize("cls", CLASSES)
def test_docstrings_describe_every_parameter_with_its_default(cls):
    section = cls.__doc__.split("Attributes\n")[0]
    for name, parameter in inspect.signature(cls).parameters.items():
        pattern = rf"^{name} : .*default={re.escape(repr(parameter.default))}\n    \S"
        assert re.search(pattern, section, flags=re.MULTILINE), name


def standardized(cls):
    """Return what makes an estimator scale its data, unless it always does."""
    return {} if cls is MixtureDensityRegressor else {"standardize": True}


@pytest.mark.parametrize("cls", CLASSES)
def test_docstrings_describe_every_fitted_attribute(cls):
    task = TASKS["multiclass"]
    models = [
        cls(**SMALL, normalization="batch", skip=True, input_layer="scaling").set_params(
            **standardized(cls)
        )
    ]
    if hasattr(cls, "laplace"):
        neither = {"dropout": 0, "weight_decay": 0, "learning_rate": "constant"}
        evidence = {"solver": "lbfgs", "alpha": "evidence", "laplace": "full", **neither}
        models.append(cls(**SMALL, **evidence))
    section = cls.__doc__.split("Attributes\n")[1].split("See Also\n")[0]
    documented = set(re.findall(r"^(\w+_) : ", section, flags=re.MULTILINE))
    names = {name for model in models for name in vars(model.fit(task.X, task.y))}
    published = {name for name in names if name.endswith("_") and not name.startswith("_")}
    assert published | {"feature_names_in_", "members_"} == documented


@pytest.mark.parametrize("cls", PEERS)
def test_fitted_attributes_are_those_of_scikit_learn(cls):
    task = TASKS["multiclass"]
    for parameters in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        model = cls(**SMALL, **parameters).fit(task.X, task.y)
        peer = getattr(sklearn.neural_network, cls.__name__)(**SMALL, **parameters).fit(task.X, task.y)
        public = {name for name in vars(peer) if name.endswith("_") and not name.startswith("_")}
        assert public <= set(vars(model))


@pytest.mark.parametrize("cls", CLASSES)
def test_get_and_set_params(cls):
    model = cls(alpha=0.5, hidden_layer_sizes=(3, 2))
    parameters = model.get_params()
    assert list(parameters) == sorted(inspect.signature(cls).parameters)
    assert (parameters["alpha"], parameters["hidden_layer_sizes"]) == (0.5, (3, 2))
    assert model.set_params(alpha=0.1, dtype="float32") is model
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(ValueError, match="nonsense"):
        model.set_params(nonsense=1)


@pytest.mark.parametrize("cls", CLASSES)
def test_parameters_are_kept_as_given_and_read_at_fit(cls):
    sizes = [5, 3]
    model = cls(sizes, alpha="wrong")
    assert model.hidden_layer_sizes is sizes
    model.set_params(alpha=0.1, max_iter=2).fit(TASKS["multiclass"].X, TASKS["multiclass"].y)
    assert model.hidden_layer_sizes is sizes
    assert [coef.shape[-1] for coef in model.coefs_[:-1]] == sizes


@pytest.mark.parametrize("cls", CLASSES)
def test_only_layers_and_activation_go_by_position(cls):
    assert cls((3,), "tanh").activation == "tanh"
    with pytest.raises(TypeError, match="positional"):
        cls((3,), "tanh", "sgd")


def test_a_batch_larger_than_the_data_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="batch_size=1000 is clipped to 103"):
        clipped = fitted({"batch_size": 1000})
    np.testing.assert_array_equal(clipped.coefs_[0], fitted({"batch_size": 103}).coefs_[0])
