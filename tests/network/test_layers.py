"""Each layer on its own: forward by its formula, backward by differences of forward."""

from dataclasses import replace

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS, Identity, Logistic, Tanh
from skmlp.network.initializers import Auto
from skmlp.network.layers import (
    Dense,
    Dropout,
    Nonlinearity,
    Trace,
    Training,
)
from skmlp.network.normalizations import (
    NORMALIZATIONS,
    BatchNormalization,
    LayerNormalization,
)
from skmlp.network.parameters import ParameterSpec

K, N, M = 3, 11, 5
EVERY_DENSE = pytest.mark.parametrize("layer", [Dense(7), Dense(1)], ids=["7 units", "1 unit"])
EVERY_NONLINEARITY = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(K, N, M))
X.flags.writeable = False


def dense_parameters(layer):
    rng = np.random.default_rng(1)
    return [rng.normal(size=(K, *spec.shape_in_layer)) for spec in layer.specs(M)]


def forward(layer, parameters, x=X, delta_x=None):
    trace = layer.trace(None, (K, N, M), like=x)
    trace.x, trace.delta_x = x, delta_x
    layer.forward(parameters, trace)
    return trace


def backward(layer, parameters, cotangent):
    """Return dE/d parameters and dE/dx for E = sum(cotangent * output)."""
    trace = forward(layer, parameters, delta_x=np.full_like(X, np.nan))
    trace.delta[...] = cotangent
    gradient = [np.full_like(p, np.nan) for p in parameters]
    layer.backward(parameters, gradient, trace)
    return gradient, trace.delta_x


@EVERY_DENSE
def test_dense_has_penalized_weights_and_free_biases(layer):
    q = layer.n_units
    assert layer.n_outputs(M) == q
    assert layer.specs(M) == [
        ParameterSpec("weights", (M, q), "coefs_", penalized=True),
        ParameterSpec("biases", (q,), "intercepts_"),
    ]


@EVERY_DENSE
def test_dense_takes_rows_that_all_networks_see(layer):
    """As prediction has them: (n, m), which broadcasts over the networks."""
    parameters = dense_parameters(layer)
    shared = forward(layer, parameters, X[0]).output
    np.testing.assert_array_equal(shared, forward(layer, parameters, np.tile(X[:1], (K, 1, 1))).output)


@EVERY_DENSE
def test_dense_forward_is_affine(layer):
    weights, biases = parameters = dense_parameters(layer)
    expected = [x @ W + b for x, W, b in zip(X, weights, biases, strict=True)]
    np.testing.assert_allclose(forward(layer, parameters).output, expected, rtol=1e-13, atol=1e-13)


@EVERY_DENSE
@pytest.mark.parametrize("which", ["weights", "biases", "input"])
def test_dense_backward_is_the_slope_of_forward(layer, which):
    parameters, x = dense_parameters(layer), X.copy()
    cotangent = RNG.normal(size=(K, N, layer.n_units))
    gradient, delta = backward(layer, parameters, cotangent)
    array, slope = {
        "weights": (parameters[0], gradient[0]),
        "biases": (parameters[1], gradient[1]),
        "input": (x, delta),
    }[which]
    expected = np.empty_like(slope)
    step = 1e-3  # the layer is linear: differences are exact
    for index in np.ndindex(array.shape):
        value = array[index]
        energies = []
        for shifted in (value + step, value - step):
            array[index] = shifted
            energies.append((cotangent * forward(layer, parameters, x).output).sum())
        array[index] = value
        expected[index] = (energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-8, atol=1e-9)


@EVERY_DENSE
def test_dense_computes_the_same_without_the_gradient_of_its_input(layer):
    parameters = dense_parameters(layer)
    cotangent = RNG.normal(size=(K, N, layer.n_units))
    expected, _ = backward(layer, parameters, cotangent)
    trace = forward(layer, parameters)
    trace.delta[...] = cotangent
    gradient = [np.full_like(p, np.nan) for p in parameters]
    layer.backward(parameters, gradient, trace)
    assert trace.delta_x is None
    for a, b in zip(gradient, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dense_without_biases_computes_and_draws_its_weights_alone():
    layer, full = Dense(7, Auto(), Logistic(), has_biases=False), Dense(7, Auto(), Logistic())
    weights, biases = dense_parameters(full)
    cotangent = np.random.default_rng(2).normal(size=(K, N, 7))
    weights_spec, biases_spec = full.specs(M)
    assert layer.specs(M) == [weights_spec, replace(biases_spec, constant=0.0)]
    expected = forward(full, [weights, 0 * biases]).output
    np.testing.assert_array_equal(forward(layer, [weights]).output, expected)
    (gradient,), delta = backward(layer, [weights], cotangent)
    (expected_gradient, _), expected_delta = backward(full, [weights, biases], cotangent)
    np.testing.assert_array_equal(gradient, expected_gradient)
    np.testing.assert_array_equal(delta, expected_delta)
    drawn = np.empty((M, 7))
    layer.initialize([drawn], np.random.RandomState(3))
    np.testing.assert_array_equal(drawn, Auto().draw(np.random.RandomState(3), M, 7, Logistic())[0])


@EVERY_DENSE
def test_dense_draws_its_initial_values(layer):
    weights, biases = np.empty((M, layer.n_units)), np.empty((1, layer.n_units))
    layer = Dense(layer.n_units, Auto(), Logistic())
    layer.initialize([weights, biases], np.random.RandomState(3))
    drawn = Auto().draw(np.random.RandomState(3), M, layer.n_units, Logistic())
    np.testing.assert_array_equal(weights, drawn[0])
    np.testing.assert_array_equal(biases[0], drawn[1])


@EVERY_DENSE
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_trace_has_the_dtype_of_like(layer, dtype):
    trace = layer.trace(None, X.shape, like=np.empty(1, dtype=dtype))
    assert trace.output.shape == trace.delta.shape == (K, N, layer.n_units)
    assert trace.output.dtype == trace.delta.dtype == dtype
    assert not np.shares_memory(trace.output, trace.delta)


@pytest.mark.parametrize("layer", [Dense(7), Nonlinearity(Tanh())], ids=["dense", "in place"])
def test_a_trace_has_the_output_of_the_layer_before_as_its_input(layer):
    before = forward(Dense(5), dense_parameters(Dense(5)))
    trace = layer.trace(before, before.output.shape, like=X)
    assert trace.x is before.output
    assert trace.delta_x is before.delta


@EVERY_NONLINEARITY
def test_nonlinearity_overwrites_the_output_and_delta_before_it(name):
    layer, before = Nonlinearity(ACTIVATIONS[name]), forward(Dense(7), dense_parameters(Dense(7)))
    trace = layer.trace(before, before.output.shape, like=X)
    assert trace.output is before.output
    assert trace.delta is before.delta


@EVERY_NONLINEARITY
def test_nonlinearity_applies_its_activation(name):
    activation, before = ACTIVATIONS[name], forward(Dense(7), dense_parameters(Dense(7)))
    h, delta = before.output.copy(), RNG.normal(size=before.output.shape)
    layer = Nonlinearity(activation)
    memo = np.empty(layer.memo_shape(h.shape))
    activation.forward(h, memo)
    trace = layer.trace(before, h.shape, like=X)
    trace.delta[...] = delta
    activation.backward(h, delta, memo)
    layer.forward([], trace)
    layer.backward([], [], trace)
    np.testing.assert_array_equal(trace.output, h)
    np.testing.assert_array_equal(trace.delta, delta)


def test_nonlinearity_has_no_parameters_and_keeps_the_width():
    assert Nonlinearity(Tanh()).specs(M) == []
    assert Nonlinearity(Tanh()).n_outputs(M) == M


@pytest.mark.parametrize(
    "layer", [Nonlinearity(Identity()), Dropout(0.5), BatchNormalization(), LayerNormalization()], ids=repr
)
@pytest.mark.parametrize("training", [None, Training()], ids=["prediction", "training"])
def test_what_works_on_an_output_cannot_come_first(layer, training):
    with pytest.raises(ValueError, match=r"\) cannot be the first layer"):
        layer.trace(None, (K, N, M), X, training)


# Layers that work on the output of another


WEIGHTS = np.random.default_rng(2).uniform(0.5, 2, size=(K, N))
TIMES = np.array([1, 2, 3, 0, 1, 1, 5, 1, 2, 1, 1])
EVERY_WEIGHT = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
EVERY_NORMALIZATION = pytest.mark.parametrize(
    "layer",
    [BatchNormalization(), LayerNormalization(), BatchNormalization(0.1, 0.3), LayerNormalization(0.1)],
    ids=repr,
)


def streams(n_networks=K, seed=3):
    return [np.random.Generator(np.random.SFC64([seed, k])) for k in range(n_networks)]


def normalization_parameters(layer, q=M):
    """Return a gain, a shift, and running statistics if there are any, of which none is zero."""
    rng = np.random.default_rng(4)
    parameters = [rng.normal(size=(K, *spec.shape_in_layer)) for spec in layer.specs(q)]
    if isinstance(layer, BatchNormalization):
        parameters[3] = np.abs(parameters[3])
    return parameters


def inner_forward(layer, parameters, z=X, training=None):
    """Return the trace before the ``layer`` and its own, for a layer before it that computed ``z``."""
    before = Trace(X, None, z.copy(), np.full_like(z, np.nan), np.empty(0))
    trace = layer.trace(before, z.shape, z, training)
    layer.forward(parameters, trace)
    return before, trace


def inner_backward(layer, parameters, cotangent, z=X, training=None):
    """Return dE/d parameters and dE/dz for E = sum(cotangent * output)."""
    before, trace = inner_forward(layer, [p.copy() for p in parameters], z, training)
    trace.delta[...] = cotangent
    gradient = [np.full_like(p, np.nan) for p in parameters]
    layer.backward(parameters, gradient, trace)
    return gradient, before.delta


def normalized(layer, z, weights=None):
    """Return x = (z - mean) / sqrt(variance + epsilon), and both, of one network as the papers write it."""
    if isinstance(layer, LayerNormalization):
        mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    else:
        mean = np.average(z, axis=0, weights=weights)
        variance = np.average((z - mean) ** 2, axis=0, weights=weights)
    return (z - mean) / np.sqrt(variance + layer.epsilon), mean, variance


def test_names_in_the_table_are_those_of_the_normalizations():
    assert {"batch": BatchNormalization(), "layer": LayerNormalization()} == NORMALIZATIONS


@EVERY_NORMALIZATION
def test_normalization_starts_as_the_mere_normalization(layer):
    parameters = [np.full(spec.shape_in_layer, np.nan) for spec in layer.specs(M)]
    layer.initialize(parameters, np.random.RandomState(0))
    assert layer.n_outputs(M) == M
    assert (
        layer.specs(M)
        == [
            ParameterSpec("gain", (M,), "normalization_parameters_"),
            ParameterSpec("shift", (M,), "normalization_parameters_"),
            ParameterSpec("running mean", (M,), "normalization_parameters_", learned=False),
            ParameterSpec("running variance", (M,), "normalization_parameters_", learned=False),
        ][: len(parameters)]
    )
    assert [set(p.ravel()) for p in parameters] == [{1}, {0}, {0}, {1}][: len(parameters)]
    assert len(parameters) == (4 if isinstance(layer, BatchNormalization) else 2)


@EVERY_NORMALIZATION
@EVERY_WEIGHT
def test_normalization_forward_is_the_formula(layer, weights):
    gain, shift, *_ = parameters = normalization_parameters(layer)
    _, trace = inner_forward(layer, parameters, training=Training(weights=weights))
    for k in range(K):
        x, *_ = normalized(layer, X[k], None if weights is None else weights[k])
        np.testing.assert_allclose(trace.output[k], gain[k] * x + shift[k], rtol=1e-12, atol=1e-13)


@EVERY_NORMALIZATION
def test_normalization_with_unit_gain_has_mean_zero_and_variance_one(layer):
    parameters = [np.full((K, 1, M), value) for value in (1.0, 0.0, 0.0, 1.0)][: len(layer.specs(M))]
    z = 10_000 * X + 1000
    _, trace = inner_forward(layer, parameters, z, Training())
    axis = 2 if isinstance(layer, LayerNormalization) else 1
    np.testing.assert_allclose(trace.output.mean(axis=axis), 0, atol=1e-11)
    np.testing.assert_allclose(trace.output.var(axis=axis), 1, rtol=1e-3)


@EVERY_NORMALIZATION
@EVERY_WEIGHT
@pytest.mark.parametrize("which", ["gain", "shift", "input"])
def test_normalization_backward_is_the_slope_of_forward(layer, weights, which):
    parameters, z, training = normalization_parameters(layer), X.copy(), Training(weights=weights)
    cotangent = np.random.default_rng(5).normal(size=X.shape)
    gradient, delta = inner_backward(layer, parameters, cotangent, training=training)
    array, slope = {
        "gain": (parameters[0], gradient[0]),
        "shift": (parameters[1], gradient[1]),
        "input": (z, delta),
    }[which]
    expected, step = np.empty_like(slope), 1e-5
    for index in np.ndindex(array.shape):
        value, energies = array[index], []
        for shifted in (value + step, value - step):
            array[index] = shifted
            _, trace = inner_forward(layer, [p.copy() for p in parameters], z, training)
            energies.append((cotangent * trace.output).sum())
        array[index] = value
        expected[index] = (energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-8)


@EVERY_NORMALIZATION
@EVERY_WEIGHT
def test_normalization_works_in_place_and_leaves_gain_and_shift_alone(layer, weights):
    parameters = normalization_parameters(layer)
    copies = [p.copy() for p in parameters]
    before, trace = inner_forward(layer, parameters, training=Training(weights=weights))
    assert trace.output is before.output
    assert trace.delta is before.delta
    for parameter, copy in zip(parameters[:2], copies[:2], strict=True):
        np.testing.assert_array_equal(parameter, copy)


@EVERY_NORMALIZATION
@EVERY_WEIGHT
def test_normalization_of_float32_stays_float32(layer, weights):
    single = [p.astype(np.float32) for p in normalization_parameters(layer)]
    training = Training(weights=None if weights is None else weights.astype(np.float32))
    gradient, delta = inner_backward(layer, single, np.ones_like(X), X.astype(np.float32), training)
    assert {array.dtype for array in (*gradient, delta)} == {np.dtype(np.float32)}
    _, trace = inner_forward(layer, single, X.astype(np.float32), training)
    _, exact = inner_forward(layer, normalization_parameters(layer), X, Training(weights=weights))
    assert trace.output.dtype == trace.memo.dtype == np.float32
    np.testing.assert_allclose(trace.output, exact.output, rtol=1e-5, atol=1e-5)


@EVERY_WEIGHT
@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0])
def test_running_statistics_follow_those_of_the_batch(weights, momentum):
    layer = BatchNormalization(momentum=momentum)
    parameters = normalization_parameters(layer)
    mean, variance = (p.copy() for p in parameters[2:])
    for seed in range(3):
        z = np.random.default_rng(seed).normal(1, 3, size=X.shape)
        inner_forward(layer, parameters, z, Training(weights=weights))
        for k in range(K):
            _, batch_mean, batch_variance = normalized(layer, z[k], None if weights is None else weights[k])
            mean[k] = (1 - momentum) * mean[k] + momentum * batch_mean
            variance[k] = (1 - momentum) * variance[k] + momentum * batch_variance
        np.testing.assert_allclose(parameters[2], mean, rtol=1e-12)
        np.testing.assert_allclose(parameters[3], variance, rtol=1e-12)


@pytest.mark.parametrize("n_weighted", [0, 1])
@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weights"])
def test_fewer_than_two_rows_leave_the_running_statistics_alone(n_weighted, weighted):
    """They do not tell the variance; the other networks of the stack go on."""
    layer = BatchNormalization()
    parameters = normalization_parameters(layer)
    before = [p.copy() for p in parameters]
    weights = np.ones((K, N))
    weights[1, n_weighted:] = 0
    z, training = (X, Training(weights=weights)) if weighted else (X[:, :1], Training())
    inner_forward(layer, parameters, z, training)
    for parameter, copy in zip(parameters[2:], before[2:], strict=True):
        np.testing.assert_array_equal(parameter[1], copy[1])
        assert (parameter[0] == copy[0]).all() != weighted


def test_a_batch_of_one_row_is_normalized_to_the_shift():
    layer = BatchNormalization()
    parameters = normalization_parameters(layer)
    _, trace = inner_forward(layer, parameters, X[:, :1], Training())
    np.testing.assert_array_equal(trace.output, parameters[1])
    _, delta = inner_backward(layer, parameters, np.ones((K, 1, M)), X[:, :1], Training())
    np.testing.assert_allclose(delta, 0, atol=1e-9)


def test_prediction_takes_the_running_statistics_and_does_not_move_them():
    layer = BatchNormalization()
    gain, shift, mean, variance = parameters = normalization_parameters(layer)
    copies = [p.copy() for p in parameters]
    _, trace = inner_forward(layer, parameters)
    expected = gain * (X - mean) / np.sqrt(variance + layer.epsilon) + shift
    np.testing.assert_allclose(trace.output, expected, rtol=1e-12, atol=1e-13)
    for parameter, copy in zip(parameters, copies, strict=True):
        np.testing.assert_array_equal(parameter, copy)


def test_in_prediction_running_statistics_are_constants_for_the_backward_pass():
    layer = BatchNormalization()
    gain, _, mean, variance = parameters = normalization_parameters(layer)
    delta = np.random.default_rng(5).normal(size=X.shape)
    (of_gain, of_shift, *of_statistics), delta_x = inner_backward(layer, parameters, delta)
    scale = np.sqrt(variance + layer.epsilon)
    np.testing.assert_allclose(delta_x, delta * gain / scale, rtol=1e-12)
    np.testing.assert_allclose(of_gain, (delta * (X - mean) / scale).sum(axis=1, keepdims=True), rtol=1e-10)
    np.testing.assert_allclose(of_shift, delta.sum(axis=1, keepdims=True), rtol=1e-10)
    assert not any(gradient.any() for gradient in of_statistics)


@EVERY_WEIGHT
def test_running_statistics_have_gradient_zero(weights):
    layer = BatchNormalization()
    training = Training(weights=weights)
    gradient, _ = inner_backward(layer, normalization_parameters(layer), np.ones_like(X), X, training)
    for running in gradient[2:]:
        np.testing.assert_array_equal(running, 0)


@EVERY_NORMALIZATION
def test_weights_count_as_repetitions(layer):
    """The cotangent of a row is its weight times that of a copy, as the objective has it."""
    parameters, repeated_parameters = normalization_parameters(layer), normalization_parameters(layer)
    cotangent = np.random.default_rng(6).normal(size=X.shape)
    weighted = Training(weights=np.tile(TIMES.astype(float), (K, 1)))
    repeated = np.repeat(X, TIMES, axis=1)
    outputs = inner_forward(layer, parameters, X, weighted)[1].output
    expected = inner_forward(layer, repeated_parameters, repeated, Training())[1].output
    np.testing.assert_allclose(np.repeat(outputs, TIMES, axis=1), expected, rtol=1e-10, atol=1e-12)
    for a, b in zip(parameters, repeated_parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    gradient, delta = inner_backward(layer, parameters, cotangent * TIMES[:, np.newaxis], X, weighted)
    copies = inner_backward(layer, parameters, np.repeat(cotangent, TIMES, axis=1), repeated, Training())
    for a, b in zip(gradient, copies[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(delta[:, TIMES == 0], 0)
    of_one_copy = np.repeat((delta / np.maximum(TIMES, 1)[:, np.newaxis]), TIMES, axis=1)
    np.testing.assert_allclose(of_one_copy, copies[1], rtol=1e-9, atol=1e-11)


@EVERY_NORMALIZATION
def test_rows_of_weight_zero_do_not_matter_to_others(layer):
    weights, other = WEIGHTS.copy(), X.copy()
    weights[:, 4] = 0
    other[:, 4] = 1e3
    rest = np.arange(N) != 4
    results = []
    for z in (X, other):
        parameters = normalization_parameters(layer)
        _, trace = inner_forward(layer, parameters, z, Training(weights=weights))
        cotangent = np.where(rest[:, np.newaxis], 1.5, 0) * np.ones_like(X)
        gradient, delta = inner_backward(layer, parameters, cotangent, z, Training(weights=weights))
        results.append([trace.output[:, rest], delta[:, rest], *gradient, *parameters])
        np.testing.assert_array_equal(delta[:, 4], 0)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_rows_are_layer_normalized_each_alone():
    layer = LayerNormalization()
    parameters = normalization_parameters(layer)
    whole = inner_forward(layer, parameters)[1].output
    for i in range(N):
        alone = inner_forward(layer, parameters, X[:, i : i + 1])[1].output
        np.testing.assert_allclose(whole[:, i : i + 1], alone, rtol=1e-13, atol=1e-14)


@EVERY_NORMALIZATION
@EVERY_WEIGHT
def test_normalization_of_a_stack_equals_that_of_its_members(layer, weights):
    cotangent = np.random.default_rng(7).normal(size=X.shape)
    parameters = normalization_parameters(layer)
    gradient, delta = inner_backward(layer, parameters, cotangent, X, Training(weights=weights))
    for k in range(K):
        one = slice(k, k + 1)
        own = Training(weights=None if weights is None else weights[one])
        alone = inner_backward(layer, [p[one] for p in parameters], cotangent[one], X[one], own)
        np.testing.assert_array_equal(delta[one], alone[1])
        for a, b in zip(gradient, alone[0], strict=True):
            np.testing.assert_array_equal(a[one], b)


LARGE = np.random.default_rng(8).normal(size=(2, 1009, 211))


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_dropout_leaves_units_out_at_its_rate_and_keeps_the_mean(rate):
    ones = np.ones_like(LARGE)
    _, trace = inner_forward(Dropout(rate), [], ones, Training(streams(2)))
    kept = trace.output > 0
    np.testing.assert_allclose(trace.output[kept], 1 / (1 - rate), rtol=1e-3)
    five_sigma = 5 * np.sqrt(rate * (1 - rate) / ones.size)
    np.testing.assert_allclose((~kept).mean(), rate, atol=five_sigma + 2**-17)
    np.testing.assert_allclose(trace.output.mean(), 1, atol=five_sigma / (1 - rate))
    rates = [(~kept).mean(axis=axis) for axis in ((0, 1), (0, 2), (1, 2))]
    for values in rates:
        bound = 5.5 * np.sqrt(rate * (1 - rate) * values.size / ones.size)
        assert np.abs(values - rate).max() < bound


@pytest.mark.parametrize("rate", [1 - 2**-20, 2**-20])
def test_dropout_rates_near_the_ends_are_finite(rate):
    _, trace = inner_forward(Dropout(rate), [], LARGE, Training(streams(2)))
    assert np.isfinite(trace.output).all()


def test_dropout_draws_each_unit_alone():
    """Neighbours in a row, in a column, in a stack and in time are alike only by chance."""
    training = Training(streams(2))
    first, second = (
        inner_forward(Dropout(0.5), [], np.ones_like(LARGE), training)[1].output > 0 for _ in range(2)
    )
    pairs = [
        (first, second),
        (first[0], first[1]),
        (first[:, 1:], first[:, :-1]),
        (first[..., 1:], first[..., :-1]),
        (first[..., 4:], first[..., :-4]),
    ]
    for a, b in pairs:
        assert abs((a == b).mean() - 0.5) < 5 * 0.5 / np.sqrt(a.size)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dropout_scales_what_it_keeps(dtype):
    z = X.astype(dtype)
    before, trace = inner_forward(Dropout(0.25), [], z, Training(streams()))
    kept = trace.output != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(trace.output[kept], z[kept] / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(before.output, z)
    assert trace.output.dtype == dtype


def test_dropout_backward_passes_on_what_was_kept():
    layer, training = Dropout(0.25), Training(streams())
    before, trace = inner_forward(layer, [], X, training)
    cotangent = np.random.default_rng(9).normal(size=X.shape)
    trace.delta[...] = cotangent
    layer.backward([], [], trace)
    np.testing.assert_allclose(before.delta, np.where(trace.output != 0, cotangent / 0.75, 0), rtol=1e-13)


def test_dropout_has_no_parameters_and_keeps_the_width():
    assert Dropout(0.5).specs(M) == []
    assert Dropout(0.5).n_outputs(M) == M


def test_dropout_draws_anew_in_every_pass():
    training = Training(streams())
    first, second = (inner_forward(Dropout(0.5), [], X, training)[1].output for _ in range(2))
    assert (first != second).any()


def test_dropout_of_each_network_has_its_own_stream():
    together = inner_forward(Dropout(0.5), [], X, Training(streams()))[1].output
    for k, stream in enumerate(streams()):
        alone = inner_forward(Dropout(0.5), [], X[k : k + 1], Training([stream]))[1].output
        np.testing.assert_array_equal(together[k], alone[0])


def test_dropout_without_a_stream_for_each_network_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        inner_forward(Dropout(0.5), [], X, Training(streams(2)))


def test_dropout_does_nothing_in_prediction():
    before, trace = inner_forward(Dropout(0.5), [])
    assert trace.output is before.output
    assert trace.delta is before.delta
    np.testing.assert_array_equal(trace.output, X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.0), r"Dropout\(rate=1.0\): rate must be in \[0, 1\)"),
        (lambda: Dropout(-0.1), r"Dropout\(rate=-0.1\): rate must be in \[0, 1\)"),
        (lambda: Dropout(np.nan), "rate must be in"),
        (lambda: Dropout(np.reshape([0.5, 1.0], (2, 1, 1))), "rate must be in"),
        (lambda: BatchNormalization(0.0), r"BatchNormalization\(epsilon=0.0\): epsilon must be positive"),
        (lambda: LayerNormalization(np.nan), "epsilon must be positive"),
        (lambda: BatchNormalization(momentum=2), r"\(momentum=2\): momentum must be in \(0, 1\]"),
        (lambda: BatchNormalization(momentum=0.0), "momentum must be in"),
    ],
)
def test_fields_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


RATES = (0.1, 0.5, 0.9)


def dropout_of_each(dtype="float64"):
    return Dropout(np.array(RATES, dtype).reshape(-1, 1, 1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dropout_rates_may_differ_between_networks(dtype):
    """Each network draws, drops and scales as it does alone."""
    x, training = X.astype(dtype), Training(streams())
    before, together = inner_forward(dropout_of_each(dtype), [], x, training)
    together.delta[...] = cotangent = np.random.default_rng(9).normal(size=x.shape)
    dropout_of_each(dtype).backward([], [], together)
    assert together.output.dtype == before.delta.dtype == dtype
    for k, (rate, stream) in enumerate(zip(RATES, streams(), strict=True)):
        one = slice(k, k + 1)
        below, alone = inner_forward(Dropout(rate), [], x[one], Training([stream]))
        alone.delta[...] = cotangent[one]
        Dropout(rate).backward([], [], alone)
        np.testing.assert_array_equal(together.output[k], alone.output[0])
        np.testing.assert_array_equal(before.delta[k], below.delta[0])


def test_dropout_leaves_units_out_at_the_rate_of_each_network():
    ones = np.ones((3, 1009, 211))
    _, trace = inner_forward(dropout_of_each(), [], ones, Training(streams()))
    left_out = (trace.output == 0).mean(axis=(1, 2))
    for found, rate in zip(left_out, RATES, strict=True):
        np.testing.assert_allclose(found, rate, atol=5 * np.sqrt(rate * (1 - rate) / ones[0].size) + 2**-17)
    np.testing.assert_allclose(trace.output.mean(axis=(1, 2)), 1, atol=0.04)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0])
def test_dropout_rates_are_multiplied_by_the_factor_of_training(factor, dtype):
    x = X.astype(dtype)
    _, found = inner_forward(dropout_of_each(dtype), [], x, Training(streams(), dropout_factor=factor))
    layer = Dropout((factor * np.array(RATES)).astype(dtype).reshape(-1, 1, 1))
    _, expected = inner_forward(layer, [], x, Training(streams()))
    np.testing.assert_array_equal(found.output, expected.output)
    assert (found.memo == 1).all() == (factor == 0)


@pytest.mark.parametrize("rate", [1 - 2**-20, 2**-20])
def test_dropout_rates_near_the_ends_are_finite_beside_others(rate):
    layer = Dropout(np.array([0.5, rate], dtype="float32").reshape(-1, 1, 1))
    _, trace = inner_forward(layer, [], LARGE.astype("float32"), Training(streams(2)))
    assert np.isfinite(trace.output).all()
