"""Levenberg-Marquardt: least squares by damped normal equations [Marquardt 1963; Hagan & Menhaj 1994]."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skmlp.network.arrays import Array
from skmlp.network.objective import Objective
from skmlp.training.one_by_one import Descent, Samples, descend
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stopping import StopReason

JACOBIAN_ELEMENTS = 2**20
"""The Jacobian is computed for as many rows at a time as have about this many elements."""

MEMORY_LIMIT = 2**30
"""Most bytes that the normal equations of one network may take."""

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1.0, 1e-20, 1e10
"""Of the damping, in units of the largest diagonal element of the first matrix."""

RAISE, LOWER = 2.0, 5.0
"""A step that fails multiplies the damping, one that succeeds divides it. To raise it by less than it is
lowered ends in lower minima than the factor of 10 for both."""


def train_levenberg_marquardt(
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
    """Train each of K networks to convergence, one after the other; the loss is the squared error.

    The parameters are those of `train_lbfgs`; ``max_fun`` counts the steps that are tried.

    Raises
    ------
    ValueError
        If the normal equations need more than `MEMORY_LIMIT` bytes.
    """
    check_memory(theta.shape[1])
    return descend(
        LevenbergMarquardt,
        objective,
        theta,
        Samples(X, y, sample_weight),
        max_iter=max_iter,
        max_fun=max_fun,
        tol=tol,
        monitor=monitor,
    )


def check_memory(n_parameters: int) -> None:
    """Raise an error if the normal equations of so many parameters are too large."""
    needed = 2 * 8 * n_parameters**2  # the matrix, and the factor of the damped one
    if needed > MEMORY_LIMIT:
        raise ValueError(
            f"solver='lm' solves equations in all {n_parameters} parameters at once, which takes"
            f" {needed / 2**30:.1f} GiB of memory, more than the limit of {MEMORY_LIMIT / 2**30:.1f} GiB."
            " Choose solver='lbfgs' or 'adam', or make hidden_layer_sizes smaller."
        )


class LevenbergMarquardt(Descent):
    """One network's descent.

    With residuals e = z - y and their Jacobian J, a step solves (J' J + alpha I + damping I) step =
    -(J' e + alpha theta) [docs, eq. (58)]. With little damping it is that of Gauss and Newton, with much a
    short one down the gradient.
    """

    def minimize(self) -> StopReason:
        self.damping, self.unit, self.n_tried = FIRST_DAMPING, 0.0, 0
        self.value = self._value(self.theta)
        while np.isfinite(self.value):
            matrix, gradient = normal_equations(self.objective, self.theta, *self.samples)
            if np.abs(gradient).max() <= self.tol:
                return self._end(StopReason.CONVERGED, "no element of the gradient is larger than tol")
            if len(self.losses) == self.max_iter:
                return self._end(StopReason.MAX_ITER, f"max_iter={self.max_iter} iterations reached")
            before = self.value
            self.begin_iteration()
            if not self._descend(matrix, gradient):
                if self.n_tried >= self.max_fun:
                    return self._end(StopReason.FAILED, f"max_fun={self.max_fun} evaluations reached")
                return self._end(StopReason.CONVERGED, "no step lowers the loss")
            self.end_iteration(self._value(self.theta, reported=True))
            if before - self.value <= self.ftol * before:
                return self._end(StopReason.CONVERGED, "the loss falls no more")
        return StopReason.DIVERGED

    def _end(self, reason: StopReason, message: str) -> StopReason:
        self.message = message
        self.loss = self._value(self.theta, reported=True)
        return reason

    def _value(self, theta: Array, *, reported: bool = False) -> float:
        return float(self.objective.values(theta[np.newaxis], *self.samples, reported=reported)[0])

    def _descend(self, matrix: Array, gradient: Array) -> bool:
        """Raise the damping until a step lowers the loss, and take it; return whether there is one."""
        self.unit = self.unit or float(np.diagonal(matrix).max())
        while self.damping <= MOST_DAMPING and self.n_tried < self.max_fun:
            self.n_tried += 1
            damped = matrix.copy()
            np.einsum("ii->i", damped)[...] += self.damping * self.unit
            try:
                step = cho_solve(cho_factor(damped, overwrite_a=True, check_finite=False), gradient)
            except LinAlgError:  # not positive definite, by rounding
                value = np.inf
            else:
                theta = (self.theta - step).astype(self.theta.dtype)
                value = self._value(theta)
            if value < self.value:
                self.theta, self.value = theta, value
                self.damping = max(self.damping / LOWER, LEAST_DAMPING)
                return True
            self.damping *= RAISE
        return False


def normal_equations(
    objective: Objective, theta: Array, X: Any, y: Array, sample_weight: Array | None
) -> tuple[Array, Array]:
    """Return the approximate Hessian (J' J + alpha I) / W, shape (P, P), and the gradient, shape (P,).

    Every row is a network of its own here: what back-propagation sums up within a network, it keeps
    apart between networks, and so writes one row of J for each.
    """
    network, n_parameters = objective.network, len(theta)
    matrix, gradient = np.zeros((n_parameters, n_parameters)), np.zeros(n_parameters)
    n_block = max(1, JACOBIAN_ELEMENTS // n_parameters)
    for start in range(0, len(y), n_block):
        rows = slice(start, start + n_block)
        x = X[rows] if isinstance(X, np.ndarray) else X[rows].toarray()
        roots = None if sample_weight is None else np.sqrt(sample_weight[rows])
        parameters = network.layout.view(np.broadcast_to(theta, (len(x), n_parameters)))
        jacobian = network.layout.view(np.empty_like(theta, shape=(len(x), n_parameters)))
        traces = network.traces(len(x), 1, like=theta)
        for output in range(y.shape[1]):
            z = network.forward(parameters.layers, x[:, np.newaxis], traces)
            residuals = z[:, 0, output] - y[rows, output]
            seed = traces[-1].delta
            seed[...] = 0
            seed[:, 0, output] = 1 if roots is None else roots
            network.backward(parameters, x[:, np.newaxis], traces, jacobian)
            matrix += jacobian.flat.T @ jacobian.flat
            gradient += (residuals if roots is None else residuals * roots) @ jacobian.flat
    alpha, n_penalised = float(objective.alpha[0]), network.layout.n_penalised
    np.einsum("ii->i", matrix)[:n_penalised] += alpha
    gradient[:n_penalised] += alpha * theta[:n_penalised]
    total = len(y) if sample_weight is None else sample_weight.sum()
    return matrix / total, gradient / total
