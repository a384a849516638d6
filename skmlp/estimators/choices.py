"""From constructor parameters to the objects of the engine that they choose."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.training.optimizers import OPTIMIZERS, Optimizer
from skmlp.training.schedules import SCHEDULES, Constant, InverseScaling, Schedule


def activation_of(choice: str | Activation) -> Activation:
    """Return the activation of a name or an instance."""
    return ACTIVATIONS[choice] if isinstance(choice, str) else choice


def optimizer_of(estimator: Any) -> Optimizer:
    """Return the optimizer that ``solver`` and its parameters choose."""
    kind = OPTIMIZERS[estimator.solver]
    fields = {"nesterov": "nesterovs_momentum"}  # where the parameter has another name
    chosen = {f.name: getattr(estimator, fields.get(f.name, f.name)) for f in dataclasses.fields(kind)}
    return kind(**chosen)


def schedule_of(estimator: Any) -> Schedule:
    """Return the schedule that ``learning_rate`` chooses; only 'sgd' has one, as in scikit-learn."""
    if estimator.solver != "sgd":
        return Constant()
    if estimator.learning_rate == "invscaling":
        return InverseScaling(estimator.power_t)
    return SCHEDULES[estimator.learning_rate]()


def batch_size_of(estimator: Any, n_samples: int) -> int:
    """Return the rows per batch, at most ``n_samples``."""
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size: batch_size="
            f"{estimator.batch_size} is clipped to {n_samples}.",
            stacklevel=2,
        )
    return min(int(estimator.batch_size), n_samples)
