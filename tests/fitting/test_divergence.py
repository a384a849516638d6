"""The final weights are judged: not only what training reported on its way."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.model_selection import cross_validate
from tests.estimators.state import stays_as_it_was

X = np.random.RandomState(0).randn(200, 4)
Y = X[:, 0] + X[:, 1] ** 2
TINY = np.full(200, 1e-12)
SGD = {"hidden_layer_sizes": (20,), "solver": "sgd", "random_state": 0}

DIVERGING = {
    "features of 1e8": (MLPRegressor(**SGD, max_iter=2), X * 1e8, Y, None),
    "classes": (MLPClassifier(**SGD, max_iter=2), X * 1e8, Y > 0, None),
    "the last step": (
        MLPRegressor(**SGD, max_iter=1, batch_size=200, learning_rate_init=1e6),
        *(X, Y, None),
    ),
    "best weights too": (MLPRegressor(**SGD, early_stopping=True, max_iter=5), X * 1e8, Y, None),
    "weight decay": (MLPRegressor(**SGD, max_iter=50, weight_decay=3000), X, Y, None),
    "small weights of samples": (MLPClassifier(**SGD, max_iter=50), X, Y > 0, TINY),
    "a density": (
        MixtureDensityRegressor(**SGD, max_iter=5, learning_rate_init=1e6, early_stopping=False),
        *(X, Y, None),
    ),
    "an ensemble": (MLPRegressor(**SGD, n_members=2, max_iter=2), X * 1e8, Y, None),
    "log link": (MLPRegressor(**SGD, loss="poisson", learning_rate_init=0.1), X * 100, abs(Y), None),
}

LEARNED_NOTHING = {
    "adam": {"max_iter": 20},
    "lbfgs": {"solver": "lbfgs", "max_iter": 3},
    "es": {"solver": "es", "max_iter": 3},
}


@pytest.mark.parametrize(("model", "X", "y", "weights"), DIVERGING.values(), ids=DIVERGING)
def test_divergence_is_an_error(model, X, y, weights):
    with stays_as_it_was(model), pytest.raises(ValueError, match=r"diverged in iteration .*solver='sgd'"):
        model.fit(X, y, weights)


@pytest.mark.filterwarnings("ignore:Scoring failed|:sklearn.exceptions.FitFailedWarning")
def test_divergence_in_a_stack_is_an_error_of_that_fit():
    model = MLPRegressor(**SGD, max_iter=2)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        cross_validate(model, X * 1e8, Y, cv=3)


@pytest.mark.filterwarnings("ignore:.*(hasn.t converged|failed to converge)")
@pytest.mark.parametrize("options", LEARNED_NOTHING.values(), ids=LEARNED_NOTHING)
def test_a_useless_network_that_improved_gets_a_warning(options):
    model = MLPRegressor((5,), random_state=0, **options)
    with pytest.warns(ConvergenceWarning, match="more than 1000 times that of a constant prediction"):
        model.fit(X * 1e8, Y)


def test_partial_fit_notices_when_the_loss_of_its_batch_explodes():
    model = MLPRegressor(**SGD).partial_fit(X * 1e3, Y)
    with stays_as_it_was(model), pytest.raises(ValueError, match="diverged"):
        model.partial_fit(X * 1e3, Y)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("y", [Y, Y * 0, Y * 0 + 5, Y * 30 + 100], ids=["", "zero", "constant", "offset"])
def test_ordinary_fits_are_not_judged_wrongly(y):
    MLPRegressor((20,), random_state=0, learning_rate_init=0.02).fit(X, y)
    MLPRegressor((20,), random_state=0, max_iter=2).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("learning_rate", ["constant", "one_cycle"])
def test_a_loss_that_rises_from_little_is_no_divergence(learning_rate):
    """Of a single sample, the best constant prediction has no loss at all."""
    options = {"learning_rate": learning_rate, "max_iter": 5, "random_state": 0}
    MLPRegressor(solver="rmsprop", learning_rate_init=0.1, **options).fit(X[:1], [1.0])


def test_samples_without_weight_are_not_judged():
    weights = np.zeros(200)
    weights[1] = 1
    with pytest.raises(ValueError, match="diverged"):
        MLPRegressor(**SGD, max_iter=2).fit(X * 1e8, Y, weights)


def test_the_advice_is_what_there_is_to_change():
    diverging = {**SGD, "max_iter": 5, "learning_rate_init": 1e6}
    with pytest.raises(ValueError, match=r"standardize=True.*lower learning_rate_init=1000000.0"):
        MLPRegressor(**diverging).fit(X, Y)
    for model in (
        MLPRegressor(**diverging, standardize=True),
        MixtureDensityRegressor(**diverging, early_stopping=False),
    ):
        with pytest.raises(ValueError, match="diverged") as error:
            model.fit(X, Y)
        assert "standardize" not in str(error.value)
    for solver in ("lbfgs", "lm", "es"):
        with pytest.raises(ValueError, match="diverged") as error:
            MLPRegressor((5,), solver=solver, max_iter=3, random_state=0).fit(X, Y * 1e300)
        assert "learning_rate_init" not in str(error.value)
