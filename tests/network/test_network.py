from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

import skmlp.network.network
from skmlp.network.activations import ACTIVATIONS, ReLU, Tanh
from skmlp.network.initializers import Auto, Orthogonal
from skmlp.network.layers import (
    Dense,
    Dropout,
    Nonlinearity,
)
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.normalizations import (
    NORMALIZATIONS,
    BatchNormalization,
)
from tests.network.problems import (
    HIDDEN,
    N_INPUTS,
    N_OUTPUTS,
    naive_prediction,
    naive_raw_scores,
    network_and_theta,
)

EVERY_DEPTH = pytest.mark.parametrize("depth", sorted(HIDDEN))
EVERY_K = pytest.mark.parametrize("n_networks", [1, 3])
N_BLOCK = 64


@pytest.fixture
def small_blocks(monkeypatch):
    """Let `Network.output` work on blocks of 64 rows, the fewest it takes."""
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
    scores = network.output(views(network, theta), make(X))
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
    network.output(views(network, theta), X)
    for buffer, copy in zip(buffers, before, strict=True):
        np.testing.assert_array_equal(buffer, copy)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_may_have_any_strides(order):
    network, theta = network_and_theta()
    X = rows(22)
    strided = np.asarray(X, order=order)[::2]
    expected = network.output(views(network, theta), X[::2].copy())
    np.testing.assert_allclose(network.output(views(network, theta), strided), expected, rtol=1e-12)


def test_threads_share_a_network(small_blocks):
    network, theta = network_and_theta()
    Xs = [rows(5 * N_BLOCK + i, seed=i) for i in range(7)]

    def scores(X):
        return network.output(views(network, theta), X)

    expected = [scores(X) for X in Xs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(scores, 10 * Xs))
    for a, b in zip(found, 10 * expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_product_that_calls_finite_numbers_invalid_gives_no_warning(monkeypatch):
    network, theta = network_and_theta(HIDDEN[1], "relu", 1)
    x, forward = rows(5), ReLU.forward

    def forward_with_flag(self, z, memo):
        np.subtract(np.inf, np.full(1, np.inf))  # sets the flag of the processor, as some products do
        forward(self, z, memo)

    expected = network.output(views(network, theta), x)
    monkeypatch.setattr(ReLU, "forward", forward_with_flag)
    np.testing.assert_array_equal(network.output(views(network, theta), x), expected)


def test_results_share_no_memory():
    network, theta = network_and_theta()
    first, second = (network.output(views(network, theta), rows(11)) for _ in range(2))
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_raw_scores_have_the_dtype_of_the_parameters(dtype):
    network, theta = network_and_theta()
    assert network.output(views(network, theta.astype(dtype)), rows(11).astype(dtype)).dtype == dtype


EVERY_NORMALIZATION = pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS.values()], ids=repr)


@EVERY_NORMALIZATION
@pytest.mark.parametrize("dropout", [(), (0.3, 0.5)], ids=["", "dropout"])
@EVERY_K
def test_prediction_uses_no_dropout_and_the_running_statistics(
    small_blocks, normalization, dropout, n_networks
):
    network, theta = network_and_theta(n_networks=n_networks, normalization=normalization, dropout=dropout)
    X = rows(3 * N_BLOCK + 5)
    before = theta.copy()
    scores = network.output(views(network, theta), X)
    for k in range(n_networks):
        expected = naive_prediction(network, [[p[k] for p in own] for own in views(network, theta)], X)
        np.testing.assert_allclose(scores[k], expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(theta, before)


@EVERY_NORMALIZATION
def test_dropout_does_not_matter_to_prediction(normalization):
    network, theta = network_and_theta(normalization=normalization)
    dropping, _ = network_and_theta(normalization=normalization, dropout=(0.3, 0.5))
    expected = network.output(views(network, theta), rows(11))
    np.testing.assert_array_equal(dropping.output(views(dropping, theta), rows(11)), expected)


@pytest.mark.parametrize("layer", [1, 3, 4])
@pytest.mark.parametrize("n", [11, 3 * N_BLOCK + 5])
def test_output_of_a_layer_is_what_the_layers_up_to_it_make(small_blocks, layer, n):
    network, theta = network_and_theta()
    parameters = views(network, theta)
    output = network.output(parameters, rows(n), layer)
    first = Network(N_INPUTS, network.layers[: layer + 1])
    assert output.shape == (3, n, network.widths[layer + 1])
    for k in range(3):
        own = [[p[k] for p in arrays] for arrays in parameters[: layer + 1]]
        np.testing.assert_allclose(output[k], naive_prediction(first, own, rows(n)), rtol=1e-12, atol=1e-13)


def test_multilayer_perceptron_alternates_dense_and_nonlinear():
    network = multilayer_perceptron(5, (7, 2), 13, Tanh())
    auto, tanh = Auto(), Tanh()
    assert network.layers == [
        Dense(7, auto, tanh),
        Nonlinearity(tanh),
        Dense(2, auto, tanh),
        Nonlinearity(tanh),
        Dense(13, auto, tanh),
    ]
    assert network.widths == [5, 7, 7, 2, 2, 13]
    assert network.layout.n_parameters == (5 + 1) * 7 + (7 + 1) * 2 + (2 + 1) * 13


@pytest.mark.parametrize("normalization", NORMALIZATIONS.values(), ids=NORMALIZATIONS)
def test_multilayer_perceptron_has_everything_in_its_place(normalization):
    """Biases before a batch normalization would be centred away: there are none."""
    tanh, relu, orthogonal = Tanh(), ReLU(), Orthogonal()
    has_biases = not isinstance(normalization, BatchNormalization)
    network = multilayer_perceptron(
        5,
        (7, 2, 3),
        13,
        [tanh, relu, tanh],
        initializer=orthogonal,
        normalization=normalization,
        dropout=(0.3, 0, 0.5),
    )
    assert network.layers == [
        Dense(7, orthogonal, tanh, has_biases),
        normalization,
        Nonlinearity(tanh),
        Dropout(0.3),
        Dense(2, orthogonal, relu, has_biases),
        normalization,
        Nonlinearity(relu),
        Dense(3, orthogonal, tanh, has_biases),
        normalization,
        Nonlinearity(tanh),
        Dropout(0.5),
        Dense(13, orthogonal, tanh),
    ]
    n_each = len(normalization.specs(1))
    n_biases = (7 + 2 + 3) * has_biases + 13
    assert network.layout.n_parameters == network.layout.n_penalized + n_biases + n_each * (7 + 2 + 3)
    assert network.layout.n_penalized == 5 * 7 + 7 * 2 + 2 * 3 + 3 * 13


def test_multilayer_perceptron_without_hidden_layers_is_one_dense_layer():
    network = multilayer_perceptron(5, (), 13, Tanh(), normalization=BatchNormalization())
    assert network.layers == [Dense(13, Auto(), Tanh())]


def test_activations_of_hidden_layers_may_differ():
    network = multilayer_perceptron(N_INPUTS, (7, 2), N_OUTPUTS, [Tanh(), ReLU()])
    theta = network_and_theta()[1]
    scores = network.output(views(network, theta), rows(11))
    for k in range(3):
        own = [[p[k] for p in arrays] for arrays in views(network, theta)]
        np.testing.assert_allclose(scores[k], naive_prediction(network, own, rows(11)), rtol=1e-12)
    assert (scores != network_and_theta()[0].output(views(network, theta), rows(11))).any()


def dense_only(network, of_layers):
    pairs = zip(network.layers, of_layers, strict=True)
    return [of_layer for layer, of_layer in pairs if isinstance(layer, Dense)]


@EVERY_NORMALIZATION
def test_normalized_networks_start_with_gain_one_and_as_without(normalization):
    network, _ = network_and_theta(normalization=normalization)
    plain, _ = network_and_theta()
    own, expected = (
        views(which, which.initial_parameters([np.random.RandomState(3)], np.dtype(float)))
        for which in (network, plain)
    )
    for a_layer, b_layer in zip(dense_only(network, own), dense_only(plain, expected), strict=True):
        for a, b in zip(a_layer, b_layer, strict=not isinstance(normalization, BatchNormalization)):
            np.testing.assert_array_equal(a, b)
    for layer, parameters in zip(network.layers, own, strict=True):
        if layer is normalization:
            assert [set(p.ravel()) for p in parameters] == [{1}, {0}, {0}, {1}][: len(parameters)]


# Several as one


def with_dropout(*rates, activation="tanh", **options):
    return [network_and_theta(dropout=(rate, 0.2), activation=activation, **options)[0] for rate in rates]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_stack_has_the_numbers_of_its_networks_as_columns(dtype):
    stack = Network.stack(with_dropout(0.1, 0.5, 0.3), dtype)
    first, second = (layer for layer in stack.layers if isinstance(layer, Dropout))
    assert first.rate.dtype == dtype
    np.testing.assert_array_equal(first.rate, np.array([0.1, 0.5, 0.3], dtype).reshape(3, 1, 1))
    np.testing.assert_array_equal(second.rate, np.full((3, 1, 1), 0.2, dtype))
    assert stack.n_inputs == N_INPUTS
    assert stack.widths == with_dropout(0.1)[0].widths
    assert stack.layout.n_parameters == with_dropout(0.1)[0].layout.n_parameters


@pytest.mark.parametrize("rates", [(0.3,), (0.3, 0.3)], ids=str)
def test_a_stack_of_one_network_or_of_equal_ones_has_columns_too(rates):
    stack = Network.stack(with_dropout(*rates), float)
    first, _ = (layer for layer in stack.layers if isinstance(layer, Dropout))
    np.testing.assert_array_equal(first.rate, np.reshape(rates, (-1, 1, 1)))


def test_a_stack_of_networks_without_fields_per_network_is_one_of_them():
    networks = [network_and_theta(normalization=BatchNormalization())[0] for _ in range(2)]
    assert Network.stack(networks, float).layers == networks[0].layers


def test_keep_takes_the_columns_of_some_networks():
    stack = Network.stack(with_dropout(0.1, 0.5, 0.3), float).keep(np.array([True, False, True]))
    first, second = (layer for layer in stack.layers if isinstance(layer, Dropout))
    np.testing.assert_array_equal(first.rate.ravel(), [0.1, 0.3])
    np.testing.assert_array_equal(second.rate.ravel(), [0.2, 0.2])


def test_a_stack_predicts_as_each_network_alone():
    networks = with_dropout(0.1, 0.5, 0.3, normalization=BatchNormalization())
    _, theta = network_and_theta(normalization=BatchNormalization())
    stack = Network.stack(networks, float)
    together = stack.output(views(stack, theta), rows(11))
    for k, network in enumerate(networks):
        np.testing.assert_array_equal(
            together[k], network.output(views(network, theta[k : k + 1]), rows(11))[0]
        )


def test_networks_of_one_kind_differ_in_numbers_only():
    (one,) = with_dropout(0.1)
    assert one.stack_key == with_dropout(0.7)[0].stack_key
    assert hash(one.stack_key) == hash(with_dropout(0.7)[0].stack_key)


@pytest.mark.parametrize(
    "other",
    [
        {"hidden": (7, 3)},
        {"hidden": (7,), "dropout": (0.1,)},
        {"activation": "relu"},
        {"n_outputs": 2},
        {"dropout": ()},
        {"dropout": (0.1, 0.0)},
        {"normalization": BatchNormalization()},
        {"initializer": Orthogonal()},
    ],
    ids=str,
)
def test_what_changes_shapes_or_code_is_another_kind(other):
    options = {"dropout": (0.1, 0.2), **other}
    assert network_and_theta(**options)[0].stack_key != with_dropout(0.1)[0].stack_key


def test_constants_of_a_normalization_are_another_kind():
    kinds = {
        network_and_theta(normalization=BatchNormalization(*constants))[0].stack_key
        for constants in ((), (1e-3,), (1e-5, 0.3))
    }
    assert len(kinds) == 3


def test_other_inputs_are_another_kind():
    kinds = {multilayer_perceptron(n, (7,), 2, Tanh()).stack_key for n in (5, 6)}
    assert len(kinds) == 2
