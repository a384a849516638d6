"""Class codes, which are kept, and class indicators, which losses take."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from skmlp.network.arrays import Array


def groups(outputs: Array, group_sizes: tuple[int, ...]) -> list[Array]:
    """Return views of the columns of each target, of which there are as many as it has classes."""
    if len(group_sizes) == 1:
        return [outputs]
    stops = accumulate(group_sizes)
    return [outputs[..., stop - size : stop] for size, stop in zip(group_sizes, stops, strict=True)]


def expand(codes: Array, group_sizes: tuple[int, ...], out: Array) -> None:
    """Write targets as a loss takes them into ``out``.

    Parameters
    ----------
    codes : array of shape (..., n_targets)
        Indices of classes; without groups, the targets themselves, of any dtype.
    group_sizes : tuple of int
        The number of classes of each target; empty for numbers and yes/no outputs.
    out : array of shape (..., q)
        Overwritten: a 1 in the column of each class, 0 in all others.
    """
    if not group_sizes:
        np.copyto(out, codes)
        return
    ones = codes + np.arange(0, out.size, out.shape[-1]).reshape(*codes.shape[:-1], 1)
    if len(group_sizes) > 1:
        ones += [0, *accumulate(group_sizes[:-1])]  # where the columns of each target begin
    out.fill(0)
    out.put(ones, 1)  # to compare with all classes would take three times as long
