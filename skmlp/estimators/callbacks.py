"""What is told while an estimator is fitted: printed lines, and scikit-learn's callbacks.

scikit-learn has callbacks from 1.9 on. Before that, estimators have no ``set_callbacks``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from skmlp.estimators.choices import schedule_of
from skmlp.estimators.data import Data
from skmlp.network.network import Network
from skmlp.training.result import Epoch, Monitor
from skmlp.training.stopping import StopReason

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn < 1.9
    HAS_CALLBACKS = False
    Method = TypeVar("Method", bound=Callable[..., Any])

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator without callbacks."""

    def with_callbacks(method: Method) -> Method:
        """Return the method as it is."""
        return method


def has_callbacks(estimator: Any) -> bool:
    """Return whether anybody listens: the tasks of thousands of epochs would cost more than small nets."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


class Printer(Monitor):
    """Prints each epoch as scikit-learn does.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    """

    def __init__(self, estimator: Any) -> None:
        self.tol, self.n_iter_no_change = estimator.tol, estimator.n_iter_no_change
        self.last_words = schedule_of(estimator).last_words

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


class CallbackMonitor(Monitor):
    """Makes each epoch a task of scikit-learn's callbacks.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    data : Data
    network : Network
    """

    def __init__(self, estimator: Any, data: Data, network: Network) -> None:
        metadata = None if data.sample_weight is None else {"sample_weight": data.sample_weight}
        self.data = {"estimator": estimator, "X": data.X, "y": data.labels, "metadata": metadata}
        self.estimator, self.network = estimator, network
        # lbfgs trains the members of an ensemble one after the other.
        runs = 1 if estimator._is_stochastic() else estimator.n_members
        self.context = estimator._init_callback_context(max_subtasks=runs * estimator.max_iter)
        self.context.call_on_fit_task_begin(**self.data)
        self.epoch_context: Any = None

    def begin(self, index: int) -> None:
        self.epoch_context = self.context.subcontext(task_name="epoch")
        self.epoch_context.call_on_fit_task_begin(**self.data)

    def end(self, epoch: Epoch) -> bool:
        context, self.epoch_context = self.epoch_context, None
        return bool(
            context.call_on_fit_task_end(
                **self.data, reconstruction_attributes=lambda: self._fitted_attributes(epoch)
            )
        )

    def _fitted_attributes(self, epoch: Epoch) -> dict[str, Any]:
        weights: dict[str, Any] = self.estimator._fitted_weights(self.network, epoch.theta.copy())
        return weights

    def close(self) -> None:
        """End the fit, and an epoch that was left in the middle."""
        if self.epoch_context is not None:
            self.epoch_context.call_on_fit_task_end(**self.data)
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})


class FitMonitor(Monitor):
    """All that watches a fit.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    data : Data
    network : Network
    with_callbacks : bool
        Whether scikit-learn's callbacks are told.
    """

    def __init__(self, estimator: Any, data: Data, network: Network, *, with_callbacks: bool) -> None:
        self.monitors: list[Monitor] = []
        self.time_limit = None if estimator.max_time is None else TimeLimit(estimator.max_time)
        if self.time_limit is not None:
            self.monitors.append(self.time_limit)
        if estimator.verbose:
            self.monitors.append(Printer(estimator))
        if HAS_CALLBACKS and with_callbacks and has_callbacks(estimator):
            self.monitors.append(CallbackMonitor(estimator, data, network))

    def begin(self, index: int) -> None:
        for monitor in self.monitors:
            monitor.begin(index)

    def end(self, epoch: Epoch) -> bool:
        # Every monitor is told, even if the first asks to stop.
        stops = [monitor.end(epoch) for monitor in self.monitors]
        return any(stops)

    def close(self) -> None:
        """Tell the monitors that the fit is done."""
        for monitor in self.monitors:
            monitor.close()
