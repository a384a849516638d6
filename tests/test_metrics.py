"""Metrics of distributions, quantiles and intervals, and the scorers made of them."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPRegressor, metrics, model_selection
from skmlp.network.gaussian_mixture import GaussianMixture
from tests.estimators.data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIABETES, LINNERUD = TASKS["regression"], TASKS["multi-output"]
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 10, "random_state": 0}
N = 7
WEIGHTS = np.array([0.0, 1, 2, 0, 1, 3, 0])
TARGETS = pytest.mark.parametrize("n_targets", [1, 2])


def mixture(n_targets):
    rng = np.random.default_rng(0)
    shape = (N, 3) if n_targets == 1 else (N, 3, n_targets)
    weights = rng.dirichlet(np.full(3, 2.0), size=N)
    return GaussianMixture(weights, rng.normal(scale=2, size=shape), rng.uniform(0.3, 1.5, size=shape))


def targets(n_targets):
    return np.random.default_rng(1).normal(scale=2, size=(N, n_targets)[: 1 + (n_targets > 1)])


def predicted(name, n_targets):
    """Return what the metric ``name`` is given beside y."""
    shape = mixture(n_targets).mean().shape
    noise = np.random.default_rng(2).normal(size=(*shape, 3))
    return {
        "log_likelihood": ((mixture(n_targets),), {}),
        "crps": ((mixture(n_targets),), {}),
        "pinball_loss": ((noise,), {"quantiles": [0.1, 0.5, 0.9]}),
        "interval_coverage": ((np.stack([-1 + 0 * noise[..., 0], 2 + noise[..., 0] ** 2], axis=-1),), {}),
        "interval_width": ((np.sort(noise, axis=-1)[..., :2],), {}),
    }[name]


METRICS = ("log_likelihood", "crps", "pinball_loss", "interval_coverage", "interval_width")


def of_rows(args, rows):
    """Return what is predicted for some of the rows."""
    (given,) = args
    if isinstance(given, GaussianMixture):
        return (GaussianMixture(*(a[rows] for a in (given.weights, given.means, given.scales))),)
    return (given[rows],)


@TARGETS
@pytest.mark.parametrize("name", METRICS)
def test_weights_are_repetitions(name, n_targets):
    metric, y = getattr(metrics, name), targets(n_targets)
    args, options = predicted(name, n_targets)
    rows = np.repeat(np.arange(N), WEIGHTS.astype(int))
    weighted = metric(y, *args, **options, sample_weight=WEIGHTS)
    assert isinstance(weighted, float)
    assert weighted == pytest.approx(metric(y[rows], *of_rows(args, rows), **options))
    assert weighted != pytest.approx(metric(y, *args, **options))


@TARGETS
@pytest.mark.parametrize("name", METRICS)
def test_targets_may_be_lists_and_must_fit(name, n_targets):
    metric, y = getattr(metrics, name), targets(n_targets)
    args, options = predicted(name, n_targets)
    expected = metric(y, *args, **options)
    assert metric(y.tolist(), *args, **options) == expected
    if n_targets == 1:
        assert metric(y[:, np.newaxis], *args, **options) == expected
    for wrong in (y[:-1], np.concatenate([y, y])):
        with pytest.raises(ValueError, match=r"y_true has shape"):
            metric(wrong, *args, **options)
    with pytest.raises(ValueError, match="NaN"):
        metric(np.full_like(y, np.nan), *args, **options)


def test_log_likelihood_of_normal_distributions():
    means, scales, y = targets(1), np.linspace(0.5, 2, N), targets(1)[::-1]
    normal = GaussianMixture(np.ones((N, 1)), means[:, np.newaxis], scales[:, np.newaxis])
    expected = norm(means, scales).logpdf(y).mean()
    assert metrics.log_likelihood(y, normal) == pytest.approx(expected, rel=1e-12)


@TARGETS
def test_crps_is_an_integral(n_targets):
    d, y = mixture(n_targets), targets(n_targets)
    wholes = []
    for i in range(N):
        for j in range(n_targets):
            mean, scale = (a[i] if n_targets == 1 else a[i, :, j] for a in (d.means, d.scales))
            point = y[i] if n_targets == 1 else y[i, j]

            def square(x, i=i, mean=mean, scale=scale, point=point):
                return (d.weights[i] @ norm(mean, scale).cdf(x) - (x >= point)) ** 2

            wholes.append(sum(quad(square, *part, limit=200)[0] for part in ((-20, point), (point, 20))))
    assert metrics.crps(y, d) == pytest.approx(np.mean(wholes), rel=1e-6)


def test_crps_is_the_integral_of_the_pinball_loss():
    """Twice the pinball loss over all quantiles [Gneiting & Ranjan 2011, eq. 1]."""
    d, y = mixture(1), targets(1)
    p = (np.arange(2000) + 0.5) / 2000
    loss = metrics.pinball_loss(y, d.ppf(p[:, np.newaxis]).T, quantiles=p)
    assert metrics.crps(y, d) == pytest.approx(2 * loss, rel=1e-4)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_pinball_loss_of_one_quantile_is_that_of_scikit_learn(quantile):
    y, z = targets(1), targets(1)[::-1]
    expected = mean_pinball_loss(y, z, alpha=quantile, sample_weight=WEIGHTS)
    options = {"sample_weight": WEIGHTS}
    assert metrics.pinball_loss(y, z, quantiles=quantile, **options) == pytest.approx(expected)
    assert metrics.pinball_loss(y, z[:, None], quantiles=[quantile], **options) == pytest.approx(expected)


def test_pinball_loss_is_the_mean_over_quantiles():
    (z,), options = predicted("pinball_loss", 1)
    each = [mean_pinball_loss(targets(1), z[:, i], alpha=p) for i, p in enumerate(options["quantiles"])]
    assert metrics.pinball_loss(targets(1), z, **options) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("quantiles", [0, 1, [0.5, 1.0], [[0.5]], [np.nan]])
def test_quantiles_must_be_probabilities(quantiles):
    with pytest.raises(ValueError, match="quantiles="):
        metrics.pinball_loss([1.0], [1.0], quantiles=quantiles)


def test_quantiles_must_have_a_column_each():
    with pytest.raises(ValueError, match=r"a column for each of \[0.1, 0.9\]"):
        metrics.pinball_loss([1.0], [[1.0, 2.0, 3.0]], quantiles=[0.1, 0.9])


def test_limits_belong_to_the_interval():
    assert metrics.interval_coverage([0, 1, 2, 3], [[1, 2]] * 4) == 0.5
    with pytest.raises(ValueError, match="two columns"):
        metrics.interval_coverage([0.0], [[1, 2, 3]])


# Scorers

SCORERS = {
    "log_likelihood": metrics.log_likelihood_scorer,
    "crps": metrics.neg_crps_scorer,
    "pinball": metrics.neg_pinball_loss_scorer([0.1, 0.9]),
    "coverage": metrics.interval_coverage_scorer(0.8),
    "width": metrics.neg_interval_width_scorer(0.8),
}


@pytest.fixture(scope="module")
def density():
    return MixtureDensityRegressor(**SMALL).fit(DIABETES.X, DIABETES.y)


def test_scores_are_the_metrics_of_predictions(density):
    X, y = DIABETES.X, DIABETES.y
    interval = density.predict_interval(X, 0.8)
    expected = {
        "log_likelihood": density.score_samples(X, y).mean(),
        "crps": -density.predict_dist(X).crps(y).mean(),
        "pinball": -metrics.pinball_loss(y, density.predict_quantiles(X, [0.1, 0.9]), quantiles=[0.1, 0.9]),
        "coverage": metrics.interval_coverage(y, interval),
        "width": -metrics.interval_width(y, interval),
    }
    for name, scorer in SCORERS.items():
        assert scorer(density, X, y) == pytest.approx(expected[name]), name
        weighted = scorer(density, X, y, sample_weight=DIABETES.weights)
        assert weighted != pytest.approx(expected[name])


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_see_through_pipelines_and_searches(name, density):
    scorer, X, y = SCORERS[name], DIABETES.X, DIABETES.y
    expected = scorer(density, X, y)
    assert scorer(make_pipeline(density), X, y) == expected
    assert scorer(make_pipeline(make_pipeline(density)), X, y) == expected
    assert scorer(FrozenEstimator(density), X, y) == expected
    scaling = StandardScaler().fit(X)
    moved = make_pipeline(FrozenEstimator(scaling), FrozenEstimator(density))
    assert scorer(moved, X, y) == scorer(density, scaling.transform(X), y)
    for cls in (GridSearchCV, model_selection.GridSearchCV):
        search = cls(clone(density), {"alpha": [1e-4]}, cv=2).fit(X, y)
        assert scorer(search, X, y) == scorer(search.best_estimator_, X, y)
        assert scorer(make_pipeline(search), X, y) == scorer(search.best_estimator_, X, y)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("cls", [GridSearchCV, model_selection.GridSearchCV])
def test_searches_choose_by_them(cls, several):
    scoring = SCORERS if several else metrics.log_likelihood_scorer
    pipeline = make_pipeline(StandardScaler(), MixtureDensityRegressor(**SMALL))
    grid = {"mixturedensityregressor__n_components": [1, 2]}
    refit = "crps" if several else True
    search = cls(pipeline, grid, scoring=scoring, cv=2, refit=refit).fit(DIABETES.X, DIABETES.y)
    scores = search.cv_results_["mean_test_crps" if several else "mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores.argmax() == search.best_index_


def test_networks_stop_by_them():
    model = MixtureDensityRegressor(**SMALL, scoring=metrics.neg_crps_scorer).fit(DIABETES.X, DIABETES.y)
    assert max(model.validation_scores_) < 0
    assert np.argmax(model.validation_scores_) + 1 == model.best_iter_
    for name, scorer in SCORERS.items():
        assert pickle.loads(pickle.dumps(scorer)) == scorer, name
        hash(scorer)


def test_several_targets_are_scored(density):
    model = MixtureDensityRegressor(**SMALL).fit(LINNERUD.X, LINNERUD.y)
    for scorer in SCORERS.values():
        assert np.isfinite(scorer(model, LINNERUD.X, LINNERUD.y))


def test_weights_are_routed():
    weights = DIABETES.weights
    with sklearn.config_context(enable_metadata_routing=True):
        model = MixtureDensityRegressor(**SMALL).set_fit_request(sample_weight=False)
        scorer = metrics.log_likelihood_scorer.set_score_request(sample_weight=True)
        data = {"params": {"sample_weight": weights}, "cv": 2, "return_indices": True}
        result = cross_validate(
            model, DIABETES.X, DIABETES.y, scoring=scorer, return_estimator=True, **data
        )
    for score, fitted, test in zip(
        result["test_score"], result["estimator"], result["indices"]["test"], strict=True
    ):
        expected = np.average(
            fitted.score_samples(DIABETES.X[test], DIABETES.y[test]), weights=weights[test]
        )
        assert score == pytest.approx(expected)
    assert metrics.log_likelihood_scorer.get_metadata_routing().score.requests == {"sample_weight": None}


def test_models_without_a_distribution_are_named():
    model = MLPRegressor(**SMALL).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(AttributeError, match=r"log_likelihood needs a model with predict_dist.*MLPReg"):
        metrics.log_likelihood_scorer(make_pipeline(model), DIABETES.X, DIABETES.y)


def test_make_scorer_suffices_for_what_predicts_quantiles():
    scorer = make_scorer(metrics.pinball_loss, greater_is_better=False, quantiles=0.9)
    model = MLPRegressor(**SMALL, loss="quantile", quantile=0.9).fit(DIABETES.X, DIABETES.y)
    expected = -mean_pinball_loss(DIABETES.y, model.predict(DIABETES.X), alpha=0.9)
    assert scorer(model, DIABETES.X, DIABETES.y) == pytest.approx(expected)
