"""From constructor parameters to the objects of the engine that they choose."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np

from skmlp.estimators.parameters import hidden_sizes
from skmlp.network.activations import ACTIVATIONS
from skmlp.network.initializers import INITIALIZERS
from skmlp.network.layers import NORMALIZATIONS
from skmlp.network.losses import LOSSES, Loss, SquaredError
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.training.optimizers import OPTIMIZERS, Optimizer
from skmlp.training.schedules import SCHEDULES, InverseScaling, Schedule

Choice = TypeVar("Choice")


def choice_of(value: str | Choice, table: dict[str, Choice]) -> Choice:
    """Return the entry of a table by its name, or an instance as it is."""
    return table[value] if isinstance(value, str) else value


def network_of(parameters: Any, n_inputs: int, n_outputs: int) -> Network:
    """Return the network that ``parameters``, an estimator or the like, describes."""
    sizes = hidden_sizes(parameters.hidden_layer_sizes) or []
    activation, rates = parameters.activation, parameters.dropout
    several = isinstance(activation, (list, tuple, np.ndarray))
    activations = list(activation) or ["identity"] if several else [activation] * (len(sizes) + 1)
    normalization = parameters.normalization
    return multilayer_perceptron(
        n_inputs,
        sizes,
        n_outputs,
        [choice_of(f, ACTIVATIONS) for f in activations],
        initializer=choice_of(parameters.initializer, INITIALIZERS),
        normalization=None if normalization is None else choice_of(normalization, NORMALIZATIONS),
        dropout=np.broadcast_to(np.asarray(rates, dtype=float), len(sizes)).tolist(),
    )


def is_cost(loss: Any) -> bool:
    """Return whether ``loss`` is a function of predictions or the name of a scorer: without a gradient."""
    if isinstance(loss, str):
        return loss not in LOSSES
    return callable(loss) and not isinstance(loss, type)


def loss_of(parameters: Any) -> Loss:
    """Return the loss of a regressor (or the like) that ``loss`` and ``quantile`` choose."""
    if is_cost(parameters.loss):
        return SquaredError()  # for its link: raw scores are the predictions
    if not isinstance(parameters.loss, str):
        loss: Loss = parameters.loss
        return loss
    kind = LOSSES[parameters.loss]
    return kind(parameters.quantile) if parameters.loss == "quantile" else kind()  # type: ignore[call-arg]


def optimizer_of(estimator: Any) -> Optimizer:
    """Return the optimizer that ``solver`` and its parameters choose."""
    if isinstance(estimator.solver, Optimizer):
        return estimator.solver
    kind = OPTIMIZERS[estimator.solver]
    renamed = {"nesterov": "nesterovs_momentum"}  # where the parameter has another name
    names = {f.name: renamed.get(f.name, f.name) for f in dataclasses.fields(kind)}
    chosen = {f: getattr(estimator, name) for f, name in names.items() if hasattr(estimator, name)}
    return kind(**chosen)


def schedule_of(estimator: Any) -> Schedule:
    """Return the schedule that ``learning_rate`` and its parameters choose."""
    choice = estimator.learning_rate
    schedule: Schedule
    if not isinstance(choice, str):
        schedule = choice
    elif choice == InverseScaling.name:
        schedule = InverseScaling(power_t=estimator.power_t)
    else:
        schedule = SCHEDULES[choice]()
    return dataclasses.replace(schedule, warmup=estimator.warmup) if estimator.warmup else schedule


def batch_size_of(estimator: Any, n_samples: int) -> int:
    """Return the rows per batch, at most ``n_samples``."""
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    return min(int(estimator.batch_size), n_samples)
