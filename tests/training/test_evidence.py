"""Posterior, evidence and alpha, against a Bayesian linear model whose integrals are known."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from skmlp.network.activations import Tanh
from skmlp.network.losses import LogLoss, SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.evidence import Evidence
from skmlp.training.full_batch import Run
from skmlp.training.lbfgs import LBFGS
from skmlp.training.levenberg_marquardt import LevenbergMarquardt
from skmlp.training.posterior import BIAS_PRECISION, Posterior
from skmlp.training.result import Monitor

RNG = np.random.default_rng(0)
N, M = 40, 5
X = RNG.normal(size=(N, M))
Y = X @ [1.0, -0.5, 0.3, 0, 0.1] + 0.4 + 0.7 * RNG.normal(size=N)
SOLVERS = pytest.mark.parametrize("solver", [LBFGS(), LevenbergMarquardt()], ids=["lbfgs", "lm"])


def run_of(hidden, loss, y, alpha=0.01, weights=None):
    network = multilayer_perceptron(X.shape[1], hidden, y.shape[1], Tanh())
    theta = network.initial_parameters([np.random.RandomState(0)], np.dtype(float))[0]
    objective = Objective(network, loss, np.atleast_1d(alpha) if np.ndim(alpha) < 2 else alpha)
    samples = X, y, weights
    return Run(objective, theta, samples, 0, np.random.RandomState(0), 3000, 10**5, 1e-10, Monitor(), None)


def log_probability(log_parameters, y=Y, X=X):
    """Return log p(y) given alpha / noise and the noise, with weights and bias integrated out."""
    weight_precision, noise = np.exp(log_parameters)
    covariance = X @ X.T / weight_precision + 1 / BIAS_PRECISION + noise * np.eye(len(y))
    return multivariate_normal.logpdf(y, cov=covariance)


@SOLVERS
def test_alpha_and_noise_maximize_the_probability_of_the_data(solver):
    run = run_of((), SquaredError(), Y[:, np.newaxis])
    Evidence(solver, per_layer=False).minimize(run)
    posterior = Posterior(run.objective, run.theta, run.samples)
    found = run.objective.alpha[0] / posterior.noise_variance, posterior.noise_variance
    best = minimize(lambda p: -log_probability(p), np.zeros(2), method="Nelder-Mead", tol=1e-10)
    np.testing.assert_allclose(np.log(found), best.x, atol=0.02)
    assert abs(posterior.log_evidence - log_probability(np.log(found))) < 1e-4
    assert abs(posterior.log_evidence + best.fun) < 2e-3


def test_posterior_is_that_of_a_linear_model():
    run = run_of((), SquaredError(), Y[:, np.newaxis], alpha=2.0)
    LBFGS().minimize(run)
    posterior = Posterior(run.objective, run.theta, run.samples)
    design = np.column_stack([X, np.ones(N)])
    hessian = design.T @ design
    penalty = np.diag([2.0] * M + [0])
    np.testing.assert_allclose(posterior.factor @ posterior.factor.T, hessian + penalty, atol=1e-5)
    # gamma = sum of lambda / (lambda + alpha), here as the trace of the matrix of both
    effective = np.trace(np.linalg.solve(hessian + penalty, hessian))
    np.testing.assert_allclose(posterior.effective.sum(), effective, rtol=1e-6)
    residuals = Y - design @ run.theta
    np.testing.assert_allclose(posterior.noise_variance, residuals @ residuals / (N - effective), rtol=1e-6)


def test_weights_count_as_repeated_samples():
    counts = RNG.integers(1, 4, size=N)
    weighted = run_of((3,), SquaredError(), Y[:, np.newaxis], weights=counts.astype(float))
    repeated = run_of((3,), SquaredError(), Y[:, np.newaxis])
    repeated.samples = np.repeat(X, counts, axis=0), np.repeat(Y[:, np.newaxis], counts, axis=0), None
    one, other = (Posterior(run.objective, run.theta, run.samples) for run in (weighted, repeated))
    np.testing.assert_allclose(one.factor, other.factor, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.noise_variance, other.noise_variance, rtol=1e-9)
    np.testing.assert_allclose(one.log_evidence, other.log_evidence, rtol=1e-9)


def test_evidence_of_classes_by_integration():
    """One feature, one weight: the integral over the weight and the bias can be summed."""
    x = RNG.normal(size=(60, 1))
    y = (x[:, 0] + RNG.normal(size=60) > 0).astype(float)[:, np.newaxis]
    network = multilayer_perceptron(1, (), 1, Tanh())
    objective = Objective(network, LogLoss().for_classes(()), np.array([1.5]))
    run = Run(objective, np.zeros(2), (x, y, None), 0, None, 500, 500, 1e-12, Monitor(), None)
    LBFGS().minimize(run)
    posterior = Posterior(objective, run.theta, run.samples)
    w, b = np.meshgrid(np.linspace(-4, 8, 400), np.linspace(-4, 4, 400), indexing="ij")
    z = w[..., np.newaxis] * x[:, 0] + b[..., np.newaxis]
    log_p = (y[:, 0] * z - np.logaddexp(0, z)).sum(axis=-1)
    log_p += -0.75 * w**2 + 0.5 * np.log(1.5 / (2 * np.pi)) - 0.5 * BIAS_PRECISION * b**2
    log_p += 0.5 * np.log(BIAS_PRECISION / (2 * np.pi))
    top = log_p.max()
    area = (12 / 399) * (8 / 399)
    assert abs(posterior.log_evidence - top - np.log(np.exp(log_p - top).sum() * area)) < 0.05
    assert posterior.noise_variance == 1


@pytest.mark.parametrize(
    "solver", [LBFGS(), pytest.param(LevenbergMarquardt(), marks=pytest.mark.slow)], ids=["lbfgs", "lm"]
)
def test_one_alpha_for_each_layer_settles_each(solver):
    run = run_of((3,), SquaredError(), Y[:, np.newaxis], alpha=np.full((1, 2), 0.01))
    Evidence(solver, per_layer=True).minimize(run)
    posterior, network = Posterior(run.objective, run.theta, run.samples), run.objective.network
    first, second = np.split(run.theta[: network.layout.n_penalized], [M * 3])
    effective = np.split(posterior.effective[: network.layout.n_penalized], [M * 3])
    gammas = np.array([of_layer.sum() for of_layer in effective])
    expected = posterior.noise_variance * gammas / [first @ first, second @ second]
    np.testing.assert_allclose(run.objective.alpha[0], expected, rtol=0.2)
    assert run.objective.alpha[0, 0] != run.objective.alpha[0, 1]


@SOLVERS
def test_iterations_are_bounded_over_all_estimates(solver):
    run = run_of((3,), SquaredError(), Y[:, np.newaxis])
    run.max_iter = 7
    Evidence(solver, per_layer=False).minimize(run)
    assert len(run.losses) == 7


def test_penalties_of_layers_are_in_value_gradient_and_hessian():
    run = run_of((3,), SquaredError(), Y[:, np.newaxis], alpha=np.array([[0.3, 2.0]]))
    one, layout = run.objective, run.objective.network.layout
    parameters, out = layout.view(run.theta[np.newaxis]), layout.view(np.empty((1, len(run.theta))))
    block = X[np.newaxis], Y[np.newaxis, :, np.newaxis], None
    value = one.value_and_gradient(parameters, *block, out)
    plain, gradient = Objective(one.network, one.loss, np.zeros(1)), layout.view(out.flat.copy())
    unpenalized = plain.value_and_gradient(parameters, *block, gradient)
    strengths = np.repeat([0.3, 2.0, 0], [M * 3, 3, 4])
    np.testing.assert_allclose(value - unpenalized, strengths @ run.theta**2 / 2 / N, rtol=1e-10)
    np.testing.assert_allclose(out.flat - gradient.flat, [strengths * run.theta / N], atol=1e-14)
    np.testing.assert_allclose(one.values(run.theta[np.newaxis], X, Y[:, np.newaxis], None), value)
    v = np.eye(len(run.theta))
    products = [o.hessian_product(run.theta[np.newaxis], v, *block) for o in (one, plain)]
    np.testing.assert_allclose(products[0] - products[1], np.diag(strengths) / N, atol=1e-14)
