"""The constructor parameters: what each accepts, checked before any work, and what it means.

`PARAMETERS` is the only list of them. The checks, the error messages and the ``Parameters`` section of
every docstring are made from it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn import get_config

from skmlp.fitting.values import (
    are_several_quantiles,
    entries,
    hidden_sizes,
    is_boolean,
    is_cost_of_predictions,
    is_dtype,
    is_integer,
    is_monotonic_cst,
    is_number,
    is_quantile,
    is_random_state,
    named_or,
    one_of,
    per_layer,
)
from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.network.initializers import INITIALIZERS, Initializer
from skmlp.network.input_layers import INPUT_LAYERS, InputLayer
from skmlp.network.losses import LOSSES, LogLoss, Loss, ProbabilisticLoss
from skmlp.network.normalizations import NORMALIZATIONS, Normalization
from skmlp.network.quantiles import Quantiles
from skmlp.training.checkpoints import Checkpoint
from skmlp.training.full_batch import Solver
from skmlp.training.optimizers import OPTIMIZERS, Optimizer
from skmlp.training.schedules import SCHEDULES, Schedule
from skmlp.training.solvers import SOLVERS

EVIDENCE = ("evidence", "evidence_per_layer")
"""What ``alpha`` may be but a number."""

STOCHASTIC_SOLVERS = tuple(OPTIMIZERS)
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
    predicts : bool, default=False
        Whether it says what the fitted network computes: a fit then keeps a copy of it for prediction.
    """

    type: str
    accepts: Callable[[Any], bool]
    meaning: str
    predicts: bool = False


def with_bullets(meaning: str, table: Mapping[str, Any]) -> str:
    """Return a description, and a list with the first docstring line of each entry of a table."""
    lines = [inspect.cleandoc(meaning), ""]
    for name, entry in table.items():
        first = (inspect.getdoc(entry) or "").partition("\n")[0]
        without_sources = re.sub(r" ?\[[^\]]*\b(docs|\d{4})\b[^\]]*\]", "", first)
        lines.append(f"- {name!r}: {without_sources.rstrip('.')}")
    return "\n".join(lines)


_ACTIVATION_WORDS, _is_activation = named_or(ACTIVATIONS, Activation)
_BY_THE_STEP = [name for name, schedule in SCHEDULES.items() if schedule.is_by_the_step()]
_FACTOR_WORDS = f"{one_of(_BY_THE_STEP)[0]} or a Schedule of the step alone"


def _is_factor(value: Any) -> bool:
    """Return whether ``value`` chooses a schedule that is a function of the step."""
    kind = SCHEDULES.get(value) if isinstance(value, str) else type(value)
    return kind is not None and issubclass(kind, Schedule) and kind.is_by_the_step()


PARAMETERS: dict[str, Parameter] = {
    "hidden_layer_sizes": Parameter(
        "int >= 1, or a list of int",
        lambda value: hidden_sizes(value) is not None,
        "The number of units of each hidden layer. Empty: no hidden layer, a linear model.",
    ),
    "activation": Parameter(
        f"{_ACTIVATION_WORDS}, or a list of them",
        lambda value: per_layer(value, _is_activation),
        with_bullets(
            """
            The nonlinearity of the hidden layers, by name or as an instance such as
            ``LeakyReLU(slope=0.1)``; a list has one for each hidden layer. 'selu' goes with
            ``initializer='lecun_normal'``.
            """,
            ACTIVATIONS,
        ),
        predicts=True,
    ),
    "solver": Parameter(
        *named_or([*SOLVERS, *OPTIMIZERS], Optimizer, Solver),
        with_bullets(
            """
            How the weights are found, by name or as an instance such as ``RMSprop(rho=0.99)``. 'adam'
            [2]_ is a good choice for thousands of samples and more. On small data 'lbfgs' converges
            faster and often further; with some hundred weights, a smooth activation and the squared
            error, so does 'lm'. With 'es', ``loss`` may be any scorer or cost.
            """,
            {**OPTIMIZERS, **SOLVERS},
        ),
    ),
    "alpha": Parameter(
        "float in [0, inf), 'evidence' or 'evidence_per_layer'",
        lambda value: value in EVIDENCE if isinstance(value, str) else is_number(value, 0),
        """
        Strength of the L2 penalty on the weights. It is divided by the number (or the weight) of the
        samples in a batch. 'evidence': what makes the data most probable, found while training, without
        validation data; 'evidence_per_layer': one for each weight matrix. For 'lbfgs' and 'lm', with
        the squared error or the log-loss.
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
    "weight_decay_schedule": Parameter(
        _FACTOR_WORDS,
        _is_factor,
        """
        What ``weight_decay`` is multiplied by in each step, beside the learning rate, by name or as an
        instance: 'flat_cosine' leaves it for half of training, and ends at zero. It follows the plan of
        ``learning_rate``.
        """,
    ),
    "batch_size": Parameter(
        "int >= 1, 'auto' or 'adaptive'",
        lambda value: value in ("auto", "adaptive") if isinstance(value, str) else is_integer(value, 1),
        """
        Samples per step of the stochastic solvers; 'auto' is ``min(200, n_samples)``, 'adaptive' a
        sixteenth of the samples, but 32 to 256. All other solvers use all samples in every step.
        """,
    ),
    "learning_rate": Parameter(
        *named_or(SCHEDULES, Schedule),
        with_bullets(
            """
            How the learning rate of a stochastic solver changes, by name or as an instance such as
            ``OneCycle(rise=0.1)``. 'linear', 'cosine', 'flat_cosine' and 'one_cycle' end with ``max_iter``
            epochs, or calls to ``partial_fit``. ``Cosine(n_epochs=100)`` has a length of its own, which
            warm starts follow together. A plateau may end training before: ``n_iter_no_change=np.inf``
            prevents that.
            """,
            SCHEDULES,
        ),
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
        "The part of all steps in which the learning rate rises linearly from zero to its schedule.",
    ),
    "max_grad_norm": Parameter(
        "float in (0, inf), or None",
        lambda value: value is None or is_number(value, 0, low_open=True),
        "The stochastic solvers shorten a gradient with a larger norm to this one; None: never.",
    ),
    "initializer": Parameter(
        *named_or(INITIALIZERS, Initializer),
        """
        How initial weights are drawn, by name or as an instance such as ``TruncatedNormal(scale=0.1)``.
        'auto' is scikit-learn's: 'glorot_uniform' with random biases [1]_. With all others, biases start
        at zero.
        """,
    ),
    "dropout": Parameter(
        "float in [0, 1), or a list of float",
        lambda value: per_layer(value, lambda rate: is_number(rate, 0, 1) and rate < 1),
        """
        The probability with which a hidden unit is left out of a step; a list has one for each hidden
        layer. Prediction uses all units.
        """,
        predicts=True,
    ),
    "dropout_schedule": Parameter(
        _FACTOR_WORDS,
        _is_factor,
        """
        What the rates of ``dropout`` are multiplied by in each epoch (that of its first step), by name or
        as an instance; see ``weight_decay_schedule``.
        """,
    ),
    "normalization": Parameter(
        f"{named_or(NORMALIZATIONS, Normalization)[0]}, or None",
        lambda value: value is None or named_or(NORMALIZATIONS, Normalization)[1](value),
        """
        Centres and scales what enters each activation: 'batch' over the samples of a batch (over running
        averages in prediction), 'layer' over the units of the layer.
        """,
        predicts=True,
    ),
    "input_layer": Parameter(
        f"{named_or(INPUT_LAYERS, InputLayer)[0]}, or None, or a list of them",
        lambda value: value is None or per_layer(value, named_or(INPUT_LAYERS, InputLayer)[1]),
        """
        What the network learns of each feature before the first hidden layer: 'scaling' a factor for each,
        'periodic' numbers that waves of learned frequencies make of each; a list has several, one behind
        the other. For features of about unit variance, and dense X; see :mod:`skmlp.layers`.
        """,
        predicts=True,
    ),
    "skip": Parameter(
        "bool",
        is_boolean,
        """
        Whether a linear path leads from the features past the hidden layers to the raw scores: the network
        is a linear model plus what the hidden layers correct.
        """,
        predicts=True,
    ),
    "standardize": Parameter(
        "bool, or 'targets'",
        lambda value: value == "targets" if isinstance(value, str) else is_boolean(value),
        """
        Whether to centre and scale the features (only scale if X is sparse), and the targets of a
        regressor unless its loss has a log-link, by mean and standard deviation of the training part;
        'targets': these alone.
        Predictions are in the units of y, ``loss_curve_`` is not. ``partial_fit`` and warm starts keep
        the first call's. Where that was dense, sparse X is centred too, without being made dense.
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
        "'loss', the name of a scorer (sklearn.metrics.get_scorer_names), callable or None",
        lambda value: value is None or one_of(["loss"])[1](value) or is_cost_of_predictions(value),
        """
        What ``early_stopping`` watches: 'loss', the name of a scorer, a callable
        ``scorer(estimator, X, y)``, or None for accuracy (classifier), R2 (regressor) or log-likelihood
        (mixture density regressor).
        """,
    ),
    "n_members": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        """
        The number of networks. Two or more are an ensemble: they have different initial weights and
        orders of samples, are trained as one stack, and their predictions are averaged.
        """,
    ),
    "max_time": Parameter(
        "float in (0, inf), or None",
        lambda value: value is None or is_number(value, 0, low_open=True),
        """
        Seconds after which no further epoch (iteration) begins; None: no limit. An ensemble then consists
        of the members that were trained.
        """,
    ),
    "checkpoint": Parameter(
        "Checkpoint, or None",
        lambda value: value is None or isinstance(value, Checkpoint),
        """
        Where ``fit`` saves how far it has come, such as ``Checkpoint("directory", every=60)``. When its
        process has died, a fit with equal parameters to equal data continues from there, with the same
        result. Solvers that are not stochastic save what they have finished; ``partial_fit`` saves nothing.
        """,
    ),
    "n_components": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        "The number of Gaussians in the mixture; 1: a normal distribution whose variance depends on X.",
        predicts=True,
    ),
    "min_scale": Parameter(
        "float in [1e-10, 1]",
        lambda value: is_number(value, 1e-10, 1),
        """
        The lower limit of the standard deviation of each component, as a fraction of the standard deviation
        of y. Without it, a component can collapse onto a value that repeats in y.
        """,
        predicts=True,
    ),
    "beta": Parameter(
        "float in [0, 1]",
        lambda value: is_number(value, 0, 1),
        """
        Multiplies the gradients of the mean and the scale of each component by its scale to the power of
        ``2 * beta``: 0 is maximum likelihood; towards 1, the means are fitted more as least squares
        would, and samples of small scale count for less. Only for stochastic solvers.
        """,
        predicts=True,
    ),
    "quantile": Parameter(
        "float in (0, 1), ascending list of such, or None",
        lambda value: value is None or is_quantile(value) or are_several_quantiles(value),
        """
        Which quantile ``loss='quantile'`` estimates. Two or more are predicted by one network, a column
        each, and never cross; they are of one target.
        """,
        predicts=True,
    ),
    "monotonic_cst": Parameter(
        "array-like of int of shape (n_features,), dict of str to int, or None",
        is_monotonic_cst,
        """
        With which features predictions rise (1) or fall (-1), whatever the others are: one number for each
        feature, or a dict from feature names. 0, and what is not in the dict: no constraint. Of a
        classifier it is the probability of the positive class (of each label). Weights are kept at zero
        or above, and half of the units of each layer are mirrored.
        """,
        predicts=True,
    ),
    "laplace": Parameter(
        "{'full', 'last_layer'}, or None",
        lambda value: value is None or one_of(["full", "last_layer"])[1](value),
        """
        Whether to keep how sure the weights are, a normal distribution around them (Laplace approximation):
        of all parameters, for some thousand at most, or of those of the last layer. Then, ``predict`` of a
        regressor returns standard deviations, and the probabilities of a classifier are moderated.
        """,
        predicts=True,
    ),
    "max_iter": Parameter(
        "int >= 1, or 'auto'",
        lambda value: value == "auto" if isinstance(value, str) else is_integer(value, 1),
        """
        Maximum number of epochs (passes over the data) of a stochastic solver, of iterations of 'lbfgs' and
        'lm', of generations of 'es'. 'auto' is 100 for up to 5000 samples, and
        ``100 * sqrt(5000 / n_samples)`` for more.
        """,
    ),
    "shuffle": Parameter("bool", is_boolean, "Whether to shuffle the samples before every epoch."),
    "random_state": Parameter(
        "int, RandomState instance or None",
        is_random_state,
        """
        Draws initial weights, the validation part, and the order of the samples. Pass an int for
        reproducible results.
        """,
    ),
    "tol": Parameter(
        "float in [0, inf)",
        lambda value: is_number(value, 0),
        """
        Tolerance. Stochastic solvers: the smallest improvement of the loss (or validation score) that
        counts. 'lbfgs' and 'lm': training has converged when no element of the gradient is larger. 'es':
        a run has converged when the values of its last generations differ by less.
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
        Whether ``fit`` continues where the previous call ended (weights, optimizer, learning rate, order of
        samples), with its patience reset, instead of starting anew. Each call runs up to ``max_iter``
        epochs more; a schedule that was cut short, or has ``n_epochs``, is followed to its end.
        """,
    ),
    "momentum": Parameter(
        "float in [0, 1]",
        lambda value: is_number(value, 0, 1),
        "The momentum of 'sgd'.",
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
    "shared_validation": Parameter(
        "bool",
        is_boolean,
        """
        Whether all members of an ensemble hold out the same part. False: each holds out a part of its own,
        disjoint from those of the others as long as there are samples left, so that together they are
        trained on all; ``standardize`` and ``laplace`` then take all samples.
        """,
    ),
    "beta_1": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "Decay rate of the first moment of 'adam' and 'nadam'.",
    ),
    "beta_2": Parameter(
        "float in [0, 1)",
        lambda value: is_number(value, 0, 1) and value < 1,
        "Decay rate of the second moment of 'adam' and 'nadam'.",
    ),
    "epsilon": Parameter(
        "float in (0, inf)",
        lambda value: is_number(value, 0, low_open=True),
        "Keeps the division of 'adam', 'nadam' and 'rmsprop' finite.",
    ),
    "n_iter_no_change": Parameter(
        "int >= 1, or inf",
        lambda value: is_integer(value, 1) or (isinstance(value, Real) and value == np.inf),
        "Training stops after more epochs than this without an improvement by ``tol``.",
    ),
    "max_fun": Parameter(
        "int >= 1",
        lambda value: is_integer(value, 1),
        "Maximum number of evaluations of the loss by 'lbfgs', 'lm' or 'es'.",
    ),
    "population_size": Parameter(
        "int >= 2, or 'auto'",
        lambda value: value == "auto" if isinstance(value, str) else is_integer(value, 2),
        "The number of networks in a generation of 'es'; 'auto' is ``4 + floor(3 * log(n_weights))``.",
    ),
    "n_restarts": Parameter(
        "int >= 0",
        lambda value: is_integer(value, 0),
        """
        Maximum number of restarts of 'es' after it has converged, each with twice the population of the run
        before; the best network of all runs is kept.
        """,
    ),
    "loss": Parameter(
        f"{one_of(REGRESSION_LOSSES)[0]}, Loss, or with solver='es' a scorer's name or callable",
        lambda value: (
            one_of(REGRESSION_LOSSES)[1](value)
            or is_cost_of_predictions(value)
            or (
                isinstance(value, Loss)
                and not isinstance(value, ProbabilisticLoss)
                and (value.n_scores(1) == 1 or isinstance(value, Quantiles))
            )
        ),
        with_bullets(
            """
            What is minimized, by name or as an instance such as ``Huber(delta=2.0)``. With
            ``solver='es'`` also the name of a scorer such as 'neg_median_absolute_error',
            ``scorer(estimator, X, y)`` to be maximized, or ``cost(y_true, y_pred)`` to be minimized.
            """,
            {name: LOSSES[name] for name in REGRESSION_LOSSES},
        ),
        predicts=True,
    ),
    "categorical_features": Parameter(
        "'from_dtype', array-like of str, int or bool, or None",
        lambda value: (
            value == "from_dtype" if isinstance(value, str) else value is None or entries(value) is not None
        ),
        """
        Which columns are categories: 'from_dtype', those of strings, booleans and categorical types; their
        names, indices, or a mask; None: no column.
        """,
    ),
    "n_bins": Parameter(
        "int >= 0, or 'auto'",
        lambda value: value == "auto" if isinstance(value, str) else is_integer(value, 0),
        """
        Bins between quantiles, by which the network sees each number, beside the scaled one [3]_; 0: the
        scaled one alone. 'auto': one for 50 samples up to 16, one for 500 up to 64 (few columns).
        """,
    ),
    "max_levels": Parameter(
        "int >= 2",
        lambda value: is_integer(value, 2),
        "At most this many inputs for each category: the rarest levels share one.",
    ),
    "embedding_size": Parameter(
        "int >= 1, or None",
        lambda value: value is None or is_integer(value, 1),
        """
        The length of a vector that is learned for each level of a category with more than 8 levels, in
        place of an indicator for each [4]_; None: indicators for all.
        """,
    ),
    "clip_predictions": Parameter(
        "bool",
        is_boolean,
        """
        Whether the predictions of each member stay within the range of the targets that it was trained on.
        Quantiles are never clipped.
        """,
        predicts=True,
    ),
    "dtype": Parameter(
        "{'auto', 'float32', 'float64'}, or the numpy type",
        is_dtype,
        """
        The precision of all computation. 'auto' is that of X, as in scikit-learn; 'float32' takes
        half the time and half the memory, and is precise enough for almost all uses.
        """,
    ),
}
"""Every constructor parameter by its name."""


CLASSIFICATION_LOSS = Parameter(
    f"{{{LogLoss.name!r}}}, ProbabilisticLoss, or with solver='es' a scorer's name or callable",
    lambda value: (
        value == LogLoss.name
        if isinstance(value, str) and value in LOSSES
        else isinstance(value, ProbabilisticLoss) or is_cost_of_predictions(value)
    ),
    """
    What is minimized: the cross-entropy, or an instance such as ``LogLoss(label_smoothing=0.1)`` or
    ``Focal(gamma=2)``. With ``solver='es'`` also the name of a scorer such as 'roc_auc',
    ``scorer(estimator, X, y)`` to be maximized, or ``cost(y_true, y_pred)`` to be minimized.
    """,
    predicts=True,
)

CLASSIFIER_PARAMETERS = PARAMETERS | {"loss": CLASSIFICATION_LOSS}
"""The same for a classifier, which has other losses."""


def check_parameters(params: Mapping[str, Any], owner: str, parameters: Mapping[str, Parameter]) -> None:
    """Raise an error that names the parameter, its value and what it accepts, if one is invalid."""
    if get_config()["skip_parameter_validation"]:
        return
    for name, value in params.items():
        parameter = parameters.get(name)
        if parameter is not None and not parameter.accepts(value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {owner} must be {parameter.type}. Got {value!r} instead."
                f"{hint(name, value, owner)}"
            )


def hint(name: str, value: Any, owner: str) -> str:
    """Return what was probably meant by a value that is not accepted."""
    if "list" in PARAMETERS[name].type and isinstance(value, (Iterator, AbstractSet, Mapping)):
        return " Make it a list: sets and dicts have no order of layers, an iterator can be read only once."
    if name.endswith("_schedule") and named_or(SCHEDULES, Schedule)[1](value):
        return " With the samples seen and on plateaus, only the learning rate changes."
    if name != "hidden_layer_sizes":
        return ""
    if isinstance(value, str) and value in LOSSES:
        return (
            " scikit-learn's MLPRegressor has the loss as its first parameter. By keyword both are clear:"
            f" {owner}(loss={value!r}, hidden_layer_sizes=(100,))."
        )
    sizes = [value] if is_integer(value, -sys.maxsize) else entries(value)
    if sizes and all(is_integer(size, -sys.maxsize) for size in sizes):
        return " hidden_layer_sizes must be > 0."
    return ""
