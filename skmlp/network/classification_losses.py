"""Losses of classes: cross-entropies of probabilities."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from skmlp.network.arrays import Array
from skmlp.network.codes import groups
from skmlp.network.hyperparameters import PerNetwork, check_field, is_used, per_network, within
from skmlp.network.loss import Loss, diagonal
from skmlp.network.softmax import log_softmax, row_blocks, softmax, to_log_softmax, total


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
    def scores_of_mean(self, z: Array) -> Array:
        """Return raw scores (n, q) whose probabilities are the mean of those of ``z`` (K, n, q)."""

    @abstractmethod
    def jacobian_of_mean(self, z: Array) -> Array:
        """Return d `scores_of_mean` / dz, shape (K, n, q, q): of each score, by those of each network."""

    def _without_zeros(self, p: Array, z: Array) -> Array:
        """Make probabilities that underflow positive, in the order of their logarithms; in place.

        They stay below the smallest normal number, but log p is finite, and ranks as the scores do.
        """
        tiny = np.finfo(p.dtype).tiny
        if not np.min(p, initial=1) >= tiny:
            lost = p < tiny
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

    def scores_of_mean(self, z: Array) -> Array:
        # log-odds of the mean; the 1 / K of both means cancels.
        return np.asarray(logsumexp(log_expit(z), axis=0) - logsumexp(log_expit(-z), axis=0))

    def moderated(self, z: Array, covariances: Array) -> Array:
        """Return scores (n, q) of the mean probabilities if ``z`` has these covariances (n, q, q).

        kappa z, kappa = (1 + pi var / 8)^(-1/2) [MacKay 1992; Bishop 2006, eq. 5.190; docs, eq. (81)]
        """
        variances = np.einsum("nqq->nq", covariances)
        return np.asarray(z / np.sqrt(1 + np.pi / 8 * variances))

    def link_jacobian(self, z: Array) -> Array:
        return diagonal(expit(z) * expit(-z))

    def jacobian_of_mean(self, z: Array) -> Array:
        yes, no = softmax_of_networks(log_expit(z)), softmax_of_networks(log_expit(-z))
        return diagonal(yes * expit(-z) + no * expit(z))

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
    group_sizes: tuple[int, ...] = field(default=(), kw_only=True)

    def groups(self, z: Array) -> list[Array]:
        """Return views of the scores (or probabilities) of each target."""
        return groups(z, self.group_sizes)

    def inverse_link(self, z: Array) -> Array:
        p = np.empty_like(z)
        for scores, of_group in zip(self.groups(z), self.groups(p), strict=True):
            softmax(scores, out=of_group)
        return self._without_zeros(p, z)

    def log_inverse_link(self, z: Array) -> Array:
        log_p = np.empty_like(z)
        for scores, of_group in zip(self.groups(z), self.groups(log_p), strict=True):
            log_softmax(scores, out=of_group)
        return log_p

    def scores_of_mean(self, z: Array) -> Array:
        return np.asarray(logsumexp(self.log_inverse_link(z), axis=0)) - math.log(len(z))

    def moderated(self, z: Array, covariances: Array) -> Array:
        """Return scores (n, q) of the mean probabilities if ``z`` has these covariances (n, q, q).

        Each score is taken relative to the mean of the others, times the kappa of that difference: of two
        classes it is the rule of `BinaryLoss` [Gibbs 1997; Daxberger et al. 2021; docs, eq. (82)].
        """
        scores, starts = np.empty_like(z), np.cumsum([0, *self.group_sizes])
        for own, q in zip(map(slice, starts[:-1], starts[1:]), self.group_sizes, strict=True):
            center = np.eye(q) - 1 / q
            variances = np.einsum("ij,njk,ik->ni", center, covariances[:, own, own], center)
            kappa = 1 / np.sqrt(1 + np.pi / 8 * (q / max(q - 1, 1)) ** 2 * variances)
            scores[:, own] = kappa * (z[:, own] @ center)
        return scores

    def link_jacobian(self, z: Array) -> Array:
        # dp_i / dz_j = p_i d log p_i / dz_j
        return np.asarray(self.inverse_link(z)[..., np.newaxis] * self._log_link_jacobian(z))

    def jacobian_of_mean(self, z: Array) -> Array:
        shares = softmax_of_networks(self.log_inverse_link(z))
        return np.asarray(shares[..., np.newaxis] * self._log_link_jacobian(z))

    def log_link_product(self, z: Array, tangent: Array) -> Array:
        """Return R{log p}, given R{z}."""
        return np.asarray(tangent - self.sums(self.inverse_link(z) * tangent))

    def sums(self, z: Array) -> Array:
        """Return the sum over the group of each score, in the shape of ``z``."""
        totals = [np.broadcast_to(total(group), group.shape) for group in self.groups(z)]
        return np.concatenate(totals, axis=-1)

    def _log_link_jacobian(self, z: Array) -> Array:
        """Return d log p_i / dz_j = [i = j] - p_j, and 0 for i and j of different groups."""
        group = np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)
        same_group = (group[:, np.newaxis] == group).astype(z.dtype)
        p = self.inverse_link(z)[..., np.newaxis, :]
        return np.asarray(np.eye(z.shape[-1], dtype=z.dtype) - same_group * p)

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
    label_smoothing: PerNetwork = per_network(0.0)

    def __post_init__(self) -> None:
        check_field(self, "label_smoothing", within(self.label_smoothing, 0, 1), "in [0, 1)")

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.logaddexp(0, z) - smoothed(y, self.label_smoothing, 2) * z)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        expit(z, out=delta)
        subtract_smoothed(delta, y, self.label_smoothing, 2)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.asarray(expit(z) * expit(-z) * tangent)


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
    label_smoothing: PerNetwork = per_network(0.0)

    def __post_init__(self) -> None:
        check_field(self, "label_smoothing", within(self.label_smoothing, 0, 1), "in [0, 1)")

    def for_classes(self, group_sizes: tuple[int, ...]) -> ProbabilisticLoss:
        if not group_sizes:
            return BinaryLogLoss(self.label_smoothing)
        return replace(self, group_sizes=group_sizes)

    def value(self, z: Array, y: Array) -> Array:
        return self.value_after_gradient(self.log_inverse_link(z), y)

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        groups = [smoothed(group, self.label_smoothing, group.shape[-1]) for group in self.groups(y)]
        targets = groups[0] if len(groups) == 1 else np.concatenate(groups, axis=-1)
        return np.asarray(np.negative(targets * z))  # z is log p

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        for scores, p, targets in zip(*map(self.groups, (z, delta, y)), strict=True):
            to_log_softmax(scores, p)
            subtract_smoothed(p, targets, self.label_smoothing, p.shape[-1])

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        return np.asarray(self.inverse_link(z) * self.log_link_product(z, tangent))


@dataclass(frozen=True)
class BinaryFocal(BinaryLoss):
    """Cross-entropy of yes/no outputs in which what is already right counts for little; see `Focal`.

    With q = 1 - p: -y q^gamma log p - (1 - y) p^gamma log q;
    d/dz = (1 - y) p^gamma (p - gamma q log q) - y q^gamma (q - gamma p log p).

    Parameters
    ----------
    gamma : float >= 0, default=2.0
    """

    name: ClassVar[str] = "binary_focal"
    gamma: PerNetwork = per_network(2.0)

    def __post_init__(self) -> None:
        check_field(self, "gamma", self.gamma >= 0, "at least 0")

    def value(self, z: Array, y: Array) -> Array:
        log_p, log_q = log_expit(z), log_expit(-z)
        yes, no = np.exp(self.gamma * log_q) * log_p, np.exp(self.gamma * log_p) * log_q
        return np.asarray(-y * yes - (1 - y) * no)

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        for rows in row_blocks(z):
            scores, targets = z[..., rows, :], y[..., rows, :]
            (p, q), (log_p, log_q) = ([f(scores), f(-scores)] for f in (expit, log_expit))
            yes = np.exp(self.gamma * log_q) * (q - self.gamma * p * log_p)
            no = np.exp(self.gamma * log_p) * (p - self.gamma * q * log_q)
            np.subtract((1 - targets) * no, targets * yes, out=delta[..., rows, :])

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        def curvature(log_p: Array, log_q: Array) -> Array:
            """Return d^2/dz^2 of -q^gamma log p."""
            p, q, gamma = np.exp(log_p), np.exp(log_q), self.gamma
            inner = q * (1 + 2 * gamma + gamma * log_p) - gamma**2 * p * log_p
            return np.asarray(p * np.exp(gamma * log_q) * inner)

        log_p, log_q = log_expit(z), log_expit(-z)
        return np.asarray((y * curvature(log_p, log_q) + (1 - y) * curvature(log_q, log_p)) * tangent)


@dataclass(frozen=True)
class Focal(MulticlassLoss):
    """Cross-entropy in which what is already right counts for little [Lin et al. 2017, eq. 4].

    -sum_q y_q (1 - p_q)^gamma log p_q [docs, eq. (38)]; gamma = 0 is the cross-entropy.

    Parameters
    ----------
    group_sizes : tuple of int, default=()
        The number of classes of each target; an estimator fills it in.
    gamma : float >= 0, default=2.0
    """

    name: ClassVar[str] = "focal"
    gamma: PerNetwork = per_network(2.0)

    def __post_init__(self) -> None:
        check_field(self, "gamma", self.gamma >= 0, "at least 0")

    def for_classes(self, group_sizes: tuple[int, ...]) -> ProbabilisticLoss:
        return replace(self, group_sizes=group_sizes) if group_sizes else BinaryFocal(self.gamma)

    def value(self, z: Array, y: Array) -> Array:
        return self.value_after_gradient(self.log_inverse_link(z), y)

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        return np.asarray(y * (np.exp(self.gamma * np.log(complement(z))) * -z))  # z is log p

    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        for rows in row_blocks(z):
            log_p, slopes = z[..., rows, :], delta[..., rows, :]
            p = np.empty_like(log_p)
            for scores, of_group in zip(self.groups(log_p), self.groups(p), strict=True):
                to_log_softmax(scores, of_group)
            np.multiply(y[..., rows, :], focal_slope(log_p, p, self.gamma), out=slopes)
            # d log p_q / dz_j = [q = j] - p_j
            for slope, of_group in zip(self.groups(slopes), self.groups(p), strict=True):
                np.subtract(slope, of_group * total(slope), out=slope)

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        log_p, moved = self.log_inverse_link(z), self.log_link_product(z, tangent)
        p = np.exp(log_p)
        slope = y * focal_slope(log_p, p, self.gamma)
        slope_tangent = y * focal_curvature(log_p, p, self.gamma) * moved
        # R of slope_j - p_j sum_q slope_q
        common = self.sums(slope_tangent) + moved * self.sums(slope)
        return np.asarray(slope_tangent - p * common)


def softmax_of_networks(log_p: Array) -> Array:
    """Return p (K, n, q) over its sum over the networks: the share of each in their mean."""
    return np.asarray(np.exp(log_p - logsumexp(log_p, axis=0)))


def smoothed(y: Array, label_smoothing: PerNetwork, n_classes: int) -> Array:
    """Return the targets with a part of each spread over all classes."""
    if not is_used(label_smoothing):
        return y
    return np.asarray(y + label_smoothing * (1 / n_classes - y))


def subtract_smoothed(p: Array, y: Array, label_smoothing: PerNetwork, n_classes: int) -> None:
    """Subtract the `smoothed` targets from ``p``, in place."""
    if not is_used(label_smoothing):
        np.subtract(p, y, out=p)
        return
    for rows in row_blocks(p):
        part = p[..., rows, :]
        np.subtract(part, smoothed(y[..., rows, :], label_smoothing, n_classes), out=part)


def focal_slope(log_p: Array, p: Array, gamma: PerNetwork) -> Array:
    """Return d loss / d log p = -(1 - p)^gamma (1 - gamma p log p / (1 - p)), finite up to p = 1."""
    q = complement(log_p)
    return np.asarray(np.exp(gamma * np.log(q)) * (gamma * p * log_p / q - 1))


def focal_curvature(log_p: Array, p: Array, gamma: PerNetwork) -> Array:
    """Return d `focal_slope` / d log p."""
    q = complement(log_p)
    power = np.exp(gamma * np.log(q)) / q
    return np.asarray(gamma * p * power * (2 + log_p - (gamma - 1) * p * log_p / q))


def complement(log_p: Array) -> Array:
    """Return 1 - p, at least the smallest normal number.

    Its power gamma is then exp(gamma log(1 - p)): numpy's own powers differ in the last bit between one
    exponent and a column of exponents.
    """
    return np.asarray(np.maximum(-np.expm1(log_p), np.finfo(log_p.dtype).tiny))
