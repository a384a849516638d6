"""What the classifier and the regressor share: validate, build, call a solver, publish, predict."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp.estimators.callbacks import CallbackSupportMixin, FitMonitor, with_callbacks
from skmlp.estimators.choices import activation_of, batch_size_of, optimizer_of, schedule_of
from skmlp.estimators.data import Data, n_held_out
from skmlp.estimators.memory import fitted_parameters, remember, resume
from skmlp.estimators.parameters import STOCHASTIC_SOLVERS, check_parameters, hidden_sizes
from skmlp.estimators.validation import check_sample_weight, unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.initializers import INITIALIZERS
from skmlp.network.losses import Loss
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.lbfgs import train_lbfgs
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
    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        """Return the class of each sample, if a split should be stratified by it."""

    @abstractmethod
    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        """Return the score (larger is better) of raw scores for encoded targets."""

    @unchanged_on_error
    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network on X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: labels of a classifier, numbers of a regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        self : object
            The fitted estimator. If ``fit`` raises, the estimator is as it was before.
        """
        return self._fit(X, y, sample_weight)

    def _can_partial_fit(self) -> bool:
        if self.solver not in STOCHASTIC_SOLVERS:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers: solver={self.solver!r} is"
                f" not stochastic, choose one of {STOCHASTIC_SOLVERS}."
            )
        return True

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, *, incremental: bool = False, classes: Any = None
    ) -> Any:
        check_parameters(self)
        continuing = (incremental or self.warm_start) and hasattr(self, "coefs_")
        X, y = self._validate_data(X, y, reset=not (continuing and hasattr(self, "n_features_in_")))
        encoded = self._read_targets(y, classes, X.dtype, continuing=continuing)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X.shape[0], X.dtype)
        data = Data(X, encoded, sample_weight, rows=np.arange(X.shape[0]))
        network = multilayer_perceptron(
            X.shape[1],
            hidden_sizes(self.hidden_layer_sizes) or [],
            encoded.shape[1],
            activation_of(self.activation),
        )
        random_state = check_random_state(self.random_state)
        # Initial weights are drawn even if they are not used: what is drawn after them, the
        # validation part, is then the same in a warm start as in the first fit.
        theta = network.initial_parameters(
            [random_state], INITIALIZERS["auto"], activation_of(self.activation), X.dtype
        )
        if continuing:
            theta = fitted_parameters(self, network, X.dtype)
        if self.early_stopping and self.solver in STOCHASTIC_SOLVERS and not incremental:
            strata = self._strata(encoded, n_held_out(self.validation_fraction, X.shape[0]))
            data = data.hold_out(self.validation_fraction, random_state, strata)
        self._publish_network(network)
        monitor = FitMonitor(self, X, y, sample_weight, network, with_callbacks=not incremental)
        try:
            if self.solver in STOCHASTIC_SOLVERS:
                result = self._train_stochastic(
                    network, theta, data, random_state, monitor, incremental, continuing
                )
            else:
                result = self._train_lbfgs(network, theta, data, monitor)
            self._publish(network, result, continuing)
            self._report(result, incremental)
        finally:
            monitor.close()
        return self

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

    def _objective(self, network: Network, dtype: Any) -> Objective:
        return Objective(network, self._loss(), np.array([self.alpha], dtype=dtype))

    def _train_lbfgs(self, network: Network, theta: Array, data: Data, monitor: Monitor) -> TrainingResult:
        self.__dict__.pop("_memory", None)
        return train_lbfgs(
            self._objective(network, theta.dtype),
            theta,
            data.X,
            data.y,
            data.sample_weight,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=np.array([self.tol]),
            monitor=monitor,
        )

    def _train_stochastic(
        self,
        network: Network,
        theta: Array,
        data: Data,
        random_state: np.random.RandomState,
        monitor: Monitor,
        incremental: bool,
        continuing: bool,
    ) -> TrainingResult:
        optimizer = optimizer_of(self)
        learning_rate = np.array([self.learning_rate_init], dtype=float)
        max_iter = 1 if incremental else self.max_iter
        batch_size = batch_size_of(self, len(data.rows))
        solver = StochasticSolver(
            self._objective(network, theta.dtype),
            Batches(data.X, data.y, data.sample_weight, [data.rows], batch_size),
            [random_state] if self.shuffle else None,
            optimizer=optimizer,
            schedule=schedule_of(self),
            learning_rate=learning_rate,
            stopping=Stopping(max_iter, np.array([self.tol]), self.n_iter_no_change),
            validate=None if data.held_out is None else self._validate(network, data, data.held_out),
            monitor=monitor,
        )
        state = State.start(theta, optimizer.n_moments, learning_rate)
        if continuing:
            resume(self, solver, state, incremental)
        result = solver.train(state)
        self._memory = remember(self, solver, state, incremental)
        return result

    def _validate(self, network: Network, data: Data, held_out: Array) -> Validate:
        """Return the function that scores parameters on the rows held out."""
        X, y, weights = data.X[held_out], data.y[held_out], data.weights(held_out)

        def scores(theta: Array, networks: Array) -> Array:
            z = network.raw_scores(network.layout.view(theta).layers, X)
            finite = [np.isfinite(z_k).all() for z_k in z]
            return np.array(
                [
                    self._validation_score(z_k, y, weights) if is_finite else np.nan
                    for z_k, is_finite in zip(z, finite, strict=True)
                ]
            )

        return scores

    def _publish_network(self, network: Network) -> None:
        self.n_layers_ = sum(bool(specs) for specs in network.layout.specs) + 1
        self.n_outputs_ = network.widths[-1]
        self.out_activation_ = self._loss().link
        # Prediction follows what was fitted, not what a parameter may be set to afterwards.
        self._fitted_activation = self.activation

    def _fitted_weights(self, network: Network, theta: Array) -> dict[str, Any]:
        """Return the published views of the parameters ``theta`` of shape (1, P)."""
        dense = [views for views in network.layout.view(theta).layers if views]
        return {
            "coefs_": [weights[0] for weights, _ in dense],
            "intercepts_": [biases[0, 0] for _, biases in dense],
        }

    def _publish(self, network: Network, result: TrainingResult, continuing: bool) -> None:
        earlier = self.__dict__ if continuing else {}
        losses, scores = result.loss_curves[0], result.score_curves[0]
        self.__dict__.update(self._fitted_weights(network, result.theta))
        self.n_iter_ = len(losses)
        self.loss_ = result.losses[0]
        self.loss_curve_ = [*earlier.get("loss_curve_", []), *losses]
        self.validation_scores_ = [*(earlier.get("validation_scores_") or []), *scores] or None
        state = result.state
        self.t_ = 0 if state is None else int(state.samples_seen[0])
        best = -min(losses, default=self.loss_) if state is None else float(state.best[0])
        self.best_loss_ = None if scores else -best
        self.best_validation_score_ = best if scores else None

    def _report(self, result: TrainingResult, incremental: bool) -> None:
        """Turn the reason of stop into the warning or error of scikit-learn."""
        reason, message = result.reasons[0], result.messages[0]
        if reason is StopReason.DIVERGED:
            diverged = (
                f"training diverged in iteration {max(1, self.n_iter_)} with solver={self.solver!r},"
                f" learning_rate_init={self.learning_rate_init!r}. Scale X (StandardScaler) or lower"
                " learning_rate_init."
            )
            # With validation there are weights from before; scikit-learn keeps them too.
            if self.validation_scores_ is None or not np.isfinite(
                float(self.best_validation_score_ or -np.inf)
            ):
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large"
                    f" values and need to be preprocessed: {diverged}"
                )
            warnings.warn(f"The best weights are kept, but {diverged}", ConvergenceWarning, stacklevel=2)
        if reason is StopReason.INTERRUPTED:
            which = "latest" if self.validation_scores_ is None else "best"
            warnings.warn(f"Training interrupted by user. The {which} weights are kept.", stacklevel=2)
        elif reason is StopReason.FAILED or (message and reason is StopReason.MAX_ITER):
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): {message}. Increase"
                f" max_iter={self.max_iter} or max_fun={self.max_fun}, or scale the data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif reason is StopReason.MAX_ITER and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the"
                " optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _raw_scores(self, X: Any) -> Array:
        """Return the raw scores (n_samples, n_outputs_).

        float32 weights and float64 X give float64, as in scikit-learn: pass float32 for speed.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False
        )
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        widths = [coef.shape[1] for coef in self.coefs_]
        activation = activation_of(self._fitted_activation)
        network = multilayer_perceptron(X.shape[1], widths[:-1], widths[-1], activation)
        # The layers' views, made of the published arrays: nothing is copied, and what a user has
        # written into coefs_ counts.
        published = zip(self.coefs_, self.intercepts_, strict=True)
        dense = iter([[W[np.newaxis], b[np.newaxis, np.newaxis]] for W, b in published])
        parameters = [
            [array.astype(dtype, copy=False) for array in next(dense)] if specs else []
            for specs in network.layout.specs
        ]
        return np.asarray(network.raw_scores(parameters, X.astype(dtype, copy=False))[0])

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
