"""What y says, as the network sees it."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from sklearn.metrics import r2_score

from skmlp.network.arrays import Array
from skmlp.network.codes import expand
from skmlp.network.losses import Loss
from skmlp.network.quantiles import Quantiles


class Targets(ABC):
    """The targets of a fit: what kind they are, and how they are encoded.

    Attributes
    ----------
    loss : Loss
        What is minimized for them.
    group_sizes : tuple of int
        The number of classes of each target; empty for numbers and yes/no outputs.
    n_outputs : int
        Columns of the targets as the loss takes them, see `expanded`.
    min_validation : int
        How many samples a part that is held out needs for a score.
    """

    loss: Loss
    group_sizes: tuple[int, ...] = ()
    n_outputs: int
    min_validation: ClassVar[int] = 2

    @abstractmethod
    def encode(self, y: Array, dtype: Any, name: str = "y") -> Array:
        """Return ``y`` as it is kept, (n_samples, n_targets), or raise an error that names it.

        These are numbers of this ``dtype``, or class codes: indicators of many classes would fill far more
        memory than X, and are made for a few samples at a time.
        """

    def expanded(self, encoded: Array, dtype: Any) -> Array:
        """Return targets as the loss takes them, (n_samples, n_outputs)."""
        if encoded.dtype == dtype:
            return encoded
        y = np.empty((len(encoded), self.n_outputs), dtype)
        expand(encoded, self.group_sizes, out=y)
        return y

    def initial_scores(self, encoded: Array, sample_weight: Array | None) -> Array | None:
        """Return raw scores (n_scores,) for training to start from; None: from the initial biases."""
        return None

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

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """As many as there are targets."""
        return self.n_targets

    @classmethod
    def of(cls, y: Array, loss: Loss) -> NumericTargets:
        """Return the targets that ``y`` of shape (n_samples,) or (n_samples, n_targets) holds."""
        return cls(1 if y.ndim == 1 else y.shape[1], loss)

    def encode(self, y: Array, dtype: Any, name: str = "y") -> Array:
        encoded = columns_of_numbers(y, dtype, name)
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

    def initial_scores(self, encoded: Array, sample_weight: Array | None) -> Array | None:
        return self.loss.initial_scores(encoded, sample_weight)

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        predictions = self.loss.inverse_link(z)
        if not np.isfinite(predictions).all():
            return np.nan
        return float(r2_score(encoded, predictions, sample_weight=sample_weight))


@dataclass(frozen=True)
class RangedTargets(NumericTargets):
    """Numbers whose range is remembered, (2, n_targets)."""

    range: Array

    @classmethod
    def of(cls, y: Array, loss: Loss) -> RangedTargets:
        columns = columns_of_numbers(y, float, "y")
        return cls(columns.shape[1], loss, np.stack([columns.min(axis=0), columns.max(axis=0)]))

    def attributes(self) -> dict[str, Any]:
        return {"y_range_": self.range}


@dataclass(frozen=True)
class DensityTargets(NumericTargets):
    """Numbers whose distribution is predicted; scored by the mean log-likelihood."""

    min_validation: ClassVar[int] = 1

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        log_likelihood = -self.loss.value(z, encoded)[..., 0]
        return float(np.average(log_likelihood, weights=sample_weight))


@dataclass(frozen=True)
class QuantileTargets(NumericTargets):
    """One number, of which several quantiles are predicted; scored by the D2 of their pinball loss."""

    loss: Quantiles

    @classmethod
    def of(cls, y: Array, loss: Loss) -> QuantileTargets:
        if y.ndim > 1:
            raise ValueError(
                f"y has {y.shape[1]} targets per sample, and several quantiles are those of one: fit a"
                " network for each target, or choose a single quantile."
            )
        return cls(1, cast(Quantiles, loss))

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        predictions = self.loss.inverse_link(z)
        if not np.isfinite(predictions).all():
            return np.nan
        return self.loss.d2(predictions, encoded, sample_weight)


def columns_of_numbers(y: Array, dtype: Any, name: str) -> Array:
    """Return targets as finite numbers, (n_samples, n_targets), or raise an error that names them."""
    try:
        with np.errstate(over="ignore"):
            columns = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
    except (TypeError, ValueError) as error:
        what = f"{name}={reprlib.repr(y.tolist())}"
        raise ValueError(f"{what} must be numbers, and could not be converted to them.") from error
    if columns.dtype != y.dtype and not np.isfinite(columns).all():
        raise ValueError(
            f"{name} has values too large for dtype={columns.dtype.name!r}: scale them, or set"
            " dtype='float64'."
        )
    return columns
