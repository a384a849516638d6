"""The estimators for tables as they come: numbers of all scales, categories, and holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, cast

import numpy as np
from sklearn.utils import check_X_y
from sklearn.utils.validation import validate_data

from skmlp.estimators.classifier import MLPClassifier
from skmlp.estimators.documentation import documented
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.estimators.regressor import MLPRegressor
from skmlp.fitting.targets import NumericTargets, RangedTargets
from skmlp.network.activations import Activation
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss, Quantile
from skmlp.tables.columns import as_table, columns_of
from skmlp.tables.encoding import Encoding, TableEncoder
from skmlp.training.schedules import Schedule


@dataclass(eq=False, repr=False)
class BaseTabular(BaseMultilayerPerceptron):
    """Base of the estimators for tables: how X is read, and defaults that suit tables."""

    hidden_layer_sizes: int | Sequence[int] = (128, 128)
    activation: str | Activation | Sequence[str | Activation] = "relu"
    _: KW_ONLY
    alpha: float = 0.0
    batch_size: int | str = "adaptive"
    learning_rate: str | Schedule = "one_cycle"
    learning_rate_init: float = 0.01
    max_iter: int = 100
    early_stopping: bool = True
    n_iter_no_change: float = np.inf
    dtype: str = "float32"
    weight_decay: float = 0.05
    dropout: float | Sequence[float] = 0.1
    scoring: Any = "loss"
    n_members: int = 4
    categorical_features: Any = "from_dtype"
    n_bins: int | str = "auto"
    max_levels: int = 64

    def _params(self) -> dict[str, Any]:
        params = super()._params()
        encoding = Encoding(params["categorical_features"], params["n_bins"], params["max_levels"])
        return params | {"encoding": encoding}

    def _can_partial_fit(self) -> bool:
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: scales, bins and categories are those of a whole table."
            " To go on training with more rows, set warm_start=True and call fit, which keeps them."
        )

    def _checked(self, X: Any, y: Any, *, dtype: Any, reset: bool) -> tuple[Any, Any]:
        columns = columns_of(X)
        validate_data(self, X, skip_check_array=True, reset=reset)
        if reset:
            self.encoder_ = TableEncoder(self._params()["encoding"], columns)
        if isinstance(dtype, list):  # dtype='auto'
            dtype = np.result_type(np.float32, getattr(X, "dtype", np.float64))
        X = self.encoder_.transform(columns, dtype)
        checked: tuple[Any, Any] = check_X_y(
            X, y, dtype=dtype, multi_output=True, y_numeric=self._y_numeric, estimator=self
        )
        return checked

    def _checked_features(self, X: Any) -> Array:
        X = as_table(X)
        columns = columns_of(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return self.encoder_.transform(columns, self.coefs_[0].dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class TabularMLPClassifier(BaseTabular, MLPClassifier):
    """Classifier for tables as they come: an ensemble of multilayer perceptrons that reads a DataFrame.

    Parameters
    ----------
    {parameters}
    """


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class TabularMLPRegressor(BaseTabular, MLPRegressor):
    """Regressor for tables as they come: an ensemble of multilayer perceptrons that reads a DataFrame.

    Parameters
    ----------
    {parameters}
    """

    standardize: bool | str = "targets"
    clip_predictions: bool = True

    _targets_type = RangedTargets

    def _targets(self, y: Array, loss: Loss, classes: Any, *, continuing: bool) -> NumericTargets:
        targets = RangedTargets.of(y, loss)
        if not continuing:
            return targets
        low, high = self.y_range_
        within = np.stack([np.minimum(low, targets.range[0]), np.maximum(high, targets.range[1])])
        return replace(targets, n_targets=self.y_range_.shape[1], range=within)

    def _predictions(self, X: Any) -> Any:
        predictions = super()._predictions(X)
        if not self._fitted_params["clip_predictions"] or isinstance(self._fitted_loss(), Quantile):
            return predictions
        return np.clip(predictions, *self.y_range_)
