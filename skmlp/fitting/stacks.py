"""Several fits as one stack: what they must have in common, and what is put together.

A single fit is a stack of one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate, chain
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skmlp.fitting.choices import Choices
from skmlp.fitting.problem import Problem
from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import stack_key as key_of_choices
from skmlp.training.stochastic import Validate

VALIDATED_BYTES = 2**17
"""Rows that fill more are validated one network after the other: several together would be copied."""


def stack_key(problem: Problem) -> Hashable:
    """Return what fits must have in common so that their networks can be trained as one stack."""
    n_rows = problem.n_rows
    batch_size = problem.choices.rows_per_batch(n_rows)
    n_batches = ceil(n_rows / batch_size)
    return (
        key_of_choices(problem.choices),
        problem.objective.stack_key,
        problem.targets.group_sizes,
        n_batches,
        batch_size if n_batches > 1 else None,  # a batch of all rows can be padded
        # Networks with chance in their layers draw for each row: padding would change what they draw.
        n_rows if problem.streams else None,
        isinstance(problem.data.X, np.ndarray),
        None if problem.data.index is None else id(problem.data.X),
        not problem.validate,
    )


def networks_of(problems: Sequence[Problem]) -> list[slice]:
    """Return which networks of the stack are those of each fit."""
    stops = [*accumulate(len(problem.theta) for problem in problems)]
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def per_network(problems: Sequence[Problem], value: Callable[[Choices], float]) -> Array:
    """Return a number that each fit has chosen, once for each of its networks."""
    return np.array([value(problem.choices) for problem in problems for _ in problem.theta], dtype=float)


class PooledSamples(NamedTuple):
    """The samples of several fits one below the other; those that fits share occur once.

    Attributes
    ----------
    X : array or CSR matrix of shape (n, m)
    y : array of shape (n, n_targets)
    weights : array of shape (n,), or None
    starts : list of int
        Where the samples of each fit begin.
    rows : array of shape (n,), or None
        Which row of X each sample is, where all are rows of the same X; None: X is as long as y.
    """

    X: Any
    y: Array
    weights: Array | None
    starts: list[int]
    rows: Array | None

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> PooledSamples:
        """Return the samples of all fits."""
        parts, starts, start_of, n = [], [], {}, 0
        for problem in problems:
            data = problem.data
            same = id(data.X), id(data.y), id(data.sample_weight)
            if same not in start_of:
                start_of[same] = n
                parts.append(data)
                n += len(data.y)
            starts.append(start_of[same])
        if len(parts) == 1:
            return cls(parts[0].X, parts[0].y, parts[0].sample_weight, starts, parts[0].index)
        X, indices = parts[0].X, [part.index for part in parts if part.index is not None]
        rows = np.concatenate(indices) if indices else None
        if rows is None:
            Xs = [part.X for part in parts]
            X = np.concatenate(Xs) if isinstance(X, np.ndarray) else sparse.vstack(Xs, format="csr")
        y, weights = np.concatenate([part.y for part in parts]), None
        if any(part.sample_weight is not None for part in parts):
            of_parts = [
                np.ones(len(part.y), part.X.dtype) if part.sample_weight is None else part.sample_weight
                for part in parts
            ]
            weights = np.concatenate(of_parts)
        return cls(X, y, weights, starts, rows)


def validation_of(problems: Sequence[Problem]) -> Validate | None:
    """Return what scores the networks of the stack, each on the validation data of its fit, or its own.

    Networks with equally many rows are computed at once if these are few: one by one they would take as
    long as training.
    """
    parts = [*chain.from_iterable(problem.validate for problem in problems)]
    if len(parts) < 2:
        return parts[0] if parts else None
    starts = np.cumsum([0, *(len(problem.validate) for problem in problems)])
    pairs = zip(starts, problems, strict=False)
    part_of = np.concatenate([i + np.arange(len(p.theta)) % len(p.validate) for i, p in pairs])
    alike: dict[Hashable, list[int]] = {}
    for i, part in enumerate(parts):
        X = part.data.X
        is_small = isinstance(X, np.ndarray) and X.nbytes <= VALIDATED_BYTES
        alike.setdefault(X.shape if is_small else i, []).append(i)  # sparse rows are a separate group
    groups = []
    for members in alike.values():
        rows = [parts[i].data.X for i in members]
        groups.append((members, np.stack(rows) if len(members) > 1 else rows[0]))

    def validate(theta: Array, networks: Array) -> tuple[Array, Array]:
        scores, losses, of_part = np.empty(len(theta)), np.empty(len(theta)), part_of[networks]
        for members, X in groups:
            here = np.flatnonzero(np.isin(of_part, members))
            if not len(here):
                continue
            own_X = X[np.searchsorted(members, of_part[here])] if len(members) > 1 else X
            network, own_theta = parts[0].network, theta[here]
            z = network.output(network.layout.view(own_theta).layers, own_X)
            for i in np.unique(of_part[here]):
                own = of_part[here] == i
                scores[here[own]], losses[here[own]] = parts[i].of_scores(z[own], own_theta[own])
        return scores, losses

    return validate
