"""An evolution strategy, which asks for values only: CMA-ES with restarts.

Its candidates are a stack of networks, which is computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, inf, isfinite, log

import numpy as np

from skmlp.network.arrays import Array
from skmlp.training.cma_es import Evolution
from skmlp.training.one_by_one import Run, train_one_by_one
from skmlp.training.result import Monitor, TrainingResult
from skmlp.training.stopping import StopReason

STEP_SIZE = 0.25
"""The first standard deviation of the candidates: weights are of the order of one."""


def train_evolution(
    values: Callable[[Array], Array],
    theta: Array,
    random_states: Sequence[np.random.RandomState],
    *,
    population_size: int | None,
    n_restarts: int,
    max_iter: int,
    max_fun: int,
    tol: Array,
    step_size: float = 0.25,
    monitor: Monitor | None = None,
) -> TrainingResult:
    """Train each of K networks by CMA-ES, one after the other: nothing but values is needed.

    Parameters
    ----------
    values : callable
        From the parameters (L, P) of L candidates to what is minimised, shape (L,). Called once per
        generation.
    theta : array of shape (K, P)
        Where each network starts: the mean of the first candidates.
    random_states : sequence of K numpy.random.RandomState
    population_size : int >= 2, or None
        Candidates per generation; None: 4 + floor(3 ln P) [eq. (48)].
    n_restarts : int
        Most restarts, each with twice the candidates of the run before [Auger & Hansen 2005].
    max_iter, max_fun : int
        Most generations, and most evaluated candidates, of each network, restarts included. One
        generation there always is.
    tol : array of shape (K,)
        A run has converged when the best values of the last generations and all values of the present
        one differ by less.
    step_size : float > 0, default=0.25
        The first standard deviation of the candidates, and of the starts of the restarts around theirs.
    monitor : Monitor, default=None
        Is told of each generation and can stop training.

    Returns
    -------
    TrainingResult
        The best candidates; the curves hold the lowest value so far after each generation.
    """
    return train_one_by_one(
        Search(
            values,
            theta[k],
            random_state,
            k,
            monitor,
            first_size=population_size or 4 + floor(3 * log(theta.shape[1])),
            n_restarts=n_restarts,
            max_iter=max_iter,
            max_fun=max_fun,
            tol=float(tol[k]),
            step_size=step_size,
        )
        for k, random_state in enumerate(random_states)
    )


class Search(Run):
    """The search for one network; its best candidate is remembered."""

    def __init__(
        self,
        values: Callable[[Array], Array],
        theta: Array,
        random_state: np.random.RandomState,
        network: int,
        monitor: Monitor | None,
        *,
        first_size: int,
        n_restarts: int,
        max_iter: int,
        max_fun: int,
        tol: float,
        step_size: float,
    ) -> None:
        super().__init__(theta, network, monitor)
        self.values, self.start, self.random_state = values, theta.copy(), random_state
        self.first_size, self.n_restarts = first_size, n_restarts
        self.max_iter, self.max_fun, self.tol, self.step_size = max_iter, max_fun, tol, step_size
        self.n_evaluated = 0

    def minimize(self) -> StopReason:
        reason = self._search()
        return reason if isfinite(self.loss) else StopReason.DIVERGED

    def _search(self) -> StopReason:
        mean = self.start
        for restart in range(self.n_restarts + 1):
            if restart:
                noise = self.random_state.standard_normal(len(self.start))
                mean = self.start + self.step_size * noise
            size = self.first_size << restart
            evolution = Evolution(mean, self.step_size, size, self.tol, self.random_state)
            while not evolution.ended:
                if len(self.losses) == self.max_iter:
                    self.message = f"max_iter={self.max_iter} generations reached"
                    return StopReason.MAX_ITER
                if self.losses and self.n_evaluated + size > self.max_fun:
                    self.message = f"max_fun={self.max_fun} evaluations reached"
                    return StopReason.MAX_ITER
                self._generation(evolution)
        self.message = evolution.ended
        return StopReason.CONVERGED

    def _generation(self, evolution: Evolution) -> None:
        """Evaluate the candidates of one generation, and learn from them."""
        self.begin_iteration()
        candidates = evolution.ask().astype(self.start.dtype)
        values = np.asarray(self.values(candidates), dtype=float)
        values = np.where(np.isfinite(values), values, inf)  # ranks last
        self.n_evaluated += len(candidates)
        evolution.tell(values)
        best = int(np.argmin(values))
        if values[best] < self.loss:
            self.theta[...], self.loss = candidates[best], float(values[best])
        self.end_iteration(self.loss)
