import numpy as np
import pytest
from scipy import sparse

from skmlp.network.arrays import (
    CenteredRows,
    SparseBlock,
    are_finite,
    product,
    product_with_transposed,
    transposed_product,
)
from tests.network.problems import peak_memory

K, N, M = 3, 11, 5
EVERY_WIDTH = pytest.mark.parametrize("q", [1, 7])
EVERY_DTYPE = pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-13), ("float32", 1e-5)])
SPARSE = [
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.csr_array,
    sparse.csc_array,
]
CENTER = np.linspace(-2, 3, M)
EVERY_KIND = pytest.mark.parametrize("make", [None, *SPARSE], ids=["dense", *(m.__name__ for m in SPARSE)])


def draw(*shape, dtype="float64"):
    array = np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)
    array.flags.writeable = False
    return array


def block(make, dtype="float64"):
    """Return mostly zero rows (K, n, m) as a dense array, and as a block of the kind that is tested."""
    x = np.where(draw(K, N, M) > 0.3, draw(K, N, M), 0).astype(dtype)
    x.flags.writeable = False
    return x, x if make is None else SparseBlock([make(rows) for rows in x])


@pytest.mark.parametrize("make", SPARSE)
@EVERY_WIDTH
@EVERY_DTYPE
def test_products_of_centered_rows(make, q, dtype, rtol):
    dense, x = block(make, dtype)
    centered = SparseBlock([CenteredRows(rows, CENTER) for rows in x.rows])
    weights, out = draw(K, M, q, dtype=dtype), np.full((K, N, q), np.nan, dtype=dtype)
    product(centered, weights, out)
    np.testing.assert_allclose(out, (dense - CENTER) @ weights, rtol=rtol, atol=10 * rtol)
    delta, out = draw(K, N, q, dtype=dtype), np.full((K, M, q), np.nan, dtype=dtype)
    transposed_product(centered, delta, out)
    expected = (dense - CENTER).swapaxes(-1, -2) @ delta
    np.testing.assert_allclose(out, expected, rtol=rtol, atol=10 * rtol)


@pytest.mark.parametrize("make", SPARSE)
def test_some_of_the_centered_rows(make):
    dense, x = block(make)
    some = CenteredRows(x.rows[0], CENTER)[2:5]
    assert some.shape == (3, M)
    np.testing.assert_array_equal(some.toarray(), dense[0, 2:5] - CENTER)


@EVERY_KIND
@EVERY_WIDTH
@EVERY_DTYPE
def test_product(make, q, dtype, rtol):
    dense, x = block(make, dtype)
    weights, out = draw(K, M, q, dtype=dtype), np.full((K, N, q), np.nan, dtype=dtype)
    product(x, weights, out)
    np.testing.assert_allclose(out, np.einsum("knm,kmq->knq", dense, weights), rtol=rtol, atol=rtol)


@EVERY_KIND
@EVERY_WIDTH
@EVERY_DTYPE
def test_transposed_product(make, q, dtype, rtol):
    dense, x = block(make, dtype)
    delta, out = draw(K, N, q, dtype=dtype), np.full((K, M, q), np.nan, dtype=dtype)
    transposed_product(x, delta, out)
    np.testing.assert_allclose(out, np.einsum("knm,knq->kmq", dense, delta), rtol=rtol, atol=rtol)


@EVERY_WIDTH
@EVERY_DTYPE
def test_product_with_transposed(q, dtype, rtol):
    weights, delta = draw(K, M, q, dtype=dtype), draw(K, N, q, dtype=dtype)
    out = np.full((K, N, M), np.nan, dtype=dtype)
    product_with_transposed(delta, weights, out)
    np.testing.assert_allclose(out, np.einsum("knq,kmq->knm", delta, weights), rtol=rtol, atol=rtol)


def test_shape_of_a_sparse_block():
    _, x = block(sparse.csr_matrix)
    assert x.shape == (K, N, M)


def test_every_network_needs_its_rows():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        product(SparseBlock([sparse.csr_matrix((N, M))]), draw(K, M, 7), np.empty((K, N, 7)))


@EVERY_WIDTH
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_transposed_product_of_mostly_empty_columns(make, q):
    dense = np.zeros((K, N, 499))
    dense[:, ::3, ::70] = draw(K, 4, 8)
    delta, out = draw(K, N, q), np.full((K, 499, q), np.nan)
    transposed_product(SparseBlock([make(rows) for rows in dense]), delta, out)
    np.testing.assert_allclose(out, dense.swapaxes(-1, -2) @ delta, rtol=1e-13)


def test_transposed_product_of_mostly_empty_columns_makes_no_array_of_the_size_of_the_weights():
    rows = sparse.random(50, 40_000, 1e-4, format="csr", random_state=0)
    delta, out = draw(1, 50, 20), np.empty((1, 40_000, 20))
    assert peak_memory(lambda: transposed_product(SparseBlock([rows]), delta, out)) < out.nbytes / 10


def test_rows_are_finite_even_where_their_sum_is_not():
    largest = np.finfo(float).max
    theta = np.array([[1.0, 2], [largest, largest], [np.inf, -np.inf], [0, np.nan], [-np.inf, 1]])
    with np.errstate(all="ignore"):
        assert are_finite(theta).tolist() == [True, True, False, False, False]
