"""Checks of constructor parameters that are valid each but may not be together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skmlp.fitting.parameters import STOCHASTIC_SOLVERS
from skmlp.fitting.values import entries, hidden_sizes
from skmlp.network.losses import LogLoss, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.normalizations import BatchNormalization
from skmlp.training.optimizers import Optimizer
from skmlp.training.schedules import Constant

if TYPE_CHECKING:
    from skmlp.fitting.choices import Choices


def check_hidden_layers(params: Mapping[str, Any]) -> None:
    """Raise an error if what is said of the hidden layers does not go with how many there are."""
    sizes = params["hidden_layer_sizes"]
    n_hidden = len(hidden_sizes(sizes) or [])
    for name in ("activation", "dropout"):
        value = params[name]
        of_layers = entries(value)
        if of_layers is not None and len(of_layers) != n_hidden:
            raise ValueError(
                f"{name}={value!r} has {len(of_layers)} entries, hidden_layer_sizes={sizes!r} has"
                f" {n_hidden}: give one for each hidden layer, or one value for all."
            )
    rates = entries(params["dropout"])
    is_on = {
        "dropout": any(rate > 0 for rate in ([params["dropout"]] if rates is None else rates)),
        "normalization": params["normalization"] is not None,
        "skip": params["skip"],
    }
    for name, on in is_on.items():
        if on and not n_hidden:
            raise ValueError(
                f"{name}={params[name]!r} is for networks with hidden layers, and"
                f" hidden_layer_sizes={sizes!r} has none: add one, or leave {name} out."
            )


def check_combinations(choices: Choices, owner: str) -> None:
    """Raise an error that says what to do, if choices are valid each but not together.

    ``owner`` is the class that they are made for.
    """
    params, solver, loss, network = choices.params, choices.solver, choices.loss, choices.network
    if isinstance(solver, Optimizer):
        _check_plan(choices)
        needs = "gradient"
    else:
        _check_full_batch(choices)
        needs = solver.needs
        if isinstance(loss, MixtureDensity) and loss.beta > 0:
            raise ValueError(
                f"beta={params['beta']!r} changes the gradient alone, and solver={params['solver']!r} needs"
                f" the slope of the loss: choose one of {STOCHASTIC_SOLVERS}, or set beta=0."
            )
    if network.is_monotonic:
        _check_monotonic(choices, needs)
    if isinstance(params["alpha"], str):
        _check_evidence(choices, needs)
    if choices.laplace is not None:
        _check_laplace(choices)
    if choices.cost is not None and needs != "values":
        raise ValueError(
            f"loss={choices.cost!r} has no gradient, which solver={params['solver']!r} needs: set"
            " solver='es', or choose a loss that has one."
        )
    if needs == "residuals" and not isinstance(loss, SquaredError):
        with_loss = f" with loss={params['loss']!r}" if "loss" in params else ""
        raise ValueError(
            f"solver={params['solver']!r} is for sums of squares: it trains MLPRegressor with"
            f" loss='squared_error', not {owner}{with_loss}: choose solver='lbfgs'."
        )


def _check_plan(choices: Choices) -> None:
    """Raise an error if schedules plan for different numbers of epochs."""
    lengths = {name: schedule.n_epochs for name, schedule in choices.schedules.items() if schedule.n_epochs}
    if len({*lengths.values()}) > 1:
        given = " and ".join(f"{name}={choices.params[name]!r}" for name in lengths)
        raise ValueError(
            f"{given} plan for different numbers of epochs, and training has one plan: say n_epochs in one"
            " of them, which all will follow."
        )


def _check_monotonic(choices: Choices, needs: str) -> None:
    """Raise an error if ``monotonic_cst`` is asked for beside what could break it."""
    params, network = choices.params, choices.network
    what = f"monotonic_cst={params['monotonic_cst']!r} cannot be kept"
    if needs != "gradient":
        raise ValueError(
            f"{what} by solver={params['solver']!r}: choose 'lbfgs', or one of {STOCHASTIC_SOLVERS}."
        )
    if network.normalization is not None:
        raise ValueError(
            f"{what} with normalization={params['normalization']!r}, which may turn a unit around: leave it"
            " out, and set standardize=True."
        )
    falling = [f.name for f in network.activations if not f.is_rising]
    if falling:
        raise ValueError(
            f"{what} with activation={params['activation']!r}: {falling[0]} falls in places. Choose one"
            " that never does, such as 'relu', 'elu' or 'tanh'."
        )


def _check_evidence(choices: Choices, needs: str) -> None:
    """Raise an error if alpha cannot be estimated."""
    params = choices.params
    what = f"alpha={params['alpha']!r}"
    if choices.is_stochastic or needs == "values":
        raise ValueError(
            f"{what} needs weights that have converged, and solver={params['solver']!r} may stop before:"
            " choose 'lbfgs', or 'lm' with the squared error; or give alpha as a number."
        )
    _check_is_posterior(choices, what)


def _check_laplace(choices: Choices) -> None:
    """Raise an error if ``laplace`` is asked for where there is no normal posterior."""
    params, network = choices.params, choices.network
    what = f"laplace={params['laplace']!r}"
    _check_is_posterior(choices, what)
    if choices.alpha == 0:
        raise ValueError(
            f"{what} needs a prior, and alpha=0 is none: raise alpha, or set alpha='evidence'."
        )
    if any(network.dropout) or isinstance(network.normalization, BatchNormalization):
        name = "dropout" if any(network.dropout) else "normalization"
        raise ValueError(
            f"{what} needs weights at a minimum of the loss, and {name}={params[name]!r} trains other"
            " networks than the one that predicts: leave it out."
        )
    if choices.laplace == "last_layer" and network.skip:
        raise ValueError(
            f"{what} takes the last layer alone, and skip=True has two that lead to the scores: choose"
            " laplace='full', or leave skip out."
        )


def _check_is_posterior(choices: Choices, what: str) -> None:
    """Raise an error if the objective is not minus the logarithm of a posterior without bounds."""
    params, loss = choices.params, choices.loss
    is_likelihood = type(loss) is SquaredError or (type(loss) is LogLoss and not loss.label_smoothing)
    if choices.cost is not None or not is_likelihood:
        given = f"loss={params['loss']!r}" if "loss" in params else f"loss={loss!r}"
        raise ValueError(
            f"{what} needs a loss that is a probability of y: the squared error (normal noise), or"
            f" the log-loss without label smoothing, and not {given}."
        )
    if choices.network.is_monotonic:
        raise ValueError(
            f"{what} cannot be combined with monotonic_cst={params['monotonic_cst']!r}: weights at their"
            " bounds have no normal posterior. Leave one of them out."
        )


def check_batch_size(choices: Choices, n_samples: int) -> None:
    """Warn of batches larger than the data; raise an error if they are too small to normalize over."""
    batch_size = choices.batch_size
    if not isinstance(batch_size, str) and batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size: batch_size="
            f"{batch_size} is clipped to {n_samples}.",
            stacklevel=2,
        )
    normalization = choices.network.normalization
    if isinstance(normalization, BatchNormalization) and choices.rows_per_batch(n_samples) < 2:
        raise ValueError(
            f"normalization={choices.params['normalization']!r} needs at least 2 samples in a batch, and"
            f" there is 1 sample: raise batch_size={choices.params['batch_size']!r}, give more samples, or"
            " choose normalization='layer'."
        )


def _check_full_batch(choices: Choices) -> None:
    """Raise an error if a solver that works on all samples at once is asked for what needs batches."""
    params = choices.params
    needs_batches = {
        "dropout": any(choices.network.dropout),
        "normalization": isinstance(choices.network.normalization, BatchNormalization),
        "weight_decay": choices.weight_decay > 0,
        "max_grad_norm": choices.max_grad_norm is not None,
        "warmup": choices.schedule.warmup > 0,
        "learning_rate": choices.schedule.needs_the_end,
        "weight_decay_schedule": not isinstance(choices.weight_decay_schedule, Constant),
        "dropout_schedule": not isinstance(choices.dropout_schedule, Constant),
    }
    for name, is_on in needs_batches.items():
        if is_on:
            way_out = " (alpha is the penalty of all solvers)" if name == "weight_decay" else ""
            raise ValueError(
                f"{name}={params[name]!r} is for stochastic solvers, and solver={params['solver']!r} works"
                f" on all samples at once: choose one of {STOCHASTIC_SOLVERS}, or leave {name}"
                f" out{way_out}."
            )
