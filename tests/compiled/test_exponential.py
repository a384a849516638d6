"""The exponential and what follows from it, against numpy in more digits."""

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from skmlp.compiled.kernels import exponential
from skmlp.compiled.kernels.options import CALLED


@njit(**CALLED)
def exp(x, out):
    for i in range(x.size):
        out[i] = exponential.exp(x[i])


@njit(**CALLED)
def expm1(x, out):
    for i in range(x.size):
        out[i] = exponential.expm1(x[i])


@njit(**CALLED)
def tanh(x, out):
    for i in range(x.size):
        out[i] = exponential.tanh(x[i])


@njit(**CALLED)
def log1p(x, out):
    for i in range(x.size):
        out[i] = exponential.log1p(x[i])


FUNCTIONS = {"exp": (exp, np.exp, 1.1), "expm1": (expm1, np.expm1, 2.0), "tanh": (tanh, np.tanh, 3.0)}
EVERY_FUNCTION = pytest.mark.parametrize("name", FUNCTIONS)
EVERY_DTYPE = pytest.mark.parametrize("dtype", ["float64", "float32"])


def result(name, x):
    out = np.empty_like(x)
    FUNCTIONS[name][0](x, out)
    return out


@EVERY_FUNCTION
@EVERY_DTYPE
@pytest.mark.parametrize("scale", [1e-9, 0.01, 0.4, 3, 20, "all"])
def test_a_few_units_in_the_last_place(name, dtype, scale):
    _, reference, n_units = FUNCTIONS[name]
    scale = {"float64": 706, "float32": 85}[dtype] if scale == "all" else scale
    x = np.random.default_rng(0).uniform(-scale, scale, size=100_003).astype(dtype)
    expected = reference(x.astype(np.longdouble))
    error = np.abs(result(name, x) - expected) / np.spacing(np.abs(expected.astype(dtype)))
    assert error.max() < n_units


@EVERY_FUNCTION
@EVERY_DTYPE
def test_what_is_not_finite_comes_through(name, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 1e3, -1e3, 0.0] * 7, dtype)  # enough to be vectorized
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(result(name, x), FUNCTIONS[name][1](x))


@EVERY_DTYPE
def test_logarithms_between_one_and_two(dtype):
    x = np.random.default_rng(0).uniform(size=100_003) ** np.linspace(0, 9, 100_003)
    x = x.astype(dtype)
    out = np.empty_like(x)
    log1p(x, out)
    expected = np.log1p(x.astype(np.longdouble))
    assert (np.abs(out - expected) / np.spacing(expected.astype(dtype))).max() < 3
    log1p(np.array([0, 1, np.nan], dtype), out)
    np.testing.assert_allclose(out[:3], [0, np.log(2), np.nan], rtol=1e-6)


@EVERY_DTYPE
def test_exp_close_to_overflow_and_underflow(dtype):
    highest = np.log(np.finfo(dtype).max)
    x = np.linspace(highest - 1, highest - 1e-5, 1003).astype(dtype)
    np.testing.assert_allclose(result("exp", x), np.exp(x), rtol=4 * np.finfo(dtype).eps)
    x = np.linspace(-highest - 20, -highest + 5, 1003).astype(dtype)
    np.testing.assert_allclose(
        result("exp", x), np.exp(x), rtol=1e-5, atol=1e-37 if dtype == "float32" else 1e-307
    )
