"""The multilayer perceptron regressor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skmlp.estimators.base_regressor import BaseRegressor
from skmlp.estimators.documentation import documented
from skmlp.estimators.floating_point import unraised
from skmlp.fitting.choices import regression_loss
from skmlp.fitting.targets import NumericTargets, QuantileTargets
from skmlp.fitting.values import check_coverage
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss
from skmlp.network.quantiles import Quantiles


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
    {posterior}
    noise_variance_ : float, ndarray of shape (n_targets,), (n_members,) or (n_members, n_targets)
        The estimated variance of the noise in y; only with ``alpha='evidence'`` or ``laplace``.
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the features to mean 0 and variance 1; only with ``standardize``.
    y_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the targets to mean 0 and variance 1; only with ``standardize`` and a loss without link.
    n_outputs_ : int
        Number of targets, or of several quantiles.
    out_activation_ : str
        From raw scores to predictions: 'identity', 'exp' for ``loss='poisson'`` and
        ``'gamma'``, or 'increasing' for several quantiles.

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
    >>> print(f"{regressor.fit(scale(X), scale(y)).score(scale(X), scale(y)):.2f}")
    0.57
    """

    loss: str | Loss | Callable[..., Any] = "squared_error"
    standardize: bool | str = False
    monotonic_cst: Any = None
    laplace: str | None = None
    quantile: float | Sequence[float] | None = None

    _loss_of = staticmethod(regression_loss)

    def _targets(self, y: Array, loss: Loss, classes: Any, *, continuing: bool) -> NumericTargets:
        if isinstance(loss, Quantiles):
            return QuantileTargets.of(y, loss)
        return super()._targets(y, loss, classes, continuing=continuing)

    @unraised
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        return_std : bool, default=False
            Whether to return also standard deviations: with ``laplace`` of a new target, its noise
            included; of the members of an ensemble without, how far they disagree.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values; of an ensemble, their mean over the members. With several quantiles, a
            column for each.
        std : ndarray of the same shape
            The standard deviations; only with ``return_std``. With ``laplace``, those of an ensemble are of
            the mixture of its members.

        Raises
        ------
        ValueError
            If ``return_std`` is set and the estimator is a single network without ``laplace``.
        """
        predictions = self._predictions(X)
        has_posterior = hasattr(self, "posterior_factor_")
        if return_std and len(predictions) == 1 and not has_posterior:
            raise ValueError(
                "return_std=True needs an ensemble, or a posterior of the weights: fit with n_members=2 or"
                " more, or with laplace='full'."
            )
        mean = predictions[0] if len(predictions) == 1 else predictions.mean(axis=0)
        n_columns = mean.shape[-1]
        mean = mean[..., 0] if n_columns == 1 else mean
        if not return_std:
            return mean
        variance = predictions.var(axis=0)
        if has_posterior:
            posterior, X = self._posterior(X)
            noise = np.reshape(self.noise_variance_, (len(predictions), 1, n_columns))
            variance = variance + (noise * (1 + posterior.spread(X))).mean(axis=0)
        std = np.sqrt(variance)
        return mean, std[..., 0] if n_columns == 1 else std

    @unraised
    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Predict central intervals of new targets, with ``laplace``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        coverage : float in (0, 1), default=0.9
            The probability that the target lies within; half of the rest lies on either side.

        Returns
        -------
        interval : ndarray of shape (n_samples, [n_targets,] 2)
            Lower and upper limits, those of a normal distribution.

        Raises
        ------
        ValueError
            If the network was fitted without ``laplace``: nothing is known of the noise then.
        """
        check_coverage(coverage)
        check_is_fitted(self)
        if not hasattr(self, "posterior_factor_"):
            raise ValueError("predict_interval needs the noise: fit with laplace='full'.")
        mean, std = self.predict(X, return_std=True)
        half = ndtri(0.5 + coverage / 2) * std
        return np.stack([mean - half, mean + half], axis=-1)

    @unraised
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination; of several quantiles, the D2 of their pinball loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Test data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        score : float
            R2, or 1 - loss / loss of the best constants, where the loss is the mean over the quantiles
            [Koenker & Machado 1999].
        """
        loss = self._fitted_loss()
        if not isinstance(loss, Quantiles):
            return float(super().score(X, y, sample_weight))
        y = column_or_1d(y, dtype=float)
        check_consistent_length(X, y, sample_weight)
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        return loss.d2(self.predict(X), y[:, np.newaxis], weights)

    def _predictions(self, X: Any) -> Any:
        """Return what each member predicts, (n_members, n_samples, n_outputs_)."""
        scores = self._raw_scores(X)  # first: it says whether anything was fitted
        predictions = self._fitted_loss().inverse_link(scores)
        if hasattr(self, "y_scaler_"):
            # Several quantiles are of one target.
            shape, columns = predictions.shape, (-1, self.y_scaler_.n_features_in_)
            unscaled = [self.y_scaler_.inverse_transform(p.reshape(columns)) for p in predictions]
            predictions = np.stack(unscaled).reshape(shape)
        return predictions
