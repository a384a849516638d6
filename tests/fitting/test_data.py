"""A sparse X becomes an array where that is quicker and fits."""

import numpy as np
import pytest
from scipy import sparse

from skmlp import MLPClassifier
from skmlp.fitting import data
from skmlp.fitting.data import DENSE_BYTES, DENSE_COLUMNS, DENSE_SHARE, Data


def data_of(n_rows, n_columns, density):
    X = sparse.random(n_rows, n_columns, density, format="csr", random_state=0)
    return Data(X, np.arange(n_rows)[:, np.newaxis] % 2, None, np.arange(n_rows) % 2)


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "density", "is_dense"),
    [
        (1000, 107, 0.13, True),
        (1000, 107, DENSE_SHARE / 2, False),
        (1000, DENSE_COLUMNS + 1, 0.13, False),
        (DENSE_BYTES // (8 * 107) + 1, 107, DENSE_SHARE * 1.01, False),
    ],
)
def test_where_it_is_made_dense(n_rows, n_columns, density, is_dense):
    given = data_of(n_rows, n_columns, density)
    made = given.dense_if_quicker()
    assert sparse.issparse(made.X) != is_dense
    if is_dense:
        np.testing.assert_array_equal(made.X, given.X.toarray())
    else:
        assert made is given


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("standardize", [False, True])
def test_the_fit_is_that_of_the_sparse_rows(standardize, monkeypatch):
    given = data_of(300, 107, 0.13)
    make = MLPClassifier((8,), max_iter=3, random_state=0, standardize=standardize)
    dense = make.fit(given.X, given.labels).predict_proba(given.X)
    monkeypatch.setattr(data, "DENSE_BYTES", 0)
    kept = make.fit(given.X, given.labels).predict_proba(given.X)
    np.testing.assert_allclose(dense, kept, rtol=1e-10)
