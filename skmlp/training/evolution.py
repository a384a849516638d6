"""An evolution strategy, which asks for values only: CMA-ES with restarts.

Its candidates are a stack of networks, which is computed at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.hyperparameters import check_field, check_positive
from skmlp.training.cma_es import EvolutionRun
from skmlp.training.full_batch import Needs, Run, Solver
from skmlp.training.stopping import StopReason


@dataclass(frozen=True)
class EvolutionStrategy(Solver):
    """CMA-ES: candidates from a normal distribution that follows the best of them [Hansen 2016].

    With restarts [Auger & Hansen 2005]. Nothing but values is needed, so that any cost can be minimized.
    A run has converged when the best values of the latest generations and all values of the present one
    differ by less than ``tol``. ``max_iter`` and ``max_fun`` limit the generations and the candidates of
    each network, restarts included; there is always one generation. The best candidate is kept, and the
    curve holds the lowest value so far after each generation.

    Parameters
    ----------
    population_size : int >= 2, default=None
        Candidates per generation; None: 4 + floor(3 ln P) [Hansen 2016, eq. (48)].
    n_restarts : int >= 0, default=3
        Maximum number of restarts, each with twice the candidates of the run before.
    step_size : float > 0, default=0.25
        The first standard deviation of the candidates, and of the starts of the restarts around theirs:
        weights are of the order of one.
    """

    name: ClassVar[str] = "es"
    unit: ClassVar[str] = "generation"
    needs: ClassVar[Needs] = "values"
    population_size: int | None = None
    n_restarts: int = 3
    step_size: float = 0.25

    def __post_init__(self) -> None:
        size = self.population_size
        check_field(self, "population_size", size is None or size >= 2, "None or at least 2")
        check_field(self, "n_restarts", self.n_restarts >= 0, "at least 0")
        check_positive(self, "step_size")

    def minimize(self, run: Run) -> StopReason:
        reason = self._evolve(run)
        return reason if math.isfinite(run.loss) or reason is StopReason.CALLBACK else StopReason.DIVERGED

    def _evolve(self, run: Run) -> StopReason:
        first_size = self.population_size or 4 + math.floor(3 * math.log(len(run.theta)))
        start, n_evaluated = run.theta.astype(float), 0
        mean = start
        for restart in range(self.n_restarts + 1):
            if restart:
                mean = start + self.step_size * run.random_state.standard_normal(len(start))
            size = first_size << restart
            evolution = EvolutionRun(mean, self.step_size, size, run.tol, run.random_state)
            while not evolution.ended:
                if len(run.losses) == run.max_iter:
                    run.message = f"max_iter={run.max_iter} generations reached"
                    return StopReason.MAX_ITER
                if run.losses and n_evaluated + size > run.max_fun:
                    run.message = f"max_fun={run.max_fun} evaluations reached"
                    return StopReason.MAX_ITER
                n_evaluated += size
                if self._generation(run, evolution):
                    return StopReason.CALLBACK
        run.message = evolution.ended
        return StopReason.CONVERGED

    @staticmethod
    def _generation(run: Run, evolution: EvolutionRun) -> bool:
        """Evaluate the candidates of one generation and learn from them; return whether to stop."""
        run.begin_iteration()
        candidates = evolution.ask().astype(run.theta.dtype)
        values = np.asarray(run.values(candidates, reported=True), dtype=float)
        values = np.where(np.isfinite(values), values, math.inf)  # ranks last
        evolution.tell(values)
        best = int(np.argmin(values))
        if values[best] < run.loss:
            run.theta[...], run.loss = candidates[best], float(values[best])
        return run.end_iteration(run.loss)
