import numpy as np
import pytest
from scipy import sparse

from skmlp.network import curvature
from skmlp.network.activations import ACTIVATIONS
from skmlp.network.losses import SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.normalizations import LayerNormalization
from skmlp.network.objective import Objective
from skmlp.training import levenberg_marquardt
from skmlp.training.lbfgs import LBFGS
from skmlp.training.levenberg_marquardt import LevenbergMarquardt, normal_equations
from skmlp.training.stopping import StopReason
from tests.network.problems import weights_and_biases
from tests.training.problems import runs_of
from tests.training.test_lbfgs import Leaver

N, M, Q = 53, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, M))
Y = np.sin(X @ RNG.normal(size=(M, Q))) + 0.1 * RNG.normal(size=(N, Q))
SAMPLE_WEIGHT = RNG.uniform(0.5, 2, size=N)
ALPHA = 0.7
LM = LevenbergMarquardt()

WEIGHTED = pytest.mark.parametrize("weights", [None, SAMPLE_WEIGHT], ids=["unweighted", "weighted"])
EVERY_CONTAINER = pytest.mark.parametrize(
    "make", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array]
)


class Problem:
    """Stacked networks that learn Y, and where they start."""

    def __init__(
        self, hidden=(4,), activation="tanh", alpha=(ALPHA,), n_outputs=Q, dtype="float64", **options
    ):
        self.dtype, self.y = np.dtype(dtype), Y[:, :n_outputs].astype(dtype)
        self.network = multilayer_perceptron(M, hidden, n_outputs, ACTIVATIONS[activation], **options)
        self.objective = Objective(self.network, SquaredError(), np.array(alpha, dtype=dtype))
        shape = (len(alpha), self.network.layout.n_parameters)
        self.theta = np.random.default_rng(1).normal(scale=0.5, size=shape).astype(dtype)

    def run(
        self,
        X=X,
        weights=None,
        solver=LM,
        *,
        tol=1e-8,
        max_iter=1000,
        max_fun=10_000,
        **options,
    ):
        runs = runs_of(
            self.objective,
            self.theta,
            (X.astype(self.dtype), self.y, weights),
            random_states=[np.random.RandomState(0)] * len(self.theta),
            max_iter=max_iter,
            max_fun=max_fun,
            tol=tol,
            **options,
        )
        return solver.train(runs)

    def jacobian(self, theta, step=1e-5):
        """Return d z / d theta (N, Q, P) by central differences."""
        steps = step * np.eye(len(theta))
        z = self.network.output(self.network.layout.view(theta + np.concatenate([steps, -steps])).layers, X)
        higher, lower = np.split(z, 2)
        return np.moveaxis(higher - lower, 0, -1) / (2 * step)

    def gradient(self, theta, weights=None):
        """Return the gradient (P,) by back-propagation."""
        view = self.network.layout.view
        out = view(np.empty_like(theta)[np.newaxis])
        weights = None if weights is None else weights[np.newaxis]
        arguments = (view(theta[np.newaxis].copy()), X[np.newaxis], self.y[np.newaxis], weights, out)
        self.objective.value_and_gradient(*arguments)
        return out.flat[0]


# The equations


NETWORKS = {
    "linear": {"hidden": ()},
    **{name: {"activation": name} for name in ("tanh", "relu", "logistic", "gelu")},
    "two hidden layers": {"hidden": (4, 2)},
    "layer normalization": {"hidden": (4, 7), "normalization": LayerNormalization()},
    "one output": {"n_outputs": 1},
    "no penalty": {"alpha": (0.0,)},
}
EVERY_NETWORK = pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)


@EVERY_NETWORK
@WEIGHTED
def test_equations_are_those_of_the_jacobian_by_finite_differences(options, weights):
    problem = Problem(**options)
    theta, layout = problem.theta[0], problem.network.layout
    jacobian = problem.jacobian(theta)
    residuals = problem.network.output(layout.view(theta[np.newaxis]).layers, X)[0] - problem.y
    w = np.ones(N) if weights is None else weights
    penalty = float(problem.objective.alpha[0]) * (np.arange(len(theta)) < layout.n_penalized)
    expected = np.einsum("n,nqi,nqj->ij", w, jacobian, jacobian) + np.diag(penalty)
    matrix, gradient = normal_equations(problem.objective, theta, X, problem.y, weights)
    np.testing.assert_allclose(matrix, expected / w.sum(), rtol=1e-7, atol=1e-8)
    slope = np.einsum("n,nq,nqi->i", w, residuals, jacobian) + penalty * theta
    np.testing.assert_allclose(gradient, slope / w.sum(), rtol=1e-7, atol=1e-8)


@EVERY_NETWORK
@WEIGHTED
def test_gradient_is_that_of_back_propagation(options, weights):
    problem = Problem(**options)
    theta = problem.theta[0]
    _, gradient = normal_equations(problem.objective, theta, X, problem.y, weights)
    np.testing.assert_allclose(gradient, problem.gradient(theta, weights), rtol=1e-12, atol=1e-14)


@EVERY_CONTAINER
@WEIGHTED
@pytest.mark.parametrize("elements", [1, 300, 2**20])
def test_equations_do_not_depend_on_container_and_blocks(make, weights, elements, monkeypatch):
    problem, x = Problem(), np.where(X < 0.3, 0, X)
    expected = normal_equations(problem.objective, problem.theta[0], x, problem.y, weights)
    monkeypatch.setattr(curvature, "JACOBIAN_ELEMENTS", elements)
    found = normal_equations(problem.objective, problem.theta[0], make(x), problem.y, weights)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


# The minimum


@EVERY_CONTAINER
@WEIGHTED
@pytest.mark.parametrize("n_outputs", [1, Q])
def test_linear_network_solves_ridge_regression_in_a_few_steps(make, weights, n_outputs):
    """The loss is quadratic: what keeps a step from ending in the minimum is its damping alone."""
    problem = Problem(hidden=(), n_outputs=n_outputs)
    roots = np.sqrt(np.ones(N) if weights is None else weights)[:, np.newaxis]
    penalty = np.sqrt(ALPHA) * np.eye(M, M + 1)
    rows = np.concatenate([roots * np.c_[X, np.ones(N)], penalty])
    expected = np.linalg.lstsq(
        rows, np.concatenate([roots * problem.y, np.zeros((M, n_outputs))]), rcond=None
    )
    result = problem.run(make(X), weights, tol=1e-13)
    ((W, b),) = weights_and_biases(problem.network, result.theta[0])
    np.testing.assert_allclose(np.vstack([W, b]), expected[0], rtol=0, atol=1e-5)
    # Training ends where a step lowers the loss by less than 2.2e-9 of it.
    best = np.zeros_like(result.theta)
    ((W, b),) = weights_and_biases(problem.network, best[0])
    W[...], b[...] = expected[0][:-1], expected[0][-1]
    found, least = problem.objective.values(np.concatenate([result.theta, best]), X, problem.y, weights)
    assert least * (1 - 1e-12) <= found <= least * (1 + 2.3e-9)
    assert result.reasons == [StopReason.CONVERGED]
    assert len(result.curves.losses[0]) <= 10


@EVERY_NETWORK
@WEIGHTED
def test_loss_falls_in_every_iteration(options, weights):
    monitor = Leaver(network=-1)
    problem = Problem(**options)
    problem.run(weights=weights, max_iter=40, monitor=monitor)
    thetas = np.concatenate([problem.theta, *monitor.thetas])
    # What is minimised: the curve has the mean over the outputs, as scikit-learn reports it.
    values = problem.objective.values(thetas, X, problem.y, weights)
    assert len(values) > 2
    assert (np.diff(values) < 0).all()


@WEIGHTED
def test_near_a_minimum_of_lbfgs_it_is_found_again(weights):
    problem = Problem((2,), alpha=(5.0,), n_outputs=1)
    minimum = problem.run(weights=weights, solver=LBFGS())
    problem.theta = minimum.theta + 0.05 * np.random.default_rng(2).normal(size=minimum.theta.shape)
    found = problem.run(weights=weights)
    assert found.curves.losses[0][0] > minimum.losses[0] * (1 + 1e-5)
    np.testing.assert_allclose(found.losses, minimum.losses, rtol=1e-6)


def test_lower_losses_than_lbfgs_in_fewer_iterations():
    problem = Problem((3,), alpha=(1e-2,) * 8, n_outputs=1)
    ours, theirs = (problem.run(solver=solver) for solver in (LM, LBFGS()))
    assert np.median(ours.losses) < 0.5 * np.median(theirs.losses)
    assert sum(map(len, ours.curves.losses)) < 0.5 * sum(map(len, theirs.curves.losses))


def test_weights_count_like_repeated_rows():
    times = np.resize([1, 2, 3, 0, 1, 5], N)
    weighted, repeated = Problem(), Problem()
    repeated.y = np.repeat(repeated.y, times, axis=0)
    by_weight = weighted.run(weights=times.astype(float), max_iter=10)
    by_rows = repeated.run(np.repeat(X, times, axis=0), max_iter=10)
    np.testing.assert_allclose(by_weight.theta, by_rows.theta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(by_weight.curves.losses, by_rows.curves.losses, rtol=1e-9)


def test_float32_finds_the_same_minimum():
    single = Problem((), dtype="float32").run(tol=1e-5)
    assert single.theta.dtype == np.float32
    assert single.reasons == [StopReason.CONVERGED]
    np.testing.assert_allclose(single.losses, Problem(()).run().losses, rtol=1e-5)


def test_each_of_several_networks_is_trained_as_alone():
    alphas, tols = (0.1, 2.3, 0.0), (1e-2, 1e-1, 3e-2)
    together = Problem(alpha=alphas)
    result = together.run(tol=tols, max_iter=30)
    for k in range(3):
        alone = Problem(alpha=alphas[k : k + 1])
        alone.theta = together.theta[k : k + 1]
        expected = alone.run(tol=tols[k], max_iter=30)
        np.testing.assert_array_equal(result.theta[k], expected.theta[0])
        assert result.curves.losses[k] == expected.curves.losses[0]
        assert result.reasons[k] is expected.reasons[0]
        assert result.messages[k] == expected.messages[0]
    assert len(set(map(len, result.curves.losses))) > 1


def test_start_is_left_as_it_was():
    problem = Problem()
    problem.theta.flags.writeable = False
    before = problem.theta.copy()
    problem.run(max_iter=3)
    np.testing.assert_array_equal(problem.theta, before)


# The end


def test_convergence_means_a_gradient_below_tol():
    monitor = Leaver(network=-1)
    problem = Problem()
    result = problem.run(tol=1e-3, monitor=monitor)
    largest = [np.abs(problem.gradient(theta[0])).max() for theta in monitor.thetas]
    assert largest[-1] <= 1e-3 < min(largest[:-1])
    assert result.reasons == [StopReason.CONVERGED]
    assert "tol" in result.messages[0]


def test_a_start_without_slope_is_kept():
    problem = Problem()
    result = problem.run(tol=1e3)
    np.testing.assert_array_equal(result.theta, problem.theta)
    assert result.curves.losses == [result.losses]
    assert np.isfinite(result.losses).all()
    assert result.reasons == [StopReason.CONVERGED]


@pytest.mark.parametrize("max_iter", [1, 2, 7])
def test_max_iter_is_the_number_of_iterations(max_iter):
    monitor = Leaver(network=-1)
    result = Problem().run(max_iter=max_iter, monitor=monitor)
    assert len(result.curves.losses[0]) == len(monitor.thetas) == max_iter
    assert monitor.begun == list(range(max_iter))
    assert result.reasons == [StopReason.MAX_ITER]
    assert f"max_iter={max_iter}" in result.messages[0]


@pytest.mark.parametrize("max_fun", [1, 2, 5, 23])
def test_max_fun_is_the_number_of_steps_tried(max_fun, monkeypatch):
    calls, values = [], Objective.values

    def counted(self, theta, *samples, cost=None, reported=False):
        calls.append(reported)
        return values(self, theta, *samples, cost=cost, reported=reported)

    monkeypatch.setattr(Objective, "values", counted)
    result = Problem().run(max_fun=max_fun)
    assert calls.count(False) == 1 + max_fun  # the first is that of the start
    assert len(result.curves.losses[0]) <= max_fun
    assert result.reasons == [StopReason.FAILED]
    assert f"max_fun={max_fun}" in result.messages[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_start_without_a_finite_loss_is_divergence(bad):
    problem = Problem()
    problem.theta[...] = bad
    result = problem.run()
    assert result.reasons == [StopReason.DIVERGED]
    assert result.losses == [np.inf]
    assert result.curves.losses == [[]]


def test_equations_beyond_the_memory_limit_are_refused(monkeypatch):
    problem = Problem()
    n_parameters = problem.theta.shape[1]
    monkeypatch.setattr(levenberg_marquardt, "MEMORY_LIMIT", 16 * n_parameters**2)
    problem.run(max_iter=1)
    monkeypatch.setattr(levenberg_marquardt, "MEMORY_LIMIT", 16 * n_parameters**2 - 1)
    monkeypatch.setattr(levenberg_marquardt, "normal_equations", None)  # no work is begun
    with pytest.raises(ValueError, match=rf"solver='lm'.* {n_parameters} parameters .*hidden_layer_sizes"):
        problem.run(max_iter=1)


# Settings


@pytest.mark.parametrize("settings", [{"raised": 7.0}, {"lower": 3}], ids=repr)
def test_every_setting_changes_the_path(settings):
    expected, found = (
        Problem().run(max_iter=9),
        Problem().run(solver=LevenbergMarquardt(**settings), max_iter=9),
    )
    assert found.curves.losses[0][0] == pytest.approx(expected.curves.losses[0][0], rel=0.5)
    assert np.abs(found.theta - expected.theta).max() > 1e-3


@pytest.mark.parametrize("name", ["raised", "lower"])
@pytest.mark.parametrize("value", [0, 1, -2.0, np.inf, np.nan])
def test_factors_that_change_nothing_are_refused(name, value):
    with pytest.raises(
        ValueError, match=rf"LevenbergMarquardt\({name}={value}\): {name} must be greater than 1"
    ):
        LevenbergMarquardt(**{name: value})


# The curve, monitors, interruption


@WEIGHTED
def test_curve_holds_the_reported_loss_after_each_iteration(weights):
    monitor = Leaver(network=-1)
    problem = Problem()
    result = problem.run(weights=weights, max_iter=20, monitor=monitor)
    w = np.ones(N) if weights is None else weights
    expected = []
    for theta in monitor.thetas:
        z = problem.network.output(problem.network.layout.view(theta).layers, X)[0]
        squares = (theta[:, : problem.network.layout.n_penalized] ** 2).sum()
        errors = ((z - problem.y) ** 2 / 2).mean(axis=1)
        expected.append((w @ errors + ALPHA / 2 * squares) / w.sum())
    np.testing.assert_allclose(result.curves.losses[0], expected, rtol=1e-12)
    assert result.losses[0] == result.curves.losses[0][-1]
    assert result.curves.scores == result.curves.validation_losses == [[]]
    np.testing.assert_array_equal(result.theta, monitor.thetas[-1])


@pytest.mark.parametrize(
    ("error", "reason"), [(None, StopReason.CALLBACK), (KeyboardInterrupt(), StopReason.INTERRUPTED)]
)
def test_monitor_or_interruption_ends_all_training(error, reason):
    """The latest parameters are kept; networks whose turn would come stay at their start."""
    monitor = Leaver(error, network=1)
    problem = Problem(alpha=(0.1, 0.2, 0.3))
    result = problem.run(tol=1e-2, monitor=monitor)
    assert result.reasons == [StopReason.CONVERGED, reason, reason]
    assert len(result.curves.losses[1]) == 3
    assert result.losses[1] == result.curves.losses[1][-1]
    np.testing.assert_array_equal(result.theta[1], monitor.thetas[-1][0])
    np.testing.assert_array_equal(result.theta[2], problem.theta[2])
    assert result.curves.losses[2] == []


def test_other_errors_of_a_monitor_are_raised():
    with pytest.raises(RuntimeError, match="no"):
        Problem().run(monitor=Leaver(RuntimeError("no")))
