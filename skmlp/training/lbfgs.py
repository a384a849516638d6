"""L-BFGS on all rows at once, by scipy [Liu & Nocedal 1989]."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.network.objective import Objective
from skmlp.training.result import Epoch, Monitor, TrainingResult
from skmlp.training.stopping import StopReason


class _StopTrainingError(Exception):
    """Leaves scipy's loop when a monitor asks to stop."""


def train_lbfgs(
    objective: Objective,
    theta: Array,
    X: Any,
    y: Array,
    sample_weight: Array | None,
    *,
    max_iter: int,
    max_fun: int,
    tol: Array,
    monitor: Monitor | None = None,
) -> TrainingResult:
    """Train each of K networks to convergence, one after the other.

    Parameters
    ----------
    objective : Objective
    theta : array of shape (K, P)
        Where each network starts.
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples, n_outputs)
    sample_weight : array of shape (n_samples,), or None
    max_iter, max_fun : int
        Most iterations, and most evaluations of the objective.
    tol : array of shape (K,)
        Training has converged when no element of the gradient is larger.
    monitor : Monitor, default=None
        Is told of each iteration and can stop training.
    """
    block: Block = X[np.newaxis] if isinstance(X, np.ndarray) else SparseBlock([X])
    weights = None if sample_weight is None else sample_weight[np.newaxis]
    result = TrainingResult(theta.copy(), [], [], [], [], [], [])
    ended: StopReason | None = None  # what has ended all training
    for k in range(len(theta)):
        network = np.arange(len(theta)) == k
        run = _Run(objective.keep(network), theta[network], block, y[np.newaxis], weights, k)
        if ended is None:
            run.minimize(max_iter, max_fun, float(tol[k]), monitor or Monitor())
            ended = run.reason if run.reason in (StopReason.CALLBACK, StopReason.INTERRUPTED) else None
        else:
            run.reason = ended
        result.theta[k] = run.theta
        result.losses.append(run.loss)
        result.loss_curves.append(run.losses)
        result.score_curves.append([])
        result.validation_losses.append([])
        result.reasons.append(run.reason)
        result.messages.append(run.message)
    return result


class _Run:
    """One network's descent, remembered so that it can be left at any iteration."""

    def __init__(
        self,
        objective: Objective,
        theta: Array,
        x: Block,
        y: Array,
        weights: Array | None,
        network: int,
    ) -> None:
        self.objective, self.x, self.y, self.weights = objective, x, y, weights
        self.network = network
        self.theta = theta[0].copy()
        self.losses: list[float] = []
        self.loss = np.inf
        self.reason, self.message = StopReason.INTERRUPTED, ""
        layout = objective.network.layout
        self._parameters = layout.view(np.empty_like(theta))
        self._gradient = layout.view(np.empty_like(theta))

    def minimize(self, max_iter: int, max_fun: int, tol: float, monitor: Monitor) -> None:
        self.monitor = monitor
        self._begun = -1
        # scipy's default, 1e7 eps of float64, lies below the resolution of float32.
        ftol = max(1e7 * np.finfo(np.float64).eps, 10 * float(np.finfo(self.theta.dtype).eps))
        options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol, "ftol": ftol}
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = minimize(
                    self._value_and_gradient,
                    self.theta.astype(float),
                    method="L-BFGS-B",
                    jac=True,
                    callback=self._end_of_iteration,
                    options=options,
                )
        except KeyboardInterrupt:
            self.reason = StopReason.INTERRUPTED
        except _StopTrainingError:
            self.reason = StopReason.CALLBACK
        else:
            self.theta[...], self.loss = found.x, float(found.fun)
            self.message = str(found.message)
            self.reason = self._reason(found, max_iter)

    def _reason(self, found: Any, max_iter: int) -> StopReason:
        if not (np.isfinite(found.fun) and np.isfinite(found.x).all()):
            return StopReason.DIVERGED
        if found.status == 0:
            return StopReason.CONVERGED
        return StopReason.MAX_ITER if found.nit >= max_iter else StopReason.FAILED

    def _value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        if self._begun < len(self.losses):  # the first evaluation of an iteration
            self._begun = len(self.losses)
            self.monitor.begin(self._begun)
        self._parameters.flat[0] = theta
        value = self.objective.value_and_gradient(
            self._parameters, self.x, self.y, self.weights, self._gradient, reported=True
        )
        self._last_theta, self._last_value = theta.copy(), float(value[0])
        return self._last_value, self._gradient.flat[0].astype(float)

    def _end_of_iteration(self, theta: Array) -> None:
        self.theta[...] = theta
        value = self._last_value
        if not np.array_equal(theta, self._last_theta):
            value, _ = self._value_and_gradient(theta)
        self.losses.append(value)
        self.loss = value
        index = len(self.losses) - 1
        epoch = Epoch(index, np.array([self.network]), self.theta[np.newaxis], np.array([value]))
        if self.monitor.end(epoch):
            raise _StopTrainingError
