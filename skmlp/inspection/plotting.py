"""Shared by the tools: checks, colors, and matplotlib, which is imported only when something is drawn."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.fitting.values import is_integer
from skmlp.network.arrays import Array

COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#555555",
)
"""Colors that color-blind readers can distinguish (Okabe & Ito 2008)."""

BLUE, ORANGE, GREEN, *_, GREY = COLORS


def import_pyplot(caller: str) -> Any:
    """Return ``matplotlib.pyplot``, or raise an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "skmlp[plot]".') from error
    return plt


def axes_for(caller: str, ax: Any, figsize: tuple[float, float]) -> Any:
    """Return ``ax``, or if it is None the axes of a new figure."""
    plt = import_pyplot(caller)
    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax


def check_is_network(estimator: Any, attribute: str) -> None:
    """Raise an error unless the estimator is fitted and has the attribute that a display shows."""
    check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise TypeError(
            f"estimator={type(estimator).__name__} has no {attribute}: pass the network itself, such as"
            " pipeline[-1] or search.best_estimator_."
        )


def check_is_ours(estimator: Any) -> None:
    """Raise an error unless the estimator is one of this package's networks."""
    if not isinstance(estimator, BaseMultilayerPerceptron):
        raise TypeError(
            f"estimator={estimator!r} is not one of this package's networks; of a pipeline, pass its last"
            " step, and X as that step sees it."
        )


def check_count(name: str, value: Any, lowest: int) -> None:
    """Raise an error unless ``value`` is an int of at least ``lowest``."""
    if not is_integer(value, lowest):
        raise ValueError(f"{name}={value!r} must be an int of at least {lowest}.")


def check_index(name: str, index: int, n: int, there_are: str) -> None:
    """Raise an error unless one of ``n`` things has this index, which may be negative."""
    if not -n <= index < n:
        raise ValueError(
            f"{name}={index!r}: {there_are}, counted from 0; negative numbers count from the last."
        )


def as_named(array: Array, X: Any) -> Any:
    """Return samples with the feature names that ``X`` has, which an estimator was fitted with."""
    names = getattr(X, "columns", None)
    return array if names is None else type(X)(dict(zip(names, array.T, strict=True)))


def weights_of(estimator: Any, member: int) -> tuple[list[Any], list[Any]]:
    """Return weights and biases of each layer; for an ensemble, those of one member."""
    check_is_network(estimator, "coefs_")
    coefs, intercepts = estimator.coefs_, estimator.intercepts_
    n_members = 1 if coefs[0].ndim == 2 else len(coefs[0])
    check_index("member", member, n_members, f"the estimator has {n_members} member(s)")
    if coefs[0].ndim == 2:
        return list(coefs), list(intercepts)
    return [coef[member] for coef in coefs], [intercept[member] for intercept in intercepts]
