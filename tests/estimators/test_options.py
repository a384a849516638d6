"""The options beyond scikit-learn's: each alone, all together, and the combinations that are refused."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import Checkpoint, MLPClassifier, MLPRegressor
from skmlp.network.activations import ELU, LeakyReLU
from skmlp.network.initializers import TruncatedNormal
from skmlp.network.losses import Focal, Huber, LogLoss, Quantile
from skmlp.network.normalizations import BatchNormalization, LayerNormalization
from skmlp.training.optimizers import SGD, Adam, NAdam, RMSprop
from skmlp.training.schedules import Cosine, OneCycle

from .data import TASKS
from .state import same_content, stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE = TASKS["multiclass"]
DIABETES = TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7, 5), "batch_size": 13, "max_iter": 4}

OPTIONS = {
    "weight_decay": {"weight_decay": 0.1},
    "decay to zero": {"weight_decay": 0.1, "weight_decay_schedule": "flat_cosine"},
    "dropout to zero": {"dropout": 0.3, "dropout_schedule": Cosine()},
    "cosine": {"learning_rate": "cosine"},
    "linear": {"learning_rate": "linear"},
    "one_cycle": {"learning_rate": "one_cycle"},
    "a schedule of one's own": {"learning_rate": OneCycle(rise=0.1)},
    "warmup": {"warmup": 0.5},
    "max_grad_norm": {"max_grad_norm": 0.1},
    "nadam": {"solver": "nadam"},
    "rmsprop": {"solver": "rmsprop"},
    "an optimizer": {"solver": RMSprop(rho=0.5)},
    "leaky_relu": {"activation": LeakyReLU(slope=0.3)},
    "activations": {"activation": ["tanh", "gelu"]},
    "he_normal": {"initializer": "he_normal"},
    "an initializer": {"initializer": TruncatedNormal(scale=0.3)},
    "dropout": {"dropout": 0.3},
    "dropouts": {"dropout": [0.1, 0.4]},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "scaling": {"input_layer": "scaling"},
    "periodic": {"input_layer": ["periodic", "scaling"]},
    "skip": {"skip": True},
    "standardize": {"standardize": True},
    "n_members": {"n_members": 2},
    "max_time": {"max_time": 1e-9},
}
OF_THE_CLASSIFIER = {
    "class_weight": {"class_weight": "balanced"},
    "focal": {"loss": Focal(gamma=1)},
    "label smoothing": {"loss": LogLoss(label_smoothing=0.1)},
}
OF_THE_REGRESSOR = {
    "huber": {"loss": "huber"},
    "a loss": {"loss": Huber(delta=0.1)},
    "absolute_error": {"loss": "absolute_error"},
    "quantile": {"loss": "quantile", "quantile": 0.8},
}
DEFAULTS = {
    "weight_decay": 0,
    "weight_decay_schedule": "cosine",
    "dropout_schedule": "cosine",
    "warmup": 0,
    "max_grad_norm": None,
    "initializer": "auto",
    "dropout": 0,
    "normalization": None,
    "input_layer": None,
    "skip": False,
    "standardize": False,
    "scoring": None,
    "n_members": 1,
    "max_time": None,
    "learning_rate": "constant",
    "activation": ["relu", "relu"],
    "solver": Adam(),
}
"""Each as it is if nothing is said about it; and other words for the same."""


def options_of(task):
    """Return the options of the class of a task."""
    return OPTIONS | (OF_THE_CLASSIFIER if task.cls is MLPClassifier else OF_THE_REGRESSOR)


PAIRS = [(name, option) for name in ("multiclass", "regression") for option in options_of(TASKS[name])]

every_option = pytest.mark.parametrize(("task", "option"), PAIRS)


def classes_of(task):
    """Return what partial_fit must be told on its first call."""
    return {} if task.cls is MLPRegressor else {"classes": np.unique(task.y)}


def weights_of(model):
    """Return all that was learned, as one array."""
    others = [array for layer in getattr(model, "normalization_parameters_", []) for array in layer]
    others += getattr(model, "skip_coefs_", [])
    shown = getattr(model, "input_parameters_", [])
    others += [array for layer in shown for array in (layer if isinstance(layer, list) else [layer])]
    return np.concatenate([np.ravel(array) for array in model.coefs_ + model.intercepts_ + others])


def changed(task, option, **parameters):
    """Return an estimator with an option."""
    return task.model(**{**SMALL, **parameters, **options_of(task)[option]})


@every_option
def test_every_option_changes_what_is_learned(task, option):
    task = TASKS[task]
    without = task.model(**SMALL).fit(task.X, task.y)
    model = changed(task, option).fit(task.X, task.y)
    one, other = weights_of(without), weights_of(model)
    assert one.shape != other.shape or np.abs(one - other).max() > 1e-6
    assert np.isfinite(other).all()
    np.testing.assert_array_equal(other, weights_of(changed(task, option).fit(task.X, task.y)))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", DEFAULTS)
def test_no_option_does_anything_by_default(name, task):
    task = TASKS[task]
    model = task.model(**SMALL, **{name: DEFAULTS[name]}).fit(task.X, task.y)
    np.testing.assert_array_equal(weights_of(model), weights_of(task.model(**SMALL).fit(task.X, task.y)))


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("sgd", SGD()),
        ("nadam", NAdam()),
        ("rmsprop", RMSprop()),
        ("cosine", Cosine()),
        ("elu", ELU()),
        ("truncated_normal", TruncatedNormal()),
        ("batch", BatchNormalization()),
        ("layer", LayerNormalization()),
    ],
)
def test_a_name_is_an_instance_with_its_defaults(name, instance):
    module = type(instance).__module__.rpartition(".")[2]
    parameter = {
        "optimizers": "solver",
        "schedules": "learning_rate",
        "activations": "activation",
        "initializers": "initializer",
        "normalizations": "normalization",
    }[module]
    by_name, by_instance = (
        DIABETES.model(**SMALL, **{parameter: choice}).fit(DIABETES.X, DIABETES.y)
        for choice in (name, instance)
    )
    np.testing.assert_array_equal(weights_of(by_name), weights_of(by_instance))


@every_option
def test_clone_and_get_params(task, option):
    task = TASKS[task]
    model = changed(task, option)
    for name, value in options_of(task)[option].items():
        assert model.get_params()[name] is value
        assert clone(model).get_params()[name] == value
    assert repr(model) == repr(clone(model))


ALL = {
    "hidden_layer_sizes": (13, 11),
    "activation": ["silu", LeakyReLU(slope=0.1)],
    "solver": "nadam",
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "warmup": 0.1,
    "weight_decay": 1e-3,
    "weight_decay_schedule": "cosine",
    "dropout_schedule": "flat_cosine",
    "max_grad_norm": 1.0,
    "initializer": "orthogonal",
    "dropout": [0.1, 0.2],
    "normalization": "batch",
    "input_layer": "scaling",
    "skip": True,
    "standardize": True,
    "n_members": 3,
    "max_time": 100,
    "early_stopping": True,
    "scoring": "loss",
    "validation_fraction": 0.2,
    "batch_size": 20,
    "max_iter": 40,
    "dtype": "float32",
}


@pytest.mark.parametrize("task", TASKS)
def test_all_options_together(task):
    task = TASKS[task]
    classifier = {"class_weight": "balanced", "loss": LogLoss(label_smoothing=0.05)}
    parameters = ALL | (classifier if task.cls is MLPClassifier else {})
    weights = np.random.RandomState(0).uniform(0.5, 1.5, size=len(task.X))
    X, y = (task.X, task.y) if len(task.X) > 30 else (np.tile(task.X, (5, 1)), np.tile(task.y, (5, 1)))
    model = task.model(**parameters).fit(X, y, sample_weight=np.resize(weights, len(X)))
    assert model.score(X, y) > 0.25
    assert model.coefs_[0].shape == (3, X.shape[1], 13)
    assert model.coefs_[0].dtype == np.float32
    assert len(model.members_) == 3


@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_a_grid_over_a_pipeline(task):
    grid = {
        "mlp__dropout": [0.0, 0.2],
        "mlp__normalization": [None, "batch"],
        "mlp__activation": [["relu", "relu"], ["tanh", "silu"]],
        "mlp__n_members": [1, 2],
    }
    pipeline = make_pipeline(StandardScaler(), task.model(**{**SMALL, "max_iter": 10}))
    pipeline.steps[-1] = ("mlp", pipeline.steps[-1][1])
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(task.X, task.y)
    assert len(set(search.cv_results_["mean_test_score"])) > 8
    assert search.best_estimator_.predict(task.X).shape == task.y.shape


# Training that goes on.


def without_end(options):
    """Return whether a run of few epochs can be a part of a longer one: else its schedule ends too soon."""
    schedules = {"learning_rate", "weight_decay_schedule", "dropout_schedule"}
    return not {*schedules, "warmup", "max_time"} & set(options)


@pytest.mark.parametrize(("task", "option"), [pair for pair in PAIRS if pair[1] != "max_time"])
def test_partial_fits_are_the_epochs_of_one_fit(task, option):
    """With schedules that know the end, streams of dropout, and running statistics."""
    task = TASKS[task]
    parameters = {"shuffle": False, "max_iter": 6, "n_iter_no_change": 10}
    whole = changed(task, option, **parameters).fit(task.X, task.y)
    parts = changed(task, option, **parameters)
    for _ in range(6):
        parts.partial_fit(task.X, task.y, **classes_of(task))
    np.testing.assert_array_equal(weights_of(parts), weights_of(whole))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.t_ == whole.t_


@every_option
def test_two_warm_fits_are_one_of_twice_the_length(task, option):
    task = TASKS[task]
    parameters = {"max_iter": 6, "n_iter_no_change": 10}
    if not without_end(options_of(task)[option]):
        model = changed(task, option, **parameters, warm_start=True)
        losses = [model.fit(task.X, task.y).loss_ for _ in range(6)]
        assert losses[-1] < losses[0]
        return
    once = changed(task, option, **parameters).fit(task.X, task.y)
    twice = changed(task, option, **{**parameters, "max_iter": 3}, warm_start=True)
    twice.fit(task.X, task.y).fit(task.X, task.y)
    np.testing.assert_array_equal(weights_of(twice), weights_of(once))
    assert twice.loss_curve_ == once.loss_curve_


def test_dropout_draws_new_masks_in_every_partial_fit():
    """With a rate of almost nothing, the weights move by the masks alone."""
    model = DIABETES.model(**{**SMALL, "batch_size": 103}, dropout=0.5, shuffle=False)
    streams = []
    for _ in range(3):
        model.partial_fit(DIABETES.X, DIABETES.y)
        streams.append(str(model._optimizer_state["streams"]))
    assert len(set(streams)) == 3


def test_prediction_has_no_dropout():
    model = DIABETES.model(**SMALL, dropout=0.5).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.predict(DIABETES.X), model.predict(DIABETES.X))
    h = DIABETES.X
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        h = np.maximum(h @ coef + intercept, 0)
    expected = (h @ model.coefs_[-1] + model.intercepts_[-1])[:, 0]
    np.testing.assert_allclose(model.predict(DIABETES.X), expected)


def test_weight_decay_shrinks_the_weights_but_not_the_biases():
    """By rate * weight_decay in each step, here with a gradient of zero."""
    y = np.zeros(20)
    model = MLPRegressor((), solver="sgd", momentum=0, alpha=0, learning_rate_init=0.1, weight_decay=0.5)
    model.set_params(warm_start=True, max_iter=1, batch_size=10, random_state=0)
    X = np.zeros((20, 3))
    before = clone(model).set_params(learning_rate_init=1e-30).fit(X, y)
    model.fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], before.coefs_[0] * 0.95**2, rtol=1e-12)


def test_max_grad_norm_bounds_a_step():
    model = DIABETES.model(solver="sgd", momentum=0, learning_rate_init=1.0, max_grad_norm=1e-3)
    model.set_params(hidden_layer_sizes=(7,), batch_size=103, max_iter=1)
    start = clone(model).set_params(learning_rate_init=1e-30).fit(DIABETES.X, DIABETES.y)
    step = weights_of(model.fit(DIABETES.X, DIABETES.y)) - weights_of(start)
    assert np.linalg.norm(step) == pytest.approx(1e-3, rel=1e-9)


# What goes on in place, and prediction that follows what was fitted.

AFTERWARDS = {
    "hidden_layer_sizes": (3,),
    "activation": "tanh",
    "solver": "lbfgs",
    "alpha": 3.0,
    "batch_size": 1,
    "learning_rate": "cosine",
    "learning_rate_init": 1.0,
    "power_t": 3.0,
    "max_iter": 1,
    "shuffle": False,
    "random_state": 7,
    "tol": 1.0,
    "verbose": 3,
    "warm_start": True,
    "momentum": 0.1,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "shared_validation": False,
    "validation_fraction": 0.5,
    "beta_1": 0.1,
    "beta_2": 0.1,
    "epsilon": 1.0,
    "n_iter_no_change": 1,
    "max_fun": 1,
    "dtype": "float32",
    "weight_decay": 1.0,
    "weight_decay_schedule": "cosine",
    "dropout_schedule": "flat_cosine",
    "warmup": 0.5,
    "max_grad_norm": 1.0,
    "initializer": "orthogonal",
    "dropout": 0.5,
    "normalization": "layer",
    "input_layer": "periodic",
    "skip": True,
    "standardize": True,
    "class_weight": "balanced",
    "scoring": "loss",
    "n_members": 3,
    "max_time": 1.0,
    "checkpoint": Checkpoint("somewhere"),
    "monotonic_cst": [1],
    "laplace": "full",
    "loss": "anything",
    "quantile": 0.3,
    "population_size": 2,
    "n_restarts": 1,
}


@pytest.mark.parametrize(
    "fitted",
    [{}, {"standardize": True, "normalization": "batch"}, {"n_members": 2}, {"solver": "lbfgs"}],
    ids=str,
)
@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_parameters_that_are_set_after_fit_change_no_prediction(task, fitted):
    model = task.model(**SMALL, **fitted).fit(task.X, task.y)
    predict = model.predict_proba if task is WINE else model.predict
    expected, labels = predict(task.X), model.predict(task.X)
    names = model.get_params()
    assert set(names) <= set(AFTERWARDS)
    for name in names:
        before = getattr(model, name)
        value = AFTERWARDS[name] if AFTERWARDS[name] != before else False
        model.set_params(**{name: value})
        np.testing.assert_array_equal(predict(task.X), expected, err_msg=name)
        np.testing.assert_array_equal(model.predict(task.X), labels, err_msg=name)
        assert hasattr(model, "members_") == (fitted.get("n_members", 1) > 1)
        model.set_params(**{name: before})
    model.set_params(**{name: AFTERWARDS[name] for name in names})
    np.testing.assert_array_equal(predict(task.X), expected)


# Combinations that make no sense.

LBFGS = {"solver": "lbfgs"}
SENSELESS = [
    (LBFGS | {"dropout": 0.5}, ["dropout=0.5", "solver='lbfgs'", "'adam'"]),
    (LBFGS | {"dropout": [0.5, 0]}, ["dropout=[0.5, 0]", "solver='lbfgs'"]),
    (LBFGS | {"normalization": "batch"}, ["normalization='batch'", "solver='lbfgs'", "'adam'"]),
    (LBFGS | {"normalization": BatchNormalization()}, ["normalization=", "solver='lbfgs'"]),
    (LBFGS | {"weight_decay": 0.1}, ["weight_decay=0.1", "solver='lbfgs'", "alpha"]),
    (LBFGS | {"max_grad_norm": 1.0}, ["max_grad_norm=1.0", "solver='lbfgs'", "'adam'"]),
    (LBFGS | {"warmup": 0.1}, ["warmup=0.1", "solver='lbfgs'", "'adam'"]),
    (LBFGS | {"learning_rate": "cosine"}, ["learning_rate='cosine'", "solver='lbfgs'", "'adam'"]),
    (LBFGS | {"learning_rate": OneCycle()}, ["learning_rate=OneCycle", "solver='lbfgs'"]),
    (LBFGS | {"weight_decay_schedule": "cosine"}, ["weight_decay_schedule='cosine'", "'adam'"]),
    (LBFGS | {"dropout_schedule": OneCycle()}, ["dropout_schedule=OneCycle", "solver='lbfgs'"]),
    (
        {"learning_rate": Cosine(n_epochs=5), "dropout_schedule": OneCycle(n_epochs=6)},
        ["learning_rate=Cosine", "dropout_schedule=OneCycle", "n_epochs in one of them"],
    ),
    ({"activation": ["relu"]}, ["activation=['relu']", "hidden_layer_sizes=(7, 5)", "one value for all"]),
    ({"activation": []}, ["activation=[]", "hidden_layer_sizes=(7, 5)"]),
    ({"activation": ("relu",) * 3}, ["activation=", "3 entries", "hidden_layer_sizes=(7, 5) has 2"]),
    ({"dropout": [0.1]}, ["dropout=[0.1]", "hidden_layer_sizes=(7, 5)", "one value for all"]),
    ({"dropout": [0.1] * 3}, ["dropout=", "3 entries", "hidden_layer_sizes=(7, 5) has 2"]),
    ({"hidden_layer_sizes": (), "dropout": 0.1}, ["dropout=0.1", "hidden_layer_sizes=()", "leave dropout"]),
    ({"hidden_layer_sizes": (), "normalization": "layer"}, ["normalization='layer'", "add one"]),
    ({"normalization": "batch", "batch_size": 1}, ["normalization='batch'", "batch_size=1", "'layer'"]),
]
OF_LOSSES = [
    ({"loss": "quantile"}, ["loss='quantile'", "quantile=None", "between 0 and 1"]),
    ({"quantile": 0.3}, ["loss='squared_error'", "quantile=0.3", "leave quantile=None"]),
    ({"loss": Quantile(0.3), "quantile": 0.3}, ["quantile=0.3", "loss=Quantile"]),
]


@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("task", "parameters", "words"),
    [
        pytest.param(task, parameters, words, id=f"{task.cls.__name__}-{parameters}")
        for task in (WINE, DIABETES)
        for parameters, words in SENSELESS + (OF_LOSSES if task is DIABETES else [])
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(task, parameters, words, method, fitted):
    model = task.model(**SMALL)
    if fitted:
        model.set_params(normalization=parameters.get("normalization")).fit(task.X, task.y)
    model.set_params(**parameters)
    if method == "partial_fit" and parameters.get("solver") == "lbfgs":
        assert not hasattr(model, "partial_fit")
        return
    classes = classes_of(task) if method == "partial_fit" else {}
    with stays_as_it_was(model), pytest.raises(ValueError, match=re.escape(words[0])) as error:
        getattr(model, method)(task.X, task.y, **classes)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Huber, {"delta": 0}),
        (Huber, {"delta": -1.0}),
        (Huber, {"delta": float("nan")}),
        (Quantile, {"quantile": 0}),
        (Quantile, {"quantile": 1}),
        (LogLoss, {"label_smoothing": 1}),
        (LogLoss, {"label_smoothing": -0.1}),
        (Focal, {"gamma": -0.1}),
        (Focal, {"gamma": float("nan")}),
    ],
    ids=str,
)
def test_losses_refuse_bad_fields_by_name(cls, fields):
    ((name, value),) = fields.items()
    with pytest.raises(ValueError, match=name) as error:
        cls(**fields)
    assert f"{cls.__name__}({name}={value!r})" in str(error.value)


@pytest.mark.parametrize("member_count", [1, 3])
def test_a_warm_start_cannot_change_the_number_of_members(member_count):
    model = WINE.model(**SMALL, n_members=2, warm_start=True).fit(WINE.X, WINE.y)
    model.set_params(n_members=member_count)
    with stays_as_it_was(model), pytest.raises(ValueError, match=f"n_members={member_count}.*warm_start"):
        model.fit(WINE.X, WINE.y)


@pytest.mark.parametrize(("before", "after"), [(None, "batch"), ("batch", "layer"), ("layer", None)])
def test_a_warm_start_cannot_change_the_normalization(before, after):
    model = WINE.model(**SMALL, normalization=before, warm_start=True).fit(WINE.X, WINE.y)
    model.set_params(normalization=after)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"normalization=.*warm_start"):
        model.fit(WINE.X, WINE.y)


def test_members_and_content_are_copied_by_clone_as_parameters_only():
    model = WINE.model(**SMALL, n_members=2, standardize=True).fit(WINE.X, WINE.y)
    assert not [name for name in vars(clone(model)) if name.endswith("_") or name.startswith("_")]
    assert same_content(vars(clone(model)), vars(WINE.model(**SMALL, n_members=2, standardize=True)))
