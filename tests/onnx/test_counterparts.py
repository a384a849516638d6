"""Whatever a network may consist of has its counterpart in ONNX, or is refused."""

import pytest

from skmlp.network import layers
from skmlp.network.activations import ACTIVATIONS
from skmlp.network.classification_losses import ProbabilisticLoss
from skmlp.network.layers import Layer
from skmlp.network.losses import LOSSES, SquaredError
from skmlp.network.normalizations import NORMALIZATIONS
from skmlp.network.quantiles import Quantiles
from skmlp.onnx import counterparts


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_one(name):
    assert type(ACTIVATIONS[name]) in counterparts.ACTIVATIONS


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_every_normalization_has_one(name):
    assert type(NORMALIZATIONS[name]) in counterparts.LAYERS


def test_every_layer_has_one():
    kinds = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, Layer)}
    assert kinds - {Layer} <= set(counterparts.LAYERS)


@pytest.mark.parametrize("loss", [*LOSSES.values(), Quantiles])
def test_every_link_has_one(loss):
    assert loss.inverse_link in counterparts.METHODS
    if issubclass(loss, ProbabilisticLoss):
        assert loss.scores_of_mean in counterparts.METHODS


def test_what_has_none_is_named_with_what_has_one():
    class Cubed(SquaredError):
        def inverse_link(self, z):
            return z**3

    with pytest.raises(NotImplementedError, match=r"inverse_link of loss=.*Cubed.* these can: BinaryLoss"):
        counterparts.of_loss(None, Cubed(), "inverse_link", "z")
