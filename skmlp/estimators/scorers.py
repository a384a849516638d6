"""scikit-learn's scorers, which are given an estimator, on networks in training; costs as a loss.

What is bound here goes to the fit as a function of parameters and raw scores.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import check_scoring

from skmlp.estimators.attributes import publish
from skmlp.fitting.data import Data
from skmlp.fitting.early_stopping import Score, minus_loss
from skmlp.fitting.problem import Problem
from skmlp.network.arrays import Array

if TYPE_CHECKING:
    from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron


def with_scorers(estimator: BaseMultilayerPerceptron, problem: Problem) -> Problem:
    """Return the problem with ``scoring``, and with a ``loss`` that has no gradient."""
    choices, validate = problem.choices, problem.validate
    if not validate and choices.cost is None:
        return problem
    if choices.scoring is not None:
        pairs = zip(validate, problem.held_out, strict=True)
        validate = [replace(each, score=score_of(estimator, problem, part)) for each, part in pairs]
    cost = None if choices.cost is None else Cost(estimator, problem)
    return replace(problem, validate=validate, cost=cost)


def score_of(estimator: BaseMultilayerPerceptron, problem: Problem, held_out: Data) -> Score:
    """Return what ``scoring`` says of the parameters and raw scores of a network for a part held out."""
    scoring = problem.choices.scoring
    if scoring == "loss":
        return minus_loss
    scorer = check_scoring(estimator, scoring)
    candidates = Candidates(estimator, problem, held_out.features)
    weighted = held_out.sample_weight is not None and takes_weights(scorer)
    options = {"sample_weight": held_out.sample_weight} if weighted else {}

    def score(theta: Array, z: Array, loss: float) -> float:
        fitted = candidates.fitted(theta, z)
        return number_of(scorer, (fitted, candidates.X, held_out.labels), options, "scoring", scoring)

    return score


def takes_weights(function: Callable[..., Any]) -> bool:
    """Return whether a scorer or cost can be given ``sample_weight``."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def number_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    parameter: str,
    choice: Any,
) -> float:
    """Return the number that a scorer or cost returns; the errors of one chosen by name name it."""
    try:
        score = function(*args, **options)
    except (AttributeError, ValueError) as error:
        if not isinstance(choice, str):  # the user's own function, and error
            raise
        raise ValueError(f"{parameter}={choice!r} cannot be computed: {error}") from error
    return as_number(score, parameter, choice)


def as_number(score: Any, parameter: str, choice: Any) -> float:
    """Return the one number that a scorer or cost has returned, or raise an error that names it."""
    number = score[()] if isinstance(score, np.ndarray) and not score.ndim else score
    if not isinstance(number, (Real, np.bool_)):
        raise ValueError(f"{parameter}={choice!r} must return one number, got {score!r}.")
    return float(number)


class Candidates:
    """Fitted estimators for networks in training, which know their raw scores for ``X`` already.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    problem : Problem
    X : array, CSR matrix or table
        Samples as the user gave them, checked.
    """

    def __init__(self, estimator: BaseMultilayerPerceptron, problem: Problem, X: Any) -> None:
        self.estimator, self.problem, self.X = estimator, problem, X

    def fitted(self, theta: Array, z: Array) -> BaseMultilayerPerceptron:
        """Return the estimator with parameters ``theta`` (1, P), by which X has the raw scores ``z``."""
        fitted = copy.copy(self.estimator)
        attributes = self.problem.attributes_with(theta)
        if self.problem.choices.encoding is None:
            attributes.pop("feature_names_in_", None)  # X has no names any more
        publish(fitted, attributes | {"_known_scores": (self.X, z[np.newaxis])})
        return fitted


class Cost:
    """A loss that needs no gradient: the cost of predictions, or minus a score.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    problem : Problem
        Its cost is the name of a scorer, ``scorer(estimator, X, y)`` to be maximized, or
        ``cost(y_true, y_pred)`` to be minimized.
    """

    def __init__(self, estimator: BaseMultilayerPerceptron, problem: Problem) -> None:
        loss = self.loss = problem.choices.cost
        self.data = problem.reading.data
        self.candidates = Candidates(estimator, problem, self.data.features)
        self.of_predictions = callable(loss) and is_of_predictions(loss)
        self.function: Callable[..., Any] = loss if self.of_predictions else check_scoring(estimator, loss)  # type: ignore[assignment]
        self.options = {} if self.data.sample_weight is None else {"sample_weight": self.data.sample_weight}
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
        fitted, X, y = self.candidates.fitted(theta, z), self.candidates.X, self.data.labels
        if self.of_predictions:
            return number_of(self.function, (y, fitted.predict(X)), self.options, "loss", self.loss)
        return -number_of(self.function, (fitted, X, y), self.options, "loss", self.loss)


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
