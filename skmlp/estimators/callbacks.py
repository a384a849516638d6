"""scikit-learn's callbacks, called at each epoch.

scikit-learn has callbacks from 1.9 on. Before that, estimators have no ``set_callbacks``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from skmlp.fitting.monitors import FitMonitor
from skmlp.fitting.problem import Problem
from skmlp.training.result import Epoch, Monitor

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


def monitor_of(estimator: Any, problem: Problem) -> FitMonitor:
    """Return what watches the fit of an estimator; callbacks do not watch ``partial_fit``."""
    listens = HAS_CALLBACKS and has_callbacks(estimator) and not problem.incremental
    return FitMonitor(problem.choices, [CallbackMonitor(estimator, problem)] if listens else [])


class CallbackMonitor(Monitor):
    """Makes each epoch a task of scikit-learn's callbacks.

    Parameters
    ----------
    estimator : the estimator that is being fitted
    problem : Problem
    """

    def __init__(self, estimator: Any, problem: Problem) -> None:
        given, choices = problem.reading.data, problem.choices
        metadata = None if given.sample_weight is None else {"sample_weight": given.sample_weight}
        self.data = {"estimator": estimator, "X": given.features, "y": given.labels, "metadata": metadata}
        self.problem = problem
        # Full-batch solvers train the members of an ensemble one after the other.
        runs = 1 if choices.is_stochastic else choices.n_members
        self.context = estimator._init_callback_context(max_subtasks=runs * choices.max_iter)
        self.context.call_on_fit_task_begin(**self.data)
        self.epoch_context: Any = None

    def begin(self, index: int) -> None:
        self.epoch_context = self.context.subcontext(task_name="epoch")
        self.epoch_context.call_on_fit_task_begin(**self.data)

    def end(self, epoch: Epoch) -> bool:
        context, self.epoch_context = self.epoch_context, None
        return bool(
            context.call_on_fit_task_end(
                **self.data,
                reconstruction_attributes=lambda: self._attributes(epoch),
            )
        )

    def _attributes(self, epoch: Epoch) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose training ended with this epoch."""
        loss = float(epoch.loss.mean())
        return self.problem.attributes_with(epoch.theta.copy()) | {"loss_": loss}

    def close(self) -> None:
        """End the fit, and an epoch that was left in the middle."""
        if self.epoch_context is not None:
            self.epoch_context.call_on_fit_task_end(**self.data)
        self.context.call_on_fit_task_end(**self.data, reconstruction_attributes={})
