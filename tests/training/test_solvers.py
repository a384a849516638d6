"""What all full-batch solvers have in common."""

import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from skmlp.network.activations import Tanh
from skmlp.network.losses import SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.optimizers import OPTIMIZERS
from skmlp.training.result import Monitor
from skmlp.training.solvers import SOLVERS
from skmlp.training.stopping import StopReason
from tests.training.problems import runs_of

N, M = 53, 3
X = np.random.default_rng(0).normal(size=(N, M))
SAMPLES = X, np.sin(X[:, :1] + X[:, 1:2]), None
EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def train(solver, n_networks=3, **options):
    network = multilayer_perceptron(M, (4,), 1, Tanh())
    random_states = [np.random.RandomState(k) for k in range(n_networks)]
    theta = network.initial_parameters(random_states, np.dtype(float))
    arguments = {
        "random_states": random_states,
        "max_iter": 60,
        "max_fun": 10**5,
        "tol": 1e-6,
        **options,
    }
    objective = Objective(network, SquaredError(), np.full(n_networks, 1e-3))
    return theta, objective, solver.train(runs_of(objective, theta, SAMPLES, **arguments))


class Interrupted(Monitor):
    """Raises at the begin or at the end of the first iteration."""

    def __init__(self, where):
        self.where = where

    def begin(self, index):
        if self.where == "begin":
            raise KeyboardInterrupt

    def end(self, epoch):
        raise KeyboardInterrupt


def test_names_in_the_table_are_those_of_the_solvers_and_of_no_optimizer():
    assert all(solver.name == name for name, solver in SOLVERS.items())
    assert not SOLVERS.keys() & OPTIMIZERS.keys()


@EVERY_SOLVER
def test_what_a_solver_says_about_itself(solver):
    assert solver.unit in ("iteration", "generation")
    assert solver.needs in ("gradient", "residuals", "values")


@EVERY_SOLVER
def test_settings_are_frozen_and_pickled(solver):
    assert pickle.loads(pickle.dumps(solver)) == solver
    for field in fields(solver):
        with pytest.raises(FrozenInstanceError):
            setattr(solver, field.name, 3)


@EVERY_SOLVER
def test_training_lowers_the_loss_to_the_value_at_the_parameters(solver):
    theta, objective, result = train(solver)
    for k, network in enumerate(np.eye(3, dtype=bool)):
        own, ends = objective.keep(network), np.stack([theta[k], result.theta[k]])
        before, after = own.values(ends, *SAMPLES, reported=True)
        assert after < 0.7 * before
        np.testing.assert_allclose(result.losses[k], after, rtol=1e-12)
    assert result.state is None
    assert result.curves.rates == [[], [], []]


@EVERY_SOLVER
def test_a_solver_can_be_used_again(solver):
    first, second = (train(solver)[2] for _ in range(2))
    np.testing.assert_array_equal(first.theta, second.theta)
    assert first.curves.losses == second.curves.losses


@EVERY_SOLVER
def test_interruption_before_the_first_iteration_has_ended_is_seen(solver):
    """The start is kept, the reason says what has happened, and nothing is in the curve."""
    theta, _, result = train(solver, monitor=Interrupted("begin"))
    assert result.reasons == [StopReason.INTERRUPTED] * 3
    assert result.curves.losses == [[], [], []]
    np.testing.assert_array_equal(result.theta, theta)


@EVERY_SOLVER
def test_interruption_of_the_first_iteration_ends_all_training(solver):
    theta, _, result = train(solver, monitor=Interrupted("end"))
    assert result.reasons == [StopReason.INTERRUPTED] * 3
    assert [len(curve) for curve in result.curves.losses] == [1, 0, 0]
    np.testing.assert_array_equal(result.theta[1:], theta[1:])


@pytest.mark.parametrize("solver", ["lbfgs", "lm"])
def test_training_that_ends_where_it_started_has_a_loss(solver):
    theta, objective, result = train(SOLVERS[solver], tol=100.0)
    np.testing.assert_array_equal(result.theta, theta)
    assert result.reasons == [StopReason.CONVERGED] * 3
    values = [
        float(objective.keep(own).values(theta[own], *SAMPLES, reported=True)[0])
        for own in np.eye(3, dtype=bool)
    ]
    assert result.curves.losses == [[value] for value in values] == [[loss] for loss in result.losses]
