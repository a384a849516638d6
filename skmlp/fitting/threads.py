"""The threads of BLAS: as many as its products are worth.

Threads that share a small product wait for each other, and beside other busy processes for a time slice:
a fit of the digits then takes forty times as long by two threads as by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from skmlp.compiled.threads import n_allowed, with_threads_of_blas

WORK_PER_THREAD = 8_388_608
"""Multiplications of one product that are worth a thread: some 0.1 to 0.3 ms, ten times what it costs to
share them. Two threads pay from 256 x 256 x 256 on."""

WORK_OF_ONE = 262_144
"""Multiplications up to which BLAS itself takes no second thread."""

_turn = Lock()
"""Numbers of threads are those of the process: one call at a time sets them, others leave them alone."""


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Give BLAS fewer threads for products of ``work`` multiplications, never more than it has.

    The thread that has set the number sets it back. While it is at work, others neither wait nor change
    anything: those that run in several threads are busy on all cores as it is.
    """
    if work <= WORK_OF_ONE or not _turn.acquire(blocking=False):
        yield
        return
    try:
        n_threads = max(1, work // WORK_PER_THREAD)
        if n_threads >= n_allowed():
            yield
        else:
            with with_threads_of_blas(n_threads):
                yield
    finally:
        _turn.release()
