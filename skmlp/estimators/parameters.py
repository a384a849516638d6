"""The constructor parameters: what each accepts, checked before any work, and what it means.

`PARAMETERS` is the only list of them. The checks, the error messages and the ``Parameters`` section of
every docstring are made from it.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.network.losses import LOSSES, ProbabilisticLoss
from skmlp.training.optimizers import OPTIMIZERS
from skmlp.training.schedules import SCHEDULES

STOCHASTIC_SOLVERS = tuple(OPTIMIZERS)
SOLVERS = ("lbfgs", *STOCHASTIC_SOLVERS)


class InvalidParameterError(ValueError, TypeError):
    """A constructor parameter has a value that it does not accept."""


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter.

    Parameters
    ----------
    type : str
        Accepted types and range, in words: for the docstring and for the error message.
    accepts : callable
        Whether a value is accepted.
    meaning : str
        The description in the docstring.
    """

    type: str
    accepts: Callable[[Any], bool]
    meaning: str


def is_boolean(value: Any) -> bool:
    """Return whether ``value`` is a Python or numpy boolean."""
    return isinstance(value, (bool, np.bool_))


def is_integer(value: Any, low: int) -> bool:
    """Return whether ``value`` is an integer of at least ``low``."""
    return isinstance(value, Integral) and not is_boolean(value) and int(value) >= low


def is_number(value: Any, low: float, high: float = np.inf, *, low_open: bool = False) -> bool:
    """Return whether ``value`` is a finite number in [low, high], or above low if ``low_open``."""
    if not isinstance(value, Real) or is_boolean(value) or not np.isfinite(float(value)):
        return False
    number = float(value)
    return low <= number <= high and not (low_open and number == low)


def hidden_sizes(value: Any) -> list[int] | None:
    """Return ``hidden_layer_sizes`` as a list, or None if it is not one or more widths."""
    sizes = [value] if isinstance(value, Integral) else value
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        return None
    sizes = list(sizes)
    return [int(size) for size in sizes] if all(is_integer(s, 1) for s in sizes) else None


def is_random_state(value: Any) -> bool:
    """Return whether scikit-learn's ``check_random_state`` takes ``value``."""
    return (
        value is None
        or is_integer(value, 0)
        or isinstance(value, np.random.RandomState)
        or value is np.random
    )


def one_of(names: Iterable[str]) -> tuple[str, Callable[[Any], bool]]:
    """Return the words and the check for a choice among ``names``."""
    names = tuple(names)
    words = "{" + ", ".join(repr(name) for name in names) + "}"
    return words, lambda value: isinstance(value, str) and value in names


_ACTIVATION_WORDS, _is_activation_name = one_of(ACTIVATIONS)

PARAMETERS: dict[str, Parameter] = {
    "hidden_layer_sizes": Parameter(
        "int >= 1, or array-like of such",
        lambda value: hidden_sizes(value) is not None,
        "The number of units of each hidden layer. Empty: no hidden layer, a linear model.",
    ),
    "activation": Parameter(
        f"{_ACTIVATION_WORDS} or Activation",
        lambda value: _is_activation_name(value) or isinstance(value, Activation),
        """
        The nonlinearity of the hidden layers, by name or as an instance.

        - 'identity': f(z) = z
        - 'logistic': f(z) = 1 / (1 + exp(-z))
        - 'tanh': f(z) = tanh(z)
        - 'relu': f(z) = max(0, z)
        """,
    ),
    "solver": Parameter(
        *one_of(SOLVERS),
        """
        How the weights are found.

        - 'adam': stochastic gradient descent with moments of the gradient [2]_; a good choice for
          thousands of samples and more.
        - 'sgd': stochastic gradient descent with momentum.
        - 'lbfgs': a quasi-Newton method on all samples at once; converges faster and often
          further on small data.
        """,
    ),
    "alpha": Parameter(
        "float in [0, inf)",
        lambda value: is_number(value, 0),
        """
        Strength of the L2 penalty on the weights. It is divided by the number (or the weight) of the
        samples in a batch.
        """,
    ),
    "batch_size": Parameter(
        "int >= 1, or 'auto'",
        lambda value: value == "auto" if isinstance(value, str) else is_integer(value, 1),
        """
        Samples per step of the stochastic solvers; 'auto' is ``min(200, n_samples)``. 'lbfgs' always
        uses all samples.
        """,
    ),
    "learning_rate": Parameter(
        *one_of(SCHEDULES),
        """
        How the learning rate changes; used by 'sgd'.

        - 'constant': stays at ``learning_rate_init``.
        - 'invscaling': ``learning_rate_init / (t + 1) ** power_t`` after ``t`` samples.
        - 'adaptive': is divided by 5 whenever training has not improved by ``tol`` for
          more than ``n_iter_no_change`` epochs, and training stops on the plateau that finds it at
          1e-6 or below.
        """,
    ),
    "learning_rate_init": Parameter(
        "float in (0, inf)",
        lambda value: is_number(value, 0, low_open=True),
        "The initial learning rate of the stochastic solvers.",
    ),
    "power_t": Parameter(
        "float in [0, inf)",
        lambda value: is_number(value, 0),
        "The exponent of ``learning_rate='invscaling'``.",
    ),
    "max_iter": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        "Most epochs (passes over the data) of a stochastic solver, most iterations of 'lbfgs'.",
    ),
    "shuffle": Parameter("bool", is_boolean, "Whether to shuffle the samples before every epoch."),
    "random_state": Parameter(
        "int, RandomState instance or None",
        is_random_state,
        """
        Draws initial weights [1]_, the validation part, and the order of the samples. Pass an int for
        results that can be repeated.
        """,
    ),
    "tol": Parameter(
        "float in [0, inf)",
        lambda value: is_number(value, 0),
        """
        The least improvement of the loss (or validation score) that counts; for 'lbfgs' the largest
        element of the gradient at which training has converged.
        """,
    ),
    "verbose": Parameter(
        "bool or int",
        lambda value: is_boolean(value) or is_integer(value, 0),
        "Whether to print the loss of every epoch.",
    ),
    "warm_start": Parameter(
        "bool",
        is_boolean,
        """
        Whether ``fit`` goes on from where the previous call ended (weights, optimizer, learning
        rate, order of samples), with its patience reset, instead of starting anew.
        """,
    ),
    "momentum": Parameter(
        "float in [0, 1]",
        lambda value: is_number(value, 0, 1),
        "Momentum of 'sgd'.",
    ),
    "nesterovs_momentum": Parameter("bool", is_boolean, "Whether the momentum of 'sgd' is Nesterov's."),
    "early_stopping": Parameter(
        "bool",
        is_boolean,
        """
        Whether to hold out ``validation_fraction`` of the samples and to stop when the score on them
        no longer improves; the best weights are kept. The held-out part of a classifier is
        stratified. Only for stochastic solvers.
        """,
    ),
    "validation_fraction": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "The part of the samples that ``early_stopping`` holds out.",
    ),
    "beta_1": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "Decay rate of the first moment of 'adam'.",
    ),
    "beta_2": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "Decay rate of the second moment of 'adam'.",
    ),
    "epsilon": Parameter(
        "float in (0, inf)",
        lambda value: is_number(value, 0, low_open=True),
        "Keeps the division of 'adam' finite.",
    ),
    "n_iter_no_change": Parameter(
        "int >= 1, or inf",
        lambda value: is_integer(value, 1) or (isinstance(value, Real) and value == np.inf),
        "Training stops after more epochs than this without an improvement by ``tol``.",
    ),
    "max_fun": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        "Most evaluations of the loss by 'lbfgs'.",
    ),
    "loss": Parameter(
        *one_of(name for name, loss in LOSSES.items() if not issubclass(loss, ProbabilisticLoss)),
        """
        What is minimised: half the squared error, or half the Poisson deviance with a log-link, for
        targets that are not negative (predictions are then ``exp`` of the raw score).
        """,
    ),
    "dtype": Parameter(
        *one_of(("auto", "float32", "float64")),
        """
        The precision of all computation. 'auto' is that of X, as in scikit-learn; 'float32' takes
        half the time and half the memory, and is precise enough for almost all uses.
        """,
    ),
}
"""Every constructor parameter by its name."""


def check_parameters(estimator: Any) -> None:
    """Raise an error that names the parameter, its value and what it accepts, if one is invalid."""
    for name, value in estimator.get_params(deep=False).items():
        parameter = PARAMETERS[name]
        if not parameter.accepts(value):
            hint = ""
            if name == "hidden_layer_sizes":
                hint = " hidden_layer_sizes must be > 0; write other parameters by keyword."
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {parameter.type}."
                f" Got {value!r} instead.{hint}"
            )


Estimator = TypeVar("Estimator", bound=type)


def documented(cls: Estimator) -> Estimator:
    """Fill ``{parameters}`` in the docstring of a class from its signature and `PARAMETERS`."""
    entries = []
    for name, argument in inspect.signature(cls).parameters.items():
        parameter = PARAMETERS[name]
        meaning = textwrap.indent(inspect.cleandoc(parameter.meaning), "    ")
        entries.append(f"{name} : {parameter.type}, default={argument.default!r}\n{meaning}\n")
    doc = inspect.cleandoc(cls.__doc__ or "")
    cls.__doc__ = doc.replace("{parameters}", "\n".join(entries).rstrip())
    return cls
