"""What each fit is trained on, cut as scikit-learn cuts it."""

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.model_selection import GridSearchCV, GroupKFold

from skmlp import MLPClassifier
from skmlp.estimators.problems import choices_of
from skmlp.model_selection.samples import (
    TrainingPart,
    fit_params,
    length,
    same_values,
    takes_rows,
)

X, Y = np.arange(21.0).reshape(7, 3), np.arange(7)
ROWS = np.array([5, 0, 2])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (X, 7),
        (X.tolist(), 7),
        (sparse.csr_matrix(X), 7),
        ((1, 2), 2),
        (np.float64(3.0), None),
        (3, None),
        (None, None),
        ("text", None),
        ({"a": 1}, None),
    ],
    ids=["array", "list", "sparse", "tuple", "scalar", "int", "None", "str", "dict"],
)
def test_length(values, expected):
    assert length(values) == expected


def test_a_data_frame_has_rows():
    pandas = pytest.importorskip("pandas")
    assert length(pandas.DataFrame(X)) == length(pandas.Series(Y)) == 7


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, list], ids=["array", "sparse", "list"])
def test_the_training_part_is_cut_out(form):
    weights = np.linspace(0, 1, 7)
    samples = TrainingPart(form(X), Y, {"sample_weight": weights}, ROWS)
    part = samples.cut()
    assert length(part.X) == 3
    found = part.X.toarray() if sparse.issparse(part.X) else np.asarray(part.X)
    np.testing.assert_array_equal(found, X[ROWS])
    np.testing.assert_array_equal(part.y, Y[ROWS])
    np.testing.assert_array_equal(part.params["sample_weight"], weights[ROWS])
    assert part.rows is None


def test_all_rows_are_not_copied():
    samples = TrainingPart(X, Y, {})
    assert samples.cut() is samples


def test_what_is_not_as_long_as_the_samples_is_not_cut():
    params = {"X_val": X[:4], "y_val": Y[:4], "factor": 2.0, "none": None, "name": "seven77"}
    part = TrainingPart(X, Y, params, ROWS).cut()
    for name, value in params.items():
        assert part.params[name] is value


def test_the_size_of_a_training_part():
    assert TrainingPart(X, Y, {}).n_bytes == 7 * 3 * 8
    assert TrainingPart(X, Y, {}, ROWS).n_bytes == 3 * 3 * 8
    assert TrainingPart(sparse.csr_matrix(np.eye(8)), None, {}, np.arange(4)).n_bytes == 4 * 8


TAKEN = {
    "float64": (X, {}, True),
    "float32": (X.astype("float32"), {}, True),
    "as it is asked for": (X, {"dtype": "float64"}, True),
    "another dtype": (X, {"dtype": "float32"}, False),
    "integers": (X.astype(int), {}, False),
    "a list": (X.tolist(), {}, False),
    "columns": (np.asfortranarray(X), {}, False),
    "sparse": (sparse.csr_matrix(X), {}, False),
    "a view of some columns": (X[:, :2], {}, False),
    "scaled": (X, {"standardize": True}, False),
    "all at once": (X, {"solver": "lbfgs"}, False),
}


@pytest.mark.parametrize(("samples", "options", "expected"), TAKEN.values(), ids=TAKEN)
def test_rows_are_taken_from_X_where_a_network_sees_them_as_they_are(samples, options, expected):
    choices = choices_of(MLPClassifier(**options))
    assert takes_rows(choices, TrainingPart(samples, Y, {}, ROWS)) is expected
    assert not takes_rows(choices, TrainingPart(samples, Y, {}))


def test_there_may_be_no_targets():
    assert TrainingPart(X, None, {}, ROWS).cut().y is None


def test_data_frames_keep_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"), index=list("tuvwxyz"))
    part = TrainingPart(frame, frame["a"], {"sample_weight": frame["b"]}, ROWS).cut()
    pandas.testing.assert_frame_equal(part.X, frame.iloc[ROWS])
    pandas.testing.assert_series_equal(part.y, frame["a"].iloc[ROWS])
    pandas.testing.assert_series_equal(part.params["sample_weight"], frame["b"].iloc[ROWS])


NETWORK = MLPClassifier()


def test_without_routing_fit_is_given_all_but_the_groups():
    params = {"groups": Y, "sample_weight": Y}
    assert fit_params(GridSearchCV(NETWORK, {}), params, "groups") == {"sample_weight": Y}
    assert fit_params(GridSearchCV(NETWORK, {}), {}) == {}


@pytest.mark.parametrize(
    ("request_of", "expected"), [(True, {"sample_weight": 1}), (False, {}), ("other", {"sample_weight": 2})]
)
def test_with_routing_fit_is_given_what_it_asks_for(request_of, expected):
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier().set_fit_request(sample_weight=request_of)
        search = GridSearchCV(model.set_score_request(sample_weight=True), {}, cv=GroupKFold())
        params = {"sample_weight": 1, "groups": 3} | ({"other": 2} if request_of == "other" else {})
        assert fit_params(search, params) == expected


SAME = {
    "arrays": (X, X.copy()),
    "sparse": (sparse.csr_matrix(X), sparse.csr_matrix(X)),
    "None": (None, None),
}
OTHER = {
    "values": (X, X + 1),
    "shapes": (X, X[:, :2]),
    "dtypes": (X, X.astype("f4")),
    "None": (X, None),
    "nothing": (None, X),
    "sparse values": (sparse.csr_matrix(X), sparse.csr_matrix(X + 1)),
    "sparse places": (sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.eye(3)[::-1])),
    "sparse numbers": (sparse.csr_matrix(np.eye(3)), sparse.csr_matrix(np.ones((3, 3)))),
}


@pytest.mark.parametrize("pair", SAME)
def test_same_values(pair):
    assert same_values(*SAME[pair])


@pytest.mark.parametrize("pair", OTHER)
def test_other_values(pair):
    assert not same_values(*OTHER[pair])
