"""Checks of constructor parameters that are valid each but may not be together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from skmlp.estimators.choices import batch_size_of, is_cost
from skmlp.estimators.parameters import STOCHASTIC_SOLVERS, hidden_sizes
from skmlp.network.layers import BatchNormalization
from skmlp.network.losses import Loss, SquaredError
from skmlp.training.schedules import SCHEDULES


def check_combinations(estimator: Any) -> None:
    """Raise an error that says what to do, if parameters are valid each but not together."""
    n_hidden = len(hidden_sizes(estimator.hidden_layer_sizes) or [])
    for name in ("activation", "dropout"):
        value = getattr(estimator, name)
        if isinstance(value, (list, tuple, np.ndarray)) and len(value) != n_hidden:
            raise ValueError(
                f"{name}={value!r} has {len(value)} entries, hidden_layer_sizes="
                f"{estimator.hidden_layer_sizes!r} has {n_hidden}: give one for each hidden layer, or one"
                " value for all."
            )
    for name, is_on in (
        ("dropout", np.any(np.asarray(estimator.dropout) > 0)),
        ("normalization", estimator.normalization is not None),
    ):
        if is_on and not n_hidden:
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} works on hidden layers, and hidden_layer_sizes="
                f"{estimator.hidden_layer_sizes!r} has none: add one, or leave {name} out."
            )
    if isinstance(estimator.solver, str) and estimator.solver not in STOCHASTIC_SOLVERS:
        _check_deterministic(estimator)
        if getattr(estimator, "beta", 0) > 0:
            raise ValueError(
                f"beta={estimator.beta!r} changes the gradient alone, and solver={estimator.solver!r} needs"
                f" the slope of the loss: choose one of {STOCHASTIC_SOLVERS}, or set beta=0."
            )
    loss = getattr(estimator, "loss", None)
    if is_cost(loss) and estimator.solver != "es":
        raise ValueError(
            f"loss={loss!r} has no gradient, which solver={estimator.solver!r} needs: set solver='es', or"
            " choose a loss that has one."
        )
    with_loss = "" if loss is None else f" with loss={loss!r}"
    if estimator.solver == "lm" and not (loss == "squared_error" or isinstance(loss, SquaredError)):
        raise ValueError(
            "solver='lm' is for sums of squares: it trains MLPRegressor with loss='squared_error', not"
            f" {type(estimator).__name__}{with_loss}: choose solver='lbfgs'."
        )
    quantile = getattr(estimator, "quantile", None)
    if isinstance(loss, str) and (loss == "quantile") != (quantile is not None):
        raise ValueError(
            f"loss={loss!r} and quantile={quantile!r} do not go together: set both loss='quantile' and"
            " quantile between 0 and 1, or leave quantile=None."
        )
    if isinstance(loss, Loss) and quantile is not None:
        raise ValueError(f"quantile={quantile!r} is for loss='quantile'; got loss={loss!r}.")


def over_batch(estimator: Any) -> bool:
    """Return whether layers are normalised over the samples of a batch."""
    choice = estimator.normalization
    return isinstance(choice, BatchNormalization) or (isinstance(choice, str) and choice == "batch")


def check_batch_size(estimator: Any, n_samples: int) -> None:
    """Warn of batches larger than the data; raise an error if they are too small to normalise over."""
    batch_size = batch_size_of(estimator, n_samples)
    if estimator.batch_size != "auto" and estimator.batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size: batch_size="
            f"{estimator.batch_size} is clipped to {n_samples}.",
            stacklevel=2,
        )
    if over_batch(estimator) and batch_size < 2:
        raise ValueError(
            f"normalization={estimator.normalization!r} needs at least 2 samples in a batch, and there is"
            f" 1 sample: raise batch_size={estimator.batch_size!r}, give more samples, or choose"
            " normalization='layer'."
        )


def _check_deterministic(estimator: Any) -> None:
    """Raise an error if a solver that works on all samples at once is asked for what needs batches."""
    schedule = estimator.learning_rate
    schedule = SCHEDULES[schedule] if isinstance(schedule, str) else type(schedule)
    needs_batches = {
        "dropout": np.any(np.asarray(estimator.dropout) > 0),
        "normalization": over_batch(estimator),
        "weight_decay": estimator.weight_decay > 0,
        "max_grad_norm": estimator.max_grad_norm is not None,
        "warmup": estimator.warmup > 0,
        "learning_rate": schedule.needs_the_end,
    }
    for name, is_on in needs_batches.items():
        if is_on:
            way_out = " (alpha is the penalty of all solvers)" if name == "weight_decay" else ""
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} is for stochastic solvers, and solver="
                f"{estimator.solver!r} works on all samples at once: choose one of"
                f" {STOCHASTIC_SOLVERS}, or leave {name} out{way_out}."
            )
