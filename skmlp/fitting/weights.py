"""Sample weights and class weights: their checks, and their product."""

from __future__ import annotations

from numbers import Number
from typing import Any, cast

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_sample_weight

from skmlp.network.arrays import Array


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


def with_class_weight(class_weight: Any, y: Array, sample_weight: Array | None, dtype: Any) -> Array | None:
    """Return the sample weights times the weights of the classes, where there are any."""
    if class_weight is None:
        return sample_weight
    weights = class_weights(class_weight, y, sample_weight).astype(dtype)
    return weights if sample_weight is None else weights * sample_weight


def class_weights(class_weight: Any, y: Array, sample_weight: Array | None) -> Array:
    """Return the weight that each sample has by its class.

    Unlike scikit-learn's function, 'balanced' counts the samples by their weight: a sample of weight two
    is then the same as two samples.
    """
    if not isinstance(class_weight, str):
        return np.asarray(compute_sample_weight(class_weight, y))
    weights = np.ones(len(y))
    for column in y.reshape(len(y), -1).T:
        _, codes = np.unique(column, return_inverse=True)
        counts = np.bincount(codes, weights=sample_weight)
        present = counts > 0
        balanced = counts.sum() / (present.sum() * np.where(present, counts, 1))
        weights *= balanced[codes]
    return weights
