"""The validation of a stack of networks after every epoch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skmlp.estimators.data import Data
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
        self.estimator, self.network, self.loss, self.data, self.X = estimator, network, loss, data, X
        self.score: Callable[[Array, Array, float], float]
        if estimator.scoring is None:
            self.score = self._default_score
        elif estimator.scoring == "loss":
            self.score = self._minus_loss
        else:
            self.scorer = check_scoring(estimator, estimator.scoring)
            self.score = self._scorers_score
            accepted = inspect.signature(self.scorer).parameters.values()
            self.scorer_takes_weights = any(
                p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in accepted
            )

    def __call__(self, theta: Array, networks: Array) -> tuple[Array, Array]:
        """Return the scores and the mean losses of the networks with parameters ``theta`` (k, P)."""
        z = self.network.output(self.network.layout.view(theta).layers, self.data.X)
        losses = self._losses(z)
        scores = np.full(len(theta), np.nan)
        for k, z_k in enumerate(z):
            if np.isfinite(z_k).all():
                scores[k] = self.score(z_k, theta[k : k + 1], losses[k])
        return scores, losses

    def _losses(self, z: Array) -> Array:
        losses = self.loss.value(z, np.broadcast_to(self.data.y, z.shape)).sum(axis=-1)
        means = np.average(losses, axis=-1, weights=self._weights(losses.shape))
        return np.asarray(means / self.loss.reported_divisor(z.shape[-1]))

    def _weights(self, shape: tuple[int, ...]) -> Array | None:
        weights = self.data.sample_weight
        return None if weights is None else np.broadcast_to(weights, shape)

    def _default_score(self, z: Array, theta: Array, loss: float) -> float:
        score: float = self.estimator._validation_score(z, self.data.y, self.data.sample_weight)
        return score

    def _minus_loss(self, z: Array, theta: Array, loss: float) -> float:
        return -float(loss)

    def _scorers_score(self, z: Array, theta: Array, loss: float) -> float:
        fitted = copy.copy(self.estimator)
        fitted.__dict__.pop("feature_names_in_", None)  # X has no names any more
        fitted.__dict__.update(self.estimator._fitted_weights(self.network, theta))
        weights = self.data.sample_weight
        weighted = weights is not None and self.scorer_takes_weights
        options = {"sample_weight": weights} if weighted else {}
        score = self.scorer(fitted, self.X, self.data.labels, **options)
        if np.ndim(score) or not isinstance(score, (float, int, np.number)):
            raise ValueError(f"scoring={self.estimator.scoring!r} must return one number, got {score!r}.")
        return float(score)
