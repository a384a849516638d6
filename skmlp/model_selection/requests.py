"""What a worker is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from skmlp.fitting.choices import Choices
from skmlp.model_selection.samples import TrainingPart
from skmlp.training.result import TrainingResult
from skmlp.training.state import State


class NotTrainedError(RuntimeError):
    """A fit that an interruption came before."""


@dataclass(eq=False)
class FitRequest:
    """A fit to be made.

    Attributes
    ----------
    index : int
        Its place among all fits that were asked for.
    estimator : object
        With its parameters set: a network, or whatever is not to be taken apart. A clone of it is fitted.
    choices : Choices, or None
        What the parameters of its network choose; None if they are invalid, or there is no network.
    part : TrainingPart
    wrappers : hashable, or None
        What the wrappers of its network have in common with those that do the same; None if there are none.
    before : State, or None
        From where training continues.
    for_user : bool, default=False
        Whether the user gets the estimator, and may go on with ``partial_fit``: it keeps the state of its
        optimizer, as after any ``fit``. Of fits that wait to be scored only the weights are kept.
    context : object, or None
        scikit-learn's callback context of the fit.
    caller : object, or None
        The estimator that callbacks are given for that context.
    """

    index: int
    estimator: Any
    choices: Choices | None
    part: TrainingPart
    wrappers: Hashable = None
    before: State | None = None
    for_user: bool = False
    context: Any = None
    caller: Any = None


@dataclass
class FitResult:
    """What became of a fit.

    Attributes
    ----------
    index : int
    estimator : object
        Fitted, unless there is an ``error``.
    seconds : float
        The time of the fit: its share in that of a stack.
    error : Exception, or None
    result : TrainingResult, or None
        What became of its networks, if that was asked for and training can be continued.
    """

    index: int
    estimator: Any = None
    seconds: float = 0.0
    error: Exception | None = None
    result: TrainingResult | None = None

    def interrupt(self) -> None:
        """Note that an interruption came before the end of the fit."""
        self.error = NotTrainedError("An interruption came before the end of this fit.")

    @property
    def interrupted(self) -> bool:
        """Whether the fit did not come to its end because of an interruption."""
        return isinstance(self.error, NotTrainedError)
