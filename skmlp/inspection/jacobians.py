"""Derivatives of what a network computes by its features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from skmlp.estimators.floating_point import unraised
from skmlp.fitting.class_targets import MULTIOUTPUT
from skmlp.inspection.plotting import check_is_ours
from skmlp.network.arrays import Array
from skmlp.network.codes import groups
from skmlp.network.loss import Loss
from skmlp.network.network import Network
from skmlp.network.parameters import Parameters

SCALERS: dict[type, Callable[[Any], Any]] = {
    StandardScaler: lambda scaler: 1 if scaler.scale_ is None else 1 / scaler.scale_,
    RobustScaler: lambda scaler: 1 if scaler.scale_ is None else 1 / scaler.scale_,
    MaxAbsScaler: lambda scaler: 1 / scaler.scale_,
    MinMaxScaler: lambda scaler: scaler.scale_,
}
"""The steps of a pipeline that are linear in each feature, and their slopes."""


@unraised
def jacobian(estimator: Any, X: Any, of: str = "predictions") -> Any:
    """Return the derivatives of the outputs of a fitted network by its features.

    They say how much an output changes, to first order, with a small change of one feature, at each
    sample. They are exact: one backward pass for each output.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or MixtureDensityRegressor, or a Pipeline
        Fitted. The steps of a pipeline before the network must be linear scalers: StandardScaler,
        RobustScaler, MaxAbsScaler, or MinMaxScaler without ``clip``.
    X : array-like of shape (n_samples, n_features)
        The input data; not sparse.
    of : {'predictions', 'raw'}, default='predictions'
        What is differentiated. 'predictions': the columns of ``predict_proba`` of a classifier, what
        ``predict`` returns of a regressor, in the units of y. 'raw': the scores before the inverse link,
        as ``decision_function`` returns them; those of a regressor are as the network computes them
        (with ``standardize``, in standard deviations of y), averaged over the members of an ensemble.

    Returns
    -------
    J : ndarray of shape (n_samples, n_outputs, n_features), or list of arrays
        ``J[i, k, j]`` is the derivative of output k at sample i by feature j, in the units of X. Where
        ``predict_proba`` returns a list, one array for each target.

    Raises
    ------
    TypeError
        If ``estimator`` is not one of this package's networks, a step of the pipeline is not a linear
        scaler, or X is sparse.
    ValueError
        If ``of`` is neither of the two, a classifier was fitted with ``laplace``, or the loss is a custom
        one whose link has no ``link_jacobian``.

    Notes
    -----
    At the kink of an activation such as 'relu' the derivative is that of one of the sides [1]_.

    References
    ----------
    .. [1] Bishop, C. M. (2006). Pattern recognition and machine learning, section 5.3.4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import jacobian
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((5,), "tanh", solver="lbfgs", alpha=1, max_iter=1000, random_state=0)
    >>> J = jacobian(classifier.fit(X, y), X)
    >>> J.shape  # samples, classes, features
    (150, 3, 4)
    >>> bool(abs(J.sum(axis=1)).max() < 1e-12)  # probabilities sum to one
    True
    """
    differentiable = Differentiable(estimator, of)
    return differentiable.as_predicted(differentiable.jacobian(X))


class Differentiable:
    """A fitted network, or a pipeline of linear scalers and one, with values and derivatives beside them.

    Parameters
    ----------
    estimator : one of this package's networks, or a Pipeline
    of : {'predictions', 'raw'}
    """

    def __init__(self, estimator: Any, of: str) -> None:
        if of not in ("predictions", "raw"):
            raise ValueError(f"of={of!r} must be 'predictions' or 'raw'.")
        is_pipeline = isinstance(estimator, Pipeline)
        self.estimator, self.of = estimator, of
        self.network = estimator[-1] if is_pipeline else estimator
        self.scalers = [step for step in estimator[:-1] if step != "passthrough"] if is_pipeline else []
        check_is_ours(self.network)
        check_is_fitted(self.network)
        for scaler in self.scalers:
            if type(scaler) not in SCALERS or getattr(scaler, "clip", False):
                known = ", ".join(kind.__name__ for kind in SCALERS)
                raise TypeError(
                    f"The step {scaler!r} of the pipeline is not linear in each feature, as {known}"
                    " (without clip) are: pass pipeline[-1], and X as that step sees it."
                )
        self.loss = self.network._fitted_loss()
        self.targets = None
        if is_classifier(self.network):
            self.targets = self.network._fitted_targets(self.loss)
            self.loss = self.targets.loss
        if self.targets is not None and hasattr(self.network, "posterior_factor_"):
            raise ValueError(
                f"laplace={self.network.laplace!r} moderates scores and probabilities, which is not"
                " differentiated: fit with laplace=None."
            )
        if of == "predictions":
            check_beside(self.loss, "inverse_link", "link_jacobian", ", or choose of='raw'")

    def checked(self, X: Any) -> Any:
        """Return X, or raise an error if it is sparse."""
        if sparse.issparse(X):
            raise TypeError(
                "X is sparse, and its derivatives are not: they fill n_samples x n_outputs x n_features"
                " numbers. Pass some rows as an array, such as X[:100].toarray()."
            )
        return X

    def scaled(self, X: Any) -> Any:
        """Return X as the estimator of the network is given it."""
        for scaler in self.scalers:
            X = scaler.transform(X)
        return X

    def ready(self, X: Any) -> tuple[Network, Parameters, Array]:
        """Return the network, its parameters, and X as it sees it."""
        fitted, layers, x = self.network._ready_to_predict(self.scaled(self.checked(X)))
        dtype = np.result_type(*(array for layer in layers for array in layer))
        return fitted.network, fitted.network.layout.view(fitted.theta(dtype)), x

    @property
    def is_linear_in_scores(self) -> bool:
        """Whether the `values` are linear functions of the raw scores."""
        if self.of == "raw":
            return self.targets is None or self.network.coefs_[0].ndim == 2
        return type(self.loss).link_jacobian is Loss.link_jacobian

    def values(self, X: Any) -> Array:
        """Return the outputs, (n, p)."""
        network, X = self.network, self.scaled(X)
        if self.of == "raw" and self.targets is None:
            return np.asarray(network._raw_scores(X).mean(axis=0))
        if self.targets is None:
            values = network.predict(X)
        else:
            values = network.decision_function(X) if self.of == "raw" else network.predict_proba(X)
        if isinstance(values, list):
            values = np.concatenate(values, axis=1)
        return np.asarray(values.reshape(len(values), -1))

    def jacobian(self, X: Any) -> Array:
        """Return the derivatives of the `values` by X, (n, p, m)."""
        network, parameters, x = self.ready(X)
        derivatives = network.jacobian(parameters, x, self.slopes)
        own = self.network._scalers().x
        for scaler in [*self.scalers, *([] if own is None else [own])]:
            derivatives = derivatives * np.asarray(SCALERS[type(scaler)](scaler), derivatives.dtype)
        return np.asarray(derivatives)

    def slopes(self, z: Array) -> Array:
        """Return the derivatives of the `values` by raw scores (K, n, q) of all members, (K, n, p, q)."""
        if self.of == "raw":
            if self.targets is not None and len(z) > 1:
                return np.asarray(self.targets.loss.jacobian_of_mean(z))
            identity = np.eye(z.shape[-1], dtype=z.dtype)
            return np.asarray(np.broadcast_to(identity / len(z), (*z.shape, z.shape[-1])))
        if self.targets is not None:
            return np.asarray(self.targets.probability_jacobian(z) / len(z))
        slopes = self.loss.link_jacobian(z) / len(z)
        if hasattr(self.network, "y_scaler_"):
            slopes = slopes * self.network.y_scaler_.scale_[:, np.newaxis]
        return np.asarray(slopes, dtype=z.dtype)

    def as_predicted(self, derivatives: Array) -> Any:
        """Return derivatives (n, p, m) as a list with an array for each target, where probabilities are."""
        if self.of == "raw" or self.targets is None or self.targets.kind != MULTIOUTPUT:
            return derivatives
        of_targets = groups(derivatives.swapaxes(-1, -2), self.targets.group_sizes)
        return [of_target.swapaxes(-1, -2) for of_target in of_targets]


def check_beside(choice: Any, first: str, second: str, way_out: str = "") -> None:
    """Raise an error if a class has its own method ``first``, and not the ``second`` that belongs to it."""
    kinds = type(choice).__mro__
    owner = next(i for i, kind in enumerate(kinds) if first in vars(kind))
    if not any(second in vars(kind) for kind in kinds[: owner + 1]):
        name = kinds[owner].__name__
        raise ValueError(f"{name} has {first}, and beside it no {second}: add it{way_out}.")
