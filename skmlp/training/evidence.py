"""How much to penalize the weights, by the evidence: the probability of the data [MacKay 1992]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.objective import Objective
from skmlp.training.full_batch import Needs, Run, Solver
from skmlp.training.posterior import Posterior, check_memory
from skmlp.training.stopping import StopReason

FIRST_ALPHA = 0.01
"""Where alpha starts: too large a one would leave weights at zero."""

ROUND = 100
"""At most so many iterations pass before alpha is estimated anew."""

LOWEST_ALPHA, HIGHEST_ALPHA = 1e-8, 1e8
"""Where alpha ends if there is no noise, or nothing to learn."""

SETTLED = 1e-3
"""alpha has settled when the logarithm of the evidence changes by less."""


@dataclass(frozen=True)
class Evidence(Solver):
    """A solver that estimates alpha while it trains [MacKay 1992; Bishop 2006, section 5.7.2].

    Parameters
    ----------
    solver : Solver
        Minimizes the objective between two estimates.
    per_layer : bool
        Whether each penalized array has its own alpha.
    """

    solver: Solver
    per_layer: bool

    @property
    def name(self) -> str:  # type: ignore[override]
        """What the solver is called."""
        return self.solver.name

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """What the solver must know of the objective."""
        return self.solver.needs

    def check(self, n_parameters: int) -> None:
        check_memory(n_parameters, "alpha='evidence'", ", or give alpha as a number")

    def minimize(self, run: Run) -> StopReason:
        last, before = run.max_iter, -np.inf
        for _ in range(last):
            run.max_iter = min(len(run.losses) + ROUND, last)
            reason = self.solver.minimize(run)
            if reason in (StopReason.CALLBACK, StopReason.DIVERGED) or len(run.losses) >= last:
                return reason
            posterior = Posterior(run.objective, run.theta, run.samples)
            settled = abs(posterior.log_evidence - before) < SETTLED
            if reason is not StopReason.MAX_ITER and (settled or run.n_evaluations >= run.max_fun):
                return reason
            before, alpha = posterior.log_evidence, estimate(run, posterior)
            run.objective = Objective(run.objective.network, run.objective.loss, alpha)
        run.message = "alpha has not settled"
        return StopReason.MAX_ITER


def estimate(run: Run, posterior: Posterior) -> Array:
    """Return alpha of shape (1,), or (1, A), by the posterior where training has come to.

    alpha <- noise gamma / |w|^2, with gamma the effective number of parameters among the weights w that it
    penalizes [Bishop 2006, eq. 5.178 and 5.179; docs, eq. (77)].
    """
    layout, objective = run.objective.network.layout, run.objective
    sizes = [layout.n_penalized] if objective.alpha.ndim == 1 else layout.penalized_sizes
    starts = np.cumsum([0, *sizes[:-1]])
    penalized = slice(layout.n_penalized)
    gamma = np.add.reduceat(posterior.effective[penalized], starts)
    squares = np.add.reduceat(run.theta[penalized].astype(float) ** 2, starts)
    alpha = posterior.noise_variance * gamma / np.maximum(squares, np.finfo(float).tiny)
    alpha = np.clip(alpha, LOWEST_ALPHA, HIGHEST_ALPHA)
    return alpha.reshape(objective.alpha.shape).astype(objective.alpha.dtype)
