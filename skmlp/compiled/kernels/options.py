"""How the kernels are compiled.

``nnan`` and ``ninf`` are not among the liberties: numbers that are not finite must come through, since they
are how divergence is found. With numpy's error model a division by zero raises nothing, which loops need to
be vectorized. No kernel allocates, and without ``_nrt`` no reference to a view is counted: that took half
the time of small networks.
"""

from typing import Any

WITHIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Kernels are called by kernels: a door for Python and C to each would be a third of the time of compiling.

Without it, a call from Python ends the process."""

EXACT: dict[str, Any] = WITHIN | {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "fastmath": {"contract"},
}
"""Each operation as it is written, but a product and a sum may be one instruction."""

FAST: dict[str, Any] = EXACT | {"fastmath": {"contract", "reassoc", "nsz"}}
"""Sums may be taken in any order: only then are their loops vectorized."""

CALLED: dict[str, Any] = FAST | {"no_cpython_wrapper": False}
"""For what Python calls."""

ONCE: dict[str, Any] = FAST | {"inline": "always"}
"""For what has one caller, and is compiled as a part of that."""
