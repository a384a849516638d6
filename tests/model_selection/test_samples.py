"""What each fit is trained on, cut as scikit-learn cuts it."""

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.model_selection.samples import (
    Samples,
    fit_params,
    length,
    network_of,
    preprocess,
    preprocessing_of,
    same_values,
    split_params,
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
    samples = Samples(form(X), Y, {"sample_weight": weights}, ROWS)
    part = samples.cut()
    assert length(part.X) == 3
    found = part.X.toarray() if sparse.issparse(part.X) else np.asarray(part.X)
    np.testing.assert_array_equal(found, X[ROWS])
    np.testing.assert_array_equal(part.y, Y[ROWS])
    np.testing.assert_array_equal(part.params["sample_weight"], weights[ROWS])
    assert part.rows is None


def test_all_rows_are_not_copied():
    samples = Samples(X, Y, {})
    assert samples.cut() is samples


def test_what_is_not_as_long_as_the_samples_is_not_cut():
    params = {"X_val": X[:4], "y_val": Y[:4], "factor": 2.0, "none": None, "name": "seven77"}
    part = Samples(X, Y, params, ROWS).cut()
    for name, value in params.items():
        assert part.params[name] is value


def test_the_size_of_a_training_part():
    assert Samples(X, Y, {}).n_bytes == 7 * 3 * 8
    assert Samples(X, Y, {}, ROWS).n_bytes == 3 * 3 * 8
    assert Samples(sparse.csr_matrix(np.eye(8)), None, {}, np.arange(4)).n_bytes == 4 * 8


def test_there_may_be_no_targets():
    assert Samples(X, None, {}, ROWS).cut().y is None


def test_data_frames_keep_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"), index=list("tuvwxyz"))
    part = Samples(frame, frame["a"], {"sample_weight": frame["b"]}, ROWS).cut()
    pandas.testing.assert_frame_equal(part.X, frame.iloc[ROWS])
    pandas.testing.assert_series_equal(part.y, frame["a"].iloc[ROWS])
    pandas.testing.assert_series_equal(part.params["sample_weight"], frame["b"].iloc[ROWS])


class OwnFit(MLPClassifier):
    def fit(self, X, y):
        return super().fit(X, y)


class OwnPredict(MLPClassifier):
    def predict(self, X):
        return super().predict(-X)


class OwnPipeline(Pipeline):
    def fit(self, X, y=None, **params):
        return super().fit(X, y, **params)


class OwnScore(Pipeline):
    def score(self, X, y=None, **params):
        return 1.0


NETWORK = MLPClassifier()


@pytest.mark.parametrize(
    "estimator",
    [
        NETWORK,
        MLPRegressor(),
        MixtureDensityRegressor(),
        OwnPredict(),
        Pipeline([("net", NETWORK)]),
        make_pipeline(StandardScaler(), NETWORK),
        make_pipeline(StandardScaler(), "passthrough", PCA(), MLPRegressor()),
        OwnScore([("scale", StandardScaler()), ("net", NETWORK)]),
    ],
    ids=["classifier", "regressor", "mixture", "subclass", "alone", "pipeline", "long", "own score"],
)
def test_networks_are_found(estimator):
    network = network_of(estimator)
    assert network is (estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        OwnFit(),
        make_pipeline(NETWORK, "passthrough"),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), OwnFit()),
        make_pipeline(StandardScaler(), make_pipeline(NETWORK)),
        OwnPipeline([("net", NETWORK)]),
        Pipeline([("net", NETWORK)], transform_input=["X_val"]),
        GridSearchCV(NETWORK, {}),
        None,
        "passthrough",
    ],
    ids=[
        "other",
        "own fit",
        "not at the end",
        "other at the end",
        "own fit at the end",
        "nested",
        "own pipeline",
        "transforms metadata",
        "search",
        "None",
        "str",
    ],
)
def test_all_else_is_left_to_scikit_learn(estimator):
    assert network_of(estimator) is None


def test_preprocessing_is_all_but_the_last_step():
    model = make_pipeline(StandardScaler(), PCA(), NETWORK)
    assert [name for name, _ in preprocessing_of(model).steps] == ["standardscaler", "pca"]
    assert preprocessing_of(Pipeline([("net", NETWORK)])) is None
    assert preprocessing_of(NETWORK) is None


def test_metadata_for_the_last_step_are_told_by_its_name():
    model = make_pipeline(StandardScaler(), NETWORK)
    params = {
        "standardscaler__sample_weight": Y,
        "mlpclassifier__sample_weight": X,
        "mlpclassifier__X_val": 1,
    }
    before, of_last = split_params(model, params)
    assert before == {"standardscaler__sample_weight": Y}
    assert of_last == {"sample_weight": X, "X_val": 1}


@pytest.mark.parametrize("of_scaler", [True, False, "other"])
@pytest.mark.parametrize("of_network", [True, False, "other"])
def test_metadata_are_routed(of_scaler, of_network):
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=of_scaler),
            MLPClassifier().set_fit_request(sample_weight=of_network),
        )
        asked = {of_scaler, of_network}
        params = {"sample_weight": Y} if True in asked else {}
        params |= {"other": -Y} if "other" in asked else {}
        before, of_last = split_params(model, params)
        expected = {True: Y, "other": -Y}
        assert list(of_last) == ([] if of_network is False else ["sample_weight"])
        if of_network:
            assert of_last["sample_weight"] is params["sample_weight" if of_network is True else "other"]
        assert list(before) == {True: ["sample_weight"], "other": ["other"], False: []}[of_scaler]
        assert all(np.array_equal(value, expected[of_scaler]) for value in before.values())


def test_without_routing_fit_is_given_all_but_the_groups():
    params = {"groups": Y, "sample_weight": Y}
    assert fit_params(GridSearchCV(NETWORK, {}), params) == {"sample_weight": Y}
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


def test_with_routing_what_was_neither_asked_for_nor_refused_raises():
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), MLPClassifier())
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            split_params(model, {"sample_weight": Y})


def test_preprocessing_is_fitted_to_the_training_part():
    model = make_pipeline(StandardScaler(), PCA(2), NETWORK)
    steps, samples, seconds, error = preprocess(model, Samples(X, Y, {"mlpclassifier__tol": 1}, ROWS))
    assert error is None
    assert seconds > 0
    expected = make_pipeline(StandardScaler(), PCA(2)).fit_transform(X[ROWS])
    np.testing.assert_allclose(samples.X, expected)
    np.testing.assert_allclose(steps.transform(X[ROWS]), expected, atol=1e-12)
    np.testing.assert_array_equal(samples.y, Y[ROWS])
    assert samples.params == {"tol": 1}
    assert samples.rows is None


class Failing(BaseEstimator):
    def fit(self, X, y=None):
        raise ArithmeticError("This step cannot be fitted.")

    def transform(self, X):
        return X


def test_an_error_of_preprocessing_is_returned():
    steps, samples, _, error = preprocess(make_pipeline(Failing(), NETWORK), Samples(X, Y, {}, ROWS))
    assert steps is samples is None
    assert isinstance(error, ArithmeticError)


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
