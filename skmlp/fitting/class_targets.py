"""Class labels as the network sees them, and back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import unique_labels

from skmlp.fitting.targets import Targets
from skmlp.fitting.values import plain
from skmlp.network.arrays import Array
from skmlp.network.codes import groups
from skmlp.network.losses import BinaryLoss, LogLoss, Loss, ProbabilisticLoss

MULTILABEL, MULTIOUTPUT = "multilabel-indicator", "multiclass-multioutput"


class ClassTargets(Targets):
    """The classes of one or several targets, and the translation of labels into network outputs.

    Parameters
    ----------
    kind : {'binary', 'multiclass', 'multilabel-indicator', 'multiclass-multioutput'}
    classes : array of labels, or list of them with one array per target
    loss : ProbabilisticLoss, default=LogLoss()
    sparse_output : bool, default=False
        Whether labels are predicted as a sparse matrix, as they were given.

    Attributes
    ----------
    loss : ProbabilisticLoss
        That for these classes.
    n_outputs : int
        Raw scores of the network: one for a binary target, one per class or label otherwise.
    """

    loss: ProbabilisticLoss

    def __init__(
        self, kind: str, classes: Any, loss: Loss | None = None, *, sparse_output: bool = False
    ) -> None:
        self.kind, self.classes, self.sparse_output = kind, classes, sparse_output
        self.group_sizes: tuple[int, ...] = ()
        if kind == MULTIOUTPUT:
            self.group_sizes = tuple(len(c) for c in classes)
        elif kind == "multiclass":
            self.group_sizes = (len(classes),)
        self.loss = cast(ProbabilisticLoss, loss or LogLoss()).for_classes(self.group_sizes)
        if self.group_sizes and isinstance(self.loss, BinaryLoss):
            raise ValueError(
                f"loss={self.loss!r} is for two classes, or labels that are there or not, and y has"
                f" {' and '.join(map(str, self.group_sizes))} classes, whose probabilities must sum to one:"
                " choose LogLoss or Focal."
            )
        one_output_each = 1 if kind == "binary" else len(classes)
        self.n_outputs = sum(self.group_sizes) or one_output_each

    @classmethod
    def of(cls, y: Array, classes: Any = None, loss: Loss | None = None) -> ClassTargets:
        """Return the targets that ``y`` holds; ``classes`` may name more than occur in it.

        Several columns are labels, each of them there or not, if no other values than 0 and 1 are possible.
        Else they are targets with classes of their own.
        """
        if y.ndim == 1:
            known = unique_labels(y if classes is None else classes_of_one(classes))
            return cls("binary" if len(known) <= 2 else "multiclass", known, loss)
        possible = [y] if classes is None else classes_of_columns(classes, y)
        if all(map(is_yes_no, possible)):
            return cls(MULTILABEL, np.arange(y.shape[1]), loss, sparse_output=sparse.issparse(y))
        columns = y.T if classes is None else possible
        return cls(MULTIOUTPUT, [np.unique(column) for column in columns], loss)

    @classmethod
    def of_link(cls, link: str, classes: Any, n_outputs: int, loss: Loss) -> ClassTargets:
        """Return the targets of a network with ``n_outputs`` raw scores, whose weights were set by hand."""
        if isinstance(classes, list):
            return cls(MULTIOUTPUT, classes, loss)
        if link == LogLoss.link:
            return cls("multiclass", classes, loss)
        return cls("binary" if n_outputs == 1 else MULTILABEL, classes, loss)

    def attributes(self) -> dict[str, Any]:
        private = {"_target_type": self.kind, "_sparse_output": self.sparse_output}
        return {"classes_": self.classes, **private}

    def strata(self, encoded: Array, n_held_out: int) -> Array | None:
        if self.kind not in ("binary", "multiclass"):
            return None
        codes = encoded[:, 0]
        if self.kind == "binary":
            return codes if n_held_out > 1 else None
        counts = np.bincount(codes)
        counts = counts[counts > 0]
        fits = counts.min() >= 2 and len(counts) <= min(n_held_out, len(encoded) - n_held_out)
        return codes if fits else None

    def score(self, z: Array, encoded: Array, sample_weight: Array | None) -> float:
        return subset_accuracy(self.codes(z) == encoded, sample_weight)

    @property
    def columns(self) -> list[Array]:
        """The classes of each column of y."""
        if self.kind == MULTILABEL:
            return [np.arange(2)] * len(self.classes)
        return list(self.classes) if self.kind == MULTIOUTPUT else [self.classes]

    def missing(self, y: Array) -> list[Any]:
        """Return the labels in ``y`` that are not among the classes."""
        if self.kind == MULTILABEL and is_yes_no(y):
            return []
        pairs = zip(y.reshape(len(y), -1).T, self.columns, strict=True)
        found = [set(np.unique(column).tolist()) - set(known.tolist()) for column, known in pairs]
        return sorted(set().union(*found), key=str)

    def encode(self, y: Any, dtype: Any, name: str = "y") -> Array:
        """Return class indices, or 0/1 labels, of shape (n_samples, n_targets); see `Targets.encode`."""
        if sparse.issparse(y) and self.kind != MULTILABEL:
            y = y.toarray()
        self._check_labels(y, name)
        if self.kind == MULTILABEL:
            labels = y.astype(np.uint8)
            return labels.toarray() if sparse.issparse(y) else np.ascontiguousarray(labels)
        pairs = zip(self.columns, y.reshape(len(y), -1).T, strict=True)
        return np.stack([np.searchsorted(known, column) for known, column in pairs], axis=1)

    def _check_labels(self, y: Array, name: str) -> None:
        """Raise an error that names ``y`` unless the network can predict its labels."""
        check_one_kind(y, name)
        n_columns, expected = 1 if y.ndim == 1 else y.shape[1], len(self.columns)
        if n_columns != expected:
            raise ValueError(
                f"{name} has the shape {y.shape}, and the network predicts {expected}"
                f" label{'s' * (expected > 1)} for each sample: give one column for each."
            )
        if not (missing := self.missing(y)):
            return
        if self.kind == MULTILABEL:
            raise ValueError(
                f"{name} has the values {missing}, and each of its {expected} columns is a label that is"
                " there (1) or not (0). If the columns hold classes, fit an estimator anew; its first"
                " partial_fit needs classes as a list with those of each column."
            )
        known = self.classes if len(self.columns) == 1 else [known.tolist() for known in self.columns]
        raise ValueError(
            f"`{name}` has classes not in `self.classes_`. `self.classes_` has {known}."
            f" `{name}` also has {missing}."
        )

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
        if self.kind == MULTILABEL:
            return sparse.csr_matrix(codes) if self.sparse_output else codes
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(z))
        return np.asarray(self.classes[codes[:, 0]])

    def probabilities(self, z: Array, *, log: bool = False) -> Any:
        """Return (log-)probabilities: one column per class, or a list with one array per target."""
        link = self.loss.log_inverse_link if log else self.loss.inverse_link
        if self.group_sizes:
            p = link(z)
            return groups(p, self.group_sizes) if self.kind == MULTIOUTPUT else p
        if self.kind == MULTILABEL:
            p = self.loss.inverse_link(z)
            # Labels must rank alike by p and by log p; close to 1 only log(p) rounds as p does.
            if not log:
                return p
            log_p = self.loss.log_inverse_link(z)
            np.log(p, out=log_p, where=p > 0.5)
            return log_p
        if len(self.classes) == 1:
            return np.full_like(z, 0.0 if log else 1.0)
        # The probability of the first class, 1 - p(z), is p(-z): exact however small it is.
        return link(np.concatenate([-z, z], axis=1))

    def probability_jacobian(self, z: Array) -> Array:
        """Return d probability_i / dz_j of each row, (..., n, n_columns, q), beside `probabilities`."""
        jacobian = self.loss.link_jacobian(z)
        if self.kind != "binary":
            return jacobian
        if len(self.classes) == 1:
            return np.zeros_like(jacobian)
        return np.concatenate([-jacobian, jacobian], axis=-2)


def check_one_kind(y: Any, name: str = "y") -> None:
    """Raise an error that names ``y`` if its labels cannot be sorted: None, or strings beside numbers."""
    kinds = set(map(type, y.ravel())) if y.dtype == object else set()
    if type(None) in kinds or len({issubclass(kind, str) for kind in kinds}) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"{name} has labels of the types {names}, which have no order: leave out samples whose label is"
            " missing, and convert the labels to one type."
        )


def is_yes_no(values: Any) -> bool:
    """Return whether all values of an array or a sparse matrix are 0 or 1, or False or True."""
    values = values.data if sparse.issparse(values) else values
    return values.dtype.kind in "biuf" and bool(((values == 0) | (values == 1)).all())


def are_sparse_labels(y: Any) -> bool:
    """Return whether ``y`` is a sparse matrix of labels, each of them there or not."""
    return sparse.issparse(y) and y.shape[1] > 1 and y.has_canonical_format and is_yes_no(y)


def is_nested(classes: Any) -> bool:
    """Return whether ``classes`` are those of several columns, and not labels."""
    return np.iterable(classes) and np.ndim(next(iter(classes), 0)) > 0


def classes_of_one(classes: Any) -> Any:
    """Return the ``classes`` of a ``y`` with one column."""
    if not is_nested(classes):
        return classes
    if len(classes) > 1:
        raise ValueError(
            f"classes={plain(classes)!r} has those of {len(classes)} columns, and y has only one."
        )
    return classes[0]


def classes_of_columns(classes: Any, y: Array) -> list[Array]:
    """Return the ``classes`` of each column of ``y``, or raise an error that says how to pass them."""
    n_columns, dtype = y.shape[1], object if y.dtype == object else None
    if is_nested(classes) and len(classes) == n_columns:
        return [np.asarray(column, dtype=dtype) for column in classes]
    if not is_nested(classes):
        # Labels are 0 and 1; to scikit-learn, users also pass the numbers of the columns.
        known = np.unique(np.asarray(classes))
        is_range = known.dtype.kind in "iu" and np.array_equal(known, np.arange(n_columns))
        if is_yes_no(known) or is_range:
            return [np.arange(2)] * n_columns
    raise ValueError(
        f"classes={plain(classes)!r} do not fit y, which has {n_columns} columns: pass a list with the"
        " classes of each, such as [[0, 1, 2], [0, 1]]; or [0, 1] if each column is a label that is there"
        " or not."
    )


def subset_accuracy(hits: Array, sample_weight: Any) -> float:
    """Return the weighted fraction of rows in which all labels are right."""
    rows = hits if hits.ndim == 1 else hits.all(axis=1)
    return float(np.average(rows, weights=sample_weight))
