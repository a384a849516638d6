"""Numbers that may differ between the networks of a stack.

A hyperparameter is a plain number where all networks agree (the fast case, and always so for one
network), and a column of shape (K, 1), which broadcasts over the parameters, where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from skmlp.network.arrays import Array

Choice = TypeVar("Choice")


def stacked(choices: Sequence[Choice]) -> Choice:
    """Return one frozen dataclass for K networks from the K dataclasses of its members."""
    first = choices[0]
    merged = {}
    for field in fields(first):  # type: ignore[arg-type]
        values = [getattr(choice, field.name) for choice in choices]
        if any(value != values[0] for value in values):
            merged[field.name] = np.asarray(values, dtype=float)[:, np.newaxis]
    return replace(first, **merged)  # type: ignore[type-var]


def kept(choice: Choice, networks: Array) -> Choice:
    """Return the stacked dataclass of some of the networks, given as a boolean mask over K."""
    columns = {
        field.name: value[networks]
        for field in fields(choice)  # type: ignore[arg-type]
        if isinstance(value := getattr(choice, field.name), np.ndarray)
    }
    return replace(choice, **columns)  # type: ignore[type-var]


def as_arrays(numbers: tuple[float | Array, ...], dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """Return numbers and columns as arrays of ``dtype``: numpy takes twice the time for a float.

    They are cast only once, and last: so a network computes with the same bits in a stack as alone.
    """
    return tuple(np.asarray(number, dtype=dtype) for number in numbers)
