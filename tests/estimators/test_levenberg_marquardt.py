"""solver='lm': what it fits, what it refuses."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators.callbacks import HAS_CALLBACKS
from skmlp.network.losses import Huber, SquaredError
from skmlp.training import levenberg_marquardt

from .data import TASKS
from .state import stays_as_it_was
from .test_callbacks import Recorder

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = TASKS["regression"].X, TASKS["regression"].y
SMALL = {"hidden_layer_sizes": (4,), "activation": "tanh", "random_state": 0}


def model(**parameters):
    return MLPRegressor(**{**SMALL, "solver": "lm", **parameters})


def reported_loss(fitted, X, y, sample_weight=None):
    """Return half the squared error plus the penalty, as ``loss_`` has it."""
    total = len(y) if sample_weight is None else sample_weight.sum()
    squares = sum((coef**2).sum() for coef in fitted.coefs_)
    error = mean_squared_error(y, fitted.predict(X), sample_weight=sample_weight)
    return error / 2 + fitted.alpha / 2 * squares / total


# What it fits


@ignore_convergence
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("task", ["regression", "multi-output"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_loss_is_half_the_squared_error_plus_penalty(task, make, weighted):
    task = TASKS[task]
    weights = task.weights if weighted else None
    fitted = model(max_iter=20, alpha=0.5).fit(make(task.X), task.y, weights)
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert fitted.loss_ == pytest.approx(reported_loss(fitted, task.X, task.y, weights), rel=1e-10)
    assert fitted.loss_ < 0.8 * fitted.loss_curve_[0]
    dense = model(max_iter=20, alpha=0.5).fit(task.X, task.y, weights)
    np.testing.assert_allclose(fitted.predict(task.X), dense.predict(task.X), rtol=1e-6, atol=1e-8)


@ignore_convergence
def test_weights_count_like_repeated_rows():
    times = np.resize([1, 2, 0, 3], len(X))
    by_weight = model(max_iter=10).fit(X, y, times)
    by_rows = model(max_iter=10).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(by_weight.predict(X), by_rows.predict(X), rtol=1e-6, atol=1e-8)


@ignore_convergence
@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (4, 3)},
        {"activation": "relu"},
        {"activation": ["gelu"]},
        {"normalization": "layer"},
        {"initializer": "lecun_normal"},
        {"dtype": "float32"},
        {"standardize": True},
    ],
    ids=str,
)
def test_options_of_the_network(parameters):
    fitted = model(max_iter=30, **parameters).fit(X, y)
    assert fitted.score(X, y) > 0.4
    assert fitted.coefs_[0].dtype == parameters.get("dtype", "float64")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_a_huge_scale_of_the_data_is_no_obstacle_without_hidden_layer(alpha):
    scales = 10.0 ** np.linspace(-2, 3, X.shape[1])
    fitted = model(hidden_layer_sizes=(), alpha=0, tol=1e-10).fit(X * scales, 1e4 * y)
    design = np.c_[X * scales, np.ones(len(X))]
    expected = design @ np.linalg.lstsq(design, 1e4 * y, rcond=None)[0]
    np.testing.assert_allclose(fitted.predict(X * scales), expected, atol=1e-3)


@ignore_convergence
@pytest.mark.parametrize("loss", ["squared_error", SquaredError()], ids=str)
def test_squared_error_by_name_or_as_an_instance(loss):
    fitted = model(max_iter=5, loss=loss).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X), model(max_iter=5).fit(X, y).predict(X))


@ignore_convergence
def test_members_of_an_ensemble_are_the_single_fits():
    ensemble = model(max_iter=10, n_members=3).fit(X, y)
    for member in ensemble.members_:
        alone = clone(member).fit(X, y)
        np.testing.assert_array_equal(member.coefs_[0], alone.coefs_[0])
        assert member.loss_curve_ == alone.loss_curve_
    mean = np.mean([member.predict(X) for member in ensemble.members_], axis=0)
    np.testing.assert_allclose(ensemble.predict(X), mean)


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
def test_a_warm_start_goes_on(n_members):
    warm = model(max_iter=6, warm_start=True, n_members=n_members).fit(X, y)
    first, before = list(warm.loss_curve_), warm.loss_
    warm.fit(X, y)
    assert warm.n_iter_ == 6
    assert len(warm.loss_curve_) == 12
    assert warm.loss_curve_[:6] == first
    assert warm.loss_curve_[6] < before
    cold = model(max_iter=6, n_members=n_members).fit(X, y).fit(X, y)
    assert cold.loss_curve_ == first


def test_a_warm_start_at_the_minimum_stays_there():
    warm = model(hidden_layer_sizes=(), warm_start=True).fit(X, y)
    before = [array.copy() for array in warm.coefs_ + warm.intercepts_]
    warm.fit(X, y)
    assert warm.n_iter_ == 1  # which has ended where it started
    for array, other in zip(warm.coefs_ + warm.intercepts_, before, strict=True):
        np.testing.assert_array_equal(array, other)
    assert np.isfinite(warm.loss_)


@ignore_convergence
def test_a_warm_start_may_change_the_solver():
    warm = MLPRegressor(**SMALL, max_iter=20, warm_start=True).fit(X, y)
    before = warm.loss_
    warm.set_params(solver="lm").fit(X, y)
    assert warm.loss_curve_[20] < before
    assert not hasattr(warm, "partial_fit")
    warm.set_params(solver="adam").partial_fit(X, y)


# The end


@pytest.mark.parametrize(
    ("limits", "words"), [({"max_iter": 3}, "max_iter=3"), ({"max_fun": 2}, "max_fun=2")], ids=str
)
def test_limits_give_a_warning_that_names_them(limits, words):
    with pytest.warns(ConvergenceWarning, match=f"lm failed to converge .*{words} .* reached"):
        fitted = model(**limits).fit(X, y)
    assert fitted.n_iter_ <= limits.get("max_iter", 2)


def test_tol_ends_training():
    loose, tight = (model(max_iter=1000, tol=tol).fit(X, y) for tol in (1e-2, 1e-4))
    assert loose.n_iter_ < tight.n_iter_
    assert tight.loss_ < loose.loss_


def test_divergence_is_an_error_that_leaves_the_estimator_as_it_was():
    fitted = model(hidden_layer_sizes=()).fit(X, y)
    with stays_as_it_was(fitted), pytest.raises(ValueError, match=r"diverged .*solver='lm'"):
        fitted.fit(X * 1e200, y)


@ignore_convergence
def test_verbose_prints_each_iteration(capsys):
    fitted = model(max_iter=4, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i}, loss = {loss:.8f}" for i, loss in enumerate(fitted.loss_curve_, 1)]


def test_max_time_ends_training():
    with pytest.warns(ConvergenceWarning, match="max_time=1e-09"):
        fitted = model(max_time=1e-9, n_members=3).fit(X, y)
    assert fitted.n_iter_ == 1
    assert len(fitted.members_) == 1


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
@ignore_convergence
def test_callbacks_can_watch():
    recorder = Recorder()
    fitted = model(max_iter=5).set_callbacks(recorder).fit(X, y)
    assert recorder.count("begin", "epoch") == recorder.count("end", "epoch") == 5
    for n, of_epoch in enumerate(recorder.fitted_estimators, 1):
        shorter = model(max_iter=n).fit(X, y)
        np.testing.assert_array_equal(of_epoch.predict(X), shorter.predict(X))
    np.testing.assert_array_equal(of_epoch.predict(X), fitted.predict(X))


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on")
def test_callbacks_can_stop_training():
    fitted = model().set_callbacks(Recorder(stop_after=3)).fit(X, y)
    assert fitted.n_iter_ == 3


# What it refuses


REFUSED = {
    "classifier": (MLPClassifier, {}, "trains MLPRegressor .* not MLPClassifier"),
    "density": (MixtureDensityRegressor, {}, "trains MLPRegressor .* not MixtureDensityRegressor"),
    "other loss": (MLPRegressor, {"loss": "absolute_error"}, "loss='squared_error', .*'absolute_error'"),
    "other instance": (MLPRegressor, {"loss": Huber()}, r"loss=Huber\(delta=1.0\).*solver='lbfgs'"),
    "other link": (MLPRegressor, {"loss": "poisson"}, "loss='poisson'"),
    "quantile": (MLPRegressor, {"loss": "quantile", "quantile": 0.3}, "loss='quantile'"),
    "scorer": (MLPRegressor, {"loss": "r2"}, "loss='r2' has no gradient.* solver='es'"),
    "dropout": (MLPRegressor, {"dropout": 0.2}, "dropout=0.2 .*solver='lm'.* leave dropout out"),
    "batch": (MLPRegressor, {"normalization": "batch"}, "normalization='batch' .*solver='lm'"),
    "weight decay": (MLPRegressor, {"weight_decay": 0.1}, "weight_decay=0.1 .*solver='lm'"),
    "clipping": (MLPRegressor, {"max_grad_norm": 1.0}, "max_grad_norm=1.0 .*solver='lm'"),
    "warmup": (MLPRegressor, {"warmup": 0.1}, "warmup=0.1 .*solver='lm'"),
    "schedule": (MLPRegressor, {"learning_rate": "cosine"}, "learning_rate='cosine' .*solver='lm'"),
    "beta": (MixtureDensityRegressor, {"beta": 0.5}, "beta=0.5 .*solver='lm'"),
    "too many": (MLPRegressor, {"hidden_layer_sizes": (1000,)}, "solver='lm' .* 12001 parameters .*GiB"),
}


@ignore_convergence
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize(("cls", "parameters", "words"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_way_out_and_change_nothing(cls, parameters, words, fitted, monkeypatch):
    monkeypatch.setattr(levenberg_marquardt, "normal_equations", None)  # no work is begun
    labels = (y > 0).astype(int)
    refused = cls(**SMALL, max_iter=2)
    if fitted:
        refused.fit(X, labels)
    refused.set_params(solver="lm", **parameters)
    with stays_as_it_was(refused), pytest.raises(ValueError, match=words):
        refused.fit(X, labels)


def test_too_many_parameters_name_the_limit():
    with pytest.raises(
        ValueError, match=r"2.1 GiB of memory, .*limit of 1.0 GiB.*hidden_layer_sizes smaller"
    ):
        model(hidden_layer_sizes=(1000,)).fit(X, y)


def test_there_is_no_partial_fit():
    assert not hasattr(model(), "partial_fit")
