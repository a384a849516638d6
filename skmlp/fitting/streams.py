"""The random streams that ``partial_fit`` and a warm start continue."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from skmlp.network.arrays import Array

Stream: TypeAlias = np.random.RandomState | dict[str, Any]
"""A random stream, or its state."""


class _NoSeed(ISeedSequence):
    """The seed of a stream that will continue another: to make a real one takes longer than a step."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Array:
        return np.ones(n_words, dtype)


def continued(stream: Stream) -> np.random.RandomState:
    """Return a new random stream that continues another: one that the user passed in is not rewound."""
    random_state = np.random.RandomState(np.random.MT19937(_NoSeed()))  # type: ignore[arg-type]
    random_state.set_state(state_of(stream))
    return random_state


def state_of(stream: Stream) -> dict[str, Any]:
    """Return the state of a random stream."""
    state: dict[str, Any] = stream if isinstance(stream, dict) else stream.get_state(legacy=False)
    return state


def at_rest(remembered: dict[str, Any]) -> dict[str, Any]:
    """Return what an estimator remembers of its optimizer as arrays, strings and numbers alone."""
    streams = remembered.get("random_states")
    return remembered | {"random_states": [*map(state_of, streams)]} if streams else remembered
