"""The multilayer perceptron regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from skmlp.estimators.multilayer_perceptron import (
    BaseMultilayerPerceptron,
    partial_fit_if_stochastic,
)
from skmlp.estimators.parameters import documented
from skmlp.estimators.validation import unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.losses import LOSSES, Loss


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
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_units,)
        Biases of each layer.
    loss_ : float
        The loss of the last epoch.
    best_loss_ : float or None
        The lowest loss of an epoch; None with ``early_stopping``.
    loss_curve_ : list of float
        The loss of every epoch (of every iteration of 'lbfgs').
    validation_scores_ : list of float, or None
        R2 on the validation part after every epoch, with ``early_stopping``.
    best_validation_score_ : float or None
        The best of them; its weights are kept.
    n_iter_ : int
        Epochs (iterations) of the last call to ``fit``.
    t_ : int
        Training samples seen.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names that are all strings.
    n_layers_ : int
        Number of layers, input and output included.
    n_outputs_ : int
        Number of targets.
    out_activation_ : str
        From raw scores to predictions: 'identity', or 'exp' for ``loss='poisson'``.

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
        loss: str = "squared_error",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
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
        return LOSSES[self.loss]()

    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        encoded = np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)
        if continuing and encoded.shape[1] != len(self.intercepts_[-1]):
            raise ValueError(
                f"y has {encoded.shape[1]} targets, but the fitted network predicts"
                f" {len(self.intercepts_[-1])}: warm_start and partial_fit cannot change the network."
            )
        loss = self._loss()
        self._fitted_loss = self.loss
        if not loss.allows(encoded):
            raise ValueError(
                f"loss={self.loss!r} is for targets that are {loss.targets}; y lies between"
                f" {encoded.min()!r} and {encoded.max()!r}. Choose another loss, such as"
                " 'squared_error'."
            )
        return encoded

    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        return None

    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        predictions = self._loss().inverse_link(z)
        if not np.isfinite(predictions).all():
            return np.nan
        return float(r2_score(y, predictions, sample_weight=sample_weight))

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted values.
        """
        scores = self._raw_scores(X)
        predictions = LOSSES[self._fitted_loss]().inverse_link(scores)
        return predictions[:, 0] if predictions.shape[1] == 1 else predictions
