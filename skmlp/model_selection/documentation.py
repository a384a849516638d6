"""The docstrings of the searches: what they have in common is written once."""

from __future__ import annotations

import inspect
import textwrap
from typing import TypeVar

PARAMETERS = {
    "estimator": """
        object
        A network of skmlp, or a Pipeline that ends in one: its fits are trained as stacks. Any other
        estimator is fitted as by scikit-learn.""",
    "param_grid": """
        dict, or list of dict
        The values of each parameter; of a list, one grid after the other.""",
    "param_distributions": """
        dict, or list of dict
        A list or a distribution with a method ``rvs`` for each parameter.""",
    "n_iter": """
        int, default=10
        How many candidates are drawn.""",
    "n_candidates": """
        int or 'exhaust', default='exhaust'
        How many candidates are drawn; 'exhaust': as many as let the last iteration use all resources.""",
    "factor": """
        int or float, default=3
        One of so many candidates goes on to the next iteration, which gives each so many times more.""",
    "resource": """
        str, default='n_samples'
        What grows with the iterations: the number of samples, or a parameter that counts. With
        ``resource='max_iter'`` (or ``'<step>__max_iter'``) the survivors go on from where they were, with
        the same result as a longer fit; where a schedule or a warmup plans for the number of epochs,
        they start anew.""",
    "max_resources": """
        int or 'auto', default='auto'
        The most that a candidate may use; must be given if ``resource`` is a parameter.""",
    "min_resources": """
        int, 'exhaust' or 'smallest'
        What each candidate may use in the first iteration.""",
    "aggressive_elimination": """
        bool, default=False
        Whether to repeat the first iteration as long as there are too many candidates.""",
    "scoring": """
        str, callable, list, tuple or dict, default=None
        How the test parts are scored; None: by the estimator's ``score``.""",
    "n_jobs": """
        int or None, default=None
        How many stacks are trained at the same time, by joblib's backend; None: 1.""",
    "refit": """
        bool, str or callable, default=True
        Whether to fit the best candidate to all samples; of several scorers, by which it is best.""",
    "cv": """
        int, splitter, iterable or None, default=None
        How the data are split; None: into 5 folds.""",
    "verbose": """
        int, default=0
        How much is printed.""",
    "pre_dispatch": """
        int or str, default='2*n_jobs'
        How many stacks are handed to the workers in advance.""",
    "random_state": """
        int, RandomState instance or None, default=None
        What draws candidates and subsamples.""",
    "error_score": """
        'raise' or number, default=nan
        The score of a fit that fails; 'raise': raise its error. With a number, an interruption from the
        keyboard keeps what is done, and the other fits get it.""",
    "return_train_score": """
        bool
        Whether to score the training parts too.""",
}

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
scorer_ : callable, or dict of them
    What has scored.
n_splits_ : int
    How many times each candidate was fitted.
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

Search = TypeVar("Search", bound=type)


def documented(cls: Search) -> Search:
    """Fill in the docstring of a search: ``{parameters}`` ``{attributes}`` by the list."""
    entries = []
    for name in inspect.signature(cls).parameters:
        kind, _, meaning = inspect.cleandoc(PARAMETERS[name]).partition("\n")
        entries.append(f"{name} : {kind}\n{textwrap.indent(meaning, '    ')}")
    doc = inspect.cleandoc(cls.__doc__ or "").replace("{parameters}", "\n".join(entries))
    cls.__doc__ = doc.replace("{attributes}", ATTRIBUTES.strip())
    return cls
