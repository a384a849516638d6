"""What the classifier and the regressor share: validate, build, call a solver, publish, predict."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp.estimators.callbacks import (
    HAS_CALLBACKS,
    CallbackMonitor,
    CallbackSupportMixin,
    Monitors,
    Printer,
    with_callbacks,
)
from skmlp.estimators.parameters import STOCHASTIC_SOLVERS, check_parameters, hidden_sizes
from skmlp.estimators.validation import check_sample_weight, check_some_weight, unchanged_on_error
from skmlp.network.activations import ACTIVATIONS, Activation
from skmlp.network.arrays import Array
from skmlp.network.initializers import INITIALIZERS
from skmlp.network.losses import Loss
from skmlp.network.network import Network, multilayer_perceptron
from skmlp.network.objective import Objective
from skmlp.training.batches import Batches
from skmlp.training.lbfgs import train_lbfgs
from skmlp.training.optimizers import SGD, Adam, Optimizer
from skmlp.training.result import Monitor, State, TrainingResult
from skmlp.training.schedules import SCHEDULES, Constant, InverseScaling, Schedule
from skmlp.training.stochastic import StochasticSolver
from skmlp.training.stopping import Stopping, StopReason


@dataclass(frozen=True)
class Data:
    """What ``fit`` was given, as the network sees it.

    Attributes
    ----------
    X : array or CSR matrix of shape (n_samples, n_features)
    y : array of shape (n_samples, n_outputs)
        Encoded targets.
    sample_weight : array of shape (n_samples,), or None
    rows : index array
        The rows to train on.
    held_out : index array, or None
        The rows to validate on.
    """

    X: Any
    y: Array
    sample_weight: Array | None
    rows: Array
    held_out: Array | None = None


class BaseMultilayerPerceptron(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the multilayer perceptrons."""

    @abstractmethod
    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        """Check ``y``, publish what it says about the targets, and return it encoded (n, q)."""

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss, once the targets have been read."""

    @abstractmethod
    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        """Return the score (larger is better) of raw scores for encoded targets."""

    @abstractmethod
    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        """Return the class of each sample, if a split should be stratified by it."""

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
        network = self._network(encoded.shape[1])
        random_state = check_random_state(self.random_state)
        # Initial weights are drawn even if they are not used: what is drawn after them, the
        # validation part, is then the same in a warm start as in the first fit.
        theta = network.initial_parameters(
            [random_state], INITIALIZERS["auto"], self._activation(), X.dtype
        )
        if continuing:
            theta = self._continued_parameters(network, X.dtype)
        data = Data(X, encoded, sample_weight, np.arange(X.shape[0]))
        if self.early_stopping and self.solver in STOCHASTIC_SOLVERS and not incremental:
            data = self._hold_out(data, random_state)
        self._publish_network(network)
        objective = Objective(network, self._loss(), np.array([self.alpha], dtype=X.dtype))
        monitor, close = self._monitor(network, X, y, sample_weight, incremental)
        if self.solver in STOCHASTIC_SOLVERS:
            solver, state = self._stochastic_solver(
                objective, theta, data, random_state, monitor, incremental, continuing
            )
            result = solver.train(state)
            self._remember(solver, result, incremental)
        else:
            result = train_lbfgs(
                objective,
                theta,
                X,
                encoded,
                sample_weight,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=np.array([self.tol]),
                monitor=monitor,
            )
            self.__dict__.pop("_training_state", None)
        self._publish(network, result, X.shape[0], continuing)
        self._report(result, incremental)
        close()
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

    _y_numeric = False

    def _activation(self) -> Activation:
        return ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation

    def _network(self, n_outputs: int) -> Network:
        sizes = hidden_sizes(self.hidden_layer_sizes)
        assert sizes is not None  # checked with the parameters
        return multilayer_perceptron(self.n_features_in_, sizes, n_outputs, self._activation())

    def _continued_parameters(self, network: Network, dtype: Any) -> Array:
        """Return the fitted weights as a flat buffer, if they are those of the same network."""
        expected = [tuple(views[0].shape) for layer in network.layout.specs if (views := layer)]
        found = [np.shape(coef) for coef in self.coefs_]
        if found != expected:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} asks for weights of shapes"
                f" {expected}, but the fitted network has {found}: warm_start and partial_fit cannot"
                " change the network. Set warm_start=False, or clone the estimator, to start anew."
            )
        arrays = [*self.coefs_, *self.intercepts_]
        theta = np.concatenate([np.ravel(array) for array in arrays])[np.newaxis]
        return theta.astype(dtype, copy=False)

    def _hold_out(self, data: Data, random_state: np.random.RandomState) -> Data:
        """Split off ``validation_fraction`` of the rows, as scikit-learn would draw them."""
        n_samples = len(data.rows)
        n_held_out = int(np.ceil(self.validation_fraction * n_samples))
        if n_held_out < 1 or n_held_out >= n_samples:
            raise ValueError(
                f"validation_fraction={self.validation_fraction!r} of n_samples={n_samples} leaves"
                f" {n_held_out} to validate on and {n_samples - n_held_out} to train on. Change"
                " validation_fraction, or set early_stopping=False."
            )
        rows, held_out = train_test_split(
            data.rows,
            test_size=self.validation_fraction,
            random_state=random_state,
            stratify=self._strata(data.y, n_held_out),
        )
        if n_held_out < 2:
            raise ValueError(
                f"The validation set is too small: validation_fraction={self.validation_fraction!r} of"
                f" n_samples={n_samples} is {n_held_out}, at least 2 are needed. Increase"
                " 'validation_fraction' or the size of your dataset."
            )
        if data.sample_weight is not None:
            check_some_weight(data.sample_weight[rows], "sample_weight of the training part")
            check_some_weight(data.sample_weight[held_out], "sample_weight of the validation part")
        return Data(data.X, data.y, data.sample_weight, rows, held_out)

    def _monitor(
        self, network: Network, X: Any, y: Any, sample_weight: Any, incremental: bool
    ) -> tuple[Monitor, Any]:
        """Return what watches the solver, and what to call when the fit is done."""
        monitors: list[Monitor] = []
        if self.verbose:
            monitors.append(Printer(self.tol, self.n_iter_no_change))
        if HAS_CALLBACKS and not incremental:
            callbacks = CallbackMonitor(
                self,
                self.max_iter,
                X,
                y,
                sample_weight,
                lambda epoch: self._weights(network, epoch.theta.copy()),
            )
            return Monitors([*monitors, callbacks]), callbacks.close
        return Monitors(monitors), lambda: None

    def _stochastic_solver(
        self,
        objective: Objective,
        theta: Array,
        data: Data,
        random_state: np.random.RandomState,
        monitor: Monitor,
        incremental: bool,
        continuing: bool,
    ) -> tuple[StochasticSolver, State]:
        optimizer = self._optimizer()
        batches = Batches(data.X, data.y, data.sample_weight, [data.rows], self._batch_size(len(data.rows)))
        learning_rate = np.array([self.learning_rate_init], dtype=float)
        state = State.start(theta, optimizer.n_moments, learning_rate)
        if continuing:
            random_state = self._resume(state, batches, random_state, incremental)
        solver = StochasticSolver(
            objective,
            batches,
            [random_state] if self.shuffle else None,
            optimizer=optimizer,
            schedule=self._schedule(),
            learning_rate=learning_rate,
            stopping=Stopping(
                1 if incremental else self.max_iter, np.array([self.tol]), self.n_iter_no_change
            ),
            validate=None if data.held_out is None else self._validate(objective.network, data),
            monitor=monitor,
        )
        return solver, state

    def _batch_size(self, n_samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(
                f"Got `batch_size` less than 1 or larger than sample size: batch_size="
                f"{self.batch_size} is clipped to {n_samples}.",
                stacklevel=2,
            )
        return min(int(self.batch_size), n_samples)

    def _optimizer(self) -> Optimizer:
        if self.solver == "sgd":
            return SGD(self.momentum, bool(self.nesterovs_momentum))
        return Adam(self.beta_1, self.beta_2, self.epsilon)

    def _schedule(self) -> Schedule:
        if self.solver != "sgd":
            return Constant()
        if self.learning_rate == "invscaling":
            return InverseScaling(self.power_t)
        return SCHEDULES[self.learning_rate]()

    def _validate(self, network: Network, data: Data) -> Any:
        """Return the function that scores parameters on the rows held out."""
        X, y = data.X[data.held_out], data.y[data.held_out]
        weights = None if data.sample_weight is None else data.sample_weight[data.held_out]

        def scores(theta: Array, networks: Array) -> Array:
            z = network.raw_scores(network.layout.view(theta).layers, X)
            values = [
                self._validation_score(z_k, y, weights) if np.isfinite(z_k).all() else np.nan for z_k in z
            ]
            return np.array(values)

        return scores

    def _remember(self, solver: StochasticSolver, result: TrainingResult, incremental: bool) -> None:
        """Keep what a later ``partial_fit`` or warm start goes on from: arrays, strings, numbers."""
        state = result.state
        assert state is not None
        self._training_state = {
            "incremental": incremental,
            "solver": self.solver,
            "learning_rate_init": self.learning_rate_init,
            "moments": state.moments,
            "step": state.step,
            "rate": state.rate,
            "samples_seen": state.samples_seen,
            "best": state.best,
            "without_improvement": state.without_improvement,
            "order": solver.batches.order[0],
        }
        if solver.random_states is not None:
            random_state = solver.random_states[0].get_state(legacy=False)
            self._training_state["random_state"] = random_state

    def _resume(
        self,
        state: State,
        batches: Batches,
        random_state: np.random.RandomState,
        incremental: bool,
    ) -> np.random.RandomState:
        """Write the remembered optimizer into ``state``, the order into ``batches``; return the stream."""
        saved = getattr(self, "_training_state", None)
        if saved is None or saved["solver"] != self.solver:
            state.samples_seen[:] = getattr(self, "t_", 0)
            return random_state
        state.moments[...] = saved["moments"]
        state.step[:] = saved["step"]
        state.samples_seen[:] = saved["samples_seen"]
        if saved["learning_rate_init"] == self.learning_rate_init:
            state.rate[:] = saved["rate"]
        if incremental:
            state.best[:] = saved["best"]
            state.without_improvement[:] = saved["without_improvement"]
        elif np.array_equal(np.sort(saved["order"]), np.sort(batches.order[0])):
            batches.order[0] = saved["order"]
        if "random_state" in saved:
            random_state = np.random.RandomState()
            random_state.set_state(saved["random_state"])
        return random_state

    def _publish_network(self, network: Network) -> None:
        self.n_layers_ = len(network.layout.specs) // 2 + 2
        self.n_outputs_ = network.widths[-1]
        self.out_activation_ = self._loss().link

    def _weights(self, network: Network, theta: Array) -> dict[str, Any]:
        """Return the published views of the parameters ``theta`` of shape (1, P)."""
        dense = [views for views in network.layout.view(theta).layers if views]
        return {
            "coefs_": [weights[0] for weights, _ in dense],
            "intercepts_": [biases[0, 0] for _, biases in dense],
        }

    def _publish(self, network: Network, result: TrainingResult, n_samples: int, continuing: bool) -> None:
        self.__dict__.update(self._weights(network, result.theta))
        losses, scores = result.loss_curves[0], result.score_curves[0]
        self.n_iter_ = len(losses)
        self.loss_curve_ = [*(getattr(self, "loss_curve_", []) if continuing else []), *losses]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.inf
        validated = bool(scores)
        state = result.state
        self.t_ = n_samples if state is None else int(state.samples_seen[0])
        best = min(losses, default=np.inf) if state is None else -float(state.best[0])
        self.best_loss_ = None if validated else best
        self.best_validation_score_ = -best if validated else None
        earlier = getattr(self, "validation_scores_", None) if continuing else None
        self.validation_scores_ = [*(earlier or []), *scores] if validated else None

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
        network = self._network(self.n_outputs_)
        weights = zip(self.coefs_, self.intercepts_, strict=True)
        dense = iter([[W[np.newaxis], b[np.newaxis, np.newaxis]] for W, b in weights])
        parameters = [
            [array.astype(dtype, copy=False) for array in next(dense)] if specs else []
            for specs in network.layout.specs
        ]
        scores = network.raw_scores(parameters, X.astype(dtype, copy=False))
        return np.asarray(scores[0])

    def __getstate__(self) -> Any:
        """Leave the optimizer's memory out of a pickle, unless training is meant to go on."""
        state = super().__getstate__()
        remembered = state.get("_training_state")
        if remembered is not None and not (self.warm_start or remembered["incremental"]):
            state = {name: value for name, value in state.items() if name != "_training_state"}
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags


partial_fit_if_stochastic = available_if(lambda estimator: estimator._can_partial_fit())
"""Decorator of ``partial_fit``: the method does not exist for solvers that need all samples."""
