"""Networks to train: a stack of members that differ in all that may differ within a stack."""

from dataclasses import dataclass

import numpy as np

from skmlp.network.activations import ACTIVATIONS
from skmlp.network.hyperparameters import stacked
from skmlp.network.losses import SquaredError
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.optimizers import Adam, Optimizer
from skmlp.training.result import State
from skmlp.training.schedules import Constant
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping
from tests.network.problems import targets

N, M, HIDDEN = 53, 5, (7,)
X = np.random.default_rng(0).normal(size=(N, M))
X.flags.writeable = False
SQUARED_ERROR, ADAM, CONSTANT = SquaredError(), Adam(), Constant()


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
        self.network = multilayer_perceptron(
            M, HIDDEN, n_outputs, ACTIVATIONS[activation], normalization=normalization, dropout=dropout
        )
        self.y = targets(loss, np.random.default_rng(1), (N, n_outputs)).astype(dtype)
        random_states = [np.random.RandomState(member.seed) for member in members]
        theta = self.network.initial_parameters(random_states, dtype)
        rate = np.array([member.rate for member in members])
        weight = None if sample_weight is None else sample_weight.astype(dtype)
        rows = [np.array(member.rows) for member in members]
        self.optimizer = stacked([member.optimizer for member in members])
        self.objective = Objective(
            self.network,
            loss,
            np.array([member.alpha for member in members], dtype=dtype),
            [np.random.Generator(np.random.SFC64(member.seed)) for member in members],
        )
        self.batches = Batches(make(X.astype(dtype)), self.y, weight, rows, batch_size)
        self.random_states = random_states if shuffle else None
        self.settings = {
            "optimizer": self.optimizer,
            "schedule": schedule,
            "learning_rate": rate,
            "validate": validate,
            "monitor": monitor,
            "weight_decay": self._unless_all_are(0, [member.weight_decay for member in members]),
            "max_grad_norm": self._unless_all_are(np.inf, [member.max_grad_norm for member in members]),
        }
        self.max_iter, self.patience = max_iter, patience
        self.tol = np.array([member.tol for member in members])
        self.state = State.start(theta, self.optimizer.n_moments, rate)

    @staticmethod
    def _unless_all_are(default, values):
        return None if set(values) == {default} else np.array(values)

    def solver(self, max_iter=None, **plan):
        """Return a solver; one after another, they go on with the same batches and random streams."""
        stopping = Stopping(self.max_iter if max_iter is None else max_iter, self.tol, self.patience)
        return StochasticSolver(
            self.objective, self.batches, self.random_states, stopping=stopping, **self.settings, **plan
        )

    def run(self):
        return self.solver().train(self.state)


def train(*members, **options):
    """Return the TrainingResult of a stack of ``members``."""
    return Training(members, **options).run()
