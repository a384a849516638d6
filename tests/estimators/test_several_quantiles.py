"""Several quantiles in one network: a column each, and never crossing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.metrics import make_scorer

from skmlp import MLPRegressor, model_selection
from skmlp.inspection import check_gradients, summary
from skmlp.losses import Quantiles
from skmlp.metrics import pinball_loss
from tests.estimators.data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

P = [0.1, 0.5, 0.9]
DIABETES = replace(TASKS["regression"], parameters={"loss": "quantile", "quantile": P})
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 20, "learning_rate_init": 0.01}
X, Y = DIABETES.X, 100 * DIABETES.y + 500
OPTIONS = {
    "plain": {},
    "standardize": {"standardize": True},
    "ensemble": {"n_members": 3, "standardize": True},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "es": {"solver": "es", "population_size": 4, "n_restarts": 0},
    "float32": {"dtype": "float32", "standardize": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_columns_are_in_order_also_far_away(options):
    model = DIABETES.model(**SMALL | options).fit(X, Y)
    for far in (1, 10, 1000):
        predicted = model.predict(far * X)
        assert predicted.shape == (len(X), 3)
        assert (np.diff(predicted) >= 0).all()
    assert model.n_outputs_ == 3
    assert model.out_activation_ == "increasing"


@pytest.mark.parametrize("standardize", [False, True])
def test_each_covers_its_part(standardize):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(2000, 1))
    y = np.sin(3 * x[:, 0]) + np.exp(x[:, 0]) * rng.normal(scale=0.3, size=2000)
    options = {"solver": "lbfgs", "alpha": 0, "max_iter": 1000, "standardize": standardize}
    model = DIABETES.model(hidden_layer_sizes=(20,), **options).fit(x, y)
    predicted = model.predict(x)
    for part in (x[:, 0] < 0, x[:, 0] >= 0):
        below = (y[part, np.newaxis] <= predicted[part]).mean(axis=0)
        np.testing.assert_allclose(below, P, atol=0.02)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_is_better_than_its_start(options):
    model = DIABETES.model(**SMALL | options).fit(X, Y)
    assert 0 < model.score(X, Y) < 1


def test_score_is_the_d2_of_the_mean_pinball_loss():
    model = DIABETES.model(**SMALL, standardize=True).fit(X, Y)
    constants = np.tile(np.quantile(Y, P, method="inverted_cdf"), (len(Y), 1))
    loss, of_constants = (pinball_loss(Y, z, quantiles=P) for z in (model.predict(X), constants))
    assert model.score(X, Y) == pytest.approx(1 - loss / of_constants)
    assert model.score(X, Y.tolist()) == model.score(X, Y)
    weights = np.random.default_rng(0).integers(0, 3, size=len(Y))
    rows = np.repeat(np.arange(len(Y)), weights)
    assert model.score(X, Y, sample_weight=weights) == pytest.approx(model.score(X[rows], Y[rows]))
    with pytest.raises(ValueError, match="inconsistent"):
        model.score(X, Y[:-1])


def test_early_stopping_watches_the_same_score():
    model = DIABETES.model(**SMALL, early_stopping=True, standardize=True).fit(X, Y, X_val=X, y_val=Y)
    assert max(model.validation_scores_) == pytest.approx(model.score(X, Y))
    scorer = make_scorer(pinball_loss, greater_is_better=False, quantiles=P)
    model = DIABETES.model(**SMALL, early_stopping=True, scoring=scorer).fit(X, Y, X_val=X, y_val=Y)
    assert max(model.validation_scores_) == pytest.approx(scorer(model, X, Y))


def test_an_instance_is_the_same():
    named = DIABETES.model(**SMALL)
    instance = MLPRegressor(loss=Quantiles(tuple(P)), random_state=0, **SMALL)
    np.testing.assert_array_equal(named.fit(X, Y).predict(X), instance.fit(X, Y).predict(X))
    array = clone(named).set_params(quantile=np.array(P)).fit(X, Y)
    np.testing.assert_array_equal(array.predict(X), named.predict(X))


def test_ensembles_predict_the_mean():
    model = DIABETES.model(**SMALL, n_members=3, standardize=True).fit(X, Y)
    each = np.array([member.predict(X) for member in model.members_])
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(axis=0))
    np.testing.assert_allclose(std, each.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
def test_training_goes_on(standardize):
    first = DIABETES.model(**SMALL, standardize=standardize, warm_start=True).fit(X, Y)
    before = first.score(X, Y)
    assert first.set_params(max_iter=100).fit(X, Y).score(X, Y) > before
    model = DIABETES.model(**SMALL, standardize=standardize)
    for _ in range(3):
        model.partial_fit(X, Y)
    assert model.predict(X).shape == (len(X), 3)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    loaded.partial_fit(X, Y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_several_targets_are_refused(method):
    several = np.stack([Y, Y], axis=1)
    with pytest.raises(ValueError, match=r"y has 2 targets .* several quantiles are those of one"):
        getattr(DIABETES.model(**SMALL), method)(X, several)
    with pytest.warns(match="column-vector"):
        getattr(DIABETES.model(**SMALL), method)(X, Y[:, np.newaxis])
    model = DIABETES.model(**SMALL, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="2 targets"):
        getattr(model, method)(X, several)


@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")  # by scikit-learn 1.6, of the grid
def test_searches_train_them_as_stacks():
    grid = {"alpha": [1e-3, 1e-1], "quantile": [P, [0.25, 0.75]]}
    results = [
        module.GridSearchCV(DIABETES.model(**SMALL, standardize=True), grid, cv=2).fit(X, Y)
        for module in (theirs, model_selection)
    ]
    scores = [result.cv_results_["mean_test_score"] for result in results]
    np.testing.assert_allclose(*scores, rtol=1e-6)
    model = DIABETES.model(**SMALL)
    predicted = [module.cross_val_predict(model, X, Y, cv=2) for module in (theirs, model_selection)]
    np.testing.assert_allclose(*predicted, rtol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
def test_gradients_are_right(standardize):
    model = DIABETES.model(**SMALL, standardize=standardize)
    assert check_gradients(model, X, DIABETES.y).ok
    assert check_gradients(model.fit(X, DIABETES.y), X, DIABETES.y).ok
    assert "Dense" in str(summary(model))


def test_levenberg_marquardt_is_refused():
    with pytest.raises(ValueError, match="sums of squares"):
        DIABETES.model(solver="lm").fit(X, Y)


def test_quantiles_are_of_one_loss():
    with pytest.raises(ValueError, match=r"quantile=\[0.1, 0.5, 0.9\] do not go together"):
        MLPRegressor(quantile=P).fit(X, Y)
