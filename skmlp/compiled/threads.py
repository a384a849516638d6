"""Threads over whole networks: each takes all steps of some of them, with a BLAS of one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from threadpoolctl import ThreadpoolController

_set_aside: ContextVar[int | None] = ContextVar("set_aside", default=None)
"""How many threads BLAS had before it was given fewer here; None: it has them."""


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """Return what controls the threads of numpy's and scipy's BLAS; to make it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


def n_allowed() -> int:
    """Return how many threads may be used: as many as BLAS, whose number the user, or joblib, has set."""
    given = (library.num_threads for library in _blas().lib_controllers)
    return _set_aside.get() or min(given, default=1)


@contextmanager
def with_threads_of_blas(n_threads: int) -> Iterator[None]:
    """Give BLAS fewer threads; `n_allowed` stays what it is in this thread."""
    token = _set_aside.set(n_allowed())
    try:
        with _blas().limit(limits=n_threads):
            yield
    finally:
        _set_aside.reset(token)


class Threads:
    """Does several things at once; the first of them in the calling thread.

    Parameters
    ----------
    n_threads : int
    """

    def __init__(self, n_threads: int) -> None:
        self._pool = ThreadPoolExecutor(n_threads - 1) if n_threads > 1 else None

    def run(self, do: Callable[[int], None], n: int) -> None:
        """Call ``do(i)`` for each i < ``n``, and return when all is done, also after an interruption."""
        if self._pool is None:
            for i in range(n):
                do(i)
            return
        with with_threads_of_blas(1):
            others = [self._pool.submit(do, i) for i in range(1, n)]
            try:
                do(0)
            finally:
                wait(others)
        for other in others:
            other.result()
