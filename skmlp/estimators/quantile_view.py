"""One of several quantiles, as an estimator of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skmlp.estimators.documentation_link import DocumentationLinkMixin
from skmlp.network.arrays import Array


class QuantileView(DocumentationLinkMixin, RegressorMixin, BaseEstimator):
    """One of the quantiles that a fitted regressor predicts, as a regressor of its own.

    For tools that want a model for each quantile. Nothing is copied, and ``fit`` changes nothing.

    Parameters
    ----------
    regressor : MLPRegressor, TabularMLPRegressor, or Pipeline that ends in one
        Fitted, with ``loss="quantile"`` and a list of quantiles.
    quantile : float in (0, 1), default=0.5
        One of its quantiles.

    Attributes
    ----------
    n_features_in_ : int
        Number of features that the regressor has seen.

    See Also
    --------
    MLPRegressor : Predicts several quantiles, which never cross.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor, QuantileView
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor(
    ...     (20,), loss="quantile", quantile=[0.1, 0.5, 0.9], standardize=True, max_iter=30, tol=0.01,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> regressor.predict(X).shape
    (442, 3)
    >>> view = QuantileView(regressor, quantile=0.9)
    >>> view.predict(X).shape
    (442,)
    >>> print(f"{(y <= view.predict(X)).mean():.1f}")
    0.9
    """

    def __init__(self, regressor: Any, quantile: float = 0.5) -> None:
        self.regressor = regressor
        self.quantile = quantile

    def __sklearn_clone__(self) -> QuantileView:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        check_is_fitted(self.regressor)
        return True

    @property
    def n_features_in_(self) -> int:
        """Number of features that the regressor has seen."""
        n_features: int = self.regressor.n_features_in_
        return n_features

    def fit(self, X: Any, y: Any = None) -> QuantileView:
        """Do nothing: the regressor is fitted.

        Parameters
        ----------
        X : object
            Ignored.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : QuantileView
            As it was.
        """
        check_is_fitted(self.regressor)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the quantile.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The predicted quantile.

        Raises
        ------
        ValueError
            If the regressor predicts no such quantile.
        """
        check_is_fitted(self.regressor)
        network = self.regressor[-1] if isinstance(self.regressor, Pipeline) else self.regressor
        of_network = network.quantile if np.ndim(network.quantile) else []
        (columns,) = np.isclose(of_network, self.quantile, rtol=0, atol=1e-9).nonzero()
        if len(columns) != 1:
            raise ValueError(
                f"quantile={self.quantile!r} must be one of several that the regressor predicts; it has"
                f" quantile={network.quantile!r}."
            )
        column: Array = self.regressor.predict(X)[:, columns[0]]
        return column

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the D2 of the pinball loss of this quantile.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Test data.
        y : array-like of shape (n_samples,)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        score : float
            See :func:`sklearn.metrics.d2_pinball_score`.
        """
        return float(d2_pinball_score(y, self.predict(X), sample_weight=sample_weight, alpha=self.quantile))
