"""Numbers that may differ between the networks of a stack.

A hyperparameter is a plain number where all networks agree (the fast case, and always so for one
network), and a column, which broadcasts over what belongs to each network, where they do not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from skmlp.network.arrays import Array

PerNetwork: TypeAlias = float | Array
"""The type of a field that may differ between the networks of a stack: a number, or a column."""

Choice = TypeVar("Choice")


def fields_per_network(choice: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass that may differ between the networks of a stack."""
    return [field for field in fields(choice) if field.type in ("PerNetwork", PerNetwork)]


def kind(choice: Any) -> Hashable:
    """Return what dataclasses must have in common so that they can be `stacked`."""
    differing = {field.name for field in fields_per_network(choice)}
    # Not of the fields alone: a class of one's own may keep more.
    return type(choice), *(
        (name, kind(value) if is_dataclass(value) else value)
        for name, value in vars(choice).items()
        if name not in differing
    )


def stacked(choices: Sequence[Choice], dtype: Any = float, n_axes: int = 1) -> Choice:
    """Return one frozen dataclass for K networks from the K dataclasses of its members.

    Parameters
    ----------
    choices : sequence of K dataclasses of one `kind`
    dtype : dtype, default=float
        That of the columns: of the arrays that they meet, lest these are cast to float64.
    n_axes : int, default=1
        Axes of the columns behind that of the networks.
    """
    first = choices[0]
    columns = {}
    for field in fields_per_network(first):
        values = [getattr(choice, field.name) for choice in choices]
        if any(value != values[0] for value in values):
            columns[field.name] = np.asarray(values, dtype=dtype).reshape(-1, *[1] * n_axes)
    return replace(first, **columns) if columns else first  # type: ignore[type-var]


def kept(choice: Choice, networks: Array) -> Choice:
    """Return the stacked dataclass of some of the networks, given as a boolean mask over K."""
    columns = {
        field.name: value[networks]
        for field in fields_per_network(choice)
        if isinstance(value := getattr(choice, field.name), np.ndarray)
    }
    return replace(choice, **columns) if columns else choice  # type: ignore[type-var]


def is_used(value: PerNetwork) -> bool:
    """Return whether a number is other than zero in some network: a column always is, as they differ."""
    return isinstance(value, np.ndarray) or value != 0


def as_arrays(numbers: tuple[PerNetwork, ...], dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """Return numbers and columns as arrays of ``dtype``: numpy takes twice the time for a float.

    They are cast only once, and last: so a network computes with the same bits in a stack as alone.
    """
    return tuple(np.asarray(number, dtype=dtype) for number in numbers)
