"""Values and gradients of every piece are those of torch, in float64."""

import numpy as np
import pytest

from skmlp.network.activations import ACTIVATIONS, ELU, LeakyReLU
from skmlp.network.layers import (
    Dense,
    Dropout,
    Nonlinearity,
)
from skmlp.network.losses import (
    AbsoluteError,
    BinaryLogLoss,
    Gamma,
    Huber,
    LogLoss,
    Poisson,
    SquaredError,
)
from skmlp.network.normalizations import (
    BatchNormalization,
    LayerNormalization,
)
from skmlp.network.objective import Objective
from tests.network.problems import N_INPUTS, data, network_and_theta, targets

torch = pytest.importorskip("torch")
F = torch.nn.functional

Z = np.random.default_rng(0).normal(scale=2, size=(3, 11, 7))
TORCH_ACTIVATIONS = {
    "identity": lambda z: z * 1,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
}


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def assert_same_as(activation, function):
    h, memo = Z.copy(), np.empty(Nonlinearity(activation).memo_shape(Z.shape))
    activation.forward(h, memo)
    delta = np.random.default_rng(1).normal(size=Z.shape)
    z = tensor(Z)
    output = function(z)
    output.backward(torch.tensor(delta))
    activation.backward(h, delta, memo)
    np.testing.assert_allclose(h, output.detach(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(delta, z.grad, rtol=1e-11, atol=1e-14)


def test_every_activation_is_compared():
    assert set(TORCH_ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(TORCH_ACTIVATIONS))
def test_activation(name):
    assert_same_as(ACTIVATIONS[name], TORCH_ACTIVATIONS[name])


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (LeakyReLU(0.2), lambda z: F.leaky_relu(z, 0.2)),
        (ELU(0.7), lambda z: F.elu(z, 0.7)),
    ],
    ids=["leaky_relu", "elu"],
)
def test_activation_with_a_number_of_its_own(activation, function):
    assert_same_as(activation, function)


def cross_entropy(z, y, smoothing):
    return F.cross_entropy(z.reshape(-1, 13), y.reshape(-1, 13), reduction="sum", label_smoothing=smoothing)


def negative_log_likelihood_of_gamma(z, y):
    """The likelihood depends on the mean as half the deviance does, up to what depends on y alone."""
    ours = torch.distributions.Gamma(1.0, torch.exp(-z)).log_prob(y)
    saturated = torch.distributions.Gamma(1.0, 1 / y).log_prob(y)
    return (saturated - ours).sum()


def log_probability_of_poisson(z, y):
    likelihood = F.poisson_nll_loss(z, y, reduction="sum")
    return likelihood - F.poisson_nll_loss(torch.log(y), y, reduction="sum")


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (SquaredError(), lambda z, y: F.mse_loss(z, y, reduction="sum") / 2),
        (AbsoluteError(), lambda z, y: F.l1_loss(z, y, reduction="sum")),
        (Huber(), lambda z, y: F.huber_loss(z, y, reduction="sum")),
        (Huber(0.3), lambda z, y: F.huber_loss(z, y, reduction="sum", delta=0.3)),
        (Poisson(), log_probability_of_poisson),
        (Gamma(), negative_log_likelihood_of_gamma),
        (BinaryLogLoss(), lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="sum")),
        (
            BinaryLogLoss(0.2),
            lambda z, y: F.binary_cross_entropy_with_logits(z, 0.8 * y + 0.1, reduction="sum"),
        ),
        (LogLoss(group_sizes=(13,)), lambda z, y: cross_entropy(z, y, 0.0)),
        (LogLoss(0.2, group_sizes=(13,)), lambda z, y: cross_entropy(z, y, 0.2)),
    ],
    ids=lambda value: repr(value) if hasattr(value, "link") else "",
)
def test_loss(loss, function):
    rng = np.random.default_rng(2)
    z, y = rng.normal(scale=2, size=(3, 11, 13)), targets(loss, rng, (3, 11, 13))
    y = y + 1 if isinstance(loss, Poisson) else y
    delta, z_torch = np.empty_like(z), tensor(z)
    ours = loss.value(z, y).sum()
    loss.gradient(z, y, delta)
    value = function(z_torch, torch.tensor(y))
    value.backward()
    np.testing.assert_allclose(ours, value.item(), rtol=1e-12)
    np.testing.assert_allclose(delta, z_torch.grad, rtol=1e-11, atol=1e-13)


class TorchNetwork:
    """One network of ours, from the same parameters, by the modules of torch."""

    def __init__(self, network, parameters):
        self.network = network
        self.parameters = [[tensor(p) for p in own] for own in parameters]
        self.statistics = [
            [torch.tensor(p[0]) for p in own[2:]] if isinstance(layer, BatchNormalization) else []
            for layer, own in zip(network.layers, parameters, strict=True)
        ]

    def __call__(self, x, training, masks=()):
        masks = iter(masks)
        for layer, own, running in zip(self.network.layers, self.parameters, self.statistics, strict=True):
            match layer:
                case Dense():
                    x = F.linear(x, own[0].T, *(biases[0] for biases in own[1:]))
                case Nonlinearity(activation):
                    x = TORCH_ACTIVATIONS[activation.name](x)
                case BatchNormalization(epsilon, momentum):
                    x = F.batch_norm(x, *running, own[0][0], own[1][0], training, momentum, epsilon)
                case LayerNormalization(epsilon):
                    x = F.layer_norm(x, x.shape[1:], own[0][0], own[1][0], epsilon)
                case Dropout():
                    x = x * next(masks)
        return x

    def gradients(self):
        return [[torch.zeros_like(p) if p.grad is None else p.grad for p in own] for own in self.parameters]


NETWORKS = {
    "plain": {},
    "batch normalization": {"normalization": BatchNormalization()},
    "batch normalization with numbers of its own": {"normalization": BatchNormalization(0.1, 0.3)},
    "layer normalization": {"normalization": LayerNormalization()},
    "layer normalization with a number of its own": {"normalization": LayerNormalization(0.1)},
    "batch normalization and dropout": {"normalization": BatchNormalization(), "dropout": (0.25, 0.5)},
    "layer normalization and dropout": {"normalization": LayerNormalization(), "dropout": (0.25, 0.5)},
}


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("activation", ["tanh", "gelu", "selu"])
def test_training_of_a_network(options, activation):
    """Log-probabilities and gradients; running means too, and running variances but for n / (n - 1)."""
    loss, n_rows = LogLoss(group_sizes=(13,)), 11
    network, theta = network_and_theta((7, 5), activation, **options)
    x, y, _ = data(loss)
    view = network.layout.view
    own = [[[p[k].copy() for p in layer] for layer in view(theta).layers] for k in range(3)]
    streams = [np.random.Generator(np.random.SFC64(k)) for k in range(3)]
    objective = Objective(network, loss, np.zeros(3), streams)
    gradient, moved = view(np.empty_like(theta)), view(theta.copy())
    total = np.asarray(float(n_rows))
    z = objective.gradient(moved, x, y, None, total, gradient)
    (traces,) = objective._traces.values()
    for k in range(3):
        masks = [
            torch.tensor(trace.memo[k])
            for layer, trace in zip(network.layers, traces, strict=True)
            if isinstance(layer, Dropout)
        ]
        peer = TorchNetwork(network, own[k])
        scores = peer(torch.tensor(x[k]), True, masks)
        log_p = F.log_softmax(scores.detach(), dim=-1)  # the gradient of the log-loss leaves it in z
        np.testing.assert_allclose(z[k], log_p, rtol=1e-10, atol=1e-12)
        F.cross_entropy(scores, torch.tensor(y[k])).backward()
        for ours, theirs in zip(gradient.layers, peer.gradients(), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a[k], b, rtol=1e-9, atol=1e-11)
        for layer, ours, before, running in zip(
            network.layers, moved.layers, own[k], peer.statistics, strict=True
        ):
            if running:
                kept = (1 - layer.momentum) * before[3][0]
                biased = kept + (running[1].numpy() - kept) * (n_rows - 1) / n_rows
                np.testing.assert_allclose(ours[2][k, 0], running[0], rtol=1e-10, atol=1e-13)
                np.testing.assert_allclose(ours[3][k, 0], biased, rtol=1e-10)


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_prediction_of_a_network(options):
    network, theta = network_and_theta((7, 5), **options)
    X = np.random.default_rng(3).normal(size=(17, N_INPUTS))
    layers = network.layout.view(theta).layers
    scores = network.output(layers, X)
    for k in range(3):
        own = [[p[k] for p in layer] for layer in layers]
        ones = [torch.ones(()) for _ in options.get("dropout", ())]
        expected = TorchNetwork(network, own)(torch.tensor(X), False, ones)
        np.testing.assert_allclose(scores[k], expected.detach(), rtol=1e-10, atol=1e-12)
