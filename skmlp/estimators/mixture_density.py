"""The mixture density regressor: a network that predicts a distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skmlp.estimators.base_regressor import BaseRegressor
from skmlp.estimators.documentation import documented
from skmlp.estimators.floating_point import unraised
from skmlp.fitting.choices import density_loss
from skmlp.fitting.targets import DensityTargets
from skmlp.fitting.values import check_coverage
from skmlp.network.arrays import Array
from skmlp.network.gaussian_mixture import GaussianMixture
from skmlp.network.mixture_density import MixtureDensity


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MixtureDensityRegressor(BaseRegressor):
    """Mixture density network: predicts the distribution of y given x as a mixture of Gaussians.

    A multilayer perceptron whose outputs are the mixing coefficients, means and standard deviations of
    the mixture, trained by maximum likelihood [1]_. It shows where predictions are uncertain, and predicts
    several answers where x has several. X and y are standardized inside.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the features to mean 0 and variance 1.
    y_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the targets to mean 0 and variance 1.
    n_outputs_ : int
        Number of raw scores: mixing coefficients, means and scales of all components and targets.
    out_activation_ : str
        'gaussian_mixture': softmax for the mixing coefficients, softplus for the scales.

    See Also
    --------
    MLPRegressor : The same network for a single number: the mean, the median or a quantile.

    Notes
    -----
    ``loss_curve_`` and ``validation_scores_`` are minus and plus the mean log-likelihood of standardized
    targets; `score_samples` is in the units of y.

    The defaults of ``early_stopping``, ``learning_rate_init`` and ``n_iter_no_change`` are not those of
    `MLPRegressor`: likelihood overfits early, and intervals of a network that has overfitted are too
    narrow. On small data without early stopping, such as with ``solver='lbfgs'``, choose ``alpha``
    by log-likelihood.

    At the start, the network predicts the same for all samples: a mixture whose means are quantiles of y,
    and which has the variance of y. So a constant target is described from the first epoch. There,
    ``min_scale`` is in the units of y.

    With several targets, those of one component are independent (diagonal covariance); the mixture makes
    them depend on one another.

    An ensemble (``n_members``) predicts the mixture of its members' mixtures [3]_.

    References
    ----------
    .. [1] Bishop, C. M. (1994). Mixture density networks. Technical report NCRG/94/004, Aston University.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980
    .. [3] Lakshminarayanan, B., Pritzel, A. & Blundell, C. (2017). Simple and scalable predictive
       uncertainty estimation using deep ensembles. NeurIPS. https://arxiv.org/abs/1612.01474
    .. [4] Seitzer, M., Tavakoli, A., Antic, D. & Martius, G. (2022). On the pitfalls of heteroscedastic
       uncertainty estimation with probabilistic neural networks. ICLR. https://arxiv.org/abs/2203.09168

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp import MixtureDensityRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(500, 1))
    >>> y = np.where(rng.random(500) < 0.5, 1, -1) + rng.normal(scale=0.1, size=500)  # two answers
    >>> model = MixtureDensityRegressor((10,), n_components=2, learning_rate_init=0.01, random_state=0)
    >>> model = model.fit(X, y)
    >>> abs(model.predict([[0.0]])) < 0.2  # the mean lies where there are no data
    array([ True])
    >>> density = model.predict_dist([[0.0]])
    >>> density.pdf(1.0) > 20 * density.pdf(0.0)
    array([ True])
    """

    learning_rate_init: float = 0.003
    early_stopping: bool = True
    n_iter_no_change: float = 20
    n_components: int = 3
    min_scale: float = 0.03
    beta: float = 0.0

    _loss_of = staticmethod(density_loss)
    _targets_type = DensityTargets

    def _params(self) -> dict[str, Any]:
        # The floor of the scales and the start of the means rely on targets of variance 1.
        return super()._params() | {"standardize": True}

    @unraised
    def predict_dist(self, X: Any) -> GaussianMixture:
        """Predict the distribution of the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        distribution : GaussianMixture
            One for each sample, in the units of y, with the methods `mean`, `std`, `var`, `mode`, `pdf`,
            `logpdf`, `cdf`, `ppf`, `sample` and `crps`; see
            :class:`skmlp.distributions.GaussianMixture`.
        """
        z = self._raw_scores(X).astype(float, copy=False)
        density = cast(MixtureDensity, self._fitted_loss())
        log_weights, means, scales = density.components(z)  # (K, n, M), (K, n, M, q)
        means = means * self.y_scaler_.scale_ + self.y_scaler_.mean_
        scales = scales * self.y_scaler_.scale_
        # The components of all members are those of one mixture.
        weights, means, scales = (
            np.concatenate([*members], axis=1) for members in (np.exp(log_weights) / len(z), means, scales)
        )
        single = means.shape[-1] == 1
        return GaussianMixture(weights, *((a[..., 0] if single else a) for a in (means, scales)))

    @unraised
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the mean of the distribution.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        return_std : bool, default=False
            Whether to return its standard deviation too.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The means.
        std : ndarray of the same shape
            The standard deviations: noise and, in an ensemble, disagreement; only with ``return_std``.
        """
        distribution = self.predict_dist(X)
        mean = distribution.mean()
        return (mean, distribution.std()) if return_std else mean

    @unraised
    def predict_quantiles(self, X: Any, quantiles: Any) -> Array:
        """Predict quantiles, of each target by itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        quantiles : float in [0, 1], or array-like of shape (n_quantiles,)
            Their probabilities.

        Returns
        -------
        y : ndarray of shape (n_samples, [n_targets,] [n_quantiles])
            With an axis of targets if there are several, and of quantiles unless ``quantiles`` is a number.
        """
        try:
            probabilities = np.asarray(quantiles, dtype=float)
        except (TypeError, ValueError):
            probabilities = np.array(np.nan)
        if probabilities.ndim > 1 or not np.all((probabilities >= 0) & (probabilities <= 1)):
            raise ValueError(
                f"quantiles={quantiles!r} must be a probability in [0, 1], or a list of probabilities."
            )
        distribution = self.predict_dist(X)
        if probabilities.ndim == 0:
            return distribution.ppf(probabilities)
        for _ in range(distribution.means.ndim - 1):
            probabilities = probabilities[..., np.newaxis]
        return np.moveaxis(distribution.ppf(probabilities), 0, -1)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Predict central intervals, of each target by itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        coverage : float in (0, 1), default=0.9
            The probability that the target lies within; half of the rest lies on either side.

        Returns
        -------
        interval : ndarray of shape (n_samples, [n_targets,] 2)
            Lower and upper limits.
        """
        check_coverage(coverage)
        return self.predict_quantiles(X, [0.5 - coverage / 2, 0.5 + coverage / 2])

    @unraised
    def score_samples(self, X: Any, y: Any = None) -> Array:
        """Return the log density of each observed target, of all targets together, in the units of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The observed targets; None: those that the model holds for most likely, which tells how sure
            it is.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Its mean is the log-likelihood, a score by which models can be compared and chosen.
        """
        distribution = self.predict_dist(X)
        if y is None:
            return distribution.logpdf(distribution.mode())
        y = check_array(y, ensure_2d=False, dtype=float, input_name="y")
        shape = distribution.mean().shape
        check_consistent_length(y, distribution.weights)
        if y.size != np.prod(shape):
            raise ValueError(f"y has shape {y.shape}, but the model predicts targets of shape {shape}.")
        return distribution.logpdf(y.reshape(shape))

    @unraised
    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw targets from the predicted distributions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
            The input data.
        n_samples : int, default=1
            How many to draw for each.
        random_state : int, RandomState instance or None, default=0
            Pass an int for results that can be repeated.

        Returns
        -------
        y : ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_targets, n_samples)
        """
        samples = self.predict_dist(X).sample(n_samples, check_random_state(random_state))
        return np.moveaxis(samples, 0, -1)
