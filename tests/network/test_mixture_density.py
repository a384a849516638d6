"""The loss of a mixture density network, by component and target. Scores have shape (K, n, n_scores)."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import skmlp.network.softmax
from skmlp.network.hyperparameters import stack_key, stacked
from skmlp.network.losses import SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.objective import Objective
from tests.network.problems import N_INPUTS, N_NETWORKS, N_ROWS, network_and_theta, peak_memory
from tests.network.test_objective import ALPHA, central_differences, relative_error
from tests.network.test_objective import value_and_gradient as objective_and_gradient

COMPONENTS = pytest.mark.parametrize("n_components", [1, 3])
TARGETS = pytest.mark.parametrize("n_targets", [1, 2])
BETAS = pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def scores_and_targets(loss, n_targets, n_networks=N_NETWORKS, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_networks, N_ROWS, loss.n_scores(n_targets)))
    return z, rng.normal(size=(n_networks, N_ROWS, n_targets))


def gradient_of(loss, z, y):
    delta = np.full_like(z, np.nan)
    loss.gradient(z, y, delta)
    return delta


def slopes(value, z, step=1e-5):
    """Return the central differences of ``value(z)``, summed over its last axis, by each score."""
    steps = step * np.eye(z.shape[-1])
    differences = [value(z + e).sum(axis=-1) - value(z - e).sum(axis=-1) for e in steps]
    return np.stack(differences, axis=-1) / (2 * step)


def naive_mixture(z, n_components, n_targets, min_scale):
    """Return logits (M, ...), means and scales (M, q, ...), cut from the scores by counting."""
    z = np.moveaxis(np.asarray(z, dtype=float), -1, 0)
    logits, rest = (z[:n_components], z[n_components:]) if n_components > 1 else (0 * z[:1], z)
    means, s = rest.reshape(2, n_components, n_targets, *z.shape[1:])
    return logits, means, min_scale + np.logaddexp(0, s)


def naive_value(loss, z, y):
    """Return minus the log-likelihood of each sample, one component and target after the other."""
    logits, means, scales = naive_mixture(z, loss.n_components, y.shape[-1], loss.min_scale)
    of_components = [
        logits[j] + sum(norm.logpdf(y[..., d], means[j, d], scales[j, d]) for d in range(y.shape[-1]))
        for j in range(loss.n_components)
    ]
    return logsumexp(logits, axis=0) - logsumexp(of_components, axis=0)


def initial_mixture(loss, y, weights=None):
    """Return mixing coefficients (M,), means and scales (M, q) from which training starts."""
    logits, means, scales = naive_mixture(
        loss.initial_scores(y, weights), loss.n_components, y.shape[1], loss.min_scale
    )
    return np.exp(logits - logsumexp(logits)), means, scales


# Value and gradient.


@COMPONENTS
@TARGETS
@pytest.mark.parametrize("min_scale", [1e-3, 0.03, 0.5])
def test_value_is_minus_the_log_likelihood(n_components, n_targets, min_scale):
    loss = MixtureDensity(n_components, min_scale)
    z, y = scores_and_targets(loss, n_targets)
    value = loss.value(z, y)
    assert value.shape == (N_NETWORKS, N_ROWS, 1)
    np.testing.assert_allclose(value[..., 0], naive_value(loss, z, y), rtol=1e-12)


@COMPONENTS
@TARGETS
def test_beta_changes_the_gradient_alone(n_components, n_targets):
    loss = MixtureDensity(n_components)
    z, y = scores_and_targets(loss, n_targets)
    other = replace(loss, beta=0.5)
    np.testing.assert_array_equal(other.value(z, y), loss.value(z, y))
    assert np.abs(gradient_of(other, z, y) - gradient_of(loss, z, y)).max() > 0.1


@COMPONENTS
@TARGETS
def test_gradient_is_the_slope_of_the_value(n_components, n_targets):
    loss = MixtureDensity(n_components)
    z, y = scores_and_targets(loss, n_targets)
    expected = slopes(lambda z: loss.value(z, y), z)
    np.testing.assert_allclose(gradient_of(loss, z, y), expected, rtol=1e-6, atol=1e-7)


@COMPONENTS
@TARGETS
@BETAS
def test_gradient_is_the_slope_of_the_held_loss(n_components, n_targets, beta):
    loss = MixtureDensity(n_components, beta=beta)
    z, y = scores_and_targets(loss, n_targets)
    held = loss.with_constants_fixed(z, y)
    assert held.value(z, y).shape == (N_NETWORKS, N_ROWS, 1)
    expected = slopes(lambda z: held.value(z, y), z)
    np.testing.assert_allclose(gradient_of(loss, z, y), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(gradient_of(held, z, y), gradient_of(loss, z, y))


@COMPONENTS
@TARGETS
@BETAS
def test_the_held_loss_has_a_gradient_elsewhere_too(n_components, n_targets, beta):
    """Its responsibilities and factors stay those of where it was held."""
    loss = MixtureDensity(n_components, beta=beta)
    z, y = scores_and_targets(loss, n_targets)
    held, elsewhere = loss.with_constants_fixed(z, y), scores_and_targets(loss, n_targets, seed=1)[0]
    expected = slopes(lambda z: held.value(z, y), elsewhere)
    np.testing.assert_allclose(gradient_of(held, elsewhere, y), expected, rtol=1e-6, atol=1e-7)


@COMPONENTS
@TARGETS
@BETAS
def test_beta_multiplies_by_a_power_of_the_scale(n_components, n_targets, beta):
    plain, loss = MixtureDensity(n_components), MixtureDensity(n_components, beta=beta)
    z, y = scores_and_targets(loss, n_targets)
    logits, *others = loss.split(gradient_of(loss, z, y))
    plain_logits, *plain_others = plain.split(gradient_of(plain, z, y))
    np.testing.assert_array_equal(logits, plain_logits)
    factor = loss.components(z).scales ** (2 * beta)
    for ours, theirs in zip(others, plain_others, strict=True):
        np.testing.assert_allclose(ours, theirs * factor, rtol=1e-13)


@TARGETS
def test_the_mean_of_one_component_follows_the_squared_error_with_beta_1(n_targets):
    loss = MixtureDensity(1, beta=1.0)
    z, y = scores_and_targets(loss, n_targets)
    means = z[..., :n_targets]
    expected = gradient_of(SquaredError(), means, y)
    np.testing.assert_allclose(gradient_of(loss, z, y)[..., :n_targets], expected, rtol=1e-12, atol=1e-14)


@COMPONENTS
@TARGETS
def test_gradient_of_the_logits_is_mixing_coefficient_minus_responsibility(n_components, n_targets):
    """[Bishop 2006, eq. 5.155]; it sums to zero."""
    loss = MixtureDensity(n_components)
    z, y = scores_and_targets(loss, n_targets)
    of_logits = loss.split(gradient_of(loss, z, y))[0]
    assert of_logits.shape[-1] == (n_components if n_components > 1 else 0)
    np.testing.assert_allclose(of_logits.sum(axis=-1), 0, atol=1e-14)


@pytest.mark.parametrize(
    ("n_components", "n_targets", "expected"), [(1, 1, 2), (1, 2, 4), (3, 1, 9), (3, 2, 15), (5, 7, 75)]
)
def test_number_of_scores(n_components, n_targets, expected):
    loss = MixtureDensity(n_components)
    assert loss.n_scores(n_targets) == expected
    logits, means, scale_scores = loss.split(np.arange(float(expected)))
    assert means.shape == scale_scores.shape == (n_components, n_targets)
    every = np.concatenate([logits, means.ravel(), scale_scores.ravel()])
    np.testing.assert_array_equal(every, np.arange(expected))


@COMPONENTS
@TARGETS
def test_components_of_the_scores_of_one_network(n_components, n_targets):
    loss = MixtureDensity(n_components)
    z, _ = scores_and_targets(loss, n_targets)
    for part, whole in zip(loss.components(z[0]), loss.components(z), strict=True):
        np.testing.assert_allclose(part, whole[0], rtol=1e-12)


@COMPONENTS
@TARGETS
def test_parts_of_the_scores_are_views(n_components, n_targets):
    loss = MixtureDensity(n_components)
    z = np.zeros((N_NETWORKS, N_ROWS, loss.n_scores(n_targets)))
    for part in loss.split(z):
        part[...] = 1
    assert (z == 1).all()


@COMPONENTS
@TARGETS
def test_value_and_gradient_write_into_no_input(n_components, n_targets):
    loss = MixtureDensity(n_components, beta=0.5)
    z, y = scores_and_targets(loss, n_targets)
    z.flags.writeable = y.flags.writeable = False
    loss.value(z, y)
    gradient_of(loss, z, y)


def test_gradient_makes_no_large_arrays(monkeypatch):
    monkeypatch.setattr(skmlp.network.softmax, "CACHE_BLOCK", 512)
    loss = stacked([MixtureDensity(17, beta=0.5)] * 3, n_axes=2)
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(3, 499, loss.n_scores(5))), rng.normal(size=(3, 499, 5))
    delta = np.empty_like(z)
    assert peak_memory(lambda: loss.gradient(z, y, delta)) < z.nbytes / 10


@COMPONENTS
@TARGETS
@BETAS
def test_gradient_of_many_rows_is_that_of_each_part(monkeypatch, n_components, n_targets, beta):
    loss = MixtureDensity(n_components, beta=beta)
    z, y = scores_and_targets(loss, n_targets)
    expected = gradient_of(loss, z, y)
    monkeypatch.setattr(skmlp.network.softmax, "CACHE_BLOCK", 20)
    np.testing.assert_allclose(gradient_of(loss, z, y), expected, rtol=1e-12, atol=1e-14)


# Precision.


@COMPONENTS
@TARGETS
@BETAS
def test_float32_is_kept_and_close_to_float64(n_components, n_targets, beta):
    loss = MixtureDensity(n_components, beta=beta)
    z, y = (array.astype(np.float32) for array in scores_and_targets(loss, n_targets))
    value, components = loss.value(z, y), loss.components(z)
    assert {array.dtype for array in (value, *components)} == {np.dtype(np.float32)}
    assert loss.with_constants_fixed(z, y).value(z, y).dtype == np.float32
    exact = z.astype(float), y.astype(float)
    np.testing.assert_allclose(value, loss.value(*exact), rtol=2e-5, atol=2e-6)
    # Differences of squares cancel in the gradient of a scale.
    delta = gradient_of(loss, *exact)
    np.testing.assert_allclose(gradient_of(loss, z, y), delta, rtol=2e-5, atol=2e-6 * np.abs(delta).max())


@COMPONENTS
@TARGETS
@BETAS
@DTYPES
@pytest.mark.parametrize("min_scale", [1e-3, 0.03])
def test_value_and_gradient_are_finite_at_extremes(n_components, n_targets, beta, dtype, min_scale):
    loss = MixtureDensity(n_components, min_scale, beta)
    rng = np.random.default_rng(0)
    z = rng.choice([-1e3, 0.0, 1e3], size=(3, 499, loss.n_scores(n_targets))).astype(dtype)
    y = rng.choice([-1e3, 0.0, 1e3], size=(3, 499, n_targets)).astype(dtype)
    value = loss.value(z, y)
    tolerance = {"rtol": 1e-12} if dtype == "float64" else {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(value[..., 0], naive_value(loss, z, y), **tolerance)
    assert np.isfinite(value).all()
    assert np.isfinite(loss.with_constants_fixed(z, y).value(z, y)).all()
    assert np.isfinite(gradient_of(loss, z, y)).all()


@pytest.mark.parametrize("min_scale", [1e-3, 0.03, 0.5])
@DTYPES
def test_no_scale_falls_below_the_floor(min_scale, dtype):
    loss = MixtureDensity(1, min_scale)
    s = np.array([-1e3, -100, -10, -1, 0, 1, 10, 1e3], dtype=dtype)
    z = np.stack([np.zeros_like(s), s], axis=-1)
    scales = loss.components(z).scales[:, 0, 0]
    floor = np.asarray(min_scale, dtype=dtype)
    assert scales[0] == floor
    assert (scales >= floor).all()
    assert (np.diff(scales) >= 0).all()
    best = loss.value(z, np.zeros_like(z[:, :1])).min()
    np.testing.assert_allclose(best, -norm.logpdf(0, scale=min_scale), rtol=1e-5)


# Where training starts.


@pytest.mark.parametrize("n_components", [1, 2, 3, 7])
@TARGETS
def test_initial_means_are_quantiles(n_components, n_targets):
    y = np.random.default_rng(0).gamma(2, size=(101, n_targets))
    weights, means, _ = initial_mixture(MixtureDensity(n_components), y)
    probabilities = (np.arange(n_components) + 0.5) / n_components
    np.testing.assert_array_equal(means, np.quantile(y, probabilities, axis=0, method="inverted_cdf"))
    assert (np.diff(means, axis=0) > 0).all()
    np.testing.assert_allclose(weights, 1 / n_components, rtol=1e-15)


@pytest.mark.parametrize("n_components", [1, 2, 3, 7])
@TARGETS
@pytest.mark.parametrize("min_scale", [1e-3, 0.03, 0.2])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_the_initial_mixture_has_the_variance_of_the_targets(n_components, n_targets, min_scale, weighted):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(101, n_targets))
    sample_weight = rng.uniform(0.5, 2, size=101) if weighted else None
    weights, means, scales = initial_mixture(MixtureDensity(n_components, min_scale), y, sample_weight)
    apart = means - weights @ means
    mean = np.average(y, axis=0, weights=sample_weight)
    variance = np.average((y - mean) ** 2, axis=0, weights=sample_weight)
    np.testing.assert_allclose(weights @ (scales**2 + apart**2), variance, rtol=1e-9)


@pytest.mark.parametrize(
    "y", [np.tile([-1.0, 1.0], 50), np.zeros(100), np.r_[np.zeros(99), 10.0]], ids=["two", "one", "outlier"]
)
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_initial_scores_are_finite_where_values_repeat(y, n_components):
    loss = MixtureDensity(n_components)
    assert np.isfinite(loss.initial_scores(y[:, np.newaxis])).all()
    _, means, scales = initial_mixture(loss, y[:, np.newaxis])
    assert np.isin(means, y).all()
    assert (scales >= loss.min_scale).all()
    # Where the means alone have the variance of y, scales do not start at the floor: steps from there
    # would be too long.
    at_least = max(y.std() / n_components, 1.01 * loss.min_scale)
    np.testing.assert_allclose(scales[means.var() >= y.var()], at_least, rtol=1e-9)


@COMPONENTS
@TARGETS
def test_weights_are_repetitions_at_the_start(n_components, n_targets):
    rng = np.random.default_rng(0)
    y, weights = rng.normal(size=(53, n_targets)), rng.integers(0, 5, size=53)
    loss = MixtureDensity(n_components)
    weighted = loss.initial_scores(y, weights.astype(float))
    np.testing.assert_allclose(weighted, loss.initial_scores(np.repeat(y, weights, axis=0)), rtol=1e-12)
    assert np.abs(weighted - loss.initial_scores(y)).max() > 0.01


# A value object.


def test_fields_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        MixtureDensity().beta = 1.0


def test_equal_fields_make_equal_losses():
    assert MixtureDensity(2, 0.1, 0.5) == MixtureDensity(n_components=2, min_scale=0.1, beta=0.5)
    assert len({MixtureDensity(2), MixtureDensity(2), MixtureDensity(3)}) == 2
    assert repr(MixtureDensity()) == "MixtureDensity(n_components=3, min_scale=0.03, beta=0.0)"


def test_pickles():
    loss = MixtureDensity(2, 0.1, 0.5)
    assert pickle.loads(pickle.dumps(loss)) == loss


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"n_components": 0},
            r"\(n_components=0\): n_components must be an integer of at least 1",
        ),
        (
            {"n_components": -1},
            r"\(n_components=-1\): n_components must be an integer of at least 1",
        ),
        ({"min_scale": 0.0}, r"MixtureDensity\(min_scale=0.0\): min_scale must be positive"),
        ({"min_scale": -0.1}, r"MixtureDensity\(min_scale=-0.1\): min_scale must be positive"),
        ({"min_scale": np.nan}, "min_scale must be positive"),
        ({"beta": -0.1}, r"MixtureDensity\(beta=-0.1\): beta must be in \[0, 1\]"),
        ({"beta": 1.1}, r"MixtureDensity\(beta=1.1\): beta must be in \[0, 1\]"),
        ({"beta": np.nan}, "beta must be in"),
    ],
    ids=str,
)
def test_fields_out_of_range_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        MixtureDensity(**fields)


# Through the engine.


def problem(loss, n_targets, n_networks):
    """Return a network, its parameters, x, y and weights."""
    network, theta = network_and_theta((7,), n_networks=n_networks, n_outputs=loss.n_scores(n_targets))
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n_networks, N_ROWS, N_INPUTS))
    y = rng.normal(size=(n_networks, N_ROWS, n_targets))
    return network, theta, x, y, rng.uniform(0.5, 2, size=(n_networks, N_ROWS))


@COMPONENTS
@TARGETS
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_gradient_of_a_network_is_the_slope_of_the_objective(n_components, n_targets, weighted):
    loss = MixtureDensity(n_components)
    network, theta, x, y, weights = problem(loss, n_targets, N_NETWORKS)
    weights = weights if weighted else None
    objective = Objective(network, loss, ALPHA)
    value, gradient = objective_and_gradient(objective, theta, x, y, weights)
    assert (relative_error(gradient, central_differences(objective, theta, x, y, weights)) < 1e-6).all()
    losses = naive_value(loss, raw_scores(network, theta, x), y)
    penalties = ALPHA / 2 * (theta[:, : network.layout.n_penalized] ** 2).sum(axis=1)
    total = N_ROWS if weights is None else weights.sum(axis=1)
    np.testing.assert_allclose(value, np.average(losses, axis=1, weights=weights) + penalties / total)


@COMPONENTS
@TARGETS
@BETAS
def test_gradient_of_a_network_is_the_slope_of_the_held_objective(n_components, n_targets, beta):
    loss = MixtureDensity(n_components, beta=beta)
    network, theta, x, y, weights = problem(loss, n_targets, 1)
    alpha = ALPHA[:1]
    _, gradient = objective_and_gradient(Objective(network, loss, alpha), theta, x, y, weights)
    held = Objective(network, loss.with_constants_fixed(raw_scores(network, theta, x), y), alpha)
    assert (relative_error(gradient, central_differences(held, theta, x, y, weights)) < 1e-6).all()


def raw_scores(network, theta, x):
    """Return the raw scores (K, n, n_scores), one network after the other."""
    single = [
        network.output(network.layout.view(theta[k : k + 1].copy()).layers, x[k]) for k in range(len(x))
    ]
    return np.concatenate(single)


# Constants that differ between the networks of a stack


def of_each(n_components):
    """Return losses whose constants differ, one per network."""
    constants = [(0.01, 0.0), (0.1, 0.5), (0.3, 1.0)]
    return [MixtureDensity(n_components, min_scale, beta) for min_scale, beta in constants]


@COMPONENTS
@TARGETS
@DTYPES
def test_each_network_of_a_stack_has_its_own_constants(n_components, n_targets, dtype):
    losses = of_each(n_components)
    stack = stacked(losses, dtype, n_axes=2)
    z, y = (array.astype(dtype) for array in scores_and_targets(losses[0], n_targets))
    value, gradient, held = stack.value(z, y), gradient_of(stack, z, y), stack.with_constants_fixed(z, y)
    assert value.dtype == gradient.dtype == held.value(z, y).dtype == dtype
    rtol = 1e-12 if dtype == "float64" else 1e-4
    for k, loss in enumerate(losses):
        one = slice(k, k + 1)
        np.testing.assert_array_equal(value[one], loss.value(z[one], y[one]))
        expected = gradient_of(loss, z[one], y[one])
        np.testing.assert_allclose(gradient[one], expected, rtol=rtol, atol=rtol)
        alone = loss.with_constants_fixed(z[one], y[one])
        np.testing.assert_allclose(held.value(z, y)[one], alone.value(z[one], y[one]), rtol=rtol, atol=rtol)
    assert len({stack_key(loss) for loss in losses}) == 1


@COMPONENTS
@TARGETS
def test_gradient_with_columns_is_the_slope_of_the_held_loss(n_components, n_targets):
    loss = stacked(of_each(n_components), n_axes=2)
    z, y = scores_and_targets(loss, n_targets)
    held = loss.with_constants_fixed(z, y)
    np.testing.assert_allclose(
        gradient_of(loss, z, y), slopes(lambda z: held.value(z, y), z), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("min_scale", (0.1, 0.0)),
        ("min_scale", (np.inf, 0.1)),
        ("beta", (0.0, 1.1)),
        ("beta", (-0.1, 0.5)),
    ],
    ids=str,
)
def test_an_invalid_value_in_a_column_is_refused(name, values):
    with pytest.raises(ValueError, match=f"{name} must be"):
        MixtureDensity(**{name: np.reshape(values, (2, 1, 1))})


def test_numbers_of_components_keep_networks_apart():
    assert stack_key(MixtureDensity(2)) != stack_key(MixtureDensity(3))
