"""Several fits as one stack: what they must have in common, and what is put together.

A single fit is a stack of one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skmlp.estimators.choices import batch_size_of, optimizer_of, schedule_of
from skmlp.estimators.problem import Problem
from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import kind
from skmlp.training.result import Epoch, Monitor
from skmlp.training.stopping import StopReason

Validate = Callable[[Array, Array], tuple[Array, Array]]


class Fit(NamedTuple):
    """An estimator and the problem that it was prepared for."""

    estimator: Any
    problem: Problem


def kind_of(fit: Fit) -> Hashable:
    """Return what fits must have in common so that their networks can be trained as one stack."""
    estimator, problem = fit
    n_rows = len(problem.rows)
    batch_size = batch_size_of(estimator, n_rows)
    n_batches = ceil(n_rows / batch_size)
    draws = bool(problem.objective.training.streams)
    return (
        problem.objective.kind,
        kind(optimizer_of(estimator)),
        kind(schedule_of(estimator)),
        n_batches,
        batch_size if n_batches > 1 else None,  # a batch of all rows can be padded
        # Networks with chance in their layers draw for each row: padding would change what they draw.
        n_rows if draws else None,
        isinstance(problem.data.X, np.ndarray),
        problem.validate is None,
        bool(estimator.shuffle),
        estimator.max_iter,
        estimator.n_iter_no_change,
    )


def networks_of(fits: Sequence[Fit]) -> list[slice]:
    """Return which networks of the stack are those of each fit."""
    stops = np.cumsum([len(fit.problem.theta) for fit in fits]).tolist()
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def per_network(fits: Sequence[Fit], value: Callable[[Any], Any], dtype: Any = float) -> Array:
    """Return what ``value`` says of each estimator, once for each of its networks."""
    return np.array([value(fit.estimator) for fit in fits for _ in fit.problem.theta], dtype=dtype)


class Samples(NamedTuple):
    """The samples of several fits one below the other; those that fits share occur once.

    Attributes
    ----------
    X : array or CSR matrix of shape (n, m)
    y : array of shape (n, q)
    weights : array of shape (n,), or None
    starts : list of int
        Where the samples of each fit begin.
    """

    X: Any
    y: Array
    weights: Array | None
    starts: list[int]

    @classmethod
    def of(cls, fits: Sequence[Fit]) -> Samples:
        """Return the samples of the ``fits``."""
        parts, starts, start_of, n = [], [], {}, 0
        for fit in fits:
            data = fit.problem.data
            same = id(data.X), id(data.y), id(data.sample_weight)
            if same not in start_of:
                start_of[same] = n
                parts.append(data)
                n += data.X.shape[0]
            starts.append(start_of[same])
        if len(parts) == 1:
            return cls(parts[0].X, parts[0].y, parts[0].sample_weight, starts)
        dense = isinstance(parts[0].X, np.ndarray)
        Xs = [part.X for part in parts]
        X = np.concatenate(Xs) if dense else sparse.vstack(Xs, format="csr")
        y, weights = np.concatenate([part.y for part in parts]), None
        if any(part.sample_weight is not None for part in parts):
            of_parts = [
                np.ones(len(part.y), part.y.dtype) if part.sample_weight is None else part.sample_weight
                for part in parts
            ]
            weights = np.concatenate(of_parts)
        return cls(X, y, weights, starts)


def validation_of(fits: Sequence[Fit]) -> Validate | None:
    """Return what scores the networks of the stack, each on the validation data of its own fit.

    Networks with equally many rows are computed at once: one by one they would take as long as training.
    """
    parts = [fit.problem.validate for fit in fits if fit.problem.validate is not None]
    if not parts or len(fits) == 1:
        return fits[0].problem.validate
    fit_of = np.repeat(np.arange(len(fits)), [len(fit.problem.theta) for fit in fits])
    alike: dict[Hashable, list[int]] = {}
    for i, part in enumerate(parts):
        # Sparse rows are a group of their own.
        alike.setdefault(part.data.X.shape if isinstance(part.data.X, np.ndarray) else i, []).append(i)
    groups = []
    for members in alike.values():
        rows = [parts[i].data.X for i in members]
        groups.append((members, np.stack(rows) if isinstance(rows[0], np.ndarray) else rows[0]))

    def validate(theta: Array, networks: Array) -> tuple[Array, Array]:
        scores, losses, of_fit = np.empty(len(theta)), np.empty(len(theta)), fit_of[networks]
        for members, X in groups:
            here = np.flatnonzero(np.isin(of_fit, members))
            if not len(here):
                continue
            own_X = X[np.searchsorted(members, of_fit[here])] if isinstance(X, np.ndarray) else X
            network, own_theta = parts[0].network, theta[here]
            z = network.output(network.layout.view(own_theta).layers, own_X)
            for i in np.unique(of_fit[here]):
                own = of_fit[here] == i
                scores[here[own]], losses[here[own]] = parts[i].of_scores(z[own], own_theta[own])
        return scores, losses

    return validate


class StackMonitor(Monitor):
    """Tells the monitor of each fit about the networks of its own, and stops them alone.

    Parameters
    ----------
    monitors : list of Monitor
        One per fit.
    stack : list of slice
        The networks of each fit.
    """

    def __init__(self, monitors: Sequence[Monitor], stack: list[slice]) -> None:
        self.monitors, self.stack = monitors, stack
        self.ended = [False] * len(monitors)

    def begin(self, index: int) -> None:
        """Epoch ``index`` begins."""
        for monitor, ended in zip(self.monitors, self.ended, strict=True):
            if not ended:
                monitor.begin(index)

    def end(self, epoch: Epoch) -> bool:
        """Return False: a fit whose monitor asks to stop is stopped by the ``epoch``'s own entries."""
        for i, (monitor, own) in enumerate(zip(self.monitors, self.stack, strict=True)):
            if self.ended[i]:
                continue
            networks = [k for k in epoch.networks.tolist() if own.start <= k < own.stop]
            if monitor.end(self._of_fit(epoch, networks, own.start)):
                for network in networks:
                    epoch.stopped.setdefault(network, StopReason.CALLBACK)
            self.ended[i] = all(network in epoch.stopped for network in networks)
        return False

    def close(self) -> None:
        """Training is over, or has failed."""
        for monitor in self.monitors:
            monitor.close()

    @staticmethod
    def _of_fit(epoch: Epoch, networks: list[int], start: int) -> Epoch:
        """Return what a monitor is told of some of the ``networks`` of the stack."""
        rows = np.flatnonzero(np.isin(epoch.networks, networks))
        return Epoch(
            epoch.index,
            epoch.networks[rows] - start,
            epoch.theta[rows],
            epoch.loss[rows],
            None if epoch.score is None else epoch.score[rows],
            {k - start: epoch.new_rate[k] for k in networks if k in epoch.new_rate},
            {k - start: epoch.stopped[k] for k in networks if k in epoch.stopped},
        )
