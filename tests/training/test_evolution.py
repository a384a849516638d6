import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.losses import BinaryLogLoss, SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training import cma_es
from skmlp.training.cma_es import FULL_COVARIANCE
from skmlp.training.evolution import EvolutionStrategy
from skmlp.training.result import Monitor
from skmlp.training.stopping import StopReason
from tests.training.problems import runs_of

N = 8


def sphere(theta):
    return (theta**2).sum(axis=1)


def curvatures(n, condition=1e6):
    return condition ** np.linspace(0, 1, n)


def ellipsoid(theta):
    return theta**2 @ curvatures(theta.shape[1])


def rotation(n):
    return np.linalg.qr(np.random.RandomState(5).normal(size=(n, n)))[0]


def rotated_ellipsoid(theta):
    return ellipsoid(theta @ rotation(theta.shape[1]))


def rosenbrock(theta):
    """The minimum lies at (1, ..., 1), at the end of a bent valley."""
    return (100 * (theta[:, 1:] - theta[:, :-1] ** 2) ** 2 + (1 - theta[:, :-1]) ** 2).sum(axis=1)


def rastrigin(theta):
    """A local minimum at about each point of integers, the lowest at the origin."""
    return (theta**2 + 10 * (1 - np.cos(2 * np.pi * theta))).sum(axis=1)


class Recorder:
    """A function that remembers its candidates."""

    def __init__(self, function):
        self.function, self.candidates = function, []

    def __call__(self, theta):
        self.candidates.append(theta.copy())
        return self.function(theta)

    @property
    def sizes(self):
        return [len(theta) for theta in self.candidates]


class Watcher(Monitor):
    """Remembers what it is told; asks to stop, or raises, in one generation of one network."""

    def __init__(self, last=None, error=None, network=0):
        self.last, self.error, self.network = last, error, network
        self.begun, self.networks, self.thetas, self.losses = [], [], [], []

    def begin(self, index):
        self.begun.append(index)

    def end(self, epoch):
        assert self.begun[-1] == epoch.index
        self.networks.append(epoch.networks.tolist())
        self.thetas.append(epoch.theta.copy())
        self.losses.append(epoch.loss.tolist())
        if epoch.index == self.last and epoch.networks == [self.network]:
            if self.error is not None:
                raise self.error
            return True
        return False


def start(n=N, n_networks=1, seed=1):
    return np.random.RandomState(seed).normal(size=(n_networks, n))


class Values:
    """An objective that is any function of the parameters."""

    alpha = np.zeros(1)

    def __init__(self, function):
        self.function = function

    def keep(self, networks):
        return self

    def values(self, theta, X, y, weights, *, cost, reported):
        assert reported
        return self.function(theta)


NO_SAMPLES = np.empty((0, 1)), np.empty((0, 1)), None


def train(
    function, theta=None, seeds=(0,), *, max_iter=5000, max_fun=10**6, tol=1e-12, monitor=None, **settings
):
    theta = start(n_networks=len(seeds)) if theta is None else theta
    runs = runs_of(
        Values(function),
        theta,
        NO_SAMPLES,
        random_states=[np.random.RandomState(seed) for seed in seeds],
        max_iter=max_iter,
        max_fun=max_fun,
        tol=tol,
        monitor=monitor,
    )
    return EvolutionStrategy(**{"n_restarts": 0, **settings}).train(runs)


# What it solves, and in how many evaluations (the median of ten runs, and a third more)


@pytest.mark.parametrize(
    ("function", "n", "max_fun"),
    [
        (sphere, 1, 250),
        (sphere, 10, 2100),
        (ellipsoid, 10, 5500),
        (rotated_ellipsoid, 10, 5500),
        (rosenbrock, 5, 2600),
        (rosenbrock, 10, 7100),
    ],
)
def test_minimum_is_found_within_the_known_number_of_evaluations(function, n, max_fun):
    result = train(function, start(n, seed=3), max_fun=max_fun)
    assert result.losses[0] < 1e-9
    np.testing.assert_allclose(function(result.theta), result.losses, rtol=1e-12)


def test_variances_alone_adapt_to_an_ellipsoid(monkeypatch):
    monkeypatch.setattr(cma_es, "FULL_COVARIANCE", 5)
    assert train(ellipsoid, start(10), max_fun=5500).losses[0] < 1e-9


@pytest.mark.slow
def test_many_variances_adapt_to_an_ellipsoid():
    result = train(ellipsoid, start(600), max_iter=11_000)
    assert result.losses[0] < 1e-9


def test_xor_is_learned():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    network = multilayer_perceptron(2, [2], 1, ACTIVATIONS["logistic"])

    def values(theta):
        z = network.output(network.layout.view(theta).layers, x)
        penalty = 1e-4 / 2 * (theta[:, : network.layout.n_penalized] ** 2).sum(axis=1) / len(x)
        return BinaryLogLoss().value(z, y).mean(axis=(1, 2)) + penalty

    theta = network.initial_parameters([np.random.RandomState(s) for s in range(4)], np.dtype(float))
    result = train(values, theta, range(4, 8), n_restarts=3, max_fun=15_000, tol=1e-4)
    z = network.output(network.layout.view(result.theta).layers, x)
    np.testing.assert_array_equal(z > 2.2, np.broadcast_to(y, z.shape))  # p > 0.9
    np.testing.assert_array_equal(z < -2.2, 1 - np.broadcast_to(y, z.shape))


def test_accuracy_is_maximized():
    """The value is flat almost everywhere: no gradient would help."""
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    network = multilayer_perceptron(30, [20], 1, ACTIVATIONS["relu"])

    def error_rates(theta):
        z = network.output(network.layout.view(theta).layers, X)
        return ((z[:, :, 0] > 0) != y).mean(axis=1)

    theta = network.initial_parameters([np.random.RandomState(0)], np.dtype(float))
    assert network.layout.n_parameters > FULL_COVARIANCE
    result = train(error_rates, theta, max_iter=100)
    assert result.losses[0] < 0.02 < error_rates(theta)[0]


# Invariance


@pytest.mark.parametrize(
    "transform",
    [lambda v: v + 10, lambda v: 1e5 * v, np.log, lambda v: -1 / (1 + v)],
    ids=["constant", "factor", "log", "reciprocal"],
)
def test_only_the_order_of_the_values_matters(transform):
    plain, transformed = Recorder(rosenbrock), Recorder(lambda theta: transform(rosenbrock(theta)))
    for function in (plain, transformed):
        train(function, max_iter=60, tol=0)
    np.testing.assert_array_equal(plain.candidates, transformed.candidates)


def test_same_seed_same_result_and_another_seed_another():
    first, again, other = (train(rosenbrock, start(), [seed], max_iter=30).theta for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_of_several_networks_is_trained_as_alone():
    theta, seeds, tols = start(n_networks=3), (5, 6, 7), np.array([1e-3, 1e-12, 1e-6])
    together = train(rosenbrock, theta, seeds, tol=tols, n_restarts=1)
    for k in range(3):
        alone = train(rosenbrock, theta[k : k + 1], seeds[k : k + 1], tol=tols[k], n_restarts=1)
        np.testing.assert_array_equal(together.theta[k], alone.theta[0])
        assert together.curves.losses[k] == alone.curves.losses[0]
        assert together.reasons[k] is alone.reasons[0]
        assert together.messages[k] == alone.messages[0]


def test_start_is_left_as_it_was():
    theta = start()
    theta.flags.writeable = False
    before = theta.copy()
    train(sphere, theta, max_iter=3)
    np.testing.assert_array_equal(theta, before)


def test_float32_candidates_are_float32():
    function = Recorder(rosenbrock)
    result = train(function, start().astype(np.float32), tol=1e-8)
    assert {theta.dtype for theta in function.candidates} == {np.dtype(np.float32)}
    assert result.theta.dtype == np.float32
    assert result.losses[0] < 1e-8
    assert result.reasons == [StopReason.CONVERGED]


# Values that say little


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_candidates_without_a_finite_value_are_avoided(bad):
    result = train(lambda theta: np.where(theta[:, 0] + theta[:, 1] > 0.5, bad, sphere(theta)))
    assert result.losses[0] < 1e-9


@pytest.mark.parametrize("max_iter", [3, 1000])
def test_no_finite_value_at_all_is_divergence(max_iter):
    theta = start()
    result = train(lambda theta: np.full(len(theta), np.nan), theta, n_restarts=2, max_iter=max_iter)
    assert result.reasons == [StopReason.DIVERGED]
    assert result.losses == [np.inf]
    assert len(result.curves.losses[0]) <= max_iter
    np.testing.assert_array_equal(result.theta, theta)


def test_plateaus_are_left_by_longer_steps():
    theta = np.full((1, N), 10.0)
    result = train(lambda theta: np.floor(np.sqrt(sphere(theta))), theta, step_size=1e-2)
    assert result.losses == [0]
    assert result.reasons == [StopReason.CONVERGED]
    assert result.messages[0].startswith(("EqualFunValues", "Stagnation"))


# The end of a run


NOISE = np.random.RandomState(0)
ENDS = {
    "TolFun": (sphere, {"tol": 1e-3}),
    "TolX:": (sphere, {"tol": 0}),
    "TolXUp": (lambda theta: theta[:, 0], {}),
    "NoEffect": (lambda theta: sphere(theta - 1e9), {"tol": 0, "theta": np.full((1, N), 1e9)}),
    "ConditionCov": (lambda theta: theta**2 @ curvatures(N, 1e20), {"tol": 0}),
    "Stagnation": (lambda theta: NOISE.uniform(size=len(theta)), {"tol": 0}),
}


@pytest.mark.parametrize("criterion", ENDS)
def test_each_criterion_ends_a_run(criterion):
    function, settings = ENDS[criterion]
    result = train(function, **settings)
    assert result.reasons == [StopReason.CONVERGED]
    assert criterion in result.messages[0]


def test_a_constant_ends_a_run():
    result = train(lambda theta: np.zeros(len(theta)))
    assert result.reasons == [StopReason.CONVERGED]
    assert 10 < len(result.curves.losses[0]) < 50


@pytest.mark.parametrize("max_iter", [1, 7, 80])
def test_max_iter_is_the_number_of_generations_over_all_restarts(max_iter):
    function = Recorder(sphere)
    result = train(function, max_iter=max_iter, n_restarts=3, tol=0.1)
    assert result.reasons == [StopReason.MAX_ITER]
    assert f"max_iter={max_iter}" in result.messages[0]
    assert len(function.sizes) == len(result.curves.losses[0]) == max_iter
    assert (len(set(function.sizes)) > 1) == (max_iter == 80)


@pytest.mark.parametrize(("max_fun", "n_evaluated"), [(1, 10), (10, 10), (19, 10), (20, 20), (101, 100)])
def test_max_fun_is_not_exceeded_but_by_the_first_generation(max_fun, n_evaluated):
    function = Recorder(sphere)
    result = train(function, max_fun=max_fun, n_restarts=3)
    assert sum(function.sizes) == n_evaluated
    assert result.reasons == [StopReason.MAX_ITER]
    assert f"max_fun={max_fun}" in result.messages[0]


@pytest.mark.parametrize(("population_size", "first"), [(None, 10), (7, 7)])
def test_each_restart_doubles_the_population(population_size, first):
    function = Recorder(sphere)
    result = train(function, population_size=population_size, n_restarts=3, tol=1e-2)
    assert result.reasons == [StopReason.CONVERGED]
    assert list(dict.fromkeys(function.sizes)) == [first, 2 * first, 4 * first, 8 * first]
    assert function.sizes == sorted(function.sizes)


def test_restarts_leave_a_local_minimum():
    theta = np.full((1, 4), 3.0)
    stuck, rescued = (train(rastrigin, theta, n_restarts=n, tol=1e-9, step_size=1) for n in (0, 6))
    assert stuck.losses[0] > 0.9
    assert rescued.losses[0] < 1e-8


# The curve, monitors, interruption


def test_curve_holds_the_best_value_so_far_over_all_restarts():
    function = Recorder(rastrigin)
    result = train(function, n_restarts=2)
    lowest = [rastrigin(theta).min() for theta in function.candidates]
    np.testing.assert_array_equal(result.curves.losses[0], np.minimum.accumulate(lowest))
    assert result.losses == [result.curves.losses[0][-1]]
    assert rastrigin(result.theta)[0] == result.losses[0]
    assert result.curves.scores == result.curves.validation_losses == [[]]


def test_monitor_is_told_of_each_generation():
    monitor = Watcher()
    result = train(sphere, start(n_networks=2), (0, 1), n_restarts=1, tol=1e-2, monitor=monitor)
    curves = result.curves.losses
    assert monitor.begun == [*range(len(curves[0])), *range(len(curves[1]))]
    assert monitor.networks == [[0]] * len(curves[0]) + [[1]] * len(curves[1])
    assert monitor.losses == [[loss] for curve in curves for loss in curve]
    np.testing.assert_array_equal(sphere(np.concatenate(monitor.thetas)), np.concatenate(monitor.losses))


@pytest.mark.parametrize(
    ("error", "reason"), [(None, StopReason.CALLBACK), (KeyboardInterrupt(), StopReason.INTERRUPTED)]
)
def test_monitor_or_interruption_ends_all_training(error, reason):
    """The best so far is kept; networks whose turn would come stay at their start."""
    theta, monitor = start(n_networks=3), Watcher(12, error, network=1)
    result = train(sphere, theta, (0, 1, 2), tol=1e-3, monitor=monitor)
    assert result.reasons == [StopReason.CONVERGED, reason, reason]
    assert len(result.curves.losses[1]) == 13
    assert sphere(result.theta)[:2].tolist() == result.losses[:2]
    np.testing.assert_array_equal(result.theta[1], monitor.thetas[-1][0])
    np.testing.assert_array_equal(result.theta[2], theta[2])
    assert result.curves.losses[2] == []
    assert result.losses[2] == np.inf


def test_interruption_while_candidates_are_computed_keeps_the_best():
    def values(theta):
        if len(function.candidates) == 6:
            raise KeyboardInterrupt
        return sphere(theta)

    function = Recorder(values)
    result = train(function)
    assert result.reasons == [StopReason.INTERRUPTED]
    assert len(result.curves.losses[0]) == 5
    assert sphere(result.theta)[0] == result.losses[0] == result.curves.losses[0][-1]


def test_other_errors_are_raised():
    with pytest.raises(RuntimeError, match="no"):
        train(sphere, monitor=Watcher(2, RuntimeError("no")))


# Settings


def test_a_cost_takes_the_place_of_the_loss():
    network = multilayer_perceptron(2, [3], 1, ACTIVATIONS["tanh"])
    objective = Objective(network, SquaredError(), np.array([0.0]))
    x = np.random.default_rng(0).normal(size=(19, 2))
    shapes = []

    def cost(theta, z):
        shapes.append((theta.shape, z.shape))
        return np.abs(z - 0.7).max(axis=(1, 2))

    runs = runs_of(
        objective,
        network.initial_parameters([np.random.RandomState(0)], np.dtype(float)),
        (x, np.zeros((19, 1)), None),
        random_states=[np.random.RandomState(1)],
        max_iter=200,
        max_fun=10**6,
        tol=1e-9,
        cost=cost,
    )
    result = EvolutionStrategy(n_restarts=0).train(runs)
    assert set(shapes) == {((11, 13), (11, 19, 1))}
    z = network.output(network.layout.view(result.theta).layers, x)
    np.testing.assert_allclose(np.abs(z - 0.7).max(), result.losses[0])
    assert result.losses[0] < 0.05


@pytest.mark.parametrize(
    ("name", "value"),
    [("population_size", 1), ("n_restarts", -1), ("step_size", 0.0), ("step_size", np.inf)],
)
def test_settings_without_a_meaning_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"EvolutionStrategy\({name}={value}\): {name} must be .*\."):
        EvolutionStrategy(**{name: value})
