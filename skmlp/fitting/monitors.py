"""What watches a fit: printed lines, a time limit, and several fits of one stack."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from skmlp.fitting.choices import Choices
from skmlp.training.result import Epoch, Monitor
from skmlp.training.stopping import StopReason


class Printer(Monitor):
    """Prints each epoch as scikit-learn does.

    Parameters
    ----------
    choices : Choices
    """

    def __init__(self, choices: Choices) -> None:
        self.tol, self.n_iter_no_change = choices.tol, choices.n_iter_no_change
        self.last_words = choices.schedule.last_words

    def end(self, epoch: Epoch) -> bool:
        # For an ensemble, means over the members that are still being trained.
        print(f"Iteration {epoch.index + 1}, loss = {epoch.loss.mean():.8f}")
        if epoch.score is not None:
            print(f"Validation score: {epoch.score.mean():f}")
        for rate in epoch.new_rate.values():
            print(f"{self._no_improvement(epoch)} Setting learning rate to {rate:f}")
        if StopReason.NO_IMPROVEMENT in epoch.stopped.values():
            print(f"{self._no_improvement(epoch)}{self.last_words} Stopping.")
        return False

    def _no_improvement(self, epoch: Epoch) -> str:
        what = "Training loss" if epoch.score is None else "Validation score"
        return (
            f"{what} did not improve more than tol={self.tol:f} for"
            f" {self.n_iter_no_change} consecutive epochs."
        )


class TimeLimit(Monitor):
    """Asks to stop after the epoch in which the time is up.

    Parameters
    ----------
    seconds : float
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.start, self.is_up = seconds, time.monotonic(), False

    def end(self, epoch: Epoch) -> bool:
        self.is_up = time.monotonic() - self.start >= self.seconds
        return self.is_up


class FitMonitor(Monitor):
    """All that watches a fit.

    Parameters
    ----------
    choices : Choices
    others : sequence of Monitor, default=()
        Those that know the estimator.
    """

    def __init__(self, choices: Choices, others: Sequence[Monitor] = ()) -> None:
        self.time_limit = None if choices.max_time is None else TimeLimit(choices.max_time)
        own = [monitor for monitor in (self.time_limit, choices.verbose and Printer(choices)) if monitor]
        self.monitors: list[Monitor] = [*own, *others]

    @property
    def time_is_up(self) -> bool:
        """Whether ``max_time`` has ended training."""
        return self.time_limit is not None and self.time_limit.is_up

    def begin(self, index: int) -> None:
        for monitor in self.monitors:
            monitor.begin(index)

    def end(self, epoch: Epoch) -> bool:
        # Every monitor is called, even if the first asks to stop.
        stops = [monitor.end(epoch) for monitor in self.monitors]
        return any(stops)

    def close(self) -> None:
        for monitor in self.monitors:
            monitor.close()


class StackMonitor(Monitor):
    """Calls the monitor of each fit with its own networks, and stops only these.

    Parameters
    ----------
    monitors : list of Monitor
        One per fit.
    stack : list of slice
        The networks of each fit.
    """

    def __init__(self, monitors: Sequence[Monitor], stack: list[slice]) -> None:
        self.monitors, self.stack = monitors, stack
        self.ended = [False] * len(monitors)

    def begin(self, index: int) -> None:
        for monitor, ended in zip(self.monitors, self.ended, strict=True):
            if not ended:
                monitor.begin(index)

    def end(self, epoch: Epoch) -> bool:
        """Return False: a fit whose monitor asks to stop is stopped by the ``epoch``'s own entries."""
        for i, (monitor, own) in enumerate(zip(self.monitors, self.stack, strict=True)):
            if self.ended[i]:
                continue
            networks = [k for k in epoch.networks.tolist() if own.start <= k < own.stop]
            if monitor.end(self._of_fit(epoch, networks, own.start)):
                for network in networks:
                    epoch.stopped.setdefault(network, StopReason.CALLBACK)
            self.ended[i] = all(network in epoch.stopped for network in networks)
        return False

    def close(self) -> None:
        for monitor in self.monitors:
            monitor.close()

    @staticmethod
    def _of_fit(epoch: Epoch, networks: list[int], start: int) -> Epoch:
        """Return the epoch for some of the ``networks`` of the stack."""
        rows = np.flatnonzero(np.isin(epoch.networks, networks))
        return Epoch(
            epoch.index,
            epoch.networks[rows] - start,
            epoch.theta[rows],
            epoch.loss[rows],
            None if epoch.score is None else epoch.score[rows],
            {k - start: epoch.new_rate[k] for k in networks if k in epoch.new_rate},
            {k - start: epoch.stopped[k] for k in networks if k in epoch.stopped},
        )
