import pickle

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS
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
    [("identity", -1e3, 1e3), ("logistic", 0, 1), ("tanh", -1, 1), ("relu", 0, 1e3)],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_inputs_give_the_limits(name, low, high, dtype):
    h, _ = forward(name, np.array([-1e3, 1e3], dtype=dtype))
    np.testing.assert_array_equal(h, [low, high])


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
