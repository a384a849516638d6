"""Losses on raw scores: the value and beside it the gradient, and the inverse link.

Working on raw scores z (log-softmax, not the logarithm of a clipped softmax) keeps every loss and
every gradient exact at large scores: nothing saturates and nothing is clipped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_expit, xlogy

from skmlp.network.arrays import Array


@dataclass(frozen=True)
class Loss(ABC):
    """What a network is trained to make small, as a function of its raw scores z and targets y.

    A loss of one's own needs ``value`` and ``gradient``; ``inverse_link`` is the identity unless given.
    """

    name: ClassVar[str]
    link: ClassVar[str] = "identity"
    """The name of the inverse link, published as ``out_activation_``."""
    targets: ClassVar[str] = "finite numbers"
    """The targets the loss is defined for, in words."""

    @abstractmethod
    def value(self, z: Array, y: Array) -> Array:
        """Return the loss of each sample, as the share of each output in it.

        Parameters
        ----------
        z, y : arrays of shape (K, n, q)
            Raw scores and targets.

        Returns
        -------
        array of shape (K, n, q)
        """

    @abstractmethod
    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        """Write d loss / dz into ``delta``, an array of the shape of ``z``."""

    def inverse_link(self, z: Array) -> Array:
        """Return the predictions (means, probabilities) that belong to raw scores ``z``."""
        return z

    def allows(self, y: Array) -> bool:
        """Return whether the loss is defined for all of the targets ``y``."""
        return True

    def reported_divisor(self, n_outputs: int) -> int:
        """Return what the loss that is minimised is divided by to be reported."""
        return 1


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared error, (z - y)^2 / 2 [Bishop 2006, eq. 5.11; docs, eq. (3)]; d/dz = z - y."""

    name: ClassVar[str] = "squared_error"

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        return 0.5 * (error * error)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)

    def reported_divisor(self, n_outputs: int) -> int:
        # scikit-learn follows the gradient of the sum over the outputs and reports their mean.
        return n_outputs


@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance of the mean mu = exp(z): y log(y / mu) - y + mu; d/dz = mu - y.

    [McCullagh & Nelder 1989, section 2.3; docs, eq. (4)]
    """

    name: ClassVar[str] = "poisson"
    link: ClassVar[str] = "exp"
    targets: ClassVar[str] = "counts or rates: not negative"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(xlogy(y, y) - y * z + (np.exp(z) - y))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.exp(z, out=delta)
        np.subtract(delta, y, out=delta)

    def inverse_link(self, z: Array) -> Array:
        return np.exp(z)

    def allows(self, y: Array) -> bool:
        return bool(np.all(y >= 0))


@dataclass(frozen=True)
class ProbabilisticLoss(Loss):
    """A loss whose inverse link gives probabilities, and exact logarithms of them."""

    @abstractmethod
    def log_inverse_link(self, z: Array) -> Array:
        """Return log p, finite at any score."""

    def _without_zeros(self, p: Array, z: Array) -> Array:
        """Make probabilities that underflow positive, in the order of their logarithms; in place.

        They stay below the smallest normal number, but log p is finite, and ranks as the scores do.
        """
        tiny = np.finfo(p.dtype).tiny
        lost = p < tiny
        if lost.any():
            p[lost] = tiny / (1 + np.log(tiny) - self.log_inverse_link(z)[lost])
        return p


@dataclass(frozen=True)
class BinaryLogLoss(ProbabilisticLoss):
    """Cross-entropy of independent yes/no outputs with p = 1 / (1 + exp(-z)); d/dz = p - y.

    -y log p - (1 - y) log(1 - p) = log(1 + exp(z)) - y z [Bishop 2006, eq. 4.90; docs, eq. (5)]
    """

    name: ClassVar[str] = "binary_log_loss"
    link: ClassVar[str] = "logistic"
    targets: ClassVar[str] = "0 and 1, or probabilities between them"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.logaddexp(0, z) - y * z)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        expit(z, out=delta)
        np.subtract(delta, y, out=delta)

    def inverse_link(self, z: Array) -> Array:
        return self._without_zeros(np.asarray(expit(z)), z)

    def log_inverse_link(self, z: Array) -> Array:
        return np.asarray(log_expit(z))

    def allows(self, y: Array) -> bool:
        return bool(np.all((y >= 0) & (y <= 1)))


@dataclass(frozen=True)
class LogLoss(ProbabilisticLoss):
    """Cross-entropy of one choice among classes, p = softmax(z); d/dz = p - y.

    -sum_q y_q log p_q = sum_q y_q (logsumexp(z) - z_q) [Bishop 2006, eq. 4.108; docs, eq. (6)]

    Parameters
    ----------
    group_sizes : tuple of int
        The number of classes of each target. One softmax runs over each group of raw scores, and the
        losses of the groups add up; a single multiclass target is one group.
    """

    name: ClassVar[str] = "log_loss"
    link: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "class indicators or probabilities that sum to one in each group"
    group_sizes: tuple[int, ...]

    def groups(self, z: Array) -> Iterator[Array]:
        """Yield the view of the scores (or probabilities) of each target in turn."""
        start = 0
        for size in self.group_sizes:
            yield z[..., start : start + size]
            start += size

    def value(self, z: Array, y: Array) -> Array:
        return np.negative(y * self.log_inverse_link(z))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        self._softmax(z, out=delta)
        np.subtract(delta, y, out=delta)

    def inverse_link(self, z: Array) -> Array:
        p = np.empty_like(z)
        self._softmax(z, out=p)
        return self._without_zeros(p, z)

    def log_inverse_link(self, z: Array) -> Array:
        log_p = np.empty_like(z)
        for scores, log_p_group in zip(self.groups(z), self.groups(log_p), strict=True):
            np.subtract(scores, maximum(scores), out=log_p_group)
            np.subtract(log_p_group, np.log(total(np.exp(log_p_group))), out=log_p_group)
        return log_p

    def _softmax(self, z: Array, out: Array) -> None:
        for scores, p in zip(self.groups(z), self.groups(out), strict=True):
            np.subtract(scores, maximum(scores), out=p)
            np.exp(p, out=p)
            np.divide(p, total(p), out=p)

    def allows(self, y: Array) -> bool:
        sums = [np.add.reduce(target, axis=-1) for target in self.groups(y)]
        return bool(np.all(y >= 0)) and all(np.allclose(total, 1) for total in sums)


def maximum(z: Array) -> Array:
    """Return the largest score of each row, (K, n, 1).

    numpy is quickest where the axis that it reduces over is not the last: two to three times here.
    """
    return np.maximum.reduce(z.swapaxes(-1, -2).copy(), axis=-2)[..., np.newaxis]


def total(e: Array) -> Array:
    """Return the sum over the classes of each row, (K, n, 1): as a matrix product it is quickest."""
    return np.matmul(e, _ones(e.shape[-1], e.dtype))


@cache
def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    return np.ones((n, 1), dtype=dtype)


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss for loss in (SquaredError, Poisson, BinaryLogLoss, LogLoss)
}
"""Every loss by its name."""
