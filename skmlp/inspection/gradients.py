"""Is the gradient right? Backpropagation against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skmlp.estimators.problems import problem_of
from skmlp.fitting.choices import is_cost
from skmlp.fitting.problem import Problem
from skmlp.fitting.values import is_number
from skmlp.inspection.plotting import check_is_ours
from skmlp.inspection.summary import name_of
from skmlp.inspection.tables import Table
from skmlp.network.arrays import Array, Block, SparseBlock
from skmlp.network.network import Network
from skmlp.network.objective import Objective, block_weight

TOLERANCE = 1e-5
"""The relative error up to which a gradient is right."""

MOST_CHECKED = 500
"""Of a larger array, this many parameters are checked, drawn at random (always the same ones)."""

STACK_ELEMENTS = 2**21
"""The networks with one parameter changed are computed as stacks of about this many elements."""


class GradientError(NamedTuple):
    """The largest error in one array of parameters, and the two gradients there."""

    layer: str
    n_parameters: int
    n_checked: int
    finite_difference: float
    back_propagation: float
    relative_error: float


@dataclass(frozen=True, repr=False)
class GradientCheck(Table):
    """The largest relative error of the gradient in each array of parameters.

    It prints as text and shows as HTML in a notebook.

    Attributes
    ----------
    title : str
    rows : list of GradientError
        Named tuples of layer, n_parameters, n_checked, finite_difference, back_propagation and
        relative_error.
    dtype_changes : list of str
        What returns float64 where it is given float32: training in single precision would lose its speed.
    """

    title: str
    rows: list[GradientError]
    dtype_changes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no relative error is larger than 1e-5, and every dtype is kept."""
        return self.largest_error <= TOLERANCE and not self.dtype_changes

    @property
    def largest_error(self) -> float:
        """The largest relative error of all."""
        return max(row.relative_error for row in self.rows)

    def _lines(self) -> tuple[Sequence[str], list[Sequence[str]], Sequence[str]]:
        header = ("parameters", "checked", "finite difference", "back propagation", "relative error")
        rows: list[Sequence[str]] = [
            (
                row.layer,
                f"{row.n_checked:,} of {row.n_parameters:,}",
                f"{row.finite_difference:.9f}",
                f"{row.back_propagation:.9f}",
                f"{row.relative_error:.1e}",
            )
            for row in self.rows
        ]
        rows += [(change, "", "", "", "") for change in self.dtype_changes]
        verdict = "ok" if self.ok else "WRONG"
        return header, rows, (verdict, "", "", "", f"{self.largest_error:.1e}")


def check_gradients(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, eps: float = 1e-6
) -> GradientCheck:
    """Compare the gradient by backpropagation with central differences of the loss.

    Both are gradients of the training objective, penalty included, on all samples as one batch, in float64.
    With dropout, all evaluations use the same mask. A fitted estimator is checked at its weights, any other
    one at its initial weights.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or MixtureDensityRegressor
        Fitted or unfitted; it is not changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The input data; ten to a few hundred samples are enough.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts.
    eps : float > 0, default=1e-6
        The change of each parameter.

    Returns
    -------
    check : GradientCheck
        ``check.ok`` is True if all gradients are right. It prints as a table with the largest error of each
        array. At a kink, such as that of 'relu', the gradient may lie anywhere between the differences
        to either side.

    Raises
    ------
    ValueError
        If the estimator's loss has no gradient, or ``eps`` is not positive.
    TypeError
        If ``estimator`` is not one of this package's networks.

    Notes
    -----
    dE/dw is about (E(w + eps) - E(w - eps)) / (2 eps) [1]_. The relative error is the difference of the two
    gradients divided by the larger of them, or by a bound on the rounding error where both are tiny.

    References
    ----------
    .. [1] Bishop, C. M. (2006). Pattern recognition and machine learning, eq. 5.69.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import check_gradients
    >>> X, y = load_iris(return_X_y=True)
    >>> check_gradients(MLPClassifier((5,), activation="tanh", random_state=0), X, y).ok
    True
    """
    if not is_number(eps, 0, low_open=True):
        raise ValueError(f"eps={eps!r} must be a positive number, such as 1e-6.")
    problem = problem_at_weights(estimator, X, y, sample_weight)
    is_fitted = hasattr(estimator, "coefs_")
    with np.errstate(invalid="ignore"):  # as in training; see Network.output
        slopes = Slopes(problem, problem.theta[0])
        rows = [slopes.error(name, indices, eps) for name, indices in named_arrays(problem.network)]
    title = (
        f"{type(estimator).__name__}: the gradient at {'the fitted' if is_fitted else 'initial'} weights"
    )
    return GradientCheck(title, rows, dtype_changes(problem))


def problem_at_weights(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Problem:
    """Return the training objective of one network in float64, at its fitted or its initial weights."""
    check_is_ours(estimator)
    if is_cost(getattr(estimator, "loss", None)):
        raise ValueError(f"loss={estimator.loss!r} has no gradient.")
    is_fitted = hasattr(estimator, "coefs_")
    twin = copy.copy(getattr(estimator, "members_", [estimator])[0]) if is_fitted else clone(estimator)
    twin.set_params(dtype="float64", n_members=1, early_stopping=False, warm_start=False, checkpoint=None)
    if is_fitted:
        sizes = twin._fitted_choices().hidden_layer_sizes
        twin.set_params(**twin._fitted_params | {"hidden_layer_sizes": sizes})
    return problem_of(twin, X, y, sample_weight, incremental=is_fitted)


def dtype_changes(problem: Problem) -> list[str]:
    """Return which methods of the loss return another dtype than that of their float32 scores."""
    loss, network = problem.objective.loss, problem.network
    theta = problem.theta[:1].astype(np.float32)
    X, y = (array[:3].astype(np.float32) for array in (problem.data.X, problem.y))
    z = network.output(network.layout.view(theta).layers, X)
    returned = {"value": loss.value(z.copy(), y[np.newaxis]), "inverse_link": loss.inverse_link(z.copy())}
    return [
        f"{type(loss).__name__}.{method} returns {array.dtype} for {z.dtype}"
        for method, array in returned.items()
        if array.dtype != z.dtype
    ]


def named_arrays(network: Network) -> list[tuple[str, Array]]:
    """Return the name and the indices of each array of parameters that is learned by its gradient."""
    layout = network.layout
    indices = layout.view(np.arange(layout.n_parameters)[np.newaxis]).layers
    arrays, number = [], 0
    for layer, specs, views in zip(network.layers, layout.specs, indices, strict=True):
        number += bool(specs)  # layers without parameters are not counted
        stored = [spec for spec in specs if spec.constant is None]
        for spec, view in zip(stored, views, strict=True):
            if spec.learned:
                arrays.append((f"{number} {name_of(layer)}: {spec.name}", view.ravel()))
    return arrays


class Slopes:
    """The gradient of one network, by backpropagation and by finite differences.

    Parameters
    ----------
    problem : Problem
    theta : array of shape (P,)
        The parameters at which the gradients are computed.
    """

    def __init__(self, problem: Problem, theta: Array) -> None:
        self.problem, self.theta, self.y = problem, theta, problem.y
        self.loss = problem.objective.loss
        layout, out = problem.network.layout, np.empty_like(theta)[np.newaxis]
        objective, (x, y, weights) = self._stack(1)
        z = objective.gradient(
            layout.view(theta[np.newaxis].copy()), x, y, weights, block_weight(y, weights), layout.view(out)
        )
        self.gradient = out[0]
        losses = np.abs(self.loss.value_after_gradient(z, y)).sum(axis=-1)[0]
        size = np.average(losses, weights=problem.data.sample_weight)
        self.rounding = np.finfo(float).eps * float(size)
        # Whatever the gradient treats as a constant must be constant for the differences too.
        self.loss = self.loss.with_constants_fixed(z, y)
        self.value = float(self._values(theta[np.newaxis])[0])

    def error(self, layer: str, indices: Array, eps: float) -> GradientError:
        """Return the largest error among the parameters with ``indices``."""
        checked = indices
        if len(indices) > MOST_CHECKED:
            checked = np.random.RandomState(0).choice(indices, MOST_CHECKED, replace=False)
        higher, lower = self._changed(checked, eps), self._changed(checked, -eps)
        difference, slope = (higher - lower) / (2 * eps), self.gradient[checked]
        # A difference cannot resolve ten times the rounding error of a value.
        floor = 10 * self.rounding / eps / TOLERANCE
        size = np.maximum(floor, np.maximum(np.abs(difference), np.abs(slope)))
        error = np.abs(difference - slope) / size
        # At a kink, any slope between the one-sided slopes is right.
        to_the_left, to_the_right = (self.value - lower) / eps, (higher - self.value) / eps
        low, high = np.minimum(to_the_left, to_the_right), np.maximum(to_the_left, to_the_right)
        outside = np.maximum(0, np.maximum(low - slope, slope - high)) / size
        error = np.where(error > TOLERANCE, outside, error)
        worst = int(np.argmax(error))
        found = (float(values[worst]) for values in (difference, slope, error))
        return GradientError(layer, len(indices), len(checked), *found)

    def _changed(self, indices: Array, change: float) -> Array:
        """Return E after one parameter is changed, for each of ``indices``."""
        n_elements = self.problem.data.X.shape[0] * max(self.problem.network.widths)
        n_stack = max(1, STACK_ELEMENTS // n_elements)
        values = []
        for start in range(0, len(indices), n_stack):
            part = indices[start : start + n_stack]
            thetas = np.tile(self.theta, (len(part), 1))
            thetas[np.arange(len(part)), part] += change
            values.append(self._values(thetas))
        return np.concatenate(values)

    def _values(self, thetas: Array) -> Array:
        """Return E of networks with parameters ``thetas`` (L, P), shape (L,)."""
        layout = self.problem.network.layout
        objective, samples = self._stack(len(thetas))
        out = layout.view(np.empty_like(thetas))
        return objective.value_and_gradient(layout.view(thetas.copy()), *samples, out)

    def _stack(self, n_networks: int) -> tuple[Objective, tuple[Block, Array, Array | None]]:
        """Return the objective of ``n_networks`` networks, and the samples for each."""
        data, of_problem = self.problem.data, self.problem.objective
        # All networks get the same random numbers, and so the same dropout mask.
        streams = [np.random.Generator(np.random.SFC64(0)) for _ in range(n_networks)]
        objective = Objective(
            of_problem.network, self.loss, np.repeat(of_problem.alpha, n_networks, axis=0), streams
        )

        def for_each(array: Array) -> Array:
            return np.broadcast_to(array, (n_networks, *array.shape))

        is_dense = isinstance(data.X, np.ndarray)
        x = for_each(data.X) if is_dense else SparseBlock([data.X] * n_networks)
        weights = None if data.sample_weight is None else for_each(data.sample_weight)
        return objective, (x, for_each(self.y), weights)
