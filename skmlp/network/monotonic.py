"""Networks that rise (or fall) with some of their inputs, whatever the others are: by construction.

Weights that have a sign, and activations that rise, make every unit rise; those with a kink one way only
(ReLU) would also make it convex, so half of the units are mirrored [Runje & Shankaranarayana 2023].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from skmlp.network.activations import Activation
from skmlp.network.arrays import Array
from skmlp.network.network import Network

Bounds: TypeAlias = tuple[Array, Array]
"""The lowest and the highest values of all parameters, each of shape (P,)."""


def bounds_of(network: Network, signs: Sequence[int], dtype: np.dtype[np.floating]) -> Bounds:
    """Return the bounds of the parameters within which the network is monotonic [docs, eq. (61)].

    Parameters
    ----------
    network : Network
    signs : sequence of n_inputs int
        1 for an input with which the raw scores rise, -1 for one with which they fall, 0 for any other.
    dtype : dtype
    """
    lowest = np.full((1, network.layout.n_parameters), -np.inf, dtype)
    highest, of_inputs = -lowest, np.array(signs)[:, np.newaxis]
    of_layers = [[spec.attribute for spec in specs] for specs in network.layout.specs]
    last = max(i for i, attributes in enumerate(of_layers) if "coefs_" in attributes)
    views = (network.layout.view(bound).layers for bound in (lowest, highest))
    before = of_inputs
    for i, (attributes, low, high) in enumerate(zip(of_layers, *views, strict=True)):
        if "coefs_" in attributes:
            n_units = low[0].shape[-1]
            # Behind free inputs, every other unit stays free: it sees nothing that has a sign.
            after = np.arange(n_units) % 2 if i < last and (before == 0).any() else np.ones(n_units)
            low[0][0][(before > 0) | (before != 0) & (after == 0)] = 0
            high[0][0][(before < 0) | (before != 0) & (after == 0)] = 0
            before = after[:, np.newaxis]
        elif "skip_coefs_" in attributes:
            low[0][0][of_inputs[:, 0] > 0] = 0
            high[0][0][of_inputs[:, 0] < 0] = 0
    return lowest[0], highest[0]


def reflect(theta: Array, bounds: Bounds) -> None:
    """Bring initial parameters ``theta`` (K, P) within the bounds: what is beyond changes its sign."""
    lowest, highest = bounds
    np.negative(theta, where=(theta < lowest) | (theta > highest), out=theta)
    project(theta, bounds)


def project(theta: Array, bounds: Bounds) -> None:
    """Move parameters ``theta`` (K, P) to the nearest ones within the bounds."""
    np.clip(theta, *bounds, out=theta)


@dataclass(frozen=True)
class Mirrored(Activation):
    """f(z) in the first half of the units, -f(-z) in the others.

    What is convex in some units is concave in others [Runje & Shankaranarayana 2023, eq. 5 and 6].

    Parameters
    ----------
    activation : Activation
    """

    activation: Activation

    @property
    def n_memos(self) -> int:  # type: ignore[override]
        """The number of arrays in ``memo``."""
        return self.activation.n_memos

    @property
    def glorot_factor(self) -> float:  # type: ignore[override]
        """As without the mirror."""
        return self.activation.glorot_factor

    @property
    def is_rising(self) -> bool:  # type: ignore[override]
        """Whether f(z) never falls."""
        return self.activation.is_rising

    @property
    def piecewise_linear(self) -> bool:  # type: ignore[override]
        """As without the mirror."""
        return self.activation.piecewise_linear

    def forward(self, z: Array, memo: Array) -> None:
        others = self._others(z)
        np.negative(others, out=others)
        self.activation.forward(z, memo)
        np.negative(others, out=others)

    def backward(self, h: Array, delta: Array, memo: Array) -> None:
        others = self._others(h)
        np.negative(others, out=others)
        self.activation.backward(h, delta, memo)  # -f(-z) has the slope f'(-z)
        np.negative(others, out=others)

    def curvature(self, z: Array) -> Array:
        z = z.copy()
        np.negative(self._others(z), out=self._others(z))
        curvature = self.activation.curvature(z)
        np.negative(self._others(curvature), out=self._others(curvature))
        return curvature

    @staticmethod
    def _others(h: Array) -> Array:
        return h[..., (h.shape[-1] + 1) // 2 :]
