import pickle

import numpy as np
import pytest
from scipy.special import ndtr

from skmlp.network.activations import ACTIVATIONS, ELU, SELU, LeakyReLU
from tests.network.problems import FORMULAS, peak_memory

EVERY_ACTIVATION = pytest.mark.parametrize("name", sorted(ACTIVATIONS))
Z = np.random.default_rng(0).normal(scale=2, size=(3, 11, 7))


def memo_shape(activation, shape):
    return shape if activation.n_memos == 1 else (activation.n_memos, *shape)


def forward(name, z):
    """Return h and memo for ``z``, with a memo that holds rubbish at first."""
    h, memo = z.copy(), np.full(memo_shape(ACTIVATIONS[name], z.shape), np.nan, z.dtype)
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
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_large_arrays_are_made(name, dtype):
    """Neither as large as z, nor a mask of it."""
    activation, z = ACTIVATIONS[name], np.random.default_rng(0).normal(size=(3, 499, 211)).astype(dtype)
    h, delta = z.copy(), np.ones_like(z)
    memo = np.empty(memo_shape(activation, z.shape), dtype)

    def both():
        np.copyto(h, z)
        activation.forward(h, memo)
        activation.backward(h, delta, memo)

    assert peak_memory(both) < z.size / 3


@EVERY_ACTIVATION
def test_float32_is_float64_to_rounding_also_where_values_are_tiny(name):
    z = np.concatenate([np.linspace(-10, 60, 3001), np.linspace(-1e-3, 1e-3, 101)]).astype(np.float32)
    results = []
    for dtype in ("float32", "float64"):
        (h, memo), delta = forward(name, z.astype(dtype)), np.ones(z.shape, dtype)
        ACTIVATIONS[name].backward(h, delta, memo)
        results.append((h, delta))
    (h, slope), (exact_h, exact_slope) = results
    assert h.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(h, exact_h, rtol=1e-5, atol=0)
    np.testing.assert_allclose(slope, exact_slope, rtol=1e-5, atol=1e-6)


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
    activation.forward(z, np.empty(memo_shape(activation, z.shape)))
    np.testing.assert_allclose(z, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeakyReLU(slope=np.nan), r"LeakyReLU\(slope=nan\): slope must be finite"),
        (lambda: LeakyReLU(slope=np.inf), "slope must be finite"),
        (lambda: ELU(alpha=0.0), r"ELU\(alpha=0.0\): alpha must be positive and finite"),
        (lambda: ELU(scale=-1.0), r"ELU\(scale=-1.0\): scale must be positive and finite"),
        (lambda: SELU(alpha=np.nan), r"SELU\(alpha=nan\): alpha must be positive and finite"),
    ],
)
def test_fields_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("alpha", "scale"), [(0.5, 1.0), (3.0, 0.7), (1.0, 2.0)])
def test_slope_of_an_elu_of_any_fields(alpha, scale):
    h, memo, delta = Z.copy(), np.empty_like(Z), np.ones_like(Z)
    ELU(alpha, scale).forward(h, memo)
    ELU(alpha, scale).backward(h, delta, memo)
    np.testing.assert_allclose(delta, scale * np.where(Z > 0, 1, alpha * np.exp(Z)), rtol=0, atol=4e-15)


def test_selu_keeps_mean_zero_and_variance_one():
    h, _ = forward("selu", np.random.default_rng(2).normal(size=1_000_003))
    np.testing.assert_allclose([h.mean(), h.var()], [0, 1], atol=5e-3)


@pytest.mark.parametrize(("low", "high", "error"), [(-10, -4, 3e-6), (-4, 4, 1e-6), (4, 60, 1e-6)])
def test_gelu_in_float32_is_as_accurate_as_its_docstring_says(low, high, error):
    z = np.linspace(low, high, 200_001, dtype=np.float32)
    h, _ = forward("gelu", z)
    np.testing.assert_allclose(h, z * ndtr(z.astype(float)), rtol=error, atol=0)


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
