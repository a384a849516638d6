"""What the classifier and the regressor share: validate, build, call a solver, publish, predict."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp.estimators.callbacks import CallbackSupportMixin, FitMonitor, with_callbacks
from skmlp.estimators.choices import is_cost, network_of
from skmlp.estimators.combinations import check_combinations
from skmlp.estimators.curves import curves, mean_curves
from skmlp.estimators.data import Data, Reading, hold_out, n_held_out
from skmlp.estimators.early_stopping import Validation
from skmlp.estimators.memory import fitted_layers, fitted_parameters
from skmlp.estimators.parameters import STOCHASTIC_SOLVERS, check_parameters
from skmlp.estimators.problem import Problem
from skmlp.estimators.reports import report
from skmlp.estimators.solvers import train
from skmlp.estimators.validation import check_sample_weight, unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.layers import Dropout
from skmlp.network.losses import Loss
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import TrainingResult

FITTED_CHOICES = (
    "hidden_layer_sizes",
    "activation",
    "normalization",
    "dropout",
    "loss",
    "quantile",
    "n_components",
    "min_scale",
    "beta",
)
"""The parameters that say what the fitted network computes."""


class BaseMultilayerPerceptron(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the multilayer perceptrons.

    A subclass says what its targets are; the rest is here.
    """

    _y_numeric: bool

    @abstractmethod
    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        """Check ``y``, publish what it says about the targets, and return it encoded (n, q)."""

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss of the targets that were read last."""

    @abstractmethod
    def _encode_validation(self, y: Any, n_targets: int, dtype: Any) -> Array:
        """Return validation targets encoded like those of the training data, ``n_targets`` columns."""

    @abstractmethod
    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        """Return the class of each sample, if a split should be stratified by it."""

    @abstractmethod
    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        """Return the score (larger is better) of raw scores for encoded targets."""

    @unchanged_on_error
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
    ) -> Any:
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
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    def _is_stochastic(self) -> bool:
        return isinstance(self.solver, Optimizer) or self.solver in STOCHASTIC_SOLVERS

    def _can_partial_fit(self) -> bool:
        if not self._is_stochastic():
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers: solver={self.solver!r} is"
                f" not stochastic, choose one of {STOCHASTIC_SOLVERS}."
            )
        return True

    def _fit(self, X: Any, y: Any, sample_weight: Any, **options: Any) -> Any:
        """Train on X and y; ``options`` are those of `_prepare`."""
        problem = self._prepare(X, y, sample_weight, **options)
        monitor = FitMonitor(self, problem.given, problem.network, with_callbacks=not problem.incremental)
        try:
            result = train(self, problem, monitor)
            self._publish(problem, result)
            report(self, problem, result, monitor)
        finally:
            monitor.close()
        return self

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        classes: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        read: Reading | None = None,
    ) -> Problem:
        """Check everything, publish what the data say, and return the problem that a solver is given.

        ``read`` is what an estimator of the same `_reading_key` has made of the same X, y and weights.
        """
        check_parameters(self)
        check_combinations(self)
        continuing = (incremental or self.warm_start) and hasattr(self, "coefs_")
        if read is None:
            read = self._read(X, y, sample_weight, continuing, classes)
        self.__dict__.update(read.published)
        given = read.data
        network = network_of(self, given.X.shape[1], self._loss().n_scores(given.y.shape[1]))
        random_state = check_random_state(self.random_state)
        seeds, streams = self._member_streams(random_state)
        # Initial weights are drawn even if they are not used: what is drawn after them, the
        # validation part, is then the same in a warm start as in the first fit.
        theta = network.initial_parameters(streams, given.X.dtype)
        rows, held_out = np.arange(given.X.shape[0]), self._read_validation(validation, given)
        if held_out is None and self.early_stopping and self._is_stochastic() and not incremental:
            strata = self._strata(given.y, n_held_out(self.validation_fraction, len(rows)))
            rows, held_out_rows = hold_out(given, self.validation_fraction, random_state, strata)
            held_out = given.rows(held_out_rows)
        if continuing:
            theta = fitted_parameters(self, network, self.n_members, given.X.dtype)
        self._fit_scalers(given, rows, continuing)
        data = self._scaled(given)
        if not continuing:
            self._initialize(network, theta, data, rows)
        validate = None
        if held_out is not None:
            seen = self._scaled(held_out)
            validate = Validation(self, network, self._loss(), seen, held_out.X)
        self._publish_network(network)
        objective = self._objective(network, theta, streams)
        return Problem(
            objective, theta, read, data, rows, validate, seeds, streams, incremental, continuing
        )

    def _reading_key(self) -> Hashable:
        """Return what estimators must have in common for `_read` to make the same of the same data."""
        names = ("dtype", "class_weight", "loss", "quantile")
        return type(self), *(repr(getattr(self, name, None)) for name in names)

    def _initialize(self, network: Network, theta: Array, data: Data, rows: Array) -> None:
        """Change the initial parameters ``theta`` (K, P) by what the training ``rows`` say."""

    def _read(self, X: Any, y: Any, sample_weight: Any, continuing: bool, classes: Any) -> Reading:
        """Check X, y and the weights, encode them, and publish what they say."""
        before = dict(vars(self))
        X, y = self._validate_data(X, y, reset=not (continuing and hasattr(self, "n_features_in_")))
        encoded = self._read_targets(y, classes, X.dtype, continuing=continuing)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0], X.dtype)
        sample_weight = self._with_class_weight(y, sample_weight, X.dtype)
        published = {name: v for name, v in vars(self).items() if before.get(name, self) is not v}
        return Reading(Data(X, encoded, sample_weight, y), published)

    def _read_validation(self, validation: tuple[Any, Any, Any], data: Data) -> Data | None:
        X, y, sample_weight = validation
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val must be given together: one of them is None.")
        if not (self.early_stopping and self._is_stochastic()):
            raise ValueError(
                f"X_val and y_val are what early_stopping watches, but early_stopping="
                f"{self.early_stopping!r} and solver={self.solver!r}: set early_stopping=True with a"
                f" stochastic solver, one of {STOCHASTIC_SOLVERS}, or leave them out."
            )
        X, y = self._validate_data(X, y, reset=False)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X.shape[0], data.X.dtype, "sample_weight_val"
            )
        return Data(
            X.astype(data.X.dtype, copy=False),
            self._encode_validation(y, data.y.shape[1], data.X.dtype),
            sample_weight,
            y,
        )

    def _with_class_weight(self, y: Array, sample_weight: Array | None, dtype: Any) -> Array | None:
        """Return the sample weights times the weights of the classes, where there are any."""
        return sample_weight

    def _validate_data(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        dtype = [np.float64, np.float32] if self.dtype == "auto" else np.dtype(self.dtype)
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
        return X, y.toarray() if hasattr(y, "toarray") else y

    def _member_streams(
        self, random_state: np.random.RandomState
    ) -> tuple[list[int], list[np.random.RandomState]]:
        """Return a seed and a random stream for each member; a single network has the estimator's."""
        if self.n_members == 1:
            return [], [random_state]
        seeds = [int(random_state.randint(np.iinfo(np.int32).max)) for _ in range(self.n_members)]
        return seeds, [np.random.RandomState(seed) for seed in seeds]

    def _fit_scalers(self, data: Data, rows: Array, continuing: bool) -> None:
        """Publish the scalers of X and y, fitted on the training part."""
        if continuing and hasattr(self, "x_scaler_") == bool(self.standardize):
            return
        for name in ("x_scaler_", "y_scaler_"):
            self.__dict__.pop(name, None)
        if not self.standardize:
            return
        part = data if len(rows) == data.X.shape[0] else data.rows(rows)
        with_mean = isinstance(data.X, np.ndarray)
        self.x_scaler_ = StandardScaler(with_mean=with_mean).fit(part.X, sample_weight=part.sample_weight)
        if self._y_numeric and self._loss().takes_scaled_targets:
            self.y_scaler_ = StandardScaler().fit(part.y, sample_weight=part.sample_weight)

    def _scaled(self, data: Data) -> Data:
        """Return the data as the network sees them."""
        X = self.x_scaler_.transform(data.X) if hasattr(self, "x_scaler_") else data.X
        y = self.y_scaler_.transform(data.y) if hasattr(self, "y_scaler_") else data.y
        return replace(data, X=X, y=y)

    def _objective(
        self, network: Network, theta: Array, random_states: list[np.random.RandomState]
    ) -> Objective:
        streams: list[np.random.Generator] = []
        if any(isinstance(layer, Dropout) for layer in network.layers):
            seeds = [random_state.randint(np.iinfo(np.int32).max) for random_state in random_states]
            streams = [np.random.Generator(np.random.SFC64(seed)) for seed in seeds]
        return Objective(network, self._loss(), np.full(len(theta), self.alpha, dtype=theta.dtype), streams)

    def _publish_network(self, network: Network) -> None:
        self.n_layers_ = len(network.dense) + 1
        self.n_outputs_ = network.widths[-1]
        self.out_activation_ = self._loss().link
        # Prediction follows what was fitted, not what parameters may be set or changed to afterwards.
        choices = {name: getattr(self, name) for name in FITTED_CHOICES if hasattr(self, name)}
        if is_cost(choices.get("loss")):
            choices["loss"] = self._loss().name  # a function may not be picklable; it predicts nothing
        self._fitted_choices = copy.deepcopy(choices)

    def _fitted_network(self) -> Network:
        """Return the network that was fitted."""
        choices = SimpleNamespace(**self._fitted_choices, initializer="auto")
        return network_of(choices, self.coefs_[0].shape[-2], self.coefs_[-1].shape[-1])

    def _fitted_weights(self, network: Network, theta: Array) -> dict[str, Any]:
        """Return the published views of the parameters ``theta`` of shape (K, P).

        With several members, each array has them as its first axis.
        """
        views = network.layout.view(theta).layers
        member = 0 if len(theta) == 1 else slice(None)
        published: dict[str, Any] = {
            "coefs_": [views[i][0][member] for i in network.dense],
            "intercepts_": [
                views[i][1][member][..., 0, :]
                if len(views[i]) > 1
                else np.zeros_like(views[i][0][member][..., 0, :])
                for i in network.dense
            ],
        }
        others = [layer for i, layer in enumerate(views) if layer and i not in network.dense]
        if others:
            published["normalization_parameters_"] = [
                [array[member][..., 0, :] for array in layer] for layer in others
            ]
        return published

    def _publish(self, problem: Problem, result: TrainingResult) -> None:
        self.__dict__.pop("normalization_parameters_", None)
        # Where max_time or an interruption has ended a solver that trains one network after the other,
        # members may be left that it never came to.
        trained = result.trained()
        self.__dict__.update(self._fitted_weights(problem.network, result.theta[trained]))
        members, seeds = self.__dict__.pop("_members", []), problem.seeds
        earlier = (members if seeds else [self.__dict__]) if problem.continuing else []
        found = [curves(result, k, earlier[k] if earlier else {}) for k in trained]
        self.__dict__.update(mean_curves(found) if seeds else found[0])
        if seeds:
            pairs = zip(trained, found, strict=True)
            self._members = [{"random_state": seeds[k], **attributes} for k, attributes in pairs]

    def _raw_scores(self, X: Any) -> Array:
        """Return the raw scores (n_members, n_samples, n_outputs_)."""
        network, parameters, X = self._ready_to_predict(X)
        return network.output(parameters, X)

    def _ready_to_predict(self, X: Any) -> tuple[Network, list[list[Array]], Any]:
        """Return the fitted network, the views that its layers see, and X as it sees it.

        float32 weights and float64 X give float64, as in scikit-learn: pass float32 for speed.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False
        )
        if hasattr(self, "x_scaler_"):
            X = self.x_scaler_.transform(X)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        network = self._fitted_network()
        # The layers' views, made of the published arrays: nothing is copied, and what a user has
        # written into coefs_ counts.
        parameters = [
            [array.astype(dtype, copy=False) for array in layer] for layer in fitted_layers(self, network)
        ]
        return network, parameters, X.astype(dtype, copy=False)

    @property
    def members_(self) -> list[Any]:
        """The networks of the ensemble, each a fitted estimator with ``n_members=1``.

        They share the arrays of the ensemble: nothing is copied.
        """
        check_is_fitted(self)
        if self.coefs_[0].ndim == 2:
            return [self]
        return [self._member(k) for k in range(len(self._members))]

    def _member(self, k: int) -> Any:
        member = copy.copy(self)
        for name in ("_members", "_memory"):
            member.__dict__.pop(name, None)
        member.n_members = 1
        member.__dict__.update(self._members[k])
        member.coefs_ = [array[k] for array in self.coefs_]
        member.intercepts_ = [array[k] for array in self.intercepts_]
        if hasattr(self, "normalization_parameters_"):
            member.normalization_parameters_ = [
                [array[k] for array in layer] for layer in self.normalization_parameters_
            ]
        return member

    def __getstate__(self) -> Any:
        """Leave the optimizer's memory out of a pickle, unless training is meant to go on."""
        state = super().__getstate__()
        memory = state.get("_memory")
        if memory is not None and not (self.warm_start or memory["incremental"]):
            state = {name: value for name, value in state.items() if name != "_memory"}
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags


partial_fit_if_stochastic = available_if(lambda estimator: estimator._can_partial_fit())
"""Decorator of ``partial_fit``: the method does not exist for solvers that need all samples."""
