"""Sample weights and class weights: their checks, and their product."""

from __future__ import annotations

import reprlib
from numbers import Number
from typing import Any, cast

import numpy as np
from sklearn.utils import check_array

from skmlp.fitting.class_targets import ClassTargets
from skmlp.fitting.values import is_boolean, is_number, plain
from skmlp.network.arrays import Array


def check_sample_weight(
    sample_weight: Any, n_samples: int, dtype: Any, name: str = "sample_weight", advice: str = ""
) -> Array:
    """Return ``sample_weight`` as an array of shape (n_samples,), or raise an error that names it.

    ``advice`` is what the error says of other ways to weigh.
    """
    if isinstance(sample_weight, Number):
        sample_weight = np.full(n_samples, sample_weight)
    try:
        given = check_array(sample_weight, ensure_2d=False, dtype=dtype, order="C", input_name=name)
    except (TypeError, ValueError) as error:
        if name in str(error):
            raise
        what = f"{name}={reprlib.repr(plain(sample_weight))} must be a number, or one for each sample"
        raise ValueError("; ".join(filter(None, [what, advice])) + ".") from error
    weights = cast(Array, given)
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
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if not 0 < total < np.inf:
        raise ValueError(
            f"The sum of {name} must be greater than zero and finite, got {total}: no class or"
            " number could be learned from it. Leave it out, or give some samples a positive weight."
        )


def with_class_weight(
    class_weight: Any, targets: ClassTargets, codes: Array, sample_weight: Array | None, dtype: Any
) -> Array | None:
    """Return the sample weights times the weights of the classes, where there are any.

    ``codes`` are those of the samples, see `ClassTargets.encode`.
    """
    if class_weight is None:
        return sample_weight
    with np.errstate(over="ignore"):
        weights = class_weights(class_weight, targets.columns, codes, sample_weight).astype(dtype)
        if sample_weight is not None:
            weights *= sample_weight
        total = weights.sum()
    if not 0 < total < np.inf:
        raise ValueError(
            f"class_weight={plain(class_weight)!r} gives the samples weights with the sum {total},"
            " which must be greater than zero and finite. Give a positive weight to a class that is in y,"
            " or leave it out."
        )
    return weights


def class_weights(
    class_weight: Any, columns: list[Array], codes: Array, sample_weight: Array | None
) -> Array:
    """Return the weight that each sample has by its class: the product over the columns of y.

    Unlike scikit-learn's function, 'balanced' counts the samples by their weight: a sample of weight two
    is then the same as two samples.
    """
    weights = np.ones(len(codes))
    choices = of_columns(class_weight, len(columns))
    for choice, known, of_samples in zip(choices, columns, codes.T, strict=True):
        if choice is None:
            continue
        if isinstance(choice, str):
            counts = np.bincount(of_samples, weights=sample_weight, minlength=len(known))
            present = counts > 0
            of_classes = counts.sum() / (present.sum() * np.where(present, counts, 1))
        else:
            of_classes = listed_weights(choice, known, class_weight)
        weights *= of_classes[of_samples]
    return weights


def of_columns(class_weight: Any, n_columns: int) -> list[Any]:
    """Return the choice of each column of y: 'balanced', a dict or None."""
    if isinstance(class_weight, str):
        return [class_weight] * n_columns
    several = n_columns > 1
    choices = class_weight if isinstance(class_weight, list) else [class_weight]
    known = all(
        c is None or isinstance(c, dict) or (isinstance(c, str) and c == "balanced") for c in choices
    )
    if isinstance(class_weight, list) != several or len(choices) != n_columns or not known:
        wanted = "a list with a dict for each" if several else "a dict for its classes"
        raise ValueError(
            f"class_weight={plain(class_weight)!r} does not fit y, which has {n_columns}"
            f" column{'s' * several}: pass {wanted}, or 'balanced'."
        )
    return choices


def listed_weights(listed: dict[Any, Any], known: Array, class_weight: Any) -> Array:
    """Return the weights of the ``known`` classes; those that are not listed have weight one."""
    for label, weight in listed.items():
        if not (is_number(weight, 0) or is_boolean(weight)):
            raise ValueError(
                f"class_weight={plain(class_weight)!r} has the weight {plain(weight)!r} for the class"
                f" {plain(label)!r}: weights must be finite numbers that are not less than zero."
            )
    labels = known.tolist()
    unknown = [label for label in listed if label not in set(labels)]
    # As in scikit-learn, a dict of all classes may name others: a part of the samples may lack some.
    if unknown and not all(label in listed for label in labels):
        raise ValueError(
            f"class_weight={plain(class_weight)!r} has the classes {plain(unknown)}, which are not in y;"
            f" there are {labels}. Leave them out, or list all that there are."
        )
    return np.array([float(listed.get(label, 1)) for label in labels])
