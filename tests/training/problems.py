"""Networks to train: a stack of members that differ in all that may differ within a stack."""

from dataclasses import astuple, dataclass, fields, replace
from itertools import chain

import numpy as np

from skmlp.compiled.door import with_compiled
from skmlp.network.activations import ACTIVATIONS
from skmlp.network.hyperparameters import stacked
from skmlp.network.losses import SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.full_batch import Run
from skmlp.training.optimizers import Adam, Optimizer
from skmlp.training.result import Monitor
from skmlp.training.schedules import Constant
from skmlp.training.stack import Setup
from skmlp.training.state import State
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping
from tests.network.problems import targets

N, M, HIDDEN = 53, 5, (7,)
X = np.random.default_rng(0).normal(size=(N, M))
X.flags.writeable = False
SQUARED_ERROR, ADAM, CONSTANT = SquaredError(), Adam(), Constant()


def initial_order(rows):
    """Return the ``rows`` of K networks as one array (K, n): shorter ones are padded with their first."""
    order = np.empty((len(rows), max(map(len, rows))), dtype=np.intp)
    for padded, own in zip(order, rows, strict=True):
        padded[: len(own)], padded[len(own) :] = own, own[0]
    return order


@dataclass(frozen=True)
class Member:
    """What may differ between the networks of a stack."""

    seed: int = 0
    rate: float = 0.01
    alpha: float = 0.1
    tol: float = 0.0
    optimizer: Optimizer = ADAM
    rows: tuple[int, ...] = tuple(range(N))
    weight_decay: float = 0.0
    max_grad_norm: float = np.inf


class Training:
    """A stack of members, ready to be trained; keyword arguments are what they have in common."""

    def __init__(
        self,
        members,
        *,
        loss=SQUARED_ERROR,
        n_outputs=2,
        activation="tanh",
        batch_size=17,
        max_iter=13,
        patience=100,
        schedule=CONSTANT,
        weight_decay_schedule=CONSTANT,
        dropout_schedule=CONSTANT,
        dtype="float64",
        make=np.asarray,
        sample_weight=None,
        shuffle=True,
        validate=None,
        monitor=None,
        normalization=None,
        dropout=(),
    ):
        dtype = np.dtype(dtype)
        activation = ACTIVATIONS[activation] if isinstance(activation, str) else activation
        self.network = multilayer_perceptron(
            M, HIDDEN, n_outputs, activation, normalization=normalization, dropout=dropout
        )
        self.y = targets(loss, np.random.default_rng(1), (N, n_outputs)).astype(dtype)
        random_states = [np.random.RandomState(member.seed) for member in members]
        theta = self.network.initial_parameters(random_states, dtype)
        rate = np.array([member.rate for member in members])
        weight = None if sample_weight is None else sample_weight.astype(dtype)
        self.optimizer = stacked([member.optimizer for member in members])
        self.objective = Objective(
            self.network, loss, np.array([member.alpha for member in members], dtype=dtype)
        )
        n_rows = np.array([len(member.rows) for member in members])
        self.batches = Batches(make(X.astype(dtype)), self.y, weight, batch_size, n_outputs, n_rows)
        self.setup = Setup(
            self.objective,
            self.batches,
            self.optimizer,
            Stopping(max_iter, patience, np.array([member.tol for member in members])),
            rate,
            self._unless_all_are(0, [member.weight_decay for member in members]),
            self._unless_all_are(np.inf, [member.max_grad_norm for member in members]),
        )
        self.settings = {"schedule": schedule, "validate": validate, "monitor": monitor or Monitor()}
        self.settings |= {
            "weight_decay_schedule": weight_decay_schedule,
            "dropout_schedule": dropout_schedule,
        }
        self.state = State.start(
            theta,
            self.optimizer.n_moments,
            rate,
            initial_order([np.array(member.rows) for member in members]),
            random_states if shuffle else (),
            [np.random.Generator(np.random.SFC64(member.seed)) for member in members],
            validated=validate is not None,
        )

    @staticmethod
    def _unless_all_are(default, values):
        return None if set(values) == {default} else np.array(values)

    def solver(self, max_iter=None, **plan):
        """Return a solver."""
        stopping = self.setup.stopping
        if max_iter is not None:
            stopping = replace(stopping, max_iter=max_iter)
        setup = with_compiled(replace(self.setup, stopping=stopping), stopping.max_iter)
        return StochasticSolver(setup, **self.settings, **plan)

    def run(self):
        return self.solver().train(self.state)


def runs_of(objective, theta, samples, *, random_states, max_iter, max_fun, tol, monitor=None, cost=None):
    """Return a run of each network of an objective."""
    tol = np.broadcast_to(tol, len(theta)).tolist()
    limits, watched = (max_iter, max_fun), (monitor or Monitor(), cost)
    return [
        Run(objective.keep(own), theta[k].copy(), samples, k, random_states[k], *limits, tol[k], *watched)
        for k, own in enumerate(np.eye(len(theta), dtype=bool))
    ]


def train(*members, **options):
    """Return the TrainingResult of a stack of ``members``."""
    return Training(members, **options).run()


def state_of(stream):
    """Return what a RandomState or a Generator draws from."""
    return (
        stream.get_state(legacy=False)
        if isinstance(stream, np.random.RandomState)
        else stream.bit_generator.state
    )


def assert_equal_states(state, other, **tolerance):
    """Assert that two states have equal arrays and curves (to rounding, with a tolerance) and streams."""
    tolerance = {"rtol": 0, **tolerance}
    for field in fields(State):
        ours, theirs = getattr(state, field.name), getattr(other, field.name)
        if field.name in ("random_states", "streams"):
            np.testing.assert_equal([state_of(s) for s in ours], [state_of(s) for s in theirs])
        elif field.name == "curves":
            for a, b in zip(astuple(ours), astuple(theirs), strict=True):
                assert [len(curve) for curve in a] == [len(curve) for curve in b]
                np.testing.assert_allclose([*chain(*a)], [*chain(*b)], **tolerance)
        elif ours is None:
            assert theirs is None
        else:
            np.testing.assert_allclose(ours, theirs, err_msg=field.name, **tolerance)
