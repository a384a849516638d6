"""Bounds and mirrored activations, by which a network rises with some of its inputs."""

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS, LeakyReLU
from skmlp.network.monotonic import Mirrored, bounds_of, project, reflect
from skmlp.network.network import multilayer_perceptron
from tests.network.problems import FORMULAS

RISING = [name for name, activation in ACTIVATIONS.items() if activation.is_rising]
Z = np.random.default_rng(0).normal(scale=2, size=(2, 11, 7))


def test_which_activations_rise():
    z = np.linspace(-20, 20, 100_001)
    for name, formula in FORMULAS.items():
        falls = (np.diff(formula(z)) < -1e-12).any()
        assert ACTIVATIONS[name].is_rising == (not falls), name
    assert LeakyReLU(slope=0.0).is_rising
    assert not LeakyReLU(slope=-0.1).is_rising
    assert Mirrored(ACTIVATIONS["relu"]).is_rising
    assert not Mirrored(ACTIVATIONS["gelu"]).is_rising


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_second_half_of_the_units_is_mirrored_and_has_its_slope(name):
    activation, f, step = Mirrored(ACTIVATIONS[name]), FORMULAS[name], 1e-6

    def expected(z):
        return np.concatenate([f(z[..., :4]), -f(-z[..., 4:])], axis=-1)

    shape = Z.shape if activation.n_memos == 1 else (activation.n_memos, *Z.shape)
    h, memo, delta = Z.copy(), np.full(shape, np.nan), np.full(Z.shape, 2.0)
    activation.forward(h, memo)
    np.testing.assert_allclose(h, expected(Z), rtol=1e-13)
    activation.backward(h, delta, memo)
    slope = (expected(Z + step) - expected(Z - step)) / step
    np.testing.assert_allclose(delta, slope, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(h, expected(Z), rtol=1e-13)  # only read


@pytest.mark.parametrize("name", ["tanh", "elu", "softplus", "relu"])
def test_the_curvature_of_mirrored_units(name):
    activation, step = Mirrored(ACTIVATIONS[name]), 1e-6

    def slope(z):
        h, delta = z.copy(), np.ones_like(z)
        activation.forward(h, memo := np.empty_like(z))
        activation.backward(h, delta, memo)
        return delta

    curvature = (slope(Z + step) - slope(Z - step)) / (2 * step)
    np.testing.assert_allclose(activation.curvature(Z.copy()), curvature, rtol=1e-6, atol=1e-8)


def test_bounds_of_weights():
    """Units with even numbers are free: they see only the free input, and free units."""
    network = multilayer_perceptron(3, (4, 3), 2, ACTIVATIONS["relu"])
    low, high = (
        network.layout.view(bound[np.newaxis]).layers
        for bound in bounds_of(network, [1, 0, -1], np.dtype(float))
    )
    inf = np.inf
    np.testing.assert_array_equal(low[0][0][0], [[0, 0, 0, 0], [-inf] * 4, [0, -inf, 0, -inf]])
    np.testing.assert_array_equal(high[0][0][0], [[0, inf, 0, inf], [inf] * 4, [0, 0, 0, 0]])
    np.testing.assert_array_equal(low[2][0][0], [[-inf] * 3, [0, 0, 0], [-inf] * 3, [0, 0, 0]])
    np.testing.assert_array_equal(high[2][0][0], [[inf] * 3, [0, inf, 0], [inf] * 3, [0, inf, 0]])
    np.testing.assert_array_equal(low[4][0][0], [[-inf] * 2, [0] * 2, [-inf] * 2])
    assert (high[4][0] == inf).all()
    for layer in (0, 2, 4):  # biases
        assert (low[layer][1] == -inf).all()
        assert (high[layer][1] == inf).all()


def test_without_free_inputs_no_unit_is_free():
    network = multilayer_perceptron(2, (4, 3), 1, ACTIVATIONS["relu"])
    low, high = bounds_of(network, [1, 1], np.dtype("float32"))
    assert (low[: network.layout.n_penalized] == 0).all()
    assert (high == np.inf).all()
    assert low.dtype == high.dtype == np.float32


def test_reflect_and_project():
    bounds = np.array([0.0, -np.inf, 0.0, -np.inf]), np.array([np.inf, 0.0, 0.0, np.inf])
    theta = np.array([[-1.0, 2.0, 3.0, -4.0], [1.0, -2.0, -3.0, 4.0]])
    reflected, projected = theta.copy(), theta.copy()
    reflect(reflected, bounds)
    project(projected, bounds)
    np.testing.assert_array_equal(reflected, [[1, -2, 0, -4], [1, -2, 0, 4]])
    np.testing.assert_array_equal(projected, [[0, 0, 0, -4], [1, -2, 0, 4]])


@pytest.mark.parametrize("name", RISING)
@pytest.mark.parametrize("signs", [[1, 0, -1, 0, 0], [1, 1, 1, -1, -1], [0, 0, 0, 0, 1]], ids=str)
def test_any_weights_within_the_bounds_rise(signs, name):
    """Random weights of any size, and pairs of points that are far apart."""
    rng = np.random.default_rng(1)
    network = multilayer_perceptron(5, (9, 6), 2, Mirrored(ACTIVATIONS[name]))
    theta = rng.normal(scale=2, size=(3, network.layout.n_parameters))
    project(theta, bounds_of(network, signs, theta.dtype))
    X = rng.standard_cauchy(size=(2000, 5))
    higher = X + rng.exponential(size=X.shape) * np.abs(X) * np.sign(signs)
    parameters = network.layout.view(theta).layers
    z, z_higher = network.output(parameters, X), network.output(parameters, higher)
    assert (z_higher - z >= -1e-12 * np.abs(z)).all()
    assert (z_higher - z > 1e-6).mean() > 0.3
