"""What numpy is told to do about floating-point errors changes no result, and no warning leaks."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import skmlp.model_selection
from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.network.losses import Focal

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0}
X, WEIGHT = TASKS["multiclass"].X, TASKS["multiclass"].weights
LABELS = {
    "binary": TASKS["multiclass"].y > 0,
    "multiclass": TASKS["multiclass"].y,
    "multilabel": np.stack([TASKS["multiclass"].y > 0, X[:, 0] > 0], axis=1),
    "several": np.stack([TASKS["multiclass"].y, X[:, 0] > 0], axis=1),
}
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"]

FITS = {
    **{f"{name} {p}": (MLPClassifier, y, p) for name, y in LABELS.items() for p in ({}, {"loss": Focal()})},
    "early stopping": (MLPClassifier, LABELS["multiclass"], {"early_stopping": True, "standardize": True}),
    "float32": (MLPClassifier, LABELS["multilabel"], {"dtype": "float32", "n_members": 2}),
    "lbfgs": (MLPClassifier, LABELS["several"], {"solver": "lbfgs"}),
    "es": (MLPRegressor, X[:, 0], {"solver": "es", "activation": "tanh"}),
    "small numbers": (MLPRegressor, X[:, 0] * 1e-170, {"standardize": True}),
    "poisson": (MLPRegressor, np.exp(X[:, 0]), {"loss": "poisson", "solver": "sgd"}),
    "batches": (MLPRegressor, X[:, 0], {"normalization": "batch", "max_grad_norm": 1e-5, "batch_size": 9}),
    "density": (MixtureDensityRegressor, X[:, 0], {"early_stopping": True}),
}


def outcome(cls, y, parameters, scale, errors):
    """Return all that an estimator computes, as bytes."""
    x, weight, found = X * scale, WEIGHT, []
    model = cls(**{**SMALL, **parameters})
    with np.errstate(all=errors):
        model.fit(x, y, sample_weight=weight)
        found += model.coefs_ + [np.array(model.loss_curve_)]
        if hasattr(model, "partial_fit"):
            found += model.partial_fit(x, y).coefs_
        for method in METHODS:
            if hasattr(model, method):
                for rows in (x, 1e3 * X):
                    of_rows = getattr(model, method)(rows)
                    found += of_rows if isinstance(of_rows, list) else [of_rows]
        found.append(model.score(x, y, sample_weight=weight))
    return [np.asarray(array).tobytes() for array in found]


@pytest.mark.parametrize(("cls", "y", "parameters"), FITS.values(), ids=FITS)
@pytest.mark.parametrize("scale", [1.0, 1e-160])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_errors_that_the_user_lets_numpy_raise_change_nothing(cls, y, parameters, scale):
    expected = outcome(cls, y, parameters, scale, "ignore")
    for errors in ("raise", "warn"):
        assert outcome(cls, y, parameters, scale, errors) == expected


@np.errstate(all="raise")
def test_searches_too():
    y, grid = LABELS["multiclass"], {"alpha": [1e-4, 1.0], "early_stopping": [False, True]}
    model = MLPClassifier(**SMALL, standardize=True)
    skmlp.model_selection.GridSearchCV(model, grid, cv=2, error_score="raise").fit(X * 1e-160, y)


def test_the_settings_of_the_user_are_left_alone():
    model = MLPClassifier(**SMALL).fit(X, LABELS["binary"])
    with np.errstate(over="raise", under="warn", divide="ignore", invalid="raise"):
        before = np.geterr()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(model.predict_proba, [X] * 50))
        model.predict_log_proba(X)
        assert np.geterr() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", LABELS)
def test_log_probabilities_of_any_score_do_not_warn(kind, dtype):
    """Also where the probability is smaller than the smallest number."""
    model = MLPClassifier((), max_iter=1).fit(X[:, :1].astype(dtype), LABELS[kind])
    model.coefs_[0][:] = np.linspace(-1, 1, model.coefs_[0].size)
    scores = np.array([[s * 10.0**e] for s in (-1, 1) for e in range(-3, 37)], dtype=dtype)
    if dtype == np.float64:
        scores = np.concatenate([scores, 1e200 * scores])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_p = model.predict_log_proba(scores)
    assert np.isfinite(np.concatenate(log_p if isinstance(log_p, list) else [log_p], axis=1)).all()


def test_predictions_that_overflow_warn():
    model = MLPRegressor(**SMALL, loss="poisson").fit(X, np.exp(X[:, 0]))
    for errors in ("warn", "raise"):
        with np.errstate(all=errors), pytest.warns(RuntimeWarning, match="overflow"):
            assert np.isinf(model.predict(X * 1e6)).any()
