"""What is told while an estimator is fitted: printed lines, and scikit-learn's callbacks.

scikit-learn has callbacks from 1.9 on. Before that, estimators have no ``set_callbacks``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from skmlp.estimators.choices import schedule_of
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
        print(f"Iteration {epoch.index + 1}, loss = {epoch.loss[0]:.8f}")
        if epoch.score is not None:
            print(f"Validation score: {epoch.score[0]:f}")
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


class CallbackMonitor(Monitor):
    """Makes each epoch a task of scikit-learn's callbacks.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    X, y, sample_weight : what ``fit`` was given, validated
    network : Network
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, network: Network) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.estimator, self.network = estimator, network
        self.context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
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
    X, y, sample_weight : what ``fit`` was given, validated
    network : Network
    with_callbacks : bool
        Whether scikit-learn's callbacks are told.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, network: Network, *, with_callbacks: bool
    ) -> None:
        self.monitors: list[Monitor] = []
        if estimator.verbose:
            self.monitors.append(Printer(estimator))
        if HAS_CALLBACKS and with_callbacks:
            self.monitors.append(CallbackMonitor(estimator, X, y, sample_weight, network))

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
