"""Labels as a sparse matrix, as MultiLabelBinarizer(sparse_output=True) makes them."""

import tracemalloc

import numpy as np
import pytest
import sklearn.model_selection
import sklearn.neural_network
from scipy import sparse

import skmlp.model_selection
from skmlp import MLPClassifier, MLPRegressor

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = TASKS["multilabel"].X, TASKS["multilabel"].y
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0}
MAKE = [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix, sparse.lil_array]
every_kind = pytest.mark.parametrize("make", MAKE, ids=lambda make: make.__name__)


def same(a, b):
    for x, y in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(x, y)


@every_kind
@pytest.mark.parametrize("dtype", [int, bool, float, np.uint8])
def test_they_are_learned_and_predicted_as_by_scikit_learn(make, dtype):
    y = make(Y.astype(dtype))
    ours, dense = MLPClassifier(**SMALL).fit(X, y), MLPClassifier(**SMALL).fit(X, Y)
    same(ours, dense)
    theirs = sklearn.neural_network.MLPClassifier(**SMALL).fit(X, y)
    predicted, expected = ours.predict(X), theirs.predict(X)
    assert sparse.issparse(predicted)
    assert (predicted.format, predicted.dtype) == (expected.format, expected.dtype)
    np.testing.assert_array_equal(predicted.toarray(), expected.toarray())
    assert isinstance(dense.predict(X), np.ndarray)
    np.testing.assert_array_equal(ours.predict_proba(X), dense.predict_proba(X))
    assert ours.classes_.tolist() == theirs.classes_.tolist()


@every_kind
def test_score_takes_both(make):
    weights = TASKS["multilabel"].weights
    for model in (MLPClassifier(**SMALL).fit(X, make(Y)), MLPClassifier(**SMALL).fit(X, Y)):
        expected = np.average(
            (MLPClassifier(**SMALL).fit(X, Y).predict(X) == Y).all(axis=1), weights=weights
        )
        for y in (make(Y), Y):
            assert model.score(X, y, sample_weight=weights) == pytest.approx(expected)


@every_kind
def test_partial_fit_and_validation_take_both(make):
    """What the first call was given is what is predicted."""
    a, b = MLPClassifier(**SMALL), MLPClassifier(**SMALL)
    a.partial_fit(X[:40], make(Y[:40]), classes=[0, 1]).partial_fit(X, Y).partial_fit(X, make(Y))
    b.partial_fit(X[:40], Y[:40], classes=[0, 1]).partial_fit(X, make(Y)).partial_fit(X, Y)
    same(a, b)
    assert sparse.issparse(a.predict(X))
    assert isinstance(b.predict(X), np.ndarray)
    stopping = {**SMALL, "early_stopping": True}
    a = MLPClassifier(**stopping).fit(X, Y, X_val=X[:9], y_val=make(Y[:9]))
    b = MLPClassifier(**stopping).fit(X, make(Y), X_val=X[:9], y_val=Y[:9])
    same(a, b)
    assert a.validation_scores_ == b.validation_scores_


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True},
        {"early_stopping": True, "scoring": "f1_samples"},
        {"n_members": 2},
        {"class_weight": "balanced"},
        {"solver": "lbfgs"},
        {"solver": "es", "loss": "accuracy"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_every_way_of_training_takes_them(parameters):
    given = {**SMALL, **parameters, "max_iter": 3}
    same(MLPClassifier(**given).fit(X, sparse.csr_matrix(Y)), MLPClassifier(**given).fit(X, Y))


def test_searches_take_them():
    grid = MLPClassifier(**SMALL), {"alpha": [0.1, 1.0]}
    dense = sklearn.model_selection.GridSearchCV(*grid, cv=3).fit(X, Y)
    for cls in (sklearn.model_selection.GridSearchCV, skmlp.model_selection.GridSearchCV):
        search = cls(*grid, cv=3, error_score="raise").fit(X, sparse.csr_matrix(Y))
        np.testing.assert_allclose(
            search.cv_results_["mean_test_score"], dense.cv_results_["mean_test_score"]
        )
        assert sparse.issparse(search.predict(X))


def test_other_sparse_targets_become_arrays():
    several = np.stack([Y.sum(axis=1), Y[:, 0]], axis=1)
    model = MLPClassifier(**SMALL).fit(X, sparse.csr_matrix(several))
    assert [len(known) for known in model.classes_] == [len(np.unique(column)) for column in several.T]
    assert model.predict(X).shape == several.shape
    assert model.score(X, sparse.csr_matrix(several)) == model.score(X, several)
    late = MLPClassifier(**SMALL).partial_fit(X, sparse.csr_matrix(Y[:, :2]), classes=[[0, 1, 2], [0, 1]])
    assert [len(known) for known in late.classes_] == [3, 2]
    assert MLPRegressor(**SMALL).fit(X, sparse.csr_matrix(Y)).predict(X).shape == Y.shape
    repeated = sparse.csr_matrix((np.ones(3, int), np.array([0, 0, 1]), np.array([0, 3, 3])), shape=(2, 2))
    with pytest.raises(ValueError, match=r"y has the values \[2\]"):
        MLPClassifier(**SMALL).partial_fit(X, Y[:, :2], classes=[0, 1]).partial_fit(X[:2], repeated)


def test_many_labels_are_not_made_dense_as_numbers():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(20_000, 3)), sparse.random(20_000, 400, 0.01, format="csr", random_state=0)
    y.data[:] = 1
    model = MLPClassifier((2,), max_iter=1).fit(X[:200], y[:200])
    tracemalloc.start()
    model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * y.shape[0] * y.shape[1]  # as numbers, they would fill twice as much
