import numpy as np
import pytest
import sklearn.utils
from scipy import sparse

import skmlp.training.batches
from skmlp.network.arrays import SparseBlock
from skmlp.network.hyperparameters import kept
from skmlp.training.batches import Batches
from tests.training.problems import initial_order

N, M, Q = 53, 5, 2
X = np.random.default_rng(0).normal(size=(N, M))
X[:, 0] = np.arange(N)  # the number of the row
Y = np.stack([np.arange(N), -np.arange(N)], axis=1).astype(float)
WEIGHT = np.arange(N) + 0.5
for shared in (X, Y, WEIGHT):
    shared.flags.writeable = False
FOLDS = [np.arange(0, 41), np.arange(12, 53), np.r_[0:20, 32:53]]  # 41 rows each
UNEQUAL = [np.arange(1, 40), np.arange(12, 53), np.arange(13, 53)]  # 39, 41 and 40 rows

KINDS = {
    "dense": np.asarray,
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
}
EVERY_KIND = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
EVERY_SIZE = pytest.mark.parametrize("batch_size", [1, 7, 19, 41, 100])
EVERY_CHUNK = pytest.mark.parametrize("gather_bytes", [0, 900, 262_144], indirect=True)
"""One batch at a time, a few, and all at once: a row of X has 40 bytes."""


@pytest.fixture
def gather_bytes(request, monkeypatch):
    monkeypatch.setattr(skmlp.training.batches, "GATHER_BYTES", request.param)


class Ordered:
    """Batches with the order of their rows."""

    def __init__(self, X, y, weight, rows, batch_size):
        self.batches = Batches(X, y, weight, batch_size, y.shape[1], np.array([len(r) for r in rows]))
        self.order = initial_order(rows)

    def shuffle(self, random_states):
        self.batches.shuffle(self.order, random_states)

    def __iter__(self):
        return self.batches.gather(self.order)


def streams(*seeds):
    return [np.random.RandomState(seed) for seed in seeds]


def dense(x):
    return np.stack([rows.toarray() for rows in x.rows]) if isinstance(x, SparseBlock) else x


def epoch(batches):
    """Return copies of all that one epoch yields."""
    return [
        (dense(x).copy(), y.copy(), None if weights is None else weights.copy())
        for chunk in batches
        for x, y, weights, _, _ in chunk.batches
    ]


def seen(batches, k):
    """Return the rows that network k sees in one epoch, in their order, without padding."""
    rows = []
    for x, _, weights in epoch(batches):
        real = np.ones(x.shape[1], dtype=bool) if weights is None else weights[k] > 0
        rows.extend(x[k, real, 0].astype(int).tolist())
    return rows


@EVERY_KIND
@EVERY_SIZE
@EVERY_CHUNK
@pytest.mark.parametrize("shuffled", [False, True])
def test_each_network_sees_each_of_its_rows_once_an_epoch(make, batch_size, gather_bytes, shuffled):
    batches = Ordered(make(X), Y, None, FOLDS, batch_size)
    random_states = streams(2, 3, 5)
    for _ in range(3):
        if shuffled:
            batches.shuffle(random_states)
        for k, rows in enumerate(FOLDS):
            found = seen(batches, k)
            assert (sorted(found) if shuffled else found) == rows.tolist()


@EVERY_KIND
@EVERY_SIZE
@EVERY_CHUNK
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_rows_targets_and_weights_belong_together(make, batch_size, gather_bytes, weight):
    batches = Ordered(make(X), Y, weight, FOLDS, batch_size)
    batches.shuffle(streams(2, 3, 5))
    for x, y, weights in epoch(batches):
        rows = x[..., 0].astype(int)
        np.testing.assert_array_equal(x, X[rows])
        np.testing.assert_array_equal(y, Y[rows])
        if weight is None:
            assert weights is None
        else:
            np.testing.assert_array_equal(weights, WEIGHT[rows])


@EVERY_SIZE
def test_batches_have_batch_size_rows_and_the_last_one_the_rest(batch_size):
    sizes = [x.shape[1] for x, _, _ in epoch(Ordered(X, Y, None, FOLDS, batch_size))]
    assert sum(sizes) == 41
    assert all(size == min(batch_size, 41) for size in sizes[:-1])
    assert 0 < sizes[-1] <= batch_size


@EVERY_KIND
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_padding_weighs_nothing(make, weight):
    *full, last = epoch(Ordered(make(X), Y, weight, UNEQUAL, 19))
    assert all((weights > 0).all() for _, _, weights in full)
    np.testing.assert_array_equal((last[2] > 0).sum(axis=1), [1, 3, 2])
    for k, rows in enumerate(UNEQUAL):
        expected = np.ones(len(rows)) if weight is None else WEIGHT[rows]
        weights = np.concatenate([batch[2][k] for batch in (*full, last)])
        np.testing.assert_array_equal(weights[: len(rows)], expected)
        np.testing.assert_array_equal(weights[len(rows) :], 0)


def test_padding_repeats_a_row_of_the_network_itself():
    """Rows that are held out from a network must not reach it, not even by weight zero: 0 * inf is nan."""
    batches = Ordered(X, Y, None, UNEQUAL, 19)
    batches.shuffle(streams(2, 3, 5))
    for x, _, _ in epoch(batches):
        for k, rows in enumerate(UNEQUAL):
            assert np.isin(x[k, :, 0], rows).all()


def test_counts_are_the_rows_of_each_batch_and_network():
    batches = Ordered(X, Y, None, UNEQUAL, 19)
    np.testing.assert_array_equal(batches.batches.counts, [[19, 19, 19], [19, 19, 19], [1, 3, 2]])
    np.testing.assert_array_equal(batches.batches.n_rows, [39, 41, 40])


@pytest.mark.parametrize("batch_size", [1, 13, 20, 40])
def test_different_numbers_of_batches_are_an_error(batch_size):
    with pytest.raises(ValueError, match=rf"batch_size={batch_size}, \[39, 41, 40\] rows"):
        Ordered(X, Y, None, UNEQUAL, batch_size)


@pytest.mark.parametrize("rows", [np.arange(N), FOLDS[1]], ids=["all rows", "a fold"])
def test_order_is_that_of_scikit_learn(rows):
    """scikit-learn shuffles the order of the epoch before, with one stream."""
    batches = Ordered(X, Y, None, [rows], 7)
    ours, theirs, order = np.random.RandomState(3), np.random.RandomState(3), rows
    for _ in range(3):
        batches.shuffle([ours])
        order = sklearn.utils.shuffle(order, random_state=theirs)
        assert seen(batches, 0) == order.tolist()


@pytest.mark.parametrize("folds", [FOLDS, UNEQUAL], ids=["equal", "unequal"])
def test_networks_see_what_each_would_see_alone(folds):
    batches = Ordered(X, Y, None, folds, 19)
    random_states = streams(2, 3, 5)
    alone = [Ordered(X, Y, None, [rows], 19) for rows in folds]
    alone_states = streams(2, 3, 5)
    for _ in range(3):
        batches.shuffle(random_states)
        for k in range(3):
            alone[k].shuffle([alone_states[k]])
            assert seen(batches, k) == seen(alone[k], 0)


@pytest.mark.parametrize("folds", [FOLDS, UNEQUAL], ids=["equal", "unequal"])
def test_keep_gathers_for_some_networks(folds):
    all_batches = Ordered(X, Y, WEIGHT, folds, 19)
    all_batches.shuffle(streams(2, 3, 5))
    expected = [seen(all_batches, 0), seen(all_batches, 2)]
    mask = np.array([True, False, True])
    all_batches.batches, all_batches.order = kept(all_batches.batches, mask), all_batches.order[mask]
    assert [seen(all_batches, k) for k in range(2)] == expected


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@EVERY_KIND
def test_dtype_is_kept(make, dtype):
    batches = Ordered(make(X.astype(dtype)), Y.astype(dtype), WEIGHT.astype(dtype), UNEQUAL, 19)
    for x, y, weights, total, scores in (batch for chunk in batches for batch in chunk.batches):
        assert dense(x).dtype == y.dtype == weights.dtype == total.dtype == scores.dtype == dtype


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_may_lie_in_any_order_in_memory(order):
    for x, _, _ in epoch(Ordered(np.asarray(X, order=order), Y, None, FOLDS, 19)):
        np.testing.assert_array_equal(x, X[x[..., 0].astype(int)])


def test_an_order_may_be_wider_than_the_longest_network_has_rows():
    """Networks of a narrower stack may come from a wider one."""
    batches = Ordered(X, Y, None, [np.arange(1, 40), np.arange(12, 52)], 19)
    expected = [seen(batches, k) for k in range(2)]
    batches.order = np.pad(batches.order, ((0, 0), (0, 7)), mode="edge")
    assert [seen(batches, k) for k in range(2)] == expected


def test_initial_order_is_padded_with_the_first_row():
    order = initial_order([np.array([3, 1, 4]), np.array([5])])
    np.testing.assert_array_equal(order, [[3, 1, 4], [5, 5, 5]])


def test_every_epoch_uses_the_same_buffers():
    batches = Ordered(X, Y, WEIGHT, UNEQUAL, 7)
    first, second = list(batches), list(batches)
    assert all(a is b for a, b in zip(first, second, strict=True))


@EVERY_KIND
@EVERY_SIZE
@EVERY_CHUNK
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_totals_and_sums_are_those_of_each_batch(make, batch_size, gather_bytes, weight):
    for chunk in Ordered(make(X), Y, weight, FOLDS, batch_size):
        chunk.scores[...] = chunk.y
        sums = chunk.sum_by_batch(chunk.scores)
        for batch, total, of_batch in zip(chunk.batches, chunk.totals, sums, strict=True):
            np.testing.assert_allclose(of_batch, batch.y.sum(axis=1), rtol=1e-15)
            np.testing.assert_array_equal(batch.scores, batch.y)
            expected = batch.y.shape[1] if weight is None else batch.weights.sum(axis=1, keepdims=True)
            np.testing.assert_array_equal(batch.total, expected)
            np.testing.assert_array_equal(total, np.broadcast_to(batch.total, total.shape))


@EVERY_KIND
@EVERY_SIZE
@EVERY_CHUNK
@pytest.mark.parametrize("group_sizes", [(4,), (3, 1, 2), ()], ids=str)
def test_codes_are_what_their_expansion_is(make, batch_size, gather_bytes, group_sizes):
    """Class codes, or 0/1 labels of another dtype, give the batches that indicators give."""
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(size, size=N) for size in group_sizes or (2, 2)], axis=1)
    if group_sizes:
        whole = np.concatenate(
            [np.eye(size)[c] for size, c in zip(group_sizes, codes.T, strict=True)], axis=1
        )
    else:
        codes, whole = codes.astype(np.uint8), codes.astype(float)
    n_rows = np.array([len(rows) for rows in UNEQUAL])
    order = initial_order(UNEQUAL)
    if len(set(-(-n_rows // batch_size))) > 1:
        return
    compact = Batches(make(X), codes, WEIGHT, batch_size, whole.shape[1], n_rows, group_sizes)
    expected = Batches(make(X), whole, WEIGHT, batch_size, whole.shape[1], n_rows)
    stays = np.array([True, False, True])
    for a, b, rows in [
        (compact, expected, order),
        (kept(compact, stays), kept(expected, stays), order[stays]),
    ]:
        for found, right in zip(epoch(a.gather(rows)), epoch(b.gather(rows)), strict=True):
            for x, y in zip(found, right, strict=True):
                np.testing.assert_array_equal(x, y)
                assert x.dtype == y.dtype
