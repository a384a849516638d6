"""Several columns of classes: their values, or ``classes``, decide what they are, and not chance."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

import skmlp.model_selection
from skmlp import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.randn(200, 4)
SIGNS, THIRDS = (X > 0).astype(int), np.digitize(X[:, 0], [-0.5, 0.5])
Y = np.stack([THIRDS, SIGNS[:, 1]], axis=1)
FEW = np.flatnonzero(THIRDS < 2)[:20]
"""Samples of which no column has other values than 0 and 1."""

COLUMNS = {
    "one and two": SIGNS[:, :2] + 1,
    "minus one and one": 2 * SIGNS[:, :3] - 1,
    "floats": SIGNS[:, :2] * 3.0,
    "unsigned": (SIGNS[:, :2] * 255).astype(np.uint8),
    "three classes": Y,
    "strings": np.array(["no", "yes"])[SIGNS[:, :2]],
    "objects": np.array(["a", "b", "c"], dtype=object)[Y],
    "strings of digits": Y.astype(str),
    "one is constant": np.stack([SIGNS[:, 0], np.full(200, 7)], axis=1),
    "all are constant": np.full((200, 2), 3),
}
every_column = pytest.mark.parametrize("y", COLUMNS.values(), ids=COLUMNS)


def classifier(**parameters):
    return MLPClassifier(
        (8,), **{"max_iter": 300, "random_state": 0, "learning_rate_init": 0.02, **parameters}
    )


@every_column
@pytest.mark.parametrize(
    ("parameters", "at_least"),
    [({}, 0.98), ({"early_stopping": True, "n_iter_no_change": 50}, 0.85)],
    ids=str,
)
def test_columns_of_other_values_than_0_and_1_are_classes(y, parameters, at_least):
    """As RandomForestClassifier has them."""
    model, forest = classifier(**parameters).fit(X, y), RandomForestClassifier(5).fit(X, y)
    for ours, theirs in zip(model.classes_, forest.classes_, strict=True):
        assert ours.tolist() == theirs.tolist()
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype
    assert (predicted == y).all(axis=1).mean() == model.score(X, y) > at_least
    for ours, theirs in zip(model.predict_proba(X), forest.predict_proba(X), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours.sum(axis=1), 1)
    assert min(model.loss_curve_) >= 0


@pytest.mark.parametrize(
    "y", [SIGNS, SIGNS.astype(bool), SIGNS.astype(float), SIGNS * 0, SIGNS.astype(np.uint8)]
)
def test_columns_of_0_and_1_are_labels(y):
    model = classifier(max_iter=5).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.predict_proba(X).shape == model.predict(X).shape == y.shape
    assert 0 <= model.score(X, y) <= 1


@every_column
def test_partial_fit_learns_them(y):
    model, classes = classifier(), [np.unique(column) for column in y.T]
    model.partial_fit(X[:3], y[:3], classes=classes)
    for _ in range(200):
        model.partial_fit(X, y, classes=classes)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(
    "classes",
    [[[0, 1, 2], [0, 1]], (np.arange(3), np.arange(2)), [[2, 1, 0, 1], [1, 0]], [range(3), (True, False)]],
    ids=str,
)
def test_classes_decide_and_not_the_first_samples(classes):
    model = classifier().partial_fit(X[FEW], Y[FEW], classes=classes)
    for _ in range(200):
        model.partial_fit(X, Y)
    assert [known.tolist() for known in model.classes_] == [[0, 1, 2], [0, 1]]
    assert model.score(X, Y) > 0.98
    assert 0 < model.loss_ < 0.1
    # As it is with all classes among the first samples.
    whole = classifier().partial_fit(X, Y, classes=classes)
    for _ in range(200):
        whole.partial_fit(X, Y)
    assert whole.score(X, Y) == 1
    assert whole.loss_ == pytest.approx(0.0621, abs=1e-3)


def test_classes_as_one_array_with_a_row_per_column():
    model = classifier().partial_fit(X[FEW], Y[FEW], classes=np.array([[0, 1, 2], [0, 1, 2]]))
    assert [p.shape for p in model.partial_fit(X, Y).predict_proba(X)] == [(200, 3), (200, 3)]


@pytest.mark.parametrize(
    "classes", [[0, 1], [False, True], [0, 1, 2, 3], np.arange(4), [[0, 1]] * 4, [1]], ids=str
)
def test_classes_of_labels(classes):
    """0 and 1, the numbers of the columns (as some pass to scikit-learn), or 0 and 1 for each column."""
    model = (
        classifier().partial_fit(X[:9], SIGNS[:9], classes=classes).partial_fit(X, SIGNS, classes=classes)
    )
    assert model.classes_.tolist() == [0, 1, 2, 3]
    fitted = classifier().partial_fit(X[:9], SIGNS[:9], classes=[0, 1]).partial_fit(X, SIGNS)
    np.testing.assert_array_equal(model.coefs_[0], fitted.coefs_[0])


@pytest.mark.parametrize("classes", [[[0, 1, 2]], [np.arange(3)], np.arange(3)[np.newaxis]], ids=str)
def test_nested_classes_of_one_column(classes):
    assert classifier().partial_fit(X[FEW], THIRDS[FEW], classes=classes).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (Y, [0, 1, 2]),
        (Y, ["a", "b"]),
        (Y, [[0, 1, 2]]),
        (Y, [[0, 1, 2]] * 3),
        (Y, 3),
        (THIRDS, [[0, 1, 2]] * 2),
    ],
    ids=str,
)
def test_classes_that_do_not_fit_y(y, classes):
    with pytest.raises(ValueError, match=r"classes=.* column"):
        classifier().partial_fit(X, y, classes=classes)


@pytest.mark.parametrize(
    ("first", "later", "message"),
    [
        (Y, np.array([[0, 5], [3, 1]]), r"`y` has classes not in .* `y` also has \[3, 5\]"),
        (SIGNS[:, :2], np.array([[0, 5], [1, 1]]), r"y has the values \[5\].* columns is a label"),
        (THIRDS, np.array([0, 7]), r"`y` has classes not in .* `y` also has \[7\]"),
        (THIRDS, np.array(["0", "1"]), r"`y` has classes not in .* `y` also has \['0', '1'\]"),
        (Y, np.array([0, 1]), r"y has the shape \(2,\), and the network predicts 2 labels"),
        (Y, np.zeros((2, 3), int), r"y has the shape \(2, 3\), and the network predicts 2 labels"),
        (THIRDS, np.zeros((2, 3), int), r"y has the shape \(2, 3\), and the network predicts 1 label"),
        (SIGNS[:, 0], np.zeros((2, 2), int), r"y has the shape \(2, 2\), and the network predicts 1 label"),
    ],
)
@pytest.mark.parametrize("how", ["partial_fit", "warm_start", "y_val"])
def test_later_labels_are_checked(first, later, message, how):
    model = classifier(max_iter=2, warm_start=how == "warm_start", early_stopping=how == "y_val")
    if how == "y_val":
        with pytest.raises(
            ValueError, match=message.replace("y", "y_val", 1).replace("`y` also", "`y_val` also")
        ):
            model.fit(X, first, X_val=X[:2], y_val=later)
        return
    model.fit(X, first)
    weights = model.coefs_[0].copy()
    if how == "warm_start" and first.ndim == later.ndim == 1:
        message = "warm_start can only be used where `y` has the same classes"
    with pytest.raises(ValueError, match=message):
        (model.partial_fit if how == "partial_fit" else model.fit)(X[:2], later)
    np.testing.assert_array_equal(model.coefs_[0], weights)


def test_y_val_may_lack_classes():
    model = classifier(early_stopping=True, max_iter=5).fit(X, Y, X_val=X[FEW], y_val=Y[FEW])
    hits = np.array(model.validation_scores_) * len(FEW)
    np.testing.assert_allclose(hits, hits.round())


@pytest.mark.parametrize(
    "y", [Y, SIGNS[:, :2] + 1, np.array(["a", "b", "c"])[Y]], ids=["numbers", "1 and 2", "words"]
)
def test_a_training_part_may_lack_a_class(y):
    """Two of three training parts lack the class 2, which the test parts have."""
    order = np.argsort(THIRDS, kind="stable")
    parts, labels = X[order], y[order]
    model = classifier(max_iter=20)
    scores = cross_val_score(model, parts, labels, cv=KFold(3), error_score="raise")
    stacked = skmlp.model_selection.cross_val_score(model, parts, labels, cv=KFold(3), error_score="raise")
    np.testing.assert_allclose(stacked, scores)
    predicted = cross_val_predict(model, parts, labels, cv=KFold(3))
    hits = (predicted == labels).all(axis=1)
    np.testing.assert_allclose(scores, [part.mean() for part in np.array_split(hits, 3)])
    search = skmlp.model_selection.GridSearchCV(
        model, {"alpha": [0.1, 1]}, cv=KFold(3), error_score="raise"
    )
    assert 0 <= search.fit(parts, labels).best_score_ <= 1
