"""Initializers with settings of their own, for the parameter ``initializer``, and the base of custom ones.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.initializers import Orthogonal
>>> MLPClassifier(initializer=Orthogonal(gain=1.4)).initializer
Orthogonal(gain=1.4)
"""

from skmlp.network.initializers import (
    INITIALIZERS,
    Auto,
    Initializer,
    Orthogonal,
    TruncatedNormal,
    VarianceScaling,
)

__all__ = [
    "INITIALIZERS",
    "Auto",
    "Initializer",
    "Orthogonal",
    "TruncatedNormal",
    "VarianceScaling",
]
