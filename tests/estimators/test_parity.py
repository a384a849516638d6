"""The results of scikit-learn's own networks, to rounding, on every path through a fit.

What decides how equal two fits can be is that rounding differences of 1e-16 grow while training goes on.
For the stochastic solvers they stay below about 1e-11 over a whole default fit.
"""

import inspect

import numpy as np
import pytest
import sklearn.neural_network
from scipy import sparse

from skmlp import MLPClassifier
from tests.crossing import crossed, named

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RTOL = 1e-6
"""Of the largest element of an array."""

# What scikit-learn can do depends on its version: weights and the Poisson loss came in 1.7.
HAS_WEIGHTS = "sample_weight" in inspect.signature(sklearn.neural_network.MLPClassifier.fit).parameters
HAS_POISSON = "loss" in inspect.signature(sklearn.neural_network.MLPRegressor).parameters
WEIGHTED = [False, True] if HAS_WEIGHTS else [False]
PEER_TASKS = [name for name in TASKS if HAS_POISSON or name != "poisson"]

SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd", "momentum": 0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.01},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 1e-2},
}

STOCHASTIC_CURVES = ["loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]
EVERY_FIT = ["n_iter_", "t_", "loss_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"]


def peer(model):
    """Return scikit-learn's estimator with the same parameters."""
    cls = getattr(sklearn.neural_network, type(model).__name__)
    known = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in model.get_params().items() if name in known})


def assert_equal_to_rounding(ours, theirs, what):
    if ours is None or theirs is None or isinstance(theirs, str):
        assert ours == theirs, what
        return
    assert np.shape(ours) == np.shape(theirs), what
    atol = RTOL * np.max(np.abs(theirs), initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol, err_msg=what)


def assert_same_fit(ours, theirs, X, attributes):
    for name in attributes:
        if hasattr(theirs, name):
            assert_equal_to_rounding(getattr(ours, name), getattr(theirs, name), name)
    for name in ["coefs_", "intercepts_"]:
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert_equal_to_rounding(mine, other, name)
    assert_equal_to_rounding(ours.predict(X), theirs.predict(X), "predict")
    if isinstance(ours, MLPClassifier):
        assert_equal_to_rounding(ours.predict_proba(X), theirs.predict_proba(X), "predict_proba")


def assert_parity(model, X, y, *weights, attributes=tuple(EVERY_FIT + STOCHASTIC_CURVES)):
    assert_same_fit(model.fit(X, y, *weights), peer(model).fit(X, y, *weights), X, attributes)


@crossed(solver=named(*SOLVERS), activation=named("relu", "identity", "logistic", "tanh"))
@pytest.mark.parametrize("task", PEER_TASKS)
def test_a_full_default_fit_of_a_stochastic_solver(task, solver, activation):
    parameters = dict(SOLVERS[solver])
    if task == "poisson":  # its gradient is exp of the score: large rates diverge
        parameters["learning_rate_init"] = 1e-3
    task = TASKS[task]
    # Weights where the activation is relu, and also without them.
    for weights in [[], [task.weights]] if HAS_WEIGHTS and activation == "relu" else [[]]:
        model = task.model(activation=activation, **parameters)
        assert_parity(model, task.X, task.y, *weights)


@pytest.mark.parametrize("weighted", WEIGHTED)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", PEER_TASKS)
def test_lbfgs(task, activation, weighted):
    """Once to convergence, which a strong penalty and a large tol bring, once without it.

    Few iterations: line searches amplify rounding more than anything else does, over 200
    iterations without convergence from 1e-16 to 1e-2.
    """
    task = TASKS[task]
    weights = [task.weights] * weighted
    converges = task.model(solver="lbfgs", activation=activation, alpha=30, tol=1e-2)
    assert_parity(converges, task.X, task.y, *weights, attributes=EVERY_FIT)
    assert converges.n_iter_ < 30
    unfinished = task.model(solver="lbfgs", activation=activation, alpha=1, max_iter=15)
    assert_parity(unfinished, task.X, task.y, *weights, attributes=EVERY_FIT)


# Up to 1.6 scikit-learn took the mean over all targets at once, which rounds otherwise.
@pytest.mark.parametrize("task", ["regression", "multi-output"] if HAS_WEIGHTS else ["regression"])
def test_lbfgs_on_the_squared_error_is_the_same_to_the_last_bit(task):
    """So that here even the 200 iterations of a default fit end at the same weights."""
    task = TASKS[task]
    model = task.model(solver="lbfgs").fit(task.X, task.y)
    other = peer(model).fit(task.X, task.y)
    for ours, theirs in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weighted", WEIGHTED)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_early_stopping(task, solver, weighted):
    task = TASKS[task]
    model = task.model(early_stopping=True, validation_fraction=0.2, **SOLVERS[solver])
    assert_parity(model, task.X, task.y, *[task.weights] * weighted)


@crossed(
    task=named("multiclass", "regression"),
    solver=named("adam", "sgd", "lbfgs"),
    container={make.__name__: make for make in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array)},
)
def test_sparse_data(task, solver, container):
    task = TASKS[task]
    X = container(np.where(task.X > 0.5, task.X, 0))
    model = task.model(solver=solver, alpha=10 if solver == "lbfgs" else 1e-4)
    attributes = EVERY_FIT if solver == "lbfgs" else EVERY_FIT + STOCHASTIC_CURVES
    assert_parity(model, X, task.y, attributes=attributes)


# Parameters that the cross above leaves at their defaults, each with values that matter.
OTHER_PARAMETERS = [
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (13, 7)},
    {"hidden_layer_sizes": (11, 5, 7), "activation": "tanh"},
    {"hidden_layer_sizes": 17},
    {"hidden_layer_sizes": [17, 3]},
    {"batch_size": 7, "max_iter": 30},
    {"batch_size": 64},
    {"batch_size": 1, "max_iter": 5},
    {"shuffle": False, "batch_size": 32},
    {"alpha": 0},
    {"alpha": 3.0, "batch_size": 60},
    {"tol": 0.05},
    {"n_iter_no_change": 2, "tol": 1e-2},
    {"n_iter_no_change": np.inf, "tol": 1.0},
    {"max_iter": 1},
    {"learning_rate_init": 0.05},
    {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-4},
    {"beta_1": 0, "beta_2": 0},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    {"solver": "sgd", "momentum": 0.3, "batch_size": 30, "max_iter": 50},
    {"solver": "sgd", "hidden_layer_sizes": (13, 7), "batch_size": 13, "max_iter": 50},
    {"random_state": 7},
]


@crossed(
    task=named("multiclass", "regression"),
    parameters={str(parameters): parameters for parameters in OTHER_PARAMETERS},
    weighted=named(*WEIGHTED),
)
def test_other_parameters(task, parameters, weighted):
    task = TASKS[task]
    assert_parity(task.model(**parameters), task.X, task.y, *[task.weights] * weighted)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_first_fit_of_a_warm_start(solver):
    task = TASKS["multiclass"]
    model = task.model(solver=solver, warm_start=True, alpha=30 if solver == "lbfgs" else 1e-4)
    attributes = EVERY_FIT if solver == "lbfgs" else EVERY_FIT + STOCHASTIC_CURVES
    assert_parity(model, task.X, task.y, attributes=attributes)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", PEER_TASKS)
def test_the_first_partial_fit(task, solver):
    """One epoch; the second differs on purpose, see test_improvements."""
    parameters = {**SOLVERS[solver], "batch_size": 19}
    if task == "poisson":
        parameters["learning_rate_init"] = 1e-3
    task = TASKS[task]
    model = task.model(**parameters)
    classes = [np.unique(task.y)] if isinstance(model, MLPClassifier) else []
    keywords = {"classes": classes[0]} if classes and task.y.ndim == 1 else {}
    if classes and task.y.ndim == 2:
        keywords = {"classes": np.arange(task.y.shape[1])}
    other = peer(model).partial_fit(task.X, task.y, **keywords)
    model.partial_fit(task.X, task.y, **keywords)
    assert_same_fit(model, other, task.X, EVERY_FIT + STOCHASTIC_CURVES)


def test_an_int_and_a_random_state_draw_the_same():
    task = TASKS["binary"]
    model = task.model(random_state=np.random.RandomState(3), early_stopping=True)
    other = peer(task.model(random_state=3, early_stopping=True))
    assert_same_fit(
        model.fit(task.X, task.y), other.fit(task.X, task.y), task.X, EVERY_FIT + STOCHASTIC_CURVES
    )


def test_float32_data_are_computed_in_float32_as_scikit_learn_does():
    """To the resolution of float32, not further."""
    task = TASKS["regression"]
    X, y = task.X.astype(np.float32), task.y.astype(np.float32)
    model = task.model(max_iter=20).fit(X, y)
    other = peer(model).fit(X, y)
    for ours, theirs in zip(model.coefs_, other.coefs_, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
