"""Learning rates over time, and what else changes with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.arrays import Array
from skmlp.network.hyperparameters import check_field, within


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rates of K networks change: with progress, between epochs, and on a plateau.

    A custom schedule overrides `factor`, `after_epoch` or `on_plateau`. One that overrides `factor` alone
    may also be that of weight decay or dropout: what is said of the rate is then said of these.

    Parameters
    ----------
    warmup : float in [0, 1), default=0.0
        The rate rises linearly to that of the schedule in this part of all steps [Goyal et al. 2017,
        section 2.2; docs, eq. (46)].
    n_epochs : int >= 1, default=None
        The number of epochs that is planned for, by warm starts and calls to ``partial_fit`` together;
        None: ``max_iter``, and each fit that is not cut short completes its plan. Training ends at the end
        of the plan if the rate `needs_the_end`; else ``n_epochs`` only measures the warm-up.
    """

    name: ClassVar[str]
    last_words: ClassVar[str] = ""
    """What is added to the message when a plateau ends training."""
    needs_the_end: ClassVar[bool] = False
    """Whether the rate depends on how many steps there will be."""
    warmup: float = 0.0
    n_epochs: int | None = None

    def __post_init__(self) -> None:
        check_field(self, "warmup", within(self.warmup, 0, 1), "in [0, 1)")
        n_epochs = self.n_epochs
        is_valid = n_epochs is None or (isinstance(n_epochs, int | np.integer) and n_epochs >= 1)
        check_field(self, "n_epochs", is_valid, "a positive integer or None")

    @classmethod
    def is_by_the_step(cls) -> bool:
        """Return whether `factor` says all: neither an epoch nor a plateau changes the rate."""
        return cls.after_epoch is Schedule.after_epoch and cls.on_plateau is Schedule.on_plateau

    def factors(self, steps: Array, n_steps: int) -> Array:
        """Return what the rates of ``steps``, counted from 0, are multiplied by.

        ``n_steps`` is how many there will be if nothing stops training early.
        """
        factors = self.factor(np.minimum(steps / n_steps, 1.0))
        if self.warmup:
            factors = factors * np.minimum(1.0, (steps + 1) / (self.warmup * n_steps))
        return factors

    def factor(self, progress: Array) -> Array:
        """Return the factor on the rate where ``progress`` in [0, 1] of training is done."""
        return np.ones_like(progress)

    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        """Return the rates of the next epoch; all arrays have shape (K,)."""
        return rate

    def on_plateau(self, rate: Array) -> tuple[Array, Array]:
        """Return the rates after training has stopped improving, and which networks should stop."""
        return rate, np.ones(rate.shape, dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The initial rate throughout."""

    name: ClassVar[str] = "constant"


@dataclass(frozen=True, kw_only=True)
class InverseScaling(Schedule):
    """The initial rate over (t + 1)^power_t, where t counts the samples seen [docs, eq. (22)].

    Parameters
    ----------
    power_t : float >= 0, default=0.5
        How fast the rate falls.
    """

    name: ClassVar[str] = "invscaling"
    power_t: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self, "power_t", within(self.power_t, 0, np.inf), "at least 0, and finite")

    def after_epoch(self, rate: Array, initial: Array, samples_seen: Array) -> Array:
        return np.asarray(initial / (samples_seen + 1) ** self.power_t)


@dataclass(frozen=True, kw_only=True)
class Adaptive(Schedule):
    """The initial rate, divided by 5 on every plateau, down to 1e-6 [docs, eq. (23)]."""

    name: ClassVar[str] = "adaptive"
    last_words: ClassVar[str] = " Learning rate too small."

    def on_plateau(self, rate: Array) -> tuple[Array, Array]:
        stop = rate <= 1e-6
        return np.where(stop, rate, rate / 5), stop


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """From the initial rate to zero in a straight line [docs, eq. (47)]."""

    name: ClassVar[str] = "linear"
    needs_the_end: ClassVar[bool] = True

    def factor(self, progress: Array) -> Array:
        return 1 - progress


def half_cosine(begin: float, end: float, share: Array) -> Array:
    """Return the way from ``begin`` to ``end`` where ``share`` of it is done."""
    return np.asarray(end + (begin - end) * 0.5 * (1 + np.cos(np.pi * share)))


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """From the initial rate to zero by half a cosine [Loshchilov & Hutter 2017, eq. 5; docs, eq. (48)]."""

    name: ClassVar[str] = "cosine"
    needs_the_end: ClassVar[bool] = True

    def factor(self, progress: Array) -> Array:
        return half_cosine(1, 0, progress)


@dataclass(frozen=True, kw_only=True)
class FlatCosine(Schedule):
    """The initial rate for half of training, then down to zero by half a cosine [Holzmüller et al. 2024].

    See docs, eq. (48), of max(0, 2 p - 1).
    """

    name: ClassVar[str] = "flat_cosine"
    needs_the_end: ClassVar[bool] = True

    def factor(self, progress: Array) -> Array:
        return half_cosine(1, 0, np.maximum(0, 2 * progress - 1))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Up to the initial rate and down to almost zero, by half a cosine each [Smith & Topin 2018].

    See docs, eq. (51).

    Parameters
    ----------
    rise : float in (0, 1), default=0.3
        The part of training in which the rate rises.
    start, end : float >= 0, default=1/25 and 1/25/1e4
        The first and the last factor on the initial rate.
    """

    name: ClassVar[str] = "one_cycle"
    needs_the_end: ClassVar[bool] = True
    rise: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25 / 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self, "rise", within(self.rise, 0, 1, open_low=True), "between 0 and 1")
        for name in ("start", "end"):
            check_field(self, name, within(getattr(self, name), 0, math.inf), "at least 0 and finite")

    def factor(self, progress: Array) -> Array:
        up = half_cosine(self.start, 1, progress / self.rise)
        down = half_cosine(1, self.end, (progress - self.rise) / (1 - self.rise))
        return np.where(progress < self.rise, up, down)


SCHEDULES: dict[str, type[Schedule]] = {
    schedule.name: schedule
    for schedule in (Constant, InverseScaling, Adaptive, Linear, Cosine, FlatCosine, OneCycle)
}
"""Every schedule by its name."""
