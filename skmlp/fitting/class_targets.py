"""Class labels as the network sees them, and back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from sklearn.utils.multiclass import type_of_target, unique_labels

from skmlp.fitting.targets import Targets
from skmlp.network.arrays import Array
from skmlp.network.codes import groups
from skmlp.network.losses import LogLoss, Loss, ProbabilisticLoss

MULTIOUTPUT = "multiclass-multioutput"


class ClassTargets(Targets):
    """The classes of one or several targets, and the translation of labels into network outputs.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'multilabel-indicator', 'multiclass-multioutput'}
    classes : array of labels, or list of them with one array per target
    loss : ProbabilisticLoss, default=LogLoss()

    Attributes
    ----------
    loss : ProbabilisticLoss
        That for these classes.
    n_outputs : int
        Raw scores of the network: one for a binary target, one per class or label otherwise.
    """

    loss: ProbabilisticLoss

    def __init__(self, kind: str, classes: Any, loss: Loss | None = None) -> None:
        self.kind, self.classes = kind, classes
        self.group_sizes: tuple[int, ...] = ()
        if kind == MULTIOUTPUT:
            self.group_sizes = tuple(len(c) for c in classes)
        elif kind == "multiclass":
            self.group_sizes = (len(classes),)
        self.loss = cast(ProbabilisticLoss, loss or LogLoss()).for_classes(self.group_sizes)
        one_output_each = 1 if kind == "binary" else len(classes)
        self.n_outputs = sum(self.group_sizes) or one_output_each

    @classmethod
    def of(cls, y: Array, classes: Any = None, loss: Loss | None = None) -> ClassTargets:
        """Return the targets that ``y`` holds; ``classes`` may name more than occur in it."""
        kind = type_of_target(y, input_name="y")
        if kind == MULTIOUTPUT:
            found = [np.unique(column) for column in y.T] if classes is None else list(classes)
            return cls(kind, [np.asarray(c) for c in found], loss)
        if kind == "multilabel-indicator":
            return cls(kind, np.arange(y.shape[1]), loss)
        classes = unique_labels(y) if classes is None else unique_labels(classes)
        return cls("binary" if len(classes) <= 2 else "multiclass", classes, loss)

    @classmethod
    def of_link(cls, link: str, classes: Any, n_outputs: int, loss: Loss) -> ClassTargets:
        """Return the targets of a network with ``n_outputs`` raw scores, whose weights were set by hand."""
        if isinstance(classes, list):
            return cls(MULTIOUTPUT, classes, loss)
        if link == LogLoss.link:
            return cls("multiclass", classes, loss)
        return cls("binary" if n_outputs == 1 else "multilabel-indicator", classes, loss)

    def attributes(self) -> dict[str, Any]:
        return {"classes_": self.classes, "_target_type": self.kind}

    def strata(self, encoded: Array, n_held_out: int) -> Array | None:
        if self.kind not in ("binary", "multiclass"):
            return None
        codes = encoded[:, 0]
        if self.kind == "binary":
            return codes
        counts = np.bincount(codes)
        counts = counts[counts > 0]
        fits = counts.min() >= 2 and len(counts) <= min(n_held_out, len(encoded) - n_held_out)
        return codes if fits else None

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        return subset_accuracy(self.codes(z) == encoded, sample_weight)

    def missing(self, y: Array) -> list[Any]:
        """Return the labels in ``y`` that are not among the classes."""
        if self.kind == MULTIOUTPUT:
            pairs = zip(y.T, self.classes, strict=True)
            return [label for column, known in pairs for label in np.setdiff1d(column, known)]
        if self.kind == "multilabel-indicator":
            return []
        return list(np.setdiff1d(y, self.classes))

    def encode(self, y: Array, dtype: Any, name: str = "y") -> Array:
        """Return class indices, or 0/1 labels, of shape (n_samples, n_targets); see `Targets.encode`."""
        if missing := self.missing(y):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has {self.classes}."
                f" `{name}` also has {missing}."
            )
        if self.kind == MULTIOUTPUT:
            pairs = zip(self.classes, y.T, strict=True)
            return np.stack([np.searchsorted(known, column) for known, column in pairs], axis=1)
        if self.kind == "multilabel-indicator":
            if np.shape(y)[1:] != (len(self.classes),):
                raise ValueError(
                    f"{name} has the shape {np.shape(y)}, and the network predicts {len(self.classes)}"
                    " labels for each sample: give one column for each."
                )
            return np.ascontiguousarray(y, dtype=np.uint8)
        return np.searchsorted(self.classes, y)[:, np.newaxis]

    def codes(self, z: Array) -> Array:
        """Return the class indices, or 0/1 labels, that raw scores predict, (n_samples, n_targets)."""
        if not self.group_sizes:
            return (z > 0).astype(int)
        return np.stack([scores.argmax(axis=-1) for scores in groups(z, self.group_sizes)], axis=-1)

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
        return np.asarray(self.classes[codes[:, 0]])

    def probabilities(self, z: Array, *, log: bool = False) -> Any:
        """Return (log-)probabilities: one column per class, or a list with one array per target."""
        link = self.loss.log_inverse_link if log else self.loss.inverse_link
        if self.group_sizes:
            p = link(z)
            return groups(p, self.group_sizes) if self.kind == MULTIOUTPUT else p
        if self.kind == "multilabel-indicator":
            p = self.loss.inverse_link(z)
            # Labels must rank alike by p and by log p; close to 1 only log(p) rounds as p does.
            return np.where(p > 0.5, np.log(p), self.loss.log_inverse_link(z)) if log else p
        if len(self.classes) == 1:
            return np.full_like(z, 0.0 if log else 1.0)
        # The probability of the first class, 1 - p(z), is p(-z): exact however small it is.
        return np.concatenate([link(-z), link(z)], axis=1)


def subset_accuracy(hits: Array, sample_weight: Any) -> float:
    """Return the weighted fraction of rows in which all labels are right."""
    rows = hits if hits.ndim == 1 else hits.all(axis=1)
    return float(np.average(rows, weights=sample_weight))
