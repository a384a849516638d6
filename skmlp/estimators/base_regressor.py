"""What the regressors share: targets that are numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron, partial_fit_if_stochastic
from skmlp.estimators.validation import unchanged_on_error
from skmlp.network.arrays import Array


class BaseRegressor(RegressorMixin, BaseMultilayerPerceptron):
    """Base of the regressors; a subclass says what its loss is and how it predicts."""

    _y_numeric = True
    _n_targets: int

    @partial_fit_if_stochastic  # type: ignore[untyped-decorator]
    @unchanged_on_error
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one pass over X and y, going on from where the last call ended.

        The optimizer, the learning rate and the random stream continue. Nothing is held out, whatever
        ``early_stopping`` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        encoded = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
        if continuing and encoded.shape[1] != self._n_targets:
            raise ValueError(
                f"y has {encoded.shape[1]} targets, but the fitted network predicts"
                f" {self._n_targets}: warm_start and partial_fit cannot change the network."
            )
        self._check_allowed(encoded, "y")
        self._n_targets = encoded.shape[1]
        return encoded

    def _encode_validation(self, y: Any, n_targets: int, dtype: Any) -> Array:
        encoded = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
        if encoded.shape[1] != n_targets:
            raise ValueError(f"y_val has {encoded.shape[1]} targets, y has {n_targets}.")
        self._check_allowed(encoded, "y_val")
        return encoded

    def _check_allowed(self, y: Array, name: str) -> None:
        loss = self._loss()
        if not loss.allows(y):
            raise ValueError(
                f"loss={self.loss!r} is for targets that are {loss.targets}; {name} lies between"
                f" {y.min()!r} and {y.max()!r}. Choose another loss, such as 'squared_error'."
            )

    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        return None
