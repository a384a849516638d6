"""The multilayer perceptron regressor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from skmlp.estimators.choices import loss_of
from skmlp.estimators.multilayer_perceptron import (
    BaseMultilayerPerceptron,
    partial_fit_if_stochastic,
)
from skmlp.estimators.parameters import documented
from skmlp.estimators.validation import unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss


@documented
class MLPRegressor(RegressorMixin, BaseMultilayerPerceptron):
    """Multilayer perceptron regressor, trained by backpropagation.

    A drop-in for :class:`sklearn.neural_network.MLPRegressor`: the same parameters, results and
    attributes, in less time.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_inputs, n_units), or (n_members, n_inputs, n_units)
        Weights of each layer; of an ensemble, those of all members.
    intercepts_ : list of ndarray of shape (n_units,), or (n_members, n_units)
        Biases of each layer.
    normalization_parameters_ : list of lists of ndarray of shape (n_units,), or (n_members, n_units)
        Gain and shift of each hidden layer, and with 'batch' its running mean and variance; only with
        ``normalization``.
    loss_ : float
        The loss of the last epoch.
    best_loss_ : float or None
        The lowest loss of an epoch; None with ``early_stopping``.
    loss_curve_ : list of float
        The loss of every epoch (of every iteration of 'lbfgs').
    validation_scores_ : list of float, or None
        R2 (or the score that ``scoring`` chooses) on the validation part after every epoch, with
        ``early_stopping``.
    validation_loss_curve_ : list of float, or None
        The loss on the validation part after every epoch, without penalty.
    best_validation_score_ : float or None
        The best of the scores; its weights are kept.
    best_iter_ : int
        The epoch, counted from 1, of the last call whose weights are kept.
    n_iter_ : int
        Epochs (iterations) of the last call to ``fit``.
    t_ : int
        Training samples seen.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names that are all strings.
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the features to mean 0 and variance 1; only with ``standardize``.
    y_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the targets to mean 0 and variance 1; only with ``standardize`` and a loss without link.
    members_ : list of MLPRegressor
        The networks of an ensemble, each a fitted estimator that shares its arrays.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of targets.
    out_activation_ : str
        From raw scores to predictions: 'identity', or 'exp' for ``loss='poisson'`` and
        ``'gamma'``.

    See Also
    --------
    MLPClassifier : The same network for classification.

    Notes
    -----
    Scale X, and bring y to a range of about one, or training takes long or fails: see
    :class:`sklearn.preprocessing.StandardScaler` and
    :class:`sklearn.compose.TransformedTargetRegressor`.

    References
    ----------
    .. [1] Glorot, X. & Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
       neural networks. AISTATS.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skmlp import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((20,), solver="lbfgs", alpha=10, max_iter=1000, random_state=0)
    >>> regressor.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.5
    True
    """

    _y_numeric = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "squared_error",
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: str = "auto",
        weight_decay: float = 0.0,
        warmup: float = 0.0,
        max_grad_norm: float | None = None,
        initializer: Any = "auto",
        dropout: Any = 0.0,
        normalization: Any = None,
        standardize: bool = False,
        quantile: float | None = None,
        scoring: Any = None,
        n_members: int = 1,
        max_time: float | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.max_grad_norm = max_grad_norm
        self.initializer = initializer
        self.dropout = dropout
        self.normalization = normalization
        self.standardize = standardize
        self.quantile = quantile
        self.scoring = scoring
        self.n_members = n_members
        self.max_time = max_time

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

    def _loss(self) -> Loss:
        return loss_of(self)

    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        encoded = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
        if continuing and encoded.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {encoded.shape[1]} targets, but the fitted network predicts"
                f" {self.n_outputs_}: warm_start and partial_fit cannot change the network."
            )
        self._check_allowed(encoded, "y")
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

    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        predictions = self._loss().inverse_link(z)
        if not np.isfinite(predictions).all():
            return np.nan
        return float(r2_score(y, predictions, sample_weight=sample_weight))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        return_std : bool, default=False
            Whether to return also how far the members of an ensemble disagree.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values; of an ensemble, their mean over the members.
        std : ndarray of the same shape
            Their standard deviation over the members; only with ``return_std``.

        Raises
        ------
        ValueError
            If ``return_std`` is asked of a single network.
        """
        scores = self._raw_scores(X)
        if return_std and len(scores) == 1:
            raise ValueError("return_std=True needs an ensemble: fit with n_members=2 or more.")
        predictions = loss_of(SimpleNamespace(**self._fitted_choices)).inverse_link(scores)
        if hasattr(self, "y_scaler_"):
            predictions = np.stack([self.y_scaler_.inverse_transform(p) for p in predictions])
        if predictions.shape[-1] == 1:
            predictions = predictions[..., 0]
        if len(predictions) == 1:
            return predictions[0]
        mean = predictions.mean(axis=0)
        return (mean, predictions.std(axis=0)) if return_std else mean
