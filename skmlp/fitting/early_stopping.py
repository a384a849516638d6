"""The validation of a stack of networks after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from skmlp.fitting.data import Data
from skmlp.fitting.targets import Targets
from skmlp.network.arrays import Array
from skmlp.network.network import Network

Score: TypeAlias = Callable[[Array, Array, float], float]
"""From parameters (1, P), raw scores (n, q) and the mean loss to a score; higher is better."""

LOSS_ELEMENTS = 4_194_304
"""Maximum number of raw scores whose losses are computed at once."""


@dataclass(frozen=True)
class Validation:
    """Scores and losses of networks on validation data.

    Parameters
    ----------
    network : Network
    targets : Targets
    data : Data
        The validation samples, as the network sees them.
    score : callable, default=None
        A `Score`; None: the default one of the targets.
    """

    network: Network
    targets: Targets
    data: Data
    score: Score | None = None

    def __call__(self, theta: Array, networks: Array) -> tuple[Array, Array]:
        """Return the scores and the mean losses of the networks with parameters ``theta`` (k, P)."""
        z = self.network.output(self.network.layout.view(theta).layers, self.data.X)
        return self.of_scores(z, theta)

    def of_scores(self, z: Array, theta: Array) -> tuple[Array, Array]:
        """Return the same from the raw scores (k, n, q) that are known already."""
        losses = mean_losses(self.targets, z, self.data)
        scores = np.full(len(theta), np.nan)
        for k, z_k in enumerate(z):
            if np.isfinite(z_k).all():
                scores[k] = self._score(theta[k : k + 1], z_k, losses[k])
        return scores, losses

    def _score(self, theta: Array, z: Array, loss: float) -> float:
        if self.score is None:
            return self.targets.score(z, self.data.y, self.data.sample_weight)
        return self.score(theta, z, loss)


def mean_losses(targets: Targets, z: Array, data: Data) -> Array:
    """Return the mean loss of each network (K,) from its raw scores ``z`` (K, n, q) for the data."""
    loss, weights, losses = targets.loss, data.sample_weight, np.empty_like(z, shape=z.shape[:2])
    n_rows = max(1, LOSS_ELEMENTS // (len(z) * z.shape[-1]))
    for start in range(0, z.shape[1], n_rows):
        rows = slice(start, start + n_rows)
        y = targets.expanded(data.y[rows], z.dtype)
        losses[:, rows] = loss.value(z[:, rows], np.broadcast_to(y, (len(z), *y.shape))).sum(axis=-1)
    weights = None if weights is None else np.broadcast_to(weights, losses.shape)
    means = np.average(losses, axis=-1, weights=weights)
    return np.asarray(means / loss.reported_divisor(targets.n_outputs))


def minus_loss(theta: Array, z: Array, loss: float) -> float:
    """Return the score of ``scoring='loss'``."""
    return -float(loss)
