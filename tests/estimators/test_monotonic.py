"""monotonic_cst: predictions that rise or fall with some features, wherever one looks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp import model_selection as ours
from skmlp.inspection import check_gradients

from .state import stays_as_it_was

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
SIGNS = [0, 0, 1, 1, 0, 0, -1, 0, 1, 0]
SMALL = {"hidden_layer_sizes": (12, 8), "max_iter": 15, "learning_rate_init": 0.01, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def falls(predict, signs, n_pairs=20_000, n_features=10):
    """Return the share of random pairs, also far from the data, that are the wrong way round."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n_pairs, n_features)) * rng.choice([0.1, 1, 10, 1000], size=(n_pairs, 1))
    moved = points + np.sign(signs) * rng.exponential(size=points.shape) * np.abs(points)
    low, high = (np.minimum(predict(part), 1e300) for part in (points, moved))  # exp may overflow
    return np.mean(high < low - 1e-9 * np.abs(low))


CASES = {
    "default": {},
    "tanh": {"activation": "tanh"},
    "one per layer": {"activation": ["elu", "softplus"]},
    "standardize": {"standardize": True},
    "early stopping": {"early_stopping": True},
    "ensemble": {"n_members": 3},
    "float32": {"dtype": "float32"},
    "sgd": {"solver": "sgd", "max_grad_norm": 1.0, "learning_rate": "adaptive"},
    "dropout, decay": {"dropout": 0.2, "weight_decay": 0.1},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs, ensemble": {"solver": "lbfgs", "n_members": 2, "standardize": True},
    "poisson": {"loss": "poisson"},
    "huber": {"loss": "huber"},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "skip": {"skip": True},
    "skip, lbfgs": {"skip": True, "solver": "lbfgs"},
    "one unit": {"hidden_layer_sizes": (1, 1)},
}


@pytest.mark.parametrize("case", CASES)
def test_predictions_of_a_regressor(case):
    params = SMALL | CASES[case]
    y = np.abs(Y)
    model = MLPRegressor(**params, monotonic_cst=SIGNS).fit(X, y)
    with np.errstate(over="ignore"):
        assert falls(model.predict, SIGNS) == 0
        if case != "one unit":
            free = MLPRegressor(**params).fit(X, y)
            assert falls(free.predict, SIGNS) > 0.01  # else there would be nothing to keep
    assert model.predict(X).std() > 0.01


@pytest.mark.parametrize("case", ["default", "ensemble", "lbfgs"])
def test_probabilities_of_a_classifier(case):
    data = load_breast_cancer()
    X, signs = scale(data.data)[:, :10], [-1, 0, 0, -1, 0, 0, -1, -1, 0, 0]
    model = MLPClassifier(**SMALL | CASES[case], monotonic_cst=signs).fit(X, data.target)
    assert falls(lambda X: model.predict_proba(X)[:, 1], signs) == 0
    assert falls(model.decision_function, signs) == 0
    assert model.score(X, data.target) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_many_pairs(case):
    """100 000 pairs, whatever is trained: numbers, and where it has such a case, probabilities."""
    params = SMALL | CASES[case]
    model = MLPRegressor(**params, monotonic_cst=SIGNS).fit(X, np.abs(Y))
    with np.errstate(over="ignore"):
        assert falls(model.predict, SIGNS, n_pairs=100_000) == 0
    if "loss" not in params:
        classifier = MLPClassifier(**params, monotonic_cst=SIGNS).fit(X, Y > 0)
        assert falls(classifier.decision_function, SIGNS, n_pairs=100_000) == 0
        assert falls(lambda X: classifier.predict_proba(X)[:, 1], SIGNS, n_pairs=100_000) == 0


def test_several_labels_and_targets():
    labels = np.c_[Y > 0, X[:, 2] > 0].astype(int)
    model = MLPClassifier(**SMALL, monotonic_cst=SIGNS).fit(X, labels)
    assert falls(model.predict_proba, SIGNS) == 0
    model = MLPRegressor(**SMALL, monotonic_cst=SIGNS).fit(X, np.c_[Y, X[:, 3]])
    assert falls(model.predict, SIGNS) == 0


def test_after_partial_fit_and_warm_starts():
    for params in ({}, {"warm_start": True}):
        model = MLPRegressor(**SMALL, **params, monotonic_cst=SIGNS)
        for _ in range(3):
            (model.fit if params else model.partial_fit)(X, -Y)
            assert falls(model.predict, SIGNS) == 0
    model.coefs_[-1][...] = -1  # whatever a user has written
    assert falls(model.fit(X, Y).predict, SIGNS) == 0


def test_names_of_features():
    frame = pd.DataFrame(X, columns=list("abcdefghij"))
    by_name = {"i": 1, "c": 1, "d": 1, "g": -1, "a": 0}
    model = MLPRegressor(**SMALL, monotonic_cst=by_name).fit(frame, Y)
    by_place = MLPRegressor(**SMALL, monotonic_cst=np.array(SIGNS)).fit(X, Y)
    np.testing.assert_array_equal(model.predict(frame), by_place.predict(X))


@pytest.mark.parametrize("value", [None, [0] * 10, {}])
def test_without_a_sign_nothing_changes(value):
    model, plain = MLPRegressor(**SMALL, monotonic_cst=value).fit(X, Y), MLPRegressor(**SMALL).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_predictions_follow_the_fit():
    model = MLPRegressor(**SMALL, monotonic_cst=SIGNS).fit(X, Y)
    before = model.predict(X)
    model.set_params(monotonic_cst=None)
    np.testing.assert_array_equal(model.predict(X), before)


def test_the_gradient_is_right():
    params = SMALL | {"activation": "tanh", "monotonic_cst": SIGNS}
    assert check_gradients(MLPRegressor(**params), X[:40], Y[:40]).ok
    assert check_gradients(MLPRegressor(**params).fit(X, Y), X[:40], Y[:40]).ok


def test_lbfgs_stops_where_the_bounds_hold_it():
    """A linear model with one weight of the wrong sign: the optimum has it at zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = -x[:, 0] + 2 * x[:, 1]
    model = MLPRegressor((), solver="lbfgs", alpha=0, monotonic_cst=[1, 1], random_state=0).fit(x, y)
    slope, intercept = np.polyfit(x[:, 1], y, 1)
    np.testing.assert_allclose(np.ravel(model.coefs_), [0, slope], atol=1e-4)
    np.testing.assert_allclose(np.ravel(model.intercepts_), intercept, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")  # by scikit-learn 1.6, of the grid
def test_a_search_over_constraints():
    grid = {"monotonic_cst": [None, SIGNS, [1] * 10], "alpha": [0.1, 1]}
    results = [
        search(MLPRegressor(**SMALL), grid, cv=2).fit(X, Y).cv_results_["mean_test_score"]
        for search in (GridSearchCV, ours.GridSearchCV)
    ]
    np.testing.assert_allclose(*results, rtol=1e-9)
    assert len(np.unique(results[0].round(6))) == 6


def test_few_and_noisy_samples_gain_where_the_truth_is_monotonic():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(3000, 4))
    truth = np.exp(x[:, 0]) - x[:, 1] ** 3 + x[:, 2] ** 2 + np.sin(3 * x[:, 3])
    y = truth + rng.normal(size=len(x))
    errors = []
    for signs in (None, [1, -1, 0, 0]):
        model = MLPRegressor(
            (32, 32),
            max_iter=200,
            learning_rate_init=0.01,
            n_iter_no_change=200,
            random_state=0,
            monotonic_cst=signs,
        )
        of_splits = [
            np.mean((model.fit(x[part], y[part]).predict(x[1000:]) - truth[1000:]) ** 2)
            for part in np.split(np.arange(600), 4)
        ]
        errors.append(np.mean(of_splits))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"monotonic_cst": [1, 0]}, r"monotonic_cst=\[1, 0\] has 2 entries, X has 10 features"),
        ({"monotonic_cst": {"age": 1}}, "has names of features, and X has none: pass a data frame"),
        ({"solver": "lm"}, "cannot be kept by solver='lm': choose 'lbfgs'"),
        ({"solver": "es"}, "cannot be kept by solver='es'"),
        ({"normalization": "batch"}, "normalization='batch', which may turn a unit around"),
        ({"activation": ["relu", "gelu"]}, "gelu falls in places. Choose one that never does"),
        (
            {"monotonic_cst": [2] * 10},
            "'monotonic_cst' parameter of MLPRegressor must be array-like of int",
        ),
        ({"monotonic_cst": [0.5] * 10}, "'monotonic_cst' parameter"),
        ({"monotonic_cst": "rising"}, "'monotonic_cst' parameter"),
        ({"monotonic_cst": {2: 1}}, "'monotonic_cst' parameter"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(params, message):
    model = MLPRegressor(**SMALL | {"monotonic_cst": SIGNS} | params)
    with stays_as_it_was(model), pytest.raises(ValueError, match=message):
        model.fit(X, Y)


def test_unknown_names_and_several_classes_are_refused():
    frame = pd.DataFrame(X, columns=list("abcdefghij"))
    with pytest.raises(ValueError, match=r"features \['z'\], and those of X are \['a'"):
        MLPRegressor(**SMALL, monotonic_cst={"z": 1}).fit(frame, Y)
    with pytest.raises(ValueError, match="it is for regression, two classes and several labels"):
        MLPClassifier(**SMALL, monotonic_cst=SIGNS).fit(X, np.digitize(Y, [-0.5, 0.5]))
    assert "monotonic_cst" not in MixtureDensityRegressor().get_params()
