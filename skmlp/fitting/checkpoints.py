"""Checkpoints of fits: which file belongs to which fit, and what is in it."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import joblib
import numpy as np
import scipy
import sklearn
from scipy import sparse
from sklearn.utils import check_random_state

import skmlp
from skmlp.fitting.choices import Choices
from skmlp.fitting.data import Data, Reading
from skmlp.fitting.streams import at_rest
from skmlp.network.arrays import Array
from skmlp.training.checkpoints import parts_of, plain, read, remove_unfinished, state_of, write
from skmlp.training.result import TrainingResult
from skmlp.training.state import Curves, State
from skmlp.training.stopping import StopReason

if TYPE_CHECKING:
    from skmlp.fitting.problem import Earlier

Identity: TypeAlias = dict[str, dict[str, str]]
"""Digests of the parameters and the data of a fit, by their names."""

CONTINUED = {StopReason.CALLBACK, StopReason.INTERRUPTED}
"""What ends the work on a network before it has come to its end: a time limit, a callback, the user."""

WITHOUT_EFFECT = {"checkpoint", "max_time", "verbose"}
"""The parameters that do not change what a fit that comes to its end has learned."""


@dataclass(frozen=True)
class FitFile:
    """The file of one fit.

    Attributes
    ----------
    path : Path
    identity : Identity
        What tells the fit apart from others.
    shown : dict of str to str
        The parameters in words, for messages.
    seed : int, or None
        What was drawn where ``random_state`` is None.
    arrays, notes : dict
        What the file held when the fit began; empty if there was none.
    """

    path: Path
    identity: Identity
    shown: dict[str, str]
    seed: int | None
    arrays: dict[str, Array]
    notes: dict[str, Any]

    @property
    def is_there(self) -> bool:
        """Whether something was saved."""
        return "curves" in self.notes

    @property
    def stopped(self) -> dict[int, StopReason]:
        """Which networks had stopped, and why."""
        return {k: StopReason[name] for k, name in enumerate(self.notes.get("reasons", ())) if name}

    @property
    def n_epochs(self) -> int:
        """How many epochs were saved."""
        return max(map(len, self.notes["curves"]["losses"])) if self.is_there else 0

    @property
    def is_complete(self) -> bool:
        """Whether the fit had come to its end."""
        return self.is_there and all(self.notes["reasons"])

    def state(
        self, random_states: Sequence[np.random.RandomState], streams: Sequence[np.random.Generator]
    ) -> State:
        """Return the state that was saved; the random streams are set to where they were."""
        return state_of(self.arrays, self.notes, random_states, streams)

    def result(self, random_states: Sequence[np.random.RandomState]) -> TrainingResult:
        """Return what became of networks that were trained by a solver without epochs."""
        notes = self.notes
        for random_state, of_stream in zip(random_states, notes["random_states"], strict=True):
            random_state.set_state(of_stream)
        reasons, curves = [*self.stopped.values()], Curves(**notes["curves"])
        theta, alpha = self.arrays["theta"], self.arrays["alpha"]
        return TrainingResult(theta, notes["losses"], curves, reasons, notes["messages"], alpha)

    def save(self, state: State, stopped: dict[int, StopReason]) -> None:
        """Save the state of networks, of which some may have ``stopped``."""
        arrays, notes = parts_of(state)
        reasons = [stopped.get(k) for k in range(len(state.theta))]
        self._write(arrays, notes | {"reasons": names_of(reasons)})

    def save_result(self, result: TrainingResult, random_states: Sequence[np.random.RandomState]) -> None:
        """Save what became of networks that were trained by a solver without epochs, if it is final."""
        notes = {
            "curves": vars(result.curves),
            "losses": result.losses,
            "messages": result.messages,
            "random_states": [plain(each.get_state(legacy=False)) for each in random_states],
            "reasons": names_of(result.reasons),
        }
        if all(notes["reasons"]):
            self._write({"theta": result.theta, "alpha": cast(Array, result.alpha)}, notes)

    def reserve(self) -> None:
        """Write a file without progress, by which other fits know that this name is taken."""
        self._write({}, {"reasons": []})

    def _write(self, arrays: dict[str, Array], notes: dict[str, Any]) -> None:
        own = {"versions": versions(), "identity": self.identity, "shown": self.shown, "seed": self.seed}
        try:
            write(self.path, arrays, notes | own)
        except (OSError, MemoryError) as error:
            warnings.warn(
                f"checkpoint: {self.path} could not be written ({error}). Training goes on; what was saved"
                " before is still there.",
                stacklevel=2,
            )


def names_of(reasons: Sequence[StopReason | None]) -> list[str | None]:
    """Return why networks have stopped; None of those that the next fit continues."""
    return [None if reason in CONTINUED or reason is None else reason.name for reason in reasons]


def file_of(
    choices: Choices, reading: Reading, held_out: Data | None, earlier: Earlier | None
) -> FitFile | None:
    """Return the file of a fit, or None without a ``checkpoint``.

    Parameters
    ----------
    choices : Choices
    reading : Reading
    held_out : Data, or None
        Validation samples of the user.
    earlier : Earlier, or None
        What training continues from.

    Raises
    ------
    ValueError
        If the file cannot be read, is that of another fit, or was written by other versions.
    """
    checkpoint = choices.checkpoint
    if checkpoint is None:
        return None
    params = {**choices.params, "random_state": choices.random_state}
    if is_drawn := choices.random_state in (None, np.random):
        params["random_state"] = None
    params = {name: value for name, value in params.items() if name not in WITHOUT_EFFECT}
    identity = {
        "parameter": {name: digest(value, name) for name, value in params.items()},
        "data": digests_of_data(reading, held_out, earlier),
    }
    shown = {name: f"{value!r:.80}" for name, value in params.items()}
    path = directory_of(checkpoint.directory) / f"{checkpoint.name or joblib.hash(identity)}.npz"
    remove_unfinished(path)
    if not path.exists():
        seed = int(check_random_state(None).randint(np.iinfo(np.int32).max)) if is_drawn else None
        file = FitFile(path, identity, shown, seed, {}, {})
        if checkpoint.name is not None:
            file.reserve()
        return file
    arrays, notes = read(path)
    check_notes(path, identity, shown, notes)
    file = FitFile(path, identity, shown, notes["seed"], arrays, notes)
    if choices.verbose and file.is_there:
        how = "Training ended" if file.is_complete else "Continuing"
        print(f"{how} after iteration {file.n_epochs}: {path}")
    return file


def directory_of(directory: str | os.PathLike[str]) -> Path:
    """Return a directory that is there, or raise an error if nothing can be written into it."""
    path = Path(directory).expanduser().absolute()  # whatever directory the process changes to
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"checkpoint: the directory {path} cannot be made ({error}).") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError(f"checkpoint: nothing can be written into the directory {path}.")
    return path


def digest(value: Any, name: str) -> str:
    """Return what equal values of a parameter have in common, in every process."""
    try:
        return str(joblib.hash(by_names(value)))
    except Exception as error:  # pickling may raise anything
        raise ValueError(
            f"checkpoint tells fits apart by their parameters, and {name}={value!r} cannot be told from"
            f" others ({error}): define its functions by def at the top of a module, or leave it out."
        ) from error


def by_names(value: Any) -> Any:
    """Return a value with names in the place of functions and classes.

    Those of a script have no module in a worker from which they could be pickled.
    """
    if isinstance(value, dict):
        return {key: by_names(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(by_names, value)]
    if isinstance(value, type) or inspect.isroutine(value):
        if "<" in value.__qualname__:
            raise ValueError(f"{value.__qualname__} has no name of its own")
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "__dict__") and not isinstance(value, np.ndarray):
        return by_names(type(value)), by_names(vars(value))
    return value


def digests_of_data(reading: Reading, held_out: Data | None, earlier: Earlier | None) -> dict[str, str]:
    """Return the digests of what a fit was given."""
    given = reading.data
    parts: dict[str, Any] = {
        "X": rows_of(given),
        "y": (given.y, reading.targets.attributes()),
        "sample_weight": given.sample_weight,
    }
    if held_out is not None:
        parts |= {"X_val": rows_of(held_out), "y_val": held_out.y}
        parts["sample_weight_val"] = held_out.sample_weight
    if earlier is not None:
        weights, remembered = earlier.fitted.theta(earlier.fitted.dtype), earlier.optimizer_state
        parts["earlier fit"] = weights, remembered and at_rest(remembered), earlier.n_seen
    return {name: str(joblib.hash(comparable(part), coerce_mmap=True)) for name, part in parts.items()}


def rows_of(data: Data) -> Any:
    """Return X with the rows of the samples alone."""
    return data.X if data.index is None else data.X[data.index]


def comparable(value: Any) -> Any:
    """Return a CSR matrix as its arrays: it also remembers what was once asked of it."""
    if sparse.issparse(value):
        return value.shape, value.data, value.indices, value.indptr
    return value


def versions() -> dict[str, str]:
    """Return the versions that the last bits of a fit depend on."""
    return {package.__name__: package.__version__ for package in (skmlp, np, scipy, sklearn)}


def check_notes(path: Path, identity: Identity, shown: dict[str, str], notes: dict[str, Any]) -> None:
    """Raise an error if a file was written by other versions, or for another fit."""
    if not isinstance(notes, dict) or "identity" not in notes:
        raise ValueError(f"checkpoint: {path} is not the file of a fit: delete it to begin anew.")
    now, before = versions(), notes["versions"]
    other = [f"{name} {before.get(name)}, now {now[name]}" for name in now if before.get(name) != now[name]]
    if other:
        raise ValueError(
            f"checkpoint: {path} was written by other versions ({'; '.join(other)}): training would not"
            " continue to the same result. Use those versions, or delete the file to begin anew."
        )
    of_file = notes["identity"]
    changed = [
        f"{name}={shown.get(name)} was {notes['shown'].get(name)}"
        for name in identity["parameter"]
        if identity["parameter"][name] != of_file["parameter"].get(name)
    ]
    names = identity["data"].keys() | of_file["data"].keys()
    changed += [
        f"{name} is another one"
        for name in sorted(names)
        if identity["data"].get(name) != of_file["data"].get(name)
    ]
    if changed:
        raise ValueError(
            f"checkpoint: {path} is that of another fit ({'; '.join(changed)}). Use the same parameters and"
            " data, another name or directory, or delete the file to begin anew."
        )
