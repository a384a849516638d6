"""What ``partial_fit`` leaves for its next call in this process, apart from the fitted attributes.

An estimator hands it over for good: if a call fails, the next one makes everything anew. Copies and pickles
do not have it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from skmlp.fitting.publishing import FittedNetwork
from skmlp.fitting.reusable import Reusable

_left: WeakKeyDictionary[Any, Reusable] = WeakKeyDictionary()


def leave(estimator: Any, reusable: Reusable, params: tuple[Any, ...], fitted: FittedNetwork) -> None:
    """Keep what the next call can use of an estimator with these parameters, which shows this network."""
    if isinstance(estimator, Hashable):  # a subclass need not be
        reusable.belongs_to(estimator, params, fitted)
        _left[estimator] = reusable


def left_by(estimator: Any) -> Reusable | None:
    """Return what the last call has left, if the estimator is still as it was then."""
    reusable = _left.get(estimator) if isinstance(estimator, Hashable) else None
    is_own = reusable is not None and reusable.optimizer_state is getattr(estimator, "_optimizer_state", 0)
    return reusable if is_own else None


def take_from(estimator: Any) -> Reusable | None:
    """Return what the last call has left; nobody else gets it."""
    return None if left_by(estimator) is None else _left.pop(estimator, None)
