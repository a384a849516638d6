"""The loss of several quantiles, on K = 3 networks, n = 8 rows and Q = 3 quantiles."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.metrics import d2_pinball_score, mean_pinball_loss

from skmlp.network.quantiles import Quantiles

P = (0.1, 0.5, 0.8)
K, N = 3, 8
LOSS = Quantiles(P)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def problem(dtype="float64", scale=1.0):
    rng = np.random.default_rng(0)
    return (scale * rng.normal(size=(K, N, 3))).astype(dtype), rng.normal(size=(K, N, 1)).astype(dtype)


@DTYPES
@pytest.mark.parametrize("scale", [1, 30, 1000])
def test_quantiles_never_cross(dtype, scale):
    z, _ = problem(dtype, scale)
    before, predicted = z.copy(), LOSS.inverse_link(z)
    assert predicted.dtype == dtype
    assert (np.diff(predicted, axis=-1) >= 0).all()
    np.testing.assert_array_equal(z, before)
    np.testing.assert_array_equal(predicted[..., 0], z[..., 0])
    np.testing.assert_allclose(
        np.diff(predicted), np.logaddexp(0, z[..., 1:]), rtol=1e-3, atol=1e-4 * scale
    )


@DTYPES
def test_value_is_the_mean_pinball_loss(dtype):
    z, y = problem(dtype)
    predicted = LOSS.inverse_link(z)
    value = LOSS.value(z, y)
    assert value.shape == (K, N, 1)
    assert value.dtype == dtype
    for k in range(K):
        each = [mean_pinball_loss(y[k, :, 0], predicted[k, :, j], alpha=p) for j, p in enumerate(P)]
        assert value[k].mean() == pytest.approx(np.mean(each), rel=1e-5)


@DTYPES
@pytest.mark.parametrize("n_repeats", [1, 2000])
def test_gradient_is_the_derivative(dtype, n_repeats):
    """Also where it is made block by block."""
    z, y = (np.tile(a, (1, n_repeats, 1)) for a in problem(dtype))
    delta = np.empty_like(z)
    LOSS.gradient(z, y, delta)
    z, y = problem()
    for k in range(K):
        for i in range(N):
            slope = approx_fprime(
                z[k, i], lambda s, k=k, i=i: LOSS.value(s[np.newaxis], y[k, i][np.newaxis]).item(), 1e-7
            )
            for repeat in {0, n_repeats - 1}:
                np.testing.assert_allclose(delta[k, i + repeat * N], slope, atol=1e-5)


def test_training_starts_from_the_quantiles_of_the_targets():
    y = np.random.default_rng(0).gamma(2, size=(200, 1))
    start = LOSS.inverse_link(LOSS.initial_scores(y))
    np.testing.assert_allclose(start, np.quantile(y, P, method="inverted_cdf"), rtol=1e-9)
    weights = np.repeat([1, 3], 100)
    repeated = LOSS.initial_scores(np.repeat(y[:, 0], weights)[:, np.newaxis])
    np.testing.assert_allclose(LOSS.initial_scores(y, weights), repeated, rtol=1e-6)


@pytest.mark.parametrize(
    "y", [np.zeros((9, 1)), np.full((9, 1), 1e6), np.r_[np.zeros(8), 1][:, np.newaxis]]
)
def test_targets_that_repeat_have_a_start(y):
    start = LOSS.initial_scores(y)
    assert np.isfinite(start).all()
    predicted = LOSS.inverse_link(start)
    assert (np.diff(predicted) > 0).all()
    np.testing.assert_allclose(predicted, y[0, 0], atol=0.05)


def test_start_has_large_and_small_steps():
    loss, y = Quantiles((0.2, 0.5, 0.9)), np.array([[0.0], [1e-4], [1e4]] * 5)
    predicted = loss.inverse_link(loss.initial_scores(y))
    np.testing.assert_allclose(predicted, [0, 0, 1e4], atol=100)


@pytest.mark.parametrize("weighted", [False, True])
def test_d2_is_that_of_scikit_learn_where_it_has_it(weighted):
    """Two quantiles, of which the mean loss is the sum."""
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(size=(101, 1)), np.sort(rng.normal(size=(101, 2)))
    weights = rng.integers(1, 4, size=101).astype(float) if weighted else None
    loss = Quantiles((0.25, 0.75))
    losses, of_constants = [], []
    for j, p in enumerate(loss.quantiles):
        losses.append(mean_pinball_loss(y, predicted[:, j], alpha=p, sample_weight=weights))
        d2 = d2_pinball_score(y, predicted[:, j], alpha=p, sample_weight=weights)
        of_constants.append(losses[-1] / (1 - d2))
    expected = 1 - sum(losses) / sum(of_constants)
    assert loss.d2(predicted, y, weights) == pytest.approx(expected, rel=0.02)
    constants = np.quantile(y, loss.quantiles, method="inverted_cdf") + 0 * predicted
    if not weighted:
        assert loss.d2(constants, y) == pytest.approx(0, abs=1e-12)
    assert loss.d2(np.tile(y, 2), y, weights) == 1


def test_d2_of_targets_that_do_not_vary():
    y = np.ones((5, 1))
    assert LOSS.d2(np.ones((5, 3)), y) == 1
    assert LOSS.d2(np.zeros((5, 3)), y) == 0


@pytest.mark.parametrize(
    "quantiles", [(), (0.5,), (0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0), (0.1, np.nan)]
)
def test_quantiles_must_ascend(quantiles):
    with pytest.raises(ValueError, match=r"Quantiles\(quantiles=.*ascending"):
        Quantiles(quantiles)


def test_a_list_is_a_tuple():
    assert Quantiles([0.1, 0.9]) == Quantiles((0.1, 0.9))
    assert hash(Quantiles([0.1, 0.9])) == hash(Quantiles((0.1, 0.9)))
