"""What an estimator is asked to fit: its choices and its data, checked, as a problem."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d

from skmlp.estimators.attributes import publish
from skmlp.estimators.reusing import left_by
from skmlp.estimators.scorers import with_scorers
from skmlp.fitting.choices import Choices
from skmlp.fitting.class_targets import ClassTargets, are_sparse_labels
from skmlp.fitting.data import Data, Reading
from skmlp.fitting.parameters import STOCHASTIC_SOLVERS, check_parameters
from skmlp.fitting.problem import Problem, prepare
from skmlp.fitting.weights import check_sample_weight, with_class_weight
from skmlp.network.arrays import Array
from skmlp.tables.columns import as_table

if TYPE_CHECKING:
    from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

FEATURES = ("n_features_in_", "feature_names_in_", "encoder_")
"""The fitted attributes that the check of X writes."""


@cache
def default_parameters(cls: type[BaseMultilayerPerceptron]) -> dict[str, Any]:
    """Return the constructor parameters of a class with their defaults, which are valid."""
    return {field.name: field.default for field in fields(cls)}


@cache
def _getter(cls: type[BaseMultilayerPerceptron]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*default_parameters(cls))


def parameters_of(estimator: BaseMultilayerPerceptron) -> tuple[Any, ...]:
    """Return the constructor parameters as they are."""
    return _getter(type(estimator))(estimator)


def choices_of(estimator: BaseMultilayerPerceptron) -> Choices:
    """Return what the parameters choose, or raise an error that names what is invalid."""
    cls, reusable = type(estimator), left_by(estimator)
    defaults = default_parameters(cls)
    if reusable is not None and reusable.is_chosen_by(parameters_of(estimator)):
        return reusable.choices
    params = estimator._params()
    changed = {name: value for name, value in params.items() if value is not defaults.get(name, value)}
    check_parameters(changed, cls.__name__, cls._parameters)
    return Choices.of(params, cls._loss_of, cls.__name__)


def problem_of(
    estimator: BaseMultilayerPerceptron,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    incremental: bool = False,
    classes: Any = None,
    validation: tuple[Any, Any, Any] = (None, None, None),
    choices: Choices | None = None,
    reading: Reading | None = None,
) -> Problem:
    """Check everything, and return the problem that a solver is given; the estimator stays as it is.

    ``choices`` are those of `choices_of`, if they are known already. ``reading`` is what an estimator of
    the same class, dtype, loss and class weights has made of the same X, y and weights.
    """
    choices = choices or choices_of(estimator)
    continuing = (incremental or choices.warm_start) and hasattr(estimator, "coefs_")
    is_shared = reading is not None
    if reading is None:
        reading = read(estimator, choices, X, y, sample_weight, classes, continuing=continuing)
    problem = prepare(
        choices,
        reading,
        held_out=read_validation(estimator, choices, reading, *validation),
        earlier=estimator._earlier(reading.data.X.shape[1]) if continuing else None,
        incremental=incremental,
    )
    if not is_shared and sparse.issparse(problem.data.X):
        problem = replace(problem, data=problem.data.dense_if_quicker())
    return with_scorers(estimator, problem)


def read(
    estimator: BaseMultilayerPerceptron,
    choices: Choices,
    X: Any,
    y: Any,
    sample_weight: Any,
    classes: Any,
    *,
    continuing: bool,
) -> Reading:
    """Check X, y and the weights, and encode them."""
    reader = estimator
    if reset := not (continuing and hasattr(estimator, "n_features_in_")):
        reader = copy.copy(estimator)  # scikit-learn's check writes to it
    dtype: Any = [np.float64, np.float32] if choices.dtype == "auto" else np.dtype(choices.dtype)
    if continuing and choices.dtype == "auto":
        dtype = np.result_type(np.float32, *map(np.asarray, estimator.coefs_))  # weights keep theirs
    table = None if choices.encoding is None else as_table(X)
    X, y = validated(reader, X if table is None else table, y, dtype=dtype, reset=reset)
    targets = estimator._targets(y, choices.loss, classes, continuing=continuing)
    encoded = targets.encode(y, X.dtype)
    if sample_weight is not None:
        advice = "class_weight='balanced' weighs classes" if isinstance(targets, ClassTargets) else ""
        sample_weight = check_sample_weight(sample_weight, X.shape[0], X.dtype, advice=advice)
    if isinstance(targets, ClassTargets):
        sample_weight = with_class_weight(choices.class_weight, targets, encoded, sample_weight, X.dtype)
    features = {name: getattr(reader, name) for name in FEATURES if hasattr(reader, name)}
    return Reading(Data(X, encoded, sample_weight, y, table=table), targets, features)


def read_validation(
    estimator: BaseMultilayerPerceptron,
    choices: Choices,
    reading: Reading,
    X: Any,
    y: Any,
    sample_weight: Any,
) -> Data | None:
    """Check the validation data, and encode them as the training data are."""
    if X is None and y is None and sample_weight is None:
        return None
    if X is None or y is None:
        raise ValueError("X_val and y_val must be given together: one of them is None.")
    if not choices.holds_out:
        raise ValueError(
            "X_val and y_val are what early_stopping watches, but early_stopping="
            f"{estimator.early_stopping!r} and solver={estimator.solver!r}: set early_stopping=True with a"
            f" stochastic solver, one of {STOCHASTIC_SOLVERS}, or leave them out."
        )
    reader = copy.copy(estimator)
    publish(reader, reading.features)
    dtype = reading.data.X.dtype
    table = None if choices.encoding is None else as_table(X)
    X, y = validated(reader, X if table is None else table, y, dtype=dtype, reset=False)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, X.shape[0], dtype, "sample_weight_val")
    encoded = reading.targets.encode(y, dtype, "y_val")
    return Data(X, encoded, sample_weight, y, table=table)


def is_valid(estimator: BaseMultilayerPerceptron, X: Any) -> bool:
    """Return whether scikit-learn's check against the fitted features would return ``X`` as it is.

    For a few rows that check takes several times as long as the network. What is no plain array of finite
    floats, or has the wrong width, or should have names, it converts or refuses.
    """
    if type(X) is not np.ndarray or X.dtype not in FLOATS or X.ndim != 2 or not len(X):
        return False
    if hasattr(estimator, "feature_names_in_") or getattr(estimator, "n_features_in_", 0) != X.shape[1]:
        return False
    with np.errstate(all="ignore"):
        return math.isfinite(np.add.reduce(X, axis=None))  # if this overflows, it looks closer


def is_valid_target(y: Any, n_samples: int) -> bool:
    """Return whether scikit-learn's check would return the targets ``y`` as they are."""
    if type(y) is not np.ndarray or y.shape != (n_samples,) or y.dtype.kind not in "biuf":
        return False
    return y.dtype.kind != "f" or bool(np.isfinite(y).all())


def validated(
    estimator: BaseMultilayerPerceptron, X: Any, y: Any, *, dtype: Any, reset: bool
) -> tuple[Any, Array]:
    """Return X and y as scikit-learn checks them."""
    X, y = estimator._checked(X, y, dtype=dtype, reset=reset)
    if sparse.issparse(y) and (estimator._y_numeric or not are_sparse_labels(y)):
        y = y.toarray()
    return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
