"""What y says, as the network sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import r2_score

from skmlp.network.arrays import Array
from skmlp.network.losses import Loss


class Targets(ABC):
    """The targets of a fit: what kind they are, and how they are encoded.

    Attributes
    ----------
    loss : Loss
        What is minimized for them.
    min_validation : int
        How many samples a part that is held out needs for a score.
    """

    loss: Loss
    min_validation: ClassVar[int] = 2

    @abstractmethod
    def encode(self, y: Array, dtype: Any, name: str = "y") -> Array:
        """Return ``y`` as the network sees it, (n_samples, q), or raise an error that names it."""

    @abstractmethod
    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        """Return the default score of raw scores (n_samples, n_scores); higher is better."""

    def strata(self, encoded: Array, n_held_out: int) -> Array | None:
        """Return the class of each sample, if a split should be stratified by it."""
        return None

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that say what the targets are."""
        return {}


@dataclass(frozen=True)
class NumericTargets(Targets):
    """One or several numbers per sample; scored by R2.

    Parameters
    ----------
    n_targets : int
    loss : Loss
    """

    n_targets: int
    loss: Loss

    @classmethod
    def of(cls, y: Array, loss: Loss) -> NumericTargets:
        """Return the targets that ``y`` of shape (n_samples,) or (n_samples, n_targets) holds."""
        return cls(1 if y.ndim == 1 else y.shape[1], loss)

    def encode(self, y: Array, dtype: Any, name: str = "y") -> Array:
        encoded = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
        n_targets = encoded.shape[1]
        if n_targets != self.n_targets:
            raise ValueError(
                f"{name} has {n_targets} target{'s' * (n_targets > 1)} per sample, and the network predicts"
                f" {self.n_targets}: give as many, or fit an estimator anew."
            )
        if not self.loss.allows(encoded):
            raise ValueError(
                f"loss={self.loss.name!r} is for targets that are {self.loss.targets}; {name} lies between"
                f" {encoded.min()} and {encoded.max()}. Choose another loss, such as 'squared_error'."
            )
        return encoded

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        predictions = self.loss.inverse_link(z)
        if not np.isfinite(predictions).all():
            return np.nan
        return float(r2_score(encoded, predictions, sample_weight=sample_weight))


@dataclass(frozen=True)
class DensityTargets(NumericTargets):
    """Numbers whose distribution is predicted; scored by the mean log-likelihood."""

    min_validation: ClassVar[int] = 1

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        log_likelihood = -self.loss.value(z, encoded)[..., 0]
        return float(np.average(log_likelihood, weights=sample_weight))
