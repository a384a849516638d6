"""What is told while an estimator is fitted: printed lines, and scikit-learn's callbacks.

scikit-learn has callbacks from 1.9 on. Before that, estimators have no ``set_callbacks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

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


class Monitors(Monitor):
    """Several monitors as one."""

    def __init__(self, monitors: Iterable[Monitor]) -> None:
        self.monitors = list(monitors)

    def begin(self, index: int) -> None:
        for monitor in self.monitors:
            monitor.begin(index)

    def end(self, epoch: Epoch) -> bool:
        # Every monitor is told, even if the first asks to stop.
        stops = [monitor.end(epoch) for monitor in self.monitors]
        return any(stops)


class Printer(Monitor):
    """Prints each epoch as scikit-learn does.

    Parameters
    ----------
    tol : float
    n_iter_no_change : float
        For the message at the end.
    """

    def __init__(self, tol: float, n_iter_no_change: float) -> None:
        self.tol, self.n_iter_no_change = tol, n_iter_no_change

    def end(self, epoch: Epoch) -> bool:
        print(f"Iteration {epoch.index + 1}, loss = {epoch.loss[0]:.8f}")
        if epoch.score is not None:
            print(f"Validation score: {epoch.score[0]:f}")
        for rate in epoch.new_rate.values():
            print(f"{self._no_improvement(epoch)} Setting learning rate to {rate:f}")
        if StopReason.NO_IMPROVEMENT in epoch.stopped.values():
            print(f"{self._no_improvement(epoch)} Stopping.")
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
    max_iter : int
    X, y, sample_weight : what ``fit`` was given, validated
    fitted_attributes : callable
        From an Epoch to the attributes of an estimator that can predict.
    """

    def __init__(
        self,
        estimator: Any,
        max_iter: int,
        X: Any,
        y: Any,
        sample_weight: Any,
        fitted_attributes: Callable[[Epoch], dict[str, Any]],
    ) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.fitted_attributes = fitted_attributes
        self.context = estimator._init_callback_context(max_subtasks=max_iter)
        self.context.call_on_fit_task_begin(**self.data)
        self.epoch_context: Any = None

    def begin(self, index: int) -> None:
        self.epoch_context = self.context.subcontext(task_name="epoch")
        self.epoch_context.call_on_fit_task_begin(**self.data)

    def end(self, epoch: Epoch) -> bool:
        context, self.epoch_context = self.epoch_context, None
        return bool(
            context.call_on_fit_task_end(
                **self.data, reconstruction_attributes=lambda: self.fitted_attributes(epoch)
            )
        )

    def close(self) -> None:
        """End the fit, and an epoch that was left in the middle."""
        if self.epoch_context is not None:
            self.epoch_context.call_on_fit_task_end(**self.data)
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})
