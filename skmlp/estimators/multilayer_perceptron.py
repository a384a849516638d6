"""What the classifier and the regressor share: validate, build, call a solver, publish, predict."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp.estimators.callbacks import CallbackSupportMixin, FitMonitor, with_callbacks
from skmlp.estimators.choices import batch_size_of, network_of, optimizer_of, schedule_of
from skmlp.estimators.curves import curves, mean_curves
from skmlp.estimators.data import Data, hold_out, n_held_out
from skmlp.estimators.early_stopping import Validation
from skmlp.estimators.memory import fitted_layers, fitted_parameters, remember, resume
from skmlp.estimators.parameters import (
    STOCHASTIC_SOLVERS,
    check_batch_size,
    check_combinations,
    check_parameters,
)
from skmlp.estimators.validation import check_sample_weight, unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.layers import Dropout
from skmlp.network.losses import Loss
from skmlp.network.network import Network
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.lbfgs import train_lbfgs
from skmlp.training.optimizers import Optimizer
from skmlp.training.result import Monitor, State, TrainingResult
from skmlp.training.stochastic import StochasticSolver, Validate
from skmlp.training.stopping import Stopping, StopReason


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

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        classes: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
    ) -> Any:
        check_parameters(self)
        check_combinations(self)
        continuing = (incremental or self.warm_start) and hasattr(self, "coefs_")
        data = self._read(X, y, sample_weight, continuing, classes)
        network = network_of(self, data.X.shape[1], data.y.shape[1])
        random_state = check_random_state(self.random_state)
        seeds, streams = self._member_streams(random_state)
        # Initial weights are drawn even if they are not used: what is drawn after them, the
        # validation part, is then the same in a warm start as in the first fit.
        theta = network.initial_parameters(streams, data.X.dtype)
        if continuing:
            theta = fitted_parameters(self, network, self.n_members, data.X.dtype)
        rows, held_out = np.arange(data.X.shape[0]), self._read_validation(validation, data)
        if held_out is None and self.early_stopping and self._is_stochastic() and not incremental:
            strata = self._strata(data.y, n_held_out(self.validation_fraction, len(rows)))
            rows, held_out_rows = hold_out(data, self.validation_fraction, random_state, strata)
            held_out = data.rows(held_out_rows)
        self._fit_scalers(data, rows, continuing)
        validate = None
        if held_out is not None:
            seen = self._scaled(held_out)
            validate = Validation(self, network, self._loss(), seen, held_out.X)
        self._publish_network(network)
        monitor = FitMonitor(self, data, network, with_callbacks=not incremental)
        try:
            objective = self._objective(network, theta, streams)
            if self._is_stochastic():
                result = self._train_stochastic(
                    objective,
                    theta,
                    self._scaled(data),
                    rows,
                    validate,
                    streams,
                    monitor,
                    incremental,
                    continuing,
                )
            else:
                result = self._train_lbfgs(objective, theta, self._scaled(data), monitor)
            self._publish(network, result, seeds, continuing)
            self._report(result, monitor, incremental)
        finally:
            monitor.close()
        return self

    def _read(self, X: Any, y: Any, sample_weight: Any, continuing: bool, classes: Any) -> Data:
        X, y = self._validate_data(X, y, reset=not (continuing and hasattr(self, "n_features_in_")))
        encoded = self._read_targets(y, classes, X.dtype, continuing=continuing)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0], X.dtype)
        sample_weight = self._with_class_weight(y, sample_weight, X.dtype)
        return Data(X, encoded, sample_weight, y)

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
        if self._y_numeric and self._loss().link == "identity":
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

    def _train_lbfgs(
        self, objective: Objective, theta: Array, data: Data, monitor: Monitor
    ) -> TrainingResult:
        self.__dict__.pop("_memory", None)
        return train_lbfgs(
            objective,
            theta,
            data.X,
            data.y,
            data.sample_weight,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=np.full(len(theta), self.tol),
            monitor=monitor,
        )

    def _train_stochastic(
        self,
        objective: Objective,
        theta: Array,
        data: Data,
        rows: Array,
        validate: Validate | None,
        random_states: list[np.random.RandomState],
        monitor: Monitor,
        incremental: bool,
        continuing: bool,
    ) -> TrainingResult:
        optimizer, n_networks = optimizer_of(self), len(theta)
        learning_rate = np.full(n_networks, self.learning_rate_init, dtype=float)
        batch_size = batch_size_of(self, len(rows))
        check_batch_size(self, batch_size)
        max_iter = 1 if incremental else self.max_iter
        solver = StochasticSolver(
            objective,
            Batches(data.X, data.y, data.sample_weight, [rows] * n_networks, batch_size),
            random_states if self.shuffle else None,
            optimizer=optimizer,
            schedule=schedule_of(self),
            learning_rate=learning_rate,
            stopping=Stopping(max_iter, np.full(n_networks, self.tol), self.n_iter_no_change),
            weight_decay=np.full(n_networks, self.weight_decay) if self.weight_decay else None,
            max_grad_norm=np.full(n_networks, self.max_grad_norm) if self.max_grad_norm else None,
            validate=validate,
            monitor=monitor,
            n_epochs=self.max_iter,
        )
        state = State.start(theta, optimizer.n_moments, learning_rate)
        if continuing:
            resume(self, solver, state, incremental)
        result = solver.train(state)
        self._memory = remember(self, solver, state, incremental)
        return result

    def _publish_network(self, network: Network) -> None:
        self.n_layers_ = len(network.dense) + 1
        self.n_outputs_ = network.widths[-1]
        self.out_activation_ = self._loss().link
        # Prediction follows what was fitted, not what parameters may be set or changed to afterwards.
        names = ("hidden_layer_sizes", "activation", "normalization", "dropout", "loss", "quantile")
        choices = {name: getattr(self, name) for name in names if hasattr(self, name)}
        self._fitted_choices = copy.deepcopy(choices)

    def _fitted_network(self) -> Network:
        """Return the network that was fitted."""
        choices = SimpleNamespace(**self._fitted_choices, initializer="auto")
        return network_of(choices, self.coefs_[0].shape[-2], self.n_outputs_)

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

    def _publish(
        self, network: Network, result: TrainingResult, seeds: list[int], continuing: bool
    ) -> None:
        self.__dict__.pop("normalization_parameters_", None)
        # Where max_time or an interruption has ended 'lbfgs', members may be left that it never came to.
        trained = result.trained()
        self.__dict__.update(self._fitted_weights(network, result.theta[trained]))
        members = self.__dict__.pop("_members", [])
        earlier = (members if seeds else [self.__dict__]) if continuing else []
        found = [curves(result, k, earlier[k] if earlier else {}) for k in trained]
        self.__dict__.update(mean_curves(found) if seeds else found[0])
        if seeds:
            pairs = zip(trained, found, strict=True)
            self._members = [{"random_state": seeds[k], **attributes} for k, attributes in pairs]

    def _report(self, result: TrainingResult, monitor: FitMonitor, incremental: bool) -> None:
        """Turn the reasons of stop into the warning or error of scikit-learn."""
        reasons = set(result.reasons)
        if StopReason.DIVERGED in reasons:
            self._report_divergence(result)
        message = next(
            (
                text
                for text, reason in zip(result.messages, result.reasons, strict=True)
                if text and reason in (StopReason.FAILED, StopReason.MAX_ITER)
            ),
            "",
        )
        if StopReason.INTERRUPTED in reasons:
            which = "latest" if self.validation_scores_ is None else "best"
            of = self._of_members(result)
            warnings.warn(f"Training interrupted by user. The {which} weights{of} are kept.", stacklevel=2)
        elif monitor.time_limit is not None and monitor.time_limit.is_up:
            warnings.warn(
                f"Training stopped after {self.n_iter_} iteration(s), when max_time={self.max_time} seconds"
                f" had passed{self._of_members(result)}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif message or StopReason.FAILED in reasons:
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): {message}. Increase"
                f" max_iter={self.max_iter} or max_fun={self.max_fun}, or scale the data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif StopReason.MAX_ITER in reasons and not (incremental or schedule_of(self).needs_the_end):
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the"
                " optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _of_members(self, result: TrainingResult) -> str:
        n_trained = len(result.trained())
        return "" if n_trained == self.n_members else f" ({n_trained} of {self.n_members} members)"

    def _report_divergence(self, result: TrainingResult) -> None:
        diverged = [k for k, reason in enumerate(result.reasons) if reason is StopReason.DIVERGED]
        of = "" if self.n_members == 1 else f" of {len(diverged)} of {self.n_members} members"
        n_iter = max(1, *(len(result.loss_curves[k]) for k in diverged))
        words = (
            f"training{of} diverged in iteration {n_iter} with solver={self.solver!r},"
            f" learning_rate_init={self.learning_rate_init!r}. Scale X (standardize=True, or a"
            " StandardScaler) or lower learning_rate_init."
        )
        # With validation there are weights from before; scikit-learn keeps them too.
        kept = [any(np.isfinite(score) for score in result.score_curves[k]) for k in diverged]
        if not all(kept):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large"
                f" values and need to be preprocessed: {words}"
            )
        warnings.warn(f"The best weights are kept, but {words}", ConvergenceWarning, stacklevel=2)

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
