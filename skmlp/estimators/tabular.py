"""The estimators for tables as they come: numbers of all scales, categories, and holes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp.estimators.classifier import MLPClassifier
from skmlp.estimators.documentation import documented
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.estimators.regressor import MLPRegressor
from skmlp.fitting.choices import NetworkChoices
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
    activation: str | Activation | Sequence[str | Activation] = "silu"
    _: KW_ONLY
    alpha: float | str = 0.0
    batch_size: int | str = "adaptive"
    learning_rate: str | Schedule = "one_cycle"
    learning_rate_init: float = 0.01
    max_iter: int | str = "auto"
    early_stopping: bool = True
    shared_validation: bool = False
    n_iter_no_change: float = np.inf
    dtype: str = "float32"
    weight_decay: float = 0.2
    dropout: float | Sequence[float] = 0.1
    scoring: Any = "loss"
    n_members: int = 4
    categorical_features: Any = "from_dtype"
    n_bins: int | str = "auto"
    max_levels: int = 64
    embedding_size: int | None = None

    def _params(self) -> dict[str, Any]:
        params = super()._params()
        names = "categorical_features", "n_bins", "max_levels", "embedding_size"
        encoding = Encoding(*(params[name] for name in names))
        return params | {"encoding": encoding}

    def _n_inputs(self) -> int:
        return int(self.encoder_.n_inputs)

    def _fitted_choices(self) -> NetworkChoices:
        return super()._fitted_choices().behind(self.encoder_.input_layers)

    def _can_partial_fit(self) -> bool:
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: scales, bins and categories are those of a whole"
            " table. To go on with more rows, set warm_start=True and call fit, which keeps them."
        )

    def _checked(self, X: Any, y: Any, *, dtype: Any, reset: bool) -> tuple[Any, Any]:
        columns = columns_of(X)
        validate_data(self, X, skip_check_array=True, reset=reset)
        if reset:
            self.encoder_ = TableEncoder(self._params()["encoding"], columns)
        if isinstance(dtype, list):  # dtype='auto'
            dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        X = self.encoder_.transform(columns, dtype)
        checked: tuple[Any, Any] = check_X_y(
            X, y, dtype=dtype, multi_output=True, y_numeric=self._y_numeric, estimator=self
        )
        return checked

    def _checked_features(self, X: Any) -> Array:
        check_is_fitted(self)
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

    X is a pandas, polars or pyarrow table, or an array: numbers of all scales, categories, missing values,
    without any preparation. The defaults are a recipe for tables [3]_ [4]_, with no tuning needed.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of arrays
        Class labels; one array per target if there are several multiclass targets.
    {attributes}
    {posterior}
    encoder_ : object
        What makes the inputs of the network from a table.
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings these inputs to mean 0 and variance 1 as well; only with ``standardize=True``.
    n_outputs_ : int
        Number of raw scores: 1 for a binary target, else one per class or label.
    out_activation_ : str
        From raw scores to probabilities: 'logistic' or 'softmax'.

    See Also
    --------
    TabularMLPRegressor : The same for numbers.
    MLPClassifier : The network alone, for features that are prepared, or sparse.

    Notes
    -----
    The network sees of each number

    - x scaled by its quartiles, with outliers drawn smoothly into (-3, 3) [4]_;
    - how far x is through each of ``n_bins`` bins between quantiles, from -1 to 1 [3]_;
    - an indicator of missing values, which the median replaces, if there were some in ``fit``;

    and of each category an indicator per level: a missing value is a level, if there were some in ``fit``;
    a level that was not there then has no indicator, or that of the rarest levels.

    Strings, booleans and categorical types are categories, integers are numbers: name columns of
    codes in ``categorical_features``. Dates are refused: make numbers of what matters in them.

    The encoding uses X alone, never y, and is fitted on all rows that ``fit`` is given. Training runs all
    ``max_iter`` epochs; the weights are those of the epoch with the lowest loss on the part held out, of
    which each member has one of its own.

    References
    ----------
    .. [1] Glorot, X. & Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
       neural networks. AISTATS.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980
    .. [3] Gorishniy, Y., Rubachev, I. & Babenko, A. (2022). On embeddings for numerical features in
       tabular deep learning. NeurIPS. https://arxiv.org/abs/2203.05556
    .. [4] Holzmueller, D., Grinsztajn, L. & Steinwart, I. (2024). Better by default: strong pre-tuned MLPs
       and boosted trees on tabular data. NeurIPS. https://arxiv.org/abs/2407.04491

    Examples
    --------
    >>> import pandas as pd
    >>> from skmlp import TabularMLPClassifier
    >>> X = pd.DataFrame({"size": [30.0, None, 55, 32, 58, 61] * 10, "colour": list("rbrbrb") * 10})
    >>> y = ["large" if size > 50 else "small" for size in X["size"]]
    >>> classifier = TabularMLPClassifier((16,), max_iter=30, random_state=0).fit(X, y)
    >>> classifier.predict(pd.DataFrame({"size": [29, 60], "colour": ["r", "green"]}))
    array(['small', 'large'], dtype='<U5')
    """


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class TabularMLPRegressor(BaseTabular, MLPRegressor):
    """Regressor for tables as they come: an ensemble of multilayer perceptrons that reads a DataFrame.

    X is a pandas, polars or pyarrow table, or an array: numbers of all scales, categories, missing values,
    without any preparation. What the network sees of them is said at :class:`TabularMLPClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    {posterior}
    noise_variance_ : float, ndarray of shape (n_targets,), (n_members,) or (n_members, n_targets)
        The estimated variance of the noise in y; only with ``alpha='evidence'`` or ``laplace``.
    encoder_ : object
        What makes the inputs of the network from a table.
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings these inputs to mean 0 and variance 1 as well; only with ``standardize=True``.
    y_range_ : ndarray of shape (2, n_targets)
        The lowest and the highest target of the fit, within which predictions stay.
    y_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the targets to mean 0 and variance 1; only with a loss without link.
    n_outputs_ : int
        Number of targets.
    out_activation_ : str
        From raw scores to predictions: 'identity', or 'exp' for ``loss='poisson'`` and
        ``'gamma'``.

    See Also
    --------
    TabularMLPClassifier : The same for classes.
    MLPRegressor : The network alone, for features that are prepared, or sparse.

    References
    ----------
    .. [1] Glorot, X. & Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
       neural networks. AISTATS.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980
    .. [3] Gorishniy, Y., Rubachev, I. & Babenko, A. (2022). On embeddings for numerical features in
       tabular deep learning. NeurIPS. https://arxiv.org/abs/2203.05556
    .. [4] Holzmueller, D., Grinsztajn, L. & Steinwart, I. (2024). Better by default: strong pre-tuned MLPs
       and boosted trees on tabular data. NeurIPS. https://arxiv.org/abs/2407.04491

    Examples
    --------
    >>> import pandas as pd
    >>> from skmlp import TabularMLPRegressor
    >>> X = pd.DataFrame({"size": [30.0, None, 55, 32, 58, 61] * 10, "colour": list("rbrbrb") * 10})
    >>> y = X["size"].fillna(40) + 20 * (X["colour"] == "r")
    >>> regressor = TabularMLPRegressor((16,), max_iter=60, random_state=0).fit(X, y)
    >>> print(f"{regressor.score(X, y):.1f}")
    1.0
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
