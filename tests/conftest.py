"""One thread per process, and the option ``--sample`` for a quick run."""

import os
from collections import defaultdict
from zlib import crc32

# Read when numpy is first imported. The workers share the cores, and networks as small as those of the
# tests gain nothing by more threads.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def pytest_addoption(parser):
    parser.addoption(
        "--sample",
        action="store_true",
        help="every test function, but only two cases of each: a quick run between changes",
    )


def pytest_collection_modifyitems(config, items):
    if config.getoption("sample"):
        kept = set(sample(items))
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]


def sample(items):
    """Yield two cases of each test function; of scikit-learn's checks, one case of each check.

    The two are mirror images in the list of cases, so that all of their parameters differ. Each function
    has its own place for them, so that together the functions see most values of a table.
    """
    tests = defaultdict(list)
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        check = str(parameters["check"]) if "check" in parameters else None
        tests[item.parent, getattr(item, "originalname", item.name), check].append(item)
    for (_, name, check), cases in tests.items():
        i = crc32(f"{name} {cases[0].name}".encode()) % len(cases)
        yield cases[i]
        if check is None:
            yield cases[-1 - i]
