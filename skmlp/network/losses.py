"""Every loss, by its class and by its name."""

from __future__ import annotations

from skmlp.network.classification_losses import (
    BinaryFocal,
    BinaryLogLoss,
    BinaryLoss,
    Focal,
    LogLoss,
    MulticlassLoss,
    ProbabilisticLoss,
)
from skmlp.network.loss import Loss
from skmlp.network.regression_losses import AbsoluteError, Gamma, Huber, Poisson, Quantile, SquaredError

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
    "SquaredError",
]

LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        SquaredError,
        Poisson,
        AbsoluteError,
        Huber,
        Quantile,
        Gamma,
        BinaryLogLoss,
        LogLoss,
        BinaryFocal,
        Focal,
    )
}
"""Every loss by its name."""
