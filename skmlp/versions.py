"""What a report of a problem should say of the installation."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

import skmlp

PACKAGES = ("numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl")
"""What skmlp needs."""
OPTIONAL = ("matplotlib", "pandas", "polars", "numba", "skl2onnx", "onnxruntime")
"""What some of it can use."""


def show_versions() -> None:
    """Print the versions of skmlp and of what it builds on, for reports of problems.

    Examples
    --------
    >>> import skmlp
    >>> skmlp.show_versions()  # doctest: +ELLIPSIS
    skmlp: ...
    python: ...
    machine: ...
    numpy: ...
    """
    print(f"skmlp: {skmlp.__version__}")
    print(f"python: {sys.version.split()[0]}")
    print(f"machine: {platform.platform()}")
    for name in (*PACKAGES, *OPTIONAL):
        print(f"{name}: {installed(name)}")
    for library in threadpool_info():
        facts = (library["version"], f"{library['num_threads']} threads", library.get("architecture"))
        print(f"{library['internal_api']}: {', '.join(filter(None, facts))}")


def installed(name: str) -> str:
    """Return the version of a package, or that there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
