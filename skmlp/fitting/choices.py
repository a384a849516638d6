"""From constructor parameters to the objects and numbers that they choose: made once, used everywhere."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, TypeAlias, TypeVar

import numpy as np

from skmlp.fitting.combinations import check_combinations, check_hidden_layers
from skmlp.fitting.parameters import PARAMETERS
from skmlp.fitting.values import entries, hidden_sizes
from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.network.hyperparameters import per_network
from skmlp.network.initializers import INITIALIZERS, Initializer
from skmlp.network.input_layers import INPUT_LAYERS, InputLayer
from skmlp.network.losses import LOSSES, LogLoss, Loss, Quantile, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.monotonic import Mirrored
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.normalizations import NORMALIZATIONS, Normalization
from skmlp.network.quantiles import Quantiles
from skmlp.training.checkpoints import Checkpoint
from skmlp.training.evidence import FIRST_ALPHA, Evidence
from skmlp.training.full_batch import Solver
from skmlp.training.optimizers import OPTIMIZERS, Optimizer
from skmlp.training.schedules import SCHEDULES, InverseScaling, Schedule
from skmlp.training.solvers import SOLVERS

Params: TypeAlias = Mapping[str, Any]
"""Constructor parameters by their names, as the user gave them."""

Choice = TypeVar("Choice")

LOG_LOSS = LogLoss()
"""Made once: a prediction would make it anew."""

PREDICTING = {name for name, parameter in PARAMETERS.items() if parameter.predicts}
"""The parameters that say what a fitted network computes."""


@dataclass(frozen=True)
class NetworkChoices:
    """What a network computes.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int
    activations : tuple of Activation
        One per hidden layer; of a network without any, the one that its initial weights are scaled for.
    initializer : Initializer
    normalization : Normalization, or None
    skip : bool
    input_layers : tuple of InputLayer
        What comes before the first hidden layer.
    dropout : tuple of float
        One rate per hidden layer.
    is_monotonic : bool
        Whether some raw score must rise or fall with some feature.
    loss : Loss
        Before the number of classes is known.
    """

    hidden_layer_sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    initializer: Initializer
    normalization: Normalization | None
    loss: Loss
    skip: bool
    is_monotonic: bool
    input_layers: tuple[InputLayer, ...]
    dropout: tuple[float, ...] = per_network()

    @classmethod
    def of(cls, params: Params, loss: Loss) -> NetworkChoices:
        """Return what ``params`` choose."""
        sizes = hidden_sizes(params["hidden_layer_sizes"]) or []
        normalization, rates = params["normalization"], entries(params["dropout"])
        names = entries(params["activation"])
        if names is None:
            names = [params["activation"]] * max(1, len(sizes))
        if rates is None:
            rates = [params["dropout"]] * len(sizes)
        return cls(
            hidden_layer_sizes=tuple(sizes),
            activations=tuple(choice_of(f, ACTIVATIONS) for f in names or ["identity"]),
            initializer=choice_of(params["initializer"], INITIALIZERS),
            normalization=None if normalization is None else choice_of(normalization, NORMALIZATIONS),
            loss=loss,
            skip=bool(params["skip"]),
            is_monotonic=params.get("monotonic_cst") is not None
            and any(signs_of(params["monotonic_cst"]).values()),
            input_layers=input_layers_of(params["input_layer"]),
            dropout=tuple(map(float, rates)),
        )

    def behind(self, layers: tuple[InputLayer, ...]) -> NetworkChoices:
        """Return the same behind other layers at the input."""
        return replace(self, input_layers=(*layers, *self.input_layers)) if layers else self

    def network(self, n_inputs: int, n_outputs: int) -> Network:
        """Return the network with ``n_inputs`` inputs and ``n_outputs`` raw scores."""
        try:
            return _network(self, n_inputs, n_outputs)
        except TypeError:  # the choices of a user need not have a hash
            return _network.__wrapped__(self, n_inputs, n_outputs)


MAX_EPOCHS, SAMPLES_OF_MAX_EPOCHS = 100, 5000
"""The number of epochs of ``max_iter='auto'``, and up to how many samples they are as many."""


@lru_cache(maxsize=64)
def _network(choices: NetworkChoices, n_inputs: int, n_outputs: int) -> Network:
    """Return the network that is chosen; to build it anew would take a tenth of a small prediction."""
    activations: tuple[Activation, ...] = choices.activations
    if choices.is_monotonic:
        activations = tuple(Mirrored(activation) for activation in activations)
    return multilayer_perceptron(
        n_inputs,
        choices.hidden_layer_sizes,
        n_outputs,
        activations,
        initializer=choices.initializer,
        normalization=choices.normalization,
        dropout=choices.dropout,
        skip=choices.skip,
        input_layers=choices.input_layers,
    )


@dataclass(frozen=True)
class Choices:
    """All that the parameters of an estimator choose, checked.

    A field made by `per_network` may differ between the networks of a stack, any other may not: where two
    fits differ in it, they are trained apart.

    Attributes
    ----------
    params : mapping of str to object
        The parameters as the user gave them, for messages.
    network : NetworkChoices
    solver : Optimizer or Solver
    schedule : Schedule
        That of the learning rate.
    cost : callable or str, or None
        What is minimized in place of the loss, of which only the link is used: a cost of predictions, or
        a scorer.
    batch_size : int, 'auto' or 'adaptive'
    max_iter : int
        Of 'auto' the most: see `for_samples`.
    encoding : object, or None
        How X is made numbers of, where it is a table.
    monotonic_cst : tuple of (feature, sign)
        Features by name or position.

    The other attributes are the parameters of the same names.
    """

    network: NetworkChoices
    solver: Optimizer | Solver
    schedule: Schedule
    weight_decay_schedule: Schedule
    dropout_schedule: Schedule
    cost: Callable[..., Any] | str | None
    batch_size: int | str
    shuffle: bool
    max_iter: int
    max_fun: int
    n_iter_no_change: float
    early_stopping: bool
    standardize: bool | str
    max_time: float | None
    checkpoint: Checkpoint | None
    dtype: str
    monotonic_cst: tuple[tuple[str | int, int], ...]
    params: Params = per_network()
    alpha: float = per_network()
    learning_rate_init: float = per_network()
    weight_decay: float = per_network()
    max_grad_norm: float | None = per_network()
    tol: float = per_network()
    random_state: Any = per_network()
    validation_fraction: float = per_network()
    shared_validation: bool = per_network()
    scoring: Callable[..., Any] | str | None = per_network()
    class_weight: Any = per_network()
    warm_start: bool = per_network()
    verbose: int = per_network()
    n_members: int = per_network()
    encoding: Any = per_network()
    laplace: str | None = per_network()

    @classmethod
    def of(cls, params: Params, loss_of: Callable[[Params], Loss], owner: str) -> Choices:
        """Return what ``params`` choose, or raise an error that names what does not go together.

        Parameters
        ----------
        params : mapping of str to object
            Each by itself must be valid, see `skmlp.fitting.parameters.check_parameters`.
        loss_of : callable
            From ``params`` to the loss.
        owner : str
            The class whose parameters they are, for messages.
        """
        check_hidden_layers(params)
        cost, size, dtype = params.get("loss"), params["batch_size"], params["dtype"]
        # Most fields are the parameters of their names; some estimators have no such parameter.
        same: dict[str, Any] = {field.name: params.get(field.name) for field in fields(cls)}
        choices = cls(
            **same
            | {
                "params": params,
                "network": NetworkChoices.of(params, loss_of(params)),
                "solver": with_evidence(solver_of(params), params["alpha"]),
                "alpha": FIRST_ALPHA if isinstance(params["alpha"], str) else params["alpha"],
                "schedule": schedule_of(params),
                "weight_decay_schedule": named_schedule(params["weight_decay_schedule"]),
                "dropout_schedule": named_schedule(params["dropout_schedule"]),
                "cost": cost if is_cost(cost) else None,
                "max_iter": MAX_EPOCHS if isinstance(params["max_iter"], str) else params["max_iter"],
                "batch_size": size if isinstance(size, str) else int(size),
                "monotonic_cst": tuple(signs_of(params.get("monotonic_cst")).items()),
                "dtype": dtype if isinstance(dtype, str) else np.dtype(dtype).name,
            }
        )
        check_combinations(choices, owner)
        return choices

    @property
    def loss(self) -> Loss:
        """What is minimized, before the number of classes is known."""
        return self.network.loss

    @property
    def is_stochastic(self) -> bool:
        """Whether the solver works on batches."""
        return isinstance(self.solver, Optimizer)

    @property
    def holds_out(self) -> bool:
        """Whether ``early_stopping`` has an effect."""
        return self.early_stopping and self.is_stochastic

    @property
    def schedules(self) -> dict[str, Schedule]:
        """All that follow the plan of a fit, by the parameters that choose them."""
        return {
            "learning_rate": self.schedule,
            "weight_decay_schedule": self.weight_decay_schedule,
            "dropout_schedule": self.dropout_schedule,
        }

    @property
    def need_the_end(self) -> list[str]:
        """The parameters whose schedules depend on how many steps there will be."""
        return [name for name, schedule in self.schedules.items() if schedule.needs_the_end]

    @property
    def length_of_plan(self) -> tuple[str, int | None]:
        """The parameter whose schedule says the length of the plan, and the length; None: ``max_iter``."""
        said = ((name, schedule.n_epochs) for name, schedule in self.schedules.items() if schedule.n_epochs)
        return next(said, ("learning_rate", None))

    @cached_property
    def name_of_schedule(self) -> str:
        """What equal schedules have in common, whatever the length of their plans."""
        return "; ".join(
            f"{type(schedule).__name__} { {k: v for k, v in vars(schedule).items() if k != 'n_epochs'}!r}"
            for schedule in self.schedules.values()
        )

    def fitted_params(self) -> dict[str, Any]:
        """Return a copy of the parameters that say what the fitted network computes.

        Prediction follows these, not what parameters are set or changed to afterwards.
        """
        kept = {name: value for name, value in self.params.items() if name in PREDICTING}
        for name in ("activation", "dropout"):
            of_layers = entries(kept[name])
            kept[name] = kept[name] if of_layers is None else of_layers
        if self.cost is not None:
            kept["loss"] = self.loss.name  # a function may not be picklable; it predicts nothing
        return copy.deepcopy(kept)

    def for_samples(self, n_samples: int) -> Choices:
        """Return the same with the epochs of 'auto': the more samples, the fewer, but more steps in all."""
        if not isinstance(self.params["max_iter"], str):
            return self
        n_epochs = MAX_EPOCHS * min(1.0, np.sqrt(SAMPLES_OF_MAX_EPOCHS / n_samples))
        # Fits of about as many samples have as many epochs, and can be a stack.
        return replace(self, max_iter=max(5, 5 * round(n_epochs / 5)))

    def rows_per_batch(self, n_samples: int) -> int:
        """Return the rows per batch, at most ``n_samples``."""
        if isinstance(self.batch_size, str):
            size = 200 if self.batch_size == "auto" else min(max(32, n_samples // 16), 256)
        else:
            size = self.batch_size
        return min(size, n_samples)


def input_layers_of(choice: Any) -> tuple[InputLayer, ...]:
    """Return the layers that the parameter ``input_layer`` chooses."""
    if choice is None:
        return ()
    names = entries(choice)
    return tuple(choice_of(name, INPUT_LAYERS) for name in ([choice] if names is None else names))


def signs_of(monotonic_cst: Any) -> dict[str | int, int]:
    """Return the signs of features, by name or position."""
    if isinstance(monotonic_cst, Mapping):
        return {name: int(sign) for name, sign in monotonic_cst.items()}
    return {i: int(sign) for i, sign in enumerate(entries(monotonic_cst) or ())}


def choice_of(value: str | Choice, table: Mapping[str, Choice]) -> Choice:
    """Return the entry of a table by its name, or an instance as it is."""
    return table[value] if isinstance(value, str) else value


def is_cost(loss: Any) -> bool:
    """Return whether ``loss`` is a function of predictions or the name of a scorer: without a gradient."""
    if isinstance(loss, str):
        return loss not in LOSSES
    return callable(loss) and not isinstance(loss, type)


def regression_loss(params: Params) -> Loss:
    """Return the loss of a regressor, which ``loss`` and ``quantile`` choose."""
    choice, quantile = params["loss"], params["quantile"]
    if isinstance(choice, Loss) and quantile is not None:
        raise ValueError(f"quantile={quantile!r} is for loss='quantile'; got loss={choice!r}.")
    if isinstance(choice, str) and (choice == Quantile.name) != (quantile is not None):
        raise ValueError(
            f"loss={choice!r} and quantile={quantile!r} do not go together: set both loss='quantile' and"
            " quantile between 0 and 1 (or a list of them), or leave quantile=None."
        )
    if is_cost(choice):
        return SquaredError()  # for its link: raw scores are the predictions
    if quantile is not None:
        several = entries(quantile)
        return Quantile(quantile) if several is None else Quantiles(tuple(map(float, several)))
    loss: Loss = choice if isinstance(choice, Loss) else LOSSES[choice]()
    return loss


def classification_loss(params: Params) -> Loss:
    """Return the loss of a classifier: an instance as it is, else the cross-entropy."""
    choice = params["loss"]
    return choice if isinstance(choice, Loss) else LOG_LOSS


def density_loss(params: Params) -> MixtureDensity:
    """Return the loss of a mixture density network."""
    return MixtureDensity(params["n_components"], params["min_scale"], params["beta"])


def solver_of(params: Params) -> Optimizer | Solver:
    """Return the solver that ``solver`` and the parameters of its fields' names choose."""
    choice = params["solver"]
    if not isinstance(choice, str):
        solver: Optimizer | Solver = choice
        return solver
    kind = OPTIMIZERS[choice] if choice in OPTIMIZERS else type(SOLVERS[choice])
    renamed = {"nesterov": "nesterovs_momentum"}  # where the parameter has another name
    names = {field.name: renamed.get(field.name, field.name) for field in fields(kind)}
    chosen = {field: params[name] for field, name in names.items() if name in params}
    return kind(**{name: None if value == "auto" else value for name, value in chosen.items()})


def with_evidence(solver: Optimizer | Solver, alpha: float | str) -> Optimizer | Solver:
    """Return the solver that also estimates ``alpha``, where that is asked for."""
    if isinstance(alpha, str) and isinstance(solver, Solver):
        return Evidence(solver, per_layer=alpha == "evidence_per_layer")
    return solver


def schedule_of(params: Params) -> Schedule:
    """Return the schedule that ``learning_rate`` and its parameters choose."""
    schedule = named_schedule(params["learning_rate"])
    if params["learning_rate"] == InverseScaling.name:
        schedule = InverseScaling(power_t=params["power_t"])
    return replace(schedule, warmup=params["warmup"]) if params["warmup"] else schedule


def named_schedule(choice: str | Schedule) -> Schedule:
    """Return the schedule of a name, or an instance as it is."""
    return SCHEDULES[choice]() if isinstance(choice, str) else choice
