"""``python -m skmlp.compiled``: compile ahead, for an image or a cluster whose nodes share a cache."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import numpy as np

from skmlp.compiled.door import PRECISIONS
from skmlp.compiled.loading import KERNELS, can_load, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile all kernels, or find them compiled; return 1 if that is impossible."""
    parser = argparse.ArgumentParser(prog="python -m skmlp.compiled", description=__doc__)
    parser.add_argument(
        "precisions", nargs="*", metavar="precision", help="float64 or float32; default: both"
    )
    precisions = parser.parse_args(arguments).precisions or PRECISIONS
    if unknown := set(precisions) - set(PRECISIONS):
        parser.error(f"unknown precision: {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not can_load(np.dtype(float)):
        print('numba is not installed: pip install "skmlp[fast]"', file=sys.stderr)
        return 1
    loaded = [load(np.dtype(p), kernel) is not None for p in precisions for kernel in KERNELS]
    if all(loaded):
        print("Ready:", *precisions)
    return int(not all(loaded))


if __name__ == "__main__":
    sys.exit(main())
