"""All that changes while networks are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Self

import numpy as np

from skmlp.network.arrays import Array


class Rows:
    """A dataclass whose fields have one row per network.

    A field is an array (whose networks lie along the ``axis`` of its metadata, 0 unless it says more), a
    list, which may be empty, None, or a dataclass of rows.
    """

    def take(self, networks: Array) -> Self:
        """Return some rows, given as indices: arrays are copied, the elements of lists are the same."""

        def taken(value: Any, axis: int) -> Any:
            if isinstance(value, Rows):
                return value.take(networks)
            if isinstance(value, list):
                return [value[k] for k in networks] if value else []
            return None if value is None else value.take(networks, axis=axis)

        return type(self)(**{name: taken(value, axis) for name, value, axis in self._fields()})

    def put(self, networks: Array, rows: Self) -> None:
        """Write ``rows`` into those of ``networks``."""
        for (_, value, axis), (_, new, _) in zip(self._fields(), rows._fields(), strict=True):
            if isinstance(value, Rows):
                value.put(networks, new)
            elif isinstance(value, list):
                for k, element in zip(networks if value else (), new, strict=True):
                    value[k] = element
            elif value is not None:
                np.moveaxis(value, axis, 0)[networks] = np.moveaxis(new, axis, 0)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all ``parts``: arrays are copied, the elements of lists are the same."""

        def joined(values: Sequence[Any], axis: int) -> Any:
            if isinstance(values[0], Rows):
                return values[0].concatenate(values)
            if isinstance(values[0], list):
                return list(chain.from_iterable(values))
            return None if values[0] is None else np.concatenate(values, axis=axis)

        columns = zip(*(part._fields() for part in parts), strict=True)
        return cls(**{of[0][0]: joined([value for _, value, _ in of], of[0][2]) for of in columns})

    def _fields(self) -> list[tuple[str, Any, int]]:
        """Return name, value and axis of each field."""
        return [(f.name, getattr(self, f.name), f.metadata.get("axis", 0)) for f in fields(self)]  # type: ignore[arg-type]


@dataclass
class Curves(Rows):
    """What was noted after each epoch: one list per network.

    Attributes
    ----------
    losses : list of K lists of float
        The loss of each epoch (or iteration), as scikit-learn reports it.
    scores, validation_losses : list of K lists of float
        Score and loss on the validation rows; empty without validation.
    rates : list of K lists of float
        The learning rate of the last step of each epoch; empty from a solver that has none.
    """

    losses: list[list[float]]
    scores: list[list[float]]
    validation_losses: list[list[float]]
    rates: list[list[float]]

    @classmethod
    def start(cls, n_networks: int) -> Curves:
        """Return curves without a value."""
        empty: list[list[list[float]]] = [[[] for _ in range(n_networks)] for _ in fields(cls)]
        return cls(*empty)

    def append(self, **values: Array) -> None:
        """Append the ``values`` of an epoch, arrays of shape (K,), to the curves of these names."""
        for name, of_networks in values.items():
            for curve, value in zip(getattr(self, name), of_networks.tolist(), strict=True):
                curve.append(value)


@dataclass
class State(Rows):
    """All that changes while K networks are trained: one row per network.

    It is everything that training needs to continue to the last bit.

    Attributes
    ----------
    theta : array of shape (K, P)
        Parameters.
    moments : array of shape (n_moments, K, P)
        What the optimizer remembers.
    step : array of shape (K,)
        Steps taken.
    rate : array of shape (K,)
        Learning rates.
    samples_seen : array of shape (K,)
    best : array of shape (K,)
        The best score, or minus the lowest loss, so far.
    without_improvement : array of shape (K,)
        Epochs since the last improvement by at least tol.
    order : array of shape (K, n)
        The samples of each network, as indices in their present order, padded with some of its own.
    random_states : list of K numpy.random.RandomState, or empty
        What shuffles the samples before every epoch; empty: the order stays.
    streams : list of K numpy.random.Generator, or empty
        Where layers with chance in them draw from.
    best_theta : array of shape (K, P), or None without validation
        The parameters of the best score.
    curves : Curves
    """

    theta: Array
    moments: Array = field(metadata={"axis": 1})
    step: Array
    rate: Array
    samples_seen: Array
    best: Array
    without_improvement: Array
    order: Array
    random_states: list[np.random.RandomState]
    streams: list[np.random.Generator]
    best_theta: Array | None
    curves: Curves

    @classmethod
    def start(
        cls,
        theta: Array,
        n_moments: int,
        rate: Array,
        order: Array,
        random_states: Sequence[np.random.RandomState] = (),
        streams: Sequence[np.random.Generator] = (),
        *,
        validated: bool = False,
        copy: bool = True,
        moments: Array | None = None,
    ) -> State:
        """Return the state before the first step; arrays are copied, random streams are not.

        Without ``copy``, training overwrites ``theta``. The ``moments`` are those of earlier steps.
        """
        n_networks = len(theta)
        return cls(
            theta=theta.copy() if copy else theta,
            moments=(
                np.zeros((n_moments, *theta.shape), theta.dtype, like=theta)  # no page is touched
                if moments is None
                else moments.astype(theta.dtype)
            ),
            step=np.zeros(n_networks, dtype=int),
            rate=rate.astype(float),
            samples_seen=np.zeros(n_networks, dtype=int),
            best=np.full(n_networks, -np.inf),
            without_improvement=np.zeros(n_networks, dtype=int),
            order=order.copy(),
            random_states=list(random_states),
            streams=list(streams),
            best_theta=theta.copy() if validated else None,
            curves=Curves.start(n_networks),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[State]) -> State:
        """Return the rows of all ``parts``: networks trained apart continue as one stack.

        The indices in each `order` must be those of the samples of the stack.
        """
        orders = [part.order for part in parts]
        width = max(order.shape[1] for order in orders)
        # The last index is padding, or can be: the networks have their numbers of rows from elsewhere.
        orders = [np.pad(order, ((0, 0), (0, width - order.shape[1])), mode="edge") for order in orders]
        return super().concatenate(
            [replace(part, order=order) for part, order in zip(parts, orders, strict=True)]
        )
