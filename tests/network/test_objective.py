"""The gradient check over everything the engine can compute, and what weights and penalty mean."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import approx_fprime

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.arrays import SparseBlock
from skmlp.network.hyperparameters import fields_per_network
from skmlp.network.layers import (
    Training,
)
from skmlp.network.losses import Huber, LogLoss, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.normalizations import (
    NORMALIZATIONS,
    BatchNormalization,
    LayerNormalization,
)
from skmlp.network.objective import Objective, block_weight
from tests.crossing import crossed, named
from tests.network.problems import (
    CONSTANTS,
    HIDDEN,
    LOSS_CASES,
    N_OUTPUTS,
    away_from_kinks,
    data,
    naive_losses,
    naive_raw_scores,
    network_and_theta,
    weights_and_biases,
)

EVERY_LOSS = pytest.mark.parametrize("loss", LOSS_CASES.values(), ids=LOSS_CASES)
EVERY_DEPTH = pytest.mark.parametrize("depth", sorted(HIDDEN))
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
ALPHA = np.array([0.7, 0.0, 2.3])


def value_and_gradient(objective, theta, x, y, weights=None, **options):
    """Return E (K,) and dE/d theta (K, P)."""
    view = objective.network.layout.view
    gradient = view(np.full_like(theta, np.nan))
    value = objective.value_and_gradient(view(theta), x, y, weights, gradient, **options)
    return value, gradient.flat


def streams(n_networks, seed=0):
    """Return streams that are all alike; the same again in every call."""
    return [np.random.Generator(np.random.SFC64(seed)) for _ in range(n_networks)]


def central_differences(objective, theta, x, y, weights=None, step=1e-5):
    """Return dE/d theta (K, P), from a stack of 2 P perturbed copies of each network."""
    slopes = np.empty_like(theta)
    steps = step * np.eye(theta.shape[1])
    for k, theta_k in enumerate(theta):
        perturbed = theta_k + np.concatenate([steps, -steps])
        n_copies = len(perturbed)
        alpha = np.repeat(objective.alpha[k], n_copies)
        copies = Objective(objective.network, objective.loss, alpha, streams(n_copies))
        x_k, y_k = (np.repeat(array[k : k + 1], n_copies, axis=0) for array in (x, y))
        weights_k = None if weights is None else np.repeat(weights[k : k + 1], n_copies, axis=0)
        higher, lower = np.split(value_and_gradient(copies, perturbed, x_k, y_k, weights_k)[0], 2)
        slopes[k] = (higher - lower) / (2 * step)
    return slopes


def assert_gradient_is_the_slope(network, theta, loss, n_networks=3, weighted=True, penalized=True):
    x, y, weights = data(loss, n_networks)
    weights = weights if weighted else None
    alpha = ALPHA[:n_networks] if penalized else np.zeros(n_networks)
    training = Training(streams(n_networks), weights)
    traces = network.traces(n_networks, x.shape[1], theta, training)
    z = network.forward(network.layout.view(theta.copy()).layers, x, traces)
    y = away_from_kinks(loss, z, y)
    objective = Objective(network, loss, alpha, streams(n_networks))
    _, gradient = value_and_gradient(objective, theta.copy(), x, y, weights)
    slopes = central_differences(objective, theta, x, y, weights)
    assert (relative_error(gradient, slopes) < 1e-6).all()


def relative_error(a, b):
    """Return |a - b| / max(|a|, |b|) of each network."""
    size = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.linalg.norm(a - b, axis=1) / size


@crossed(activation=named(*sorted(ACTIVATIONS)), loss=LOSS_CASES, depth=named(2, 1))
def test_gradient_is_the_slope_of_the_value(activation, loss, depth):
    network, theta = network_and_theta(HIDDEN[depth], activation)
    assert_gradient_is_the_slope(network, theta, loss)


@crossed(
    loss=LOSS_CASES,
    depth=named(2, *sorted(set(HIDDEN) - {2})),
    n_networks=named(3, 1),
    weighted={"weighted": True, "unweighted": False},
    penalized={"alpha per network": True, "alpha=0": False},
)
def test_gradient_is_the_slope_for_any_stack_weights_and_penalty(
    loss, depth, n_networks, weighted, penalized
):
    network, theta = network_and_theta(HIDDEN[depth], "tanh", n_networks)
    assert_gradient_is_the_slope(network, theta, loss, n_networks, weighted, penalized)


EXTRAS = {
    "dropout": {"dropout": (0.3, 0.2)},
    "batch normalization": {"normalization": BatchNormalization()},
    "layer normalization": {"normalization": LayerNormalization()},
    "batch normalization and dropout": {"normalization": BatchNormalization(0.1), "dropout": (0.3, 0.2)},
    "layer normalization and dropout": {"normalization": LayerNormalization(0.1), "dropout": (0.3, 0.2)},
}
EVERY_EXTRA = pytest.mark.parametrize("extra", EXTRAS.values(), ids=EXTRAS)


@EVERY_EXTRA
@EVERY_LOSS
def test_gradient_is_the_slope_with_normalization_and_dropout(extra, loss):
    network, theta = network_and_theta((7, 3), **extra)
    assert_gradient_is_the_slope(network, theta, loss)


@EVERY_EXTRA
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize(("n_networks", "weighted"), [(1, False), (3, True)], ids=["alone", "weighted"])
def test_gradient_is_the_slope_with_any_activation_normalized_or_dropped(
    extra, activation, n_networks, weighted
):
    network, theta = network_and_theta((7, 3), activation, n_networks, **extra)
    assert_gradient_is_the_slope(network, theta, LogLoss(group_sizes=(4, 9)), n_networks, weighted)


def own_streams():
    return [np.random.Generator(np.random.SFC64(seed)) for seed in (2, 3, 5)]


@EVERY_EXTRA
@WEIGHTED
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_networks_normalized_or_dropped_in_a_stack_equal_each_alone(extra, weighted, dtype):
    loss = LogLoss(group_sizes=(4, 9))
    network, theta = network_and_theta((7, 3), **extra)
    theta, x, y, weights, alpha = (a.astype(dtype) for a in (theta, *data(loss), ALPHA))
    together = theta.copy()
    objective = Objective(network, loss, alpha, own_streams())
    for _ in range(2):
        values, gradients = value_and_gradient(objective, together, x, y, weights if weighted else None)
    for k, stream in enumerate(own_streams()):
        one = slice(k, k + 1)
        alone, own = theta[one].copy(), Objective(network, loss, alpha[one], [stream])
        for _ in range(2):
            value, gradient = value_and_gradient(
                own, alone, x[one], y[one], weights[one] if weighted else None
            )
        np.testing.assert_array_equal(values[one], value)
        np.testing.assert_array_equal(gradients[one], gradient)
        np.testing.assert_array_equal(together[one], alone)


@EVERY_EXTRA
def test_kept_networks_draw_from_their_own_streams(extra):
    loss, mask = SquaredError(), np.array([True, False, True])
    network, theta = network_and_theta((7, 3), **extra)
    x, y, weights = data(loss)
    values, gradients = value_and_gradient(
        Objective(network, loss, ALPHA, own_streams()), theta.copy(), x, y, weights
    )
    some = Objective(network, loss, ALPHA, own_streams()).keep(mask)
    kept = value_and_gradient(some, theta[mask], x[mask], y[mask], weights[mask])
    np.testing.assert_array_equal(values[mask], kept[0])
    np.testing.assert_array_equal(gradients[mask], kept[1])


@EVERY_EXTRA
@pytest.mark.parametrize("factor", [1, 1e3], ids=["alike", "far off"])
def test_rows_of_weight_zero_change_nothing_normalized_or_dropped(extra, factor):
    """They come last in a block: the other rows find the same random numbers without them."""
    loss = LogLoss(group_sizes=(4, 9))
    network, theta = network_and_theta((7,), **{**extra, "dropout": extra.get("dropout", ())[:1]})
    x, y, weights = data(loss)
    padded = [np.concatenate([array, array[:, :2]], axis=1) for array in (x, y, weights)]
    padded[0][:, -2:] *= factor
    padded[2][:, -2:] = 0
    results = []
    for arrays in ((x, y, weights), padded):
        moved = theta.copy()
        objective = Objective(network, loss, ALPHA, own_streams())
        results.append([*value_and_gradient(objective, moved, *arrays), moved])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("normalization", NORMALIZATIONS.values(), ids=NORMALIZATIONS)
@EVERY_LOSS
def test_integer_weights_equal_repeated_rows_normalized(loss, normalization):
    network, theta = network_and_theta(normalization=normalization)
    x, y, _ = data(loss)
    times = np.array([1, 2, 3, 0, 1, 1, 5, 1, 2, 1, 1])
    results = []
    for arrays in (
        (x, y, np.tile(times.astype(float), (3, 1))),
        tuple(np.repeat(a, times, axis=1) for a in (x, y)),
    ):
        moved = theta.copy()
        results.append([*value_and_gradient(Objective(network, loss, ALPHA), moved, *arrays), moved])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_block_without_weight_leaves_the_running_statistics_alone():
    loss = SquaredError()
    network, theta = network_and_theta(normalization=BatchNormalization())
    x, y, weights = data(loss)
    moved = theta.copy()
    _, gradient = value_and_gradient(Objective(network, loss, np.zeros(3)), moved, x, y, 0 * weights)
    np.testing.assert_array_equal(moved, theta)
    np.testing.assert_array_equal(gradient, 0)


def test_normalization_and_dropout_are_not_penalized():
    network, theta = network_and_theta(normalization=LayerNormalization(), dropout=(0.3, 0.2))
    x, y, _ = data(SquaredError())
    gradients = [
        value_and_gradient(Objective(network, SquaredError(), alpha, own_streams()), theta, x, y)[1]
        for alpha in (np.zeros(3), np.ones(3))
    ]
    n_penalized = network.layout.n_penalized
    assert n_penalized == 5 * 7 + 7 * 2 + 2 * 13
    np.testing.assert_array_equal((gradients[1] - gradients[0])[:, n_penalized:], 0)


def test_gradient_agrees_with_scipy():
    """scipy's differences are one-sided and less accurate."""
    loss = LogLoss(group_sizes=(4, 9))
    network, theta = network_and_theta(n_networks=1)
    x, y, weights = data(loss, n_networks=1)
    objective = Objective(network, loss, ALPHA[:1])

    def value(flat):
        return value_and_gradient(objective, flat[np.newaxis], x, y, weights)[0][0]

    _, gradient = value_and_gradient(objective, theta, x, y, weights)
    assert relative_error(gradient, approx_fprime(theta[0], value)[np.newaxis]) < 1e-5


@crossed(activation=named(*sorted(ACTIVATIONS)), loss=LOSS_CASES)
@pytest.mark.parametrize(("depth", "weighted"), [(0, True), (1, False), (2, True)])
def test_value_is_weighted_mean_loss_plus_penalty(activation, loss, depth, weighted):
    network, theta = network_and_theta(HIDDEN[depth], activation)
    x, y, weights = data(loss)
    weights = weights if weighted else np.ones_like(weights)
    value, _ = value_and_gradient(
        Objective(network, loss, ALPHA), theta, x, y, weights if weighted else None
    )
    for k in range(3):
        z = naive_raw_scores(network, theta[k], x[k], activation)
        losses = naive_losses(loss, z, y[k]).sum(axis=1)
        squares = sum((W**2).sum() for W, _ in weights_and_biases(network, theta[k]))
        expected = (weights[k] @ losses + ALPHA[k] / 2 * squares) / weights[k].sum()
        np.testing.assert_allclose(value[k], expected, rtol=1e-12)


@EVERY_LOSS
def test_networks_in_a_stack_equal_each_alone(loss):
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    values, gradients = value_and_gradient(Objective(network, loss, ALPHA), theta, x, y, weights)
    for k in range(3):
        one = slice(k, k + 1)
        alone = Objective(network, loss, ALPHA[one])
        value, gradient = value_and_gradient(alone, theta[one], x[one], y[one], weights[one])
        np.testing.assert_array_equal(values[one], value)
        np.testing.assert_array_equal(gradients[one], gradient)


def test_keep_is_the_objective_of_some_networks():
    loss = SquaredError()
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    objective, mask = Objective(network, loss, ALPHA), np.array([True, False, True])
    values, gradients = value_and_gradient(objective, theta, x, y, weights)
    kept = value_and_gradient(objective.keep(mask), theta[mask], x[mask], y[mask], weights[mask])
    np.testing.assert_array_equal(values[mask], kept[0])
    np.testing.assert_array_equal(gradients[mask], kept[1])


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@EVERY_DEPTH
def test_sparse_rows_equal_dense_rows(make, depth):
    loss = LogLoss(group_sizes=(4, 9))
    network, theta = network_and_theta(HIDDEN[depth])
    x, y, weights = data(loss)
    x[x < 0.3] = 0
    objective = Objective(network, loss, ALPHA)
    dense = value_and_gradient(objective, theta, x, y, weights)
    rows = SparseBlock([make(x_k) for x_k in x])
    for from_sparse, from_dense in zip(
        value_and_gradient(objective, theta, rows, y, weights), dense, strict=True
    ):
        np.testing.assert_allclose(from_sparse, from_dense, rtol=1e-12, atol=1e-14)


@EVERY_LOSS
def test_rows_of_weight_zero_change_nothing(loss):
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    padded = [np.concatenate([array, array[:, :2]], axis=1) for array in (x, y, weights)]
    padded[2][:, -2:] = 0
    objective = Objective(network, loss, ALPHA)
    without = value_and_gradient(objective, theta, x, y, weights)
    for a, b in zip(value_and_gradient(objective, theta, *padded), without, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@EVERY_LOSS
def test_block_without_weight_leaves_only_the_penalty(loss):
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    n_penalized = network.layout.n_penalized
    value, gradient = value_and_gradient(Objective(network, loss, ALPHA), theta, x, y, 0 * weights)
    np.testing.assert_allclose(value, ALPHA / 2 * (theta[:, :n_penalized] ** 2).sum(axis=1))
    np.testing.assert_array_equal(gradient[:, :n_penalized], ALPHA[:, np.newaxis] * theta[:, :n_penalized])
    np.testing.assert_array_equal(gradient[:, n_penalized:], 0)


@EVERY_LOSS
def test_integer_weights_equal_repeated_rows(loss):
    network, theta = network_and_theta()
    x, y, _ = data(loss)
    times = np.array([1, 2, 3, 0, 1, 1, 5, 1, 2, 1, 1])
    objective = Objective(network, loss, ALPHA)
    weighted = value_and_gradient(objective, theta, x, y, np.tile(times.astype(float), (3, 1)))
    repeated = value_and_gradient(objective, theta, *(np.repeat(a, times, axis=1) for a in (x, y)))
    for a, b in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@EVERY_LOSS
def test_weights_of_one_equal_no_weights(loss):
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    objective = Objective(network, loss, ALPHA)
    ones = value_and_gradient(objective, theta, x, y, np.ones_like(weights))
    for a, b in zip(ones, value_and_gradient(objective, theta, x, y), strict=True):
        np.testing.assert_array_equal(a, b)


def test_biases_are_not_penalized():
    network, theta = network_and_theta()
    x, y, _ = data(SquaredError())
    gradients = [
        value_and_gradient(Objective(network, SquaredError(), alpha), theta, x, y)[1]
        for alpha in (np.zeros(3), np.ones(3))
    ]
    difference = gradients[1] - gradients[0]
    n_penalized = network.layout.n_penalized
    np.testing.assert_allclose(difference[:, :n_penalized], theta[:, :n_penalized] / 11, rtol=1e-11)
    np.testing.assert_array_equal(difference[:, n_penalized:], 0)


@EVERY_LOSS
def test_reported_squared_error_is_the_mean_over_outputs(loss):
    network, theta = network_and_theta()
    x, y, weights = data(loss)
    reported, minimized = [], []
    for alpha in (np.zeros(3), ALPHA):
        arguments = (Objective(network, loss, alpha), theta, x, y, weights)
        minimized.append(value_and_gradient(*arguments)[0])
        reported.append(value_and_gradient(*arguments, reported=True)[0])
    divisor = N_OUTPUTS if isinstance(loss, SquaredError) else 1
    np.testing.assert_allclose(reported[0], minimized[0] / divisor, rtol=1e-13)
    penalties = [values[1] - values[0] for values in (reported, minimized)]
    np.testing.assert_allclose(*penalties, rtol=1e-10, atol=1e-14)


def test_several_blocks_are_valued_at_once():
    loss = SquaredError()
    network, theta = network_and_theta()
    objective = Objective(network, loss, ALPHA)
    parameters, gradient = network.layout.view(theta), network.layout.view(np.empty_like(theta))
    norms, losses, totals, expected = objective.empty_norms(2), [], [], []
    for i in range(2):
        x, y, weights = data(loss, seed=i)
        totals.append(block_weight(y, weights))
        z = objective.gradient(parameters, x, y, weights, totals[-1], gradient)
        objective.squared_norms(parameters, out=norms[i])
        losses.append(objective.losses(z, y, weights).sum(axis=1))
        expected.append(value_and_gradient(objective, theta, x, y, weights)[0])
    np.testing.assert_array_equal(objective.value(np.array(losses), norms, np.array(totals)), expected)


def test_weight_of_a_block():
    y = np.zeros((2, 3, 1), dtype=np.float32)
    weights = np.array([[1, 2, 3], [0, 0, 0]], dtype=np.float32)
    assert block_weight(y, None) == 3
    np.testing.assert_array_equal(block_weight(y, weights), [[6], [1]])
    assert block_weight(y, None).dtype == block_weight(y, weights).dtype == np.float32


@EVERY_LOSS
@EVERY_DEPTH
def test_float32_is_close_to_float64(loss, depth):
    network, theta = network_and_theta(HIDDEN[depth])
    arrays = data(loss)
    exact = value_and_gradient(Objective(network, loss, ALPHA), theta, *arrays)
    objective = Objective(network, loss, ALPHA.astype(np.float32))
    single = value_and_gradient(
        objective, theta.astype(np.float32), *(array.astype(np.float32) for array in arrays)
    )
    assert single[0].dtype == single[1].dtype == np.float32
    np.testing.assert_allclose(single[0], exact[0], rtol=1e-5)
    assert (relative_error(single[1], exact[1]) < 1e-5).all()


def test_inputs_are_not_written_into():
    loss = LogLoss(group_sizes=(4, 9))
    network, theta = network_and_theta()
    arrays = data(loss)
    for array in (theta, *arrays):
        array.flags.writeable = False
    value_and_gradient(Objective(network, loss, ALPHA), theta, *arrays)


def test_one_objective_serves_blocks_of_several_sizes():
    loss = SquaredError()
    network, theta = network_and_theta()
    objective = Objective(network, loss, ALPHA)
    for n_rows in (11, 2, 17, 11):
        x, y, weights = data(loss, n_rows=n_rows)
        fresh = value_and_gradient(Objective(network, loss, ALPHA), theta, x, y, weights)
        for a, b in zip(value_and_gradient(objective, theta, x, y, weights), fresh, strict=True):
            np.testing.assert_array_equal(a, b)


def test_penalty_reaches_every_block_of_a_large_buffer():
    """170 000 parameters per network are several blocks of the cache."""
    network, theta = network_and_theta(hidden=(31, 4001))
    x, y, _ = data(SquaredError())
    gradients = [
        value_and_gradient(Objective(network, SquaredError(), alpha), theta, x, y)[1]
        for alpha in (np.zeros(3), ALPHA)
    ]
    n_penalized = network.layout.n_penalized
    expected = ALPHA[:, np.newaxis] * theta / 11
    expected[:, n_penalized:] = 0
    np.testing.assert_allclose(gradients[1] - gradients[0], expected, rtol=1e-9, atol=1e-9)


# Several objectives as one

LOSSES_OF_NETWORKS = {"squared_error": [SquaredError()] * 3, **CONSTANTS}
EVERY_STACK = pytest.mark.parametrize("losses", LOSSES_OF_NETWORKS.values(), ids=LOSSES_OF_NETWORKS)
RATES = [(0.1, 0.3), (0.5, 0.3), (0.9, 0.3)]
ROUNDED = {"float64": {"rtol": 1e-11, "atol": 1e-13}, "float32": {"rtol": 1e-3, "atol": 1e-5}}


def objectives_of(losses, dtype="float64", **options):
    """Return one objective per network, with a rate of dropout, a loss and a stream of its own."""
    return [
        Objective(network_and_theta((7, 3), dropout=rates, **options)[0], loss, alpha, [stream])
        for rates, loss, alpha, stream in zip(
            RATES, losses, ALPHA.astype(dtype).reshape(3, 1), own_streams(), strict=True
        )
    ]


@EVERY_STACK
@WEIGHTED
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("normalization", [None, BatchNormalization()], ids=repr)
def test_objectives_as_one_equal_each_alone(losses, weighted, dtype, normalization):
    options = {"normalization": normalization}
    _, theta = network_and_theta((7, 3), dropout=RATES[0], **options)
    theta, x, y, weights = (a.astype(dtype) for a in (theta, *data(losses[0])))
    weights = weights if weighted else None
    stack = Objective.stack(objectives_of(losses, dtype, **options))
    values, gradients = value_and_gradient(stack, theta.copy(), x, y, weights)
    assert values.dtype == gradients.dtype == dtype
    for k, alone in enumerate(objectives_of(losses, dtype, **options)):
        one = slice(k, k + 1)
        own = None if weights is None else weights[one]
        value, gradient = value_and_gradient(alone, theta[one].copy(), x[one], y[one], own)
        np.testing.assert_allclose(values[one], value, **ROUNDED[dtype])
        np.testing.assert_allclose(gradients[one], gradient, **ROUNDED[dtype])
        if dtype == "float64":
            np.testing.assert_array_equal(values[one], value)
            np.testing.assert_array_equal(gradients[one], gradient)


@EVERY_STACK
def test_gradient_of_objectives_as_one_is_the_slope(losses):
    _, theta = network_and_theta((7, 3), dropout=RATES[0])
    x, y, weights = data(losses[0])
    traced = Objective.stack(objectives_of(losses))
    traces = traced.network.traces(3, x.shape[1], theta, traced.training)
    z = traced.network.forward(traced.network.layout.view(theta).layers, x, traces)
    for loss in losses:
        y = away_from_kinks(loss, z, y)

    def values(theta):
        return value_and_gradient(Objective.stack(objectives_of(losses)), theta, x, y, weights)

    _, gradient = values(theta)
    steps = 1e-5 * np.eye(theta.shape[1])
    slopes = np.stack([(values(theta + e)[0] - values(theta - e)[0]) / 2e-5 for e in steps], axis=1)
    assert (relative_error(gradient, slopes) < 1e-6).all()


@EVERY_STACK
def test_some_of_several_objectives_are_those_of_some_networks(losses):
    mask = np.array([True, False, True])
    _, theta = network_and_theta((7, 3), dropout=RATES[0])
    x, y, weights = (array[mask] for array in data(losses[0]))
    kept = Objective.stack(objectives_of(losses)).keep(mask)
    expected = Objective.stack([objectives_of(losses)[k] for k in (0, 2)])
    for a, b in zip(
        value_and_gradient(kept, theta[mask], x, y, weights),
        value_and_gradient(expected, theta[mask], x, y, weights),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_one_of_several_objectives_computes_as_alone():
    losses = CONSTANTS["huber"]
    _, theta = network_and_theta((7, 3), dropout=RATES[0])
    x, y, weights = data(losses[0])
    for k in range(3):
        one = np.arange(3) == k
        kept = Objective.stack(objectives_of(losses)).keep(one)
        alone = objectives_of(losses)[k]
        for a, b in zip(
            value_and_gradient(kept, theta[one], x[one], y[one], weights[one]),
            value_and_gradient(alone, theta[one], x[one], y[one], weights[one]),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_objectives_of_several_networks_each():
    network, theta = network_and_theta(n_networks=5)
    loss, alpha = SquaredError(), np.array([0.7, 0.0, 2.3, 0.1, 5.0])
    x, y, weights = data(loss, n_networks=5)
    parts = [Objective(network, loss, alpha[:2]), Objective(network, loss, alpha[2:])]
    found = value_and_gradient(Objective.stack(parts), theta, x, y, weights)
    for a, b in zip(
        found, value_and_gradient(Objective(network, loss, alpha), theta, x, y, weights), strict=True
    ):
        np.testing.assert_array_equal(a, b)


EVERY_LOSS_THRICE = pytest.mark.parametrize(
    "losses",
    [*CONSTANTS.values(), *([loss] * 3 for loss in LOSS_CASES.values())],
    ids=[*(f"{name}s that differ" for name in CONSTANTS), *LOSS_CASES],
)


@EVERY_LOSS_THRICE
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_stack_of_one_computes_with_columns_as_a_stack_of_many(losses, dtype):
    """So every network of a stack has the same bits as alone, whatever differs between networks."""
    _, theta = network_and_theta((7, 3), dropout=RATES[0])
    theta, x, y, weights = (a.astype(dtype) for a in (theta, *data(losses[0])))
    values, gradients = value_and_gradient(
        Objective.stack(objectives_of(losses, dtype)), theta, x, y, weights
    )
    for k, alone in enumerate(objectives_of(losses, dtype)):
        one, stack = slice(k, k + 1), Objective.stack([alone])
        for choice in (stack.loss, *stack.network.layers):
            for field in fields_per_network(choice):
                assert getattr(choice, field.name).shape == (1, 1, 1)
                assert getattr(choice, field.name).dtype == dtype
        value, gradient = value_and_gradient(stack, theta[one], x[one], y[one], weights[one])
        np.testing.assert_array_equal(values[one], value)
        np.testing.assert_array_equal(gradients[one], gradient)


def test_objectives_of_one_kind_differ_in_numbers_and_streams_only():
    for losses in LOSSES_OF_NETWORKS.values():
        kinds = {objective.stack_key for objective in objectives_of(losses)}
        assert len(kinds) == 1


def test_objectives_of_another_kind():
    network, _ = network_and_theta()
    other, _ = network_and_theta((7, 3))
    kinds = [
        Objective(network, SquaredError(), ALPHA),
        Objective(other, SquaredError(), ALPHA),
        Objective(network, Huber(), ALPHA),
        Objective(network, SquaredError(), ALPHA.astype("float32")),
        Objective(network, MixtureDensity(2), ALPHA),
        Objective(network, MixtureDensity(3), ALPHA),
    ]
    assert len({objective.stack_key for objective in kinds}) == len(kinds)


# The values of many candidates for one network


def candidates(depth=2, n_candidates=5, **options):
    """Return a network, parameters (L, P) of candidates, and one block of samples for all."""
    network, theta = network_and_theta(HIDDEN[depth], n_networks=n_candidates, **options)
    return network, theta


def own(loss):
    """Return x (n, m), y (n, q) and weights (n,)."""
    return [array[0] for array in data(loss, n_networks=1)]


@EVERY_LOSS
@EVERY_DEPTH
@WEIGHTED
@pytest.mark.parametrize("reported", [False, True], ids=["minimized", "reported"])
def test_values_of_candidates_are_those_of_training(loss, depth, weighted, reported):
    network, theta = candidates(depth)
    x, y, weights = own(loss)
    weights = weights if weighted else None
    values = Objective(network, loss, ALPHA[:1]).values(theta, x, y, weights, reported=reported)
    assert values.shape == (5,)
    stack = [None if a is None else np.tile(a, (5, *[1] * a.ndim)) for a in (x, y, weights)]
    expected, _ = value_and_gradient(
        Objective(network, loss, np.repeat(ALPHA[:1], 5)), theta, *stack, reported=reported
    )
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@EVERY_LOSS
def test_values_are_computed_as_in_prediction(loss):
    """Normalizations use what they have learnt, nothing drops out, and nothing is written."""
    network, theta = candidates(normalization=BatchNormalization(), dropout=(0.3, 0.2))
    x, y, weights = own(loss)
    for array in (theta, x, y, weights):
        array.flags.writeable = False
    values = Objective(network, loss, np.zeros(1), streams(1)).values(theta, x, y, weights)
    z = network.output(network.layout.view(theta).layers, x)
    expected = [weights @ naive_losses(loss, z_k, y).sum(axis=1) / weights.sum() for z_k in z]
    np.testing.assert_allclose(values, expected, rtol=1e-10)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_values_for_sparse_rows(make):
    network, theta = candidates()
    x, y, weights = own(SquaredError())
    x[x < 0.3] = 0
    objective = Objective(network, SquaredError(), ALPHA[:1])
    dense, by_sparse = (objective.values(theta, rows, y, weights) for rows in (x, make(x)))
    np.testing.assert_allclose(by_sparse, dense, rtol=1e-12)


@WEIGHTED
def test_a_cost_takes_the_place_of_the_mean_loss(weighted):
    network, theta = candidates()
    x, y, weights = own(SquaredError())
    weights = weights if weighted else None
    calls = []

    def cost(*arguments):
        calls.append(arguments)
        return np.arange(5.0)

    values = Objective(network, SquaredError(), ALPHA[:1]).values(
        theta, x, y, weights, cost=cost, reported=True
    )
    squares = (theta[:, : network.layout.n_penalized] ** 2).sum(axis=1)
    total = len(y) if weights is None else weights.sum()
    np.testing.assert_allclose(values, np.arange(5) + ALPHA[0] / 2 * squares / total, rtol=1e-12)
    ((given, z),) = calls
    assert given is theta
    np.testing.assert_array_equal(z, network.output(network.layout.view(theta).layers, x))


def test_values_of_float32_candidates():
    network, theta = candidates()
    x, y, weights = own(SquaredError())
    exact = Objective(network, SquaredError(), ALPHA[:1]).values(theta, x, y, weights)
    single = [array.astype(np.float32) for array in (ALPHA[:1], theta, x, y, weights)]
    values = Objective(network, SquaredError(), single[0]).values(*single[1:])
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, exact, rtol=1e-5)
