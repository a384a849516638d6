"""How the kernels are compiled.

``nnan`` and ``ninf`` are not among the liberties: numbers that are not finite must come through, since they are how
divergence is found. With numpy's error model a division by zero raises nothing, which loops need to be vectorized.
"""

EXACT = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
"""Each operation as it is written, but a product and a sum may be one instruction."""

FAST = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
"""Sums may be taken in any order: only then are their loops vectorized."""
