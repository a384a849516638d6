"""The loss of several quantiles that never cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import check_field
from skmlp.network.loss import Loss
from skmlp.network.mixture_density import weighted_quantiles
from skmlp.network.softmax import row_blocks

WORDS = "two or more numbers between 0 and 1, ascending"
"""What quantiles must be."""


def are_quantiles(values: tuple[float, ...]) -> bool:
    """Return whether ``values`` are as `WORDS` says."""
    edges = np.diff([0, *values, 1])
    return len(values) > 1 and bool((edges > 0).all())


@dataclass(frozen=True)
class Quantiles(Loss):
    """The mean pinball loss of several quantiles of one target [Koenker & Bassett 1978].

    The first raw score is the first quantile. Each other one is the step from the quantile before,
    log(1 + exp(z)), which is positive: whatever the network computes, the quantiles are in order
    [Park et al. 2022; Shen et al. 2025].

    Parameters
    ----------
    quantiles : tuple of float in (0, 1), default=(0.1, 0.5, 0.9)
        Two probabilities or more, ascending.
    """

    name: ClassVar[str] = "quantiles"
    link: ClassVar[str] = "increasing"
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantiles", tuple(self.quantiles))  # a list has no hash
        check_field(self, "quantiles", are_quantiles(self.quantiles), WORDS)

    def n_scores(self, n_targets: int) -> int:
        return len(self.quantiles)

    def inverse_link(self, z: Array) -> Array:
        steps = np.logaddexp(0, z)
        steps[..., 0] = z[..., 0]
        return np.asarray(np.cumsum(steps, axis=-1, out=steps))

    def initial_scores(self, y: Array, weights: Array | None = None) -> Array:
        """Return raw scores whose predictions are the quantiles of the targets."""
        weights = np.ones(len(y)) if weights is None else weights
        start = weighted_quantiles(y, weights, np.asarray(self.quantiles))[:, 0]
        # Where values repeat, quantiles coincide; a step needs some width, or its gradient is zero.
        mean = np.average(y[:, 0], weights=weights)
        variance = np.average((y[:, 0] - mean) ** 2, weights=weights)
        steps = np.maximum(np.diff(start), 0.01 * (np.sqrt(variance) or 1))
        return np.concatenate([start[:1], steps + np.log(-np.expm1(-steps))])  # softplus, inverted

    def value(self, z: Array, y: Array) -> Array:
        error, p = self.inverse_link(z) - y, np.asarray(self.quantiles, dtype=z.dtype)
        losses = np.maximum(-p * error, (1 - p) * error)
        return np.asarray(losses.mean(axis=-1, keepdims=True))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        p = np.asarray(self.quantiles, dtype=z.dtype)
        for rows in row_blocks(z):
            scores, slopes = z[..., rows, :], delta[..., rows, :]
            np.subtract(self.inverse_link(scores), y[..., rows, :], out=slopes)
            np.sign(slopes, out=slopes)
            np.minimum(np.maximum(slopes, -p), 1 - p, out=slopes)
            np.divide(slopes, len(p), out=slopes)
            # A score moves its own quantile, and all that are above.
            slopes[...] = np.cumsum(slopes[..., ::-1], axis=-1)[..., ::-1]
            np.multiply(slopes[..., 1:], expit(scores[..., 1:]), out=slopes[..., 1:])

    def d2(self, predicted: Array, y: Array, sample_weight: Array | None = None) -> float:
        """Return the part of the loss of the best constants that the predictions (n, n_quantiles) avoid.

        1 - loss / loss of the quantiles of y [Koenker & Machado 1999, eq. 7]; as scikit-learn's
        ``d2_pinball_score``, for several quantiles.
        """
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        p = np.asarray(self.quantiles)
        constants = weighted_quantiles(y, weights, p).T
        loss, of_constants = (
            np.average(np.maximum(p * (y - z), (p - 1) * (y - z)).mean(axis=1), weights=weights)
            for z in (predicted, constants)
        )
        if of_constants == 0:  # as scikit-learn has it
            return float(loss == 0)
        return float(1 - loss / of_constants)
