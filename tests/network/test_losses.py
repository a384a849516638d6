"""Every property crossed with every loss. Scores have shape (K, n, q) = (3, 11, 13)."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error

from skmlp.network.losses import LOSSES, BinaryLogLoss, LogLoss, Poisson, SquaredError
from tests.network.problems import LOSS_CASES, naive_losses, targets

SHAPE = (3, 11, 13)
EVERY_LOSS = pytest.mark.parametrize("loss", LOSS_CASES.values(), ids=LOSS_CASES)
LOG_LOSSES = {name: loss for name, loss in LOSS_CASES.items() if "log_loss" in name}
EVERY_LOG_LOSS = pytest.mark.parametrize("loss", LOG_LOSSES.values(), ids=LOG_LOSSES)


def scores_and_targets(loss, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=2, size=SHAPE), targets(loss, rng, SHAPE)


def value_and_gradient(loss, z, y):
    delta = np.full_like(z, np.nan)
    loss.gradient(z, y, delta)
    return loss.value(z, y), delta


def indicators(loss, shape):
    """Return targets of 0 and 1: the first class of each group, or yes everywhere."""
    y = np.zeros(shape)
    if isinstance(loss, LogLoss):
        for group in loss.groups(y):
            group[..., 0] = 1
    else:
        y[...] = 1
    return y


def test_every_loss_has_a_case():
    assert {type(loss) for loss in LOSS_CASES.values()} == set(LOSSES.values())
    assert all(cls.name == name for name, cls in LOSSES.items())


@EVERY_LOSS
def test_value_is_the_textbook_formula(loss):
    z, y = scores_and_targets(loss)
    losses, _ = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(losses.sum(axis=-1), naive_losses(loss, z, y).sum(axis=-1), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (SquaredError(), lambda y, z: mean_squared_error(y, z) / 2),
        (Poisson(), lambda y, z: mean_poisson_deviance(y, np.exp(z)) / 2),
        (BinaryLogLoss(), lambda y, z: log_loss(y > 0.5, 1 / (1 + np.exp(-z)))),
    ],
    ids=["squared_error", "poisson", "binary_log_loss"],
)
def test_mean_over_all_outputs_is_the_metric_of_scikit_learn(loss, metric):
    z, y = scores_and_targets(loss)
    if isinstance(loss, BinaryLogLoss):
        y = (y > 0.5).astype(float)
    losses, _ = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(losses.mean(), metric(y.ravel(), z.ravel()), rtol=1e-12)


def test_mean_log_loss_is_the_metric_of_scikit_learn():
    z, _ = scores_and_targets(LogLoss((13,)))
    z = z.reshape(-1, 13)
    classes = np.random.default_rng(1).integers(13, size=len(z))
    losses, _ = value_and_gradient(LogLoss((13,)), z, np.eye(13)[classes])
    p = LogLoss((13,)).inverse_link(z)
    expected = log_loss(classes, p, labels=np.arange(13))
    np.testing.assert_allclose(losses.sum(axis=-1).mean(), expected, rtol=1e-12)


def test_groups_of_log_loss_add_up():
    loss = LogLoss((4, 9))
    z, y = scores_and_targets(loss)
    losses, delta = value_and_gradient(loss, z, y)
    parts = [
        value_and_gradient(LogLoss((size,)), z_group, y_group)
        for size, z_group, y_group in zip((4, 9), loss.groups(z), loss.groups(y), strict=True)
    ]
    np.testing.assert_array_equal(losses, np.concatenate([value for value, _ in parts], axis=-1))
    np.testing.assert_array_equal(delta, np.concatenate([gradient for _, gradient in parts], axis=-1))


@EVERY_LOSS
def test_gradient_is_the_slope_of_the_value(loss):
    z, y = scores_and_targets(loss)
    _, delta = value_and_gradient(loss, z, y)
    step = 1e-5
    for j in range(SHAPE[-1]):
        higher, lower = z.copy(), z.copy()
        higher[..., j] += step
        lower[..., j] -= step
        difference = loss.value(higher, y).sum(axis=-1) - loss.value(lower, y).sum(axis=-1)
        np.testing.assert_allclose(delta[..., j], difference / (2 * step), rtol=1e-6, atol=1e-8)


@EVERY_LOSS
def test_gradient_is_prediction_minus_target(loss):
    """The link is canonical [Bishop 2006, section 4.3.6]."""
    z, y = scores_and_targets(loss)
    _, delta = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(delta, loss.inverse_link(z) - y, rtol=1e-12, atol=1e-14)


@EVERY_LOSS
def test_value_and_gradient_write_into_no_input(loss):
    z, y = scores_and_targets(loss)
    z.flags.writeable = y.flags.writeable = False
    value_and_gradient(loss, z, y)


@EVERY_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dtype_is_kept(loss, dtype):
    z, y = (array.astype(dtype) for array in scores_and_targets(loss))
    losses, delta = value_and_gradient(loss, z, y)
    assert losses.dtype == delta.dtype == loss.inverse_link(z).dtype == dtype


@EVERY_LOSS
def test_float32_is_close_to_float64(loss):
    z, y = scores_and_targets(loss)
    single = value_and_gradient(loss, z.astype(np.float32), y.astype(np.float32))
    for approximate, exact in zip(single, value_and_gradient(loss, z, y), strict=True):
        np.testing.assert_allclose(approximate, exact, rtol=2e-5, atol=2e-6)


@EVERY_LOSS
def test_value_is_smallest_where_the_prediction_is_the_target(loss):
    _, y = scores_and_targets(loss)
    y = np.clip(y, 0.01, None) if isinstance(loss, Poisson) else y
    best = {"identity": lambda p: p, "logistic": lambda p: np.log(p / (1 - p))}.get(loss.link, np.log)(y)
    losses, delta = value_and_gradient(loss, best, y)
    np.testing.assert_allclose(delta, 0, atol=1e-12)
    others = best + np.random.default_rng(2).normal(scale=0.1, size=SHAPE)
    assert (value_and_gradient(loss, others, y)[0].sum(axis=-1) > losses.sum(axis=-1)).all()


@EVERY_LOSS
def test_best_constant_predicts_the_mean_of_the_targets(loss):
    _, y = scores_and_targets(loss)
    mean = y.mean(axis=-2, keepdims=True)
    scores = {"identity": lambda p: p, "logistic": lambda p: np.log(p / (1 - p))}.get(loss.link, np.log)
    z = np.broadcast_to(scores(mean), SHAPE)
    _, delta = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(delta.sum(axis=-2), 0, atol=1e-12)


@EVERY_LOG_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_log_losses_are_finite_and_exact_at_extreme_scores(loss, dtype):
    y = indicators(loss, (2, 13)).astype(dtype)
    z = np.array([1e3, -1e3], dtype=dtype)[:, np.newaxis] * y  # quite right, and quite wrong
    losses, delta = value_and_gradient(loss, z, y)
    n_targets = len(getattr(loss, "group_sizes", y[0]))
    shares = np.array([(size - 1) for size in getattr(loss, "group_sizes", ())])
    worst = 1e3 * n_targets + np.log(shares).sum()
    np.testing.assert_allclose(losses.sum(axis=-1), [0, worst], rtol=1e-6, atol=0)
    np.testing.assert_array_equal(delta[0], 0)
    np.testing.assert_array_equal(delta[1, y[1] == 1], -1)


@EVERY_LOG_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1, 30, 1e3])
def test_probabilities_lie_between_zero_and_one(loss, dtype, scale):
    z = (scale * np.random.default_rng(3).normal(size=SHAPE)).astype(dtype)
    p = loss.inverse_link(z)
    assert ((p > 0) & (p <= 1)).all()
    if isinstance(loss, LogLoss):
        for group in loss.groups(p):
            np.testing.assert_allclose(group.sum(axis=-1), 1, rtol=1e-6)


@EVERY_LOG_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1, 1e3])
def test_log_probabilities_are_finite_and_agree_with_probabilities(loss, dtype, scale):
    z = (scale * np.random.default_rng(4).normal(size=SHAPE)).astype(dtype)
    p, log_p = loss.inverse_link(z), loss.log_inverse_link(z)
    normal = p >= np.finfo(dtype).tiny
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()
    assert np.isfinite(np.log(p)).all()
    np.testing.assert_allclose(np.log(p[normal]), log_p[normal], rtol=1e-5, atol=1e-6)


@EVERY_LOG_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_probabilities_that_underflow_keep_their_order(loss, dtype):
    z = np.zeros((1, 7, 13), dtype=dtype)
    z[..., 1] = np.linspace(-50, -3000, 7)  # class 0 of its group stays ahead
    assert (np.diff(loss.inverse_link(z)[0, :, 1]) < 0).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_probabilities_that_do_not_underflow_stay_as_they_are(dtype):
    z = np.array([3, -1, -20, -80, -110, -760, -800, -5000], dtype=dtype)
    p, sigmoid = BinaryLogLoss().inverse_link(z), expit(z)
    lost = sigmoid < np.finfo(dtype).tiny
    assert 0 < lost.sum() < len(z)
    np.testing.assert_array_equal(p[~lost], sigmoid[~lost])
    assert (p[lost] > 0).all()
    assert (p[lost] < np.finfo(dtype).tiny).all()


def test_inverse_link_of_poisson_is_the_exponential():
    z, _ = scores_and_targets(Poisson())
    np.testing.assert_array_equal(Poisson().inverse_link(z), np.exp(z))


@EVERY_LOSS
def test_drawn_targets_are_allowed(loss):
    _, y = scores_and_targets(loss)
    assert loss.allows(y)


@pytest.mark.parametrize(
    ("loss", "y", "allowed"),
    [
        (SquaredError(), [-5.0, 5.0], True),
        (Poisson(), [0.0, 2.5], True),
        (Poisson(), [-0.1, 2.5], False),
        (BinaryLogLoss(), [0.0, 0.3, 1.0], True),
        (BinaryLogLoss(), [0.0, 1.1], False),
        (BinaryLogLoss(), [-0.1, 1.0], False),
        (LogLoss((2,)), [0.3, 0.7], True),
        (LogLoss((2,)), [0.3, 0.6], False),
        (LogLoss((2,)), [-0.3, 1.3], False),
        (LogLoss((2, 3)), [0.0, 1.0, 0.0, 1.0, 0.0], True),
        (LogLoss((2, 3)), [1.0, 1.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_allowed_targets(loss, y, allowed):
    assert loss.allows(np.array([y])) is allowed


@EVERY_LOSS
def test_only_squared_error_is_reported_as_a_mean_over_outputs(loss):
    assert loss.reported_divisor(13) == (13 if isinstance(loss, SquaredError) else 1)


@EVERY_LOSS
def test_pickles_to_an_equal_one_that_prints_alike(loss):
    copy = pickle.loads(pickle.dumps(loss))
    assert copy == loss
    assert hash(copy) == hash(loss)
    assert repr(copy) == repr(loss)


@EVERY_LOSS
def test_repr_rebuilds_the_loss(loss):
    assert eval(repr(loss), {cls.__name__: cls for cls in LOSSES.values()}) == loss


def test_losses_of_different_groups_differ():
    assert LogLoss((4, 9)) != LogLoss((9, 4)) != LogLoss((13,))


def test_fields_are_frozen():
    with pytest.raises(FrozenInstanceError):
        LogLoss((13,)).group_sizes = (2,)
