"""MixtureDensityRegressor: known distributions, units, shapes, ensembles, and what users put around it."""

import pickle
from numbers import Number

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skmlp import MixtureDensityRegressor
from skmlp.network.gaussian_mixture import GaussianMixture

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIABETES, PHYSICAL = TASKS["regression"], TASKS["multi-output"]
SMALL = {
    "hidden_layer_sizes": (7,),
    "batch_size": 13,
    "max_iter": 5,
    "early_stopping": False,
    "random_state": 0,
}
THOROUGH = {
    "hidden_layer_sizes": (20,),
    "activation": "tanh",
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "max_iter": 40,
    "early_stopping": False,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
SINGLE_AND_SEVERAL = pytest.mark.parametrize("task", [DIABETES, PHYSICAL], ids=["one target", "several"])


def small(**parameters):
    return MixtureDensityRegressor(**{**SMALL, **parameters})


def log_likelihood(estimator, X, y):
    return estimator.score_samples(X, y).mean()


def arrays_of(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same_arrays(model, other, **tolerance):
    for ours, theirs in zip(arrays_of(model), arrays_of(other), strict=True):
        np.testing.assert_allclose(ours, theirs, **(tolerance or {"rtol": 0}))


def change(array, other):
    return np.abs(np.asarray(array) - np.asarray(other)).max()


# Distributions that are known.


def noisy_sine(n_samples, seed):
    """Return X, y, and the true mean and standard deviation of y."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=n_samples)
    mean, std = np.sin(3 * x), 0.25 + 0.2 * x
    return x[:, np.newaxis], rng.normal(mean, std), mean, std


def s_curve(n_samples, seed):
    """Return x = t + 0.3 sin(2 pi t) with some noise as X, and t as y, of which up to three have one x."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(size=n_samples)
    x = t + 0.3 * np.sin(2 * np.pi * t) + rng.normal(scale=0.02, size=n_samples)
    return x[:, np.newaxis], t


def two_answers(n_samples=300, seed=0):
    """Return X, and y near 1 or -1 whatever X is."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_samples, 2))
    return X, rng.choice([-1.0, 1.0], size=n_samples) + rng.normal(scale=0.1, size=n_samples)


@pytest.fixture(scope="module")
def of_sine():
    X, y, _, _ = noisy_sine(3000, seed=0)
    return MixtureDensityRegressor(
        (10,), "tanh", n_components=1, solver="lbfgs", max_iter=100, random_state=0
    ).fit(X, y)


@pytest.fixture(scope="module", params=[1, 3], ids=["single", "ensemble"])
def fitted(request):
    """Return a small model of one target."""
    return small(n_members=request.param).fit(DIABETES.X, DIABETES.y)


def test_mean_and_standard_deviation_of_a_normal_distribution_are_found(of_sine):
    X, y, mean, std = noisy_sine(4000, seed=1)
    found_mean, found_std = of_sine.predict(X, return_std=True)
    assert np.sqrt(np.mean((found_mean - mean) ** 2)) < 0.06  # the mean itself has a deviation of 0.7
    assert np.abs(np.log(found_std / std)).mean() < 0.1
    best = norm.logpdf(y, mean, std).mean()
    assert best - 0.03 < log_likelihood(of_sine, X, y) < best + 0.005


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_intervals_hold_their_share_of_new_targets(of_sine, coverage):
    X, y, _, _ = noisy_sine(4000, seed=1)
    lower, upper = of_sine.predict_interval(X, coverage).T
    assert np.mean((lower <= y) & (y <= upper)) == pytest.approx(coverage, abs=0.025)
    assert np.mean(y < lower) == pytest.approx((1 - coverage) / 2, abs=0.02)


def test_several_answers_are_held_at_once():
    X, t = s_curve(1500, seed=0)
    new, new_t = s_curve(1000, seed=1)
    one, three = (MixtureDensityRegressor(**THOROUGH, n_components=k).fit(X, t) for k in (1, 3))
    assert log_likelihood(three, new, new_t) > log_likelihood(one, new, new_t) + 1

    def distance_from_the_curve(t):
        return np.quantile(np.abs(t + 0.3 * np.sin(2 * np.pi * t) - new[:, 0]), 0.9)

    assert distance_from_the_curve(three.predict_dist(new).mode()) < 0.05
    assert distance_from_the_curve(three.predict(new)) > 0.15  # the mean lies between the branches
    # Where x has three t, so have the samples.
    samples = three.sample_y([[0.5]], 2000)[0]
    shares = [np.mean(np.abs(samples - t) < 0.05) for t in (0.2095, 0.5, 0.7905)]
    assert min(shares) > 0.1


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_every_beta_finds_the_mean(beta):
    X, y, _, _ = noisy_sine(1500, seed=0)
    new, _, mean, std = noisy_sine(1000, seed=1)
    model = MixtureDensityRegressor(**THOROUGH, n_components=1, beta=beta).fit(X, y)
    found_mean, found_std = model.predict(new, return_std=True)
    assert np.sqrt(np.mean((found_mean - mean) ** 2)) < 0.11
    assert np.abs(np.log(found_std / std)).mean() < 0.22


def test_real_data():
    X, new, y, new_y = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    model = MixtureDensityRegressor((20,), n_components=1, n_members=5, random_state=0).fit(X, y)
    assert log_likelihood(model, new, new_y) > norm.logpdf(new_y, y.mean(), y.std()).mean() + 0.1
    assert model.score(new, new_y) > 0.25
    assert model.predict_dist(new).crps(new_y).mean() < np.abs(new_y - model.predict(new)).mean()


def test_the_defaults_are_honest_on_small_data():
    """On average over splits: a network that has overfitted covers 70 % of new targets, at -14."""
    inside, log_likelihoods = [], []
    for seed in range(20):
        X, new, y, new_y = train_test_split(*load_diabetes(return_X_y=True), random_state=seed)
        model = MixtureDensityRegressor(random_state=seed).fit(X, y)
        lower, upper = model.predict_interval(new).T
        inside.append(np.mean((lower <= new_y) & (new_y <= upper)))
        log_likelihoods.append(log_likelihood(model, new, new_y))
    assert 0.85 < np.mean(inside) < 0.95
    assert np.mean(log_likelihoods) > -5.45


# What the methods return.


def test_the_density_integrates_to_one(fitted):
    y = np.linspace(-30, 30, 6001)
    for row in DIABETES.X[:3]:
        density = np.exp(fitted.score_samples(np.tile(row, (len(y), 1)), y))
        assert density.sum() * (y[1] - y[0]) == pytest.approx(1, rel=1e-6)


@SINGLE_AND_SEVERAL
def test_shapes(task):
    model = small(n_members=2).fit(task.X, task.y)
    X, n = task.X[:4], 4
    targets = task.y.shape[1:]
    d = model.predict_dist(X)
    assert isinstance(d, GaussianMixture)
    assert d.weights.shape == (n, 6)
    for name, found, shape in [
        ("means", d.means, (n, 6, *targets)),
        ("predict", model.predict(X), (n, *targets)),
        ("std", model.predict(X, return_std=True)[1], (n, *targets)),
        ("mode", d.mode(), (n, *targets)),
        ("cdf", d.cdf(task.y[:4]), (n, *targets)),
        ("crps", d.crps(task.y[:4]), (n, *targets)),
        ("one quantile", model.predict_quantiles(X, 0.5), (n, *targets)),
        ("list of one quantile", model.predict_quantiles(X, [0.5]), (n, *targets, 1)),
        ("quantiles", model.predict_quantiles(X, np.linspace(0, 1, 7)), (n, *targets, 7)),
        ("interval", model.predict_interval(X), (n, *targets, 2)),
        ("score_samples", model.score_samples(X, task.y[:4]), (n,)),
        ("score_samples without y", model.score_samples(X), (n,)),
        ("one draw", model.sample_y(X), (n, *targets, 1)),
        ("draws", model.sample_y(X, 5), (n, *targets, 5)),
    ]:
        assert found.shape == shape, name


@SINGLE_AND_SEVERAL
def test_predictions_are_those_of_the_distribution(task):
    model = small().fit(task.X, task.y)
    d = model.predict_dist(task.X)
    mean, std = model.predict(task.X, return_std=True)
    np.testing.assert_array_equal(model.predict(task.X), mean)
    np.testing.assert_array_equal(mean, d.mean())
    np.testing.assert_array_equal(std, d.std())
    np.testing.assert_array_equal(model.score_samples(task.X, task.y), d.logpdf(task.y))
    np.testing.assert_array_equal(model.score_samples(task.X), d.logpdf(d.mode()))
    assert (model.score_samples(task.X) >= model.score_samples(task.X, task.y)).all()
    assert model.score(task.X, task.y) == pytest.approx(r2_score(task.y, mean))


@SINGLE_AND_SEVERAL
def test_log_densities_are_minus_the_loss_but_for_the_unit(task):
    model = small(alpha=0, solver="lbfgs").fit(task.X, task.y)
    expected = -model.loss_ - np.log(model.y_scaler_.scale_).sum()
    assert log_likelihood(model, task.X, task.y) == pytest.approx(expected, rel=1e-12)


@SINGLE_AND_SEVERAL
def test_quantiles_are_in_order_and_inverse(task):
    model = small().fit(task.X, task.y)
    p = [0.01, 0.25, 0.5, 0.75, 0.99]
    y = model.predict_quantiles(task.X, p)
    assert (np.diff(y, axis=-1) > 0).all()
    for k in range(5):
        np.testing.assert_allclose(model.predict_dist(task.X).cdf(y[..., k]), p[k], rtol=1e-12)
        np.testing.assert_array_equal(model.predict_quantiles(task.X, p[k]), y[..., k])
    np.testing.assert_array_equal(model.predict_interval(task.X, 0.5), y[..., [1, 3]])
    np.testing.assert_allclose(
        model.predict_interval(task.X), model.predict_quantiles(task.X, [0.05, 0.95])
    )
    ends = model.predict_quantiles(task.X, [0, 1])
    np.testing.assert_array_equal(ends, np.broadcast_to([-np.inf, np.inf], ends.shape))


@SINGLE_AND_SEVERAL
def test_samples_can_be_repeated(task):
    model = small().fit(task.X, task.y)
    draws = model.sample_y(task.X, 5)
    np.testing.assert_array_equal(draws, model.sample_y(task.X, 5))
    np.testing.assert_array_equal(draws, model.sample_y(task.X, 5, random_state=0))
    np.testing.assert_array_equal(draws, model.sample_y(task.X, 5, random_state=np.random.RandomState(0)))
    for other in (1, None, np.random.RandomState(1)):
        assert change(draws, model.sample_y(task.X, 5, random_state=other)) > 0.1


@SINGLE_AND_SEVERAL
def test_samples_have_mean_and_standard_deviation(task):
    model = small().fit(task.X, task.y)
    draws = model.sample_y(task.X[:3], 20_000)
    mean, std = model.predict(task.X[:3], return_std=True)
    np.testing.assert_allclose(draws.mean(axis=-1), mean, atol=5 * std.max() / np.sqrt(20_000))
    np.testing.assert_allclose(draws.std(axis=-1), std, rtol=0.03)


def test_the_density_of_several_targets_is_joint():
    """Two targets on a circle: either by itself says where the other can be."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=500)
    X, Y = rng.normal(size=(500, 1)), np.c_[np.cos(angle), np.sin(angle)]
    parameters = {**THOROUGH, "hidden_layer_sizes": (5,), "n_components": 6}
    model = MixtureDensityRegressor(**parameters).fit(X, Y)
    apart = sum(log_likelihood(MixtureDensityRegressor(**parameters).fit(X, y), X, y) for y in Y.T)
    assert log_likelihood(model, X, Y) > apart + 0.2
    draws = model.sample_y(X[:1], 1000)[0]
    assert np.median(np.hypot(*draws)) == pytest.approx(1, abs=0.1)


# Units.


@SINGLE_AND_SEVERAL
@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (1.0, 50.0), (0.001, -7.0)])
def test_predictions_are_in_the_unit_of_the_targets(task, factor, shift):
    X, y = task.X, task.y
    unit = factor * np.arange(1.0, 4.0) if y.ndim > 1 else factor  # each target has another
    model, other = small().fit(X, y), small().fit(X, unit * y + shift)
    tolerance = {"rtol": 1e-8, "atol": 1e-8 * factor}
    mean, std = model.predict(X, return_std=True)
    other_mean, other_std = other.predict(X, return_std=True)
    np.testing.assert_allclose(other_mean, unit * mean + shift, **tolerance)
    np.testing.assert_allclose(other_std, unit * std, **tolerance)
    for name in ("predict_interval", "sample_y"):
        expected = unit * np.moveaxis(getattr(model, name)(X), -1, 0) + shift
        np.testing.assert_allclose(np.moveaxis(getattr(other, name)(X), -1, 0), expected, **tolerance)
    expected = model.score_samples(X, y) - np.log(unit).sum()
    np.testing.assert_allclose(other.score_samples(X, unit * y + shift), expected, rtol=1e-7, atol=1e-7)


def test_the_unit_of_the_features_does_not_matter():
    model = small().fit(DIABETES.X, DIABETES.y)
    other = small().fit(1e4 * DIABETES.X + 1e3, DIABETES.y)
    expected = model.predict(DIABETES.X)
    np.testing.assert_allclose(other.predict(1e4 * DIABETES.X + 1e3), expected, rtol=1e-6, atol=1e-8)


# The start.

N = len(DIABETES.X)
FIRST_EPOCHS = pytest.mark.parametrize("max_iter", [1, 30])


@SINGLE_AND_SEVERAL
def test_training_starts_from_the_distribution_of_the_targets(task):
    model = small(max_iter=1, learning_rate_init=1e-15).fit(task.X, task.y)
    d = model.predict_dist(task.X)
    for values in (d.weights, d.means, d.scales):
        np.testing.assert_allclose(values, np.broadcast_to(values[:1], values.shape), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d.std()[0], task.y.std(axis=0), rtol=1e-6)


@FIRST_EPOCHS
@pytest.mark.parametrize("value", [0.0, 5.0, 1e-8, 1e8, -123456789.123])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"n_members": 2}, {"n_components": 1}, {"solver": "lbfgs"}, {"normalization": "batch"}],
    ids=str,
)
def test_targets_that_are_all_alike(parameters, value, max_iter):
    y = np.full(N, value)
    model = MixtureDensityRegressor(max_iter=max_iter, random_state=0, **parameters).fit(DIABETES.X, y)
    np.testing.assert_allclose(model.predict(DIABETES.X), y, rtol=1e-15)
    highest = norm.logpdf(0, scale=0.03)
    np.testing.assert_allclose(model.score_samples(DIABETES.X, y), highest, atol=0.02)


@FIRST_EPOCHS
@pytest.mark.parametrize("value", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("spread", [1e-3, 1e-8, 1e-12])
def test_targets_that_are_almost_alike(value, spread, max_iter):
    y = value * (1 + spread * np.random.default_rng(0).normal(size=N))
    model = MixtureDensityRegressor(max_iter=max_iter, random_state=0).fit(DIABETES.X, y)
    as_one = norm.logpdf((y - y.mean()) / y.std()).mean() - np.log(y.std())
    assert log_likelihood(model, DIABETES.X, y) > as_one - 0.1


@FIRST_EPOCHS
@pytest.mark.parametrize("outliers", [1, 10])
def test_targets_that_are_alike_but_for_outliers(outliers, max_iter):
    y = np.r_[np.full(N - outliers, 5.0), np.full(outliers, 6.0)]
    model = MixtureDensityRegressor(max_iter=max_iter, early_stopping=False, random_state=0)
    model.fit(DIABETES.X, y)
    assert log_likelihood(model, DIABETES.X, y) > norm.logpdf(y, y.mean(), y.std()).mean() - 0.1


@FIRST_EPOCHS
def test_one_of_several_targets_is_constant(max_iter):
    Y = np.c_[np.full(N, 5.0), DIABETES.y]
    model = MixtureDensityRegressor(max_iter=max_iter, random_state=0).fit(DIABETES.X, Y)
    np.testing.assert_allclose(model.predict(DIABETES.X)[:, 0], 5, rtol=1e-15)
    constant = norm.logpdf(0, scale=0.03)
    other = norm.logpdf(DIABETES.y, DIABETES.y.mean(), DIABETES.y.std()).mean()
    assert log_likelihood(model, DIABETES.X, Y) > constant + other - 0.1


def test_partial_fits_to_targets_that_are_all_alike():
    model = MixtureDensityRegressor(random_state=0)
    for _ in range(5):
        model.partial_fit(DIABETES.X, np.full(N, 5.0))
        np.testing.assert_allclose(model.predict(DIABETES.X), 5, rtol=1e-15)


# The floor of the scales.


@pytest.mark.parametrize("min_scale", [1e-10, 1])
def test_the_lowest_and_the_highest_floor(min_scale):
    model = small(max_iter=3, n_components=3, min_scale=min_scale).fit(DIABETES.X, DIABETES.y)
    assert np.isfinite(model.score_samples(DIABETES.X, DIABETES.y)).all()


@pytest.mark.parametrize("min_scale", [0.003, 0.03, 0.1])
def test_the_floor_bounds_the_likelihood_of_values_that_repeat(min_scale):
    """Each component collapses onto one of three values: the smaller the floor, the more likely."""
    X, y = np.zeros((90, 1)), np.repeat([0.0, 5.0, 10.0], [20, 30, 40])
    model = small(hidden_layer_sizes=(), solver="lbfgs", max_iter=200, min_scale=min_scale).fit(X, y)
    log_densities = model.score_samples(X, y)
    highest = norm.logpdf(0, scale=min_scale * y.std())
    shares = np.repeat([20, 30, 40], [20, 30, 40]) / 90
    np.testing.assert_allclose(log_densities, np.log(shares) + highest, atol=0.02)
    assert model.predict_dist(X).scales.min() >= min_scale * y.std() * (1 - 1e-12)


def test_no_density_is_higher_than_the_floor_lets_it_be():
    y = np.random.default_rng(0).poisson(1.5, size=len(DIABETES.X)).astype(float)
    model = small(solver="lbfgs", max_iter=100, alpha=0).fit(DIABETES.X, y)
    highest = norm.logpdf(0, scale=0.03 * y.std())
    log_densities = model.score_samples(DIABETES.X, y)
    assert highest - 0.5 < log_densities.max() <= highest + 1e-9


# Ensembles.


@SINGLE_AND_SEVERAL
def test_an_ensemble_is_the_mixture_of_its_members(task):
    model = small(n_members=3).fit(task.X, task.y)
    d = model.predict_dist(task.X)
    of_members = [member.predict_dist(task.X) for member in model.members_]
    np.testing.assert_allclose(d.weights.sum(axis=1), 1, rtol=1e-12)
    for y in (task.y, 0 * task.y):
        np.testing.assert_allclose(d.pdf(y), np.mean([m.pdf(y) for m in of_members], axis=0), rtol=1e-12)
        np.testing.assert_allclose(d.cdf(y), np.mean([m.cdf(y) for m in of_members], axis=0), rtol=1e-12)
    means = np.array([member.predict(task.X) for member in model.members_])
    variances = np.array([m.var() for m in of_members])
    mean, std = model.predict(task.X, return_std=True)
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-9, atol=1e-12)
    # Noise and disagreement.
    np.testing.assert_allclose(std**2, variances.mean(axis=0) + means.var(axis=0), rtol=1e-9)


@SINGLE_AND_SEVERAL
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"beta": 0.5},
        {"solver": "lbfgs"},
        {"dropout": 0.2},
        {"n_components": 1, "normalization": "batch"},
    ],
    ids=str,
)
def test_each_member_is_the_network_that_is_trained_alone(task, parameters):
    model = small(n_members=3, **parameters).fit(task.X, task.y)
    for member in model.members_:
        assert member.n_members == 1
        alone = clone(member).fit(task.X, task.y)
        assert_same_arrays(member, alone)
        assert member.loss_curve_ == alone.loss_curve_
        np.testing.assert_array_equal(
            member.score_samples(task.X, task.y), alone.score_samples(task.X, task.y)
        )
    first, second, _ = model.members_
    assert change(first.coefs_[0], second.coefs_[0]) > 0.01


def test_an_ensemble_is_more_likely_than_its_members():
    """The logarithm is concave."""
    model = small(n_members=3, max_iter=20).fit(DIABETES.X, DIABETES.y)
    each = [log_likelihood(member, DIABETES.X, DIABETES.y) for member in model.members_]
    assert log_likelihood(model, DIABETES.X, DIABETES.y) > np.mean(each)


# Solvers, and what they cannot do.


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "adam", "beta": 0.5},
        {"solver": "sgd"},
        {"solver": "nadam"},
        {"solver": "rmsprop"},
        {"solver": "lbfgs"},
        {"solver": "es", "n_components": 1, "hidden_layer_sizes": (), "max_iter": 300},
    ],
    ids=str,
)
def test_every_solver_makes_the_targets_more_likely(parameters):
    """Than one normal distribution for all."""
    model = small(**{"max_iter": 50, **parameters}).fit(DIABETES.X, DIABETES.y)
    constant = norm.logpdf(DIABETES.y, DIABETES.y.mean(), DIABETES.y.std()).mean()
    assert log_likelihood(model, DIABETES.X, DIABETES.y) > constant + 0.1


@pytest.mark.parametrize("solver", ["lbfgs", "es"])
def test_beta_needs_a_stochastic_solver(solver):
    model = small(solver=solver, beta=0.5)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"beta=0.5 .*solver='.*'adam'.*beta=0"):
        model.fit(DIABETES.X, DIABETES.y)
    model.set_params(beta=0, max_iter=2).fit(DIABETES.X, DIABETES.y)


def test_levenberg_marquardt_is_for_squares():
    model = small(solver="lm")
    words = r"solver='lm' .* not MixtureDensityRegressor: .*solver='lbfgs'"
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        model.fit(DIABETES.X, DIABETES.y)


# Early stopping.


def split(task, n_training=70):
    return (task.X[:n_training], task.y[:n_training]), (task.X[n_training:], task.y[n_training:])


WATCHED = {"early_stopping": True, "max_iter": 200, "learning_rate_init": 0.02, "n_iter_no_change": 3}


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_early_stopping_watches_the_log_likelihood(weighted):
    (X, y), (X_val, y_val) = split(DIABETES)
    weights = DIABETES.weights[70:] if weighted else None
    model = small(**WATCHED).fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    assert 1 < model.n_iter_ < 200
    best = int(np.argmax(model.validation_scores_)) + 1
    assert best < model.n_iter_
    log_densities = model.score_samples(X_val, y_val) + np.log(model.y_scaler_.scale_)
    expected = np.average(log_densities, weights=weights)
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-9)
    assert model.validation_scores_ == pytest.approx(np.negative(model.validation_loss_curve_))
    shorter = small(**{**WATCHED, "early_stopping": False, "max_iter": best}).fit(X, y)
    assert_same_arrays(model, shorter)


@pytest.mark.parametrize("n_samples", [2, 3, 10, 11, 30])
def test_the_defaults_take_few_samples(n_samples):
    model = MixtureDensityRegressor(random_state=0).fit(DIABETES.X[:n_samples], DIABETES.y[:n_samples])
    assert len(model.validation_scores_) == model.n_iter_
    assert np.isfinite(model.predict_interval(DIABETES.X)).all()


def test_nothing_can_be_held_out_of_one_sample():
    model = MixtureDensityRegressor(random_state=0)
    with pytest.raises(ValueError, match=r"n_samples=1 .*early_stopping=False"):
        model.fit(DIABETES.X[:1], DIABETES.y[:1])
    model.set_params(early_stopping=False).fit(DIABETES.X[:1], DIABETES.y[:1])
    assert model.predict(DIABETES.X[:1]) == pytest.approx(DIABETES.y[:1])


def test_early_stopping_can_watch_a_scorer():
    (X, y), (X_val, y_val) = split(DIABETES)
    model = small(**WATCHED, scoring=log_likelihood).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_validation_score_ == pytest.approx(log_likelihood(model, X_val, y_val))
    other = small(**WATCHED, scoring="r2").fit(X, y, X_val=X_val, y_val=y_val)
    assert other.best_validation_score_ == pytest.approx(other.score(X_val, y_val))


def test_the_part_held_out_is_not_seen_by_the_scalers():
    model = small(early_stopping=True, shuffle=False).fit(DIABETES.X, DIABETES.y)
    rows = np.sort(model._optimizer_state["order"][0])
    assert len(rows) == len(DIABETES.X) - np.ceil(len(DIABETES.X) / 10)
    assert model.y_scaler_.mean_ == pytest.approx(DIABETES.y[rows].mean())
    assert model.y_scaler_.scale_ == pytest.approx(DIABETES.y[rows].std())


# Training that goes on.


def test_partial_fits_are_epochs():
    X, y = scale(DIABETES.X), scale(DIABETES.y)
    model = small(shuffle=False, max_iter=3).fit(X, y)
    by_parts = small(shuffle=False, max_iter=3)
    for _ in range(3):
        by_parts.partial_fit(X, y)
    assert_same_arrays(model, by_parts)
    assert model.loss_curve_ == by_parts.loss_curve_


def test_partial_fit_goes_on_with_other_samples():
    """The scalers stay those of the first call."""
    model = small(learning_rate_init=0.01).partial_fit(DIABETES.X[:30], DIABETES.y[:30])
    mean, first = model.y_scaler_.mean_.copy(), log_likelihood(model, DIABETES.X, DIABETES.y)
    for _ in range(20):
        model.partial_fit(DIABETES.X[30:], DIABETES.y[30:])
    assert model.y_scaler_.mean_ == mean == DIABETES.y[:30].mean()
    assert log_likelihood(model, DIABETES.X, DIABETES.y) > first + 0.1


def test_partial_fit_of_one_sample():
    model = small(batch_size="auto").partial_fit(DIABETES.X[:1], DIABETES.y[:1])
    assert np.isfinite(model.predict_interval(DIABETES.X)).all()


def test_partial_fit_needs_a_stochastic_solver():
    assert hasattr(small(), "partial_fit")
    assert not hasattr(small(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("parameters", [{}, {"beta": 0.5}, {"n_members": 2}], ids=str)
def test_a_warm_start_goes_on(parameters):
    model = small(warm_start=True, max_iter=3, **parameters).fit(DIABETES.X, DIABETES.y)
    model.fit(DIABETES.X, DIABETES.y)
    assert_same_arrays(model, small(max_iter=6, **parameters).fit(DIABETES.X, DIABETES.y))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_cannot_go_on_with_another_number_of_components(method):
    model = small(warm_start=True).fit(DIABETES.X, DIABETES.y).set_params(n_components=2)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"n_components=2.*cannot change"):
        getattr(model, method)(DIABETES.X, DIABETES.y)


def test_training_cannot_go_on_with_more_targets():
    model = small().fit(DIABETES.X, DIABETES.y)
    with stays_as_it_was(model), pytest.raises(ValueError, match="y has 2 targets"):
        model.partial_fit(DIABETES.X, np.c_[DIABETES.y, DIABETES.y])


def test_prediction_follows_what_was_fitted():
    model = small().fit(DIABETES.X, DIABETES.y)
    before = model.score_samples(DIABETES.X, DIABETES.y)
    model.set_params(n_components=1, min_scale=0.5, beta=1.0, hidden_layer_sizes=(3, 3), n_members=4)
    np.testing.assert_array_equal(model.score_samples(DIABETES.X, DIABETES.y), before)


# Weights and kinds of data.


@SINGLE_AND_SEVERAL
@pytest.mark.parametrize("n_components", [1, 3])
def test_weights_are_repetitions(task, n_components):
    weights = np.random.default_rng(0).integers(0, 4, size=len(task.X))
    model = small(solver="lbfgs", alpha=10, n_components=n_components, max_iter=15)
    X, y = np.repeat(task.X, weights, axis=0), np.repeat(task.y, weights, axis=0)
    repeated = clone(model).fit(X, y)
    weighted = clone(model).fit(task.X, task.y, sample_weight=weights)
    expected = repeated.score_samples(task.X, task.y)
    np.testing.assert_allclose(weighted.score_samples(task.X, task.y), expected, rtol=1e-8, atol=1e-8)
    unweighted = clone(model).fit(task.X, task.y).score_samples(task.X, task.y)
    assert change(unweighted, expected) > 0.05


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_features_are_learned_like_dense_ones(kind, solver):
    """If they have mean 0, for sparse features are not centred."""
    X = scale(DIABETES.X)
    model = small(solver=solver).fit(X, DIABETES.y)
    other = small(solver=solver).fit(kind(X), DIABETES.y)
    assert not other.x_scaler_.with_mean
    expected = model.score_samples(X, DIABETES.y)
    np.testing.assert_allclose(other.score_samples(kind(X), DIABETES.y), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(other.predict(X), other.predict(kind(X)), rtol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_float32(solver):
    X, y = DIABETES.X.astype(np.float32), DIABETES.y.astype(np.float32)
    model = small(solver=solver).fit(X, y)
    assert {array.dtype for array in arrays_of(model)} == {np.dtype(np.float32)}
    double = small(solver=solver).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_allclose(model.predict(X), double.predict(DIABETES.X), atol=2e-3)
    expected = double.score_samples(DIABETES.X, DIABETES.y)
    np.testing.assert_allclose(model.score_samples(X, y), expected, atol=5e-3)
    asked_for = small(solver=solver, dtype="float32").fit(DIABETES.X, DIABETES.y)
    assert_same_arrays(model, asked_for, rtol=1e-3, atol=1e-4)


def test_data_frames():
    frame = pd.DataFrame(DIABETES.X, columns=[f"feature {i}" for i in range(DIABETES.X.shape[1])])
    y = pd.Series(DIABETES.y)
    model = small().fit(frame, y)
    assert list(model.feature_names_in_) == list(frame)
    expected = small().fit(DIABETES.X, DIABETES.y).score_samples(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.score_samples(frame, y), expected)
    with pytest.raises(ValueError, match="feature names"):
        model.predict_dist(frame[frame.columns[::-1]])


def test_a_column_of_targets_is_one_target():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model = small().fit(DIABETES.X, DIABETES.y[:, np.newaxis])
    expected = small().fit(DIABETES.X, DIABETES.y)
    np.testing.assert_array_equal(model.predict(DIABETES.X), expected.predict(DIABETES.X))
    column = DIABETES.y[:, np.newaxis]
    np.testing.assert_array_equal(
        model.score_samples(DIABETES.X, column), expected.score_samples(DIABETES.X, DIABETES.y)
    )


# Persistence.


def test_a_pickle_predicts_the_same(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    for name in ("score_samples", "predict_interval", "sample_y"):
        np.testing.assert_array_equal(getattr(copy, name)(DIABETES.X), getattr(fitted, name)(DIABETES.X))


def test_a_clone_learns_the_same(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "coefs_")
    assert_same_arrays(copy.fit(DIABETES.X, DIABETES.y), fitted)


def leaves(value):
    """Yield all that lists, tuples and dicts hold."""
    if isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from leaves(part)
    else:
        yield value


def test_what_was_learned_is_arrays_strings_and_numbers(fitted):
    simple = (np.ndarray, str, Number, np.generic, type(None), StandardScaler)
    assert [value for value in leaves(vars(fitted)) if not isinstance(value, simple)] == []


def test_what_is_published(fitted):
    members = () if fitted.n_members == 1 else (fitted.n_members,)
    assert fitted.out_activation_ == "gaussian_mixture"
    assert fitted.n_outputs_ == 9
    assert [coef.shape for coef in fitted.coefs_] == [(*members, 10, 7), (*members, 7, 9)]
    assert isinstance(fitted.x_scaler_, StandardScaler)
    assert fitted.y_scaler_.mean_ == pytest.approx(DIABETES.y.mean())


# Model selection.


SEARCHED = {"hidden_layer_sizes": (5,), "max_iter": 60, "learning_rate_init": 0.03, "random_state": 0}


def test_grid_search_chooses_by_log_likelihood():
    X, y = two_answers()
    search = GridSearchCV(
        MixtureDensityRegressor(**SEARCHED), {"n_components": [1, 2]}, scoring=log_likelihood, cv=2
    ).fit(X, y)
    assert search.best_params_ == {"n_components": 2}
    one, two = search.cv_results_["mean_test_score"]
    assert two > one + 0.5


def log_likelihood_of_pipeline(pipeline, X, y):
    return pipeline[-1].score_samples(pipeline[:-1].transform(X), y).mean()


def test_grid_search_within_a_pipeline():
    X, y = two_answers()
    pipeline = make_pipeline(StandardScaler(), MixtureDensityRegressor(**SEARCHED))
    search = GridSearchCV(
        pipeline,
        {"mixturedensityregressor__n_components": [1, 2]},
        scoring=log_likelihood_of_pipeline,
        cv=2,
    ).fit(X, y)
    assert search.best_params_ == {"mixturedensityregressor__n_components": 2}
    best = search.best_estimator_
    alone = MixtureDensityRegressor(**SEARCHED, n_components=2).fit(scale(X), y)
    expected = log_likelihood(alone, scale(X), y)
    assert log_likelihood_of_pipeline(best, X, y) == pytest.approx(expected, rel=1e-9)


def test_a_pipeline_hands_on_no_targets():
    """So its own score_samples tells how sure the model is, not how likely the targets are."""
    pipeline = make_pipeline(StandardScaler(), small()).fit(DIABETES.X, DIABETES.y)
    density = pipeline[-1].predict_dist(pipeline[:-1].transform(DIABETES.X))
    np.testing.assert_array_equal(pipeline.score_samples(DIABETES.X), density.logpdf(density.mode()))
    with pytest.raises(TypeError):
        pipeline.score_samples(DIABETES.X, DIABETES.y)
    mean, std = pipeline.predict(DIABETES.X, return_std=True)
    np.testing.assert_array_equal(std, density.std())
    np.testing.assert_array_equal(mean, density.mean())


# Bad input.


METHODS = {
    "predict_dist": (),
    "predict": (),
    "predict_quantiles": (0.5,),
    "predict_interval": (),
    "score_samples": (DIABETES.y,),
    "sample_y": (),
}


@pytest.mark.parametrize("method", METHODS)
def test_prediction_of_bad_data(method):
    arguments = METHODS[method]
    with pytest.raises(NotFittedError):
        getattr(small(), method)(DIABETES.X, *arguments)
    model = small().fit(DIABETES.X, DIABETES.y)
    for X, words in [
        (DIABETES.X[:, 1:], "features"),
        (DIABETES.X * np.nan, "NaN"),
        (DIABETES.X[0], "2D array"),
        (DIABETES.X[:0], "0 sample"),
    ]:
        with stays_as_it_was(model), pytest.raises(ValueError, match=words):
            getattr(model, method)(X, *arguments)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (DIABETES.y[:-1], "inconsistent numbers of samples"),
        (np.c_[DIABETES.y, DIABETES.y], r"y has shape \(103, 2\), .* targets of shape \(103,\)"),
        (np.nan * DIABETES.y, "y contains NaN"),
        (DIABETES.y[:, np.newaxis, np.newaxis], "dim 3"),
        (["word"] * len(DIABETES.X), "convert"),
    ],
    ids=["fewer", "more targets", "nan", "three axes", "words"],
)
def test_observed_targets_that_do_not_fit(fitted, y, words):
    with pytest.raises(ValueError, match=words):
        fitted.score_samples(DIABETES.X, y)


def test_observed_targets_of_which_there_are_several():
    model = small().fit(PHYSICAL.X, PHYSICAL.y)
    for y in (PHYSICAL.y[:, 0], PHYSICAL.y[:, :2]):
        with pytest.raises(ValueError, match=r"y has shape \(20.* targets of shape \(20, 3\)"):
            model.score_samples(PHYSICAL.X, y)


@pytest.mark.parametrize("quantiles", [-0.1, 1.1, [0.5, 1.5], np.nan, [[0.5]], None, "half"], ids=str)
def test_quantiles_that_are_no_probabilities(fitted, quantiles):
    with pytest.raises(ValueError, match=r"quantiles=.* must be a probability") as error:
        fitted.predict_quantiles(DIABETES.X, quantiles)
    assert f"quantiles={quantiles!r}" in str(error.value)


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, np.nan, None, "0.9", [0.5, 0.9]], ids=str)
def test_coverage_that_is_no_probability(fitted, coverage):
    with pytest.raises((ValueError, TypeError), match=r"coverage=.* must lie between 0 and 1") as error:
        fitted.predict_interval(DIABETES.X, coverage)
    assert f"coverage={coverage!r}" in str(error.value)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (DIABETES.y[:-1], "inconsistent numbers of samples"),
        (np.nan * DIABETES.y, "y contains NaN"),
        (np.zeros((len(DIABETES.X), 2, 2)), "dim 3|y should be|shape"),
        (None, "requires y"),
        (["word"] * len(DIABETES.X), "convert"),
    ],
    ids=["fewer", "nan", "three axes", "none", "words"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_targets_that_cannot_be_learned(method, y, words):
    model = small()
    with stays_as_it_was(model), pytest.raises(ValueError, match=words):
        getattr(model, method)(DIABETES.X, y)


def test_divergence():
    model = small(solver="sgd", learning_rate_init=1e300, max_iter=50)
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"diverged.*learning_rate_init=1e\+300"):
        model.fit(DIABETES.X, DIABETES.y)
