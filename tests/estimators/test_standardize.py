"""standardize: features and targets are brought to mean 0 and variance 1, and predictions back."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPRegressor
from skmlp.fitting import problem

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7,), "batch_size": 13, "max_iter": 8}
FAST = {"hidden_layer_sizes": (11,), "max_iter": 60, "learning_rate_init": 0.02}
tasks = pytest.mark.parametrize("task", TASKS)
solvers = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


def unscaled(task):
    """Return features in units of their own."""
    rng = np.random.RandomState(0)
    return task.X * 10 ** rng.uniform(-3, 3, task.X.shape[1]) + rng.normal(size=task.X.shape[1])


def by_hand(task, **parameters):
    """Return what does the same by scikit-learn's means."""
    pipeline = make_pipeline(StandardScaler(), task.model(**parameters))
    if task.cls is not MLPRegressor or task.parameters:
        return pipeline
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


@solvers
@tasks
def test_it_is_a_pipeline_of_scalers(task, solver):
    task = TASKS[task]
    X = unscaled(task)
    parameters = {**SMALL, "solver": solver, "learning_rate_init": 1e-3}
    model = task.model(**parameters, standardize=True).fit(X, task.y)
    pipeline = by_hand(task, **parameters).fit(X, task.y)
    output = "predict" if task.cls is MLPRegressor else "predict_proba"
    expected = getattr(pipeline, output)(X)
    np.testing.assert_allclose(getattr(model, output)(X), expected, rtol=1e-10, atol=1e-10)
    assert model.score(X, task.y) == pytest.approx(pipeline.score(X, task.y), abs=1e-10)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array], ids=["matrix", "array"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_sparse_features_are_scaled_but_not_centred(task, container):
    task = TASKS[task]
    X = container(np.where(task.X > 0.5, unscaled(task), 0))
    model = task.model(**SMALL, standardize=True).fit(X, task.y)
    assert model.x_scaler_.mean_ is None or not model.x_scaler_.with_mean
    scale = X.toarray().std(axis=0)
    scaled = sparse.csr_matrix(X.toarray() / np.where(scale == 0, 1, scale))
    y = task.y if task is WINE else StandardScaler().fit_transform(task.y[:, np.newaxis])[:, 0]
    expected = task.model(**SMALL).fit(scaled, y)
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.predict(X.tocsc()), model.predict(X.toarray()))


def fit_in_two_steps(model, task, step, X):
    """Return the model after a step on rows ``X``, before which it has been fitted to the dense ones."""
    early, dense = step == "X_val", X if step == "X_val" else None
    model.set_params(early_stopping=early, warm_start=step == "warm start")
    model.fit(task.X, task.y, X_val=dense, y_val=task.y if early else None)
    if step in ("partial_fit", "warm start"):
        getattr(model, "partial_fit" if step == "partial_fit" else "fit")(X, task.y)
    return model


def outputs(model, X):
    """Return the predictions of a model, as numbers."""
    for method in ("predict_proba", "predict_quantiles"):
        if hasattr(model, method):
            return getattr(model, method)(X, *([[0.1, 0.9]] if method == "predict_quantiles" else []))
    return model.predict(X)


STOCHASTIC = [
    {},
    {"n_members": 2},
    {"normalization": "batch"},
    {"normalization": "layer", "dropout": 0.2},
    {"hidden_layer_sizes": ()},
    {"solver": "sgd"},
]
FULL_BATCH = [
    {"solver": "lbfgs", "alpha": 1},
    {"solver": "lm", "alpha": 1},
    {"solver": "es", "max_iter": 2, "n_restarts": 0},
]
KINDS = {kind: task.cls for kind, task in TASKS.items()} | {"density": MixtureDensityRegressor}
COMBINATIONS = [
    (kind, step, parameters)
    for kind, cls in KINDS.items()
    for step in ("predict", "X_val", "partial_fit", "warm start")
    for parameters in STOCHASTIC + (FULL_BATCH if step in ("predict", "warm start") else [])
    if parameters.get("solver") != "lm" or (cls is MLPRegressor and kind != "poisson")
]


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array], ids=["csr", "csc"])
@pytest.mark.parametrize(("kind", "step", "parameters"), COMBINATIONS, ids=str)
def test_sparse_rows_after_dense_ones_are_centred_too(kind, step, parameters, container):
    task, cls = TASKS["regression" if kind == "density" else kind], KINDS[kind]
    X = np.where(task.X > 0.3, unscaled(task), 0)
    task = replace(
        task, cls=cls, X=X, parameters={} if kind == "density" else task.parameters | {"standardize": True}
    )
    dense, other = (
        fit_in_two_steps(task.model(**{**SMALL, **parameters}), task, step, rows)
        for rows in (X, container(X))
    )
    np.testing.assert_allclose(outputs(other, container(X)), outputs(dense, X), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(other.loss_curve_, dense.loss_curve_, rtol=1e-6)
    if step == "X_val":
        np.testing.assert_allclose(other.validation_scores_, dense.validation_scores_, rtol=1e-6)


def test_sparse_rows_are_not_made_dense():
    """A dense copy of these would have 8 GB."""
    rows = sparse.csr_matrix((100_000, 10_000))
    X, y = np.random.RandomState(0).normal(size=(20, 10_000)), np.arange(100_000) % 20
    model = MLPRegressor((2,), standardize=True, max_iter=1, random_state=0).fit(X, y[:20])
    model.set_params(batch_size=10_000).partial_fit(rows, y)
    assert np.isfinite(model.predict(rows)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_after_dense_ones_keep_their_precision(dtype):
    X, y = DIABETES.X.astype(dtype), DIABETES.y.astype(dtype)
    model = DIABETES.model(**SMALL, standardize=True).fit(X, y)
    before = model.predict(X)
    assert model.predict(sparse.csr_matrix(X)).dtype == dtype
    np.testing.assert_allclose(model.predict(sparse.csr_matrix(X)), before, rtol=1e-3, atol=1e-5)
    model.partial_fit(sparse.csr_matrix(X), y)
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["regression", "multi-output"])
def test_predictions_are_in_the_units_of_y(kind, solver):
    task = TASKS[kind]
    y = 1e4 * task.y + 7
    parameters = {**FAST, "solver": solver, "standardize": True}
    plain, other = task.model(**parameters).fit(task.X, task.y), task.model(**parameters).fit(task.X, y)
    np.testing.assert_allclose(other.predict(task.X), 1e4 * plain.predict(task.X) + 7, rtol=1e-3, atol=1)
    assert other.score(task.X, y) == pytest.approx(plain.score(task.X, task.y), abs=1e-4)
    assert other.score(task.X, y) > 0.4
    assert other.loss_ == pytest.approx(plain.loss_, rel=1e-3)  # in units of the network


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_large_targets_and_features_do_not_diverge(solver):
    X, y = 1e5 * DIABETES.X, 1e6 * DIABETES.y
    model = DIABETES.model(**FAST, solver=solver, standardize=True).fit(X, y)
    assert model.score(X, y) > 0.4


@tasks
def test_constant_columns(task):
    task = TASKS[task]
    X = np.c_[task.X, np.zeros(len(task.X)), np.full(len(task.X), 1e6)]
    model = task.model(**SMALL, standardize=True).fit(X, task.y)
    assert np.isfinite(model.coefs_[0]).all()
    np.testing.assert_array_equal(model.x_scaler_.transform(X)[:, -2:], 0)
    if task is DIABETES:
        constant = task.model(**SMALL, standardize=True).fit(X, np.full(len(X), 3e5))
        assert constant.predict(X).mean() == pytest.approx(3e5, rel=1e-4)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_targets_with_a_log_link_are_not_scaled(loss):
    y = np.abs(DIABETES.y) + 1
    model = DIABETES.model(**SMALL, standardize=True, loss=loss).fit(DIABETES.X, y)
    assert not hasattr(model, "y_scaler_")
    assert (model.predict(DIABETES.X) > 0).all()


def test_a_classifier_has_no_scaler_of_targets():
    model = WINE.model(**SMALL, standardize=True).fit(WINE.X, WINE.y)
    assert hasattr(model, "x_scaler_")
    assert not hasattr(model, "y_scaler_")


@pytest.mark.parametrize(
    "parameters", [{}, {"scoring": "loss"}, {"scoring": "r2"}, {"n_members": 2}], ids=str
)
def test_statistics_are_those_of_the_training_part(parameters, monkeypatch):
    drawn = []
    hold_out = problem.hold_out

    def remembered(*args):
        drawn.append(hold_out(*args))
        return drawn[-1]

    monkeypatch.setattr(problem, "hold_out", remembered)
    model = DIABETES.model(**SMALL, standardize=True, early_stopping=True, **parameters)
    model.fit(DIABETES.X, DIABETES.y, sample_weight=DIABETES.weights)
    ((rows, held_out),) = drawn
    weights = DIABETES.weights[rows]
    mean = np.average(DIABETES.X[rows], axis=0, weights=weights)
    np.testing.assert_allclose(model.x_scaler_.mean_, mean)
    assert model.y_scaler_.mean_[0] == pytest.approx(np.average(DIABETES.y[rows], weights=weights))
    assert len(set(rows) | set(held_out)) == len(DIABETES.X)
    if parameters.get("scoring") != "loss":
        score = np.mean(
            [
                m.score(DIABETES.X[held_out], DIABETES.y[held_out], DIABETES.weights[held_out])
                for m in getattr(model, "members_", [model])
            ]
        )
        assert model.best_validation_score_ == pytest.approx(score)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@solvers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_the_precision_stays(task, dtype, solver, container):
    task = TASKS[task]
    X = container(task.X.astype(dtype))
    model = task.model(**SMALL, standardize=True, solver=solver)
    model.fit(X, task.y.astype(dtype) if task is DIABETES else task.y)
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
    output = model.predict(X) if task is DIABETES else model.predict_proba(X)
    assert output.dtype == dtype


@tasks
def test_the_data_are_left_alone(task):
    task = TASKS[task]
    X, y = task.X.copy(), task.y.copy()
    model = task.model(**SMALL, standardize=True).fit(X, y)
    model.predict(X)
    np.testing.assert_array_equal(X, task.X)
    np.testing.assert_array_equal(y, task.y)


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_what_goes_on_keeps_the_first_statistics(task, method):
    task = TASKS[task]
    model = task.model(**SMALL, standardize=True, warm_start=True).fit(task.X, task.y)
    scaler = model.x_scaler_
    getattr(model, method)(3 * task.X + 1, task.y)
    assert model.x_scaler_ is scaler
    model.set_params(warm_start=False).fit(3 * task.X + 1, task.y)
    assert model.x_scaler_ is not scaler
    np.testing.assert_allclose(model.x_scaler_.mean_, (3 * task.X + 1).mean(axis=0), atol=1e-12)


def test_a_later_fit_without_it_has_no_scalers():
    model = DIABETES.model(**SMALL, standardize=True).fit(DIABETES.X, DIABETES.y)
    model.set_params(standardize=False).fit(DIABETES.X, DIABETES.y)
    assert not hasattr(model, "x_scaler_")
    assert not hasattr(model, "y_scaler_")
    plain = clone(model).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.predict(DIABETES.X), plain.predict(DIABETES.X))


def test_a_fit_that_fails_leaves_the_scalers():
    model = DIABETES.model(**SMALL, standardize=True).fit(DIABETES.X, DIABETES.y)
    model.set_params(solver="sgd", learning_rate_init=1e6)
    with stays_as_it_was(model), pytest.raises(ValueError, match="diverged"):
        model.fit(2 * DIABETES.X, DIABETES.y)


def test_weights_count_as_repetitions():
    weights = np.random.RandomState(0).randint(3, size=len(DIABETES.X))
    model = DIABETES.model(solver="lbfgs", max_iter=10, standardize=True)
    weighted = clone(model).fit(DIABETES.X, DIABETES.y, sample_weight=weights)
    repeated = clone(model).fit(DIABETES.X.repeat(weights, axis=0), DIABETES.y.repeat(weights))
    np.testing.assert_allclose(weighted.x_scaler_.scale_, repeated.x_scaler_.scale_, rtol=1e-12)
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-6, atol=1e-8)
