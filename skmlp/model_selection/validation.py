"""Cross-validation whose fits are trained as stacks."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from sklearn import get_config, model_selection
from sklearn.dummy import DummyRegressor
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.metadata_routing import process_routing

from skmlp.model_selection.calls import Call, like
from skmlp.model_selection.prefit import ExpectedFit, KnownSplits, say_why, training_parts
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
    >>> print(f"{cross_validate(model, X, y)['test_score'].mean():.2f}")
    0.98
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
    >>> print(f"{cross_val_score(model, X, y).mean():.2f}")
    0.98
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
    >>> print(f"{(cross_val_predict(model, X, y) == y).mean():.2f}")
    0.98
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
    if call.options["exploit_incremental_learning"]:
        say_why(call.options["verbose"], "exploit_incremental_learning trains from one size to the next")
        return tuple(call.result())
    if call.options["shuffle"]:
        call = call.seeded()
    result, seconds = call.result_with_stacks(lambda parts: growing(call, parts))
    if call.options["return_times"] and seconds is not None:
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


@like(model_selection.permutation_test_score)
def permutation_test_score(call: Call) -> tuple[float, Array, float]:
    """Test whether a score could be chance: score on permuted targets, with all networks trained as stacks.

    Takes the options and gives the scores of :func:`sklearn.model_selection.permutation_test_score`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    score : float
        The mean score of the test parts, with the targets as they are.
    permutation_scores : ndarray of shape (n_permutations,)
        The same with permuted targets.
    pvalue : float
        ``(1 + C) / (1 + n_permutations)``, where C of the permutations score at least as well: how likely
        such a score is if features and targets have nothing to do with each other.

    See Also
    --------
    sklearn.model_selection.permutation_test_score : The same, one fit after the other.

    References
    ----------
    Ojala and Garriga, Permutation Tests for Studying Classifier Performance, JMLR 11 (2010).

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import permutation_test_score
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), learning_rate_init=0.05, max_iter=200, tol=0.1, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> score, of_chance, p = permutation_test_score(model, X, y, n_permutations=19)
    >>> print(f"{score:.1f} {of_chance.mean():.1f} {p}")
    1.0 0.3 0.05
    """
    call = call.seeded()
    result: tuple[float, Array, float]
    if (cv := call.splitter()) is None or fits_depend_on_each_other(call.estimator):
        if cv is not None:
            say_why(call.options["verbose"], "by warm_start or a RandomState, fits depend on earlier ones")
        result = call.result()
        return result
    X, y, groups = indexable(call.X, call.y, call.options["groups"])
    of_splitter = {"groups": groups}
    if get_config()["enable_metadata_routing"]:
        of_splitter = dict(process_routing(call.router(), "fit", **call.params).splitter.split)
    targets = [_safe_indexing(y, rows) for rows in permutations(call, len(y))]
    splits = [list(cv.split(X, permuted, **of_splitter)) for permuted in targets]
    none: dict[str, Any] = {}  # the same for all: they are clones of one estimator
    expected = [
        ExpectedFit(none, rows, y=permuted)
        for permuted, split in zip(targets, splits, strict=True)
        for rows in training_parts(split)
    ]
    fits = call.prefit(fits_again=True)
    fits.expect(X, y, call.fit_params(), expected)
    result = call.result_with(fits, KnownSplits(cv, splits))
    return result


def fits_depend_on_each_other(estimator: Any) -> bool:
    """Return whether the same object fitted again differs from a clone that is fitted."""
    return any(
        isinstance(value, np.random.RandomState) or (name.endswith("warm_start") and value is True)
        for name, value in estimator.get_params().items()
    )


def permutations(call: Call, n_samples: int) -> list[Array]:
    """Return the rows of the targets that a permutation test trains on, first those as they are.

    scikit-learn is asked: what it hands to a scorer are targets that say their own numbers.
    """
    found: list[Array] = []

    def note(estimator: Any, X: Any, y: Any) -> float:
        found.append(y)
        return 0.0

    rows = np.arange(n_samples)
    model_selection.permutation_test_score(
        DummyRegressor(),
        rows[:, np.newaxis],
        rows,
        groups=call.options["groups"],
        cv=[(rows, rows)],
        n_permutations=call.options["n_permutations"],
        random_state=copy.deepcopy(call.options["random_state"]),
        scoring=note,
    )
    return found


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
