"""A display of the weights of the first layer, as images."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isqrt
from typing import Any

import numpy as np

from skmlp.inspection.plotting import check_count, import_pyplot, weights_of
from skmlp.network.arrays import Array


@dataclass(eq=False, repr=False, kw_only=True)
class WeightsDisplay:
    """The incoming weights of each unit of the first layer, as images.

    Create it by :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    weights : ndarray of shape (n_shown, height, width)
        One image per unit.
    units : ndarray of shape (n_shown,)
        The numbers of these units, counted from 0.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_rows, n_columns)
    images_ : list of matplotlib AxesImage
        One per unit.
    colorbar_ : matplotlib Colorbar
        The scale that all images share.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = MLPClassifier((12,), solver="lbfgs", alpha=100, max_iter=1000, random_state=0)
    >>> display = WeightsDisplay.from_estimator(classifier.fit(X / 16, y))
    >>> display.weights.shape
    (12, 8, 8)
    """

    weights: Array
    units: Array

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        max_units: int = 40,
        sort: str | None = "norm",
        member: int = 0,
        cmap: Any = "RdBu_r",
        ax: Any = None,
    ) -> WeightsDisplay:
        """Draw the weights between the inputs and the first layer of a fitted network.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            A fitted estimator whose features are the pixels of an image, row by row.
        image_shape : tuple of int (height, width), default=None
            The shape of the images; None: square.
        max_units : int, default=40
            Maximum number of units shown; 1 or more.
        sort : {'norm', None}, default='norm'
            'norm': units with the largest weights (Euclidean norm) come first; None: in layer order.
        member : int, default=0
            The network of an ensemble to draw.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            A diverging color map: its middle is weight zero.
        ax : matplotlib Axes, default=None
            Divided among the images; None: a new figure.

        Returns
        -------
        display : WeightsDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        coefs, _ = weights_of(estimator, member)
        check_count("max_units", max_units, lowest=1)
        if sort not in ("norm", None):
            raise ValueError(f"sort={sort!r} must be 'norm' or None.")
        weights = coefs[0].T
        shape = image_shape_of(weights.shape[1], image_shape)
        units = np.arange(len(weights))
        if sort == "norm":
            units = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
        units = units[:max_units]
        return cls(weights=weights[units].reshape(-1, *shape), units=units).plot(ax, cmap=cmap)

    def plot(self, ax: Any = None, *, cmap: Any = "RdBu_r") -> WeightsDisplay:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Divided among the images; None: a new figure.
        cmap : str or matplotlib Colormap, default='RdBu_r'
            A diverging color map: its middle is weight zero.

        Returns
        -------
        self : WeightsDisplay
        """
        plt = import_pyplot("WeightsDisplay.plot")
        n_columns = min(10, ceil(1.6 * len(self.units) ** 0.5), len(self.units))
        n_rows = ceil(len(self.units) / n_columns)
        if ax is None:
            self.figure_ = plt.figure(
                figsize=(0.8 * n_columns + 1, 0.95 * n_rows + 0.1), layout="constrained"
            )
            grid = self.figure_.add_gridspec(n_rows, n_columns)
        else:
            self.figure_ = ax.figure
            ax.set_axis_off()
            grid = ax.get_subplotspec().subgridspec(n_rows, n_columns)
        self.axes_ = grid.subplots(squeeze=False)
        limit = float(np.abs(self.weights).max()) or 1.0
        self.images_ = []
        for axis, unit, image in zip(self.axes_.flat, self.units, self.weights, strict=False):
            self.images_.append(axis.imshow(image, cmap=cmap, vmin=-limit, vmax=limit))
            axis.set_title(str(unit), fontsize="small", pad=2)
        for axis in self.axes_.flat:
            axis.set(xticks=[], yticks=[], frame_on=False)
        self.colorbar_ = self.figure_.colorbar(self.images_[0], ax=self.axes_, aspect=30, label="weight")
        return self


def image_shape_of(n_features: int, image_shape: tuple[int, int] | None) -> tuple[int, int]:
    """Return the height and width of an image that has one pixel per feature, or raise an error."""
    side = isqrt(n_features)
    if image_shape is None and side * side != n_features:
        raise ValueError(
            f"{n_features} features are no square image: pass image_shape=(height, width) with"
            f" height * width = {n_features}; image_shape=(1, {n_features}) shows a row."
        )
    height, width = (side, side) if image_shape is None else image_shape
    if height * width != n_features or height < 1:
        raise ValueError(
            f"image_shape={image_shape!r} has {height * width} pixels, but the estimator has {n_features}"
            " features: height * width must be the number of features."
        )
    return height, width
