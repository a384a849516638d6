"""The constructor parameters: what each accepts, checked before any work, and what it means.

`PARAMETERS` is the only list of them. The checks, the error messages and the ``Parameters`` section of
every docstring are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import get_scorer_names

from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.network.initializers import INITIALIZERS, Initializer
from skmlp.network.layers import NORMALIZATIONS, Normalization
from skmlp.network.losses import LOSSES, LogLoss, Loss, ProbabilisticLoss
from skmlp.training.optimizers import OPTIMIZERS, Optimizer
from skmlp.training.schedules import SCHEDULES, Schedule

STOCHASTIC_SOLVERS = tuple(OPTIMIZERS)
SOLVERS = ("lbfgs", "lm", "es", *STOCHASTIC_SOLVERS)
REGRESSION_LOSSES = [name for name, loss in LOSSES.items() if not issubclass(loss, ProbabilisticLoss)]


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


def named_or(names: Iterable[str], kind: type) -> tuple[str, Callable[[Any], bool]]:
    """Return the words and the check for a choice by name, or an instance of ``kind``."""
    words, is_name = one_of(names)
    return f"{words} or {kind.__name__}", lambda value: is_name(value) or isinstance(value, kind)


def per_layer(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """Return whether ``value`` is accepted, or is a list, tuple or array of accepted values."""
    return accepts(value) or (
        isinstance(value, (list, tuple, np.ndarray)) and all(accepts(v) for v in value)
    )


def is_cost_of_predictions(value: Any) -> bool:
    """Return whether ``value`` is a function, or the name of one of scikit-learn's scorers."""
    if isinstance(value, str):
        return value in get_scorer_names()
    return callable(value) and not isinstance(value, type)


_ACTIVATION_WORDS, _is_activation = named_or(ACTIVATIONS, Activation)

PARAMETERS: dict[str, Parameter] = {
    "hidden_layer_sizes": Parameter(
        "int >= 1, or array-like of such",
        lambda value: hidden_sizes(value) is not None,
        "The number of units of each hidden layer. Empty: no hidden layer, a linear model.",
    ),
    "activation": Parameter(
        f"{_ACTIVATION_WORDS}, or a list of such",
        lambda value: per_layer(value, _is_activation),
        """
        The nonlinearity of the hidden layers, by name or as an instance such as ``LeakyReLU(slope=0.1)``;
        a list has one for each hidden layer.

        - 'identity': f(z) = z
        - 'logistic': f(z) = 1 / (1 + exp(-z))
        - 'tanh': f(z) = tanh(z)
        - 'relu': f(z) = max(0, z)
        - 'leaky_relu': f(z) = z where z > 0, else 0.01 z
        - 'elu': f(z) = z where z > 0, else exp(z) - 1
        - 'selu': a scaled ELU that keeps mean 0 and variance 1; goes with 'lecun_normal'
        - 'gelu': f(z) = z Phi(z), Phi the normal distribution function
        - 'silu': f(z) = z / (1 + exp(-z))
        - 'mish': f(z) = z tanh(log(1 + exp(z)))
        - 'softplus': f(z) = log(1 + exp(z))
        """,
    ),
    "solver": Parameter(
        *named_or(SOLVERS, Optimizer),
        """
        How the weights are found, by name or as an instance such as ``RMSprop(rho=0.99)``.

        - 'adam': stochastic gradient descent with moments of the gradient [2]_; a good choice for
          thousands of samples and more.
        - 'sgd': stochastic gradient descent with momentum.
        - 'nadam': 'adam' with Nesterov's momentum.
        - 'rmsprop': the gradient over the root of its mean square.
        - 'lbfgs': a quasi-Newton method on all samples at once; converges faster and often
          further on small data.
        - 'lm': Levenberg-Marquardt, for `MLPRegressor` with the squared error; with some hundred weights
          and a smooth activation it mostly reaches lower losses than 'lbfgs', sooner.
        - 'es': an evolution strategy (CMA-ES), which needs no gradient, so that ``loss`` may be any
          scorer or cost; for networks of up to some hundred weights.
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
    "weight_decay": Parameter(
        "float in [0, inf)",
        lambda value: is_number(value, 0),
        """
        Decoupled weight decay of the stochastic solvers: before each step, the weights shrink by this
        times the learning rate (AdamW, SGDW). Unlike ``alpha``, it is not part of the gradient.
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
        *named_or(SCHEDULES, Schedule),
        """
        How the learning rate of a stochastic solver changes, by name or as an instance such as
        ``OneCycle(rise=0.1)``.

        - 'constant': stays at ``learning_rate_init``.
        - 'invscaling': ``learning_rate_init / (t + 1) ** power_t`` after ``t`` samples.
        - 'adaptive': is divided by 5 whenever training has not improved by ``tol`` for
          more than ``n_iter_no_change`` epochs, and training stops on the plateau that finds it at
          1e-6 or below.
        - 'linear': falls in a straight line to zero at the end of ``max_iter`` epochs.
        - 'cosine': falls to zero by half a cosine.
        - 'one_cycle': rises in the first 30 % from 1/25 of ``learning_rate_init`` to it, and falls to
          almost nothing.

        The last three follow every step; ``partial_fit`` takes ``max_iter`` calls for all of training. A
        plateau may end training before they do: ``n_iter_no_change=np.inf`` prevents that.
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
    "warmup": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "The part of all steps in which the learning rate rises from zero to what it is to be.",
    ),
    "max_grad_norm": Parameter(
        "float in (0, inf), or None",
        lambda value: value is None or is_number(value, 0, low_open=True),
        "A gradient with a larger norm is shortened to this one; None: never. Stochastic solvers.",
    ),
    "initializer": Parameter(
        *named_or(INITIALIZERS, Initializer),
        """
        Initial weights, by name or as an instance such as ``TruncatedNormal(scale=0.1)``. 'auto' is
        scikit-learn's, 'glorot_uniform' with random biases [1]_; with all others biases start at zero.
        """,
    ),
    "dropout": Parameter(
        "float in [0, 1), or a list of such",
        lambda value: per_layer(value, lambda rate: is_number(rate, 0, 1) and rate < 1),
        """
        The probability with which a hidden unit is left out of a step; a list has one for each hidden
        layer. Prediction uses all units.
        """,
    ),
    "normalization": Parameter(
        f"{named_or(NORMALIZATIONS, Normalization)[0]}, or None",
        lambda value: value is None or named_or(NORMALIZATIONS, Normalization)[1](value),
        """
        Centres and scales what enters each activation: 'batch' over the samples of a batch (over running
        averages in prediction), 'layer' over the units of the layer.
        """,
    ),
    "standardize": Parameter(
        "bool",
        is_boolean,
        """
        Whether to centre and scale the features (only scale if X is sparse), and the targets of a
        regressor unless its loss has a log-link, by mean and standard deviation of the training part.
        Predictions are in the units of y, ``loss_curve_`` is not. ``partial_fit`` and warm starts keep
        the first call's.
        """,
    ),
    "class_weight": Parameter(
        "dict, 'balanced' or None",
        lambda value: (
            value is None
            or isinstance(value, (dict, list))
            or (isinstance(value, str) and value == "balanced")
        ),
        """
        Weights of the classes, by which ``sample_weight`` is multiplied; 'balanced': inverse to their
        frequencies (weighted, and in ``partial_fit`` those of the call); a list of dicts for several
        targets.
        """,
    ),
    "scoring": Parameter(
        "str, callable or None",
        lambda value: value is None or isinstance(value, str) or callable(value),
        """
        What ``early_stopping`` watches: 'loss', the name of a scorer, a callable
        ``scorer(estimator, X, y)``, or None for accuracy (classifier) and R2 (regressor).
        """,
    ),
    "n_members": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        """
        Train an ensemble of so many networks, with initial weights and orders of samples of their own,
        as one stack; predictions are averaged.
        """,
    ),
    "max_time": Parameter(
        "float in (0, inf), or None",
        lambda value: value is None or is_number(value, 0, low_open=True),
        """
        Seconds after which no further epoch (iteration) is begun; None: no limit. An ensemble then has
        the members that were trained.
        """,
    ),
    "n_components": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        "The number of Gaussians in the mixture; 1: a normal distribution whose variance depends on X.",
    ),
    "min_scale": Parameter(
        "float in (0, inf)",
        lambda value: is_number(value, 0, low_open=True),
        """
        What the standard deviation of no component falls below, as a fraction of the standard deviation of
        y: without a floor, a component that collapses onto a value that repeats in y grows a spike.
        """,
    ),
    "beta": Parameter(
        "float in [0, 1]",
        lambda value: is_number(value, 0, 1),
        """
        Multiplies the gradients of the mean and the scale of each component by its scale to the power of
        ``2 * beta``: 0 is maximum likelihood; towards 1, the means are fitted more as least squares
        would, and samples of small scale count for less. Only for stochastic solvers.
        """,
    ),
    "quantile": Parameter(
        "float in (0, 1), or None",
        lambda value: value is None or (is_number(value, 0, 1, low_open=True) and value < 1),
        "Which quantile ``loss='quantile'`` estimates.",
    ),
    "max_iter": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        """
        Most epochs (passes over the data) of a stochastic solver, most iterations of 'lbfgs' and 'lm',
        most generations of 'es'.
        """,
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
        The least improvement of the loss (or validation score) that counts; for 'lbfgs' and 'lm' the
        largest element of the gradient at which training has converged; for 'es' the difference between
        the values of the last generations below which a run has converged.
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
        "Most evaluations of the loss by 'lbfgs', 'lm' or 'es'.",
    ),
    "population_size": Parameter(
        "int >= 2, or 'auto'",
        lambda value: value == "auto" if isinstance(value, str) else is_integer(value, 2),
        "Networks in a generation of 'es'; 'auto' is ``4 + floor(3 * log(n_weights))``.",
    ),
    "n_restarts": Parameter(
        "int >= 0",
        lambda value: is_integer(value, 0),
        """
        How often 'es' starts anew when it has converged, each time with twice the population, as long as
        ``max_iter`` and ``max_fun`` allow; the best of all is kept.
        """,
    ),
    "loss": Parameter(
        f"{one_of(REGRESSION_LOSSES)[0]}, Loss, or with solver='es' a scorer's name or callable",
        lambda value: (
            value in REGRESSION_LOSSES
            or is_cost_of_predictions(value)
            or (
                isinstance(value, Loss)
                and not isinstance(value, ProbabilisticLoss)
                and value.n_scores(1) == 1
            )
        ),
        """
        What is minimised, by name or as an instance such as ``Huber(delta=2.0)``.

        - 'squared_error': half the squared error; estimates the mean.
        - 'poisson': half the Poisson deviance with a log-link (predictions are ``exp`` of the raw score),
          for targets that are not negative.
        - 'gamma': half the gamma deviance with a log-link, for positive targets.
        - 'absolute_error': estimates the median.
        - 'huber': squared up to 1, linear beyond: outliers pull less.
        - 'quantile': estimates the ``quantile``.

        With ``solver='es'`` also the name of a scorer such as 'neg_median_absolute_error',
        ``scorer(estimator, X, y)`` to be made large, or ``cost(y_true, y_pred)`` to be made small.
        """,
    ),
    "classification_loss": Parameter(
        f"{{{LogLoss.name!r}}}, ProbabilisticLoss, or with solver='es' a scorer's name or callable",
        lambda value: (
            value == LogLoss.name
            if isinstance(value, str) and value in LOSSES
            else isinstance(value, ProbabilisticLoss) or is_cost_of_predictions(value)
        ),
        """
        What is minimised: the cross-entropy, or an instance such as ``LogLoss(label_smoothing=0.1)`` or
        ``Focal(gamma=2)``. With ``solver='es'`` also the name of a scorer such as 'roc_auc',
        ``scorer(estimator, X, y)`` to be made large, or ``cost(y_true, y_pred)`` to be made small.
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


def parameter_of(cls: type, name: str) -> Parameter:
    """Return the entry for a parameter of an estimator class: classifiers have losses of their own."""
    is_loss_of_classifier = name == "loss" and issubclass(cls, ClassifierMixin)
    return PARAMETERS["classification_loss" if is_loss_of_classifier else name]


def check_parameters(estimator: Any) -> None:
    """Raise an error that names the parameter, its value and what it accepts, if one is invalid."""
    for name, value in estimator.get_params(deep=False).items():
        parameter = parameter_of(type(estimator), name)
        if not parameter.accepts(value):
            hint = ""
            if name == "hidden_layer_sizes":
                hint = " hidden_layer_sizes must be > 0; write other parameters by keyword."
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {parameter.type}."
                f" Got {value!r} instead.{hint}"
            )
