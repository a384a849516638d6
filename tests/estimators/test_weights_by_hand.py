"""Weights that a user writes count: into a fitted estimator, and into one that was never fitted."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import sklearn.neural_network
from scipy.special import expit, softmax

from skmlp import MLPClassifier, MLPRegressor

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES, CANCER = TASKS["multiclass"], TASKS["regression"], TASKS["binary"]
RNG = np.random.RandomState(0)


def by_hand(model, widths, **attributes):
    """Set the weights of an estimator that was never fitted [scikit-learn #19701]."""
    rng = np.random.RandomState(1)
    pairs = list(pairwise(widths))
    model.coefs_ = [rng.normal(size=pair) / 3 for pair in pairs]
    model.intercepts_ = [rng.normal(size=n) for _, n in pairs]
    model.n_layers_, model.n_outputs_ = len(widths), widths[-1]
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def outputs(model, X):
    """Return the raw scores, by the formula."""
    h = X
    for i, (coef, intercept) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        h = h @ coef + intercept
        if i < len(model.coefs_) - 1:
            h = np.tanh(h)
    return h


@pytest.mark.parametrize("hidden", [(), (5,), (7, 3)], ids=str)
def test_a_regressor_that_was_never_fitted(hidden):
    """It has the layers that its weights have, as in scikit-learn."""
    theirs, ours = (
        by_hand(cls(activation="tanh"), [10, *hidden, 1], out_activation_="identity")
        for cls in (sklearn.neural_network.MLPRegressor, MLPRegressor)
    )
    np.testing.assert_allclose(ours.predict(DIABETES.X), theirs.predict(DIABETES.X), rtol=1e-12)
    np.testing.assert_allclose(ours.predict(DIABETES.X), outputs(ours, DIABETES.X)[:, 0], rtol=1e-12)


def test_a_classifier_of_several_classes_that_was_never_fitted():
    model = by_hand(
        MLPClassifier(activation="tanh"),
        [13, 4, 3],
        out_activation_="softmax",
        classes_=np.array(["a", "b", "c"]),
    )
    p = softmax(outputs(model, WINE.X), axis=1)
    np.testing.assert_allclose(model.predict_proba(WINE.X), p, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(WINE.X), np.array(["a", "b", "c"])[p.argmax(axis=1)])


def test_a_classifier_of_two_classes_that_was_never_fitted():
    n = CANCER.X.shape[1]
    model = by_hand(
        MLPClassifier(activation="tanh"), [n, 4, 1], out_activation_="logistic", classes_=np.array([3, 8])
    )
    np.testing.assert_allclose(
        model.predict_proba(CANCER.X)[:, 1:], expit(outputs(model, CANCER.X)), rtol=1e-12
    )
    assert set(model.predict(CANCER.X)) <= {3, 8}


def test_a_classifier_of_labels_that_was_never_fitted():
    model = by_hand(
        MLPClassifier(activation="tanh"), [13, 4, 2], out_activation_="logistic", classes_=np.array([0, 1])
    )
    np.testing.assert_array_equal(model.predict(WINE.X), outputs(model, WINE.X) > 0)


@pytest.mark.parametrize("options", [{}, {"normalization": "layer"}, {"n_members": 3}], ids=str)
def test_what_is_written_into_the_weights_counts(options):
    model = DIABETES.model(hidden_layer_sizes=(5,), max_iter=3, **options).fit(DIABETES.X, DIABETES.y)
    before = model.predict(DIABETES.X)
    model.intercepts_[-1][...] += 2.0
    np.testing.assert_allclose(model.predict(DIABETES.X), before + 2, rtol=1e-12)


def test_units_can_be_pruned_and_added():
    model = DIABETES.model(hidden_layer_sizes=(6, 4), activation="tanh", max_iter=3).fit(
        DIABETES.X, DIABETES.y
    )
    expected = model.predict(DIABETES.X)
    doubled = copy.deepcopy(model)
    # The same unit twice, with half the weight each.
    doubled.coefs_[0] = np.concatenate([model.coefs_[0]] * 2, axis=1)
    doubled.intercepts_[0] = np.concatenate([model.intercepts_[0]] * 2)
    doubled.coefs_[1] = np.concatenate([model.coefs_[1]] * 2) / 2
    np.testing.assert_allclose(doubled.predict(DIABETES.X), expected, rtol=1e-9)
    pruned = copy.deepcopy(model)
    pruned.coefs_[1][2] = 0
    expected = pruned.predict(DIABETES.X)
    pruned.coefs_[0] = np.delete(model.coefs_[0], 2, axis=1)
    pruned.intercepts_[0] = np.delete(model.intercepts_[0], 2)
    pruned.coefs_[1] = np.delete(model.coefs_[1], 2, axis=0)
    np.testing.assert_allclose(pruned.predict(DIABETES.X), expected, rtol=1e-9)


def test_weights_that_do_not_fit_together_are_refused():
    model = DIABETES.model(hidden_layer_sizes=(5,), max_iter=2).fit(DIABETES.X, DIABETES.y)
    model.coefs_[1] = np.zeros((6, 1))
    with pytest.raises(
        ValueError, match=r"coefs_: the weights of layer 2.* have shape \(6, 1\), expected \(5, 1\)"
    ):
        model.predict(DIABETES.X)
    model = DIABETES.model(hidden_layer_sizes=(5,), max_iter=2, warm_start=True).fit(DIABETES.X, DIABETES.y)
    model.coefs_[0] = model.coefs_[0][:, :4]
    model.intercepts_[0] = model.intercepts_[0][:4]
    model.coefs_[1] = model.coefs_[1][:4]
    with pytest.raises(ValueError, match=r"\(10, 5\).*\(10, 4\).*warm_start"):
        model.fit(DIABETES.X, DIABETES.y)


def test_a_warm_start_continues_pruned_weights():
    """The optimizer begins anew: it has no moments for this network."""
    model = DIABETES.model(hidden_layer_sizes=(5,), max_iter=9, warm_start=True).fit(DIABETES.X, DIABETES.y)
    model.coefs_ = [model.coefs_[0][:, :3], model.coefs_[1][:3]]
    model.intercepts_[0] = model.intercepts_[0][:3]
    pruned = model.predict(DIABETES.X)
    model.set_params(hidden_layer_sizes=(3,), learning_rate_init=1e-9).fit(DIABETES.X, DIABETES.y)
    np.testing.assert_allclose(model.predict(DIABETES.X), pruned, atol=1e-5)
