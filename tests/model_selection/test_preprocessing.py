"""The steps of pipelines before the network: fitted once, with the metadata that they ask for."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier
from skmlp.model_selection.preprocessing import preprocess, preprocessing_of, split_params
from skmlp.model_selection.samples import TrainingPart

X, Y = np.arange(21.0).reshape(7, 3), np.arange(7)
ROWS = np.array([5, 0, 2])
NETWORK = MLPClassifier()


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


def test_with_routing_what_was_neither_asked_for_nor_refused_raises():
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), MLPClassifier())
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            split_params(model, {"sample_weight": Y})


def test_preprocessing_is_fitted_to_the_training_part():
    model = make_pipeline(StandardScaler(), PCA(2), NETWORK)
    found = preprocess(model, TrainingPart(X, Y, {"mlpclassifier__tol": 1}, ROWS))
    assert found.error is None
    assert found.seconds > 0
    expected = make_pipeline(StandardScaler(), PCA(2)).fit_transform(X[ROWS])
    np.testing.assert_allclose(found.part.X, expected)
    np.testing.assert_allclose(found.steps.transform(X[ROWS]), expected, atol=1e-12)
    np.testing.assert_array_equal(found.part.y, Y[ROWS])
    assert found.part.params == {"tol": 1}
    assert found.part.rows is None


class Failing(BaseEstimator):
    def fit(self, X, y=None):
        raise ArithmeticError("This step cannot be fitted.")

    def transform(self, X):
        return X


def test_an_error_of_preprocessing_is_returned():
    found = preprocess(make_pipeline(Failing(), NETWORK), TrainingPart(X, Y, {}, ROWS))
    assert found.steps is found.part is None
    assert isinstance(found.error, ArithmeticError)
