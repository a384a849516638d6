"""Learning rates over time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.arrays import Array


@dataclass(frozen=True)
class Schedule(ABC):
    """How the learning rates of K networks change between epochs."""

    name: ClassVar[str]
    last_words: ClassVar[str] = ""
    """What to say when a plateau ends training."""

    @abstractmethod
    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        """Return the rates of the next epoch; all arrays have shape (K,)."""

    def on_plateau(self, rate: Array) -> tuple[Array, Array]:
        """Return the rates after training has ceased to improve, and which networks should stop."""
        return rate, np.ones(rate.shape, dtype=bool)


@dataclass(frozen=True)
class Constant(Schedule):
    """The initial rate throughout."""

    name: ClassVar[str] = "constant"

    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        return rate


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """rate = initial / (t + 1)^power_t, where t counts the samples seen [docs, eq. (22)].

    Parameters
    ----------
    power_t : float, default=0.5
    """

    name: ClassVar[str] = "invscaling"
    power_t: float = 0.5

    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        return np.asarray(initial / (samples_seen + 1) ** self.power_t)


@dataclass(frozen=True)
class Adaptive(Schedule):
    """The initial rate, divided by 5 on every plateau, down to 1e-6 [docs, eq. (23)]."""

    name: ClassVar[str] = "adaptive"
    last_words: ClassVar[str] = " Learning rate too small."

    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        return rate

    def on_plateau(self, rate: Array) -> tuple[Array, Array]:
        stop = rate <= 1e-6
        return np.where(stop, rate, rate / 5), stop


SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule for schedule in (Constant, InverseScaling, Adaptive)
}
"""Every schedule by its name."""
