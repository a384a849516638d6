"""Schedules with settings of their own, of learning rate, weight decay and dropout; the base of one's own.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.schedules import OneCycle
>>> MLPClassifier(learning_rate=OneCycle(rise=0.1)).learning_rate.rise
0.1
"""

from skmlp.training.schedules import (
    SCHEDULES,
    Adaptive,
    Constant,
    Cosine,
    FlatCosine,
    InverseScaling,
    Linear,
    OneCycle,
    Schedule,
)

__all__ = [
    "SCHEDULES",
    "Adaptive",
    "Constant",
    "Cosine",
    "FlatCosine",
    "InverseScaling",
    "Linear",
    "OneCycle",
    "Schedule",
]
