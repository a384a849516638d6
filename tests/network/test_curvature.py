"""The approximation of Gauss and Newton, against derivatives by finite differences."""

import numpy as np
import pytest
from scipy import sparse

from skmlp.network.activations import Tanh
from skmlp.network.curvature import gauss_newton, score_jacobians
from skmlp.network.losses import BinaryLogLoss, LogLoss, SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective

RNG = np.random.default_rng(0)
N, M, Q = 23, 3, 4
X = RNG.normal(size=(N, M))
WEIGHTS = RNG.uniform(0.5, 2, size=N)
CODES = RNG.integers(2, size=(N, 2))
INDICATORS = np.concatenate([np.eye(2)[code] for code in CODES.T], axis=1)
LOSSES = {
    "squared error": (SquaredError(), RNG.normal(size=(N, Q))),
    "labels": (BinaryLogLoss(), RNG.integers(2, size=(N, Q)).astype(float)),
    "classes": (LogLoss(group_sizes=(4,)), np.eye(Q)[RNG.integers(Q, size=N)]),
    "several targets": (LogLoss(group_sizes=(2, 2)), INDICATORS),
}
EVERY_LOSS = pytest.mark.parametrize(("loss", "y"), LOSSES.values(), ids=LOSSES)


def network_of(hidden, **options):
    network = multilayer_perceptron(M, hidden, Q, Tanh(), **options)
    return network, network.initial_parameters([np.random.RandomState(0)], np.dtype(float))[0]


def differences(function, theta, eps=1e-5):
    """Return the derivatives of an array by theta, in a last axis."""
    steps = eps * np.eye(len(theta))
    return np.stack([(function(theta + s) - function(theta - s)) / (2 * eps) for s in steps], axis=-1)


@pytest.mark.parametrize("options", [{}, {"skip": True}], ids=["plain", "skip"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_jacobian_of_scores_by_finite_differences(make, options):
    network, theta = network_of((5,), **options)
    (rows, z, jacobian), *others = score_jacobians(network, theta, make(X))

    def scores(theta):
        return network.output(network.layout.view(theta[np.newaxis]).layers, X)[0]

    assert not others
    assert rows.start == 0
    np.testing.assert_allclose(z, scores(theta), rtol=1e-12)
    np.testing.assert_allclose(jacobian, differences(scores, theta), atol=1e-9)


@EVERY_LOSS
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_sums_of_outer_products_by_finite_differences(loss, y, weights):
    network, theta = network_of((5,))
    _, z, jacobian = next(score_jacobians(network, theta, X))
    w = np.ones(N) if weights is None else weights

    def slopes(z):
        out = np.empty((1, N, Q))
        loss.gradient(z[np.newaxis].copy(), y[np.newaxis], out)
        return out[0]

    eps = 1e-5
    curvature = np.stack([(slopes(z + s) - slopes(z - s)) / (2 * eps) for s in eps * np.eye(Q)], axis=-1)
    matrix, gradient = gauss_newton(network, loss, theta, X, y, weights)
    expected = np.einsum("n,nip,nij,njq->pq", w, jacobian, curvature, jacobian)
    np.testing.assert_allclose(matrix, expected, atol=1e-7)
    np.testing.assert_allclose(gradient, np.einsum("n,ni,nip->p", w, slopes(z), jacobian), rtol=1e-10)


@EVERY_LOSS
def test_it_is_the_hessian_of_a_linear_model(loss, y):
    network, theta = network_of(())
    objective = Objective(network, loss, np.zeros(1))
    samples = X[np.newaxis], y[np.newaxis], WEIGHTS[np.newaxis]
    hessian = objective.hessian_product(theta[np.newaxis], np.eye(len(theta)), *samples)
    matrix, _ = gauss_newton(network, loss, theta, X, y, WEIGHTS)
    np.testing.assert_allclose(matrix / WEIGHTS.sum(), hessian, rtol=1e-9, atol=1e-12)
