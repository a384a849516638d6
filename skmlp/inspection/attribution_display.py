"""A display of what features contribute: to one prediction, or to all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.utils import check_array

from skmlp.inspection.attributions import attributions
from skmlp.inspection.jacobians import Differentiable
from skmlp.inspection.plotting import BLUE, GREY, ORANGE, as_named, check_count, check_index, import_pyplot
from skmlp.network.arrays import Array


@dataclass(eq=False, repr=False, kw_only=True)
class AttributionDisplay:
    """What each feature contributes to an output, by integrated gradients, as bars.

    Create it by :meth:`from_estimator`. The parameters are kept as attributes.

    Parameters
    ----------
    attributions : ndarray of shape (n_samples, n_features)
        Of one output, see :func:`integrated_gradients`.
    X : ndarray of shape (n_samples, n_features)
        The samples.
    feature_names : list of str
    output_name : str
    values : ndarray of shape (n_samples, 2)
        The output at the baseline and at each sample.
    row : int, default=None
        The sample that is shown; None: the mean size of the attributions over all samples.
    importances : ndarray of shape (n_features, n_repeats), default=None
        Permutation importances.
    max_features : int, default=10

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : list of matplotlib Axes
        One, or two if there are permutation importances.
    bars_ : list of matplotlib BarContainer
        One for each of the axes.
    """

    attributions: Array
    X: Array
    feature_names: list[str]
    output_name: str
    values: Array
    row: int | None = None
    importances: Array | None = None
    max_features: int = 10

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        row: int | None = None,
        baseline: Any = None,
        of: str = "predictions",
        output: int = -1,
        max_features: int = 10,
        scoring: Any = None,
        n_repeats: int = 10,
        random_state: Any = 0,
        axes: Any = None,
    ) -> AttributionDisplay:
        """Draw the attributions of one sample, or the importance of each feature for all samples.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or MixtureDensityRegressor, or a Pipeline
            As for :func:`jacobian`.
        X : array-like or DataFrame of shape (n_samples, n_features)
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their targets: with them, permutation importances are drawn beside the attributions. Not used
            for one sample.
        row : int, default=None
            The number of the sample that is explained; None: the mean size of the attributions over all.
        baseline : array-like of shape (n_features,) or (n_samples, n_features), default=None
            What the samples are compared with; None: the mean of X.
        of : {'predictions', 'raw'}, default='predictions'
            The outputs, as for :func:`jacobian`.
        output : int, default=-1
            The number of the output; -1: the last, such as the probability of the second of two classes.
        max_features : int, default=10
            So many features are drawn, those with the longest bars.
        scoring : str or callable, default=None
            What permuted features make worse; None: ``score`` of the estimator.
        n_repeats : int, default=10
            How often each feature is permuted.
        random_state : int, RandomState instance or None, default=0
            Of the permutations.
        axes : matplotlib Axes, or two of them, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        display : AttributionDisplay

        Raises
        ------
        TypeError, ValueError
            As :func:`integrated_gradients`; also if there is no such row or output.
        """
        check_count("max_features", max_features, lowest=1)
        differentiable = Differentiable(estimator, of)
        samples = check_array(differentiable.checked(X), dtype=float)
        if row is not None:
            check_index("row", row, len(samples), f"X has {len(samples)} samples")
        start = np.broadcast_to(samples.mean(axis=0) if baseline is None else baseline, samples.shape)
        shown = slice(None) if row is None else [row]
        ends = [differentiable.values(as_named(end[shown], X)) for end in (start, samples)]
        check_index("output", output, ends[0].shape[1], f"there are {ends[0].shape[1]} outputs")
        importances = None
        if y is not None and row is None:
            options = {"scoring": scoring, "n_repeats": n_repeats, "random_state": random_state}
            importances = permutation_importance(estimator, X, y, **options).importances
        names = getattr(X, "columns", [f"x{j}" for j in range(samples.shape[1])])
        return cls(
            attributions=attributions(differentiable, as_named(samples[shown], X), start[shown])[:, output],
            X=samples[shown],
            feature_names=[str(name) for name in names],
            output_name=name_of_output(differentiable, output),
            values=np.stack([end[:, output] for end in ends], axis=1),
            row=row,
            importances=importances,
            max_features=max_features,
        ).plot(axes)

    def plot(self, axes: Any = None) -> AttributionDisplay:
        """Draw the bars.

        Parameters
        ----------
        axes : matplotlib Axes, or two of them, default=None
            Where to draw; None: a new figure.

        Returns
        -------
        self : AttributionDisplay
        """
        n_axes = 1 if self.importances is None else 2
        if axes is None:
            plt = import_pyplot("AttributionDisplay.plot")
            height = 1.2 + 0.28 * min(self.max_features, len(self.feature_names))
            axes = plt.subplots(
                1, n_axes, figsize=(6.4 if n_axes == 1 else 8, height), layout="constrained"
            )[1]
        self.axes_ = list(np.ravel(axes))
        if len(self.axes_) != n_axes:
            raise ValueError(
                f"axes has {len(self.axes_)} Axes, and there is something to draw for {n_axes}."
            )
        self.figure_ = self.axes_[0].figure
        if self.row is not None:
            self._plot_row(self.axes_[0])
        else:
            self._plot_importance()
        for ax in self.axes_:
            ax.grid(visible=False, axis="y")
            ax.invert_yaxis()
        return self

    def _plot_row(self, ax: Any) -> None:
        """Draw the attributions of one sample."""
        sizes = self.attributions[0]
        order = self._longest(np.abs(sizes))
        labels = [f"{self.feature_names[j]} = {self.X[0, j]:.3g}" for j in order]
        colors = [ORANGE if sizes[j] > 0 else BLUE for j in order]
        self.bars_ = [ax.barh(labels, sizes[order], color=colors)]
        ax.axvline(0, color=GREY, linewidth=0.8)
        before, after = self.values[0]
        ax.set_xlabel(f"contribution to {self.output_name}")
        ax.set_title(f"{before:.3g} at the baseline, {after:.3g} at row {self.row}", fontsize="medium")

    def _plot_importance(self) -> None:
        """Draw the mean size of the attributions and, beside it, the permutation importances."""
        sizes = np.abs(self.attributions).mean(axis=0)
        order = self._longest(sizes)
        names = [self.feature_names[j] for j in order]
        self.bars_ = [self.axes_[0].barh(names, sizes[order], color=BLUE)]
        self.axes_[0].set_xlabel(f"mean size of the contribution to {self.output_name}")
        if self.importances is not None:
            means, spread = self.importances.mean(axis=1), self.importances.std(axis=1)
            self.bars_ += [self.axes_[1].barh(names, means[order], xerr=spread[order], color=ORANGE)]
            self.axes_[1].set_xlabel("permutation importance")
            self.axes_[1].set_yticklabels([])

    def _longest(self, sizes: Array) -> Array:
        """Return the numbers of the features with the longest bars, the longest first."""
        return np.argsort(-sizes, kind="stable")[: self.max_features]


def name_of_output(differentiable: Differentiable, output: int) -> str:
    """Return the name of an output, for labels."""
    targets, kind = differentiable.targets, "p" if differentiable.of == "predictions" else "score"
    if targets is None:
        n_outputs = differentiable.network.n_outputs_
        raw = f"score {output % n_outputs}"
        return raw if differentiable.of == "raw" else "y" if n_outputs == 1 else f"target {output}"
    columns = targets.columns
    if targets.kind == "binary" and differentiable.of == "raw":
        return f"score of {columns[0][-1]}"
    if targets.kind == "multilabel-indicator":
        return f"{kind} of label {range(len(columns))[output]}"
    names = [f"{label}" for known in columns for label in known]
    return f"{kind} of {names[output]}"
