"""Parameters as fitted attributes, and back, by the specs of the layers.

Each `ParameterSpec` names the attribute under which its array is shown. An attribute is a list with an
entry for each layer that has such arrays: the array, or a list where the layer has several. The arrays of
an ensemble have the members as their first axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.network import Network
from skmlp.network.parameters import ParameterSpec


def shown(network: Network, theta: Array, *, single: bool) -> dict[str, list[Any]]:
    """Return the fitted attributes that show the parameters ``theta`` of shape (K, P), as views.

    Those of a ``single`` network have no axis of members.
    """
    attributes: dict[str, list[Any]] = {}
    for specs, views in zip(network.layout.specs, network.layout.view(theta).layers, strict=True):
        stored, arrays = iter(views), []
        for spec in specs:
            shape = (len(theta), *spec.shape)
            array = (
                next(stored).reshape(shape)
                if spec.constant is None
                else np.full(shape, spec.constant, theta.dtype)
            )
            arrays.append(array[0] if single else array)
        for name, of_layer in by_attribute(specs, arrays).items():
            attributes.setdefault(name, []).append(of_layer[0] if len(of_layer) == 1 else of_layer)
    return attributes


def by_attribute(specs: list[ParameterSpec], arrays: list[Array]) -> dict[str, list[Array]]:
    """Return the arrays of a layer by the attribute under which they are shown."""
    groups: dict[str, list[Array]] = {}
    for spec, array in zip(specs, arrays, strict=True):
        groups.setdefault(spec.attribute, []).append(array)
    return groups


def arrays_shown(attributes: Mapping[str, Any], names: Iterable[str]) -> list[Array]:
    """Return the arrays that the attributes of these ``names`` show."""
    entries = [entry for name in names for entry in attributes.get(name, ())]
    return [array for entry in entries for array in (entry if isinstance(entry, list) else [entry])]


@lru_cache(maxsize=64)
def attribute_names(network: Network) -> frozenset[str]:
    """Return the names of the attributes that show the network's parameters."""
    return frozenset(spec.attribute for specs in network.layout.specs for spec in specs)


def of_member(value: Any, k: int) -> Any:
    """Return what an attribute of an ensemble shows of one of its members."""
    return [of_member(entry, k) for entry in value] if isinstance(value, list) else value[k]


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """A network with the parameters that fitted attributes show; nothing is copied.

    The attributes count: also what a user has written into them.

    Parameters
    ----------
    network : Network
    views : list of lists of arrays
        What the attributes show, as the layers see it; not needed with ``flat``.
    flat : array of shape (K, P), default=None
        The one buffer that they show, if it is known.
    """

    network: Network
    views: list[list[Array]]
    flat: Array | None = None

    @property
    def layers(self) -> list[list[Array]]:
        """The views that the layers see."""
        return self.views if self.flat is None else self.network.layout.view(self.flat).layers

    @classmethod
    def of(cls, network: Network, attributes: Mapping[str, Any]) -> FittedNetwork:
        """Return the network that fitted attributes show.

        Raises
        ------
        ValueError
            If the attributes show arrays of other shapes than the network has.
        """
        entries = {name: iter(attributes.get(name, ())) for name in attribute_names(network)}
        single: bool | None = None
        layers: list[list[Array]] = []
        for i, specs in enumerate(network.layout.specs):
            if not specs:
                layers.append([])
                continue
            arrays = [np.asarray(array) for array in arrays_of_layer(specs, entries, i)]
            if single is None:
                single = arrays[0].ndim == len(specs[0].shape)
            if single:
                arrays = [array[np.newaxis] for array in arrays]
            check_arrays(specs, arrays, f"layer {i}, {type(network.layers[i]).__name__}")
            layers.append(
                [
                    array[:, np.newaxis] if len(spec.shape) == 1 else array
                    for spec, array in zip(specs, arrays, strict=True)
                    if spec.constant is None
                ]
            )
        return cls(network, layers)

    @property
    def dtype(self) -> Any:
        """The precision of the parameters."""
        return np.result_type(*(array.dtype for layer in self.layers for array in layer))

    @property
    def n_networks(self) -> int:
        """How many networks there are: one, or the members of an ensemble."""
        if self.flat is not None:
            return len(self.flat)
        return next(len(array) for layer in self.layers for array in layer)

    def cast(self, dtype: Any) -> list[list[Array]]:
        """Return the views that the layers see in another precision."""
        return [[array.astype(dtype, copy=False) for array in layer] for layer in self.layers]

    def theta(self, dtype: Any) -> Array:
        """Return the parameters as a new flat buffer (K, P)."""
        if self.flat is not None:
            return self.flat.astype(dtype)
        theta = np.empty((self.n_networks, self.network.layout.n_parameters), dtype=dtype)
        for views, arrays in zip(self.network.layout.view(theta).layers, self.layers, strict=True):
            for view, array in zip(views, arrays, strict=True):
                view[...] = array
        return theta


def arrays_of_layer(
    specs: list[ParameterSpec], entries: Mapping[str, Iterator[Any]], layer: int
) -> list[Array]:
    """Return the arrays of a layer, taken from the next entries of its attributes."""
    groups, names = {}, [spec.attribute for spec in specs]
    for name in dict.fromkeys(names):
        entry = next(entries[name], None)
        if entry is None:
            raise ValueError(
                f"{name} has no entry for layer {layer}: the network has more layers than that."
            )
        groups[name] = iter([entry] if names.count(name) == 1 else entry)
    return [next(groups[name]) for name in names]


def check_arrays(specs: list[ParameterSpec], arrays: list[Array], where: str) -> None:
    """Raise an error unless the arrays (K, ...) of a layer are as its specs say."""
    for spec, array in zip(specs, arrays, strict=True):
        if array.shape[1:] != spec.shape:
            raise ValueError(
                f"{spec.attribute}: the {spec.name} of {where} have shape {array.shape[1:]}, expected"
                f" {spec.shape}, by the layer before and the other arrays of this one."
            )
        if spec.constant is not None and (array != spec.constant).any():
            raise ValueError(
                f"{spec.attribute}: the {spec.name} of {where} must stay {spec.constant}: the layer does"
                " not use them."
            )
