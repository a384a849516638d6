"""Cross-validation whose fits are trained as stacks."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.dummy import DummyRegressor
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state

from skmlp.model_selection.calls import Call, like
from skmlp.model_selection.prefit import ExpectedFit
from skmlp.network.arrays import Array


def one_each(parts: list[Array]) -> list[ExpectedFit]:
    """Return one fit per training part."""
    return [ExpectedFit({}, rows) for rows in parts]


@like(model_selection.cross_validate)
def cross_validate(call: Call) -> dict[str, Any]:
    """Evaluate by cross-validation, with all splits trained as one stack.

    Takes the options and gives the scores of :func:`sklearn.model_selection.cross_validate`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    scores : dict of str to ndarray of shape (n_splits,)
        ``test_score`` (or one entry per scorer), ``fit_time`` (the share of a fit in the time of its
        stack), ``score_time``, and whatever else was asked for.

    See Also
    --------
    sklearn.model_selection.cross_validate : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import cross_validate
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> print(cross_validate(model, X, y)["test_score"].mean() > 0.95)
    True
    """
    scores: dict[str, Any]
    scores, seconds = call.result_with_stacks(one_each)
    return scores if seconds is None else scores | {"fit_time": np.array(seconds)}


@like(model_selection.cross_val_score)
def cross_val_score(call: Call) -> Array:
    """Score by cross-validation, with all splits trained as one stack.

    Takes the options and gives the scores of :func:`sklearn.model_selection.cross_val_score`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    scores : ndarray of shape (n_splits,)
        The score of each test part.

    See Also
    --------
    sklearn.model_selection.cross_val_score : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import cross_val_score
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> print(cross_val_score(model, X, y).mean() > 0.95)
    True
    """
    scores: Array
    scores, _ = call.result_with_stacks(one_each)
    return scores


@like(model_selection.cross_val_predict)
def cross_val_predict(call: Call) -> Any:
    """Predict each sample by a network trained without it, with all networks trained as one stack.

    Takes the options and gives the predictions of :func:`sklearn.model_selection.cross_val_predict`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    predictions : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        What ``method`` returns for each sample.

    See Also
    --------
    sklearn.model_selection.cross_val_predict : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import cross_val_predict
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> print((cross_val_predict(model, X, y) == y).mean() > 0.95)
    True
    """
    method = call.options["method"]

    def expected(parts: list[Array]) -> list[ExpectedFit]:
        getattr(call.estimator, method)  # scikit-learn notices after the first fit that there is none
        return one_each(parts)

    # For these methods scikit-learn fits to the numbers of the classes.
    encodes = method in ("decision_function", "predict_proba", "predict_log_proba")
    predictions, _ = call.result_with_stacks(expected, *[numbered] * encodes)
    return predictions


def numbered(y: Any) -> Array:
    """Return the labels of each target as numbers from 0."""
    y = np.asarray(y)
    if y.ndim == 1:
        return np.asarray(LabelEncoder().fit_transform(y))
    return np.stack([LabelEncoder().fit_transform(column) for column in y.T], axis=1)


@like(model_selection.learning_curve)
def learning_curve(call: Call) -> tuple[Any, ...]:
    """Score networks trained on more and more samples, with all of them trained as few stacks.

    Takes the options and gives the scores of :func:`sklearn.model_selection.learning_curve`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    train_sizes_abs : ndarray of shape (n_unique_ticks,)
        Numbers of training samples.
    train_scores, test_scores : ndarray of shape (n_ticks, n_splits)
        Scores of the training and the test parts.
    fit_times, score_times : ndarray of shape (n_ticks, n_splits)
        Seconds; only with ``return_times``.

    See Also
    --------
    sklearn.model_selection.learning_curve : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import learning_curve
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> sizes, _, scores = learning_curve(model, X, y, train_sizes=[5, 140], shuffle=True, random_state=0)
    >>> scores.mean(axis=1).round(1)
    array([0.8, 1. ])
    """
    options = call.options
    if options["exploit_incremental_learning"]:
        return tuple(call.result())
    if options["shuffle"] and options["random_state"] is None:
        # Both this function and scikit-learn's shuffle, and must do it alike.
        options = options | {"random_state": check_random_state(None).randint(np.iinfo(np.int32).max)}
    call = replace(call, options=options)
    result, seconds = call.result_with_stacks(lambda parts: growing(call, parts))
    if options["return_times"] and seconds is not None:
        sizes, train_scores, test_scores, _, score_times = result
        return sizes, train_scores, test_scores, np.reshape(seconds, (-1, len(sizes))).T, score_times
    return tuple(result)


def growing(call: Call, parts: list[Array]) -> list[ExpectedFit]:
    """Return the fits that scikit-learn's learning curve asks for.

    It is asked: what it hands to a scorer are rows that say their own numbers.
    """
    expected: list[ExpectedFit] = []

    def note(estimator: Any, X: Any, y: Any) -> float:
        expected.append(ExpectedFit({}, X[:, 0]))
        return 0.0

    rows = np.arange(1 + max((part.max(initial=0) for part in parts), default=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the curve itself will warn
        model_selection.learning_curve(
            DummyRegressor(),
            rows[:, np.newaxis],
            rows,
            train_sizes=call.options["train_sizes"],
            cv=[(part, part[:1]) for part in parts],
            scoring=note,
            shuffle=call.options["shuffle"],
            random_state=copy.deepcopy(call.options["random_state"]),
            error_score="raise",
        )
    return expected[1::2]  # the test part is scored first


@like(model_selection.validation_curve)
def validation_curve(call: Call) -> tuple[Array, Array]:
    """Score networks for several values of one parameter, with all of them trained as few stacks.

    Takes the options and gives the scores of :func:`sklearn.model_selection.validation_curve`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    train_scores, test_scores : ndarray of shape (n_values, n_splits)
        Scores of the training and the test parts.

    See Also
    --------
    sklearn.model_selection.validation_curve : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import validation_curve
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> _, scores = validation_curve(
    ...     model, X, y, param_name="mlpclassifier__learning_rate_init", param_range=[0.0001, 0.05]
    ... )
    >>> scores.mean(axis=1).round(1)
    array([0.4, 1. ])
    """
    name, values = call.options["param_name"], call.options["param_range"]
    scores: tuple[Array, Array]
    scores, _ = call.result_with_stacks(
        lambda parts: [ExpectedFit({name: value}, rows) for rows in parts for value in values]
    )
    return scores
