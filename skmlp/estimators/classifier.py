"""The multilayer perceptron classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from skmlp.estimators.documentation import documented, keep_parameters
from skmlp.estimators.multilayer_perceptron import (
    BaseMultilayerPerceptron,
    partial_fit_if_stochastic,
)
from skmlp.estimators.targets import MULTIOUTPUT, ClassTargets, class_weights, loss_of_classes
from skmlp.estimators.validation import unchanged_on_error
from skmlp.network.arrays import Array
from skmlp.network.losses import Loss


@documented
class MLPClassifier(ClassifierMixin, BaseMultilayerPerceptron):
    """Multilayer perceptron classifier, trained on the log-loss by backpropagation.

    A drop-in for :class:`sklearn.neural_network.MLPClassifier`: the same parameters, results and
    attributes, in less time.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of such arrays
        Class labels; one array per target if there are several multiclass targets.
    {attributes}
    x_scaler_ : sklearn.preprocessing.StandardScaler
        What brings the features to mean 0 and variance 1; only with ``standardize``.
    n_outputs_ : int
        Number of raw scores: 1 for a binary target, else one per class or label.
    out_activation_ : str
        From raw scores to probabilities: 'logistic' or 'softmax'.

    See Also
    --------
    MLPRegressor : The same network for regression.

    Notes
    -----
    Better than scikit-learn on purpose: the validation part is stratified for several classes too;
    ``partial_fit`` and ``warm_start`` continue the optimizer, the learning rate and the random stream;
    log-probabilities never saturate; several multiclass targets work; pickles hold little more than the
    weights.

    References
    ----------
    .. [1] Glorot, X. & Bengio, Y. (2010). Understanding the difficulty of training deep feedforward
       neural networks. AISTATS.
    .. [2] Kingma, D. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
       https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skmlp import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> classifier = MLPClassifier(learning_rate_init=0.01, random_state=0).fit(X_train, y_train)
    >>> classifier.predict(X_test[:5])
    array([2, 8, 2, 6, 6])
    >>> classifier.score(X_test, y_test) > 0.96
    True
    """

    _y_numeric = False

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "log_loss",
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
        population_size: int | str = "auto",
        n_restarts: int = 3,
        dtype: str = "auto",
        weight_decay: float = 0.0,
        warmup: float = 0.0,
        max_grad_norm: float | None = None,
        initializer: Any = "auto",
        dropout: Any = 0.0,
        normalization: Any = None,
        standardize: bool = False,
        class_weight: Any = None,
        scoring: Any = None,
        n_members: int = 1,
        max_time: float | None = None,
    ) -> None:
        keep_parameters(self, locals())

    @partial_fit_if_stochastic  # type: ignore[untyped-decorator]
    @unchanged_on_error
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Make one pass over X and y, going on from where the last call ended.

        The optimizer, the learning rate and the random stream continue. Nothing is held out, whatever
        ``early_stopping`` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels; not all classes need to be among them.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.
        classes : array-like of shape (n_classes,), or list of such, default=None
            All classes that may ever occur; needed in the first call. A list with one array per
            target if there are several multiclass targets.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not hasattr(self, "classes_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _targets(self, loss: Any = None) -> ClassTargets:
        """Return the targets with the loss that was fitted, or with another one."""
        choice = self._fitted_choices["loss"] if loss is None else loss
        return ClassTargets(self._target_type, self.classes_, loss_of_classes(choice))

    def _loss(self) -> Loss:
        return self._targets(self.loss).loss

    def _encode_validation(self, y: Any, n_targets: int, dtype: Any) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = self._targets(self.loss)
        if missing := targets.missing(y):
            raise ValueError(f"y_val has classes that y has not: {missing}; y has {targets.classes}.")
        return targets.encode(y, dtype)

    def _with_class_weight(self, y: Array, sample_weight: Array | None, dtype: Any) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        weights = class_weights(self.class_weight, y, sample_weight).astype(dtype)
        return weights if sample_weight is None else weights * sample_weight

    def _read_targets(self, y: Any, classes: Any, dtype: Any, *, continuing: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        known = continuing and hasattr(self, "classes_")
        targets = self._targets(self.loss) if known else ClassTargets.of(y, classes)
        if known and classes is not None:
            self._check_same_classes(ClassTargets.of(y, classes))
        one_target = targets.kind in ("binary", "multiclass")
        found = unique_labels(y) if one_target else []
        warm = known and self.warm_start and classes is None and one_target
        if warm and set(found) != set(targets.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous"
                f" call to fit. Previously got {targets.classes}, `y` has {found}"
            )
        if targets.missing(y):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {targets.classes}."
                f" 'y' also has {targets.missing(y)}."
            )
        self._target_type, self.classes_ = targets.kind, targets.classes
        return targets.encode(y, dtype)

    def _check_same_classes(self, given: ClassTargets) -> None:
        before = self.classes_ if isinstance(self.classes_, list) else [self.classes_]
        now = given.classes if isinstance(given.classes, list) else [given.classes]
        if len(before) != len(now) or not all(map(np.array_equal, before, now)):
            raise ValueError(
                f"`classes={given.classes!r}` is not the same as on last call to partial_fit, was:"
                f" {self.classes_!r}"
            )

    def _strata(self, y: Array, n_held_out: int) -> Array | None:
        if self._target_type == "binary":
            return y.astype(bool)
        if self._target_type != "multiclass":
            return None
        codes = self._targets(self.loss).codes(y - 0.5)
        counts = np.bincount(codes)
        counts = counts[counts > 0]
        fits = counts.min() >= 2 and len(counts) <= min(n_held_out, len(y) - n_held_out)
        return codes if fits else None

    def _validation_score(self, z: Array, y: Array, sample_weight: Array | None) -> float:
        targets = self._targets(self.loss)
        hits = targets.codes(z) == targets.codes(y - 0.5)
        return subset_accuracy(hits, sample_weight)

    def predict(self, X: Any) -> Array:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted labels.
        """
        scores = self._scores(X)
        return self._targets().decode(scores)

    def _scores(self, X: Any) -> Array:
        """Return raw scores (n_samples, n_outputs_), of an ensemble those of its mean probabilities."""
        scores = self._raw_scores(X)
        return scores[0] if len(scores) == 1 else self._targets().loss.mixture(scores)

    def decision_function(self, X: Any) -> Array:
        """Return the raw scores: what the network computes before softmax or sigmoid.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, `n_outputs_`)
            For a binary target, the log-odds of ``classes_[1]``.
        """
        scores = self._scores(X)
        return scores[:, 0] if self._target_type == "binary" else scores

    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes), or list of such
            Columns in the order of ``classes_``; one array per target if there are several multiclass
            targets.
        """
        scores = self._scores(X)
        return self._targets().probabilities(scores)

    def predict_log_proba(self, X: Any) -> Any:
        """Predict log-probabilities: finite however small the probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes), or list of such
            As of ``predict_proba``.
        """
        scores = self._scores(X)
        return self._targets().probabilities(scores, log=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; for several targets or labels, of getting all of them right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Test data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        accuracy : float
        """
        if getattr(self, "_target_type", None) == MULTIOUTPUT:
            return subset_accuracy(self.predict(X) == np.asarray(y), sample_weight)
        return float(super().score(X, y, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def subset_accuracy(hits: Array, sample_weight: Any) -> float:
    """Return the weighted fraction of rows in which all labels are right."""
    rows = hits if hits.ndim == 1 else hits.all(axis=1)
    return float(np.average(rows, weights=sample_weight))
