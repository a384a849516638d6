"""A display of predicted distributions of y, for each x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array, column_or_1d

from skmlp.inspection.plotting import BLUE, ORANGE, as_named, axes_for, check_count, check_is_network
from skmlp.network.arrays import Array


@dataclass(eq=False, repr=False, kw_only=True)
class DensityDisplay:
    """The conditional density p(y | x) over one feature, as an image.

    Create it by :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    x_grid : ndarray of shape (n_x,)
        Values of the feature.
    y_grid : ndarray of shape (n_y,)
        Values of the target.
    density : ndarray of shape (n_y, n_x)
        Their density p(y | x).
    mean : ndarray of shape (n_x,)
        The predictive mean.
    interval : ndarray of shape (n_x, 2)
        Lower and upper end of the central interval.
    coverage : float
        The probability of the interval.
    x : ndarray of shape (n_samples,)
        The feature of the samples.
    y : ndarray of shape (n_samples,), default=None
        Their targets.
    feature_name : str, default='x'

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    image_ : matplotlib QuadMesh
        The density.
    colorbar_ : matplotlib Colorbar
    lines_ : list of matplotlib Line2D
        The mean, then the lower and the upper end of the interval.
    points_ : matplotlib PathCollection or None
        The samples.
    """

    x_grid: Array
    y_grid: Array
    density: Array
    mean: Array
    interval: Array
    coverage: float
    x: Array
    y: Array | None = None
    feature_name: str = "x"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str = 0,
        grid_resolution: int = 200,
        coverage: float = 0.9,
        y_limits: tuple[float, float] | None = None,
        cmap: Any = "Greys",
        ax: Any = None,
    ) -> DensityDisplay:
        """Draw the density that a fitted estimator predicts.

        Parameters
        ----------
        estimator : MixtureDensityRegressor
            A fitted estimator with a method ``predict_dist``.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Samples: the feature is drawn over the range of their values.
        y : array-like of shape (n_samples,), default=None
            Their targets; None: no samples are drawn.
        feature : int or str, default=0
            The feature that varies, by number or by name; the others stay at their median.
        grid_resolution : int, default=200
            The number of values of the feature, and of y; 2 or more.
        coverage : float, default=0.9
            The probability of the central interval; between 0 and 1.
        y_limits : tuple of float (lowest, highest), default=None
            The range of y; None: that of ``y`` and the interval; without ``y``, from the lowest 0.1 %
            quantile to the highest 99.9 % quantile.
        cmap : str or matplotlib Colormap, default='Greys'
            Color map of the density.
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        display : DensityDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator predicts no distributions.
        """
        check_is_network(estimator, "predict_dist")
        check_count("grid_resolution", grid_resolution, lowest=2)
        if not 0 < coverage < 1:
            raise ValueError(f"coverage={coverage!r} must be greater than 0 and less than 1.")
        samples = check_array(X)
        names = getattr(X, "columns", None)
        j = index_of(feature, samples.shape[1], names)
        x = samples[:, j]
        x_grid = np.linspace(x.min(), x.max(), grid_resolution)
        grid = np.tile(np.median(samples, axis=0), (grid_resolution, 1))
        grid[:, j] = x_grid
        distribution = estimator.predict_dist(as_named(grid, X))
        mean = distribution.mean()
        if mean.ndim != 1:
            raise ValueError(f"The estimator predicts {mean.shape[1]} targets: one can be drawn.")
        if y is not None:
            y = column_or_1d(y)
        tail = (1 - coverage) / 2
        interval = np.stack([distribution.ppf(tail), distribution.ppf(1 - tail)], axis=-1)
        visible = [distribution.ppf(0.001), distribution.ppf(0.999)] if y is None else [y, interval]
        low, high = range_of(visible) if y_limits is None else y_limits
        y_grid = np.linspace(low, high, grid_resolution)
        return cls(
            x_grid=x_grid,
            y_grid=y_grid,
            density=distribution.pdf(y_grid[:, np.newaxis]),
            mean=mean,
            interval=interval,
            coverage=coverage,
            x=x,
            y=y,
            feature_name=(f"x{j}" if len(grid.T) > 1 else "x") if names is None else str(names[j]),
        ).plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "Greys") -> DensityDisplay:
        """Draw the density, mean and interval, and the samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.
        cmap : str or matplotlib Colormap, default='Greys'
            Color map of the density.

        Returns
        -------
        self : DensityDisplay
        """
        self.ax_ = ax = axes_for("DensityDisplay.plot", ax, (6.4, 4.0))
        self.figure_ = ax.figure
        from matplotlib.colors import PowerNorm

        # Narrow distributions have a high density: square roots keep wide ones visible.
        norm = PowerNorm(0.5, vmin=0, vmax=self.density.max())
        self.image_ = ax.pcolormesh(
            self.x_grid, self.y_grid, self.density, cmap=cmap, norm=norm, rasterized=True
        )
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, label="density p(y | x)", pad=0.02)
        self.points_ = None
        if self.y is not None:
            style = {"s": 8, "color": BLUE, "alpha": 0.5, "linewidths": 0}
            self.points_ = ax.scatter(self.x, self.y, **style, label="data")
        self.lines_ = ax.plot(self.x_grid, self.mean, "-", color=ORANGE, label="mean")
        band = f"central {self.coverage:.0%}"
        self.lines_ += ax.plot(self.x_grid, self.interval[:, 0], "--", color=ORANGE, label=band)
        self.lines_ += ax.plot(self.x_grid, self.interval[:, 1], "--", color=ORANGE)
        ax.set(xlabel=self.feature_name, ylabel="y", ylim=(self.y_grid[0], self.y_grid[-1]))
        ax.grid(False)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
        return self


def index_of(feature: int | str, n_features: int, names: Any) -> int:
    """Return the number of the feature, or raise an error if there is no such feature."""
    if isinstance(feature, str):
        known = [] if names is None else [str(name) for name in names]
        if feature not in known:
            raise ValueError(f"feature={feature!r} is not among the columns of X: {known}.")
        return known.index(feature)
    if not 0 <= feature < n_features:
        raise ValueError(f"feature={feature!r}: X has {n_features} feature(s), counted from 0.")
    return feature


def range_of(values: list[Array]) -> tuple[float, float]:
    """Return a range that contains all the values, with a margin."""
    low = float(np.min([part.min() for part in values]))
    high = float(np.max([part.max() for part in values]))
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin
