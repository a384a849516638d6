"""The outputs of hidden layers."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skmlp.inspection.plotting import check_index, check_is_ours
from skmlp.network.arrays import Array
from skmlp.network.layers import Nonlinearity


def hidden_activations(estimator: Any, X: Any, layer: int = -1) -> Array:
    """Return the outputs of the units of a hidden layer for each sample.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted estimator.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The input data.
    layer : int, default=-1
        The number of the hidden layer: 0 is the first, -1 the last.

    Returns
    -------
    h : ndarray of shape (n_samples, n_units), or (n_members, n_samples, n_units) for an ensemble
        The outputs after the activation, without dropout.

    Raises
    ------
    ValueError
        If ``layer`` is out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier
    >>> from skmlp.inspection import hidden_activations
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8, 3), solver="lbfgs", alpha=1, max_iter=1000, random_state=0)
    >>> classifier = classifier.fit(X, y)
    >>> hidden_activations(classifier, X, layer=0).shape
    (150, 8)
    """
    check_is_ours(estimator)
    check_is_fitted(estimator)
    fitted, parameters, X = estimator._ready_to_predict(X)
    network = fitted.network
    hidden = [i for i, kind in enumerate(network.layers) if isinstance(kind, Nonlinearity)]
    check_index("layer", layer, len(hidden), f"the network has {len(hidden)} hidden layer(s)")
    h: Array = network.output(parameters, X, hidden[layer])
    return h[0] if len(h) == 1 else h
