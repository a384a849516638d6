"""A display of training: loss, validation and learning rate of each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp.inspection.plotting import BLUE, GREEN, GREY, ORANGE, axes_for, check_is_network

UNITS = {"lbfgs": "iteration", "lm": "iteration", "es": "generation"}
"""The unit of each solver that does not count epochs."""


@dataclass(eq=False, repr=False, kw_only=True)
class LossCurveDisplay:
    """Loss, validation and learning rate, epoch by epoch.

    Create it by :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    loss : sequence of float
        The training loss of each epoch.
    validation_loss : sequence of float, default=None
        The loss on the validation data. A sequence shorter than ``loss`` belongs to the last epochs.
    validation_scores : sequence of float, default=None
        The score on the validation data, drawn on a separate axis on the right.
    best_iter : int, default=None
        The epoch, counted from 1, whose weights are kept.
    learning_rate : sequence of float, default=None
        The learning rate at the end of each epoch.
    unit : str, default='epoch'
        The label of the horizontal axis: 'epoch', 'iteration' or 'generation'.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
        The axes with the losses.
    score_ax_ : matplotlib Axes or None
        The axes with the validation scores.
    learning_rate_ax_ : matplotlib Axes or None
        The axes with the learning rate.
    lines_ : list of matplotlib Line2D
        One per curve, then the vertical line at the best epoch; each has a label.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), early_stopping=True, learning_rate_init=0.02, random_state=0)
    >>> display = LossCurveDisplay.from_estimator(classifier.fit(X, y))
    >>> [line.get_label() for line in display.lines_[:-1]]
    ['training loss', 'validation loss', 'validation score']
    """

    loss: Any
    validation_loss: Any = None
    validation_scores: Any = None
    best_iter: int | None = None
    learning_rate: Any = None
    unit: str = "epoch"

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, log: bool = False, learning_rate: bool | str = "auto", ax: Any = None
    ) -> LossCurveDisplay:
        """Draw the curves of a fitted network.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            A fitted estimator. For an ensemble, the means over its members are drawn, without a best epoch.
            Scores that are minus the validation loss (``scoring="loss"``) are left out.
        log : bool, default=False
            Whether the losses have a logarithmic scale.
        learning_rate : {'auto', True, False}, default='auto'
            Whether to draw the learning rate, below the losses; 'auto': only if it changes.
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no loss curve.
        """
        check_is_network(estimator, "loss_curve_")
        loss = estimator.loss_curve_
        validation_loss = getattr(estimator, "validation_loss_curve_", None)
        scores = getattr(estimator, "validation_scores_", None)
        best_iter = None
        if scores is not None and hasattr(estimator, "best_iter_") and estimator.coefs_[0].ndim == 2:
            # best_iter_ counts the epochs of the last call, but a warm start extends the curves.
            best_iter = len(loss) - estimator.n_iter_ + estimator.best_iter_
        if scores is not None and validation_loss is not None and len(scores) == len(validation_loss):
            same = np.allclose(scores, np.negative(validation_loss))
            scores = None if same else scores
        display = cls(
            loss=loss,
            validation_loss=validation_loss,
            validation_scores=scores,
            best_iter=best_iter,
            learning_rate=getattr(estimator, "learning_rate_curve_", None),
            unit=UNITS.get(str(getattr(estimator, "solver", None)), "epoch"),
        )
        return display.plot(ax, log=log, learning_rate=learning_rate)

    def plot(
        self, ax: Any = None, *, log: bool = False, learning_rate: bool | str = "auto"
    ) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure. It is split if the learning rate is drawn below the losses.
        log : bool, default=False
            Whether the losses have a logarithmic scale.
        learning_rate : {'auto', True, False}, default='auto'
            Whether to draw the learning rate; 'auto': only if it changes.

        Returns
        -------
        self : LossCurveDisplay
        """
        with_rate = self._draws_learning_rate(learning_rate)
        self._check_log(log)
        self.ax_ = ax = axes_for("LossCurveDisplay.plot", ax, (6.4, 4.6 if with_rate else 3.6))
        self.figure_ = ax.figure
        self.score_ax_: Any = None
        self.learning_rate_ax_: Any = None
        if with_rate:
            self._split(ax)
        self.lines_: list[Any] = []
        self._draw_curve(ax, self.loss, "training loss", BLUE, "-")
        if self.validation_loss is not None:
            self._draw_curve(ax, self.validation_loss, "validation loss", ORANGE, "--")
        ax.set_ylabel("loss")
        if log:
            ax.set_yscale("log")
        if self.validation_scores is not None:
            self._draw_scores(ax)
        if with_rate:
            self._draw_learning_rate()
        if self.best_iter is not None:
            label = f"best {self.unit}: {self.best_iter}"
            self.lines_.append(ax.axvline(self.best_iter, color=GREY, linestyle=":", label=label))
        lowest = self.learning_rate_ax_ or ax
        lowest.set_xlabel(self.unit)
        lowest.xaxis.get_major_locator().set_params(integer=True)
        self._draw_legend(ax)
        return self

    def _draws_learning_rate(self, learning_rate: bool | str) -> bool:
        if learning_rate not in ("auto", True, False):
            raise ValueError(f"learning_rate={learning_rate!r} must be 'auto', True or False.")
        if learning_rate == "auto":
            return self.learning_rate is not None and bool(np.ptp(self.learning_rate) > 0)
        if learning_rate and self.learning_rate is None:
            raise ValueError(
                "learning_rate=True, but there is no learning rate to draw (the solver has none): set"
                " learning_rate='auto' or False."
            )
        return bool(learning_rate)

    def _check_log(self, log: bool) -> None:
        lowest = min(min(self.loss), min(self.validation_loss or self.loss))
        if log and lowest <= 0:
            raise ValueError(
                f"log=True, but the lowest loss is {lowest:g}, and only positive numbers have a"
                " logarithm: set log=False."
            )

    def _draw_curve(self, ax: Any, values: Any, label: str, color: str, linestyle: str) -> None:
        last = len(self.loss)
        epochs = np.arange(last - len(values), last) + 1
        marker = "o" if len(values) == 1 else None
        self.lines_ += ax.plot(epochs, values, label=label, color=color, linestyle=linestyle, marker=marker)

    def _split(self, ax: Any) -> None:
        """Use the lower quarter of the axes for the learning rate."""
        place = ax.get_subplotspec()
        if place is None:
            raise ValueError(
                "The learning rate needs a part of ax's place in a grid, and this ax is in none: make it"
                " by plt.subplots, or set learning_rate=False."
            )
        above, below = place.subgridspec(2, 1, height_ratios=(3, 1), hspace=0.1)
        ax.set_subplotspec(above)
        self.learning_rate_ax_ = ax.figure.add_subplot(below, sharex=ax)
        ax.tick_params(labelbottom=False)

    def _draw_scores(self, ax: Any) -> None:
        self.score_ax_ = ax.twinx()
        self.score_ax_.spines["right"].set_visible(True)
        self.score_ax_.grid(False)
        self.score_ax_.set_ylabel("validation score")
        self._draw_curve(self.score_ax_, self.validation_scores, "validation score", GREEN, "-.")

    def _draw_learning_rate(self) -> None:
        ax = self.learning_rate_ax_
        self._draw_curve(ax, self.learning_rate, "learning rate", GREY, "-")
        ax.set(ylabel="learning\nrate", ylim=(0, 1.1 * max(self.learning_rate)))

    def _draw_legend(self, ax: Any) -> None:
        in_legend = [line for line in self.lines_ if line.get_label() != "learning rate"]
        if self.score_ax_ is None:
            ax.legend(handles=in_legend)
        else:  # no place inside two axes is certain to be free
            place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 2}
            ax.legend(handles=in_legend, frameon=False, **place)
