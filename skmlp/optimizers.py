"""Optimizers and solvers with settings of their own, for the parameter ``solver``, and their bases.

Examples
--------
>>> from skmlp import MLPClassifier
>>> from skmlp.optimizers import RMSprop
>>> MLPClassifier(solver=RMSprop(rho=0.99)).solver.rho
0.99
"""

from skmlp.training.evolution import EvolutionStrategy
from skmlp.training.full_batch import Solver
from skmlp.training.lbfgs import LBFGS
from skmlp.training.levenberg_marquardt import LevenbergMarquardt
from skmlp.training.optimizers import OPTIMIZERS, SGD, Adam, NAdam, Optimizer, RMSprop
from skmlp.training.solvers import SOLVERS

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "SOLVERS",
    "Adam",
    "EvolutionStrategy",
    "LevenbergMarquardt",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "Solver",
]
