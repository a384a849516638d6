"""A drawing of a network: units, and the weights between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from skmlp.inspection.plotting import BLUE, ORANGE, axes_for, check_count, weights_of
from skmlp.network.arrays import Array

RIM = "#333333"


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkDisplay:
    """A network as a graph: its units in layers, its weights as lines, its biases as colors.

    Create it by :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_units)
        The weights of each layer.
    intercepts : list of ndarray of shape (n_units,)
        The biases of each layer.
    feature_names : sequence of str, default=None
        Names of the inputs.
    output_names : sequence of str, default=None
        Names of the outputs.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes
    nodes_ : list of matplotlib PathCollection
        The units of each layer, inputs first.
    edges_ : list of matplotlib LineCollection
        The weights between each pair of layers.
    ellipses_ : list of matplotlib Text
        The number of units left out, in each layer that is drawn in part.
    names_ : list of matplotlib Text
        The names of inputs, then of outputs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import NetworkDisplay
    >>> iris = load_iris()
    >>> classifier = MLPClassifier((5,), solver="lbfgs", alpha=1, max_iter=1000, random_state=0)
    >>> display = NetworkDisplay.from_estimator(
    ...     classifier.fit(iris.data, iris.target),
    ...     feature_names=iris.feature_names,
    ...     output_names=iris.target_names,
    ... )
    >>> [len(edges.get_segments()) for edges in display.edges_]
    [20, 15]
    """

    coefs: list[Array]
    intercepts: list[Array]
    feature_names: Sequence[str] | None = None
    output_names: Sequence[str] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        max_units: int = 12,
        member: int = 0,
        feature_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        colors: tuple[Any, Any] = (BLUE, ORANGE),
        ax: Any = None,
    ) -> NetworkDisplay:
        """Draw a fitted network.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            A fitted estimator.
        max_units : int, default=12
            Maximum number of units drawn per layer, the first and the last ones; 2 or more.
        member : int, default=0
            The network of an ensemble to draw.
        feature_names : sequence of str of length n_features, default=None
            Names of the inputs; None: ``feature_names_in_`` if there is one, else x0, x1, ...
        output_names : sequence of str of length n_outputs, default=None
            Names of the outputs; None: the classes of a classifier. A binary classifier has a single
            output, for the second class.
        colors : tuple of two matplotlib colors, default=(blue, orange)
            The colors of negative and positive weights and biases.
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        coefs, intercepts = weights_of(estimator, member)
        n_features = len(coefs[0])
        if feature_names is None:
            feature_names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(n_features)])
        if output_names is None:
            output_names = output_names_of(estimator)
        check_names("feature_names", feature_names, n_features)
        if output_names is not None:
            check_names("output_names", output_names, coefs[-1].shape[1])
        display = cls(
            coefs=coefs, intercepts=intercepts, feature_names=feature_names, output_names=output_names
        )
        return display.plot(ax, max_units=max_units, colors=colors)

    def plot(
        self, ax: Any = None, *, max_units: int = 12, colors: tuple[Any, Any] = (BLUE, ORANGE)
    ) -> NetworkDisplay:
        """Draw the network.

        Width and opacity of a line show the size of its weight, relative to the largest of its layer. The
        color of a unit shows its bias in the same way.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: a new figure.
        max_units : int, default=12
            Maximum number of units drawn per layer, the first and the last ones; 2 or more.
        colors : tuple of two matplotlib colors, default=(blue, orange)
            The colors of negative and positive weights and biases.

        Returns
        -------
        self : NetworkDisplay
        """
        check_count("max_units", max_units, lowest=2)
        widths = [len(self.coefs[0]), *(coef.shape[1] for coef in self.coefs)]
        shown = [shown_units(width, max_units) for width in widths]
        n_rows = max(min(width, max_units + 1) for width in widths)  # one of them for the ellipsis
        size = (1.5 + 1.9 * len(self.coefs), min(9.0, 1.3 + 0.34 * max(n_rows, 4)))
        self.ax_ = ax = axes_for("NetworkDisplay.plot", ax, size)
        self.figure_ = ax.figure
        heights = [heights_of(units, width, n_rows) for units, width in zip(shown, widths, strict=True)]
        self._draw_edges(shown, heights, colors)
        self._draw_nodes(shown, heights, colors, n_rows)
        self._draw_ellipses(shown, widths, heights)
        self._draw_names(shown, heights)
        self._draw_titles(widths, n_rows)
        self._draw_legend(colors)
        ax.set(xlim=(-0.15, len(self.coefs) + 0.15), ylim=(-n_rows / 2 - 0.1, n_rows / 2 + 0.1))
        ax.set_axis_off()
        return self

    def _draw_edges(self, shown: list[Array], heights: list[Array], colors: tuple[Any, Any]) -> None:
        from matplotlib.collections import LineCollection

        self.edges_ = []
        layers = zip(self.coefs, pairwise(shown), pairwise(heights), strict=True)
        for layer, (coef, (inputs, units), (left, right)) in enumerate(layers):
            weights = coef[np.ix_(inputs, units)].ravel()
            strength = relative_to_largest(weights, coef)
            order = np.argsort(strength, kind="stable")  # the strongest are drawn last, on top
            segments = [((layer, start), (layer + 1, end)) for start in left for end in right]
            edges = LineCollection(
                [segments[i] for i in order],
                colors=rgba(weights, 0.08 + 0.92 * strength, colors)[order],
                linewidths=(0.4 + 2.4 * strength)[order],
                zorder=1,
            )
            self.edges_.append(self.ax_.add_collection(edges))

    def _draw_nodes(
        self, shown: list[Array], heights: list[Array], colors: tuple[Any, Any], n_rows: int
    ) -> None:
        points = 72 * self.ax_.get_window_extent().height / self.figure_.dpi / n_rows
        size = min(15.0, 0.62 * points) ** 2
        self.nodes_ = []
        for layer, (units, y) in enumerate(zip(shown, heights, strict=True)):
            x = np.full(len(y), layer)
            # White below, so that no line shows through the color of the bias.
            self.ax_.scatter(x, y, size, "white", linewidths=0, zorder=2)
            fill: Any = "none"
            if layer:
                bias = self.intercepts[layer - 1]
                fill = rgba(bias[units], relative_to_largest(bias[units], bias), colors)
            nodes = self.ax_.scatter(x, y, size, facecolors=fill, edgecolors=RIM, linewidths=0.9, zorder=3)
            self.nodes_.append(nodes)

    def _draw_ellipses(self, shown: list[Array], widths: list[int], heights: list[Array]) -> None:
        self.ellipses_ = []
        for layer, (units, width, y) in enumerate(zip(shown, widths, heights, strict=True)):
            if len(units) < width:
                first = (len(units) + 1) // 2
                middle = (y[first - 1] + y[first]) / 2
                # The dots are below the units, their number beside them.
                place, text = (layer, middle), f"⋮ ({width - len(units)})"
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                self.ellipses_.append(self._write(text, place, (-2, 0), "left", bbox=box, zorder=4))

    def _draw_names(self, shown: list[Array], heights: list[Array]) -> None:
        self.names_ = []
        sides = ((0, self.feature_names, -11, "right"), (-1, self.output_names, 11, "left"))
        for layer, names, offset, alignment in sides:
            if names is None:
                continue
            for unit, y in zip(shown[layer], heights[layer], strict=True):
                place = (layer % len(shown), y)
                name = self._write(str(names[unit]), place, (offset, 0), alignment, fontsize="small")
                self.names_.append(name)

    def _draw_titles(self, widths: list[int], n_rows: int) -> None:
        for layer, width in enumerate(widths):
            name = "inputs" if layer == 0 else "outputs" if layer == len(self.coefs) else f"hidden {layer}"
            place = (layer, n_rows / 2)
            self._write(f"{name}\n{width}", place, (0, 4), "center", va="bottom", annotation_clip=False)

    def _write(
        self, text: str, place: tuple[float, float], offset: tuple[int, int], ha: str, **style: Any
    ) -> Any:
        """Write at ``offset``, in points, from a place in the coordinates of the units."""
        style = {"ha": ha, "va": "center", **style}
        return self.ax_.annotate(text, place, offset, textcoords="offset points", **style)

    def _draw_legend(self, colors: tuple[Any, Any]) -> None:
        from matplotlib.lines import Line2D

        names = ("negative", "positive")
        lines = [Line2D([], [], color=c, linewidth=2, label=n) for c, n in zip(colors, names, strict=True)]
        self.ax_.legend(
            handles=lines, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, frameon=False
        )


def shown_units(width: int, max_units: int) -> Array:
    """Return the indices of the units of a layer that are drawn: all, or the first and the last ones."""
    units = np.arange(width)
    if width <= max_units:
        return units
    return np.concatenate([units[: (max_units + 1) // 2], units[width - max_units // 2 :]])


def heights_of(units: Array, width: int, n_rows: int) -> Array:
    """Return the vertical positions of the units of a layer, with a gap where some are left out."""
    rows = np.arange(len(units))
    if len(units) < width:
        rows[(len(units) + 1) // 2 :] += 1
    # Small layers are spread out, so that their lines do not all meet in the middle.
    spread = min(1.7, (n_rows - 1) / max(rows[-1], 1))
    return np.asarray(spread * (rows[-1] / 2 - rows))


def relative_to_largest(values: Array, layer: Array) -> Array:
    """Return the absolute values divided by the largest one of their layer."""
    return np.asarray(np.abs(values) / (np.abs(layer).max() or 1))


def rgba(values: Array, alpha: Array, colors: tuple[Any, Any]) -> Array:
    """Return the color of each value by its sign."""
    from matplotlib.colors import to_rgba_array

    negative, positive = colors
    return np.asarray(to_rgba_array([negative if value < 0 else positive for value in values], alpha))


def output_names_of(estimator: Any) -> list[str] | None:
    """Return the names of the outputs, if they are classes."""
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return None
    if isinstance(classes, list):  # several multiclass targets
        return [f"y{i} = {label}" for i, labels in enumerate(classes) for label in labels]
    # A binary classifier has one output: that of the second class.
    return [str(label) for label in classes[-estimator.n_outputs_ :]]


def check_names(parameter: str, names: Sequence[str], n_units: int) -> None:
    """Raise an error unless there is a name for each unit."""
    if len(names) != n_units:
        raise ValueError(
            f"{parameter} has {len(names)} names, but the network has {n_units} such units: give one name"
            " for each."
        )
