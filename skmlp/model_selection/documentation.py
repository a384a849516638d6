"""The docstrings of searches and validations: what they have in common is written once."""

from __future__ import annotations

import inspect
import re
from typing import Any, TypeVar

import numpy as np

PARAMETERS = """
estimator : object
    A network of skmlp, or one in a Pipeline (also of imbalanced-learn) or a TransformedTargetRegressor:
    its fits are trained as stacks. Any other estimator is fitted as by scikit-learn.
X : {array-like, sparse matrix} of shape (n_samples, n_features)
    The samples.
y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    The targets.
groups : array-like of shape (n_samples,)
    Group labels for the splitter.
param_grid : dict, or list of dict
    The values of each parameter. A list: several grids, one after the other.
param_distributions : dict, or list of dict
    For each parameter, a list of values or a distribution with a method ``rvs``.
param_name : str
    The parameter that varies.
param_range : array-like of shape (n_values,)
    Its values.
train_sizes : array-like of shape (n_ticks,)
    Numbers of training samples, or fractions of the largest possible number.
n_iter : int
    Number of candidates drawn.
n_candidates : int or 'exhaust'
    Number of candidates drawn. 'exhaust': as many as let the last iteration use all resources.
factor : int or float
    Each iteration keeps the best of its candidates, one in ``factor``, and gives each ``factor`` times
    the resources.
resource : str
    What grows with the iterations: the number of samples, or a parameter that counts. With
    ``resource='max_iter'`` (or ``'<step>__max_iter'``) training of the survivors continues where it
    ended, with the same result as a longer fit; if a schedule or a warmup depends on ``max_iter``, it
    starts anew (one with ``n_epochs`` does not).
max_resources : int or 'auto'
    The largest amount for one candidate. Required if ``resource`` is a parameter.
min_resources : int, 'exhaust' or 'smallest'
    The amount for each candidate in the first iteration.
aggressive_elimination : bool
    Whether to repeat the first iteration as long as there are too many candidates.
scoring : str, callable or None
    Scores the test parts. None: the estimator's ``score``.
cross_validate.scoring : str, callable, list, tuple, dict or None
    Scores the test parts; a list, tuple or dict: several scorers. None: the estimator's ``score``.
n_jobs : int or None
    Number of stacks trained at the same time, by joblib's backend. None: 1.
refit : bool, str or callable
    Whether to fit the best candidate to all samples. With several scorers: the name of the one that
    decides which is best. A callable chooses the best candidate from ``cv_results_``.
cv : int, splitter, iterable or None
    How to split the samples. None: into 5 folds.
verbose : int
    How much to print: from 1 on, the number of jobs too, and why fits are not parts of stacks.
params : dict
    Metadata for ``fit``, such as ``{"sample_weight": weights}``. Values with one entry per sample are
    split as X is.
fit_params : dict
    Deprecated by scikit-learn 1.6: use ``params``.
pre_dispatch : int or str
    Number of stacks handed to the workers in advance.
random_state : int, RandomState instance or None
    Seed for drawing candidates and subsamples.
learning_curve.random_state : int, RandomState instance or None
    Seed for shuffling.
permutation_test_score.random_state : int, RandomState instance or None
    Seed for the permutations.
permutation_test_score.groups : array-like of shape (n_samples,)
    Group labels: targets are permuted within each group. For the splitter, too.
n_permutations : int
    How often the targets are permuted.
shuffle : bool
    Whether to shuffle each training part before its first rows are taken.
exploit_incremental_learning : bool
    Whether to train from one size to the next by ``partial_fit``, as scikit-learn does, without
    stacks.
method : {'predict', 'predict_proba', 'predict_log_proba', 'decision_function'}
    The method that predicts the test parts.
error_score : 'raise' or number
    Score of a fit that fails. 'raise': raise its error. With a number, an interruption from the
    keyboard keeps the finished fits, and the others get this score.
return_train_score : bool
    Whether to score the training parts too.
return_estimator : bool
    Whether to return the fitted estimators.
return_indices : bool
    Whether to return the rows of each split.
return_times : bool
    Whether to return the times of fits and scores.
"""
"""Type and meaning of each parameter; under ``function.parameter`` where one differs from the others."""

ENTRIES = {
    name: text
    for name, _, text in (entry.partition(" : ") for entry in re.split(r"\n(?=\S)", PARAMETERS.strip()))
}
for search in ("GridSearchCV", "RandomizedSearchCV"):
    ENTRIES[f"{search}.scoring"] = ENTRIES["cross_validate.scoring"]

ATTRIBUTES = """
cv_results_ : dict of str to ndarray
    One row for each candidate, with scikit-learn's keys. ``mean_fit_time`` is the share of a fit in the
    time of its stack.
best_estimator_ : object
    The best candidate, fitted to all samples; with ``refit``.
best_score_ : float
    Its mean score on the test parts.
best_params_ : dict
    Its parameters.
best_index_ : int
    Its row in ``cv_results_``.
scorer_ : callable, or dict of str to callable
    The scorer, or several by name.
n_splits_ : int
    Number of splits: how often each candidate was fitted.
refit_time_ : float
    Seconds of the fit to all samples; with ``refit``.
multimetric_ : bool
    Whether there are several scorers.
classes_ : ndarray of shape (n_classes,)
    Class labels of a classifier; with ``refit``.
n_features_in_ : int
    Number of features; with ``refit``.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Their names, if X has names that are all strings; with ``refit``.
"""

Documented = TypeVar("Documented")


def documented(thing: Documented) -> Documented:
    """Fill in a docstring: ``{parameters}`` by the signature, ``{attributes}`` by the list."""
    function: Any = thing
    entries = [entry(function.__name__, p) for p in inspect.signature(function).parameters.values()]
    doc = inspect.cleandoc(function.__doc__ or "").replace("{parameters}", "\n".join(entries))
    function.__doc__ = doc.replace("{attributes}", ATTRIBUTES.strip())
    return thing


def entry(owner: str, parameter: inspect.Parameter) -> str:
    """Return what a docstring says about a parameter of the class or function named ``owner``."""
    name, default = parameter.name, parameter.default
    # A later scikit-learn may have more parameters.
    text = ENTRIES.get(f"{owner}.{name}") or ENTRIES.get(name) or "object\n    As in scikit-learn."
    kind, _, meaning = text.partition("\n")
    if default is not parameter.empty:
        kind += f", default={default.tolist() if isinstance(default, np.ndarray) else repr(default)}"
    return f"{name} : {kind}\n{meaning}"
