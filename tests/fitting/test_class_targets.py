"""Labels of any type become numbers for the network, and come back."""

import numpy as np
import pytest

from skmlp.fitting.class_targets import MULTIOUTPUT, ClassTargets
from skmlp.network.losses import BinaryLogLoss, LogLoss

# name: (y, kind, classes, the encoding of the first three rows)
TARGETS = {
    "bool": ([True, False, True], "binary", [False, True], [[1], [0], [1]]),
    "negative": ([-1, 1, -1], "binary", [-1, 1], [[0], [1], [0]]),
    "floats": ([2.0, 5.0, 2.0], "binary", [2.0, 5.0], [[0], [1], [0]]),
    "words": (["no", "yes", "no"], "binary", ["no", "yes"], [[0], [1], [0]]),
    "one class": (["a", "a", "a"], "binary", ["a"], [[0], [0], [0]]),
    "integers": ([7, -2, 3], "multiclass", [-2, 3, 7], [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "colours": (["red", "blue", "green"], "multiclass", ["blue", "green", "red"], np.eye(3)[[2, 0, 1]]),
    "objects": (
        np.array(["b", "a", "c"], dtype=object),
        "multiclass",
        ["a", "b", "c"],
        np.eye(3)[[1, 0, 2]],
    ),
    "labels": ([[1, 0], [0, 0], [1, 1]], "multilabel-indicator", [0, 1], [[1, 0], [0, 0], [1, 1]]),
    "several": (
        [[5, 1], [6, 3], [5, 2]],
        MULTIOUTPUT,
        [[5, 6], [1, 2, 3]],
        [[1, 0, 1, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 1, 0]],
    ),
}

every_kind = pytest.mark.parametrize(
    ("y", "kind", "classes", "encoding"), TARGETS.values(), ids=list(TARGETS)
)


def indicators(targets, y):
    return targets.expanded(targets.encode(y, float), float)


def as_lists(classes):
    return [list(c) for c in classes] if isinstance(classes, list) else list(classes)


@every_kind
def test_what_y_holds(y, kind, classes, encoding):
    targets = ClassTargets.of(np.array(y))
    assert targets.kind == kind
    assert as_lists(targets.classes) == classes
    assert targets.n_outputs == np.shape(encoding)[1]
    assert not targets.missing(np.array(y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_kind
def test_encode(y, kind, classes, encoding, dtype):
    targets = ClassTargets.of(np.array(y))
    codes = targets.encode(np.array(y), dtype)
    assert codes.shape == (3, 1 if np.ndim(y) == 1 else np.shape(y)[1])
    assert codes.dtype.kind in "iu"  # nothing as large as the number of classes
    encoded = targets.expanded(codes, dtype)
    np.testing.assert_array_equal(encoded, encoding)
    assert encoded.dtype == dtype


@every_kind
def test_decode_undoes_encode(y, kind, classes, encoding):
    y = np.array(y)
    targets = ClassTargets.of(y)
    decoded = targets.decode(indicators(targets, y) - 0.5)
    assert decoded.tolist() == y.tolist()


@every_kind
def test_probabilities_agree_with_labels_and_logarithms(y, kind, classes, encoding):
    y = np.array(y)
    targets = ClassTargets.of(y)
    z = np.random.RandomState(0).normal(size=(3, targets.n_outputs))
    p, log_p = targets.probabilities(z), targets.probabilities(z, log=True)
    if kind != MULTIOUTPUT:
        p, log_p, columns, known = [p], [log_p], [targets.decode(z)], [targets.classes]
    else:
        columns, known = targets.decode(z).T, targets.classes
    for part, log_part, column, labels in zip(p, log_p, columns, known, strict=True):
        np.testing.assert_allclose(np.exp(log_part), part)
        if kind == "multilabel-indicator":
            np.testing.assert_array_equal(part > 0.5, column)
        else:
            np.testing.assert_allclose(part.sum(axis=1), 1)
            np.testing.assert_array_equal(labels[part.argmax(axis=1)], column)


@pytest.mark.parametrize("score", [-800.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 800.0])
def test_a_score_of_a_binary_target_is_its_log_odds(score):
    targets = ClassTargets("binary", np.array([0, 1]))
    log_p = targets.probabilities(np.array([[score]]), log=True)[0]
    assert log_p[1] - log_p[0] == pytest.approx(score)
    assert np.isfinite(log_p).all()
    assert targets.decode(np.array([[score]])) == [score > 0]


def test_more_classes_than_occur():
    """As the first partial_fit is told them; two of them may make a multiclass target of a binary y."""
    y = np.array([2, 0, 2])
    targets = ClassTargets.of(y, classes=[3, 2, 0])
    assert (targets.kind, list(targets.classes)) == ("multiclass", [0, 2, 3])
    np.testing.assert_array_equal(indicators(targets, y), [[0, 1, 0], [1, 0, 0], [0, 1, 0]])
    assert list(targets.missing(np.array([0, 5, 2, 4]))) == [4, 5]


def test_more_classes_than_occur_in_several_targets():
    y = np.array([[0, 7], [1, 8], [2, 9]])
    targets = ClassTargets.of(y, classes=[[0, 1, 2, 3], [7, 8, 9]])
    assert targets.n_outputs == 7
    np.testing.assert_array_equal(indicators(targets, y)[1], [0, 1, 0, 0, 0, 1, 0])
    assert list(targets.missing(np.array([[0, 7], [4, 6]]))) == [4, 6]


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("negative", BinaryLogLoss()),
        ("labels", BinaryLogLoss()),
        ("integers", LogLoss(group_sizes=(3,))),
        ("several", LogLoss(group_sizes=(2, 3))),
    ],
)
def test_each_kind_has_its_loss(name, loss):
    assert ClassTargets.of(np.array(TARGETS[name][0])).loss == loss
