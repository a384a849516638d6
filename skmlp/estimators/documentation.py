"""What the docstrings of the estimators have in common is written once."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any, TypeVar

ATTRIBUTES = """
coefs_ : list of ndarray of shape (n_inputs, n_units), or (n_members, n_inputs, n_units)
    Weights of each layer; of an ensemble, those of all members.
intercepts_ : list of ndarray of shape (n_units,), or (n_members, n_units)
    Biases of each layer.
input_parameters_ : list of ndarray, or of lists of them
    The arrays of each layer at the input, see :mod:`skmlp.layers`; only with ``input_layer``.
normalization_parameters_ : list of lists of ndarray of shape (n_units,), or (n_members, n_units)
    Gain and shift of each hidden layer, and with 'batch' its running mean and variance; only with
    ``normalization``.
skip_coefs_ : list of one ndarray of shape (n_features, n_outputs), or (n_members, n_features, n_outputs)
    Weights of the linear path from the features to the raw scores; only with ``skip``.
loss_ : float
    The loss of the last epoch.
best_loss_ : float or None
    The lowest loss of an epoch; None with ``early_stopping``.
loss_curve_ : list of float
    The loss of every epoch (iteration, generation).
learning_rate_curve_ : list of float, or None
    The learning rate at the end of every epoch of a stochastic solver.
validation_scores_ : list of float, or None
    What ``scoring`` gives on the validation part after every epoch, with ``early_stopping``.
validation_loss_curve_ : list of float, or None
    The loss on the validation part after every epoch, without penalty.
best_validation_score_ : float or None
    The best of the scores; its weights are kept.
best_iter_ : int
    The epoch, counted from 1, of the last call whose weights are kept.
n_iter_ : int
    Epochs (iterations, generations) of the last call to ``fit``.
t_ : int
    Training samples seen.
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Their names, if X has names that are all strings.
members_ : list of {name}
    The networks of an ensemble, each a fitted estimator that shares its arrays; only with ``n_members``
    of 2 or more.
n_layers_ : int
    Number of layers, input and output included.
"""
"""The ``Attributes`` that all estimators have, for their docstrings."""

POSTERIOR = """
alpha_ : float, ndarray of shape (n_layers,), (n_members,) or (n_members, n_layers)
    What the weights were penalized by; only with ``alpha='evidence'``, or of each layer with
    ``'evidence_per_layer'``.
effective_n_parameters_ : float, or ndarray of shape (n_members,)
    How many parameters the data determine; only with ``alpha='evidence'``.
log_evidence_ : float, or ndarray of shape (n_members,)
    The logarithm of the probability of the data, by which members can be compared; only with
    ``alpha='evidence'``.
posterior_factor_ : ndarray of shape (n_parameters, n_parameters), or (n_members, ...)
    The lower triangular factor of the inverse of the covariance matrix of the parameters, divided by the
    precision of the noise; only with ``laplace``.
"""
"""Those of estimators that know how sure they are."""


Estimator = TypeVar("Estimator", bound=type)


def documented(cls: Estimator) -> Estimator:
    """Fill in the docstring of a class: ``{parameters}`` by its signature, ``{attributes}`` by the list."""
    entries = []
    constructor: Any = cls.__init__  # type: ignore[misc]
    # scikit-learn reads it in every get_params: for small networks that would take a tenth of a search.
    constructor.__signature__ = inspect.signature(constructor)
    for name, argument in inspect.signature(cls).parameters.items():
        parameter = cls._parameters[name]  # type: ignore[attr-defined]
        meaning = textwrap.indent(inspect.cleandoc(parameter.meaning), "    ")
        entries.append(f"{name} : {parameter.type}, default={argument.default!r}\n{meaning}\n")
    doc = inspect.cleandoc(cls.__doc__ or "")
    doc = doc.replace("{parameters}", "\n".join(entries).rstrip())
    doc = doc.replace("{posterior}", POSTERIOR.strip())
    cls.__doc__ = doc.replace("{attributes}", ATTRIBUTES.format(name=cls.__name__).strip())
    return cls
