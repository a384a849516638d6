import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from skmlp.network.activations import Tanh
from skmlp.network.losses import LogLoss, Poisson, SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.lbfgs import LBFGS
from skmlp.training.result import Monitor
from skmlp.training.stopping import StopReason
from tests.network.problems import naive_losses, naive_raw_scores, weights_and_biases
from tests.training.problems import runs_of

N, M, Q = 53, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, M))
CLASSES = RNG.integers(Q, size=N)
Y = {
    SquaredError: RNG.normal(size=(N, 1)) + X[:, :1],
    Poisson: RNG.poisson(2, size=(N, 1)).astype(float),
    LogLoss: np.eye(Q)[CLASSES],
}
LOSSES = {"squared_error": SquaredError(), "poisson": Poisson(), "log_loss": LogLoss(group_sizes=(Q,))}
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
SAMPLE_WEIGHT = RNG.uniform(0.5, 2, size=N)
ALPHA = 0.7


class Problem:
    def __init__(self, loss, hidden=(), alpha=(ALPHA,), tol=1e-8, dtype="float64"):
        self.loss, self.y = loss, Y[type(loss)].astype(dtype)
        self.network = multilayer_perceptron(M, hidden, self.y.shape[1], Tanh())
        self.objective = Objective(self.network, loss, np.array(alpha, dtype=dtype))
        n_networks = len(alpha)
        theta = np.random.default_rng(1).normal(
            scale=0.3, size=(n_networks, self.network.layout.n_parameters)
        )
        self.theta = theta.astype(dtype)
        self.tol = tol

    def run(self, X=X, sample_weight=None, max_iter=1000, max_fun=10_000, monitor=None):
        runs = runs_of(
            self.objective,
            self.theta,
            (X.astype(self.y.dtype), self.y, sample_weight),
            random_states=[np.random.RandomState(0)] * len(self.theta),
            max_iter=max_iter,
            max_fun=max_fun,
            tol=self.tol,
            monitor=monitor,
        )
        return LBFGS().train(runs)

    def value(self, theta, sample_weight=None):
        """Return the objective of one network, written down once more."""
        weights = np.ones(N) if sample_weight is None else sample_weight
        losses = naive_losses(self.loss, naive_raw_scores(self.network, theta, X, "tanh"), self.y)
        squares = sum((W**2).sum() for W, _ in weights_and_biases(self.network, theta))
        return (weights @ losses.sum(axis=1) + ALPHA / 2 * squares) / weights.sum()


class Leaver(Monitor):
    """Asks to stop, or raises, in iteration 2 of one network."""

    def __init__(self, error=None, network=0):
        self.error, self.network, self.thetas, self.begun = error, network, [], []

    def begin(self, index):
        self.begun.append(index)

    def end(self, epoch):
        self.thetas.append(epoch.theta.copy())
        if epoch.index == 2 and epoch.networks == [self.network]:
            if self.error is not None:
                raise self.error
            return True
        return False


# A network without hidden layers is a linear model: scikit-learn knows the minimum


@pytest.mark.parametrize("sample_weight", [None, SAMPLE_WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize(
    ("loss", "linear_model"),
    [
        (SquaredError(), lambda total: Ridge(ALPHA, solver="cholesky")),
        (Poisson(), lambda total: PoissonRegressor(alpha=ALPHA / total, tol=1e-10, max_iter=1000)),
        (
            LogLoss(group_sizes=(Q,)),
            lambda total: LogisticRegression(C=1 / ALPHA, tol=1e-10, max_iter=1000),
        ),
    ],
    ids=LOSSES,
)
def test_minimum_is_that_of_the_linear_model(loss, linear_model, make, sample_weight):
    problem = Problem(loss)
    y = CLASSES if isinstance(loss, LogLoss) else problem.y[:, 0]
    total = N if sample_weight is None else sample_weight.sum()
    expected = linear_model(total).fit(X, y, sample_weight)
    result = problem.run(make(X), sample_weight)
    ((W, b),) = weights_and_biases(problem.network, result.theta[0])
    assert result.reasons == [StopReason.CONVERGED]
    np.testing.assert_allclose(W, np.atleast_2d(expected.coef_).T, atol=1e-4)
    np.testing.assert_allclose(b - b.mean(), expected.intercept_ - np.mean(expected.intercept_), atol=1e-4)


@EVERY_LOSS
@pytest.mark.parametrize("sample_weight", [None, SAMPLE_WEIGHT], ids=["unweighted", "weighted"])
def test_minimum_is_that_of_scipy_on_the_textbook_objective(loss, sample_weight):
    problem = Problem(loss, hidden=(2,))
    expected = minimize(problem.value, problem.theta[0], sample_weight, method="BFGS", tol=1e-5)
    result = problem.run(sample_weight=sample_weight)
    np.testing.assert_allclose(problem.value(result.theta[0], sample_weight), expected.fun, rtol=1e-6)
    np.testing.assert_allclose(result.losses[0], expected.fun, rtol=1e-6)


@EVERY_LOSS
def test_loss_curve_holds_the_value_after_each_iteration(loss):
    monitor = Leaver(network=-1)
    problem = Problem(loss, hidden=(2,))
    result = problem.run(monitor=monitor)
    values = [problem.value(theta[0]) for theta in monitor.thetas]
    np.testing.assert_allclose(result.curves.losses[0], values, rtol=1e-12)
    assert monitor.begun == list(range(len(values)))
    assert result.losses[0] == result.curves.losses[0][-1]
    assert result.curves.scores == [[]]
    np.testing.assert_array_equal(result.theta, monitor.thetas[-1])


@EVERY_LOSS
def test_each_of_several_networks_is_trained_as_alone(loss):
    alphas, tols = (0.1, 2.3, 0.0), (1e-3, 1e-5, 1e-2)
    together = Problem(loss, (2,), alphas, tols)
    result = together.run()
    for k in range(3):
        alone = Problem(loss, (2,), alphas[k : k + 1], tols[k])
        alone.theta = together.theta[k : k + 1]
        expected = alone.run()
        np.testing.assert_array_equal(result.theta[k], expected.theta[0])
        assert result.curves.losses[k] == expected.curves.losses[0]
        assert result.reasons[k] is expected.reasons[0]
        assert result.messages[k] == expected.messages[0]


def test_start_is_left_as_it_was():
    problem = Problem(SquaredError())
    problem.theta.flags.writeable = False
    before = problem.theta.copy()
    problem.run()
    np.testing.assert_array_equal(problem.theta, before)


def test_convergence_means_a_gradient_below_tol():
    problem = Problem(LogLoss(group_sizes=(Q,)), (2,), tol=1e-3)
    view = problem.network.layout.view
    gradient = view(np.empty_like(problem.theta))

    def largest(theta):
        problem.objective.value_and_gradient(
            view(theta), X[np.newaxis], problem.y[np.newaxis], None, gradient
        )
        return np.abs(gradient.flat).max()

    monitor = Leaver(network=-1)
    result = problem.run(monitor=monitor)
    assert result.reasons == [StopReason.CONVERGED]
    assert largest(result.theta) <= 1e-3
    assert all(largest(theta) > 1e-3 for theta in monitor.thetas[:-1])


@pytest.mark.parametrize(
    ("limits", "reason", "words"),
    [
        ({"max_iter": 3}, StopReason.MAX_ITER, "ITERATIONS"),
        ({"max_fun": 3}, StopReason.FAILED, "EVALUATIONS"),
        ({}, StopReason.CONVERGED, "CONVERGENCE"),
    ],
    ids=["max_iter", "max_fun", "neither"],
)
def test_reason_and_message_of_the_end(limits, reason, words):
    result = Problem(LogLoss(group_sizes=(Q,)), (2,)).run(**limits)
    assert result.reasons == [reason]
    assert words in result.messages[0]
    if reason is StopReason.MAX_ITER:
        assert len(result.curves.losses[0]) == 3
    if reason is StopReason.FAILED:
        assert len(result.curves.losses[0]) <= 4


def test_divergence_is_a_reason():
    problem = Problem(Poisson())
    problem.theta[...] = 1e3
    assert problem.run().reasons == [StopReason.DIVERGED]


@pytest.mark.parametrize(
    ("error", "reason"), [(None, StopReason.CALLBACK), (KeyboardInterrupt(), StopReason.INTERRUPTED)]
)
def test_monitor_or_interruption_keeps_the_latest_parameters(error, reason):
    monitor = Leaver(error)
    problem = Problem(LogLoss(group_sizes=(Q,)), (2,))
    result = problem.run(monitor=monitor)
    assert result.reasons == [reason]
    assert len(result.curves.losses[0]) == 3
    np.testing.assert_array_equal(result.theta, monitor.thetas[-1])
    np.testing.assert_allclose(result.losses[0], problem.value(result.theta[0]), rtol=1e-12)


@pytest.mark.parametrize(
    ("error", "reason"), [(None, StopReason.CALLBACK), (KeyboardInterrupt(), StopReason.INTERRUPTED)]
)
def test_monitor_or_interruption_ends_all_training(error, reason):
    """Networks that are trained stay so, and those whose turn would come stay at their start."""
    problem = Problem(LogLoss(group_sizes=(Q,)), (2,), alpha=(0.1, 0.2, 0.3))
    result = problem.run(monitor=Leaver(error, network=1))
    assert result.reasons == [StopReason.CONVERGED, reason, reason]
    assert result.curves.losses[2] == []
    np.testing.assert_array_equal(result.theta[2], problem.theta[2])


def test_other_errors_of_a_monitor_are_raised():
    with pytest.raises(RuntimeError, match="no"):
        Problem(SquaredError(), (2,)).run(monitor=Leaver(RuntimeError("no")))


@EVERY_LOSS
def test_float32_finds_the_same_minimum(loss):
    single = Problem(loss, alpha=(ALPHA,), tol=1e-5, dtype="float32").run()
    assert single.theta.dtype == np.float32
    assert single.reasons == [StopReason.CONVERGED]
    np.testing.assert_allclose(single.losses, Problem(loss).run().losses, rtol=1e-5)
