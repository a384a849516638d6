"""The multilayer perceptron regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.estimators.base_regressor import BaseRegressor
from skmlp.estimators.documentation import documented
from skmlp.estimators.floating_point import unraised
from skmlp.fitting.choices import regression_loss
from skmlp.network.losses import Loss


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(BaseRegressor):
    """Multilayer perceptron regressor, trained by backpropagation.

    A drop-in for :class:`sklearn.neural_network.MLPRegressor`: the same parameters, results and
    attributes, in less time.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the features to mean 0 and variance 1; only with ``standardize``.
    y_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the targets to mean 0 and variance 1; only with ``standardize`` and a loss without link.
    n_outputs_ : int
        Number of targets.
    out_activation_ : str
        From raw scores to predictions: 'identity', or 'exp' for ``loss='poisson'`` and
        ``'gamma'``.

    See Also
    --------
    MLPClassifier : The same network for classification.

    Notes
    -----
    Scale X, and bring y to a range of about one, or training takes long or fails: see
    :class:`sklearn.preprocessing.StandardScaler` and
    :class:`sklearn.compose.TransformedTargetRegressor`.

    References
    ----------
    .. [1] Glorot, X. & Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
       neural networks. AISTATS.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skmlp import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((20,), solver="lbfgs", alpha=10, max_iter=1000, random_state=0)
    >>> regressor.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.5
    True
    """

    loss: str | Loss | Callable[..., Any] = "squared_error"
    standardize: bool | str = False
    quantile: float | None = None

    _loss_of = staticmethod(regression_loss)

    @unraised
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        return_std : bool, default=False
            Whether to return also how far the members of an ensemble disagree.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values; of an ensemble, their mean over the members.
        std : ndarray of the same shape
            Their standard deviation over the members; only with ``return_std``.

        Raises
        ------
        ValueError
            If ``return_std`` is set and the estimator is a single network.
        """
        predictions = self._predictions(X)
        if return_std and len(predictions) == 1:
            raise ValueError("return_std=True needs an ensemble: fit with n_members=2 or more.")
        if predictions.shape[-1] == 1:
            predictions = predictions[..., 0]
        if len(predictions) == 1:
            return predictions[0]
        mean = predictions.mean(axis=0)
        return (mean, predictions.std(axis=0)) if return_std else mean

    def _predictions(self, X: Any) -> Any:
        """Return what each member predicts, (n_members, n_samples, n_outputs_)."""
        predictions = self._fitted_loss().inverse_link(self._raw_scores(X))
        if hasattr(self, "y_scaler_"):
            predictions = np.stack([self.y_scaler_.inverse_transform(p) for p in predictions])
        return predictions
