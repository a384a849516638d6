"""n_members: a stack of networks, each of which is the one that is trained alone."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skmlp import MLPClassifier, MLPRegressor

from .data import TASKS
from .state import same_content

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, CANCER, GENRES = TASKS["multiclass"], TASKS["binary"], TASKS["multilabel"]
DIABETES, PHYSICAL = TASKS["regression"], TASKS["multi-output"]
SMALL = {"hidden_layer_sizes": (7, 5), "batch_size": 13, "max_iter": 5, "n_members": 3}

tasks = pytest.mark.parametrize("task", TASKS)
VARIANTS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "nadam": {"solver": "nadam"},
    "rmsprop": {"solver": "rmsprop"},
    "adaptive": {"learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    "cosine": {"learning_rate": "cosine", "warmup": 0.2},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "dropout": {"dropout": 0.3},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "standardize": {"standardize": True},
    "clipped": {"max_grad_norm": 0.1, "weight_decay": 0.1},
    "orthogonal": {"initializer": "orthogonal"},
    "float32": {"dtype": "float32"},
    "lbfgs": {"solver": "lbfgs"},
    "all": {"solver": "nadam", "dropout": 0.2, "normalization": "batch", "standardize": True},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def arrays_of(model):
    """Return all arrays that were learned."""
    others = [array for layer in getattr(model, "normalization_parameters_", []) for array in layer]
    return [*model.coefs_, *model.intercepts_, *others]


def assert_same_arrays(model, other):
    for ours, theirs in zip(arrays_of(model), arrays_of(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


CURVES = ["loss_", "loss_curve_", "best_loss_", "n_iter_", "t_", "best_iter_"]


def assert_is_alone(member, X, y, **arguments):
    """Raise unless a single estimator with the member's random_state learns the same bits."""
    assert member.n_members == 1
    alone = clone(member).fit(X, y, **arguments)
    assert_same_arrays(member, alone)
    for name in CURVES:
        assert getattr(member, name) == getattr(alone, name), name
    np.testing.assert_array_equal(member.predict(X), alone.predict(X))


@variants
@tasks
def test_each_member_is_the_network_that_is_trained_alone(task, variant):
    task = TASKS[task]
    model = task.model(**SMALL, **VARIANTS[variant]).fit(task.X, task.y)
    seeds = [member.random_state for member in model.members_]
    assert len(set(seeds)) == 3
    for member in model.members_:
        assert_is_alone(member, task.X, task.y)


@pytest.mark.parametrize("variant", ["adam", "sgd", "batch", "dropout", "lbfgs"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_members_of_weighted_and_of_sparse_data(task, variant):
    task = TASKS[task]
    for X in (task.X, sparse.csr_array(task.X)):
        model = task.model(**SMALL, **VARIANTS[variant]).fit(X, task.y, sample_weight=task.weights)
        for member in model.members_:
            assert_is_alone(member, X, task.y, sample_weight=task.weights)


def test_members_differ_in_weights_and_orders():
    model = DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y)
    assert np.abs(model.coefs_[0][0] - model.coefs_[0][1]).max() > 0.1
    orders = model._optimizer_state["order"]
    assert len({tuple(order) for order in orders.tolist()}) == 3
    np.testing.assert_array_equal(np.sort(orders), np.tile(np.arange(len(DIABETES.X)), (3, 1)))


@tasks
def test_shapes_of_coefs(task):
    task = TASKS[task]
    model = task.model(**SMALL, normalization="batch").fit(task.X, task.y)
    m, q = task.X.shape[1], model.n_outputs_
    assert [coef.shape for coef in model.coefs_] == [(3, m, 7), (3, 7, 5), (3, 5, q)]
    assert [intercept.shape for intercept in model.intercepts_] == [(3, 7), (3, 5), (3, q)]
    shapes = [[array.shape for array in layer] for layer in model.normalization_parameters_]
    assert shapes == [[(3, 7)] * 4, [(3, 5)] * 4]
    assert model.n_layers_ == 4


def test_members_share_the_memory_of_the_ensemble():
    model = WINE.model(**SMALL, normalization="layer").fit(WINE.X, WINE.y)
    for k, member in enumerate(model.members_):
        for whole, part in zip(arrays_of(model), arrays_of(member), strict=True):
            assert np.shares_memory(whole, part)
            np.testing.assert_array_equal(whole[k], part)
    before = model.predict_proba(WINE.X)
    model.members_[1].coefs_[0][:] = 0
    assert np.abs(model.predict_proba(WINE.X) - before).max() > 0


def test_a_single_network_has_no_members():
    """Tools that walk fitted attributes would find it in itself, without end."""
    model = WINE.model(**{**SMALL, "n_members": 1})
    assert not hasattr(model, "members_")
    model.fit(WINE.X, WINE.y)
    assert not hasattr(model, "members_")
    with pytest.raises(AttributeError, match="n_members=2 or more"):
        _ = model.members_
    assert model.coefs_[0].ndim == 2
    assert not any(
        hasattr(member, "members_") for member in WINE.model(**SMALL).fit(WINE.X, WINE.y).members_
    )


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_probabilities_are_the_mean(kind, normalization):
    task = TASKS[kind]
    model = task.model(**SMALL, normalization=normalization).fit(task.X, task.y)
    each = np.array([member.predict_proba(task.X) for member in model.members_])
    p = model.predict_proba(task.X)
    np.testing.assert_allclose(p, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(task.X)), p, rtol=1e-9)
    scores = model.decision_function(task.X)
    if kind == "multiclass":
        np.testing.assert_array_equal(model.predict(task.X), model.classes_[p.argmax(axis=1)])
        np.testing.assert_array_equal(np.argsort(scores, axis=1), np.argsort(p, axis=1))
        np.testing.assert_allclose(np.exp(scores - logsumexp(scores, axis=1, keepdims=True)), p)
    else:
        positive = p if kind == "multilabel" else p[:, 1]
        np.testing.assert_array_equal(model.predict(task.X), (positive > 0.5).astype(int))
        np.testing.assert_array_equal(np.argsort(scores, axis=0), np.argsort(positive, axis=0))
        np.testing.assert_allclose(1 / (1 + np.exp(-scores)), positive)


@pytest.mark.parametrize("task", [CANCER, WINE, GENRES], ids=["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_finite_however_small(task):
    model = task.model(**SMALL).fit(task.X, task.y)
    log_p = model.predict_log_proba(1e4 * task.X)
    assert np.isfinite(log_p).all()
    each = np.array([member.predict_log_proba(1e4 * task.X) for member in model.members_])
    np.testing.assert_allclose(log_p, logsumexp(each, axis=0) - np.log(3), rtol=1e-6, atol=1e-9)
    assert log_p.min() < -100


def test_several_multiclass_targets():
    y = np.c_[WINE.y, WINE.X[:, 0] > 0].astype(int)
    model = WINE.model(**SMALL).fit(WINE.X, y)
    each = [member.predict_proba(WINE.X) for member in model.members_]
    for k, p in enumerate(model.predict_proba(WINE.X)):
        np.testing.assert_allclose(p, np.mean([member[k] for member in each], axis=0), rtol=1e-12)
    assert model.predict(WINE.X).shape == y.shape


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("kind", ["regression", "multi-output", "poisson"])
def test_predictions_of_a_regressor_are_mean_and_standard_deviation(kind, standardize):
    task = TASKS[kind]
    model = task.model(**SMALL, standardize=standardize).fit(task.X, task.y)
    each = np.array([member.predict(task.X) for member in model.members_])
    mean, std = model.predict(task.X, return_std=True)
    assert mean.shape == std.shape == task.y.shape
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, each.std(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(task.X), mean)
    assert std.min() > 0


@pytest.mark.parametrize("parameters", [{}, {"hidden_layer_sizes": ()}, {"solver": "lbfgs"}], ids=str)
def test_a_single_network_has_no_standard_deviation(parameters):
    model = DIABETES.model(**{**SMALL, "n_members": 1, **parameters}).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(ValueError, match=r"return_std=True.*n_members=2"):
        model.predict(DIABETES.X, return_std=True)
    ensemble = DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(ValueError, match="return_std=True"):
        ensemble.members_[0].predict(DIABETES.X, return_std=True)


def test_the_standard_deviation_grows_away_from_the_data():
    X = np.random.RandomState(0).uniform(-1, 1, size=(101, 1))
    model = MLPRegressor((20,), solver="lbfgs", n_members=8, random_state=0).fit(X, np.sin(3 * X[:, 0]))
    _, inside = model.predict(np.linspace(-0.9, 0.9, 20)[:, np.newaxis], return_std=True)
    _, outside = model.predict([[-4.0], [4.0]], return_std=True)
    assert outside.min() > 10 * inside.max()


# Curves and early stopping.


@pytest.mark.parametrize("parameters", [{}, {"scoring": "loss"}, {"standardize": True}], ids=str)
@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_early_stopping_lets_each_member_go_in_its_time(task, parameters):
    X, y, X_val, y_val = task.X[:70], task.y[:70], task.X[70:], task.y[70:]
    options = {"early_stopping": True, "max_iter": 200, "n_iter_no_change": 2, "learning_rate_init": 0.02}
    model = task.model(**{**SMALL, **options, **parameters, "n_members": 4})
    model.fit(X, y, X_val=X_val, y_val=y_val)
    members = model.members_
    lengths = [member.n_iter_ for member in members]
    assert len(set(lengths)) > 1
    assert model.n_iter_ == max(lengths) < 200
    for member in members:
        alone = clone(member).fit(X, y, X_val=X_val, y_val=y_val)
        assert_same_arrays(member, alone)
        for name in [*CURVES, "validation_scores_", "validation_loss_curve_", "best_validation_score_"]:
            assert getattr(member, name) == getattr(alone, name), name


@pytest.mark.parametrize("early_stopping", [False, True])
def test_what_is_published_is_the_mean_over_members_still_trained(early_stopping):
    model = WINE.model(
        **{**SMALL, "max_iter": 60, "tol": 0.01, "learning_rate_init": 0.02, "n_iter_no_change": 2}
    )
    model.set_params(early_stopping=early_stopping).fit(WINE.X, WINE.y)
    members = model.members_
    names = ["loss_curve_"] + ["validation_scores_", "validation_loss_curve_"] * early_stopping
    for name in names:
        curves = [getattr(member, name) for member in members]
        expected = [
            np.mean([curve[i] for curve in curves if i < len(curve)]) for i in range(max(map(len, curves)))
        ]
        assert getattr(model, name) == pytest.approx(expected)
    assert model.loss_ == pytest.approx(np.mean([member.loss_ for member in members]))
    assert model.n_iter_ == max(member.n_iter_ for member in members)
    assert model.t_ == max(member.t_ for member in members)


@pytest.mark.parametrize("task", [WINE, DIABETES], ids=["classifier", "regressor"])
def test_a_drawn_validation_part_is_the_same_for_all_members(task):
    """And no member sees it in training."""
    model = task.model(**SMALL, early_stopping=True).fit(task.X, task.y)
    orders = np.sort(model._optimizer_state["order"])
    assert orders.shape[1] == len(task.X) - np.ceil(len(task.X) / 10)
    assert (orders == orders[0]).all()


def test_a_divergent_member_is_told_of():
    with pytest.raises(ValueError, match="3 of 3 members diverged"):
        DIABETES.model(**{**SMALL, "solver": "sgd", "learning_rate_init": 1e6}).fit(DIABETES.X, DIABETES.y)


def test_members_that_run_out_of_epochs_warn_once():
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as warnings:
        WINE.model(**SMALL).fit(WINE.X, WINE.y)
    assert len(warnings) == 1


def test_verbose_prints_one_line_per_epoch(capsys):
    model = WINE.model(**SMALL, verbose=True).fit(WINE.X, WINE.y)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Iteration")]
    assert len(lines) == 5
    assert float(lines[-1].split()[-1]) == pytest.approx(model.loss_, abs=1e-7)


# Training that goes on.


@pytest.mark.parametrize("variant", ["adam", "sgd", "dropout", "batch", "standardize", "lbfgs"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_warm_starts_go_on_in_every_member(task, variant):
    task = TASKS[task]
    parameters = {**SMALL, **VARIANTS[variant], "warm_start": True}
    model = task.model(**parameters).fit(task.X, task.y)
    seeds = [member.random_state for member in model.members_]
    before = [list(member.loss_curve_) for member in model.members_]
    model.fit(task.X, task.y)
    assert [member.random_state for member in model.members_] == seeds
    for member, curve in zip(model.members_, before, strict=True):
        alone = clone(member).set_params(warm_start=True).fit(task.X, task.y).fit(task.X, task.y)
        assert_same_arrays(member, alone)
        assert member.loss_curve_ == alone.loss_curve_
        assert member.loss_curve_[: len(curve)] == curve


@pytest.mark.parametrize("variant", ["adam", "sgd", "cosine", "dropout", "batch", "standardize"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_partial_fits_go_on_in_every_member(task, variant):
    task = TASKS[task]
    classes = {} if task is DIABETES else {"classes": [0, 1, 2]}
    model = task.model(**SMALL, **VARIANTS[variant])
    for rows in (slice(60), slice(60, None), slice(None)):
        model.partial_fit(task.X[rows], task.y[rows], **classes)
    for member in model.members_:
        alone = clone(member)
        for rows in (slice(60), slice(60, None), slice(None)):
            alone.partial_fit(task.X[rows], task.y[rows], **classes)
        assert_same_arrays(member, alone)
        assert member.loss_curve_ == alone.loss_curve_


def test_a_random_state_that_is_a_stream():
    stream, again = np.random.RandomState(0), np.random.RandomState(0)
    model = WINE.model(**SMALL, random_state=stream).fit(WINE.X, WINE.y)
    assert_same_arrays(model, WINE.model(**SMALL, random_state=again).fit(WINE.X, WINE.y))
    assert_same_arrays(model, WINE.model(**SMALL, random_state=0).fit(WINE.X, WINE.y))
    assert stream.uniform() == again.uniform()


@pytest.mark.parametrize("task", TASKS)
def test_pickles(task):
    task = TASKS[task]
    model = task.model(**SMALL, early_stopping=len(task.X) > 30, warm_start=True).fit(task.X, task.y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(task.X), model.predict(task.X))
    assert same_content(vars(copy), vars(model))
    for member, other in zip(copy.members_, model.members_, strict=True):
        np.testing.assert_array_equal(member.predict(task.X), other.predict(task.X))
        again = pickle.loads(pickle.dumps(member))
        np.testing.assert_array_equal(again.predict(task.X), other.predict(task.X))
    assert_same_arrays(copy.fit(task.X, task.y), model.fit(task.X, task.y))


def test_an_ensemble_is_better_than_its_members():
    X, y = CANCER.X[:, :5], CANCER.y
    model = MLPClassifier((20,), n_members=8, max_iter=50, random_state=0).fit(X[:50], y[:50])
    losses = [-np.log(m.predict_proba(X[50:])[np.arange(51), y[50:]]).mean() for m in model.members_]
    loss = -np.log(model.predict_proba(X[50:])[np.arange(51), y[50:]]).mean()
    assert loss < np.mean(losses)


@pytest.mark.parametrize(
    "options",
    [{}, {"dropout": 0.2}, {"solver": "sgd", "learning_rate": "invscaling"}],
    ids=["adam", "dropout", "invscaling"],
)
def test_training_goes_on_after_members_have_stopped_at_different_epochs(options):
    parameters = {
        "hidden_layer_sizes": (5,),
        "learning_rate_init": 0.05,
        "max_iter": 100,
        "warm_start": True,
    }
    patience = {"tol": 1e-2, "n_iter_no_change": 3, "standardize": True}
    model = MLPClassifier(**parameters, **patience, **options, n_members=4, random_state=0)
    model.fit(WINE.X, WINE.y)
    assert len({member.n_iter_ for member in model.members_}) > 1
    model.fit(WINE.X, WINE.y)
    for member in model.members_:
        alone = clone(member).set_params(warm_start=True).fit(WINE.X, WINE.y).fit(WINE.X, WINE.y)
        assert_same_arrays(member, alone)
    model.partial_fit(WINE.X, WINE.y)


def test_members_of_more_than_one_fit_are_those_of_the_last():
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    model.set_params(n_members=2).fit(WINE.X, WINE.y)
    assert len(model.members_) == 2
    model.set_params(n_members=1).fit(WINE.X, WINE.y)
    assert not hasattr(model, "members_")
    assert not hasattr(model, "_members")
