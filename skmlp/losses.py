"""Losses with settings of their own, for the parameter ``loss``, and the bases of custom ones.

Examples
--------
>>> from skmlp import MLPRegressor
>>> from skmlp.losses import Huber
>>> MLPRegressor(loss=Huber(delta=2.0)).loss
Huber(delta=2.0)
"""

from skmlp.network.losses import (
    LOSSES,
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    BinaryLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    MulticlassLoss,
    Poisson,
    ProbabilisticLoss,
    Quantile,
    SquaredError,
)
from skmlp.network.quantiles import Quantiles

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "BinaryFocal",
    "BinaryLogLoss",
    "BinaryLoss",
    "Focal",
    "Gamma",
    "Huber",
    "LogLoss",
    "Loss",
    "MulticlassLoss",
    "Poisson",
    "ProbabilisticLoss",
    "Quantile",
    "Quantiles",
    "SquaredError",
]
