"""The kernels of each precision: compiled once per machine, kept on disk by numba, loaded on demand."""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

logger = logging.getLogger("skmlp")

_lock = threading.RLock()
_kernels: dict[tuple[str, np.dtype[Any]], Callable[..., None] | None] = {}

TRAIN, MOVE_PART = "train", "move_part"
KERNELS = {TRAIN: "the training loop", MOVE_PART: "the optimizers"}
"""What Python calls (`train` of `kernels.steps`, `move_part` of `kernels.optimizers`), in words."""


def is_loaded(dtype: np.dtype[Any], kernel: str = TRAIN) -> bool:
    """Return whether a kernel is at hand in this precision."""
    return _kernels.get((kernel, dtype)) is not None


def can_load(dtype: np.dtype[Any], kernel: str = TRAIN) -> bool:
    """Return whether numba is there, and has not failed before."""
    key = kernel, dtype
    return _kernels[key] is not None if key in _kernels else _has_numba()


@functools.cache
def _has_numba() -> bool:
    """Return whether numba is installed; to look for it takes as long as steps of a small network."""
    return find_spec("numba") is not None


def load(
    dtype: np.dtype[Any], kernel: str = TRAIN, *, may_compile: bool = True
) -> Callable[..., None] | None:
    """Return one of the `KERNELS` for this precision; None if that is impossible here.

    With ``may_compile=False``, also None if it is not on disk.
    """
    key = kernel, dtype
    with _lock:
        if key not in _kernels:
            try:
                _kernels[key] = _compiled(kernel, dtype, may_compile)
            except _NotOnDiskError:
                return None
            except Exception:
                # Whatever it is (no compiler for this processor, another numba): numpy computes the same.
                logger.warning("The compiled engine cannot be used; numpy is.", exc_info=True)
                _kernels[key] = None
        return _kernels[key]


class _NotOnDiskError(Exception):
    """The kernel would have to be compiled."""


def _compiled(kernel: str, dtype: np.dtype[Any], may_compile: bool) -> Callable[..., None]:
    """Return a kernel, from the cache on disk where it is there, intact and up to date."""
    for cache in ("kept", "emptied"):
        try:
            return _kernel(kernel, dtype, may_compile, cache)
        except _NotOnDiskError:
            raise
        except Exception:
            # It is broken, or there is no folder to write to.
            logger.info("numba's cache cannot be used as it is.", exc_info=True)
    if not may_compile:
        raise _NotOnDiskError
    return _kernel(kernel, dtype, may_compile, cache=None)


def _kernel(name: str, dtype: np.dtype[Any], may_compile: bool, cache: str | None) -> Callable[..., None]:
    """Return a kernel, with the cache on disk as it is, emptied, or without one."""
    from numba import njit
    from numba.core.event import Listener, install_listener

    from skmlp.compiled.kernels.optimizers import move_part
    from skmlp.compiled.kernels.options import CALLED
    from skmlp.compiled.kernels.signature import of_move_part, of_train
    from skmlp.compiled.kernels.steps import train

    function, signature = {TRAIN: (train, of_train), MOVE_PART: (move_part, of_move_part)}[name]

    class Compilation(Listener):
        """Says that numba compiles as soon as it does, or forbids it."""

        started: float | None = None

        def on_start(self, event: Any) -> None:
            if not may_compile:
                raise _NotOnDiskError
            if self.started is None:
                self.started = time.perf_counter()
                logger.info("Compiling %s for %s, once on this machine.", KERNELS[name], dtype)

        def on_end(self, event: Any) -> None:
            """Nothing to say: the parts of the loop end too."""

    kernel: Any = njit(**CALLED, cache=cache is not None)(function)
    if cache is not None:
        # numba would notice changes in the file of the kernel alone.
        kernel._cache._cache_file._source_stamp = _fingerprint()
    if cache == "emptied":
        kernel._cache.flush()
    compilation = Compilation()
    with install_listener("numba:compile", compilation):
        kernel.compile(signature(dtype))
    if compilation.started is not None:
        logger.info("Compiled in %.1f s.", time.perf_counter() - compilation.started)
    kernel.disable_compile()
    return kernel  # type: ignore[no-any-return]


def _fingerprint() -> str:
    """Return a digest of all sources that are compiled."""
    here = Path(__file__).parent
    sources = [here / "codes.py", *sorted((here / "kernels").glob("*.py"))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
