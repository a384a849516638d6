"""Which fits are given to a worker together: as many as its cache holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from skmlp.compiled.door import are_known, kernel_if_it_pays
from skmlp.compiled.steps import seconds_per_step
from skmlp.fitting.choices import Choices
from skmlp.model_selection.requests import FitRequest
from skmlp.model_selection.samples import TrainingPart, length, takes_rows
from skmlp.model_selection.wrappers import last_network, why_no_network
from skmlp.network.hyperparameters import stack_key as key_of_choices
from skmlp.network.losses import ProbabilisticLoss
from skmlp.network.network import Network
from skmlp.training.optimizers import Optimizer

CACHE_BYTES = 6 * 2**20
"""What the networks of a stack and their activations may fill: more falls out of the cache."""

DATA_BYTES = 2**22
"""What samples of a stack may fill that are copied or preprocessed: one training part at least."""

WEIGHTS_BYTES = 2**30
"""What the weights of fits may fill that wait to be scored."""


def rounds_of(tasks: Sequence[FitRequest]) -> list[list[FitRequest]]:
    """Return the tasks in their order, cut where the weights of all networks would fill the memory."""
    rounds: list[list[FitRequest]] = [[]]
    n_bytes = 0
    for task in tasks:
        of_task = weights_bytes(task)
        n_bytes += of_task
        if n_bytes > WEIGHTS_BYTES and rounds[-1]:
            rounds.append([])
            n_bytes = of_task
        rounds[-1].append(task)
    return rounds


def weights_bytes(task: FitRequest) -> int:
    """Return about what the weights of a fit fill; preprocessing may change it a little."""
    if task.choices is None:
        return 0
    return int(8 * task.choices.n_members * network_of(task.choices, task.part).layout.n_parameters)


def jobs_of(tasks: Sequence[FitRequest], n_workers: int) -> list[list[FitRequest]]:
    """Return the tasks that a worker is given at a time.

    There are at least as many as workers, and where it matters a multiple: none waits for the others.
    """
    groups: dict[Hashable, list[FitRequest]] = {}
    for task in tasks:
        if task.wrappers is None:
            is_network = last_network(task.estimator) is task.estimator
            groups.setdefault(stack_key(task) if is_network else task.index, []).append(task)
    jobs = jobs_with_wrappers([task for task in tasks if task.wrappers is not None], n_workers)
    for group in groups.values():
        most, most_parts = most_per_stack(group[0]) if len(group) > 1 else (1, 1)
        n_stacks = ceil(len(group) / most)
        if len(groups) < n_workers or n_stacks > 1:
            n_stacks = n_workers * ceil(n_stacks / n_workers)
        parts = by_part(group)
        for start in range(0, len(parts), most_parts):
            some = [task for part in parts[start : start + most_parts] for task in part]
            jobs += cut(some, min(len(some), ceil(n_stacks * len(some) / len(group))))
    return jobs


def jobs_with_wrappers(tasks: Sequence[FitRequest], n_workers: int) -> list[list[FitRequest]]:
    """Return the jobs of wrapped networks: wrappers are fitted to a training part in one job.

    Where there are fewer parts left than workers, several workers fit the same at the same time.
    """
    jobs, parts = [], by_part(tasks)
    at_a_time = n_workers * max(1, DATA_BYTES // parts[0][0].part.n_bytes) if parts else 1
    for start in range(0, len(parts), at_a_time):
        # Workers that share a part have networks of all kinds.
        some = [
            task
            for part in parts[start : start + at_a_time]
            for worker in range(n_workers)
            for task in part[worker::n_workers]
        ]
        jobs += cut(some, min(len(some), n_workers))
    return jobs


def by_part(tasks: Sequence[FitRequest]) -> list[list[FitRequest]]:
    """Return the tasks of each training part and the same wrappers: they share its rows."""
    parts: dict[Hashable, list[FitRequest]] = {}
    for task in tasks:
        parts.setdefault((id(task.part), task.wrappers), []).append(task)
    return list(parts.values())


def cut(tasks: Sequence[FitRequest], n_jobs: int) -> list[list[FitRequest]]:
    """Return the tasks in their order as equal jobs."""
    return [[tasks[i] for i in job] for job in np.array_split(np.arange(len(tasks)), n_jobs)]


def are_stacks(jobs: Sequence[Sequence[FitRequest]]) -> bool:
    """Return whether several networks of each job fit the cache together."""
    kinds = {stack_key(task): task for job in jobs for task in job if task.wrappers is not None}
    return all(len(job) > 1 for job in jobs) and all(most_per_stack(t)[0] > 1 for t in kinds.values())


def are_compiled(tasks: Sequence[FitRequest]) -> bool:
    """Return whether the compiled engine trains all tasks: then threads do, and share the samples."""
    seconds, dtype = 0.0, np.dtype(float)
    for task in tasks:
        choices, is_network = task.choices, last_network(task.estimator) is task.estimator
        if choices is None or not is_network or not isinstance(task.part.X, np.ndarray):
            return False
        network = network_of(choices, task.part)
        if not are_known(network, choices.loss, choices.solver):
            return False
        n_rows = n_rows_of(task.part)
        batch_size = choices.rows_per_batch(n_rows)
        n_steps = choices.for_samples(n_rows).max_iter * ceil(n_rows / batch_size) * choices.n_members
        seconds += n_steps * seconds_per_step(network, batch_size, n_networks=len(tasks))
        dtype = dtype_of(choices, task.part)
    return kernel_if_it_pays(dtype, seconds) is not None


def stack_key(task: FitRequest) -> Hashable:
    """Return what the networks that one worker is given together have in common.

    Choices tell; a worker may still make two stacks of them.
    """
    if why_alone(task) is not None:
        return task.index
    return type(task.estimator), task.before is not None, key_of_choices(task.choices)


def why_alone(task: FitRequest) -> str | None:
    """Return why a fit is no part of a stack, whatever the others are; None if it may be one."""
    choices = task.choices
    if choices is None:
        is_network = last_network(task.estimator) is not None
        return "parameters are invalid" if is_network else why_no_network(task.estimator)
    if not choices.is_stochastic:
        return f"solver={last_network(task.estimator).solver!r} trains one network after the other"
    if choices.max_time is not None:
        return "max_time is the time of one fit"
    try:
        hash(key_of_choices(choices))
    except TypeError:  # nothing is known of what a user has written
        return "a choice of your own cannot be hashed"
    return None


def reasons_of(tasks: Sequence[FitRequest]) -> list[str]:
    """Return why some fits are no parts of stacks, with their number."""
    kinds = Counter(stack_key(task) for task in tasks)
    reasons: Counter[str] = Counter()
    for task in tasks:
        if (reason := why_alone(task)) is not None:
            reasons[reason] += 1
        elif kinds[stack_key(task)] == 1:
            reasons["no other network has its shape and solver"] += 1
        elif most_per_stack(task)[0] == 1:
            reasons["one network fills the cache"] += 1
    return [f"{reason} ({n} of {len(tasks)} fits)" for reason, n in reasons.items()]


def most_per_stack(task: FitRequest) -> tuple[int, int]:
    """Return how many fits like ``task`` fill the cache, and how many training parts the memory."""
    choices = task.choices
    if choices is None or not choices.is_stochastic:
        return 1, 1
    most = max(1, CACHE_BYTES // bytes_of(choices, task.part))
    most_parts = most if takes_rows(choices, task.part) else max(1, DATA_BYTES // data_bytes(task))
    if scales_own_rows(choices):
        most = min(most, most_parts)
    return int(most), int(most_parts)


def data_bytes(task: FitRequest) -> int:
    """Return about what the samples of a fit fill: of a table, as the network sees it."""
    part, choices = task.part, task.choices
    if choices is None or choices.encoding is None:
        return part.n_bytes
    inputs = n_rows_of(part) * network_of(choices, part).n_inputs
    return max(1, inputs * dtype_of(choices, part).itemsize)


def scales_own_rows(choices: Choices) -> bool:
    """Return whether samples are scaled on those that a fit has not held out: it has a copy of its own."""
    return bool(choices.standardize and choices.early_stopping)


def most_in_cache(choices: Choices, network: Network, n_rows: int, itemsize: int) -> int:
    """Return how many fits fill the cache, of ``n_rows`` each; one that is trained alone is one."""
    if not choices.is_stochastic:
        return 1
    return max(1, CACHE_BYTES // bytes_in_step(choices, network, n_rows, itemsize))


def bytes_in_step(choices: Choices, network: Network, n_rows: int, itemsize: int) -> int:
    """Return about what a fit fills in each step: its networks, their gradient and moments, and a batch."""
    n_moments = choices.solver.n_moments if isinstance(choices.solver, Optimizer) else 0
    of_network = (2 + n_moments) * network.layout.n_parameters
    of_batch = choices.rows_per_batch(n_rows) * (network.n_inputs + 2 * sum(network.widths[1:]))
    return int(choices.n_members * (of_network + of_batch) * itemsize)


def dtype_of(choices: Choices, part: TrainingPart) -> np.dtype[Any]:
    """Return the precision that is computed in."""
    is_single = "float32" in (choices.dtype, str(getattr(part.X, "dtype", "")))
    return np.dtype("float32" if is_single else "float64")


def bytes_of(choices: Choices, part: TrainingPart) -> int:
    """Return what a fit to a part will about fill in each step."""
    network, itemsize = network_of(choices, part), dtype_of(choices, part).itemsize
    return bytes_in_step(choices, network, n_rows_of(part), itemsize)


def n_rows_of(part: TrainingPart) -> int:
    """Return how many samples a part has."""
    return int(length(part.X) if part.rows is None else len(part.rows))


def network_of(choices: Choices, part: TrainingPart) -> Network:
    """Return about the network that is trained on a part."""
    try:
        if choices.encoding is None:
            n_inputs = (getattr(part.X, "shape", None) or np.shape(part.X))[1]
        else:
            n_inputs = choices.encoding.n_inputs(part.X, n_rows_of(part))
        return choices.network.network(n_inputs, n_scores(choices, part))
    except (IndexError, TypeError, ValueError):  # the fit itself will raise
        return replace(choices.network, input_layers=()).network(1, 1)


def n_scores(choices: Choices, part: TrainingPart) -> int:
    """Return about how many raw scores there are for the targets of a part."""
    columns = 1 if np.ndim(part.y) == 1 else np.shape(part.y)[1]
    if isinstance(choices.loss, ProbabilisticLoss) and columns == 1:
        columns = part.n_labels
    return choices.loss.n_scores(columns)
