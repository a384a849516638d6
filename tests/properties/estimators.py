"""Random estimators: their parameters and valid values come from the package's own table."""

import copy
from dataclasses import dataclass, fields
from numbers import Integral

import numpy as np
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error

from skmlp import (
    MixtureDensityRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from skmlp.network.activations import ACTIVATIONS, LeakyReLU, Tanh
from skmlp.network.initializers import INITIALIZERS
from skmlp.network.losses import LOSSES, Focal, Huber, LogLoss
from skmlp.network.normalizations import NORMALIZATIONS
from skmlp.training.optimizers import OPTIMIZERS, SGD, Adam
from skmlp.training.schedules import SCHEDULES
from skmlp.training.solvers import SOLVERS

CLASSES = (MLPClassifier, MLPRegressor, MixtureDensityRegressor, TabularMLPClassifier, TabularMLPRegressor)
BASE = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0, "early_stopping": False}
"""A network that is trained in a moment; each of these may be drawn otherwise."""


def mean_score(estimator, X, y):
    """Return a number, as a scorer does."""
    return float(np.mean(estimator.predict(X) == y))


TABLES = (ACTIVATIONS, INITIALIZERS, LOSSES, NORMALIZATIONS, OPTIMIZERS, SCHEDULES, SOLVERS)
NUMBERS = [0, 1, 2, 3, 7, -1, 0.0, 0.1, 0.5, 0.9, 1.0, 2.5, -0.5, 1e-300, 1e-8, 1e3, 1e300, 10**400, 1j]
OF_NUMPY = [np.int64(2), np.float32(0.25), np.bool_(True), np.array(3), np.array([4, 2]), np.array([[2.0]])]
OTHERS = [
    True,
    False,
    None,
    np.nan,
    np.inf,
    -np.inf,
    "",
    "auto",
    "balanced",
    "loss",
    "evidence",
    "evidence_per_layer",
    "full",
    "last_layer",
    "bogus",
    b"\x03",
    2**32,
]
SEQUENCES = [
    (),
    [],
    (3,),
    [4, 2],
    [3, 0],
    [1, 0, -1],
    [0.1, 0.5, 0.9],
    [3.0],
    range(2, 4),
    {3},
    {3: 1},
    iter([3]),
]
OF_LAYERS = [[0.5], (0.2, 0.0), ["relu", Tanh()], ["relu", "bogus"], [LeakyReLU(slope=0.3)]]
WEIGHTS = [{}, {0: 1.0}, {0: 2, 1: 0.5}, {0: 0.0, 1: 0.0}, {0: -1.0}, [{0: 2.0}, {1: 0.5}]]
COSTS = ["accuracy", "r2", "roc_auc", "neg_log_loss", "neg_mean_poisson_deviance", mean_absolute_error]
TYPES = ["float32", "float64", np.float32, np.dtype(float), np.float16, int]
STREAMS = [np.random.RandomState(3), np.random.default_rng(3)]
INSTANCES = [
    Adam(beta_1=0.5),
    SGD(momentum=0.5),
    Huber(delta=0.3),
    Focal(gamma=1.5),
    LogLoss(0.1),
    mean_score,
]

# Without what cannot be copied (`numpy.random`, ``dict.values()``): neither can its estimator.
POOL = [
    *NUMBERS,
    *OF_NUMPY,
    *OTHERS,
    *SEQUENCES,
    *OF_LAYERS,
    *WEIGHTS,
    *COSTS,
    *TYPES,
    *STREAMS,
    *INSTANCES,
]
POOL += [name for table in TABLES for name in table]


def instances():
    """Yield what the tables hold, as users would pass it: instances, and classes by mistake."""
    for table in TABLES:
        for entry in table.values():
            yield entry() if isinstance(entry, type) else entry
            yield entry if isinstance(entry, type) else type(entry)


POOL += list(instances())


def is_dear(name, value):
    """Return whether a valid value would make a fit last, or let it depend on the clock."""
    if name == "max_time" and isinstance(value, (int, float)):
        return 1e-300 < value < 1e3
    if name == "max_iter" and isinstance(value, str):
        return True
    if name == "scoring" and value is mean_absolute_error:  # no scorer: Python's error is the user's
        return True
    return isinstance(value, Integral) and int(value) > 100


def split_pool(cls, name):
    """Return the valid values of a parameter, and the invalid ones, from the pool."""
    valid, invalid = [], []
    for value in POOL:
        (valid if cls._parameters[name].accepts(copied(value)) else invalid).append(value)
    return [value for value in valid if not is_dear(name, value)], invalid


def copied(value):
    """Return a copy, so that no example uses up an iterator or a random stream of another."""
    return copy.deepcopy(value)


VALUES = {cls: {field.name: split_pool(cls, field.name) for field in fields(cls)} for cls in CLASSES}
"""Valid and invalid values of every parameter of every class."""


def values_of(cls, names, *, valid=True):
    """Return the strategy for values of some parameters, as a dict."""
    return st.fixed_dictionaries(
        {name: st.sampled_from(VALUES[cls][name][not valid]).map(copied) for name in names}
    )


@st.composite
def parameters(draw, cls, max_size=5, without=()):
    """Draw valid values of some parameters."""
    names = st.lists(
        st.sampled_from([n for n in VALUES[cls] if n not in without]), unique=True, max_size=max_size
    )
    return draw(names.flatmap(lambda names: values_of(cls, names)))


@dataclass(repr=False)
class Choice:
    """A class and its parameters, which print in one line when an example fails."""

    cls: type
    params: dict

    def __repr__(self):
        return f"{self.cls.__name__}(**{self.params!r})"

    @property
    def is_extreme(self):
        """Return whether a number is so large or small that training may overflow."""
        numbers = [abs(v) for v in self.params.values() if isinstance(v, float)]
        return any(v > 100 or 0 < v < 1e-10 for v in numbers)

    def model(self):
        """Return a new estimator."""
        return self.cls(**copied(self.params))


@st.composite
def estimators(draw, cls, without=(), **fixed):
    """Draw an estimator whose parameters are valid each; together, they may be refused."""
    return Choice(cls, BASE | draw(parameters(cls, without=without)) | fixed)


@st.composite
def invalid_estimators(draw, cls):
    """Draw an estimator with one invalid parameter, and the name of this."""
    name = draw(st.sampled_from(list(VALUES[cls])))
    params = BASE | draw(parameters(cls, 2)) | draw(values_of(cls, [name], valid=False))
    return Choice(cls, params), name
