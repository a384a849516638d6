"""Candidates: fitted estimators for networks in training, as scorers see them. Cost: what they cost."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import get_scorer, r2_score, roc_auc_score
from sklearn.utils.validation import check_is_fitted

from skmlp.estimators.problems import problem_of
from skmlp.estimators.scorers import Candidates, Cost, as_number, is_of_predictions, takes_weights

from .data import TASKS
from .state import stays_as_it_was

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 6, "batch_size": 13, "learning_rate_init": 0.01}
tasks = pytest.mark.parametrize("task", TASKS)
OPTIONS = {"plain": {}, "standardized": {"standardize": True}, "normalized": {"normalization": "batch"}}


class Training:
    """An estimator in training: prepared, with three networks of which it is to become one."""

    def __init__(self, task, X=None, sample_weight=None, **parameters):
        self.task, self.X = task, task.X if X is None else X
        self.estimator = task.model(**{**SMALL, **parameters})
        self.problem = problem_of(self.estimator, self.X, task.y, sample_weight)
        self.network = self.problem.network
        rng = np.random.RandomState(3)
        self.theta = self.problem.theta + rng.uniform(-0.5, 0.5, size=(3, self.problem.theta.shape[1]))
        layers = self.network.layout.view(self.theta).layers
        self.z = self.network.output(layers, self.problem.data.X)
        self.candidates = Candidates(self.estimator, self.problem, self.problem.reading.data.X)

    def fitted(self, k):
        return self.candidates.fitted(self.theta[k : k + 1], self.z[k])


@tasks
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_candidates_predict_for_any_samples(task, options):
    """For X by the known scores, for others, be it a copy of X, by the network."""
    training = Training(TASKS[task], **options)
    predictions = []
    for k in range(3):
        fitted, X = training.fitted(k), training.problem.reading.data.X
        check_is_fitted(fitted)
        known, computed = fitted.predict(X), fitted.predict(X.copy())
        np.testing.assert_allclose(known, computed, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(fitted.predict(X[3:8]), known[3:8], rtol=1e-9, atol=1e-12)
        predictions.append(known)
    assert not np.array_equal(predictions[0], predictions[1])


@tasks
def test_known_scores_are_not_computed_again(task):
    training = Training(TASKS[task])
    fitted = training.fitted(0)
    shifted = training.candidates.fitted(training.theta[:1], training.z[0] + 1)
    X = training.problem.reading.data.X
    np.testing.assert_array_equal(fitted._raw_scores(X)[0], training.z[0])
    np.testing.assert_array_equal(shifted._raw_scores(X)[0], training.z[0] + 1)
    np.testing.assert_array_equal(shifted.predict(X[:4]), fitted.predict(X[:4]))


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, pd.DataFrame, np.asfortranarray])
def test_candidates_of_any_container(make):
    task = TASKS["binary"]
    X = make(task.X)
    if make is pd.DataFrame:
        X = X.add_prefix("column ")
    training, plain = Training(task, X), Training(task)
    scores = [t.fitted(0).decision_function(t.problem.reading.data.X) for t in (training, plain)]
    np.testing.assert_allclose(*scores, rtol=1e-9)


@tasks
def test_candidates_leave_the_estimator_alone(task):
    training = Training(TASKS[task])
    with stays_as_it_was(training.estimator):
        training.fitted(0).predict(training.X)
    assert not hasattr(training.estimator, "coefs_")


# Early stopping


def mean_of_half(estimator, X, y):
    """Look at more than X: at half of it, and at none of its arrays."""
    return r2_score(y[::2], estimator.predict(X[::2])) + estimator.score(X, y)


SCORINGS = [
    ("binary", "roc_auc"),
    ("binary", "average_precision"),
    ("binary", "neg_brier_score"),
    ("multiclass", "roc_auc_ovr"),
    ("multiclass", "f1_macro"),
    ("multilabel", "f1_micro"),
    ("regression", "neg_mean_absolute_error"),
    ("regression", mean_of_half),
    ("multi-output", "explained_variance"),
    ("poisson", "neg_mean_poisson_deviance"),
]


@pytest.mark.parametrize(
    "options", [{}, {"standardize": True}, {"normalization": "batch"}, {"n_members": 2}], ids=str
)
@pytest.mark.parametrize(
    ("task", "scoring"), SCORINGS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_early_stopping_sees_the_scores_of_the_networks_so_far(task, scoring, options):
    task = TASKS[task]
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    held_out = np.resize([False, False, True], len(task.X))
    train, val = (task.X[~held_out], task.y[~held_out]), (task.X[held_out], task.y[held_out])
    model = task.model(**SMALL, early_stopping=True, scoring=scoring, **options)
    model.fit(*train, X_val=val[0], y_val=val[1])
    assert len(model.validation_scores_) == 6
    for n in (1, 4):
        shorter = task.model(**{**SMALL, "max_iter": n}, **options).fit(*train)
        expected = np.mean([scorer(member, *val) for member in getattr(shorter, "members_", [shorter])])
        assert model.validation_scores_[n - 1] == pytest.approx(expected, rel=1e-9)


# Cost


def test_costs_of_several_networks():
    weights = TASKS["binary"].weights
    for loss, sign in (("roc_auc", -1), (lambda y, p, sample_weight=None: sample_weight @ (y != p), 1)):
        training = Training(TASKS["binary"], sample_weight=weights, solver="es", loss=loss)
        costs = Cost(training.estimator, training.problem)(training.theta, training.z)
        y = training.task.y
        for cost, z in zip(costs, training.z[..., 0], strict=True):
            by_hand = roc_auc_score(y, z, sample_weight=weights) if sign < 0 else weights @ (y != (z > 0))
            assert sign * cost == pytest.approx(by_hand, rel=1e-12)


def test_scores_that_are_not_finite_cost_all():
    training = Training(TASKS["regression"], solver="es", loss="r2")
    cost = Cost(training.estimator, training.problem)
    training.z[1, 5] = np.nan
    training.z[2, 3] = np.inf
    costs = cost(training.theta, training.z)
    assert np.isfinite(costs[0])
    np.testing.assert_array_equal(costs[1:], np.inf)


@pytest.mark.parametrize(
    ("function", "n", "weighted"),
    [
        (lambda y, p: 0, 2, False),
        (lambda y, p, /: 0, 2, False),
        (lambda y, p, power=2: 0, 2, False),
        (lambda y, p, *, sample_weight=None: 0, 2, True),
        (lambda y, p, sample_weight=None: 0, 2, True),
        (lambda y, p, **options: 0, 2, True),
        (lambda y, p, sample_weight: 0, 2, True),
        (lambda estimator, X, y: 0, 3, False),
        (lambda estimator, X, y, sample_weight: 0, 3, True),
        (get_scorer("roc_auc"), 3, True),
        (r2_score, 2, True),
    ],
)
def test_what_a_function_takes(function, n, weighted):
    assert is_of_predictions(function) == (n == 2)
    assert takes_weights(function) == weighted


@pytest.mark.parametrize("function", [lambda y: 0, lambda a, b, c, d: 0, max], ids=["one", "four", "max"])
def test_other_functions_are_refused(function):
    with pytest.raises(ValueError, match=r"loss=.* must be a function cost\(y_true, y_pred\) or scorer"):
        is_of_predictions(function)


@pytest.mark.parametrize("number", [1, 0.5, True, np.float32(2), np.int64(3), np.array(0.25)[()], -np.inf])
def test_a_number_is_a_number(number):
    assert as_number(number, "loss", "mine") == float(number)
    assert type(as_number(number, "loss", "mine")) is float


@pytest.mark.parametrize("value", [None, "1", [1.0], np.array([1.0]), {"score": 1}, 1j], ids=str)
def test_all_else_is_an_error_that_names_the_parameter(value):
    with pytest.raises(ValueError, match=r"scoring='mine' must return one number, got "):
        as_number(value, "scoring", "mine")


@pytest.mark.parametrize(
    ("parameter", "options"), [("scoring", {"early_stopping": True}), ("loss", {"solver": "es"})]
)
@pytest.mark.parametrize(
    ("scorer", "words"), [("accuracy", "continuous is not supported"), ("neg_log_loss", "has none of")]
)
def test_the_error_of_a_scorer_names_the_parameter(parameter, options, scorer, words):
    task = TASKS["regression"]
    model = task.model(**SMALL | options, **{parameter: scorer})
    with (
        stays_as_it_was(model),
        pytest.raises(ValueError, match=f"{parameter}='{scorer}' cannot be computed: .*{words}"),
    ):
        model.fit(task.X, task.y)
