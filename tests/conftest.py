"""One thread per process, and the option ``--sample`` for a quick run."""

import os
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

# Read when numpy is first imported. The workers share the cores, and networks as small as those of the
# tests gain nothing by more threads.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Which engine a test runs in must not depend on those before it: numpy, unless SKMLP_COMPILED=1 says else.
os.environ.setdefault("SKMLP_COMPILED", "0")


def rounds_by_address():
    """Return whether products have other bits where their arrays lie elsewhere in memory.

    So it is with the AVX-512 kernels of the OpenBLAS in the wheels of numpy 1. A stack then equals its
    members to rounding only, whatever skmlp does.
    """
    cpuinfo = Path("/proc/cpuinfo")
    return version("numpy").startswith("1.") and cpuinfo.exists() and "avx512f" in cpuinfo.read_text()


if rounds_by_address():
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")


STRIDE = 29
"""A prime: in no cross of tables do cases that many apart share a parameter every time."""


def pytest_addoption(parser):
    parser.addoption(
        "--sample",
        action="store_true",
        help=f"every test function, but only one in {STRIDE} of its cases, at least one: a quick run",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("sample"):
        kept = set(sample(items))
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]


def sample(items):
    """Yield some cases of each test function; which ones differs between functions."""
    cases_of = defaultdict(list)
    for item in items:
        cases_of[item.parent, getattr(item, "originalname", item.name)].append(item)
    for (_, name), cases in cases_of.items():
        yield from cases[crc32(name.encode()) % min(STRIDE, len(cases)) :: STRIDE]
