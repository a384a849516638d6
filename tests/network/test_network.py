from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

import skmlp.network.network
from skmlp.network.activations import ACTIVATIONS, Tanh
from skmlp.network.layers import Dense, Nonlinearity
from skmlp.network.network import multilayer_perceptron
from tests.network.problems import HIDDEN, N_INPUTS, N_OUTPUTS, naive_raw_scores, network_and_theta

EVERY_DEPTH = pytest.mark.parametrize("depth", sorted(HIDDEN))
EVERY_K = pytest.mark.parametrize("n_networks", [1, 3])
N_BLOCK = 64


@pytest.fixture
def small_blocks(monkeypatch):
    """Let `Network.raw_scores` work on blocks of 64 rows, the fewest it takes."""
    monkeypatch.setattr(skmlp.network.network, "PREDICT_ELEMENTS", 1)


def views(network, theta):
    return network.layout.view(theta).layers


def rows(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, N_INPUTS))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@EVERY_DEPTH
@EVERY_K
def test_forward_is_the_naive_loop(activation, depth, n_networks):
    network, theta = network_and_theta(HIDDEN[depth], activation, n_networks)
    x = rows(11 * n_networks).reshape(n_networks, 11, N_INPUTS)
    z = network.forward(views(network, theta), x, network.traces(n_networks, 11, like=theta))
    expected = [naive_raw_scores(network, *pair, activation) for pair in zip(theta, x, strict=True)]
    np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, N_BLOCK - 1, N_BLOCK, N_BLOCK + 1, 3 * N_BLOCK, 3 * N_BLOCK + 5])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@EVERY_K
def test_raw_scores_equal_forward_for_any_number_of_rows(small_blocks, n, make, n_networks):
    network, theta = network_and_theta(n_networks=n_networks)
    X = rows(n)
    scores = network.raw_scores(views(network, theta), make(X))
    assert scores.shape == (n_networks, n, N_OUTPUTS)
    for k in range(n_networks):
        np.testing.assert_allclose(
            scores[k], naive_raw_scores(network, theta[k], X, "tanh"), rtol=1e-12, atol=1e-13
        )


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
@EVERY_DEPTH
def test_read_only_arrays_are_left_as_they_are(depth, make):
    network, theta = network_and_theta(HIDDEN[depth])
    X = make(rows(11))
    buffers = [theta, X] if make is np.asarray else [theta, X.data, X.indices, X.indptr]
    before = [buffer.copy() for buffer in buffers]
    for buffer in buffers:
        buffer.flags.writeable = False
    network.raw_scores(views(network, theta), X)
    for buffer, copy in zip(buffers, before, strict=True):
        np.testing.assert_array_equal(buffer, copy)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_may_have_any_strides(order):
    network, theta = network_and_theta()
    X = rows(22)
    strided = np.asarray(X, order=order)[::2]
    expected = network.raw_scores(views(network, theta), X[::2].copy())
    np.testing.assert_allclose(network.raw_scores(views(network, theta), strided), expected, rtol=1e-12)


def test_threads_share_a_network(small_blocks):
    network, theta = network_and_theta()
    Xs = [rows(5 * N_BLOCK + i, seed=i) for i in range(7)]

    def scores(X):
        return network.raw_scores(views(network, theta), X)

    expected = [scores(X) for X in Xs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(scores, 10 * Xs))
    for a, b in zip(found, 10 * expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_share_no_memory():
    network, theta = network_and_theta()
    first, second = (network.raw_scores(views(network, theta), rows(11)) for _ in range(2))
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_raw_scores_have_the_dtype_of_the_parameters(dtype):
    network, theta = network_and_theta()
    assert network.raw_scores(views(network, theta.astype(dtype)), rows(11).astype(dtype)).dtype == dtype


def test_multilayer_perceptron_alternates_dense_and_nonlinear():
    network = multilayer_perceptron(5, (7, 2), 13, Tanh())
    tanh = Nonlinearity(Tanh())
    assert network.layers == [Dense(7), tanh, Dense(2), tanh, Dense(13)]
    assert network.widths == [5, 7, 7, 2, 2, 13]
    assert network.layout.n_parameters == (5 + 1) * 7 + (7 + 1) * 2 + (2 + 1) * 13
