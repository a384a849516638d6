"""Normalizations with settings of their own, for the parameter ``normalization``.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.layers import BatchNormalization
>>> MLPClassifier(normalization=BatchNormalization(momentum=0.05)).normalization
BatchNormalization(epsilon=1e-05, momentum=0.05)
"""

from skmlp.network.normalizations import (
    NORMALIZATIONS,
    BatchNormalization,
    LayerNormalization,
    Normalization,
)

__all__ = [
    "NORMALIZATIONS",
    "BatchNormalization",
    "LayerNormalization",
    "Normalization",
]
