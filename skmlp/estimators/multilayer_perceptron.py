"""What the classifier and the regressors share: their parameters, fit, publish, predict."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

import skmlp
from skmlp.estimators.attributes import publish
from skmlp.estimators.callbacks import CallbackSupportMixin, monitor_of, with_callbacks
from skmlp.estimators.documentation_link import DocumentationLinkMixin
from skmlp.estimators.floating_point import unraised
from skmlp.estimators.problems import (
    default_parameters,
    is_valid,
    is_valid_target,
    parameters_of,
    problem_of,
)
from skmlp.estimators.reusing import leave, take_from
from skmlp.fitting.choices import NetworkChoices, Params
from skmlp.fitting.curves import with_own_curves
from skmlp.fitting.outcome import fitted_attributes
from skmlp.fitting.parameters import PARAMETERS, STOCHASTIC_SOLVERS, Parameter
from skmlp.fitting.posterior import OF_NETWORKS, ScorePosterior
from skmlp.fitting.problem import Earlier, Problem
from skmlp.fitting.publishing import FittedNetwork, attribute_names, of_member
from skmlp.fitting.reports import report
from skmlp.fitting.scaling import Scalers
from skmlp.fitting.solvers import train
from skmlp.fitting.streams import at_rest
from skmlp.fitting.targets import Targets
from skmlp.fitting.threads import threads_for
from skmlp.fitting.values import plain
from skmlp.network.activations import Activation
from skmlp.network.arrays import Array
from skmlp.network.initializers import Initializer
from skmlp.network.losses import Loss
from skmlp.network.normalizations import Normalization
from skmlp.training.checkpoints import Checkpoint
from skmlp.training.full_batch import Solver
from skmlp.training.optimizers import Optimizer
from skmlp.training.schedules import Schedule

LONG_PREDICTION = 67_108_864
"""Multiplications in a layer from which the threads of BLAS are worth a look: some milliseconds."""


@dataclass(eq=False, repr=False)
class BaseMultilayerPerceptron(DocumentationLinkMixin, CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the multilayer perceptrons; its fields are the parameters that all of them have.

    A subclass says what its loss and its targets are; the rest is here.
    """

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str | Activation | Sequence[str | Activation] = "relu"
    _: KW_ONLY
    solver: str | Optimizer | Solver = "adam"
    alpha: float | str = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int | str = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    shared_validation: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    population_size: int | str = "auto"
    n_restarts: int = 3
    dtype: str = "auto"
    weight_decay: float = 0.0
    weight_decay_schedule: str | Schedule = "constant"
    warmup: float = 0.0
    max_grad_norm: float | None = None
    initializer: str | Initializer = "auto"
    dropout: float | Sequence[float] = 0.0
    dropout_schedule: str | Schedule = "constant"
    normalization: str | Normalization | None = None
    input_layer: Any = None
    skip: bool = False
    scoring: str | Callable[..., Any] | None = None
    n_members: int = 1
    max_time: float | None = None
    checkpoint: Checkpoint | None = None

    _y_numeric: ClassVar[bool]
    _parameters: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    @staticmethod
    @abstractmethod
    def _loss_of(params: Params) -> Loss:
        """Return the loss that the parameters choose."""

    @abstractmethod
    def _targets(self, y: Array, loss: Loss, classes: Any, *, continuing: bool) -> Targets:
        """Return what ``y`` is; where training is continued, the same as in the last fit."""

    @with_callbacks  # type: ignore[untyped-decorator]
    @unraised
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network on X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            The targets: labels of a classifier, numbers of a regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Data for ``early_stopping`` to watch; None: a part of X is held out.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator. If ``fit`` raises, the estimator is as it was before.
        """
        return self._train(
            problem_of(self, X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))
        )

    def _can_partial_fit(self) -> bool:
        if not (isinstance(self.solver, Optimizer) or self.solver in STOCHASTIC_SOLVERS):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers: solver={self.solver!r} is"
                f" not stochastic, choose one of {STOCHASTIC_SOLVERS}."
            )
        if getattr(self, "laplace", None) is not None:
            raise AttributeError(
                f"partial_fit sees a part of the samples, and laplace={self.laplace!r} needs all: call fit."
            )
        return True

    def _train(self, problem: Problem) -> Self:
        """Train, and become what has been learned: only here does a fit write to the estimator."""
        monitor = monitor_of(self, problem)
        try:
            with threads_for(problem.work):
                result = train(problem, monitor)
            report(problem, result, time_is_up=monitor.time_is_up)
            publish(self, fitted_attributes(problem, result))
            if problem.reusable is not None:
                fitted = FittedNetwork(problem.network, [], flat=result.theta)
                leave(self, problem.reusable, parameters_of(self), fitted)
        finally:
            monitor.close()
        return self

    def _params(self) -> dict[str, Any]:
        """Return the constructor parameters."""
        return {name: plain(getattr(self, name)) for name in default_parameters(type(self))}

    def _earlier(self, n_inputs: int) -> Earlier:
        """Return what the last fit left behind."""
        curves, reusable = getattr(self, "_members", None) or [vars(self)], take_from(self)
        fitted = None if reusable is None else reusable.fitted_of(self)
        return Earlier(
            params=getattr(self, "_fitted_params", {}),
            fitted=fitted or self._fitted_network(n_inputs),
            scalers=self._scalers(),
            n_seen=getattr(self, "t_", 0),
            optimizer_state=getattr(self, "_optimizer_state", None),
            optimizer_state_is_lost=getattr(self, "_optimizer_state", {}) is None,
            curves=curves,
            mean_curves=vars(self),
            alpha=getattr(self, "alpha_", None),
            reusable=reusable,
        )

    def _scalers(self) -> Scalers:
        """Return the fitted scalers."""
        return Scalers(getattr(self, "x_scaler_", None), getattr(self, "y_scaler_", None))

    def _fitted_choices(self) -> NetworkChoices:
        """Return what the fitted network computes; of weights set by hand, what would be fitted."""
        coefs = self.coefs_
        is_fitted = hasattr(self, "_fitted_params")
        params = (
            {"initializer": "auto", "skip": False, "input_layer": None} | self._fitted_params
            if is_fitted
            else self._params()
        )
        params |= {"hidden_layer_sizes": tuple(np.shape(coef)[-1] for coef in coefs[:-1])}
        return NetworkChoices.of(params, type(self)._loss_of(params))

    def _fitted_loss(self) -> Loss:
        """Return the loss of the fitted network, whose link makes predictions from raw scores."""
        params = self._fitted_params if hasattr(self, "_fitted_params") else self._params()
        return type(self)._loss_of(params)

    def _fitted_network(self, n_inputs: int) -> FittedNetwork:
        """Return the fitted network."""
        network = self._fitted_choices().network(n_inputs, np.shape(self.coefs_[-1])[-1])
        return FittedNetwork.of(network, vars(self))

    def _n_inputs(self) -> int:
        """Return how many inputs the fitted network has."""
        return int(getattr(self, "n_features_in_", np.shape(self.coefs_[0])[-2]))

    def _raw_scores(self, X: Any) -> Array:
        """Return the raw scores (n_members, n_samples, n_outputs_)."""
        known = getattr(self, "_known_scores", None)
        if known is not None and X is known[0]:
            scores: Array = known[1]
            return scores
        fitted, layers, X = self._ready_to_predict(X)
        network = fitted.network
        if network.work(X.shape[0]) < LONG_PREDICTION:
            return network.output(layers, X)
        with threads_for(network.work(network.rows_per_block(fitted.n_networks))):
            return network.output(layers, X)

    def _ready_to_predict(self, X: Any) -> tuple[FittedNetwork, list[list[Array]], Any]:
        """Return the fitted network, the views that its layers see, and X as it sees it.

        float32 weights and float64 X give float64, as in scikit-learn: pass float32 for speed.
        """
        X = self._checked_features(X)
        fitted = self._fitted_network(X.shape[1])
        dtype = np.result_type(X.dtype, fitted.dtype)
        X = self._scalers().scaled_features(X.astype(dtype, copy=False))
        return fitted, fitted.cast(dtype), X

    def _posterior(self, X: Any) -> tuple[ScorePosterior, Any]:
        """Return how sure the network is, and X as it sees it."""
        fitted, layers, X = self._ready_to_predict(X)
        laplace = self._fitted_params["laplace"]
        return ScorePosterior(fitted, layers, laplace, self.posterior_factor_), X

    def _checked_features(self, X: Any) -> Any:
        """Return the X of a prediction as numbers."""
        if hasattr(self, "coefs_") and is_valid(self, X):
            return X
        check_is_fitted(self)
        return validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False
        )

    def _checked(self, X: Any, y: Any, *, dtype: Any, reset: bool) -> tuple[Any, Any]:
        """Return the X and y of a fit as numbers; ``reset`` writes what is learned of X."""
        is_ready = not reset and is_valid(self, X) and is_valid_target(y, len(X))
        if is_ready and X.flags.c_contiguous and (isinstance(dtype, list) or X.dtype == dtype):
            return X, y
        checked: tuple[Any, Any] = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=reset,
        )
        return checked

    @property
    def members_(self) -> list[Self]:
        """The networks of an ensemble, each a fitted estimator with ``n_members=1``.

        They share the arrays of the ensemble: nothing is copied. A single network has no such attribute:
        tools that walk fitted attributes would find the network in itself, without end.
        """
        check_is_fitted(self)
        if not hasattr(self, "_members"):
            raise AttributeError("members_ are those of an ensemble: fit with n_members=2 or more.")
        # Where max_time has left only one of them, its arrays are those of a single network.
        left_alone = self.coefs_[0].ndim == 2
        network = self._fitted_network(self._n_inputs()).network
        names = {*attribute_names(network), *(name for name in OF_NETWORKS if hasattr(self, name))}
        names = set() if left_alone else names
        return [self._member(k, names) for k in range(len(self._members))]

    def _member(self, k: int, names: set[str]) -> Self:
        member = copy.copy(self)
        del member._members
        if hasattr(member, "_optimizer_state"):
            member._optimizer_state = None  # that of all members
        of_network = {name: of_member(getattr(self, name), k) for name in names}
        own = {"n_members": 1} | with_own_curves(self._members[k]) | of_network
        for name, value in own.items():
            setattr(member, name, value)
        return member

    def __getstate__(self) -> Any:
        """Leave the optimizer's state out of a pickle, unless training is meant to be continued."""
        state = with_own_curves(super().__getstate__()) | {"_skmlp_version": skmlp.__version__}
        remembered = state.get("_optimizer_state")
        if remembered is not None and not (self.warm_start or remembered["incremental"]):
            remembered = state["_optimizer_state"] = None
        if remembered is not None:
            state["_optimizer_state"] = at_rest(remembered)
        return state

    def __setstate__(self, state: Any) -> None:
        """Take what a pickle holds, or refuse what was pickled before versions were stored."""
        attributes, name = dict(state), type(self).__name__
        version = attributes.pop("_skmlp_version", None)
        if version is None:
            raise ValueError(
                f"This {name} was pickled by a version of skmlp before {skmlp.__version__}"
                " whose fitted attributes were others: fit it again with this version."
            )
        if version != skmlp.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=name,
                    current_sklearn_version=f"skmlp {skmlp.__version__}",
                    original_sklearn_version=f"skmlp {version}",
                ),
                stacklevel=2,
            )
        super().__setstate__(attributes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags


partial_fit_if_stochastic = available_if(lambda estimator: estimator._can_partial_fit())
"""Decorator of ``partial_fit``: the method does not exist for solvers that need all samples."""
