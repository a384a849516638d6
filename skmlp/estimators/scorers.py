"""Scores of networks in training by scikit-learn's scorers, and costs of any kind as a loss."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skmlp.estimators.data import Data
from skmlp.network.arrays import Array
from skmlp.network.network import Network


def takes_weights(function: Callable[..., Any]) -> bool:
    """Return whether a scorer or cost can be given ``sample_weight``."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def as_number(score: Any, parameter: str, choice: Any) -> float:
    """Return the one number that a scorer or cost has returned, or raise an error that names it."""
    number = score[()] if isinstance(score, np.ndarray) and not score.ndim else score
    if not isinstance(number, (Real, np.bool_)):
        raise ValueError(f"{parameter}={choice!r} must return one number, got {score!r}.")
    return float(number)


class Candidates:
    """Fitted estimators for networks in training, whose predictions for ``X`` follow from known scores.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    network : Network
    X : array or CSR matrix
        Samples as the user gave them.
    """

    def __init__(self, estimator: Any, network: Network, X: Any) -> None:
        self.estimator, self.network, self.X = estimator, network, X

    def fitted(self, theta: Array, z: Array) -> Any:
        """Return the estimator with parameters ``theta`` (1, P), by which X has the raw scores ``z``."""
        fitted = copy.copy(self.estimator)
        fitted.__dict__.pop("feature_names_in_", None)  # X has no names any more
        fitted.__dict__.update(self.estimator._fitted_weights(self.network, theta))
        compute = fitted._raw_scores
        # Scorers predict for X, of which the raw scores are known; they may ask for other samples too.
        fitted._raw_scores = lambda X: z[np.newaxis] if X is self.X else compute(X)
        return fitted


class Cost:
    """A loss that needs no gradient: the cost of predictions, or minus a score.

    Parameters
    ----------
    estimator : the estimator that is being fitted
        Its ``loss`` is the name of a scorer, ``scorer(estimator, X, y)`` to be made large, or
        ``cost(y_true, y_pred)`` to be made small.
    network : Network
    data : Data
        The samples as the user gave them.
    """

    def __init__(self, estimator: Any, network: Network, data: Data) -> None:
        self.loss, self.data = estimator.loss, data
        self.candidates = Candidates(estimator, network, data.X)
        self.of_predictions = not isinstance(self.loss, str) and is_of_predictions(self.loss)
        self.function = self.loss if self.of_predictions else check_scoring(estimator, self.loss)
        self.options = {} if data.sample_weight is None else {"sample_weight": data.sample_weight}
        if self.options and not takes_weights(self.function):
            raise ValueError(
                f"loss={self.loss!r} takes no sample_weight: leave sample_weight and class_weight out, or"
                " give it a parameter of this name."
            )

    def __call__(self, theta: Array, z: Array) -> Array:
        """Return the costs of networks with parameters ``theta`` (L, P) and raw scores ``z`` (L, n, q)."""
        return np.array([self._cost(theta[k : k + 1], z[k]) for k in range(len(theta))])

    def _cost(self, theta: Array, z: Array) -> float:
        if not np.isfinite(z).all():
            return np.inf
        fitted, X, y = self.candidates.fitted(theta, z), self.data.X, self.data.labels
        if self.of_predictions:
            return as_number(self.function(y, fitted.predict(X), **self.options), "loss", self.loss)
        return -as_number(self.function(fitted, X, y, **self.options), "loss", self.loss)


def is_of_predictions(function: Callable[..., Any]) -> bool:
    """Return whether a function is a cost(y_true, y_pred), and not a scorer(estimator, X, y)."""
    try:
        parameters = dict(inspect.signature(function).parameters)
    except ValueError:  # a function written in C
        parameters = {}
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters.values() if p.kind in positional and p.default is p.empty]
    n_required = len([name for name in names if name != "sample_weight"])
    if n_required not in (2, 3):
        raise ValueError(
            f"loss={function!r} must be a function cost(y_true, y_pred) or scorer(estimator, X, y), with"
            " these arguments."
        )
    return n_required == 2
