"""One of several quantiles, as an estimator of its own."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import d2_pinball_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skmlp import MLPRegressor, QuantileView
from tests.estimators.data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = TASKS["regression"].X, TASKS["regression"].y
NETWORK = MLPRegressor((5,), loss="quantile", quantile=[0.05, 0.5, 0.95], max_iter=5, random_state=0)


@pytest.fixture(params=[NETWORK, make_pipeline(StandardScaler(), NETWORK)], ids=["network", "pipeline"])
def model(request):
    return clone(request.param).fit(X, y)


@pytest.mark.parametrize(("column", "quantile"), list(enumerate([(1 - 0.9) / 2, 0.5, (1 + 0.9) / 2])))
def test_a_view_predicts_its_column(model, column, quantile):
    view = QuantileView(model, quantile)
    np.testing.assert_array_equal(view.predict(X), model.predict(X)[:, column])
    weights = np.arange(len(y))
    expected = d2_pinball_score(y, model.predict(X)[:, column], sample_weight=weights, alpha=quantile)
    assert view.score(X, y, weights) == expected
    assert view.n_features_in_ == X.shape[1]


def test_a_view_stays_fitted(model):
    view = QuantileView(model)
    before = view.predict(X)
    assert view.fit(X, -y) is view
    assert clone(view) is view
    check_is_fitted(view)
    np.testing.assert_array_equal(view.predict(X), before)


@pytest.mark.parametrize("quantile", [0.3, 0.9500001])
def test_another_quantile_is_refused(model, quantile):
    with pytest.raises(ValueError, match="must be one of several that the regressor predicts"):
        QuantileView(model, quantile).predict(X)


def test_a_network_with_one_quantile_is_refused():
    model = clone(NETWORK).set_params(quantile=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"it has quantile=0\.5"):
        QuantileView(model).predict(X)


@pytest.mark.parametrize("call", [lambda view: view.predict(X), lambda view: view.fit(X), check_is_fitted])
def test_nothing_is_seen_before_the_fit(call):
    with pytest.raises(NotFittedError):
        call(QuantileView(clone(NETWORK)))
