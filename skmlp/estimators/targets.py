"""Class labels as the network sees them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import label_binarize
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels

from skmlp.network.arrays import Array
from skmlp.network.losses import LogLoss, ProbabilisticLoss

MULTIOUTPUT = "multiclass-multioutput"


class ClassTargets:
    """The classes of one or several targets, and the translation of labels into network outputs.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'multilabel-indicator', 'multiclass-multioutput'}
    classes : array of labels, or list of them with one array per target
    loss : ProbabilisticLoss, default=LogLoss()

    Attributes
    ----------
    group_sizes : tuple of int
        The number of classes of each target; empty for yes/no outputs.
    loss : ProbabilisticLoss
        That for these classes.
    n_outputs : int
        Raw scores of the network: one for a binary target, one per class or label otherwise.
    """

    def __init__(self, kind: str, classes: Any, loss: ProbabilisticLoss | None = None) -> None:
        self.kind, self.classes = kind, classes
        self.group_sizes: tuple[int, ...] = ()
        if kind == MULTIOUTPUT:
            self.group_sizes = tuple(len(c) for c in classes)
        elif kind == "multiclass":
            self.group_sizes = (len(classes),)
        self.loss = (loss or LogLoss()).for_classes(self.group_sizes)
        one_output_each = 1 if kind == "binary" else len(classes)
        self.n_outputs = sum(self.group_sizes) or one_output_each

    @classmethod
    def of(cls, y: Array, classes: Any = None) -> ClassTargets:
        """Return the targets that ``y`` holds; ``classes`` may name more than occur in it."""
        kind = type_of_target(y, input_name="y")
        if kind == MULTIOUTPUT:
            found = [np.unique(column) for column in y.T] if classes is None else list(classes)
            return cls(kind, [np.asarray(c) for c in found])
        if kind == "multilabel-indicator":
            return cls(kind, np.arange(y.shape[1]))
        classes = unique_labels(y) if classes is None else unique_labels(classes)
        return cls("binary" if len(classes) <= 2 else "multiclass", classes)

    def missing(self, y: Array) -> list[Any]:
        """Return the labels in ``y`` that are not among the classes."""
        if self.kind == MULTIOUTPUT:
            pairs = zip(y.T, self.classes, strict=True)
            return [label for column, known in pairs for label in np.setdiff1d(column, known)]
        if self.kind == "multilabel-indicator":
            return []
        return list(np.setdiff1d(y, self.classes))

    def encode(self, y: Array, dtype: Any) -> Array:
        """Return indicators of shape (n_samples, n_outputs)."""
        if self.kind == MULTIOUTPUT:
            indicators = [
                column[:, np.newaxis] == known for column, known in zip(y.T, self.classes, strict=True)
            ]
            return np.concatenate(indicators, axis=1).astype(dtype)
        if self.kind == "multilabel-indicator":
            return np.ascontiguousarray(y, dtype=dtype)
        return np.asarray(label_binarize(y, classes=self.classes)).astype(dtype)

    def codes(self, z: Array) -> Array:
        """Return class indices (or 0/1 labels) from raw scores or indicators minus a half."""
        if self.kind == MULTIOUTPUT:
            return np.stack([scores.argmax(axis=-1) for scores in self._groups(z)], axis=-1)
        if self.kind == "multiclass":
            return np.asarray(z.argmax(axis=-1))
        codes = (z > 0).astype(int)
        return codes[:, 0] if self.kind == "binary" else codes

    def decode(self, z: Array) -> Array:
        """Return the labels that raw scores predict."""
        codes = self.codes(z)
        if self.kind == MULTIOUTPUT:
            columns = [known[c] for known, c in zip(self.classes, codes.T, strict=True)]
            return np.stack(columns, axis=-1)
        if self.kind == "multilabel-indicator":
            return codes
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(z))
        return np.asarray(self.classes[codes])

    def probabilities(self, z: Array, *, log: bool = False) -> Any:
        """Return (log-)probabilities: one column per class, or a list of such with one per target."""
        link = self.loss.log_inverse_link if log else self.loss.inverse_link
        if self.group_sizes:
            p = link(z)
            return self._groups(p) if self.kind == MULTIOUTPUT else p
        if self.kind == "multilabel-indicator":
            p = self.loss.inverse_link(z)
            # Labels must rank alike by p and by log p; close to 1 only log(p) rounds as p does.
            return np.where(p > 0.5, np.log(p), self.loss.log_inverse_link(z)) if log else p
        if len(self.classes) == 1:
            return np.full_like(z, 0.0 if log else 1.0)
        # The probability of the first class, 1 - p(z), is p(-z): exact however small it is.
        return np.concatenate([link(-z), link(z)], axis=1)

    def _groups(self, z: Array) -> list[Array]:
        return np.split(z, np.cumsum(self.group_sizes)[:-1], axis=-1)


def loss_of_classes(choice: str | ProbabilisticLoss) -> ProbabilisticLoss:
    """Return the loss that gives a classifier its link: an instance as it is, else the cross-entropy."""
    return choice if isinstance(choice, ProbabilisticLoss) else LogLoss()


def class_weights(class_weight: Any, y: Array, sample_weight: Array | None) -> Array:
    """Return the weight that each sample has by its class.

    Unlike scikit-learn's function, 'balanced' counts the samples by their weight: a sample of weight two
    is then the same as two samples.
    """
    if not isinstance(class_weight, str):
        return np.asarray(compute_sample_weight(class_weight, y))
    weights = np.ones(len(y))
    for column in y.reshape(len(y), -1).T:
        _, codes = np.unique(column, return_inverse=True)
        counts = np.bincount(codes, weights=sample_weight)
        present = counts > 0
        balanced = counts.sum() / (present.sum() * np.where(present, counts, 1))
        weights *= balanced[codes]
    return weights
