"""What a solver is given: everything about a fit that is settled before training begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmlp.estimators.data import Data, Reading
from skmlp.estimators.early_stopping import Validation
from skmlp.network.arrays import Array
from skmlp.network.network import Network
from skmlp.network.objective import Objective


@dataclass(frozen=True)
class Problem:
    """The networks of one fit, their data, and where they start.

    Attributes
    ----------
    objective : Objective
        What is minimised, of K networks: the members of an ensemble, or one.
    theta : array of shape (K, P)
        Where each network starts.
    read : Reading
        What the estimator has made of X, y and the weights.
    data : Data
        The same as the network sees them.
    rows : array of int
        The samples to train on.
    validate : Validation, or None
        What scores the networks after each epoch.
    seeds : list of K int
        The ``random_state`` of each member; empty for a single network.
    streams : list of K numpy.random.RandomState
        What shuffles the rows of each network.
    incremental : bool
        Whether this is a call to ``partial_fit``.
    continuing : bool
        Whether training goes on from an earlier fit.
    """

    objective: Objective
    theta: Array
    read: Reading
    data: Data
    rows: Array
    validate: Validation | None
    seeds: list[int]
    streams: list[np.random.RandomState]
    incremental: bool
    continuing: bool

    @property
    def given(self) -> Data:
        """The samples in the units of the user."""
        return self.read.data

    @property
    def network(self) -> Network:
        """The layers of the networks."""
        return self.objective.network
