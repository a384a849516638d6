"""What a ``partial_fit`` has made that the next one can use again: to make it takes longer than a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from skmlp.fitting.choices import Choices
from skmlp.fitting.publishing import FittedNetwork, arrays_shown, attribute_names
from skmlp.network.arrays import Array
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
    params : tuple, or None
        The parameters of the estimator; None if they may change inside.
    fitted : FittedNetwork, or None
        What the fitted attributes show, if they still show the same ``arrays``.
    arrays : list of arrays
    """

    choices: Choices
    setup: Setup | None = None
    random_states: list[np.random.RandomState] = field(default_factory=list)
    optimizer_state: dict[str, Any] | None = None
    params: tuple[Any, ...] | None = None
    fitted: FittedNetwork | None = None
    arrays: list[Array] = field(default_factory=list)

    def belongs_to(self, estimator: Any, params: tuple[Any, ...], fitted: FittedNetwork) -> None:
        """Note what the ``estimator`` is: its parameters, and the network that it shows."""
        attributes = vars(estimator)
        self.optimizer_state = attributes["_optimizer_state"]
        self.params = params if self.is_chosen_by(params) or is_plain(params) else None
        self.fitted = fitted
        self.arrays = arrays_shown(attributes, attribute_names(fitted.network))

    def fitted_of(self, estimator: Any) -> FittedNetwork | None:
        """Return the network that ``estimator`` shows, if it is still the same."""
        if self.fitted is None:
            return None
        arrays = arrays_shown(vars(estimator), attribute_names(self.fitted.network))
        is_same = len(arrays) == len(self.arrays) and all(map(is_, arrays, self.arrays))
        return self.fitted if is_same else None

    def is_chosen_by(self, params: tuple[Any, ...]) -> bool:
        """Return whether the parameters are the same objects as before, and plain."""
        return self.params is not None and all(map(is_, params, self.params))


def is_plain(value: Any) -> bool:
    """Return whether a parameter cannot change inside."""
    if type(value) is tuple:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
