"""The table of full-batch solvers; the stochastic solver is made from an optimizer instead."""

from __future__ import annotations

from skmlp.training.evolution import EvolutionStrategy
from skmlp.training.full_batch import Solver
from skmlp.training.lbfgs import LBFGS
from skmlp.training.levenberg_marquardt import LevenbergMarquardt

SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (LBFGS(), LevenbergMarquardt(), EvolutionStrategy())
}
"""Every full-batch solver by its name, with its default settings."""
