"""Checks of single values, and what they are in Python's own types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names

from skmlp.network.quantiles import are_quantiles


def is_boolean(value: Any) -> bool:
    """Return whether ``value`` is a Python or numpy boolean."""
    return isinstance(value, (bool, np.bool_))


def is_integer(value: Any, low: int) -> bool:
    """Return whether ``value`` is an integer of at least ``low``."""
    return isinstance(value, Integral) and not is_boolean(value) and int(value) >= low


def is_number(value: Any, low: float, high: float = np.inf, *, low_open: bool = False) -> bool:
    """Return whether ``value`` is a finite number in [low, high], or above low if ``low_open``."""
    if not isinstance(value, Real) or is_boolean(value):
        return False
    try:
        number = float(value)
    except OverflowError:  # an int may be larger than any float
        return False
    return np.isfinite(number) and low <= number <= high and not (low_open and number == low)


def entries(value: Any) -> list[Any] | None:
    """Return the entries of a sequence; None of a single value, and of what has no order.

    An iterator can be read only once: like sets, dicts and bytes, it is no sequence.
    """
    refused = isinstance(value, (str, bytes, bytearray, AbstractSet, Mapping))
    if refused or not isinstance(value, Collection) or getattr(value, "ndim", 1) != 1:
        return None
    return list(value)


def hidden_sizes(value: Any) -> list[int] | None:
    """Return ``hidden_layer_sizes`` as a list, or None if it is not one or more widths."""
    sizes = [value] if isinstance(value, Integral) else entries(value)
    if sizes is None or not all((type(s) is int and s > 0) or is_integer(s, 1) for s in sizes):
        return None
    return [int(s) for s in sizes]


def is_quantile(value: Any) -> bool:
    """Return whether ``value`` is a number in (0, 1)."""
    return is_number(value, 0, 1, low_open=True) and value < 1


def are_several_quantiles(value: Any) -> bool:
    """Return whether ``value`` is a sequence of two or more quantiles, ascending."""
    several = entries(value)
    return several is not None and all(map(is_quantile, several)) and are_quantiles(tuple(several))


def plain(value: Any) -> Any:
    """Return a parameter with Python's numbers in place of numpy's, which print differently."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def is_monotonic_cst(value: Any) -> bool:
    """Return whether ``value`` has a sign, 1, 0 or -1, for each feature, or is None."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) for name in value) and is_monotonic_cst([*value.values()])
    signs = entries(value)
    return value is None or (signs is not None and all(is_integer(s, -1) and s <= 1 for s in signs))


def is_dtype(value: Any) -> bool:
    """Return whether ``value`` chooses a precision: 'auto', or float32 or float64 by name or type."""
    if isinstance(value, str):
        return value in ("auto", "float32", "float64")
    return isinstance(value, (type, np.dtype)) and value in (np.float32, np.float64)


def is_random_state(value: Any) -> bool:
    """Return whether scikit-learn's ``check_random_state`` takes ``value``."""
    return (
        value is None
        or (is_integer(value, 0) and value < 2**32)
        or isinstance(value, np.random.RandomState)
        or value is np.random
    )


def one_of(names: Iterable[str]) -> tuple[str, Callable[[Any], bool]]:
    """Return the words and the check for a choice among ``names``."""
    names = tuple(names)
    words = "{" + ", ".join(repr(name) for name in names) + "}"
    return words, lambda value: isinstance(value, str) and value in names


def named_or(names: Iterable[str], *kinds: type) -> tuple[str, Callable[[Any], bool]]:
    """Return the words and the check for a choice by name, or an instance of one of ``kinds``."""
    words, is_name = one_of(names)
    words = " or ".join([words, *(kind.__name__ for kind in kinds)])
    return words, lambda value: is_name(value) or isinstance(value, kinds)


def per_layer(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """Return whether ``value`` is accepted, or is a sequence of accepted values."""
    of_layers = entries(value)
    return accepts(value) if of_layers is None else all(accepts(v) for v in of_layers)


def is_cost_of_predictions(value: Any) -> bool:
    """Return whether ``value`` is a function, or the name of one of scikit-learn's scorers."""
    if isinstance(value, str):
        return value in get_scorer_names()
    return callable(value) and not isinstance(value, type)


def check_coverage(coverage: Any) -> None:
    """Raise an error unless ``coverage`` is that of an interval."""
    if not (is_number(coverage, 0, 1, low_open=True) and coverage < 1):
        raise ValueError(f"coverage={coverage!r} must lie between 0 and 1, such as 0.9.")
