"""Activations with settings of their own, for the parameter ``activation``, and the base of custom ones.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.activations import LeakyReLU
>>> MLPClassifier((20, 10), activation=[LeakyReLU(slope=0.3), "tanh"]).activation
[LeakyReLU(slope=0.3), 'tanh']
"""

from skmlp.network.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softplus,
    Tanh,
)

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "Identity",
    "LeakyReLU",
    "Logistic",
    "Mish",
    "ReLU",
    "SiLU",
    "Softplus",
    "Tanh",
]
