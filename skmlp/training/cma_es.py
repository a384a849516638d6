"""CMA-ES: candidates drawn from a normal distribution that follows the best of them [Hansen 2016].

Equation numbers in this file are those of N. Hansen, The CMA Evolution Strategy: A Tutorial,
arXiv:1604.00772 (version 2, 2023), whose names are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, floor, inf, log, sqrt
from statistics import median_high

import numpy as np

from skmlp.network.arrays import Array

FULL_COVARIANCE = 500
"""Up to this many parameters the covariance of each pair is learned, above it only the variances."""

MAX_CONDITION = 1e14
"""A run ends when C is worse conditioned than this [appendix B.3, ConditionCov]."""


@dataclass(frozen=True)
class Constants:
    """The constants of one run [table 1].

    Attributes
    ----------
    weights : array of shape (population_size,)
        Of the candidates from the best to the worst; the first half sums to 1, the second is negative.
    mu_eff : float
        How many equally weighted parents would be worth as much.
    c_sigma, d_sigma : float
        Rate of the path, and damping, of the step size.
    c_c, c_1, c_mu : float
        Rates of the path of the mean, and of the updates of C of rank one and of rank mu.
    chi_n : float
        Expected length of a standard normal vector.
    """

    weights: Array
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    chi_n: float

    @classmethod
    def of(cls, n_parameters: int, population_size: int) -> Constants:
        """Return the constants of ``n_parameters`` >= 1 and ``population_size`` >= 2."""
        n = n_parameters
        raw = log((population_size + 1) / 2) - np.log(np.arange(1, population_size + 1))  # (49)
        parents, others = np.split(raw, [population_size // 2])
        mu_eff = float(parents.sum() ** 2 / (parents**2).sum())
        mu_eff_minus = float(others.sum() ** 2 / (others**2).sum())
        c_sigma = (mu_eff + 2) / (n + mu_eff + 5)  # (55)
        d_sigma = 1 + 2 * max(0, sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma  # (55)
        c_c = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n)  # (56)
        c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)  # (57)
        c_mu = 2 * (1 / 4 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff)  # (58)
        if n > FULL_COVARIANCE:  # n variances are learned faster than n^2 covariances [Ros & Hansen 2008]
            c_1, c_mu = (min(1, rate * (n + 2) / 3) for rate in (c_1, c_mu))
        c_mu = min(1 - c_1, c_mu)  # (58)
        alpha = min(
            1 + c_1 / c_mu,  # (50)
            1 + 2 * mu_eff_minus / (mu_eff + 2),  # (51)
            (1 - c_1 - c_mu) / (n * c_mu),  # (52): C stays positive definite
        )
        weights = np.concatenate([parents / parents.sum(), -alpha * others / others.sum()])  # (53)
        chi_n = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        return cls(weights, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, chi_n)


class _FullCovariance:
    """C = B D^2 B^T of shape (P, P); B and D follow it every ``lag`` generations [appendix B.2]."""

    def __init__(self, n: int, constants: Constants) -> None:
        self.C, self.B, self.deviations = np.eye(n), np.eye(n), np.ones(n)  # the last: diagonal of D
        self.variances = np.diagonal(self.C)  # a view
        self.lag = max(1, floor(1 / (10 * n * (constants.c_1 + constants.c_mu))))
        self._n_updates = 0

    def stretch(self, z: Array) -> Array:
        """Return B D z of each row z."""
        return np.asarray((z * self.deviations) @ self.B.T)

    def turn(self, z: Array) -> Array:
        """Return B z of one vector."""
        return np.asarray(self.B @ z)

    def update(self, decay: float, weights: Array, y: Array) -> bool:
        """Let C be decay C + sum_i weights_i y_i y_i^T; return whether it is well conditioned."""
        self.C *= decay
        self.C += (y.T * weights) @ y
        self._n_updates += 1
        if self._n_updates % self.lag:
            return True
        squares, B = np.linalg.eigh(self.C)
        if not squares[-1] < MAX_CONDITION * squares[0]:
            return False
        self.B, self.deviations = B, np.sqrt(squares)
        return True


class _Variances:
    """The same of the diagonal of C alone, B = I [Ros & Hansen 2008]: all is O(P) per candidate."""

    def __init__(self, n: int) -> None:
        self.variances, self.deviations = np.ones(n), np.ones(n)

    def stretch(self, z: Array) -> Array:
        return np.asarray(z * self.deviations)

    def turn(self, z: Array) -> Array:
        return z

    def update(self, decay: float, weights: Array, y: Array) -> bool:
        self.variances *= decay
        self.variances += weights @ (y * y)
        if not self.variances.max() < MAX_CONDITION * self.variances.min():
            return False
        np.sqrt(self.variances, out=self.deviations)
        return True


class EvolutionRun:
    """One run of CMA-ES: `ask` for candidates and `tell` their values until it has `ended`.

    Parameters
    ----------
    mean : array of shape (P,)
        Where the run starts.
    step_size : float
        The first standard deviation sigma of the candidates.
    population_size : int
        Candidates per generation, at least 2.
    tol : float
        TolFun, see `EvolutionStrategy`.
    random_state : numpy.random.RandomState

    Attributes
    ----------
    ended : str
        The criterion of appendix B.3 that has ended the run; empty until then.
    """

    def __init__(
        self,
        mean: Array,
        step_size: float,
        population_size: int,
        tol: float,
        random_state: np.random.RandomState,
    ) -> None:
        n, self.mean = len(mean), mean.astype(float)
        self.step_size = self._first_step_size = step_size
        self.population_size, self.tol, self.random_state = population_size, tol, random_state
        self.constants = Constants.of(n, population_size)
        full = n <= FULL_COVARIANCE
        self.covariance = _FullCovariance(n, self.constants) if full else _Variances(n)
        self.path_of_step_size, self.path = np.zeros(n), np.zeros(n)  # p_sigma and p_c
        self.best: list[float] = []  # of each generation
        self.median: list[float] = []
        self.ended = ""

    def ask(self) -> Array:
        """Return the candidates of a generation, shape (population_size, P) [eqs. (38) to (40)]."""
        self._z = self.random_state.standard_normal((self.population_size, len(self.mean)))
        self._y = self.covariance.stretch(self._z)
        return np.asarray(self.mean + self.step_size * self._y)

    def tell(self, values: Array) -> None:
        """Move the distribution towards the candidates of lower ``values``, finite numbers or inf."""
        n, c = len(self.mean), self.constants
        order = np.argsort(values, kind="stable")
        values = values[order]
        weights = np.empty_like(c.weights)
        weights[order] = c.weights
        parents = np.maximum(weights, 0)

        step = parents @ self._y  # (41)
        self.mean += self.step_size * step  # (42)
        # C^(-1/2) y is B z.
        gain = sqrt(c.c_sigma * (2 - c.c_sigma) * c.mu_eff)
        self.path_of_step_size *= 1 - c.c_sigma
        self.path_of_step_size += gain * self.covariance.turn(parents @ self._z)  # (43)
        length = float(np.linalg.norm(self.path_of_step_size)) / c.chi_n
        # h_sigma: a path of the step size that is long only because sigma is too small leaves C alone.
        self.best.append(float(values[0]))
        self.median.append(float(values[self.population_size // 2]))
        unbiased = sqrt(1 - (1 - c.c_sigma) ** (2 * len(self.best)))
        h_sigma = length / unbiased < 1.4 + 2 / (n + 1)
        self.path *= 1 - c.c_c
        if h_sigma:
            self.path += sqrt(c.c_c * (2 - c.c_c) * c.mu_eff) * step  # (45)

        self.step_size *= exp(c.c_sigma / c.d_sigma * (length - 1))  # (44)
        if values[0] == values[ceil(0.7 * self.population_size) - 1] < inf:  # flat [appendix B.4]
            self.step_size *= exp(0.2 + c.c_sigma / c.d_sigma)

        lengths = np.einsum("ij,ij->i", self._z, self._z)
        weights = np.where(weights < 0, weights * n / lengths, weights)  # (46)
        missing = 0.0 if h_sigma else c.c_1 * c.c_c * (2 - c.c_c)
        well_conditioned = self.covariance.update(  # (47)
            1 + missing - c.c_1 - c.c_mu * float(c.weights.sum()),
            np.append(c.c_mu * weights, c.c_1),
            np.vstack([self._y, self.path]),
        )
        self.ended = self._why_it_ends(values, well_conditioned)

    def _why_it_ends(self, values: Array, well_conditioned: bool) -> str:
        """Return the first criterion of appendix B.3 that is met; ``values`` are sorted."""
        n, generation = len(self.mean), len(self.best)
        per_parameter = ceil(30 * n / self.population_size)
        latest = self.best[-10 - per_parameter :]
        lasts = generation >= 10 + per_parameter
        low, high = min(latest), max(latest)
        spread = max(high, values[-1]) - min(low, values[0])
        deviations = self.step_size * np.sqrt(self.covariance.variances)
        largest = max(deviations.max(), self.step_size * np.abs(self.path).max())
        longest = self.step_size * self.covariance.deviations.max()
        axis = self.step_size * self.covariance.stretch(np.eye(1, n, generation % n)[0])
        criteria = {
            "EqualFunValues: the best value has long been the same": lasts and low == high,
            "TolFun: the latest values differ by less than tol": lasts and spread < self.tol,
            "TolX: the candidates hardly differ": largest < 1e-12 * self._first_step_size,
            "TolXUp: the step size has grown beyond measure": longest > 1e4 * self._first_step_size,
            "ConditionCov: the covariance matrix is badly conditioned": not well_conditioned,
            "NoEffectAxis: a step is below rounding": (self.mean == self.mean + 0.1 * axis).all(),
            "NoEffectCoord: a step is below rounding": (self.mean == self.mean + 0.2 * deviations).any(),
            "Stagnation: the values have not improved for long": self._stagnates(120 + per_parameter),
        }
        return next((criterion for criterion, is_met in criteria.items() if is_met), "")

    def _stagnates(self, shortest: int) -> bool:
        """Return whether best and median of the latest generations are no better than some time ago."""
        generation = len(self.best)
        span = min(max(generation // 5, shortest), 20_000)
        part = span * 3 // 10
        return generation >= span and all(
            median_high(history[-part:]) >= median_high(history[-span : part - span])
            for history in (self.best, self.median)
        )
