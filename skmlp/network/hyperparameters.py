"""Hyperparameters: the checks of their values, and those that may differ between the networks of a stack.

A field that may differ says so by `per_network`. In a stack it is a column, which broadcasts over what
belongs to each network, for one network as for many: a number and a column would be two arithmetics
(``x ** 2.0`` and ``x ** column`` differ in the last bit).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import MISSING, Field, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeAlias, TypeVar

import numpy as np

from skmlp.network.arrays import Array

PerNetwork: TypeAlias = float | Array
"""The type of a field that may differ between the networks of a stack: a number, or a column."""

Choice = TypeVar("Choice")


def per_network(default: Any = MISSING) -> Any:
    """Return a dataclass field whose value may differ between the networks of a stack."""
    return field(default=default, metadata={"per_network": True})


def fields_per_network(choice: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass that may differ between the networks of a stack."""
    return _fields_per_network(choice if isinstance(choice, type) else type(choice))


@cache
def _fields_per_network(kind: type) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.metadata.get("per_network")]


def stack_key(choice: Any) -> Hashable:
    """Return what dataclasses must have in common so that they can be `stacked`."""
    differing = {field.name for field in fields_per_network(choice)}
    # Not only the fields: a user's class may hold more.
    return type(choice), *(
        (name, stack_key(value) if is_dataclass(value) else value)
        for name, value in vars(choice).items()
        if name not in differing
    )


def stacked(choices: Sequence[Choice], dtype: Any = float, n_axes: int = 1) -> Choice:
    """Return one frozen dataclass for K networks, whose `per_network` fields are columns.

    A field that is None for every network stays None.

    Parameters
    ----------
    choices : sequence of K dataclasses of one `stack_key`
    dtype : dtype, default=float
        That of the columns: of the arrays that they meet, or these would be cast to float64.
    n_axes : int, default=1
        Number of axes of the columns behind the first, K.
    """
    columns = {}
    for differing in fields_per_network(choices[0]):
        values = [getattr(choice, differing.name) for choice in choices]
        if any(value is not None for value in values):
            columns[differing.name] = np.asarray(values, dtype=dtype).reshape(len(values), *[1] * n_axes)
    return replace(choices[0], **columns) if columns else choices[0]  # type: ignore[type-var]


def kept(choice: Choice, networks: Array) -> Choice:
    """Return the stacked dataclass of some of the networks, given as a boolean mask over K."""
    columns = {
        field.name: value[networks]
        for field in fields_per_network(choice)
        if isinstance(value := getattr(choice, field.name), np.ndarray)
    }
    return replace(choice, **columns) if columns else choice  # type: ignore[type-var]


def is_used(value: PerNetwork) -> bool:
    """Return whether a number is other than zero in some network."""
    return bool(np.count_nonzero(value))


def within(value: PerNetwork, low: float, high: float, *, open_low: bool = False) -> Any:
    """Return whether ``low`` <= (or <) ``value`` < ``high``, for each network; False of no number."""
    try:
        return (np.greater(value, low) if open_low else np.greater_equal(value, low)) & np.less(value, high)
    except TypeError:
        return False


def check_field(choice: Any, name: str, valid: Any, words: str) -> None:
    """Raise an error that names the field of a dataclass, unless its value is ``valid``."""
    if not (valid if isinstance(valid, (bool, np.bool_)) else np.all(valid)):
        value = getattr(choice, name)
        raise ValueError(f"{type(choice).__name__}({name}={value!r}): {name} must be {words}.")


def check_positive(choice: Any, name: str) -> None:
    """Raise an error that names the field of a dataclass, unless its value is positive and finite."""
    is_positive = within(getattr(choice, name), 0, math.inf, open_low=True)
    check_field(choice, name, is_positive, "positive and finite")
