"""The validation of a stack of networks after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skmlp.estimators.data import Data
from skmlp.estimators.scorers import Candidates, as_number, takes_weights
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss
from skmlp.network.network import Network


class Validation:
    """Scores and losses of networks on validation data; larger scores are better.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    network : Network
    loss : Loss
    data : Data
        The validation samples, as the network sees them.
    X : array or CSR matrix
        The same samples as the user gave them.
    """

    def __init__(self, estimator: Any, network: Network, loss: Loss, data: Data, X: Any) -> None:
        self.estimator, self.network, self.loss, self.data = estimator, network, loss, data
        self.score: Callable[[Array, Array, float], float]
        if estimator.scoring is None:
            self.score = self._default_score
        elif estimator.scoring == "loss":
            self.score = self._minus_loss
        else:
            self.scorer = check_scoring(estimator, estimator.scoring)
            self.score = self._scorers_score
            self.candidates = Candidates(estimator, network, X)
            weighted = data.sample_weight is not None and takes_weights(self.scorer)
            self.options = {"sample_weight": data.sample_weight} if weighted else {}

    def __call__(self, theta: Array, networks: Array) -> tuple[Array, Array]:
        """Return the scores and the mean losses of the networks with parameters ``theta`` (k, P)."""
        return self.of_scores(
            self.network.output(self.network.layout.view(theta).layers, self.data.X), theta
        )

    def of_scores(self, z: Array, theta: Array) -> tuple[Array, Array]:
        """Return the same from the raw scores (k, n, q) that are known already."""
        losses = self._losses(z)
        scores = np.full(len(theta), np.nan)
        for k, z_k in enumerate(z):
            if np.isfinite(z_k).all():
                scores[k] = self.score(z_k, theta[k : k + 1], losses[k])
        return scores, losses

    def _losses(self, z: Array) -> Array:
        losses = self.loss.value(z, np.broadcast_to(self.data.y, (len(z), *self.data.y.shape))).sum(axis=-1)
        means = np.average(losses, axis=-1, weights=self._weights(losses.shape))
        return np.asarray(means / self.loss.reported_divisor(self.data.y.shape[-1]))

    def _weights(self, shape: tuple[int, ...]) -> Array | None:
        weights = self.data.sample_weight
        return None if weights is None else np.broadcast_to(weights, shape)

    def _default_score(self, z: Array, theta: Array, loss: float) -> float:
        score: float = self.estimator._validation_score(z, self.data.y, self.data.sample_weight)
        return score

    def _minus_loss(self, z: Array, theta: Array, loss: float) -> float:
        return -float(loss)

    def _scorers_score(self, z: Array, theta: Array, loss: float) -> float:
        fitted = self.candidates.fitted(theta, z)
        score = self.scorer(fitted, self.candidates.X, self.data.labels, **self.options)
        return as_number(score, "scoring", self.estimator.scoring)
