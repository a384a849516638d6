"""The multilayer perceptron classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from skmlp.estimators.documentation import documented
from skmlp.estimators.floating_point import unraised
from skmlp.estimators.multilayer_perceptron import (
    BaseMultilayerPerceptron,
    partial_fit_if_stochastic,
)
from skmlp.estimators.problems import problem_of
from skmlp.fitting.choices import classification_loss
from skmlp.fitting.class_targets import MULTIOUTPUT, ClassTargets, check_one_kind, subset_accuracy
from skmlp.fitting.parameters import CLASSIFIER_PARAMETERS
from skmlp.network.arrays import Array
from skmlp.network.losses import BinaryLogLoss, LogLoss, Loss, ProbabilisticLoss


@documented
@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(ClassifierMixin, BaseMultilayerPerceptron):
    """Multilayer perceptron classifier, trained on the log-loss by backpropagation.

    A drop-in for :class:`sklearn.neural_network.MLPClassifier`: the same parameters, results and
    attributes, in less time.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of arrays
        Class labels; one array per target if there are several multiclass targets.
    {attributes}
    {posterior}
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
    >>> print(f"{classifier.score(X_test, y_test):.2f}")
    0.98
    """

    loss: str | ProbabilisticLoss | Callable[..., Any] = "log_loss"
    standardize: bool = False
    monotonic_cst: Any = None
    laplace: str | None = None
    class_weight: dict[Any, float] | Sequence[dict[Any, float]] | str | None = None

    _y_numeric = False
    _parameters = CLASSIFIER_PARAMETERS
    _loss_of = staticmethod(classification_loss)

    @partial_fit_if_stochastic  # type: ignore[untyped-decorator]
    @unraised
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Make one pass over X and y, continuing where the last call ended.

        The optimizer, the learning rate and the random stream continue. Nothing is held out, whatever
        ``early_stopping`` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            The labels; not all classes need to be among them.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.
        classes : array-like of shape (n_classes,), or list of arrays, default=None
            All classes that may ever occur; needed in the first call, where they decide what kind of
            target y is. A list with one array per column if y has several columns; [0, 1] is enough if each
            of these is a label that is there or not.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not hasattr(self, "classes_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._train(problem_of(self, X, y, sample_weight, incremental=True, classes=classes))

    def _fitted_targets(self, loss: Loss) -> ClassTargets:
        """Return what the fitted network predicts."""
        if hasattr(self, "_target_type"):
            return ClassTargets(self._target_type, self.classes_, loss, sparse_output=self._sparse_output)
        return ClassTargets.of_link(self.out_activation_, self.classes_, self.n_outputs_, loss)

    def _targets(self, y: Array, loss: Loss, classes: Any, *, continuing: bool) -> ClassTargets:
        continuing = continuing and hasattr(self, "classes_")
        if not (continuing and y.ndim == 1 and y.dtype.kind in "biu"):  # they are compared with the classes
            check_one_kind(y)
            check_classification_targets(y)
        if not continuing:
            return ClassTargets.of(y, classes, loss)
        targets = self._fitted_targets(loss)
        if classes is not None:
            check_same_classes(targets.classes, ClassTargets.of(y, classes, loss).classes)
        elif self.warm_start and targets.kind in ("binary", "multiclass") and y.ndim == 1:
            found = unique_labels(y)
            if set(found) != set(targets.classes):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous"
                    f" call to fit. Previously got {targets.classes}, `y` has {found}"
                )
        return targets

    def _prediction(self, X: Any) -> tuple[ClassTargets, Array]:
        """Return the targets, and the raw scores (n_samples, n_outputs_) by which they are predicted.

        Those of an ensemble are the raw scores of its mean probabilities, with ``laplace`` moderated.
        """
        if hasattr(self, "posterior_factor_"):
            posterior, X = self._posterior(X)
            targets = self._fitted_targets(self._fitted_loss())
            scores = posterior.moderated(X, cast(LogLoss | BinaryLogLoss, targets.loss))
        else:
            scores = self._raw_scores(X)  # first: it says whether anything was fitted
            targets = self._fitted_targets(self._fitted_loss())
        return targets, scores[0] if len(scores) == 1 else targets.loss.scores_of_mean(scores)

    @unraised
    def predict(self, X: Any) -> Array:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            The predicted labels; sparse if the network was fitted on a sparse matrix of labels.
        """
        targets, scores = self._prediction(X)
        return targets.decode(scores)

    @unraised
    def decision_function(self, X: Any) -> Array:
        """Return the raw scores: what the network computes before softmax or sigmoid.

        With ``laplace``, they are those of the moderated probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, `n_outputs_`)
            For a binary target, the log-odds of ``classes_[1]``.
        """
        targets, scores = self._prediction(X)
        return scores[:, 0] if targets.kind == "binary" else scores

    @unraised
    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes), or list of arrays
            Columns in the order of ``classes_``; one array per target if there are several multiclass
            targets.
        """
        targets, scores = self._prediction(X)
        return targets.probabilities(scores)

    @unraised
    def predict_log_proba(self, X: Any) -> Any:
        """Predict log-probabilities: finite however small the probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes), or list of arrays
            As of ``predict_proba``.
        """
        targets, scores = self._prediction(X)
        return targets.probabilities(scores, log=True)

    @unraised
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; for several targets or labels, of getting all of them right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Test data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts; None: all alike.

        Returns
        -------
        accuracy : float
        """
        # A part of the samples may hold only 0 and 1 where the whole has more classes.
        several = isinstance(getattr(self, "classes_", None), list)
        if several or (np.ndim(y) == 2 and type_of_target(y) == MULTIOUTPUT):
            predicted, y = map(dense, (self.predict(X), y))
            if predicted.shape != y.shape:
                raise ValueError(f"y has the shape {y.shape}, and the predictions have {predicted.shape}.")
            return subset_accuracy(predicted == y, sample_weight)
        return float(super().score(X, y, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def dense(y: Any) -> Array:
    """Return labels as an array, also where they are a sparse matrix."""
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


def check_same_classes(before: Any, now: Any) -> None:
    """Raise an error if ``partial_fit`` is given other classes than before."""
    lists = [given if isinstance(given, list) else [given] for given in (before, now)]
    if len(lists[0]) != len(lists[1]) or not all(map(np.array_equal, *lists)):
        raise ValueError(
            f"`classes={now!r}` is not the same as on last call to partial_fit, was: {before!r}"
        )
