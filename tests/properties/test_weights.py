"""A sample of weight three is the same as three samples, where all samples are one batch in order."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from skmlp import MixtureDensityRegressor, MLPClassifier

from .budgets import for_all
from .data import features
from .estimators import CLASSES, estimators
from .test_fits import assert_clear

WITHOUT = {
    "shuffle": "the order of the samples would be another",
    "batch_size": "so would the batches",
    "early_stopping": "another part would be held out",
    "dropout": "units are left out for each row by itself",
    "normalization": "the statistics of a batch are those of its rows",
    "learning_rate": "'invscaling' counts the samples that were seen, whatever their weight",
    "solver": "drawn below: the evolution strategy compares values that differ in rounding",
    "random_state": "a stream cannot be used twice",
    "epsilon": "as small as rounding, it makes steps of what is rounding",
    "tol": "a tie would be decided by rounding",
    "max_time": "depends on the clock",
    "dtype": "rounding is too coarse",
    "loss": "scores and costs are for the evolution strategy",
}
"""Parameters for which this need not hold, or cannot be seen."""


@st.composite
def weighted(draw):
    """Draw an estimator for one unshuffled batch, and data with weights that are counts."""
    cls = draw(st.sampled_from(CLASSES[:3]))  # rows that are repeated move the quantiles of a table
    solver = draw(st.sampled_from(["adam", "sgd", "nadam", "lbfgs", "lm"]))
    choice = draw(estimators(cls, tuple(WITHOUT), shuffle=False, solver=solver))
    n_rows = draw(st.integers(2, 12))
    X = draw(features(n_rows, mild=True))
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    counts = np.r_[1, 2, rng.randint(4, size=n_rows - 2)]
    y = rng.randint(3, size=n_rows) if issubclass(cls, MLPClassifier) else rng.gamma(2.0, size=n_rows)
    return choice, X, y, counts


@for_all(80, weighted())
def test_weights_are_repetitions(drawn):
    choice, X, y, counts = drawn
    assume(not choice.is_extreme)
    present = counts > 0
    assume(set(y[present]) == set(y) or not isinstance(choice.model(), MLPClassifier))
    # A density of one point starts where the gradient is zero: rounding, of which Adam makes steps.
    assume(np.ptp(X[present], axis=0).any() or not isinstance(choice.model(), MixtureDensityRegressor))
    try:
        ours = choice.model().fit(X, y, sample_weight=counts)
    except Exception as error:
        assert_clear(error, choice.model())
        return
    repeated = choice.model().fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(ours.loss_curve_, repeated.loss_curve_, rtol=1e-5)
    for found, expected in zip(ours.coefs_, repeated.coefs_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max() + 1e-12)
