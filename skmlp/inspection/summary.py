"""A table of the layers of a fitted network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skmlp.inspection.plotting import check_is_ours
from skmlp.inspection.tables import Table
from skmlp.network.layers import Layer, Nonlinearity


@dataclass(frozen=True, repr=False)
class Summary(Table):
    """The layers of a network, their shapes, numbers of parameters and memory.

    It prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    title : str
    rows : list of (str, tuple of int, int, int)
        Name, shape of the output of one sample, number of parameters and bytes of each layer.
    """

    title: str
    rows: list[tuple[str, tuple[int, ...], int, int]]

    @property
    def n_parameters(self) -> int:
        """The number of parameters of all layers."""
        return sum(row[2] for row in self.rows)

    @property
    def n_bytes(self) -> int:
        """The memory of all parameters."""
        return sum(row[3] for row in self.rows)

    def _lines(self) -> tuple[Sequence[str], list[Sequence[str]], Sequence[str]]:
        rows: list[Sequence[str]] = [
            (name, str(shape), f"{n:,}", in_units(size)) for name, shape, n, size in self.rows
        ]
        header = ("layer", "output", "parameters", "memory")
        return header, rows, ("total", "", f"{self.n_parameters:,}", in_units(self.n_bytes))


def summary(estimator: Any) -> Summary:
    """Return a table of the layers of a fitted network.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted estimator.

    Returns
    -------
    table : Summary
        It prints as text and shows as HTML in a notebook. For an ensemble, parameters and memory are totals
        over all members.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import summary
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), solver="lbfgs", alpha=1, max_iter=1000, random_state=0)
    >>> print(summary(classifier.fit(X, y)))
    MLPClassifier: 4 inputs, 3 outputs, float64
    -------------------------------------------
    layer            output  parameters  memory
    -------------------------------------------
    Dense              (8,)          40   320 B
    ReLU               (8,)           0     0 B
    Dense + softmax    (3,)          27   216 B
    -------------------------------------------
    total                            67   536 B
    """
    check_is_ours(estimator)
    check_is_fitted(estimator)
    fitted = estimator._fitted_network(estimator._n_inputs())
    network, n_members, dtype = fitted.network, fitted.n_networks, fitted.dtype
    rows: list[tuple[str, tuple[int, ...], int, int]] = []
    for i, (layer, specs) in enumerate(zip(network.layers, network.layout.specs, strict=True)):
        n_parameters = n_members * sum(prod(spec.shape) for spec in specs if spec.constant is None)
        name = name_of(layer)
        if i == len(network.layers) - 1 and estimator.out_activation_ != "identity":
            name = f"{name} + {estimator.out_activation_}"
        rows.append((name, (network.widths[i + 1],), n_parameters, n_parameters * dtype.itemsize))
    of = f", {n_members} members" if n_members > 1 else ""
    title = (
        f"{type(estimator).__name__}: {network.n_inputs} inputs, {network.widths[-1]} outputs, {dtype}{of}"
    )
    return Summary(title, rows)


def name_of(layer: Layer) -> str:
    """Return the name of a layer; for a nonlinearity, that of its activation."""
    return type(layer.activation if isinstance(layer, Nonlinearity) else layer).__name__


def in_units(n_bytes: int) -> str:
    """Return a number of bytes as text, with a unit."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
