"""What a solver is given: everything about a fit that is settled before training begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skmlp.fitting.checkpoints import FitFile, file_of
from skmlp.fitting.choices import Choices
from skmlp.fitting.data import Data, Reading, hold_out, hold_out_own
from skmlp.fitting.early_stopping import Validation
from skmlp.fitting.publishing import FittedNetwork, shown
from skmlp.fitting.reusable import Reusable
from skmlp.fitting.scaling import Scalers
from skmlp.fitting.targets import Targets
from skmlp.network.arrays import Array
from skmlp.network.input_layers import Embedding, InputLayer
from skmlp.network.monotonic import Bounds, bounds_of, project, reflect
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from skmlp.training.evidence import Evidence
from skmlp.training.optimizers import Optimizer
from skmlp.training.posterior import check_memory

RISING_LINKS = ("identity", "exp", "logistic")
"""The inverse links with which predictions rise with the raw score."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier fit left behind, for training to continue from.

    Attributes
    ----------
    params : dict
        The parameters that say what the fitted network computes.
    fitted : FittedNetwork
    scalers : Scalers
    n_seen : int
        Training samples seen.
    optimizer_state : dict, or None
        See `skmlp.fitting.resuming`.
    optimizer_state_is_lost : bool
        There was one, but the estimator is a pickle, a copy or a member that does not have it.
    curves : list of dict
        The attributes that describe the course of training, of each network.
    mean_curves : mapping
        Those of the estimator itself.
    alpha : float or array, or None
        What was estimated.
    reusable : Reusable, or None
    """

    params: dict[str, Any]
    fitted: FittedNetwork
    scalers: Scalers
    n_seen: int
    optimizer_state: dict[str, Any] | None
    optimizer_state_is_lost: bool
    curves: list[dict[str, Any]]
    mean_curves: Mapping[str, Any]
    alpha: Any = None
    reusable: Reusable | None = None

    def optimizer_state_for(self, choices: Choices, n_parameters: int) -> dict[str, Any] | None:
        """Return what the optimizer remembers, if this one can use it: no units were pruned or added."""
        before, solver = self.optimizer_state, choices.solver
        if before is None or not isinstance(solver, Optimizer) or before["solver"] != solver.name:
            return None
        shape = solver.n_moments, choices.n_members, n_parameters
        return before if before["moments"].shape == shape else None


@dataclass(frozen=True)
class Problem:
    """The networks of one fit, their data, and where they start.

    Attributes
    ----------
    choices : Choices
    reading : Reading
        X, y and the weights as the user gave them, checked.
    objective : Objective
        What is minimized, of K networks: the members of an ensemble, or one.
    theta : array of shape (K, P)
        Where each network starts.
    scalers : Scalers
    data : Data
        The samples as the network sees them.
    rows : array of int of shape (1, n) or (K, n)
        The samples to train on: the same for all networks, or those of each.
    held_out : list of Data
        The validation samples, as the user gave them: none, one part for all networks, or one of each.
    seeds : list of K int
        The ``random_state`` of each member; empty for a single network.
    random_states : list of K numpy.random.RandomState
        What shuffles the rows of each network.
    streams : list of K numpy.random.Generator
        Where layers with chance in them draw from; empty without any.
    incremental : bool, default=False
        Whether this is a call to ``partial_fit``.
    earlier : Earlier, or None
        Where training continues from.
    file : FitFile, or None
        Where the fit is saved, and was.
    validate : list of Validation
        What scores the networks after each epoch: as many as there are parts held out.
    bounds : Bounds, or None
        Within which the parameters stay; None: anywhere.
    cost : callable, or None
        From parameters (L, P) and raw scores (L, n, q) to what is minimized in place of the loss, (L,).
    reusable : Reusable, or None
        What this call to ``partial_fit`` takes from the last one, and leaves for the next.
    """

    choices: Choices
    reading: Reading
    objective: Objective
    theta: Array
    scalers: Scalers
    data: Data
    rows: Array
    held_out: list[Data]
    seeds: list[int]
    random_states: list[np.random.RandomState]
    streams: list[np.random.Generator]
    incremental: bool = False
    earlier: Earlier | None = None
    file: FitFile | None = None
    validate: Sequence[Validation] = ()
    bounds: Bounds | None = None
    cost: Callable[[Array, Array], Array] | None = None
    reusable: Reusable | None = None

    @property
    def targets(self) -> Targets:
        """What y is."""
        return self.reading.targets

    @property
    def network(self) -> Network:
        """The layers of the networks."""
        return self.objective.network

    @cached_property
    def remembered(self) -> dict[str, Any] | None:
        """What the optimizer of the earlier fit remembers, if that of this one can use it."""
        if self.earlier is None:
            return None
        return self.earlier.optimizer_state_for(self.choices, self.network.layout.n_parameters)

    @property
    def work(self) -> int:
        """The multiplications of the largest matrix product of a step."""
        n_rows = self.n_rows
        return self.network.work(
            self.choices.rows_per_batch(n_rows) if self.choices.is_stochastic else n_rows
        )

    @property
    def n_rows(self) -> int:
        """The number of samples that each network is trained on."""
        n_rows: int = self.rows.shape[1]
        return n_rows

    @property
    def y(self) -> Array:
        """The targets as the loss takes them; of classes, indicators that are made anew."""
        return self.targets.expanded(self.data.y, self.data.X.dtype)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """The fitted attributes that training does not change."""
        n_weights = sum(spec.attribute == "coefs_" for specs in self.network.layout.specs for spec in specs)
        return {
            **self.reading.features,
            **self.targets.attributes(),
            **self.scalers.attributes(),
            "n_layers_": n_weights + 1,
            "n_outputs_": self.network.widths[-1],
            "out_activation_": self.targets.loss.link,
            "_fitted_params": self._fitted_params,
        }

    @property
    def _fitted_params(self) -> dict[str, Any]:
        """The parameters that say what the fitted network computes."""
        earlier = self.earlier
        if earlier is not None and earlier.reusable is not None and earlier.reusable is self.reusable:
            return earlier.params
        return self.choices.fitted_params()

    def attributes_with(self, theta: Array) -> dict[str, Any]:
        """Return the fitted attributes of networks with parameters ``theta`` (K, P), without the curves."""
        return self.attributes | shown(self.network, theta, single=len(theta) == 1)


def prepare(
    choices: Choices,
    reading: Reading,
    *,
    held_out: Data | None = None,
    earlier: Earlier | None = None,
    incremental: bool = False,
) -> Problem:
    """Return the problem that a solver is given.

    Parameters
    ----------
    choices : Choices
    reading : Reading
    held_out : Data, default=None
        Validation samples of the user; None: a part is held out where ``early_stopping`` asks for it.
    earlier : Earlier, default=None
        Where training continues from; None: it begins.
    incremental : bool, default=False
        Whether this is a call to ``partial_fit``, which holds nothing out.
    """
    given, targets = reading.data, reading.targets
    choices = choices.for_samples(len(given.y))
    network = network_of(choices, reading)
    file = None if incremental else file_of(choices, reading, held_out, earlier)
    seed = choices.random_state if file is None or file.seed is None else file.seed
    # To seed a stream takes as long as a step: where that of the earlier fit continues, it is not made.
    before = earlier and incremental and earlier.optimizer_state_for(choices, network.layout.n_parameters)
    continues = before and "random_states" in before and choices.n_members == 1 and not network.draws
    random_state = check_random_state(None if continues else seed)
    seeds, random_states = member_streams(random_state, choices.n_members)
    # A warm start draws initial weights that it does not use: what is drawn after them, the validation
    # part, is then the same as in the first fit.
    if earlier is None or not incremental:
        theta = network.initial_parameters(random_states, given.X.dtype)
    rows, held_outs = np.arange(len(given.y))[np.newaxis], [] if held_out is None else [held_out]
    if held_out is None and choices.holds_out and not incremental:
        at_least = 1 if choices.scoring == "loss" else targets.min_validation
        how = given, choices.validation_fraction, random_state, targets, at_least
        is_shared = choices.shared_validation or choices.n_members == 1
        parts = [hold_out(*how)] if is_shared else hold_out_own(*how, choices.n_members)
        rows = np.stack([own for own, _ in parts])
        held_outs = [given.rows(others) for _, others in parts]
    bounds = bounds_for(choices, reading, network)
    if bounds is not None and (earlier is None or not incremental):
        reflect(theta, bounds)
    if earlier is not None:
        theta = continued_parameters(choices, earlier, network, given.X.dtype)
        if bounds is not None:
            project(theta, bounds)
    scalers = scalers_of(choices, targets, given, rows, earlier)
    data = scalers.scaled(given)
    if earlier is None:
        for own_theta, own in zip(np.split(theta, len(rows)), rows, strict=True):
            weights = None if data.sample_weight is None else data.sample_weight[own]
            network.start_from(own_theta, targets.initial_scores(data.y[own], weights))
    check_posterior(choices.laplace, network)
    alpha = alpha_of(choices, earlier, network, theta)
    return Problem(
        choices=choices,
        reading=reading,
        objective=Objective(network, targets.loss, alpha),
        theta=theta,
        scalers=scalers,
        data=data,
        rows=rows,
        held_out=held_outs,
        seeds=seeds,
        random_states=random_states,
        streams=layer_streams(network, random_states),
        incremental=incremental,
        earlier=earlier,
        file=file,
        bounds=bounds,
        validate=[Validation(network, targets, scalers.scaled(part)) for part in held_outs],
        reusable=reusable_of(choices, earlier) if incremental else None,
    )


def network_of(choices: Choices, reading: Reading) -> Network:
    """Return the network that is chosen, for the features and targets that are given."""
    X, targets, chosen = reading.data.X, reading.targets, choices.network
    if choices.encoding is not None:
        chosen = chosen.behind(reading.features["encoder_"].input_layers)
    if chosen.input_layers:
        check_input_layers(choices, chosen.input_layers, X)
    return chosen.network(X.shape[1], targets.loss.n_scores(targets.n_outputs))


def check_input_layers(choices: Choices, layers: Sequence[InputLayer], X: Any) -> None:
    """Raise an error if layers at the input do not go with the features, or with other choices."""
    names = [name for name in ("input_layer", "embedding_size") if choices.params.get(name) is not None]
    what = " and ".join(f"{name}={choices.params[name]!r}" for name in names)
    if not isinstance(X, np.ndarray):
        raise ValueError(f"{what} needs a dense X: pass X.toarray(), or leave it out.")
    if choices.standardize is True and any(isinstance(layer, Embedding) for layer in layers):
        raise ValueError(
            f"standardize=True would scale the codes that {what} looks up: set standardize='targets' or"
            " False, and scale the other columns in a ColumnTransformer."
        )
    if choices.network.is_monotonic:
        raise ValueError(
            f"monotonic_cst={choices.params['monotonic_cst']!r} cannot be kept with {what}, which may turn"
            " a feature around: leave it out."
        )


def check_posterior(laplace: str | None, network: Network) -> None:
    """Raise an error if the posterior that ``laplace`` asks for is too large."""
    if laplace == "full":
        check_memory(network.layout.n_parameters, "laplace='full'", ", or choose laplace='last_layer'")
    elif laplace is not None:
        n_parameters = sum(prod(spec.shape) for spec in network.layout.specs[-1])
        check_memory(n_parameters, "laplace='last_layer'", ", or leave it out")


def alpha_of(choices: Choices, earlier: Earlier | None, network: Network, theta: Array) -> Array:
    """Return alpha of shape (K,), or (K, A), with which training begins."""
    alpha = np.full(len(theta), choices.alpha, dtype=theta.dtype)
    if not isinstance(choices.solver, Evidence):
        return alpha
    if choices.solver.per_layer:
        alpha = np.repeat(alpha[:, np.newaxis], len(network.layout.penalized_sizes), axis=1)
    if earlier is not None and earlier.alpha is not None and np.size(earlier.alpha) == alpha.size:
        alpha[...] = np.reshape(earlier.alpha, alpha.shape)
    return alpha


def reusable_of(choices: Choices, earlier: Earlier | None) -> Reusable:
    """Return what a call to ``partial_fit`` can use of the last one: all, or nothing."""
    before = None if earlier is None else earlier.reusable
    return before if before is not None and before.choices is choices else Reusable(choices)


def member_streams(
    random_state: np.random.RandomState, n_members: int
) -> tuple[list[int], list[np.random.RandomState]]:
    """Return a seed and a random stream for each member; a single network has the estimator's."""
    if n_members == 1:
        return [], [random_state]
    seeds = [int(random_state.randint(np.iinfo(np.int32).max)) for _ in range(n_members)]
    return seeds, [np.random.RandomState(seed) for seed in seeds]


def layer_streams(
    network: Network, random_states: list[np.random.RandomState]
) -> list[np.random.Generator]:
    """Return a stream for the layers of each network that draw random numbers; none if no layer does."""
    if not network.draws:
        return []
    seeds = [random_state.randint(np.iinfo(np.int32).max) for random_state in random_states]
    return [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]


def bounds_for(choices: Choices, reading: Reading, network: Network) -> Bounds | None:
    """Return the bounds that keep ``monotonic_cst``; None without any."""
    if not choices.network.is_monotonic:
        return None
    cst, link = choices.params["monotonic_cst"], reading.targets.loss.link
    if link not in RISING_LINKS:
        raise ValueError(
            f"monotonic_cst={cst!r} needs predictions that rise with one raw score, and those of this loss"
            f" are its {link!r}: it is for regression, two classes and several labels."
        )
    signs, n_features = dict(choices.monotonic_cst), reading.features["n_features_in_"]
    names = reading.features.get("feature_names_in_")
    if not isinstance(cst, Mapping):
        known: Sequence[str | int] = range(n_features)
        if len(signs) != n_features:
            raise ValueError(
                f"monotonic_cst={cst!r} has {len(signs)} entries, X has"
                f" {n_features} features: give one for each, or a dict from feature names."
            )
    elif names is None:
        raise ValueError(
            f"monotonic_cst={cst!r} has names of features, and X has none: pass"
            " a data frame whose column names are strings, or a list with a number for each feature."
        )
    else:
        known = names.tolist()
    if unknown := [name for name in signs if name not in known]:
        raise ValueError(f"monotonic_cst has the features {unknown!r}, and those of X are {known!r}.")
    of_inputs = [signs.get(name, 0) for name in known]
    if choices.encoding is not None:
        of_inputs = reading.features["encoder_"].signs_of_inputs(of_inputs, known)
    return bounds_of(network, of_inputs, reading.data.X.dtype)


def scalers_of(
    choices: Choices, targets: Targets, given: Data, rows: Array, earlier: Earlier | None
) -> Scalers:
    """Return the scalers of an earlier fit, or those of the training part; of several, of all together."""
    features = choices.standardize not in (False, "targets")
    if earlier is not None and (earlier.scalers.x is not None) == features:
        return earlier.scalers
    if not choices.standardize:
        return Scalers()
    seen = seen_rows(rows)
    part = given if len(seen) == len(given.y) else given.rows(seen)
    return Scalers.of(part, features=features, targets=targets.loss.takes_scaled_targets)


def seen_rows(rows: Array) -> Array:
    """Return the samples that any of the networks is trained on."""
    seen: Array = rows[0] if len(rows) == 1 else np.unique(rows)
    return seen


def continued_parameters(choices: Choices, earlier: Earlier, network: Network, dtype: Any) -> Array:
    """Return the fitted parameters (K, P), or raise an error if ``network`` is another one."""
    expected = choices.n_members, network.layout.specs
    if expected == (earlier.fitted.n_networks, earlier.fitted.network.layout.specs):
        return earlier.fitted.theta(dtype)
    changed = [
        f"{name}={now!r} was {before!r} in the last fit"
        for name, before in earlier.params.items()
        if repr(now := choices.params.get(name)) != repr(before)
    ]
    shapes = [
        [spec.shape for specs in layout.specs for spec in specs if spec.penalized]
        for layout in (network.layout, earlier.fitted.network.layout)
    ]
    raise ValueError(
        f"hidden_layer_sizes={choices.params['hidden_layer_sizes']!r} and n_members={choices.n_members} ask"
        f" for {choices.n_members} network(s) with weights of shapes {shapes[0]}, but"
        f" {earlier.fitted.n_networks} with {shapes[1]} were fitted{'; '.join(['', *changed])}. warm_start"
        " and partial_fit cannot change the network. Set warm_start=False, or clone the estimator, to start"
        " anew."
    )
