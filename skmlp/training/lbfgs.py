"""L-BFGS on all rows at once, by scipy [Liu & Nocedal 1989]."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.network.objective import Objective
from skmlp.training.one_by_one import Descent, Samples, descend
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stopping import StopReason


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
    return descend(
        LBFGS,
        objective,
        theta,
        Samples(X, y, sample_weight),
        max_iter=max_iter,
        max_fun=max_fun,
        tol=tol,
        monitor=monitor,
    )


class LBFGS(Descent):
    """One network's descent by scipy."""

    def minimize(self) -> StopReason:
        X, y, weights = self.samples
        block: Block = X[np.newaxis] if isinstance(X, np.ndarray) else SparseBlock([X])
        self._block = block, y[np.newaxis], None if weights is None else weights[np.newaxis]
        layout = self.objective.network.layout
        self._parameters = layout.view(self.theta[np.newaxis].copy())
        self._gradient = layout.view(np.empty_like(self.theta)[np.newaxis])
        self._begun = -1
        options = {
            "maxfun": self.max_fun,
            "maxiter": self.max_iter,
            "gtol": self.tol,
            "ftol": self.ftol,
        }
        found = minimize(
            self._value_and_gradient,
            self.theta.astype(float),
            method="L-BFGS-B",
            jac=True,
            callback=self._end_of_iteration,
            options=options,
        )
        self.theta[...], self.loss = found.x, float(found.fun)
        self.message = str(found.message)
        return self._reason(found)

    def _reason(self, found: Any) -> StopReason:
        if not (np.isfinite(found.fun) and np.isfinite(found.x).all()):
            return StopReason.DIVERGED
        if found.status == 0:
            return StopReason.CONVERGED
        return StopReason.MAX_ITER if found.nit >= self.max_iter else StopReason.FAILED

    def _value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        if self._begun < len(self.losses):  # the first evaluation of an iteration
            self._begun = len(self.losses)
            self.begin_iteration()
        self._parameters.flat[0] = theta
        value = self.objective.value_and_gradient(
            self._parameters, *self._block, self._gradient, reported=True
        )
        self._last_theta, self._last_value = theta.copy(), float(value[0])
        return self._last_value, self._gradient.flat[0].astype(float)

    def _end_of_iteration(self, theta: Array) -> None:
        self.theta[...] = theta
        value = self._last_value
        if not np.array_equal(theta, self._last_theta):
            value, _ = self._value_and_gradient(theta)
        self.end_iteration(value)
