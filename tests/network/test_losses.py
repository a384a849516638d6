"""Every property crossed with every loss. Scores have shape (K, n, q) = (3, 11, 13)."""

import pickle
from dataclasses import FrozenInstanceError, replace
from functools import partial

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

import skmlp.network.softmax
from skmlp.network.hyperparameters import fields_per_network, kept, stack_key, stacked
from skmlp.network.losses import (
    LOSSES,
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    BinaryLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    MulticlassLoss,
    Poisson,
    ProbabilisticLoss,
    Quantile,
    SquaredError,
)
from tests.network.problems import (
    CONSTANTS,
    LOSS_CASES,
    away_from_kinks,
    naive_losses,
    naive_smoothed,
    peak_memory,
    targets,
)

SHAPE = (3, 11, 13)
MEANS = ("squared_error", "poisson", "binary_log_loss", "log_loss of one group", "log_loss of two groups")
LINKS = {
    "identity": lambda p: p,
    "logistic": lambda p: np.log(p / (1 - p)),
    "exp": np.log,
    "softmax": np.log,
}
"""From means and probabilities to raw scores."""


def every(condition):
    """Return the decorator that runs a test over the losses of which ``condition(name, loss)`` holds."""
    cases = {name: loss for name, loss in LOSS_CASES.items() if condition(name, loss)}
    return pytest.mark.parametrize("loss", cases.values(), ids=cases)


def is_smoothed(loss):
    return getattr(loss, "label_smoothing", 0) > 0


EVERY_LOSS = every(lambda name, loss: True)
EVERY_CANONICAL_LOSS = every(lambda name, loss: name in MEANS or is_smoothed(loss))
EVERY_MEAN_LOSS = every(lambda name, loss: name in {*MEANS, "gamma"})
EVERY_PROPER_LOSS = every(lambda name, loss: "focal" not in name and not is_smoothed(loss))
EVERY_PROBABILISTIC_LOSS = every(lambda name, loss: isinstance(loss, ProbabilisticLoss))
EVERY_UNSMOOTHED_LOSS = every(
    lambda name, loss: isinstance(loss, ProbabilisticLoss) and not is_smoothed(loss)
)
EVERY_FOCAL_LOSS = every(lambda name, loss: "focal" in name)


def scores_and_targets(loss, seed=0):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(scale=2, size=SHAPE), targets(loss, rng, SHAPE)
    return z, away_from_kinks(loss, z, y)


def value_and_gradient(loss, z, y):
    """Return both, having seen that the value is the same of what the gradient leaves of the scores."""
    delta, left = np.full_like(z, np.nan), z.copy()
    loss.gradient(left, y, delta)
    value = loss.value(z, y)
    np.testing.assert_allclose(loss.value_after_gradient(left, y), value, rtol=1e-12, atol=1e-14)
    return value, delta


def indicators(loss, shape):
    """Return targets of 0 and 1: the first class of each group, or yes everywhere."""
    y = np.zeros(shape)
    if isinstance(loss, MulticlassLoss):
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
        (AbsoluteError(), mean_absolute_error),
        (Huber(1e6), lambda y, z: mean_squared_error(y, z) / 2),
        (Quantile(), lambda y, z: mean_absolute_error(y, z) / 2),
        (Quantile(0.3), lambda y, z: mean_pinball_loss(y, z, alpha=0.3)),
        (Quantile(0.95), lambda y, z: mean_pinball_loss(y, z, alpha=0.95)),
        (Poisson(), lambda y, z: mean_poisson_deviance(y, np.exp(z)) / 2),
        (Gamma(), lambda y, z: mean_gamma_deviance(y, np.exp(z)) / 2),
        (BinaryLogLoss(), lambda y, z: log_loss(y > 0.5, 1 / (1 + np.exp(-z)))),
        (BinaryFocal(0.0), lambda y, z: log_loss(y > 0.5, 1 / (1 + np.exp(-z)))),
    ],
    ids=lambda value: repr(value) if isinstance(value, Loss) else "",
)
def test_mean_over_all_outputs_is_the_metric_of_scikit_learn(loss, metric):
    z, y = scores_and_targets(loss)
    if isinstance(loss, BinaryLoss):
        y = (y > 0.5).astype(float)
    losses, _ = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(losses.mean(), metric(y.ravel(), z.ravel()), rtol=1e-12)


@pytest.mark.parametrize("loss", [LogLoss(group_sizes=(13,)), Focal(0.0, group_sizes=(13,))], ids=repr)
def test_mean_log_loss_is_the_metric_of_scikit_learn(loss):
    z, _ = scores_and_targets(LogLoss(group_sizes=(13,)))
    z = z.reshape(-1, 13)
    classes = np.random.default_rng(1).integers(13, size=len(z))
    losses, _ = value_and_gradient(loss, z, np.eye(13)[classes])
    p = LogLoss(group_sizes=(13,)).inverse_link(z)
    expected = log_loss(classes, p, labels=np.arange(13))
    np.testing.assert_allclose(losses.sum(axis=-1).mean(), expected, rtol=1e-12)


@pytest.mark.parametrize("make", [LogLoss, partial(LogLoss, 0.2), Focal], ids=range(3))
def test_groups_add_up(make):
    loss = make(group_sizes=(4, 9))
    z, y = scores_and_targets(loss)
    losses, delta = value_and_gradient(loss, z, y)
    parts = [
        value_and_gradient(make(group_sizes=(size,)), z_group, y_group)
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


@EVERY_CANONICAL_LOSS
def test_gradient_is_prediction_minus_target(loss):
    """The link is canonical [Bishop 2006, section 4.3.6]."""
    z, y = scores_and_targets(loss)
    _, delta = value_and_gradient(loss, z, y)
    y = naive_smoothed(loss, y) if is_smoothed(loss) else y
    np.testing.assert_allclose(delta, loss.inverse_link(z) - y, rtol=1e-12, atol=1e-14)


@EVERY_LOSS
def test_value_and_gradient_write_into_no_input(loss):
    """But for the scores, where the gradient leaves what the value is computed from."""
    z, y = scores_and_targets(loss)
    z.flags.writeable = y.flags.writeable = False
    loss.value(z, y)
    left, delta = z.copy(), np.empty_like(z)
    left.flags.writeable = type(loss).value_after_gradient is not Loss.value_after_gradient
    loss.gradient(left, y, delta)
    if left.flags.writeable:
        np.testing.assert_array_equal(left, loss.log_inverse_link(z))


@EVERY_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_makes_no_large_arrays(monkeypatch, loss, dtype):
    """Neither as large as the scores, nor a mask of them; temporaries fit the cache."""
    monkeypatch.setattr(skmlp.network.softmax, "CACHE_BLOCK", 4096)
    if isinstance(loss, MulticlassLoss):
        loss = replace(loss, group_sizes=(433,) if len(loss.group_sizes) == 1 else (60, 373))
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(3, 997, 433)), targets(loss, rng, (3, 997, 433))
    z, y = z.astype(dtype), y.astype(dtype)
    left, delta = z.copy(), np.empty_like(z)
    loss = stacked([loss] * 3, dtype, n_axes=2)

    def gradient():
        np.copyto(left, z)
        loss.gradient(left, y, delta)

    assert peak_memory(gradient) < z.size / 2


@EVERY_LOSS
@pytest.mark.parametrize("n_rows", [1, 2, 7, 100])
def test_gradient_of_many_rows_is_that_of_each_part(monkeypatch, loss, n_rows):
    """Whatever fits the cache."""
    z, y = scores_and_targets(loss)
    value, delta = value_and_gradient(loss, z, y)
    monkeypatch.setattr(skmlp.network.softmax, "CACHE_BLOCK", 3 * 13 * n_rows)
    for found, expected in zip(value_and_gradient(loss, z, y), (value, delta), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


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


@EVERY_PROPER_LOSS
def test_value_is_smallest_where_the_prediction_is_the_target(loss):
    _, y = scores_and_targets(loss)
    y = np.clip(y, 0.01, None) if isinstance(loss, Poisson) else y
    best = LINKS[loss.link](y)
    losses, delta = value_and_gradient(loss, best, y)
    np.testing.assert_allclose(delta, 0, atol=1e-12)
    others = best + np.random.default_rng(2).normal(scale=0.1, size=SHAPE)
    assert (value_and_gradient(loss, others, y)[0].sum(axis=-1) > losses.sum(axis=-1)).all()


@EVERY_MEAN_LOSS
def test_best_constant_predicts_the_mean_of_the_targets(loss):
    _, y = scores_and_targets(loss)
    z = np.broadcast_to(LINKS[loss.link](y.mean(axis=-2, keepdims=True)), SHAPE)
    _, delta = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(delta.sum(axis=-2), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "quantile"), [(AbsoluteError(), 0.5), (Quantile(), 0.5), (Quantile(0.3), 0.3)], ids=repr
)
def test_best_constant_is_a_quantile_of_the_targets(loss, quantile):
    _, y = scores_and_targets(loss)
    z = np.broadcast_to(np.quantile(y, quantile, axis=-2, keepdims=True), SHAPE)
    losses, delta = value_and_gradient(loss, z, y)
    np.testing.assert_allclose(delta.sum(axis=-2), 0, atol=1e-12)
    for shift in (-0.1, 0.1):
        assert (loss.value(z + shift, y).sum(axis=-2) > losses.sum(axis=-2)).all()


@pytest.mark.parametrize("loss", [AbsoluteError(), Quantile(0.3)], ids=repr)
def test_slope_is_zero_at_the_kink(loss):
    z = np.ones((1, 1, 1))
    losses, delta = value_and_gradient(loss, z, z.copy())
    assert losses == delta == 0


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_slope_of_huber_is_the_error_up_to_delta(delta):
    z = np.linspace(-7, 7, 29).reshape(1, 29, 1)
    _, slope = value_and_gradient(Huber(delta), z, np.zeros_like(z))
    np.testing.assert_array_equal(slope, np.clip(z, -delta, delta))


@pytest.mark.parametrize(
    ("smoothed", "plain"),
    [
        (BinaryLogLoss(0.2), BinaryLogLoss()),
        (LogLoss(0.2, group_sizes=(13,)), LogLoss(group_sizes=(13,))),
        (LogLoss(0.2, group_sizes=(4, 9)), LogLoss(group_sizes=(4, 9))),
    ],
    ids=repr,
)
def test_label_smoothing_spreads_the_targets(smoothed, plain):
    z, y = scores_and_targets(plain)
    expected = value_and_gradient(plain, z, naive_smoothed(smoothed, y))
    for a, b in zip(value_and_gradient(smoothed, z, y), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("focal", "log_loss"),
    [(BinaryFocal(0.0), BinaryLogLoss()), (Focal(0.0, group_sizes=(4, 9)), LogLoss(group_sizes=(4, 9)))],
    ids=repr,
)
def test_focal_loss_without_focus_is_the_log_loss(focal, log_loss):
    z, y = scores_and_targets(log_loss)
    for scale in (1, 1e3):
        expected = value_and_gradient(log_loss, scale * z, y)
        for a, b in zip(value_and_gradient(focal, scale * z, y), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "make", [BinaryFocal, lambda gamma: Focal(gamma, group_sizes=(4, 9))], ids=["binary", "focal"]
)
def test_focal_losses_are_finite_at_any_score(make, dtype, gamma):
    loss = make(gamma)
    y = indicators(loss, SHAPE).astype(dtype)
    for scale in (0, 1, 30, 1e3, 1e6):
        z = (scale * np.random.default_rng(3).normal(size=SHAPE)).astype(dtype)
        for targets_of_either_kind in (y, (1 - y) if isinstance(loss, BinaryFocal) else np.roll(y, 2, -2)):
            losses, delta = value_and_gradient(loss, z, targets_of_either_kind)
            assert np.isfinite(losses).all()
            assert (losses >= 0).all()
            assert np.isfinite(delta).all()
            assert (np.abs(delta) <= 1 + gamma).all()


@EVERY_FOCAL_LOSS
def test_focus_leaves_out_what_is_right(loss):
    """With p near 1 the loss is (1 - p)^gamma times the log-loss."""
    y = indicators(loss, (1, 13))
    plain = LogLoss(group_sizes=loss.group_sizes) if isinstance(loss, Focal) else BinaryLogLoss()
    ratio = loss.value(8 * y, y).max() / plain.value(8 * y, y).max()
    p = plain.inverse_link(8 * y)[y == 1].min()
    np.testing.assert_allclose(ratio, (1 - p) ** loss.gamma, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0.0), r"Huber\(delta=0.0\): delta must be positive"),
        (lambda: Huber(np.inf), r"Huber\(delta=inf\): delta must be positive and finite"),
        (lambda: Huber(-1.0), r"Huber\(delta=-1.0\): delta must be positive"),
        (lambda: Quantile(0.0), r"Quantile\(quantile=0.0\): quantile must be between 0 and 1"),
        (lambda: Quantile(1.0), r"Quantile\(quantile=1.0\): quantile must be between 0 and 1"),
        (lambda: LogLoss(1.0, group_sizes=(2,)), r"LogLoss\(label_smoothing=1.0\): .* must be in \[0, 1\)"),
        (
            lambda: LogLoss(-0.1, group_sizes=(2,)),
            r"LogLoss\(label_smoothing=-0.1\): .* must be in \[0, 1\)",
        ),
        (lambda: BinaryLogLoss(1.0), r"BinaryLogLoss\(label_smoothing=1.0\): .* must be in \[0, 1\)"),
        (lambda: Focal(-0.1, group_sizes=(2,)), r"Focal\(gamma=-0.1\): gamma must be at least 0"),
        (lambda: BinaryFocal(-0.1), r"BinaryFocal\(gamma=-0.1\): gamma must be at least 0"),
        (lambda: Huber(np.nan), "must be positive"),
    ],
)
def test_fields_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "sizes", "expected"),
    [
        (LogLoss(), (), BinaryLogLoss()),
        (LogLoss(label_smoothing=0.2), (), BinaryLogLoss(0.2)),
        (LogLoss(label_smoothing=0.2), (2, 3), LogLoss(0.2, group_sizes=(2, 3))),
        (Focal(), (), BinaryFocal()),
        (Focal(gamma=0.5), (), BinaryFocal(0.5)),
        (Focal(gamma=0.5), (2, 3), Focal(0.5, group_sizes=(2, 3))),
        (BinaryLogLoss(0.2), (2, 3), BinaryLogLoss(0.2)),
    ],
    ids=repr,
)
def test_loss_for_classes_keeps_its_other_fields(loss, sizes, expected):
    assert loss.for_classes(sizes) == expected


@EVERY_PROBABILISTIC_LOSS
def test_probabilities_of_a_mixture_are_the_mean(loss):
    z, _ = scores_and_targets(loss)
    mean = loss.inverse_link(z).mean(axis=0)
    np.testing.assert_allclose(loss.inverse_link(loss.scores_of_mean(z)[np.newaxis])[0], mean, rtol=1e-12)


@EVERY_UNSMOOTHED_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_probabilistic_losses_are_finite_and_exact_at_extreme_scores(loss, dtype):
    y = indicators(loss, (2, 13)).astype(dtype)
    z = np.array([1e3, -1e3], dtype=dtype)[:, np.newaxis] * y  # quite right, and quite wrong
    losses, delta = value_and_gradient(loss, z, y)
    n_targets = len(getattr(loss, "group_sizes", y[0]))
    shares = np.array([(size - 1) for size in getattr(loss, "group_sizes", ())])
    worst = 1e3 * n_targets + np.log(shares).sum()
    np.testing.assert_allclose(losses.sum(axis=-1), [0, worst], rtol=1e-6, atol=0)
    np.testing.assert_array_equal(delta[0], 0)
    np.testing.assert_array_equal(delta[1, y[1] == 1], -1)


@EVERY_PROBABILISTIC_LOSS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1, 30, 1e3])
def test_probabilities_lie_between_zero_and_one(loss, dtype, scale):
    z = (scale * np.random.default_rng(3).normal(size=SHAPE)).astype(dtype)
    p = loss.inverse_link(z)
    assert ((p > 0) & (p <= 1)).all()
    if isinstance(loss, MulticlassLoss):
        for group in loss.groups(p):
            np.testing.assert_allclose(group.sum(axis=-1), 1, rtol=1e-6)


@EVERY_PROBABILISTIC_LOSS
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


@EVERY_PROBABILISTIC_LOSS
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


@pytest.mark.parametrize("loss", [Poisson(), Gamma()], ids=repr)
def test_inverse_link_of_positive_targets_is_the_exponential(loss):
    z, _ = scores_and_targets(loss)
    np.testing.assert_array_equal(loss.inverse_link(z), np.exp(z))


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
        (AbsoluteError(), [-5.0, 5.0], True),
        (Huber(), [-5.0, 5.0], True),
        (Quantile(), [-5.0, 5.0], True),
        (Gamma(), [0.1, 2.5], True),
        (Gamma(), [0.0, 2.5], False),
        (BinaryFocal(), [0.0, 0.3, 1.0], True),
        (BinaryFocal(), [0.0, 1.1], False),
        (Focal(group_sizes=(2,)), [0.3, 0.7], True),
        (Focal(group_sizes=(2,)), [0.3, 0.6], False),
        (BinaryLogLoss(), [0.0, 0.3, 1.0], True),
        (BinaryLogLoss(), [0.0, 1.1], False),
        (BinaryLogLoss(), [-0.1, 1.0], False),
        (LogLoss(group_sizes=(2,)), [0.3, 0.7], True),
        (LogLoss(group_sizes=(2,)), [0.3, 0.6], False),
        (LogLoss(group_sizes=(2,)), [-0.3, 1.3], False),
        (LogLoss(group_sizes=(2, 3)), [0.0, 1.0, 0.0, 1.0, 0.0], True),
        (LogLoss(group_sizes=(2, 3)), [1.0, 1.0, 0.0, 0.0, 0.0], False),
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
    assert LogLoss(group_sizes=(4, 9)) != LogLoss(group_sizes=(9, 4)) != LogLoss(group_sizes=(13,))


def test_fields_are_frozen():
    with pytest.raises(FrozenInstanceError):
        LogLoss(group_sizes=(13,)).group_sizes = (2,)


# Constants that differ between the networks of a stack

EVERY_CONSTANT = pytest.mark.parametrize("losses", CONSTANTS.values(), ids=CONSTANTS)


def test_every_loss_with_a_constant_has_several():
    with_constants = {cls for cls in LOSSES.values() if fields_per_network(cls)}
    assert {type(losses[0]) for losses in CONSTANTS.values()} == with_constants


@EVERY_CONSTANT
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_network_of_a_stack_has_its_own_constant(losses, dtype):
    """1 - 0.1 of a float and of a column of float32 are not the same: to rounding there."""
    z, y = (array.astype(dtype) for array in scores_and_targets(losses[0]))
    stack = stacked(losses, dtype, n_axes=2)
    values, gradients = value_and_gradient(stack, z, y)
    assert values.dtype == gradients.dtype == dtype
    rtol = 1e-13 if dtype == "float64" else 1e-5
    for k, loss in enumerate(losses):
        one = slice(k, k + 1)
        value, gradient = value_and_gradient(loss, z[one], y[one])
        np.testing.assert_allclose(values[one], value, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(gradients[one], gradient, rtol=rtol, atol=rtol)
        if dtype == "float64":
            np.testing.assert_array_equal(values[one], value)
            np.testing.assert_array_equal(gradients[one], gradient)
    assert np.abs(np.diff(stacked_gradients(losses, z, y), axis=0)).max(axis=(1, 2, 3)).min() > 1e-2


def stacked_gradients(losses, z, y):
    """Return the gradients of each loss for all scores."""
    return np.stack([value_and_gradient(loss, z, y)[1] for loss in losses])


@EVERY_CONSTANT
def test_gradient_with_columns_is_the_slope_of_the_value(losses):
    rng = np.random.default_rng(0)
    z, y = rng.normal(scale=2, size=SHAPE), targets(losses[0], rng, SHAPE)
    for loss in losses:
        y = away_from_kinks(loss, z, y)
    loss, step = stacked(losses, n_axes=2), 1e-6
    _, gradient = value_and_gradient(loss, z, y)
    for j in range(SHAPE[-1]):
        e = step * np.eye(SHAPE[-1])[j]
        slope = (loss.value(z + e, y) - loss.value(z - e, y)).sum(axis=-1) / (2 * step)
        np.testing.assert_allclose(gradient[..., j], slope, rtol=1e-5, atol=1e-7)


@EVERY_CONSTANT
def test_losses_with_other_constants_are_of_one_kind(losses):
    assert len({stack_key(loss) for loss in losses}) == 1
    some = kept(stacked(losses, n_axes=2), np.array([True, False, True]))
    z, y = scores_and_targets(losses[0])
    found = value_and_gradient(some, z[:2], y[:2])
    expected = value_and_gradient(stacked([losses[0], losses[2]], n_axes=2), z[:2], y[:2])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_classes_are_another_kind():
    assert stack_key(LogLoss(group_sizes=(4, 9))) != stack_key(LogLoss(group_sizes=(9, 4)))
    assert stack_key(LogLoss(group_sizes=(13,))) != stack_key(Focal(group_sizes=(13,)))


@pytest.mark.parametrize(
    ("make", "values", "words"),
    [
        (Huber, (1.0, 0.0), "delta must be positive"),
        (Huber, (1.0, np.nan), "delta must be positive"),
        (Quantile, (0.5, 1.0), "quantile must be between 0 and 1"),
        (Quantile, (0.0, 0.5), "quantile must be between 0 and 1"),
        (BinaryLogLoss, (0.1, 1.0), r"label_smoothing must be in \[0, 1\)"),
        (
            lambda part: LogLoss(part, group_sizes=(13,)),
            (-0.1, 0.1),
            r"label_smoothing must be in \[0, 1\)",
        ),
        (BinaryFocal, (-1.0, 2.0), "gamma must be at least 0"),
        (lambda gamma: Focal(gamma, group_sizes=(13,)), (2.0, -1.0), "gamma must be at least 0"),
    ],
    ids=lambda value: str(value) if isinstance(value, (tuple, str)) else "",
)
def test_an_invalid_value_in_a_column_is_refused(make, values, words):
    with pytest.raises(ValueError, match=words):
        make(np.reshape(values, (2, 1, 1)))
