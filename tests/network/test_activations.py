import pickle

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS, ELU, SELU, LeakyReLU
from tests.network.problems import FORMULAS

EVERY_ACTIVATION = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
Z = np.random.default_rng(0).normal(scale=2, size=(3, 11, 7))


def forward(name, z):
    """Return h and memo for ``z``, with a memo that holds rubbish at first."""
    h, memo = z.copy(), np.full_like(z, np.nan)
    ACTIVATIONS[name].forward(h, memo)
    return h, memo


def test_every_activation_has_a_formula_here():
    assert set(ACTIVATIONS) == set(FORMULAS)


@EVERY_ACTIVATION
def test_names_in_the_table_are_those_of_the_activations(name):
    assert ACTIVATIONS[name].name == name


@EVERY_ACTIVATION
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-13), ("float32", 2e-6)])
def test_forward_is_the_formula(name, dtype, rtol):
    h, _ = forward(name, Z.astype(dtype))
    assert h.dtype == dtype
    np.testing.assert_allclose(h, FORMULAS[name](Z), rtol=rtol)


@EVERY_ACTIVATION
def test_backward_is_the_slope_of_forward(name):
    step = 1e-6
    slope = (FORMULAS[name](Z + step) - FORMULAS[name](Z - step)) / (2 * step)
    h, memo = forward(name, Z)
    delta = np.ones_like(Z)
    ACTIVATIONS[name].backward(h, delta, memo)
    np.testing.assert_allclose(delta, slope, rtol=1e-8, atol=1e-9)


@EVERY_ACTIVATION
def test_backward_multiplies_what_comes_from_behind(name):
    ones, delta = np.ones_like(Z), np.random.default_rng(1).normal(size=Z.shape)
    expected = delta.copy()
    for array in (ones, delta):
        h, memo = forward(name, Z)
        ACTIVATIONS[name].backward(h, array, memo)
    np.testing.assert_allclose(delta, expected * ones, rtol=1e-14)


@EVERY_ACTIVATION
def test_backward_leaves_h_alone(name):
    h, memo = forward(name, Z)
    before = h.copy()
    ACTIVATIONS[name].backward(h, np.ones_like(h), memo)
    np.testing.assert_array_equal(h, before)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("identity", -1e3, 1e3),
        ("logistic", 0, 1),
        ("tanh", -1, 1),
        ("relu", 0, 1e3),
        ("leaky_relu", -10, 1e3),
        ("elu", -1, 1e3),
        ("selu", -1.0507009873554805 * 1.6732632423543772, 1.0507009873554805e3),
        ("gelu", 0, 1e3),
        ("silu", 0, 1e3),
        ("mish", 0, 1e3),
        ("softplus", 0, 1e3),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_inputs_give_the_limits(name, low, high, dtype):
    h, _ = forward(name, np.array([-1e3, 1e3], dtype=dtype))
    np.testing.assert_allclose(h, [low, high], rtol=1e-15 if dtype == "float64" else 3e-7, atol=0)


@EVERY_ACTIVATION
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_slopes_of_large_inputs_are_the_limits(name, dtype):
    z = np.array([-1e3, 1e3], dtype=dtype)
    h, memo = forward(name, z)
    delta = np.ones_like(z)
    ACTIVATIONS[name].backward(h, delta, memo)
    saturated = {"identity": (1, 1), "logistic": (0, 0), "tanh": (0, 0), "leaky_relu": (0.01, 1)}
    limits = saturated.get(name, (0, 1.0507009873554805 if name == "selu" else 1))
    np.testing.assert_allclose(delta, limits, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (LeakyReLU(slope=0.2), [-0.4, 3]),
        (LeakyReLU(slope=0.0), [0, 3]),
        (ELU(alpha=0.5), [0.5 * np.expm1(-2), 3]),
        (ELU(scale=2.0), [2 * np.expm1(-2), 6]),
        (SELU(alpha=1.0, scale=1.0), [np.expm1(-2), 3]),
    ],
    ids=repr,
)
def test_fields_shape_the_activation(activation, expected):
    z = np.array([-2.0, 3.0])
    activation.forward(z, np.empty_like(z))
    np.testing.assert_allclose(z, expected, rtol=1e-15)


def test_selu_keeps_mean_zero_and_variance_one():
    h, _ = forward("selu", np.random.default_rng(2).normal(size=1_000_003))
    np.testing.assert_allclose([h.mean(), h.var()], [0, 1], atol=5e-3)


def test_relu_has_slope_zero_at_zero():
    h, memo = forward("relu", np.zeros(1))
    delta = np.ones(1)
    ACTIVATIONS["relu"].backward(h, delta, memo)
    assert delta == 0


@EVERY_ACTIVATION
def test_glorot_factor_is_six_and_two_for_logistic(name):
    assert ACTIVATIONS[name].glorot_factor == (2 if name == "logistic" else 6)


@EVERY_ACTIVATION
def test_pickles_to_an_equal_one(name):
    assert pickle.loads(pickle.dumps(ACTIVATIONS[name])) == ACTIVATIONS[name]
