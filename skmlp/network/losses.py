"""Losses on raw scores: the value and beside it the gradient, and the inverse link.

Working on raw scores z (log-softmax, not the logarithm of a clipped softmax) keeps every loss and
every gradient exact at large scores: nothing saturates and nothing is clipped.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, exprel, log_expit, logsumexp, xlogy

from skmlp.network.arrays import Array, ones
from skmlp.network.hyperparameters import PerNetwork, is_used


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
    takes_scaled_targets: ClassVar[bool] = True
    """Whether targets may be brought to mean 0 and variance 1, and predictions back."""

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
        """Write d loss / dz into ``delta``, an array of the shape of ``z``.

        May replace ``z`` by scores that mean the same.
        """

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        """Return the `value` of scores that `gradient` has seen: it may have done half the work."""
        return self.value(z, y)

    def inverse_link(self, z: Array) -> Array:
        """Return the predictions (means, probabilities) that belong to raw scores ``z``."""
        return z

    def n_scores(self, n_targets: int) -> int:
        """Return how many raw scores the loss needs for so many targets: one each, unless it says more."""
        return n_targets

    def held(self, z: Array, y: Array) -> Loss:
        """Return the loss whose value at ``z`` has `gradient` as its slope.

        That is the loss itself, unless it has factors which count as constants where they stand.
        """
        return self

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
        return np.asarray(0.5 * (error * error))

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
    takes_scaled_targets: ClassVar[bool] = False
    targets: ClassVar[str] = "counts or rates: not negative"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(xlogy(y, y) - y * z + (np.exp(z) - y))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.exp(z, out=delta)
        np.subtract(delta, y, out=delta)

    def inverse_link(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    def allows(self, y: Array) -> bool:
        return bool(np.all(y >= 0))


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """The absolute error ``|z - y|``; d/dz = sign(z - y); estimates the median [docs, eq. (33)]."""

    name: ClassVar[str] = "absolute_error"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.abs(z - y))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)
        np.sign(delta, out=delta)


@dataclass(frozen=True)
class Huber(Loss):
    """Half the squared error up to ``delta``, linear beyond [Huber 1964; docs, eq. (34)].

    With e = z - y clipped to c = [-delta, delta]: c (e - c / 2); d/dz = c.

    Parameters
    ----------
    delta : float > 0, default=1.0
        In the units of y as the network sees it: with ``standardize=True``, in its standard deviations.
    """

    name: ClassVar[str] = "huber"
    delta: PerNetwork = 1.0

    def __post_init__(self) -> None:
        check_field(self, "delta", self.delta > 0, "positive")

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        clipped = np.clip(error, -self.delta, self.delta)
        return np.asarray(clipped * (error - 0.5 * clipped))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.subtract(z, y, out=delta)
        np.clip(delta, -self.delta, self.delta, out=delta)


@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss, whose best constant is a quantile [Koenker & Bassett 1978; docs, eq. (35)].

    quantile (y - z) where z < y, else (1 - quantile) (z - y).

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
    """

    name: ClassVar[str] = "quantile"
    quantile: PerNetwork = 0.5

    def __post_init__(self) -> None:
        check_field(self, "quantile", within(self.quantile, 0, 1, open_low=True), "between 0 and 1")

    def value(self, z: Array, y: Array) -> Array:
        error = z - y
        return np.asarray(np.maximum(-self.quantile * error, (1 - self.quantile) * error))

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.greater(z, y, out=delta)
        np.subtract(delta, self.quantile, out=delta)
        np.copyto(delta, 0, where=z == y)


@dataclass(frozen=True)
class Gamma(Loss):
    """Half the gamma deviance of the mean mu = exp(z): log(mu / y) + y / mu - 1; d/dz = 1 - y / mu.

    [McCullagh & Nelder 1989, section 8.3; docs, eq. (36)]
    """

    name: ClassVar[str] = "gamma"
    link: ClassVar[str] = "exp"
    takes_scaled_targets: ClassVar[bool] = False
    targets: ClassVar[str] = "positive"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(z - np.log(y) + y * np.exp(-z) - 1)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        np.negative(z, out=delta)
        np.exp(delta, out=delta)
        np.multiply(delta, y, out=delta)
        np.subtract(1, delta, out=delta)

    def inverse_link(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    def allows(self, y: Array) -> bool:
        return bool(np.all(y > 0))


@dataclass(frozen=True)
class ProbabilisticLoss(Loss):
    """A loss whose inverse link gives probabilities, and exact logarithms of them."""

    takes_scaled_targets: ClassVar[bool] = False

    @abstractmethod
    def log_inverse_link(self, z: Array) -> Array:
        """Return log p, finite at any score."""

    def for_classes(self, group_sizes: tuple[int, ...]) -> ProbabilisticLoss:
        """Return the loss for one softmax over each group of outputs; no groups: for yes/no outputs."""
        return self

    @abstractmethod
    def mixture(self, z: Array) -> Array:
        """Return raw scores (n, q) whose probabilities are the mean of those of ``z`` (K, n, q)."""

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
class BinaryLoss(ProbabilisticLoss):
    """A loss of independent yes/no outputs with p = 1 / (1 + exp(-z)) [Bishop 2006, eq. 4.59]."""

    link: ClassVar[str] = "logistic"
    targets: ClassVar[str] = "0 and 1, or probabilities between them"

    def inverse_link(self, z: Array) -> Array:
        return self._without_zeros(np.asarray(expit(z)), z)

    def log_inverse_link(self, z: Array) -> Array:
        return np.asarray(log_expit(z))

    def mixture(self, z: Array) -> Array:
        # log-odds of the mean; the 1 / K of both means cancels.
        return np.asarray(logsumexp(log_expit(z), axis=0) - logsumexp(log_expit(-z), axis=0))

    def allows(self, y: Array) -> bool:
        return bool(np.all((y >= 0) & (y <= 1)))


@dataclass(frozen=True)
class MulticlassLoss(ProbabilisticLoss):
    """A loss of one choice among classes, p = softmax(z) [Bishop 2006, eq. 4.62].

    Parameters
    ----------
    group_sizes : tuple of int
        The number of classes of each target. One softmax runs over each group of raw scores, and the
        losses of the groups add up; a single multiclass target is one group.
    """

    link: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "class indicators or probabilities that sum to one in each group"
    group_sizes: tuple[int, ...] = ()

    def groups(self, z: Array) -> Iterator[Array]:
        """Yield the view of the scores (or probabilities) of each target in turn."""
        start = 0
        for size in self.group_sizes:
            yield z[..., start : start + size]
            start += size

    def inverse_link(self, z: Array) -> Array:
        p = np.empty_like(z)
        for scores, of_group in zip(self.groups(z), self.groups(p), strict=True):
            softmax(scores, out=of_group)
        return self._without_zeros(p, z)

    def log_inverse_link(self, z: Array) -> Array:
        log_p = np.empty_like(z)
        for scores, log_p_group in zip(self.groups(z), self.groups(log_p), strict=True):
            log_softmax(scores, out=log_p_group)
        return log_p

    def mixture(self, z: Array) -> Array:
        return np.asarray(logsumexp(self.log_inverse_link(z), axis=0)) - math.log(len(z))

    def allows(self, y: Array) -> bool:
        sums = [np.add.reduce(group, axis=-1) for group in self.groups(y)]
        return bool(np.all(y >= 0)) and all(np.allclose(s, 1) for s in sums)


@dataclass(frozen=True)
class BinaryLogLoss(BinaryLoss):
    """Cross-entropy of independent yes/no outputs; d/dz = p - y.

    -y log p - (1 - y) log(1 - p) = log(1 + exp(z)) - y z [Bishop 2006, eq. 4.90; docs, eq. (5)]

    Parameters
    ----------
    label_smoothing : float in [0, 1), default=0.0
        See `LogLoss`; each output is a choice between two classes.
    """

    name: ClassVar[str] = "binary_log_loss"
    label_smoothing: PerNetwork = 0.0

    def __post_init__(self) -> None:
        check_field(self, "label_smoothing", within(self.label_smoothing, 0, 1), "in [0, 1)")

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.logaddexp(0, z) - smoothed(y, self.label_smoothing, 2) * z)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        expit(z, out=delta)
        np.subtract(delta, smoothed(y, self.label_smoothing, 2), out=delta)


@dataclass(frozen=True)
class LogLoss(MulticlassLoss):
    """Cross-entropy of one choice among classes; d/dz = p - y.

    -sum_q y_q log p_q = sum_q y_q (logsumexp(z) - z_q) [Bishop 2006, eq. 4.108; docs, eq. (6)]

    Parameters
    ----------
    group_sizes : tuple of int, default=()
        The number of classes of each target; an estimator fills it in.
    label_smoothing : float in [0, 1), default=0.0
        The part of each target that is spread over all classes [Szegedy et al. 2016, section 7; docs,
        eq. (37)].
    """

    name: ClassVar[str] = "log_loss"
    label_smoothing: PerNetwork = 0.0

    def __post_init__(self) -> None:
        check_field(self, "label_smoothing", within(self.label_smoothing, 0, 1), "in [0, 1)")

    def for_classes(self, group_sizes: tuple[int, ...]) -> ProbabilisticLoss:
        if not group_sizes:
            return BinaryLogLoss(self.label_smoothing)
        return replace(self, group_sizes=group_sizes)

    def value(self, z: Array, y: Array) -> Array:
        return self.value_after_gradient(self.log_inverse_link(z), y)

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        return np.asarray(np.negative(self._targets(y) * z))  # z is log p

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        for scores, p in zip(self.groups(z), self.groups(delta), strict=True):
            normalize(scores, p)
        np.subtract(delta, self._targets(y), out=delta)

    def _targets(self, y: Array) -> Array:
        groups = [smoothed(group, self.label_smoothing, group.shape[-1]) for group in self.groups(y)]
        return groups[0] if len(groups) == 1 else np.concatenate(groups, axis=-1)


@dataclass(frozen=True)
class BinaryFocal(BinaryLoss):
    """The focal loss of independent yes/no outputs; see `Focal`.

    Parameters
    ----------
    gamma : float >= 0, default=2.0
    """

    name: ClassVar[str] = "binary_focal"
    gamma: PerNetwork = 2.0

    def __post_init__(self) -> None:
        check_field(self, "gamma", self.gamma >= 0, "at least 0")

    def value(self, z: Array, y: Array) -> Array:
        yes, no = focal(log_expit(z), self.gamma), focal(log_expit(-z), self.gamma)
        return np.asarray(y * yes + (1 - y) * no)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        yes = focal_slope(log_expit(z), self.gamma) * expit(-z)  # d log p / dz = 1 - p
        no = focal_slope(log_expit(-z), self.gamma) * expit(z)
        np.subtract(y * yes, (1 - y) * no, out=delta)


@dataclass(frozen=True)
class Focal(MulticlassLoss):
    """Cross-entropy that all but leaves out what is already right [Lin et al. 2017, eq. 4].

    -sum_q y_q (1 - p_q)^gamma log p_q [docs, eq. (38)]; gamma = 0 is the cross-entropy.

    Parameters
    ----------
    group_sizes : tuple of int, default=()
        The number of classes of each target; an estimator fills it in.
    gamma : float >= 0, default=2.0
    """

    name: ClassVar[str] = "focal"
    gamma: PerNetwork = 2.0

    def __post_init__(self) -> None:
        check_field(self, "gamma", self.gamma >= 0, "at least 0")

    def for_classes(self, group_sizes: tuple[int, ...]) -> ProbabilisticLoss:
        return replace(self, group_sizes=group_sizes) if group_sizes else BinaryFocal(self.gamma)

    def value(self, z: Array, y: Array) -> Array:
        return self.value_after_gradient(self.log_inverse_link(z), y)

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        return np.asarray(y * focal(z, self.gamma))  # z is log p

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        p = np.empty_like(z)
        for scores, of_group in zip(self.groups(z), self.groups(p), strict=True):
            normalize(scores, of_group)
        np.multiply(y, focal_slope(z, self.gamma), out=delta)
        # d log p_q / dz_j = [q = j] - p_j
        for slope, of_group in zip(self.groups(delta), self.groups(p), strict=True):
            np.subtract(slope, of_group * total(slope), out=slope)


def within(value: PerNetwork, low: float, high: float, *, open_low: bool = False) -> Any:
    """Return whether ``low`` <= (or <) ``value`` < ``high``, for each network."""
    return (np.greater(value, low) if open_low else np.greater_equal(value, low)) & np.less(value, high)


def check_field(choice: Any, name: str, valid: Any, words: str) -> None:
    """Raise an error that names the field of a dataclass, unless its value is ``valid``."""
    if not np.all(valid):
        kind = type(choice).__name__
        raise ValueError(f"{kind}({name}={getattr(choice, name)!r}): {name} must be {words}.")


def smoothed(y: Array, label_smoothing: PerNetwork, n_classes: int) -> Array:
    """Return the targets with a part of each spread over all classes."""
    if not is_used(label_smoothing):
        return y
    return np.asarray(y * (1 - label_smoothing) + label_smoothing / n_classes)


def focal(log_p: Array, gamma: PerNetwork) -> Array:
    """Return -(1 - p)^gamma log p."""
    return np.asarray((-np.expm1(log_p)) ** gamma * -log_p)


def focal_slope(log_p: Array, gamma: PerNetwork) -> Array:
    """Return d focal / d log p = -(1 - p)^gamma (1 - gamma p log p / (1 - p)), finite up to p = 1."""
    # exprel is (exp(x) - 1) / x.
    return np.asarray(-((-np.expm1(log_p)) ** gamma) * (1 + gamma * np.exp(log_p) / exprel(log_p)))


def softmax(z: Array, out: Array) -> None:
    """Write exp(z) over its sum over the last axis into ``out``."""
    np.subtract(z, maximum(z), out=out)
    np.exp(out, out=out)
    np.divide(out, total(out), out=out)


def log_softmax(z: Array, out: Array) -> None:
    """Write the logarithm of the softmax over the last axis into ``out``."""
    np.copyto(out, z)
    normalize(out, np.empty_like(out))


def normalize(z: Array, p: Array) -> None:
    """Write the softmax over the last axis into ``p`` and its logarithm over the raw scores ``z``."""
    np.subtract(z, maximum(z), out=z)
    np.exp(z, out=p)
    sums = total(p)
    np.divide(p, sums, out=p)
    np.subtract(z, np.log(sums), out=z)


def maximum(z: Array) -> Array:
    """Return the largest score of each row, (K, n, 1).

    numpy is quickest where the axis that it reduces over is not the last: two to three times here.
    """
    return np.asarray(np.maximum.reduce(z.swapaxes(-1, -2).copy(), axis=-2)[..., np.newaxis])


def total(e: Array) -> Array:
    """Return the sum over the classes of each row, (K, n, 1): as a matrix product it is quickest."""
    return np.asarray(np.matmul(e, ones((e.shape[-1], 1), e.dtype)))


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        SquaredError,
        Poisson,
        AbsoluteError,
        Huber,
        Quantile,
        Gamma,
        BinaryLogLoss,
        LogLoss,
        BinaryFocal,
        Focal,
    )
}
"""Every loss by its name."""
