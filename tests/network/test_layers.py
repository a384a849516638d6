"""Each layer on its own: forward by its formula, backward by differences of forward."""

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS, Identity, Logistic, Tanh
from skmlp.network.initializers import Auto
from skmlp.network.layers import Dense, Nonlinearity
from skmlp.network.parameters import ParameterSpec

K, N, M = 3, 11, 5
EVERY_DENSE = pytest.mark.parametrize("layer", [Dense(7), Dense(1)], ids=["7 units", "1 unit"])
EVERY_NONLINEARITY = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(K, N, M))
X.flags.writeable = False


def dense_parameters(layer):
    rng = np.random.default_rng(1)
    return [rng.normal(size=(K, *spec.shape)) for spec in layer.specs(M)]


def forward(layer, parameters, x=X):
    trace = layer.trace(None, x.shape, like=x)
    layer.forward(parameters, x, trace)
    return trace


def backward(layer, parameters, cotangent):
    """Return dE/d parameters and dE/dx for E = sum(cotangent * output)."""
    trace = forward(layer, parameters)
    trace.delta[...] = cotangent
    gradient, delta = [np.full_like(p, np.nan) for p in parameters], np.full_like(X, np.nan)
    layer.backward(parameters, gradient, X, trace, delta)
    return gradient, delta


@EVERY_DENSE
def test_dense_has_penalised_weights_and_free_biases(layer):
    q = layer.n_units
    assert layer.n_outputs(M) == q
    assert layer.specs(M) == [ParameterSpec((M, q), penalised=True), ParameterSpec((1, q), penalised=False)]


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
    layer.backward(parameters, gradient, X, trace, None)
    for a, b in zip(gradient, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@EVERY_DENSE
def test_dense_draws_its_initial_values(layer):
    weights, biases = np.empty((M, layer.n_units)), np.empty((1, layer.n_units))
    layer.initialize([weights, biases], np.random.RandomState(3), Auto(), Logistic())
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
    memo = np.empty_like(h)
    activation.forward(h, memo)
    trace = Nonlinearity(activation).trace(before, h.shape, like=X)
    trace.delta[...] = delta
    activation.backward(h, delta, memo)
    Nonlinearity(activation).forward([], before.output, trace)
    Nonlinearity(activation).backward([], [], before.output, trace, trace.delta)
    np.testing.assert_array_equal(trace.output, h)
    np.testing.assert_array_equal(trace.delta, delta)


def test_nonlinearity_has_no_parameters_and_keeps_the_width():
    assert Nonlinearity(Tanh()).specs(M) == []
    assert Nonlinearity(Tanh()).n_outputs(M) == M


def test_nonlinearity_cannot_come_first():
    with pytest.raises(ValueError, match="cannot be the first layer"):
        Nonlinearity(Identity()).trace(None, (K, N, M), like=X)
