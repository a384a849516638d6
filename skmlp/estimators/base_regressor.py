"""What the regressors share: targets that are numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sklearn.base import RegressorMixin

from skmlp.estimators.floating_point import unraised
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron, partial_fit_if_stochastic
from skmlp.estimators.problems import problem_of
from skmlp.fitting.targets import NumericTargets
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss


@dataclass(eq=False, repr=False, kw_only=True)
class BaseRegressor(RegressorMixin, BaseMultilayerPerceptron):
    """Base of the regressors; a subclass says what its loss is and how it predicts."""

    _y_numeric = True
    score = unraised(RegressorMixin.score)
    _targets_type: ClassVar[type[NumericTargets]] = NumericTargets

    @partial_fit_if_stochastic  # type: ignore[untyped-decorator]
    @unraised
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Make one pass over X and y, continuing where the last call ended.

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
        return self._train(problem_of(self, X, y, sample_weight, incremental=True))

    def _targets(self, y: Array, loss: Loss, classes: Any, *, continuing: bool) -> NumericTargets:
        if not continuing:
            return self._targets_type.of(y, loss)
        scaler = getattr(self, "y_scaler_", None)
        return self._targets_type(self.n_outputs_ if scaler is None else scaler.n_features_in_, loss)
