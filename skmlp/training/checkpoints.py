"""Checkpoints: the state of training in a file that is whole at any time."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import check_field, within
from skmlp.training.state import Curves, State
from skmlp.training.stopping import StopReason

SHARE = 0.05
"""The part of the time of training that may go into checkpoints, the first and the last of them aside."""

UNFINISHED = ".unfinished"
"""The suffix of a file that is being written."""


@dataclass(frozen=True)
class Checkpoint:
    """Saves fits in files, so that each continues where it was when its process has died.

    Give it to an estimator as ``checkpoint``. A fit of an equal estimator to equal data then goes on where
    the last one was saved, and ends with the weights of one that was never stopped. A fit that has come to
    its end is read from its file. Nothing in a file is run when it is read.

    Parameters
    ----------
    directory : str or path-like
        Where the files are; it is made if it is not there. Fits with other parameters or data have other
        files: those of a search share a directory.
    every : float in [0, inf), default=60.0
        Seconds between two saves at the ends of epochs; longer where saving would take more than a
        twentieth of the time of training.
    name : str, default=None
        The name of the file, without suffix, for a single fit. A fit with other parameters or data is then
        refused; with None, it begins a file of its own.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import Checkpoint, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> directory = tempfile.mkdtemp()
    >>> model = MLPClassifier(max_iter=500, random_state=0, checkpoint=Checkpoint(directory, every=60))
    >>> model.fit(X, y).score(X, y)  # run again, it returns at once
    0.98
    """

    directory: str | os.PathLike[str]
    every: float = 60.0
    name: str | None = None

    def __post_init__(self) -> None:
        is_path = isinstance(self.directory, str | os.PathLike) and str(self.directory) != ""
        check_field(self, "directory", is_path, "a path")
        check_field(self, "every", within(self.every, 0, math.inf), "at least 0 and finite")
        is_name = isinstance(self.name, str) and re.fullmatch(r"[\w-]{1,100}", self.name) is not None
        check_field(
            self, "name", self.name is None or is_name, "1 to 100 letters, digits, '_' or '-', or None"
        )


class Saver:
    """Saves the state of training from time to time.

    Parameters
    ----------
    save : callable
        Is given the state of all networks, and which have stopped and why.
    every : float
        Seconds between two saves; longer where saving would take more than `SHARE` of the time.
    """

    def __init__(self, save: Callable[[State, dict[int, StopReason]], None], every: float) -> None:
        self.save, self.every = save, every
        self._due = time.monotonic() + every

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._due

    def __call__(self, state: State, stopped: dict[int, StopReason]) -> None:
        started = time.monotonic()
        self.save(state, stopped)
        now = time.monotonic()
        self._due = now + max(self.every, (now - started) / SHARE)


def write(path: Path, arrays: Mapping[str, Array], notes: Mapping[str, Any]) -> None:
    """Write a file that takes the place of an earlier one at once: after a crash there is one of the two.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to array
    notes : mapping
        What JSON can hold.
    """
    text = np.frombuffer(json.dumps(notes).encode(), dtype=np.uint8)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, notes=text, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
    with suppress(OSError):  # not every system lets one open a directory; the file is there anyway
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def remove_unfinished(path: Path) -> None:
    """Remove what processes have left that were killed while they wrote this file, an hour ago or more."""
    for unfinished in path.parent.glob(f"{path.stem}.*{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if time.time() - unfinished.stat().st_mtime > 3600:
                unfinished.unlink()


def read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the notes of a file; no code in it is run.

    Raises
    ------
    ValueError
        If it is not such a file, or not whole.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(arrays.pop("notes").tobytes())
    except (OSError, MemoryError):  # of the machine
        raise
    except Exception as error:  # whatever the file holds, in place of an archive of arrays
        raise ValueError(
            f"{path} is not a checkpoint that can be read ({error}): delete it to begin anew."
        ) from error


def parts_of(state: State) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return a state as arrays, and as what JSON can hold."""
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return arrays, {
        "curves": vars(state.curves),
        "random_states": [plain(each.get_state(legacy=False)) for each in state.random_states],
        "streams": [plain(each.bit_generator.state) for each in state.streams],
    }


def state_of(
    arrays: Mapping[str, Array],
    notes: Mapping[str, Any],
    random_states: Sequence[np.random.RandomState],
    streams: Sequence[np.random.Generator],
) -> State:
    """Return the state of these `parts_of`; the random streams are set to where they were."""
    for random_state, of_stream in zip(random_states, notes["random_states"], strict=True):
        random_state.set_state(of_stream)
    for stream, of_stream in zip(streams, notes["streams"], strict=True):
        stream.bit_generator.state = of_stream
    of_fields: dict[str, Any] = {"best_theta": None, **arrays}
    return State(
        **of_fields,
        random_states=[*random_states],
        streams=[*streams],
        curves=Curves(**notes["curves"]),
    )


def plain(value: Any) -> Any:
    """Return the state of a random stream with lists in place of arrays."""
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
