"""A fit on anything ends with finite predictions that go together, or with an error in words."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest
from hypothesis import event
from hypothesis import strategies as st
from scipy import sparse

from skmlp import MLPClassifier
from skmlp.fitting.parameters import InvalidParameterError
from skmlp.training.full_batch import Solver
from skmlp.training.solvers import SOLVERS
from tests.estimators.state import stays_as_it_was

from .budgets import for_all
from .data import samples
from .estimators import CLASSES, estimators, invalid_estimators

INPUTS = r"\b(X|y|sample_weight|[Ss]ample weights|[Cc]olumn|class(es)?|samples?|features?|labels?)\b"
"""What an error that is not about a parameter speaks of."""

of_any_class = st.sampled_from(CLASSES)
fits = of_any_class.flatmap(lambda cls: st.tuples(estimators(cls), samples(cls)))
methods = st.sampled_from(["fit", "fit", "partial_fit"])


def train(model, sample, method):
    """Call a method of a model with all of a sample."""
    keywords = {}
    if method == "partial_fit" and isinstance(model, MLPClassifier):
        keywords["classes"] = classes_of(sample.y)
    return getattr(model, method)(sample.X, sample.y, sample.sample_weight, **keywords)


def classes_of(y):
    """Return the classes as the first ``partial_fit`` wants them."""
    y = y.toarray() if sparse.issparse(y) else np.asarray(y)
    return np.unique(y) if y.ndim == 1 else [np.unique(column) for column in y.T]


def assert_clear(error, model):
    """Raise unless an error is of the documented kind, and names a parameter or an input."""
    assert isinstance(error, (ValueError, TypeError, AttributeError)), repr(error)
    missing_method = isinstance(error, AttributeError)  # scikit-learn's, caused by ours
    words = str(error.__cause__ if missing_method else error)
    named = re.search(INPUTS, words) or any(name in words for name in model.get_params())
    assert named, words
    assert not re.search(r"np\.\w+\d+\(", words), words


def tried(model, sample, method):
    """Return whether a fit succeeds; if not, its error is clear and the model is as it was."""
    before = copy.copy(model)
    with stays_as_it_was(before):  # it has the same attributes
        try:
            train(model, sample, method)
        except Exception as raised:
            event("refused")
            assert_clear(raised, model)
            assert all(value is vars(before)[name] for name, value in vars(model).items())
            return False
    event("fitted")
    return True


@for_all(150, fits, methods)
def test_predictions_are_finite_and_go_together_or_the_error_is_clear(fit, method):
    choice, sample = fit
    model = choice.model()
    if choice.is_extreme or sample.is_extreme:  # overflow warns on purpose
        warnings.simplefilter("ignore", RuntimeWarning)
    if not tried(model, sample, method):
        return
    assert all(np.isfinite(array).all() for array in [*model.coefs_, *model.intercepts_])
    # As in scikit-learn, a solver that finds the gradient small at the start makes no iteration.
    assert model.n_iter_ >= (0 if isinstance(model.solver, Solver) or model.solver in SOLVERS else 1)
    assert bool(model.loss_curve_) == bool(model.n_iter_)
    assert np.isfinite(model.loss_)
    if method == "partial_fit" and choice.is_extreme:
        return  # the loss is that before the step: what this has done is judged in the next call
    before = pickle.dumps(model)
    CHECKS[type(model)](model, sample)
    assert pickle.dumps(model) == before
    if model.random_state is not None:
        again = train(choice.model(), sample, method)
        for found, expected in zip(again.coefs_, model.coefs_, strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(again.loss_curve_, model.loss_curve_)
    same = pickle.loads(before)
    for found, expected in zip(outputs(same, sample.X), outputs(model, sample.X), strict=True):
        np.testing.assert_array_equal(found, expected)


def outputs(model, X):
    """Return all predictions, as dense arrays."""
    names = ["predict", "predict_proba", "decision_function"]
    for name in names:
        if hasattr(model, name):
            found = getattr(model, name)(X)
            yield from map(dense, found if isinstance(found, list) else [found])


def dense(array):
    return array.toarray() if sparse.issparse(array) else array


def check_classifier(model, sample):
    """Raise unless labels, probabilities and raw scores are finite and agree."""
    X, n_rows = sample.X, sample.n_rows
    labels, p, log_p = model.predict(X), model.predict_proba(X), model.predict_log_proba(X)
    scores = model.decision_function(X)
    assert np.isfinite(scores).all()
    assert len(scores) == n_rows
    assert sparse.issparse(labels) == sparse.issparse(sample.y)
    labels = dense(labels)
    assert 0 <= model.score(X, sample.y) <= 1
    several = isinstance(p, list)
    columns = (
        zip(p, log_p, model.classes_, labels.T, strict=True)
        if several
        else [(p, log_p, model.classes_, labels)]
    )
    for p, log_p, classes, column in columns:
        assert p.shape == log_p.shape == (n_rows, len(classes))
        assert p.dtype == log_p.dtype == scores.dtype
        assert np.isfinite(log_p).all()
        assert (log_p <= 0).all()
        assert ((p >= 0) & (p <= 1)).all()
        eps = 100 * np.finfo(p.dtype).eps
        np.testing.assert_allclose(
            p, np.exp(log_p), rtol=eps * (1 + np.abs(log_p).max()), atol=np.finfo(p.dtype).tiny * 2
        )
        if column.ndim == 2:
            assert column.shape == p.shape
            np.testing.assert_array_equal(column[p != 0.5], (p > 0.5)[p != 0.5])
        else:
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=eps)
            assert column.dtype == classes.dtype
            of_labels = p[np.arange(n_rows), np.searchsorted(classes, column)]
            np.testing.assert_array_equal(of_labels, p.max(axis=1))


def check_numbers(model, sample):
    """Raise unless predicted numbers are finite, and of the right shape and type."""
    predicted = model.predict(sample.X)
    y = np.asarray(sample.y)
    assert predicted.shape == (y if y.ndim == 1 or y.shape[1] > 1 else y[:, 0]).shape
    assert predicted.dtype.kind == "f"
    assert np.isfinite(predicted).all()


def check_density(model, sample):
    """Raise unless the predicted distributions are proper."""
    check_numbers(model, sample)
    if np.abs(np.asarray(sample.y)).max() > 1e150:  # variances overflow
        return
    mean, std = model.predict(sample.X, return_std=True)
    assert mean.shape == std.shape
    assert (np.isfinite(std) & (std > 0)).all()
    interval = model.predict_interval(sample.X, 0.8)
    assert interval.shape == (*mean.shape, 2)
    assert np.isfinite(interval).all()
    assert (interval[..., 0] <= interval[..., 1]).all()
    assert np.isfinite(model.score_samples(sample.X)).all()
    assert np.isfinite(model.sample_y(sample.X, 2)).all()


CHECKS = dict(
    zip(
        CLASSES,
        (check_classifier, check_numbers, check_density, check_classifier, check_numbers),
        strict=True,
    )
)


@for_all(150, of_any_class.flatmap(lambda cls: st.tuples(invalid_estimators(cls), samples(cls))))
def test_an_invalid_parameter_is_refused_by_name(fit):
    (choice, name), sample = fit
    model = choice.model()
    with stays_as_it_was(model), pytest.raises(InvalidParameterError) as error:
        model.fit(sample.X, sample.y, sample.sample_weight)
    assert f"The {name!r} parameter of {type(model).__name__} must be" in str(error.value)
