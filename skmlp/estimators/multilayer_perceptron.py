"""What the classifier and the regressors share: their parameters, fit, publish, predict."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

import skmlp
from skmlp.estimators.callbacks import CallbackSupportMixin, monitor_of, with_callbacks
from skmlp.estimators.scorers import with_scorers
from skmlp.fitting.choices import Choices, NetworkChoices, Params
from skmlp.fitting.data import Data, Reading
from skmlp.fitting.outcome import fitted_attributes
from skmlp.fitting.parameters import PARAMETERS, STOCHASTIC_SOLVERS, Parameter, check_parameters
from skmlp.fitting.problem import Earlier, Problem, prepare
from skmlp.fitting.publishing import FittedNetwork, attribute_names, of_member
from skmlp.fitting.reports import report
from skmlp.fitting.scaling import Scalers
from skmlp.fitting.solvers import train
from skmlp.fitting.targets import Targets
from skmlp.fitting.weights import check_sample_weight, with_class_weight
from skmlp.network.activations import Activation
from skmlp.network.arrays import Array
from skmlp.network.initializers import Initializer
from skmlp.network.losses import Loss
from skmlp.network.normalizations import Normalization
from skmlp.training.full_batch import Solver
from skmlp.training.optimizers import Optimizer
from skmlp.training.schedules import Schedule

FEATURES = ("n_features_in_", "feature_names_in_")
"""The fitted attributes that scikit-learn's check of X writes."""

PRIVATE = ("_fitted_params", "_members", "_optimizer_state", "_target_type")
"""The fitted attributes without a trailing underscore."""


@dataclass(eq=False, repr=False)
class BaseMultilayerPerceptron(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the multilayer perceptrons; its fields are the parameters that all of them have.

    A subclass says what its loss and its targets are; the rest is here.
    """

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str | Activation | Sequence[str | Activation] = "relu"
    _: KW_ONLY
    solver: str | Optimizer | Solver = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str | Schedule = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    population_size: int | str = "auto"
    n_restarts: int = 3
    dtype: str = "auto"
    weight_decay: float = 0.0
    warmup: float = 0.0
    max_grad_norm: float | None = None
    initializer: str | Initializer = "auto"
    dropout: float | Sequence[float] = 0.0
    normalization: str | Normalization | None = None
    scoring: str | Callable[..., Any] | None = None
    n_members: int = 1
    max_time: float | None = None

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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
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
        return self._train(self._prepare(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val)))

    def _can_partial_fit(self) -> bool:
        if not (isinstance(self.solver, Optimizer) or self.solver in STOCHASTIC_SOLVERS):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers: solver={self.solver!r} is"
                f" not stochastic, choose one of {STOCHASTIC_SOLVERS}."
            )
        return True

    def _train(self, problem: Problem) -> Self:
        """Train, and become what has been learned: only here does a fit write to the estimator."""
        monitor = monitor_of(self, problem)
        try:
            result = train(problem, monitor)
            report(problem, result, time_is_up=monitor.time_is_up)
            self._publish(fitted_attributes(problem, result))
        finally:
            monitor.close()
        return self

    def _publish(self, attributes: Mapping[str, Any]) -> None:
        """Replace the fitted attributes, all at once."""
        fitted = [name for name in vars(self) if name in PRIVATE or name.endswith("_")]
        for name in fitted:
            if name not in attributes:
                delattr(self, name)
        for name, value in attributes.items():
            setattr(self, name, value)

    def _params(self) -> dict[str, Any]:
        """Return the constructor parameters."""
        return {name: getattr(self, name) for name in default_parameters(type(self))}

    def _choices(self) -> Choices:
        """Return what the parameters choose, or raise an error that names what is invalid."""
        cls, params = type(self), self._params()
        defaults = default_parameters(cls)
        changed = {name: value for name, value in params.items() if value is not defaults.get(name, value)}
        check_parameters(changed, cls.__name__, cls._parameters)
        return Choices.of(params, cls._loss_of, cls.__name__)

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        classes: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        choices: Choices | None = None,
        reading: Reading | None = None,
    ) -> Problem:
        """Check everything, and return the problem that a solver is given; the estimator stays as it is.

        ``choices`` are those of `_choices`, if they are known already. ``reading`` is what an estimator
        whose choices have the same `reading_key` has made of the same X, y and weights.
        """
        choices = choices or self._choices()
        continuing = (incremental or choices.warm_start) and hasattr(self, "coefs_")
        if reading is None:
            reading = self._read(choices, X, y, sample_weight, classes, continuing=continuing)
        problem = prepare(
            choices,
            reading,
            held_out=self._read_validation(choices, reading, *validation),
            earlier=self._earlier(reading.data.X.shape[1]) if continuing else None,
            incremental=incremental,
        )
        return with_scorers(self, problem)

    def _read(
        self, choices: Choices, X: Any, y: Any, sample_weight: Any, classes: Any, *, continuing: bool
    ) -> Reading:
        """Check X, y and the weights, and encode them."""
        reader = self
        if reset := not (continuing and hasattr(self, "n_features_in_")):
            reader = copy.copy(self)  # scikit-learn's check writes to it
        X, y = reader._validate_data(choices, X, y, reset=reset)
        targets = self._targets(y, choices.loss, classes, continuing=continuing)
        encoded = targets.encode(y, X.dtype)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0], X.dtype)
        sample_weight = with_class_weight(choices.class_weight, y, sample_weight, X.dtype)
        features = {name: getattr(reader, name) for name in FEATURES if hasattr(reader, name)}
        return Reading(Data(X, encoded, sample_weight, y), targets, features)

    def _read_validation(
        self, choices: Choices, reading: Reading, X: Any, y: Any, sample_weight: Any
    ) -> Data | None:
        """Check the validation data, and encode them as the training data are."""
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val must be given together: one of them is None.")
        if not choices.holds_out:
            raise ValueError(
                "X_val and y_val are what early_stopping watches, but early_stopping="
                f"{self.early_stopping!r} and solver={self.solver!r}: set early_stopping=True with a"
                f" stochastic solver, one of {STOCHASTIC_SOLVERS}, or leave them out."
            )
        reader = copy.copy(self)
        reader._publish(reading.features)
        X, y = reader._validate_data(choices, X, y, reset=False)
        dtype = reading.data.X.dtype
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0], dtype, "sample_weight_val")
        encoded = reading.targets.encode(y, dtype, "y_val")
        return Data(X.astype(dtype, copy=False), encoded, sample_weight, y)

    def _validate_data(self, choices: Choices, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        dtype = [np.float64, np.float32] if choices.dtype == "auto" else np.dtype(choices.dtype)
        X, y = validate_data(
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
        y = y.toarray() if hasattr(y, "toarray") else y
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _earlier(self, n_inputs: int) -> Earlier:
        """Return what the last fit left behind."""
        curves = getattr(self, "_members", None) or [vars(self)]
        return Earlier(
            params=getattr(self, "_fitted_params", {}),
            fitted=self._fitted_network(n_inputs),
            scalers=self._scalers(),
            n_seen=getattr(self, "t_", 0),
            optimizer_state=getattr(self, "_optimizer_state", None),
            curves=curves,
        )

    def _scalers(self) -> Scalers:
        """Return the fitted scalers."""
        return Scalers(getattr(self, "x_scaler_", None), getattr(self, "y_scaler_", None))

    def _fitted_choices(self) -> NetworkChoices:
        """Return what the fitted network computes; of weights set by hand, what would be fitted."""
        coefs = self.coefs_
        params = self._params() | {
            "hidden_layer_sizes": tuple(np.shape(coef)[-1] for coef in coefs[:-1]),
        }
        if hasattr(self, "_fitted_params"):
            params |= {"initializer": "auto"} | self._fitted_params
        return NetworkChoices.of(params, type(self)._loss_of(params))

    def _fitted_loss(self) -> Loss:
        """Return the loss of the fitted network, whose link makes predictions from raw scores."""
        params = self._fitted_params if hasattr(self, "_fitted_params") else self._params()
        return type(self)._loss_of(params)

    def _fitted_network(self, n_inputs: int) -> FittedNetwork:
        """Return the fitted network."""
        network = self._fitted_choices().network(n_inputs, np.shape(self.coefs_[-1])[-1])
        return FittedNetwork(network, vars(self))

    def _raw_scores(self, X: Any) -> Array:
        """Return the raw scores (n_members, n_samples, n_outputs_)."""
        known = getattr(self, "_known_scores", None)
        if known is not None and X is known[0]:
            scores: Array = known[1]
            return scores
        fitted, layers, X = self._ready_to_predict(X)
        return fitted.network.output(layers, X)

    def _ready_to_predict(self, X: Any) -> tuple[FittedNetwork, list[list[Array]], Any]:
        """Return the fitted network, the views that its layers see, and X as it sees it.

        float32 weights and float64 X give float64, as in scikit-learn: pass float32 for speed.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False
        )
        if hasattr(self, "x_scaler_"):
            X = self.x_scaler_.transform(X)
        fitted = self._fitted_network(X.shape[1])
        dtype = np.result_type(X.dtype, fitted.dtype)
        return fitted, fitted.cast(dtype), X.astype(dtype, copy=False)

    @property
    def members_(self) -> list[Self]:
        """The networks of the ensemble, each a fitted estimator with ``n_members=1``.

        They share the arrays of the ensemble: nothing is copied.
        """
        check_is_fitted(self)
        if self.coefs_[0].ndim == 2:
            return [self]
        names = attribute_names(self._fitted_network(self.n_features_in_).network)
        return [self._member(k, names) for k in range(len(self._members))]

    def _member(self, k: int, names: set[str]) -> Self:
        member = copy.copy(self)
        for name in ("_members", "_optimizer_state"):
            if hasattr(member, name):
                delattr(member, name)
        of_network = {name: of_member(getattr(self, name), k) for name in names}
        for name, value in ({"n_members": 1} | self._members[k] | of_network).items():
            setattr(member, name, value)
        return member

    def __getstate__(self) -> Any:
        """Leave the optimizer's state out of a pickle, unless training is meant to be continued."""
        state = super().__getstate__() | {"_skmlp_version": skmlp.__version__}
        remembered = state.get("_optimizer_state")
        if remembered is not None and not (self.warm_start or remembered["incremental"]):
            del state["_optimizer_state"]
        return state

    def __setstate__(self, state: Any) -> None:
        """Take what a pickle holds, or refuse what was pickled before versions were stored."""
        attributes = dict(state)
        if attributes.pop("_skmlp_version", None) is None:
            raise ValueError(
                f"This {type(self).__name__} was pickled by a version of skmlp before {skmlp.__version__}"
                " whose fitted attributes were others: fit it again with this version."
            )
        super().__setstate__(attributes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags


@cache
def default_parameters(cls: type[BaseMultilayerPerceptron]) -> dict[str, Any]:
    """Return the constructor parameters of a class with their defaults, which are valid."""
    return {field.name: field.default for field in fields(cls)}


partial_fit_if_stochastic = available_if(lambda estimator: estimator._can_partial_fit())
"""Decorator of ``partial_fit``: the method does not exist for solvers that need all samples."""
