import numpy as np
import pytest

from skmlp.training import cma_es
from skmlp.training.cma_es import FULL_COVARIANCE, Constants, EvolutionRun
from tests.training.test_evolution import (
    N,
    curvatures,
    ellipsoid,
    rotated_ellipsoid,
    rotation,
    sphere,
    start,
)


def run_of(function, tol=1e-12, population_size=10, seed=0, mean=None):
    """Return a run that has ended, and the values of its last generation."""
    mean = start()[0] if mean is None else mean
    run = EvolutionRun(mean, 0.5, population_size, tol, np.random.RandomState(seed))
    while not run.ended:
        values = function(run.ask())
        run.tell(values)
    return run, values


# Constants


def test_constants_are_those_of_the_tutorial_for_10_parameters():
    """Computed by hand from table 1; c_1, c_mu, c_c and the weights are those of pycma 4.5 too."""
    c = Constants.of(10, 10)
    mu_eff = 3.16729928
    raw = np.log(5.5 / np.arange(1, 11))
    np.testing.assert_allclose(c.mu_eff, mu_eff, rtol=1e-8)
    np.testing.assert_allclose(c.weights[:5], raw[:5] / raw[:5].sum())
    np.testing.assert_allclose(
        c.weights,
        [0.456273, 0.270753, 0.162231, 0.085234, 0.02551]
        + [-0.080013, -0.221764, -0.344555, -0.452864, -0.54975],
        atol=1e-6,
    )
    np.testing.assert_allclose(c.c_sigma, (mu_eff + 2) / (10 + mu_eff + 5), rtol=1e-8)
    np.testing.assert_allclose(c.d_sigma, 1 + c.c_sigma)
    np.testing.assert_allclose(c.c_c, (4 + mu_eff / 10) / (14 + mu_eff / 5), rtol=1e-8)
    np.testing.assert_allclose(c.c_1, 0.0152838245, rtol=1e-8)
    np.testing.assert_allclose(c.c_mu, 0.0235517767, rtol=1e-8)
    np.testing.assert_allclose(c.chi_n, 3.0847266, rtol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 10, FULL_COVARIANCE, FULL_COVARIANCE + 1, 100_000])
@pytest.mark.parametrize("population_size", [2, 3, 10, 23, 5000])
def test_constants_are_valid_rates(n, population_size):
    c = Constants.of(n, population_size)
    parents, others = np.split(c.weights, [population_size // 2])
    assert (np.diff(c.weights) < 0).all() or c.c_1 + c.c_mu == 1  # then nothing can be subtracted
    assert (parents > 0).all()
    assert (others <= 0).all()
    np.testing.assert_allclose(parents.sum(), 1)
    np.testing.assert_allclose(c.mu_eff, 1 / (parents**2).sum())
    assert 1 <= c.mu_eff <= population_size / 2
    for rate in (c.c_sigma, c.c_c, c.c_1, c.c_mu):
        assert 0 < rate <= 1
    assert c.c_1 + c.c_mu <= 1
    # What is subtracted from C is less than what stays of it: C remains positive definite.
    assert -others.sum() * n * c.c_mu <= (1 - c.c_1 - c.c_mu) * (1 + 1e-12)


def test_variances_alone_are_learned_faster():
    full, variances = (Constants.of(FULL_COVARIANCE + i, 22) for i in (0, 1))
    np.testing.assert_allclose(variances.c_1 / full.c_1, (FULL_COVARIANCE + 3) / 3, rtol=0.01)
    np.testing.assert_allclose(variances.c_mu / full.c_mu, (FULL_COVARIANCE + 3) / 3, rtol=0.01)


# Learning


def test_first_candidates_are_standard_normal():
    run = EvolutionRun(np.full(3, 7.0), 0.5, 20_000, 0, np.random.RandomState(0))
    z = (run.ask() - 7) / 0.5
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.05)


def test_mean_moves_to_the_weighted_mean_of_the_better_half():
    run = EvolutionRun(start()[0], 0.5, 10, 0, np.random.RandomState(0))
    candidates = run.ask()
    order = np.argsort(sphere(candidates))
    run.tell(sphere(candidates))
    np.testing.assert_allclose(run.mean, run.constants.weights[:5] @ candidates[order[:5]], rtol=1e-12)


def test_mean_that_was_given_is_left_as_it_was():
    mean = start()[0]
    mean.flags.writeable = False
    run_of(sphere, tol=1e-2, mean=mean)
    np.testing.assert_array_equal(mean, start()[0])


def test_steps_grow_on_a_slope_and_shrink_at_a_minimum():
    for function, n_times in ((lambda theta: theta[:, 0], 10), (lambda theta: sphere(theta), 0.1)):
        run = EvolutionRun(np.zeros(N), 0.5, 10, 0, np.random.RandomState(0))
        for _ in range(60):
            run.tell(function(run.ask()))
        assert (run.step_size > 0.5 * n_times) == (n_times > 1)


@pytest.mark.parametrize("limit", [FULL_COVARIANCE, 2], ids=["full", "variances"])
def test_variances_become_the_inverse_of_the_curvatures(limit, monkeypatch):
    monkeypatch.setattr(cma_es, "FULL_COVARIANCE", limit)
    run, _ = run_of(ellipsoid)
    shares = run.covariance.variances * curvatures(N)
    assert shares.max() < 20 * shares.min()


def test_covariance_becomes_the_inverse_of_the_curvature():
    run, _ = run_of(rotated_ellipsoid)
    root = rotation(N) * np.sqrt(curvatures(N))
    assert np.linalg.cond(root.T @ run.covariance.C @ root) < 10


@pytest.mark.parametrize("population_size", [3, 5, 40])
def test_covariance_stays_positive_definite(population_size):
    run, _ = run_of(rotated_ellipsoid, tol=1e-6, population_size=population_size)
    np.testing.assert_allclose(run.covariance.C, run.covariance.C.T, rtol=1e-10)
    assert np.linalg.eigvalsh(run.covariance.C)[0] > 0


# The end


def test_tol_is_the_range_of_the_latest_values():
    n_latest = 10 + 30 * N // 10
    for tol in (1e-2, 1e-6):
        run, values = run_of(sphere, tol)
        assert np.ptp([*run.best[-n_latest:], *values]) < tol < np.ptp(run.best[-n_latest - 1 :])
        assert run.ended.startswith("TolFun")


def test_infinite_values_alone_end_a_run():
    run, _ = run_of(lambda theta: np.full(len(theta), np.inf))
    assert run.ended
    assert np.isfinite(run.mean).all()
    assert np.isfinite(run.step_size)
