"""L-BFGS on all rows at once, by scipy [Liu & Nocedal 1989]."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import Bounds, minimize

from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.training.full_batch import Needs, Run, Solver
from skmlp.training.stopping import StopReason


@dataclass(frozen=True)
class LBFGS(Solver):
    """Quasi-Newton steps from the latest gradients, by scipy [Liu & Nocedal 1989].

    Training has converged when no element of the gradient is larger than ``tol``.
    """

    name: ClassVar[str] = "lbfgs"
    needs: ClassVar[Needs] = "gradient"

    def minimize(self, run: Run) -> StopReason:
        descent = _Descent(run)
        this: _Descent = weakref.proxy(descent)  # older scipy keeps what it is given until it is collected
        n_left = run.max_iter - len(run.losses)
        options: dict[str, float] = {"maxfun": run.max_fun - run.n_evaluations, "maxiter": n_left}
        options |= {"gtol": run.tol, "ftol": run.ftol}
        try:
            found = minimize(
                lambda theta: this.value_and_gradient(theta),
                run.theta.astype(float),
                method="L-BFGS-B",
                jac=True,
                bounds=None if run.bounds is None else Bounds(*run.bounds),
                callback=lambda theta: this.end_iteration(theta),
                options=options,
            )
        except _StopTrainingError:
            return StopReason.CALLBACK
        run.n_evaluations += found.nfev
        run.theta[...], run.loss, run.message = found.x, float(found.fun), str(found.message)
        if not (np.isfinite(found.fun) and np.isfinite(found.x).all()):
            return StopReason.DIVERGED
        if found.status == 0:
            return StopReason.CONVERGED
        return StopReason.MAX_ITER if found.nit >= n_left else StopReason.FAILED


class _StopTrainingError(Exception):
    """Leaves scipy's loop: older versions of scipy know no other way out."""


class _Descent:
    """What scipy calls, on one network."""

    def __init__(self, run: Run) -> None:
        self.run = run
        X, y, weights = run.samples
        block: Block = X[np.newaxis] if isinstance(X, np.ndarray) else SparseBlock([X])
        self._block = block, y[np.newaxis], None if weights is None else weights[np.newaxis]
        layout = run.objective.network.layout
        self._parameters = layout.view(run.theta[np.newaxis].copy())
        self._gradient = layout.view(np.empty_like(run.theta)[np.newaxis])
        self._begun = -1
        self._latest: tuple[Array, float] = np.empty(0), np.inf  # theta and the value there

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        if self._begun < len(self.run.losses):  # the first evaluation of an iteration
            self._begun = len(self.run.losses)
            self.run.begin_iteration()
        self._parameters.flat[0] = theta
        evaluate = self.run.objective.value_and_gradient
        values = evaluate(self._parameters, *self._block, self._gradient, reported=True)
        self._latest = theta.copy(), float(values[0])
        return self._latest[1], self._gradient.flat[0].astype(float)

    def end_iteration(self, theta: Array) -> None:
        self.run.theta[...] = theta
        latest_theta, value = self._latest
        if not np.array_equal(theta, latest_theta):
            value, _ = self.value_and_gradient(theta)
        if self.run.end_iteration(value):
            raise _StopTrainingError
