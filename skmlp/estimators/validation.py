"""Checks of what ``fit`` is given, beside those of scikit-learn, and fits that change all or nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.utils import check_array

from skmlp.network.arrays import Array

Method = TypeVar("Method", bound=Callable[..., Any])


def unchanged_on_error(method: Method) -> Method:
    """Make a method of an estimator leave it as it was if it raises."""

    @functools.wraps(method)
    def all_or_nothing(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return cast(Method, all_or_nothing)


def check_sample_weight(
    sample_weight: Any, n_samples: int, dtype: Any, name: str = "sample_weight"
) -> Array:
    """Return ``sample_weight`` as an array of shape (n_samples,), or raise an error that names it."""
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight)
    weights = cast(
        Array,
        check_array(sample_weight, ensure_2d=False, dtype=dtype, order="C", input_name=name),
    )
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar: {name} has shape {weights.shape},"
            f" expected ({n_samples},)."
        )
    if weights.shape != (n_samples,):
        raise ValueError(f"{name}.shape == {weights.shape}, expected {(n_samples,)}: one per sample.")
    check_some_weight(weights, name)
    return weights


def check_some_weight(weights: Array, name: str) -> None:
    """Raise an error if the weights do not add up to something positive."""
    total = float(weights.sum())
    if not total > 0:
        raise ValueError(
            f"The sum of {name} must be greater than zero, got {total}: there is nothing to learn from."
            " Leave it out, or give some samples a positive weight."
        )
