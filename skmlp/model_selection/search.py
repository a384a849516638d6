"""Searches over parameters whose fits are trained as stacks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn import model_selection
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - the import is what enables it

from skmlp.estimators.attributes import publish
from skmlp.estimators.callbacks import has_callbacks
from skmlp.estimators.documentation_link import DocumentationLinkMixin
from skmlp.model_selection.documentation import documented
from skmlp.model_selection.prefit import (
    ExpectedFit,
    InterruptedSearchError,
    ObservedSplitter,
    Prefit,
    splitter_if_prefit,
)
from skmlp.model_selection.samples import fit_params
from skmlp.network.arrays import Array


class StackedSearch(DocumentationLinkMixin):
    """Makes the fits of one of scikit-learn's searches as stacks; comes before it among the bases."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Run fit with all sets of parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        **params : dict of str to object
            For the ``fit`` of the estimator, the scorer and the splitter, as in scikit-learn: sample
            weights, ``groups`` and the like.

        Returns
        -------
        self : object
            The fitted search. If ``fit`` raises, the search is as it was before.
        """
        me: Any = self
        cv = splitter_if_prefit(me.estimator, y, cv=me.cv, n_jobs=me.n_jobs, verbose=me.verbose)
        if cv is None:
            scikit_learns: Any = super()
            return scikit_learns.fit(X, y, **params)
        resource = str(getattr(me, "resource", ""))
        fits = Prefit(
            me.estimator,
            n_jobs=me.n_jobs,
            verbose=me.verbose,
            pre_dispatch=me.pre_dispatch,
            error_score=me.error_score,
            caller=self,
            resource=resource if resource.rpartition("__")[2] == "max_iter" else None,
        )
        # A copy is fitted: it has the stand-in, and the search stays as it is if anything goes wrong.
        search = copy.copy(me)
        search._fits, search._params, search.estimator, search.n_jobs = fits, params, fits.stand_in(), 1
        search.cv = cv
        scikit_learns = super(StackedSearch, search)
        with parallel_config(backend="sequential"):
            scikit_learns.fit(X, y, **params)
        search.estimator.__class__ = type(me.estimator)  # the scorer may hold it
        given = {*me.get_params(deep=False), "_fits", "_params"}
        publish(self, {name: value for name, value in vars(search).items() if name not in given})
        return self

    def _run_search(self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None) -> None:
        """Evaluate candidates as the search does that this one extends."""
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        me: Any = self
        scikit_learns: Any = super()
        run = scikit_learns._run_search
        if not hasattr(self, "_fits"):
            run(evaluate_candidates, **context)
            return

        def evaluate(
            candidate_params: Any, cv: Any = None, more_results: Any = None, **context: Any
        ) -> Any:
            return self._evaluate(evaluate_candidates, list(candidate_params), cv, more_results, **context)

        try:
            run(evaluate, **context)
        except InterruptedSearchError:
            # What scikit-learn would have noted at the end; a round without results is none.
            self.n_iterations_ = me._fits.n_rounds
            me.n_resources_, me.n_candidates_ = (
                rounds[: self.n_iterations_] for rounds in (me.n_resources_, me.n_candidates_)
            )

    def _evaluate(
        self,
        evaluate_candidates: Callable[..., Any],
        candidates: list[dict[str, Any]],
        cv: Any,
        more_results: Any,
        callback_ctx: Any = None,
    ) -> Any:
        """Let scikit-learn evaluate all candidates on all splits, with fits that are made as stacks."""
        me: Any = self
        fits = me._fits

        def expect(X: Any, y: Any, parts: list[Array]) -> None:
            expected = [
                ExpectedFit(parameters, rows, fold)
                for parameters, (fold, rows) in product(candidates, enumerate(parts))
            ]
            contexts = []
            if callback_ctx is not None and has_callbacks(self):
                contexts = [
                    callback_ctx.subcontext(task_name="candidate-split-evaluation", task_id=i)
                    for i in range(len(expected))
                ]
            metadata = fit_params(self, me._params, of_splitter="groups")
            fits.expect(X, y, metadata, expected, contexts)

        results = evaluate_candidates(candidates, ObservedSplitter(cv or me.cv, expect), more_results)
        seconds = np.reshape(fits.seconds, (len(results["params"]), -1))
        results["mean_fit_time"], results["std_fit_time"] = seconds.mean(axis=1), seconds.std(axis=1)
        fits.n_rounds += 1
        if fits.interrupted and hasattr(self, "n_resources_"):
            raise InterruptedSearchError
        return results


@documented
class GridSearchCV(StackedSearch, model_selection.GridSearchCV):
    """Try all combinations of parameters, and train their fits as stacks.

    A :class:`sklearn.model_selection.GridSearchCV`: the same options, and the same results.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import GridSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> search = GridSearchCV(model, {"mlpclassifier__learning_rate_init": [0.0001, 0.05]})
    >>> search.fit(X, y).best_params_
    {'mlpclassifier__learning_rate_init': 0.05}
    """


@documented
class RandomizedSearchCV(StackedSearch, model_selection.RandomizedSearchCV):
    """Try parameters drawn at random, and train their fits as stacks.

    A :class:`sklearn.model_selection.RandomizedSearchCV`: the same options, and the same results.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn.model_selection.RandomizedSearchCV : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import RandomizedSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), max_iter=50, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> values = {"mlpclassifier__learning_rate_init": [0.0001, 0.001, 0.05]}
    >>> search = RandomizedSearchCV(model, values, n_iter=3, random_state=0)
    >>> search.fit(X, y).best_params_
    {'mlpclassifier__learning_rate_init': 0.05}
    """


@documented
class HalvingGridSearchCV(StackedSearch, model_selection.HalvingGridSearchCV):
    """Try all combinations of parameters, and continue the best with more samples or epochs.

    A :class:`sklearn.model_selection.HalvingGridSearchCV`: the same options, and the same results.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn.model_selection.HalvingGridSearchCV : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import HalvingGridSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), max_iter=200, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> values = {"mlpclassifier__learning_rate_init": [1e-6, 1e-5, 0.01, 0.05]}
    >>> search = HalvingGridSearchCV(model, values, min_resources=50, cv=3, random_state=0)
    >>> search.fit(X, y).n_resources_
    [50, 150]
    >>> search.best_params_
    {'mlpclassifier__learning_rate_init': 0.05}
    """


@documented
class HalvingRandomSearchCV(StackedSearch, model_selection.HalvingRandomSearchCV):
    """Try parameters drawn at random, and continue the best with more samples or epochs.

    A :class:`sklearn.model_selection.HalvingRandomSearchCV`: the same options, and the same results.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    sklearn.model_selection.HalvingRandomSearchCV : The same, one fit after the other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> from skmlp.model_selection import HalvingRandomSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> network = MLPClassifier((10,), max_iter=200, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> values = {"mlpclassifier__learning_rate_init": [1e-6, 1e-5, 0.01, 0.05]}
    >>> search = HalvingRandomSearchCV(model, values, min_resources=50, cv=3, random_state=0)
    >>> search.fit(X, y).n_resources_
    [50, 150]
    >>> search.best_params_
    {'mlpclassifier__learning_rate_init': 0.05}
    """
