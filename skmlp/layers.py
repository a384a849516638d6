"""Layers with settings of their own, for the parameters ``normalization`` and ``input_layer``.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.layers import BatchNormalization
>>> MLPClassifier(normalization=BatchNormalization(momentum=0.05)).normalization
BatchNormalization(epsilon=1e-05, momentum=0.05)
"""

from skmlp.network.input_layers import INPUT_LAYERS, Embedding, InputLayer, PeriodicEmbedding, Scaling
from skmlp.network.normalizations import (
    NORMALIZATIONS,
    BatchNormalization,
    LayerNormalization,
    Normalization,
)

__all__ = [
    "INPUT_LAYERS",
    "NORMALIZATIONS",
    "BatchNormalization",
    "Embedding",
    "InputLayer",
    "LayerNormalization",
    "Normalization",
    "PeriodicEmbedding",
    "Scaling",
]
