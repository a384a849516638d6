"""Cross-validation whose fits are trained as stacks."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn import model_selection
from sklearn.base import is_classifier
from sklearn.dummy import DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skmlp.model_selection.rehearsal import Fits, Splits, Wanted, can_rehearse
from skmlp.model_selection.samples import fit_params
from skmlp.network.arrays import Array

FIFTHS = np.linspace(0.1, 1.0, 5)
FIFTHS.flags.writeable = False
"""The default training sizes of scikit-learn's learning curve."""


def with_stacks(
    function: Callable[..., Any],
    estimator: Any,
    X: Any,
    y: Any,
    options: dict[str, Any],
    wanted_of: Callable[[list[Array]], list[Wanted]],
    encode: Callable[[Any], Any] | None = None,
) -> tuple[Any, list[float] | None]:
    """Call one of scikit-learn's functions on fits that have been made as stacks.

    Parameters
    ----------
    function : callable
        Of scikit-learn.
    estimator, X, y, options
        What it is called with.
    wanted_of : callable
        From the training parts to the fits that the function asks for, in its order.
    encode : callable, default=None
        From y to what the function fits to.

    Returns
    -------
    result : object
        What the function returns.
    seconds : list of float, or None
        The time of each fit; None where the function made the fits itself.
    """
    if not can_rehearse(estimator, y, options["n_jobs"], options["verbose"]):
        return function(estimator, X, y, **options), None
    fits = Fits(
        estimator,
        n_jobs=options["n_jobs"],
        verbose=options["verbose"],
        pre_dispatch=options["pre_dispatch"],
        error_score=options.get("error_score", "raise"),
    )

    def train(X: Any, y: Any, parts: list[Array]) -> None:
        params = fit_params(router_of(estimator, options), options["params"] or {})
        fits.train(X, encode(y) if encode else y, params, wanted_of(parts))

    cv = Splits(check_cv(options["cv"], y, classifier=is_classifier(estimator)), train)
    with parallel_config(backend="sequential"):
        result = function(fits.stand_in(), X, y, **options | {"cv": cv, "n_jobs": 1})
    return result, fits.seconds


def router_of(estimator: Any, options: dict[str, Any]) -> MetadataRouter:
    """Return who may ask for metadata."""
    router = MetadataRouter(owner=type(estimator).__name__)
    router.add(estimator=estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
    router.add(splitter=options["cv"], method_mapping=MethodMapping().add(caller="fit", callee="split"))
    scorer = check_scoring(estimator, options.get("scoring"))
    return router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))


def one_each(parts: list[Array]) -> list[Wanted]:
    """Return one fit per training part."""
    return [Wanted({}, rows) for rows in parts]


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
) -> dict[str, Any]:
    """Evaluate by cross-validation, all splits trained as one stack.

    As :func:`sklearn.model_selection.cross_validate`: the same options, and the same scores.

    Parameters
    ----------
    estimator : object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data to split.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The targets.
    groups : array-like of shape (n_samples,), default=None
        Group labels for the splitter.
    scoring : str, callable, list, dict or None, default=None
        How the test parts are scored; None: by the estimator's ``score``.
    cv : int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.
    n_jobs : int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.
    verbose : int, default=0
        How much is printed.
    params : dict, default=None
        Metadata for ``fit``, such as ``{"sample_weight": weights}``, cut as X is.
    pre_dispatch : int or str, default='2*n_jobs'
        How many stacks are handed to the workers in advance.
    return_train_score : bool, default=False
        Whether to score the training parts too.
    return_estimator : bool, default=False
        Whether to return the fitted estimators.
    return_indices : bool, default=False
        Whether to return the rows of each split.
    error_score : 'raise' or number, default=nan
        The score of a fit that fails; 'raise': raise its error.

    Returns
    -------
    scores : dict of str to ndarray of shape (n_splits,)
        ``test_score`` (or one entry per scorer), ``fit_time`` (of a stack the share of each fit),
        ``score_time`` and what else was asked for.


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
    result: dict[str, Any]
    result, seconds = with_stacks(
        model_selection.cross_validate,
        estimator,
        X,
        y,
        {
            "groups": groups,
            "scoring": scoring,
            "cv": cv,
            "n_jobs": n_jobs,
            "verbose": verbose,
            "params": params,
            "pre_dispatch": pre_dispatch,
            "return_train_score": return_train_score,
            "return_estimator": return_estimator,
            "return_indices": return_indices,
            "error_score": error_score,
        },
        one_each,
    )
    return result if seconds is None else result | {"fit_time": np.array(seconds)}


def cross_val_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    error_score: Any = np.nan,
) -> Array:
    """Score by cross-validation, all splits trained as one stack.

    As :func:`sklearn.model_selection.cross_val_score`: the same options, and the same scores.

    Parameters
    ----------
    estimator : object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data to split.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The targets.
    groups : array-like of shape (n_samples,), default=None
        Group labels for the splitter.
    scoring : str, callable or None, default=None
        How the test parts are scored; None: by the estimator's ``score``.
    cv : int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.
    n_jobs : int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.
    verbose : int, default=0
        How much is printed.
    params : dict, default=None
        Metadata for ``fit``, such as ``{"sample_weight": weights}``, cut as X is.
    pre_dispatch : int or str, default='2*n_jobs'
        How many stacks are handed to the workers in advance.
    error_score : 'raise' or number, default=nan
        The score of a fit that fails; 'raise': raise its error.

    Returns
    -------
    scores : ndarray of shape (n_splits,)


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
    scores, _ = with_stacks(
        model_selection.cross_val_score,
        estimator,
        X,
        y,
        {
            "groups": groups,
            "scoring": scoring,
            "cv": cv,
            "n_jobs": n_jobs,
            "verbose": verbose,
            "params": params,
            "pre_dispatch": pre_dispatch,
            "error_score": error_score,
        },
        one_each,
    )
    return scores


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    method: str = "predict",
) -> Any:
    """Predict each sample by a network that was trained without it, all trained as one stack.

    As :func:`sklearn.model_selection.cross_val_predict`: the same options, and the same predictions.

    Parameters
    ----------
    estimator : object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data to split.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The targets.
    groups : array-like of shape (n_samples,), default=None
        Group labels for the splitter.
    cv : int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.
    n_jobs : int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.
    verbose : int, default=0
        How much is printed.
    params : dict, default=None
        Metadata for ``fit``, such as ``{"sample_weight": weights}``, cut as X is.
    pre_dispatch : int or str, default='2*n_jobs'
        How many stacks are handed to the workers in advance.
    method : {'predict', 'predict_proba', 'predict_log_proba', 'decision_function'}, default='predict'
        What is called on the test parts.

    Returns
    -------
    predictions : ndarray of shape (n_samples,) or (n_samples, n_outputs)


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
    # For these methods scikit-learn fits to the numbers of the classes.
    encodes = method in ("decision_function", "predict_proba", "predict_log_proba")
    predictions, _ = with_stacks(
        model_selection.cross_val_predict,
        estimator,
        X,
        y,
        {
            "groups": groups,
            "cv": cv,
            "n_jobs": n_jobs,
            "verbose": verbose,
            "params": params,
            "pre_dispatch": pre_dispatch,
            "method": method,
        },
        one_each,
        numbered if encodes else None,
    )
    return predictions


def numbered(y: Any) -> Array:
    """Return the labels of each target as numbers from 0."""
    y = np.asarray(y)
    if y.ndim == 1:
        return np.asarray(LabelEncoder().fit_transform(y))
    return np.stack([LabelEncoder().fit_transform(column) for column in y.T], axis=1)


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    train_sizes: Any = FIFTHS,
    cv: Any = None,
    scoring: Any = None,
    exploit_incremental_learning: bool = False,
    n_jobs: int | None = None,
    pre_dispatch: int | str = "all",
    verbose: int = 0,
    shuffle: bool = False,
    random_state: Any = None,
    error_score: Any = np.nan,
    return_times: bool = False,
    params: dict[str, Any] | None = None,
) -> tuple[Any, ...]:
    """Score for growing training parts, all trained as few stacks.

    As :func:`sklearn.model_selection.learning_curve`: the same options, and the same scores.

    Parameters
    ----------
    estimator : object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data to split.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    groups : array-like of shape (n_samples,), default=None
        Group labels for the splitter.
    train_sizes : array-like of shape (n_ticks,), default=linspace(0.1, 1.0, 5)
        Numbers of training samples, or parts of the largest possible number.
    cv : int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.
    scoring : str, callable or None, default=None
        How the test parts are scored; None: by the estimator's ``score``.
    exploit_incremental_learning : bool, default=False
        Whether to go from one size to the next by ``partial_fit``, as scikit-learn does, without stacks.
    n_jobs : int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.
    pre_dispatch : int or str, default='all'
        How many stacks are handed to the workers in advance.
    verbose : int, default=0
        How much is printed.
    shuffle : bool, default=False
        Whether to shuffle each training part before its first rows are taken.
    random_state : int, RandomState instance or None, default=None
        What shuffles.
    error_score : 'raise' or number, default=nan
        The score of a fit that fails; 'raise': raise its error.
    return_times : bool, default=False
        Whether to return the times too.
    params : dict, default=None
        Metadata for ``fit``, such as ``{"sample_weight": weights}``, cut as X is.

    Returns
    -------
    train_sizes_abs : ndarray of shape (n_unique_ticks,)
        Numbers of training samples.
    train_scores, test_scores : ndarray of shape (n_ticks, n_splits)
    fit_times, score_times : ndarray of shape (n_ticks, n_splits)
        Only with ``return_times``.


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
    if shuffle and random_state is None:
        random_state = check_random_state(None).randint(np.iinfo(np.int32).max)  # it is needed twice
    options = {
        "groups": groups,
        "train_sizes": train_sizes,
        "cv": cv,
        "scoring": scoring,
        "exploit_incremental_learning": exploit_incremental_learning,
        "n_jobs": n_jobs,
        "pre_dispatch": pre_dispatch,
        "verbose": verbose,
        "shuffle": shuffle,
        "random_state": random_state,
        "error_score": error_score,
        "return_times": return_times,
        "params": params,
    }
    if exploit_incremental_learning:
        return tuple(model_selection.learning_curve(estimator, X, y, **options))

    def wanted(parts: list[Array]) -> list[Wanted]:
        return growing(parts, train_sizes, shuffle, copy.deepcopy(random_state))

    result, seconds = with_stacks(model_selection.learning_curve, estimator, X, y, options, wanted)
    if return_times and seconds is not None:
        sizes, train_scores, test_scores, _, score_times = result
        return sizes, train_scores, test_scores, np.reshape(seconds, (-1, len(sizes))).T, score_times
    return tuple(result)


def growing(parts: list[Array], train_sizes: Any, shuffle: bool, random_state: Any) -> list[Wanted]:
    """Return the fits that scikit-learn's learning curve asks for.

    It is asked: what it hands to a scorer are rows that say their own numbers.
    """
    wanted: list[Wanted] = []

    def note(estimator: Any, X: Any, y: Any) -> float:
        wanted.append(Wanted({}, X[:, 0]))
        return 0.0

    rows = np.arange(1 + max(part.max() for part in parts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the curve itself will warn
        model_selection.learning_curve(
            DummyRegressor(),
            rows[:, np.newaxis],
            rows,
            train_sizes=train_sizes,
            cv=[(part, part[:1]) for part in parts],
            scoring=note,
            shuffle=shuffle,
            random_state=random_state,
            error_score="raise",
        )
    return wanted[1::2]  # the test part is scored first


def validation_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    param_name: str,
    param_range: Any,
    groups: Any = None,
    cv: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    pre_dispatch: int | str = "all",
    verbose: int = 0,
    error_score: Any = np.nan,
    params: dict[str, Any] | None = None,
) -> tuple[Array, Array]:
    """Score for several values of one parameter, all trained as few stacks.

    As :func:`sklearn.model_selection.validation_curve`: the same options, and the same scores.

    Parameters
    ----------
    estimator : object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data to split.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    param_name : str
        The parameter that varies.
    param_range : array-like of shape (n_values,)
        Its values.
    groups : array-like of shape (n_samples,), default=None
        Group labels for the splitter.
    cv : int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.
    scoring : str, callable or None, default=None
        How the test parts are scored; None: by the estimator's ``score``.
    n_jobs : int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.
    pre_dispatch : int or str, default='all'
        How many stacks are handed to the workers in advance.
    verbose : int, default=0
        How much is printed.
    error_score : 'raise' or number, default=nan
        The score of a fit that fails; 'raise': raise its error.
    params : dict, default=None
        Metadata for ``fit``, such as ``{"sample_weight": weights}``, cut as X is.

    Returns
    -------
    train_scores, test_scores : ndarray of shape (n_values, n_splits)


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

    def wanted(parts: list[Array]) -> list[Wanted]:
        return [Wanted({param_name: value}, rows) for rows in parts for value in param_range]

    scores: tuple[Array, Array]
    scores, _ = with_stacks(
        model_selection.validation_curve,
        estimator,
        X,
        y,
        {
            "param_name": param_name,
            "param_range": param_range,
            "groups": groups,
            "cv": cv,
            "scoring": scoring,
            "n_jobs": n_jobs,
            "pre_dispatch": pre_dispatch,
            "verbose": verbose,
            "error_score": error_score,
            "params": params,
        },
        wanted,
    )
    return scores
