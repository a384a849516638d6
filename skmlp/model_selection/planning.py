"""Which fits are given to a worker together: as many as its cache holds."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone

from skmlp.estimators.choices import batch_size_of, optimizer_of
from skmlp.estimators.parameters import hidden_sizes
from skmlp.estimators.problem import Problem
from skmlp.model_selection.jobs import Task, prepared
from skmlp.model_selection.samples import network_of

CACHE_BYTES = 6 * 2**20
"""What the networks of a stack and their activations may fill: more falls out of the cache."""

DATA_BYTES = 64 * 2**20
"""What the samples of a stack may fill: networks share them where they can, one training part at least."""

WEIGHTS_BYTES = 2**30
"""What the weights of fits may fill that wait to be scored."""

PREPROCESSED_BYTES = 2**30
"""What preprocessed training parts may fill at a time."""

DIFFERING = {
    "random_state",
    "alpha",
    "learning_rate_init",
    "weight_decay",
    "max_grad_norm",
    "momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    "tol",
    "dropout",
    "loss",
    "quantile",
    "min_scale",
    "beta",
    "class_weight",
    "scoring",
    "validation_fraction",
}
"""Parameters that need not keep networks apart; where they do, a worker makes two stacks of one."""


def digest(value: Any, otherwise: Hashable) -> Hashable:
    """Return what equal values have in common; ``otherwise`` of a value that cannot be looked into."""
    try:
        return str(joblib.hash(value))
    except Exception:  # pickling may raise anything
        return otherwise


def rounds_of(tasks: Sequence[Task]) -> list[list[Task]]:
    """Return the tasks in their order, cut where the weights of all networks would fill the memory."""
    rounds: list[list[Task]] = [[]]
    n_bytes = 0
    for task in tasks:
        of_task = weights_bytes(task)
        n_bytes += of_task
        if n_bytes > WEIGHTS_BYTES and rounds[-1]:
            rounds.append([])
            n_bytes = of_task
        rounds[-1].append(task)
    return rounds


def weights_bytes(task: Task) -> int:
    """Return about what the weights of a fit fill; preprocessing may change it a little."""
    network, X = network_of(task.estimator), task.samples.X
    try:
        hidden = hidden_sizes(network.hidden_layer_sizes) or []
        widths = [X.shape[1], *hidden, 1]
        return int(8 * network.n_members * sum(a * b for a, b in pairwise(widths)))
    except (AttributeError, IndexError, TypeError):  # the fit itself will complain, if there is a reason
        return 0


def jobs_of(tasks: Sequence[Task], n_workers: int) -> list[list[Task]]:
    """Return the tasks that a worker is given at a time, each a stack if they can be one.

    There are at least as many as workers, and where it matters a multiple: none waits for the others.
    """
    groups: dict[Hashable, list[Task]] = {}
    for task in tasks:
        is_network = network_of(task.estimator) is task.estimator
        groups.setdefault(kind_of(task) if is_network else task.index, []).append(task)
    jobs = []
    for group in groups.values():
        most, most_parts = most_per_stack(group[0]) if len(group) > 1 else (1, 1)
        n_stacks = ceil(len(group) / most)
        if len(groups) < n_workers or n_stacks > 1:
            n_stacks = n_workers * ceil(n_stacks / n_workers)
        # Those of one training part together: they share its rows, and need no padding.
        by_part: dict[int, list[Task]] = {}
        for task in group:
            by_part.setdefault(id(task.samples), []).append(task)
        parts = list(by_part.values())
        for start in range(0, len(parts), most_parts):
            some = [task for part in parts[start : start + most_parts] for task in part]
            n_jobs = min(len(some), ceil(n_stacks * len(some) / len(group)))
            jobs += [[some[i] for i in job] for job in np.array_split(np.arange(len(some)), n_jobs)]
    return jobs


def kind_of(task: Task) -> Hashable:
    """Return what the networks that one worker is given together have in common."""
    estimator = task.estimator
    if not estimator._is_stochastic() or estimator.max_time is not None:
        return task.index
    # Not of get_params, which takes longer than all the rest; an unfitted estimator has nothing else.
    common = repr([(name, value) for name, value in vars(estimator).items() if name not in DIFFERING])
    return type(estimator), task.before is not None, common


def most_per_stack(task: Task) -> tuple[int, int]:
    """Return how many fits like ``task`` fill the cache, and how many training parts the memory."""
    if not task.estimator._is_stochastic():
        return 1, 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit itself will warn
        try:
            problem = prepared(clone(task.estimator), task.samples.cut())
        except Exception:  # and will raise
            return 1, 1
    most = max(1, CACHE_BYTES // bytes_of(task.estimator, problem))
    X = problem.data.X
    n_bytes = X.nbytes if isinstance(X, np.ndarray) else X.data.nbytes + X.indices.nbytes
    most_parts = max(1, DATA_BYTES // n_bytes)
    if task.estimator.standardize and task.estimator.early_stopping:
        most = min(most, most_parts)  # scaled on rows of its own, each fit has a part of its own
    return int(most), int(most_parts)


def bytes_of(estimator: Any, problem: Problem) -> int:
    """Return what a fit fills in each step: its networks, their gradient and moments, and a batch."""
    n_networks, n_parameters = problem.theta.shape
    batch_size = batch_size_of(estimator, len(problem.rows))
    of_network = (2 + optimizer_of(estimator).n_moments) * n_parameters
    of_batch = batch_size * (problem.network.n_inputs + 2 * sum(problem.network.widths[1:]))
    return int(n_networks * (of_network + of_batch) * problem.theta.itemsize)
