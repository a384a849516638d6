"""Levenberg-Marquardt: least squares by damped normal equations [Marquardt 1963; Hagan & Menhaj 1994]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skmlp.network.arrays import Array
from skmlp.network.curvature import gauss_newton
from skmlp.network.hyperparameters import check_field, within
from skmlp.network.objective import Objective, block_weight
from skmlp.training.full_batch import Needs, Run, Solver
from skmlp.training.stopping import StopReason

MEMORY_LIMIT = 2**30
"""Maximum number of bytes that the normal equations of one network may take."""

FIRST_DAMPING, LOWEST_DAMPING, HIGHEST_DAMPING = 1.0, 1e-20, 1e10
"""Of the damping, in units of the largest diagonal element of the first matrix."""


@dataclass(frozen=True)
class LevenbergMarquardt(Solver):
    """Least squares by damped normal equations [Marquardt 1963; Hagan & Menhaj 1994; docs, eq. (58)].

    With residuals e = z - y and their Jacobian J, a step solves (J' J + alpha I + damping I) step =
    -(J' e + alpha theta). With little damping it is that of Gauss and Newton, with much a short one down
    the gradient. Training has converged when no element of the gradient is larger than ``tol``; ``max_fun``
    counts the steps that are tried.

    Parameters
    ----------
    raised : float > 1, default=2.0
        A step that fails multiplies the damping by this factor.
    lower : float > 1, default=5.0
        A step that succeeds divides the damping by this factor. If it is larger than ``raised``, training
        ends in lower minima than with a factor of 10 for both.
    """

    name: ClassVar[str] = "lm"
    needs: ClassVar[Needs] = "residuals"
    raised: float = 2.0
    lower: float = 5.0

    def __post_init__(self) -> None:
        for name in ("raised", "lower"):
            is_factor = within(getattr(self, name), 1, math.inf, open_low=True)
            check_field(self, name, is_factor, "greater than 1 and finite")

    def check(self, n_parameters: int) -> None:
        """Raise an error if the normal equations of this many parameters are too large."""
        needed = 2 * 8 * n_parameters**2  # the matrix, and the factor of the damped one
        if needed > MEMORY_LIMIT:
            raise ValueError(
                f"solver='lm' solves equations in all {n_parameters} parameters at once, which takes"
                f" {needed / 2**30:.1f} GiB of memory, more than the limit of {MEMORY_LIMIT / 2**30:.1f}"
                " GiB. Choose solver='lbfgs' or 'adam', or make hidden_layer_sizes smaller."
            )

    def minimize(self, run: Run) -> StopReason:
        return _Descent(self, run).minimize()


class _Descent:
    """One network's descent: its damping, and the value that the next step must lower."""

    def __init__(self, solver: LevenbergMarquardt, run: Run) -> None:
        self.solver, self.run = solver, run
        self.damping, self.unit = FIRST_DAMPING, 0.0
        self.value = self.value_at(run.theta)

    def minimize(self) -> StopReason:
        run = self.run
        while np.isfinite(self.value):
            matrix, gradient = normal_equations(run.objective, run.theta, *run.samples)
            if np.abs(gradient).max() <= run.tol:
                return self._end(StopReason.CONVERGED, "no element of the gradient is larger than tol")
            if len(run.losses) == run.max_iter:
                return self._end(StopReason.MAX_ITER, f"max_iter={run.max_iter} iterations reached")
            before = self.value
            run.begin_iteration()
            if not self._descend(matrix, gradient):
                if run.n_evaluations >= run.max_fun:
                    return self._end(StopReason.FAILED, f"max_fun={run.max_fun} evaluations reached")
                return self._end(StopReason.CONVERGED, "no step lowers the loss")
            if run.end_iteration(self.value_at(run.theta, reported=True)):
                return StopReason.CALLBACK
            if before - self.value <= run.ftol * before:
                return self._end(StopReason.CONVERGED, "the loss no longer falls")
        return StopReason.DIVERGED

    def _end(self, reason: StopReason, message: str) -> StopReason:
        self.run.message = message
        self.run.loss = self.value_at(self.run.theta, reported=True)
        return reason

    def value_at(self, theta: Array, *, reported: bool = False) -> float:
        return float(self.run.values(theta[np.newaxis], reported=reported)[0])

    def _descend(self, matrix: Array, gradient: Array) -> bool:
        """Raise the damping until a step lowers the loss, and take it; return whether there is one."""
        self.unit = self.unit or float(np.diagonal(matrix).max())
        while self.damping <= HIGHEST_DAMPING and self.run.n_evaluations < self.run.max_fun:
            self.run.n_evaluations += 1
            damped = matrix.copy()
            np.einsum("ii->i", damped)[...] += self.damping * self.unit
            try:
                step = cho_solve(cho_factor(damped, overwrite_a=True, check_finite=False), gradient)
            except LinAlgError:  # not positive definite, by rounding
                value = np.inf
            else:
                theta = (self.run.theta - step).astype(self.run.theta.dtype)
                value = self.value_at(theta)
            if value < self.value:
                self.run.theta, self.value = theta, value
                self.damping = max(self.damping / self.solver.lower, LOWEST_DAMPING)
                return True
            self.damping *= self.solver.raised
        return False


def normal_equations(
    objective: Objective, theta: Array, X: Any, y: Array, sample_weight: Array | None
) -> tuple[Array, Array]:
    """Return the approximate Hessian (J' J + alpha I) / W, shape (P, P), and the gradient, shape (P,)."""
    matrix, gradient = gauss_newton(objective.network, objective.loss, theta, X, y, sample_weight)
    penalty = objective.penalties[0]
    np.einsum("ii->i", matrix)[...] += penalty
    gradient += penalty * theta
    total = block_weight(y, sample_weight)
    return matrix / total, gradient / total
