"""How good predicted distributions, quantiles and intervals are: metrics, and scorers for searches.

The metrics compare observed targets with what a model has predicted. The scorers take a fitted model, X
and y, and see through pipelines and searches. Of a score, more is better: losses have the other sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metadata_routing import MetadataRequest

from skmlp.network.arrays import Array
from skmlp.network.gaussian_mixture import GaussianMixture

__all__ = [
    "DistributionScorer",
    "crps",
    "interval_coverage",
    "interval_coverage_scorer",
    "interval_width",
    "log_likelihood",
    "log_likelihood_scorer",
    "neg_crps_scorer",
    "neg_interval_width_scorer",
    "neg_pinball_loss_scorer",
    "pinball_loss",
]


def log_likelihood(y_true: Any, distribution: GaussianMixture, *, sample_weight: Any = None) -> float:
    """Return the mean log density of the observed targets; higher is better.

    The logarithmic score [1]_, in nats and in the units of y. That of several targets is of all together.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        The observed targets.
    distribution : GaussianMixture
        One for each sample, as `MixtureDensityRegressor.predict_dist` returns.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts; None: all alike.

    Returns
    -------
    log_likelihood : float

    References
    ----------
    .. [1] Gneiting, T. & Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
       estimation. Journal of the American Statistical Association 102, section 4.1.

    Examples
    --------
    >>> from skmlp.metrics import log_likelihood
    >>> from skmlp.distributions import GaussianMixture
    >>> standard_normal = GaussianMixture([[1.0], [1.0]], means=[[0.0], [0.0]], scales=[[1.0], [1.0]])
    >>> round(log_likelihood([0.0, 1.0], standard_normal), 3)
    -1.169
    """
    y = observed(y_true, distribution.mean().shape)
    return mean(distribution.logpdf(y), sample_weight)


def crps(y_true: Any, distribution: GaussianMixture, *, sample_weight: Any = None) -> float:
    """Return the continuous ranked probability score, in the units of y; lower is better.

    The mean of the integral of (F(x) - [x >= y])^2 over x, F the predicted distribution function [1]_: the
    absolute error, if the prediction is a number. In closed form for mixtures of Gaussians [2]_. Each of
    several targets is by itself, and their mean is returned.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        The observed targets.
    distribution : GaussianMixture
        One for each sample, as `MixtureDensityRegressor.predict_dist` returns.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts; None: all alike.

    Returns
    -------
    crps : float

    References
    ----------
    .. [1] Gneiting, T. & Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
       estimation. Journal of the American Statistical Association 102, eq. 21.
    .. [2] Grimit, E. P., Gneiting, T., Berrocal, V. J. & Johnson, N. A. (2006). The continuous ranked
       probability score for circular variables and its application to mesoscale forecast ensemble
       verification. Quarterly Journal of the Royal Meteorological Society 132.

    Examples
    --------
    >>> from skmlp.metrics import crps
    >>> from skmlp.distributions import GaussianMixture
    >>> standard_normal = GaussianMixture([[1.0], [1.0]], means=[[0.0], [0.0]], scales=[[1.0], [1.0]])
    >>> round(crps([0.0, 1.0], standard_normal), 3)
    0.418
    """
    y = observed(y_true, distribution.mean().shape)
    return mean(distribution.crps(y), sample_weight)


def pinball_loss(y_true: Any, y_pred: Any, *, quantiles: Any, sample_weight: Any = None) -> float:
    """Return the pinball loss of predicted quantiles; lower is better.

    The mean of quantile (y - z) where z < y, else (1 - quantile) (z - y) [1]_, over samples, targets and
    quantiles. For one quantile it is :func:`sklearn.metrics.mean_pinball_loss`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        The observed targets.
    y_pred : array-like of shape (n_samples, [n_targets,] [n_quantiles])
        The predicted quantiles, as `MixtureDensityRegressor.predict_quantiles` returns them.
    quantiles : float in (0, 1), or array-like of shape (n_quantiles,)
        Their probabilities.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts; None: all alike.

    Returns
    -------
    loss : float

    References
    ----------
    .. [1] Koenker, R. & Bassett, G. (1978). Regression quantiles. Econometrica 46.

    Examples
    --------
    >>> from skmlp.metrics import pinball_loss
    >>> pinball_loss([1.0, 2.0], [[0.0, 1.0, 2.0], [1.0, 2.0, 5.0]], quantiles=[0.25, 0.5, 0.75])
    0.25
    """
    p = np.asarray(quantiles, dtype=float)
    if p.ndim > 1 or not np.all((p > 0) & (p < 1)):
        raise ValueError(f"quantiles={quantiles!r} must be a probability in (0, 1), or a list of them.")
    z = check_array(y_pred, ensure_2d=False, allow_nd=True, dtype=float, input_name="y_pred")
    if p.ndim == 0:
        z = z[..., np.newaxis]
    if z.shape[-1] != p.size:
        raise ValueError(
            f"y_pred of shape {np.shape(y_pred)} must have a column for each of {quantiles!r}."
        )
    error = observed(y_true, z.shape[:-1])[..., np.newaxis] - z
    return mean(np.maximum(p * error, (p - 1) * error), sample_weight)


def interval_coverage(y_true: Any, interval: Any, *, sample_weight: Any = None) -> float:
    """Return the share of observed targets that lie within predicted intervals, their limits included.

    It is to be near the coverage that the intervals are made for: neither more nor less is better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        The observed targets.
    interval : array-like of shape (n_samples, [n_targets,] 2)
        Lower and upper limits, as `MixtureDensityRegressor.predict_interval` returns them.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts; None: all alike.

    Returns
    -------
    coverage : float

    Examples
    --------
    >>> from skmlp.metrics import interval_coverage
    >>> interval_coverage([1.0, 2.0], [[0.0, 1.0], [0.0, 1.0]])
    0.5
    """
    lower, upper = limits(interval)
    y = observed(y_true, lower.shape)
    return mean((lower <= y) & (y <= upper), sample_weight)


def interval_width(y_true: Any, interval: Any, *, sample_weight: Any = None) -> float:
    """Return the mean width of predicted intervals, in the units of y.

    Of intervals with the same `interval_coverage`, the narrower are better.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        The observed targets; only their shape is compared.
    interval : array-like of shape (n_samples, [n_targets,] 2)
        Lower and upper limits, as `MixtureDensityRegressor.predict_interval` returns them.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts; None: all alike.

    Returns
    -------
    width : float

    Examples
    --------
    >>> from skmlp.metrics import interval_width
    >>> interval_width([1.0, 2.0], [[0.0, 1.0], [0.0, 2.0]])
    1.5
    """
    lower, upper = limits(interval)
    observed(y_true, lower.shape)
    return mean(upper - lower, sample_weight)


def observed(y_true: Any, shape: tuple[int, ...]) -> Array:
    """Return observed targets in the shape of what was predicted for them."""
    y: Array = check_array(y_true, ensure_2d=False, dtype=float, input_name="y_true")
    if len(y) != shape[0] or y.size != np.prod(shape):
        raise ValueError(f"y_true has shape {y.shape}, but targets of shape {shape} were predicted.")
    return y.reshape(shape)


def limits(interval: Any) -> tuple[Array, Array]:
    """Return the lower and the upper limits of intervals."""
    both = check_array(interval, allow_nd=True, dtype=float, input_name="interval")
    if both.shape[-1] != 2:
        raise ValueError(f"interval of shape {both.shape} must have two columns: lower and upper limits.")
    return both[..., 0], both[..., 1]


def mean(values: Array, sample_weight: Any) -> float:
    """Return the mean over samples, weighted, and over what each sample has."""
    check_consistent_length(values, sample_weight)
    return float(np.average(values.reshape(len(values), -1).mean(axis=1), weights=sample_weight))


@dataclass(frozen=True)
class DistributionScorer:
    """A scorer of what a model says of the distribution of its targets.

    It can be the ``scoring`` of searches, of `cross_validate` and of `MixtureDensityRegressor`. A model
    behind pipelines and searches is given X as they transform it.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, predicted, sample_weight=...)``.
    method : str
        The method of the model that predicts.
    arguments : dict, default={}
        More arguments of the method.
    options : dict, default={}
        More arguments of the metric.
    sign : {1, -1}, default=1
        -1 for a metric of which less is better.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> from skmlp import MixtureDensityRegressor
    >>> from skmlp.metrics import interval_coverage_scorer, log_likelihood_scorer
    >>> from skmlp.model_selection import cross_validate
    >>> model = make_pipeline(PolynomialFeatures(), MixtureDensityRegressor(random_state=0))
    >>> scorers = {"log_likelihood": log_likelihood_scorer, "coverage": interval_coverage_scorer(0.9)}
    >>> scores = cross_validate(model, *load_diabetes(return_X_y=True), scoring=scorers, cv=3)
    >>> sorted(scores)
    ['fit_time', 'score_time', 'test_coverage', 'test_log_likelihood']
    """

    metric: Callable[..., float]
    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sign: int = 1

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of a fitted ``estimator`` on X and y."""
        model, X = behind(estimator, X)
        predict = getattr(model, self.method, None)
        if predict is None:
            raise AttributeError(
                f"{self.metric.__name__} needs a model with {self.method}, such as MixtureDensityRegressor;"
                f" {type(model).__name__} has none."
            )
        predicted = predict(X, **self.arguments)
        return self.sign * self.metric(y, predicted, sample_weight=sample_weight, **self.options)

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Return the scorer with a request for weights; see scikit-learn's metadata routing."""
        scorer, request = copy(self), MetadataRequest(owner=repr(self))
        request.score.add_request(param="sample_weight", alias=sample_weight)
        object.__setattr__(scorer, "_request", request)
        return scorer

    def get_metadata_routing(self) -> Any:
        """Return what the scorer requests."""
        if request := getattr(self, "_request", None):
            return request
        request = MetadataRequest(owner=repr(self))
        request.score.add_request(param="sample_weight", alias=None)
        return request


def behind(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the model behind pipelines and searches, and X as it is given it."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        else:
            return estimator, X


log_likelihood_scorer = DistributionScorer(log_likelihood, "predict_dist")
"""The scorer of `log_likelihood`."""

neg_crps_scorer = DistributionScorer(crps, "predict_dist", sign=-1)
"""The scorer of minus `crps`."""


def neg_pinball_loss_scorer(quantiles: Any) -> DistributionScorer:
    """Return the scorer of minus `pinball_loss`.

    Parameters
    ----------
    quantiles : array-like of shape (n_quantiles,)
        The probabilities of the quantiles, each in (0, 1).

    Returns
    -------
    scorer : DistributionScorer
        For models with `predict_quantiles`.

    Examples
    --------
    >>> from skmlp.metrics import neg_pinball_loss_scorer
    >>> neg_pinball_loss_scorer([0.1, 0.5, 0.9]).method
    'predict_quantiles'
    """
    same = {"quantiles": quantiles}
    return DistributionScorer(pinball_loss, "predict_quantiles", same, same, sign=-1)


def interval_coverage_scorer(coverage: float = 0.9) -> DistributionScorer:
    """Return the scorer of `interval_coverage`: to look at, as more is not better.

    Parameters
    ----------
    coverage : float in (0, 1), default=0.9
        The coverage that the intervals are made for.

    Returns
    -------
    scorer : DistributionScorer
        For models with `predict_interval`.

    Examples
    --------
    >>> from skmlp.metrics import interval_coverage_scorer
    >>> interval_coverage_scorer(0.5).arguments
    {'coverage': 0.5}
    """
    return DistributionScorer(interval_coverage, "predict_interval", {"coverage": coverage})


def neg_interval_width_scorer(coverage: float = 0.9) -> DistributionScorer:
    """Return the scorer of minus `interval_width`.

    Parameters
    ----------
    coverage : float in (0, 1), default=0.9
        The coverage that the intervals are made for.

    Returns
    -------
    scorer : DistributionScorer
        For models with `predict_interval`.

    Examples
    --------
    >>> from skmlp.metrics import neg_interval_width_scorer
    >>> neg_interval_width_scorer(0.5).sign
    -1
    """
    return DistributionScorer(interval_width, "predict_interval", {"coverage": coverage}, sign=-1)
