"""What a ``partial_fit`` has made that the next one can use again: to make it takes longer than a step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skmlp.fitting.choices import Choices
from skmlp.training.stack import Setup


@dataclass(eq=False)
class Reusable:
    """Choices, buffers and random streams, for one call at a time.

    Attributes
    ----------
    choices : Choices
    setup : Setup, or None
        Its batches hold no samples between the calls.
    random_states : list of numpy.random.RandomState
        What shuffles the rows, where ``optimizer_state`` says that it is.
    optimizer_state : dict, or None
        The state of the estimator, see `skmlp.fitting.resuming`, that all this belongs to.
    """

    choices: Choices
    setup: Setup | None = None
    random_states: list[np.random.RandomState] = field(default_factory=list)
    optimizer_state: dict[str, Any] | None = None

    def is_chosen_by(self, estimator: Any, names: Iterable[str]) -> bool:
        """Return whether these parameters of ``estimator`` are the same objects as before, and plain."""
        return all(is_same(getattr(estimator, name), self.choices.params[name]) for name in names)


def is_same(value: Any, before: Any) -> bool:
    """Return whether a parameter is what it was: other than plain values may have changed inside."""
    if type(value) is tuple:
        return type(before) is tuple and len(value) == len(before) and all(map(is_same, value, before))
    return value is before and (value is None or type(value) in (str, int, float, bool))
