"""An animation of how the predictions of a network change in training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import unique_labels

from skmlp.estimators.callbacks import HAS_CALLBACKS
from skmlp.estimators.problems import choices_of
from skmlp.inspection.plotting import (
    BLUE,
    COLORS,
    GREY,
    ORANGE,
    axes_for,
    check_count,
    check_index,
    import_pyplot,
)
from skmlp.network.arrays import Array

KINDS = ("auto", "probability", "classes", "curve")


class TrainingAnimation:
    """A callback that records the predictions of a network after each epoch, as an animation.

    Call ``estimator.set_callbacks(TrainingAnimation())`` before ``fit``. It records the loss, and the
    decision surface of a classifier with two features or the curve of a regressor with one. The frames are
    kept as small arrays and drawn on demand. It needs scikit-learn 1.9 or newer.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), default=None
        The samples to draw, as the network sees them; None: those passed to ``fit``.
    y : array-like of shape (n_samples,), default=None
        Their targets; given together with X.
    kind : {'auto', 'probability', 'classes', 'curve'}, default='auto'
        What to draw: the probability of the second of two classes, the predicted classes, or the curve of a
        regressor. 'auto': the kind that fits the estimator; 'probability' if there are two classes.
    every : int, default=1
        Record a frame in every ``every``-th epoch (iteration, generation), starting with the first.
    max_frames : int, default=100
        Maximum number of frames; 2 or more. Whenever there are more, every second one is dropped.
    grid_resolution : int, default=100
        Points per axis at which predictions are recorded; 2 or more.

    Attributes
    ----------
    epochs_ : list of int
        The epoch after which each frame was recorded, counted from 1. The last frame is the network that
        ``fit`` keeps: with ``early_stopping``, that of the best epoch.
    frames_ : list of ndarray of shape (grid_resolution, grid_resolution) or (grid_resolution,)
        The predictions on the grid, at each of these epochs.
    loss_curve_ : list of float
        The training loss of each epoch; empty if the fit has failed.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.

    Notes
    -----
    One callback may see many fits, as in a ``GridSearchCV``: it keeps the last fit that began, which is
    the refit. If fits run in other processes, their frames stay there.

    In a ``Pipeline``, set it on the network itself, ``pipeline[-1].set_callbacks(...)``. It then draws the
    transformed features that the network sees. With ``standardize=True`` the network does the scaling, and
    the axes have the units of X.

    For an ensemble, it draws the mean over the members still in training. Ensembles with 'lbfgs', 'lm' or
    'es', which train the members one after the other, are refused.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import TrainingAnimation
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> animation = TrainingAnimation(every=5)  # doctest: +SKIP
    >>> classifier = MLPClassifier((20,), learning_rate_init=0.02, max_iter=500, random_state=0)
    >>> classifier.set_callbacks(animation).fit(X, y)  # doctest: +SKIP
    >>> animation.save("moons.gif")  # doctest: +SKIP
    """

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        *,
        kind: str = "auto",
        every: int = 1,
        max_frames: int = 100,
        grid_resolution: int = 100,
    ) -> None:
        if not HAS_CALLBACKS:
            raise ImportError(
                "TrainingAnimation needs the callbacks of scikit-learn 1.9 or newer, and this is version"
                f' {sklearn.__version__}: pip install "scikit-learn>=1.9".'
            )
        if (X is None) != (y is None):
            raise ValueError("X and y must be given together: one of them is None.")
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} must be one of {KINDS}.")
        check_count("every", every, lowest=1)
        check_count("max_frames", max_frames, lowest=2)
        check_count("grid_resolution", grid_resolution, lowest=2)
        self.X, self.y, self.kind = X, y, kind
        self.every, self.max_frames, self.grid_resolution = every, max_frames, grid_resolution
        self.epochs_: list[int] = []
        self.frames_: list[Array] = []
        self.loss_curve_: list[float] = []
        self._fit: int | None = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Forget the last fit: a new one begins."""
        self.epochs_, self.frames_, self.loss_curve_ = [], [], []
        self._fit, self._interval = id(estimator), self.every
        self._curve_before = getattr(estimator, "loss_curve_", None)

    def teardown(self, estimator: Any, context: Any) -> None:
        """End the recording of a fit."""
        if id(estimator) == self._fit:
            self._fit = self._curve_before = None

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None, y: Any = None) -> None:
        """Check the data before the first epoch, and make the grid."""
        if id(estimator) != self._fit or context.task_name == "epoch":
            return
        classes: Any = unique_labels(y) if is_classifier(estimator) and np.ndim(y) == 1 else None
        X, y = (X, y) if self.X is None else (self.X, self.y)
        X = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=float)
        y = np.asarray(y)
        self._kind = self.kind
        if self.kind == "auto":
            self._kind = "curve" if classes is None else "probability" if len(classes) == 2 else "classes"
        check_can_draw(estimator, X, y, self._kind, classes)
        margin = 0.08 * np.ptp(X, axis=0)
        self._limits = np.stack([X.min(axis=0) - margin, X.max(axis=0) + margin])
        axes = np.linspace(self._limits[0], self._limits[1], self.grid_resolution, axis=1)
        self._grid = np.stack([g.ravel() for g in np.meshgrid(*axes)], axis=1)
        self._samples = X, y if classes is None else np.searchsorted(classes, y)
        self._classes = classes

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> None:
        """Record a frame after an epoch."""
        if id(estimator) != self._fit:
            return
        if context.task_name == "epoch":
            if fitted_estimator is not None:
                self.loss_curve_.append(fitted_estimator.loss_)
                if context.task_id % self._interval == 0:
                    self._record(fitted_estimator, context.task_id + 1)
            return
        has_ended = getattr(estimator, "loss_curve_", None) is not self._curve_before  # or has it failed?
        if has_ended and self.epochs_[-1:] != [estimator.best_iter_]:
            self._record(fitted_estimator, estimator.best_iter_)

    def _record(self, estimator: Any, epoch: int) -> None:
        # The grid has no column names, even if the network was fitted with names.
        estimator = copy.copy(estimator)
        estimator.__dict__.pop("feature_names_in_", None)
        with np.errstate(over="ignore", invalid="ignore"):  # training that diverges can be recorded too
            if self._kind == "probability":
                values = estimator.predict_proba(self._grid)[:, 1]
            else:
                values = estimator.predict(self._grid)
            if self._kind == "classes":
                values = np.searchsorted(self._classes, values)
            frame = values.astype(np.uint8 if self._kind == "classes" else np.float32)
        frame = frame.reshape([self.grid_resolution] * self._samples[0].shape[1])
        if len(self.frames_) == self.max_frames:
            self.frames_, self.epochs_ = self.frames_[::2], self.epochs_[::2]
            self._interval *= 2
        self.frames_.append(frame)
        self.epochs_.append(epoch)

    def plot(self, frame: int = -1, ax: Any = None) -> Any:
        """Draw one frame.

        Parameters
        ----------
        frame : int, default=-1
            The number of the frame: 0 is the first, -1 the last.
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        ax : matplotlib Axes
        """
        self._check_recorded()
        check_index("frame", frame, len(self.frames_), f"there are {len(self.frames_)} frames")
        ax = axes_for("TrainingAnimation.plot", ax, (4.4, 4.0))
        draw = self._draw_curve if self._kind == "curve" else self._draw_surface
        draw(ax, self.frames_[frame])
        ax.set_title(f"epoch {self.epochs_[frame]}", fontsize="medium")
        ax.grid(False)
        return ax

    def _draw_curve(self, ax: Any, values: Array) -> None:
        X, y = self._samples
        ax.scatter(X, y, s=10, color=GREY, alpha=0.6, linewidths=0)
        ax.plot(self._grid, values, "-", color=ORANGE, linewidth=2)
        margin = 0.15 * (np.ptp(y) or 1)
        ax.set(xlim=self._limits[:, 0], ylim=(y.min() - margin, y.max() + margin), xlabel="x", ylabel="y")

    def _draw_surface(self, ax: Any, values: Array) -> None:
        from matplotlib.colors import LinearSegmentedColormap, ListedColormap

        X, codes = self._samples
        n_classes = len(self._classes)
        colors = [COLORS[i % len(COLORS)] for i in range(n_classes)]
        if self._kind == "probability":
            style = {"cmap": LinearSegmentedColormap.from_list("", [BLUE, "white", ORANGE]), "vmax": 1}
        else:
            style = {"cmap": ListedColormap(colors), "vmax": n_classes - 1, "interpolation": "nearest"}
        extent = self._limits.T.ravel()
        ax.imshow(values, origin="lower", extent=extent, aspect="auto", alpha=0.55, vmin=0, **style)
        if self._kind == "probability" and values.min() < 0.5 < values.max():
            ax.contour(values, levels=[0.5], extent=extent, colors=GREY, linewidths=1.2)
        point_colors = [colors[code] for code in codes]
        ax.scatter(*X.T, c=point_colors, s=18, edgecolors="white", linewidths=0.5)
        ax.set(xlim=self._limits[:, 0], ylim=self._limits[:, 1], xlabel="x0", ylabel="x1")

    def animation(self, *, fps: int = 10) -> Any:
        """Return the animation.

        Parameters
        ----------
        fps : int, default=10
            Frames per second.

        Returns
        -------
        animation : matplotlib.animation.FuncAnimation
            Keep a reference to it while it is shown.
        """
        return self._animate(fps)[1]

    def save(self, path: str | Path, *, fps: int = 10) -> None:
        """Write the animation to a file.

        Parameters
        ----------
        path : str or Path
            The suffix sets the format: ``.gif``, or ``.html`` for a page with controls.
        fps : int, default=10
            Frames per second.
        """
        path = Path(path)
        if path.suffix == ".gif":
            figure, animation = self._animate(fps)
            animation.save(path, writer="pillow", fps=fps, dpi=100)
            import_pyplot("TrainingAnimation.save").close(figure)
        elif path.suffix == ".html":
            path.write_text(self._html(fps), encoding="utf-8")
        else:
            raise ValueError(f"path={str(path)!r} must end with .gif or .html.")

    def _html(self, fps: int = 10) -> str:
        figure, animation = self._animate(fps)
        html = str(animation.to_jshtml())
        import_pyplot("TrainingAnimation.save").close(figure)
        return html

    def _repr_html_(self) -> str | None:
        return self._html() if self.frames_ else None

    def _animate(self, fps: int) -> tuple[Any, Any]:
        """Return a figure and its animation."""
        self._check_recorded()
        plt = import_pyplot("TrainingAnimation")
        from matplotlib.animation import FuncAnimation

        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained")
        right.plot(np.arange(len(self.loss_curve_)) + 1, self.loss_curve_, color=BLUE)
        right.set(xlabel="epoch", ylabel="training loss")
        (now,) = right.plot([], [], "o", color=ORANGE)

        def show(frame: int) -> tuple[Any, ...]:
            left.clear()
            self.plot(frame, left)
            epoch = self.epochs_[frame]
            if self.loss_curve_:
                now.set_data([epoch], [self.loss_curve_[epoch - 1]])
            return left, now

        show(0)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # a new layout takes longer than drawing the frame
        return figure, FuncAnimation(figure, show, frames=len(self.frames_), interval=1000 / fps)

    def _check_recorded(self) -> None:
        if not self.frames_:
            raise NotFittedError(
                "No frame was recorded: call estimator.set_callbacks(animation), then estimator.fit(X, y);"
                " partial_fit has no callbacks."
            )


def check_can_draw(estimator: Any, X: Array, y: Array, kind: str, classes: Any) -> None:
    """Raise an error that says what can be drawn, if these data cannot."""
    n_features = 1 if kind == "curve" else 2
    if X.ndim != 2 or X.shape[1] != n_features:
        raise ValueError(
            f"X has the shape {X.shape}, but kind={kind!r} draws {n_features} feature(s): fit on"
            f" {n_features}, or leave TrainingAnimation out."
        )
    if y.ndim != 1:
        raise ValueError(f"y has the shape {y.shape}, but TrainingAnimation draws a single target.")
    if is_classifier(estimator) == (kind == "curve"):
        raise ValueError(f"kind={kind!r} does not fit {type(estimator).__name__}: set kind='auto'.")
    if kind == "probability" and len(classes) != 2:
        raise ValueError(
            f"kind='probability' is for two classes, and there are {len(classes)}: set kind='classes'."
        )
    if estimator.n_members > 1 and not choices_of(estimator).is_stochastic:
        raise ValueError(
            f"n_members={estimator.n_members}: solver={estimator.solver!r} trains the members one after the"
            " other, which cannot be drawn as one; set n_members=1 or another solver."
        )
