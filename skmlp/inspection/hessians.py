"""Second derivatives of the training objective, as products with vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from skmlp.estimators.floating_point import unraised
from skmlp.inspection.gradients import problem_at_weights
from skmlp.inspection.jacobians import check_beside
from skmlp.network.arrays import Array
from skmlp.network.layers import Nonlinearity
from skmlp.network.mixture_density import MixtureDensity

STACK_ELEMENTS = 2**20
"""Products are computed as stacks whose widest layer has about this many elements."""


@unraised
def hessian_product(estimator: Any, X: Any, y: Any, v: Any, sample_weight: Any = None) -> Array:
    """Return the product of the Hessian of the training objective with one or many vectors.

    It is exact, and costs little more than a gradient for each vector [1]_: the Hessian itself is not made.
    The objective is that of training, penalty included, on all samples as one batch, in float64, without
    dropout.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or MixtureDensityRegressor
        A single network, which is not changed: fitted, at its weights, or unfitted, at its initial weights.
    X : array-like of shape (n_samples, n_features)
        The input data; not sparse.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    v : array-like of shape (n_parameters,) or (n_vectors, n_parameters)
        All weight matrices, one after the other, each row by row, then the other arrays of each layer: of
        a network without normalization,
        ``np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])`` has this order.
    sample_weight : array-like of shape (n_samples,), default=None
        How much each sample counts.

    Returns
    -------
    Hv : ndarray of the shape of ``v``
        With ``np.eye(n_parameters)`` as ``v``, it is the Hessian.

    Raises
    ------
    ValueError
        If ``v`` has another number of parameters, the estimator is an ensemble, X is sparse, or a custom
        activation or loss has no second derivative.
    TypeError
        If ``estimator`` is not one of this package's networks.

    Notes
    -----
    relu, leaky relu, the absolute error and the quantile loss have kinks, where there is no second
    derivative: it is taken as 0, as automatic differentiation does.

    References
    ----------
    .. [1] Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural Computation 6,
       147-160.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import hessian_product
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((5,), "tanh", solver="lbfgs", alpha=1, max_iter=1000, random_state=0)
    >>> classifier = classifier.fit(X, y)
    >>> H = hessian_product(classifier, X, y, np.eye(43))
    >>> bool(np.allclose(H, H.T))
    True
    >>> bool(np.linalg.eigvalsh(H).min() > -1e-6)  # a minimum
    True
    """
    if getattr(estimator, "n_members", 1) > 1:
        raise ValueError("estimator is an ensemble: pass one of its members_, each has its own Hessian.")
    if sparse.issparse(X):
        raise ValueError("X is sparse, and products are computed with arrays: pass X.toarray().")
    problem = problem_at_weights(estimator, X, y, sample_weight)
    network, objective, data = problem.network, problem.objective, problem.data
    for layer in network.layers:
        if isinstance(layer, Nonlinearity):
            check_beside(layer.activation, "forward", "curvature")
    check_beside(objective.loss, "gradient", "hessian_product")
    if isinstance(objective.loss, MixtureDensity) and np.any(objective.loss.beta):
        raise ValueError(
            f"beta={estimator.beta!r} changes the gradient, which then is not that of a function and has no"
            " Hessian: fit with beta=0."
        )
    directions = np.asarray(v, dtype=float)
    n_parameters = network.layout.n_parameters
    if directions.ndim not in (1, 2) or directions.shape[-1] != n_parameters:
        raise ValueError(f"v has the shape {directions.shape}, and the network {n_parameters} parameters.")
    samples = data.X[np.newaxis], problem.y[np.newaxis]
    weights = None if data.sample_weight is None else data.sample_weight[np.newaxis]
    n_stack = max(1, STACK_ELEMENTS // (len(data.X) * max(network.widths)))
    products = np.empty_like(directions).reshape(-1, n_parameters)
    for start in range(0, len(products), n_stack):
        part = slice(start, start + n_stack)
        of_part = directions.reshape(-1, n_parameters)[part]
        products[part] = objective.hessian_product(problem.theta[:1], of_part, *samples, weights)
    return products.reshape(directions.shape)
