"""Threads over whole networks: each takes all steps of some of them, with a BLAS of one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """Return what controls the threads of numpy's and scipy's BLAS; to make it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


def n_allowed() -> int:
    """Return how many threads may be used: as many as BLAS, whose number the user, or joblib, has set."""
    return min((library["num_threads"] for library in _blas().info()), default=1)


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
        with _blas().limit(limits=1):
            others = [self._pool.submit(do, i) for i in range(1, n)]
            try:
                do(0)
            finally:
                wait(others)
        for other in others:
            other.result()
