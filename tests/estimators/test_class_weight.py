"""class_weight and sample_weight: what is wrong is said by name, before any work."""

import numpy as np
import pytest

from skmlp import MLPClassifier, MLPRegressor

from .data import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BINARY, WINE, GENRES = (TASKS[kind] for kind in ("binary", "multiclass", "multilabel"))
SEVERAL = np.stack([WINE.y, WINE.y > 0], axis=1).astype(int)
DATA = {
    "binary": (BINARY.X, BINARY.y),
    "multiclass": (WINE.X, WINE.y),
    "multilabel": (GENRES.X, GENRES.y),
    "several": (WINE.X, SEVERAL),
    "words": (WINE.X, np.array(["a", "b", "c"])[WINE.y]),
}
ONES = [{0: 1, 1: 1}] * 3

WRONG = {
    "all zero": ("binary", {0: 0, 1: 0.0}, "sum 0.0"),
    "negative": ("binary", {0: -1, 1: 1}, "the weight -1 for the class 0"),
    "nan": ("binary", {np.int64(0): np.float64(np.nan)}, "the weight nan for the class 0"),
    "infinite": ("multiclass", {2: np.inf}, "the weight inf for the class 2"),
    "huge": ("multiclass", {2: 10**400}, "for the class 2"),
    "the sum is huge": ("binary", {0: 1e308, 1: 1e308}, "sum inf"),
    "a word": ("multiclass", {0: "heavy"}, "the weight 'heavy' for the class 0"),
    "None": ("multiclass", {0: None}, "the weight None for the class 0"),
    "unknown": ("binary", {0: 1, 5: 2}, r"the classes \[5\], which are not in y; there are \[0, 1\]"),
    "only unknown": ("binary", {7: 1.0}, r"the classes \[7\]"),
    "codes of words": ("words", {0: 1, 1: 2}, r"there are \['a', 'b', 'c'\]"),
    "a list": ("binary", [1, 2], "1 column: pass a dict"),
    "a list of dicts": ("multiclass", [{0: 1, 1: 2}], "1 column: pass a dict"),
    "an empty list": ("multiclass", [], "1 column: pass a dict"),
    "a dict for several": ("several", {0: 1, 1: 2}, "2 columns: pass a list with a dict for each"),
    "a dict for labels": ("multilabel", {0: 1, 1: 2}, "4 columns: pass a list with a dict for each"),
    "too few": ("multilabel", ONES, "4 columns: pass a list"),
    "numbers": ("multilabel", [1, 2, 3, 4], "4 columns: pass a list"),
    "nan of a label": ("multilabel", [*ONES, {1: np.nan}], "the weight nan for the class 1"),
    "unknown label": ("multilabel", [*ONES, {2: 3}], r"the classes \[2\]"),
    "unknown in a column": ("several", [{0: 1}, {2: 3}], r"the classes \[2\]"),
    "zero by columns": ("several", [{0: 0, 1: 1, 2: 1}, {0: 1, 1: 0}], "sum 0.0"),
}


@pytest.mark.parametrize(("kind", "class_weight", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_wrong_class_weights_are_named(kind, class_weight, message, method):
    X, y = DATA[kind]
    classes = [np.unique(column) for column in y.T] if y.ndim == 2 else np.unique(y)
    model = MLPClassifier((3,), class_weight=class_weight, max_iter=2)
    arguments = {"classes": classes} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=rf"^class_weight=.*{message}") as raised:
        getattr(model, method)(X, y, **arguments)
    assert "np." not in str(raised.value)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize(
    ("kind", "class_weight"),
    [
        ("binary", {0: 0, 1: 1}),
        ("binary", {0: True, 1: np.float32(2)}),
        ("binary", {}),
        ("binary", {0: 1, 1: 2, 5: 3}),
        ("words", {"a": 2}),
        ("multilabel", [*ONES, None]),
        ("several", ["balanced", {0: 2}]),
    ],
)
def test_class_weights_that_are_fine(kind, class_weight):
    MLPClassifier((3,), class_weight=class_weight, max_iter=2).fit(*DATA[kind])


def test_a_class_may_be_missing_in_a_call():
    model = MLPClassifier((3,), class_weight={0: 1, 1: 2, 2: 3}, random_state=0)
    model.partial_fit(WINE.X, WINE.y, classes=[0, 1, 2])
    by_hand = MLPClassifier((3,), random_state=0).partial_fit(
        WINE.X, WINE.y, sample_weight=WINE.y + 1.0, classes=[0, 1, 2]
    )
    part = WINE.y == 1
    model.partial_fit(WINE.X[part], WINE.y[part])
    by_hand.partial_fit(WINE.X[part], WINE.y[part], sample_weight=np.full(part.sum(), 2.0))
    np.testing.assert_array_equal(model.coefs_[0], by_hand.coefs_[0])


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("weights", ["balanced", "uniform", "none", "words", {}, 1j], ids=str)
def test_sample_weights_that_are_no_numbers(cls, weights):
    if weights == "words":
        weights = ["a"] * len(BINARY.X)
    with pytest.raises(
        ValueError, match=r"sample_weight=.* must be a number, or one for each sample"
    ) as raised:
        cls((3,)).fit(BINARY.X, BINARY.y, sample_weight=weights)
    assert ("class_weight='balanced'" in str(raised.value)) == (cls is MLPClassifier)
    assert len(str(raised.value)) < 200


def test_validation_weights_that_are_no_numbers():
    model = MLPClassifier((3,), early_stopping=True)
    with pytest.raises(ValueError, match="sample_weight_val='balanced' must be a number"):
        model.fit(BINARY.X, BINARY.y, X_val=BINARY.X, y_val=BINARY.y, sample_weight_val="balanced")


def test_sample_weights_whose_sum_is_infinite():
    with pytest.raises(
        ValueError, match="sum of sample_weight must be greater than zero and finite, got inf"
    ):
        MLPClassifier((3,)).fit(BINARY.X, BINARY.y, sample_weight=1e308)
