"""What is around a network: fitted once, with the metadata that it asks for."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier
from skmlp.model_selection.preprocessing import preprocess
from skmlp.model_selection.samples import TrainingPart

X, Y = np.arange(21.0).reshape(7, 3), np.arange(7)
ROWS = np.array([5, 0, 2])
NETWORK = MLPClassifier()


class Noting(BaseEstimator):
    def fit(self, X, y=None, sample_weight=None):
        self.sample_weight_ = sample_weight
        return self

    def transform(self, X):
        return X


def test_metadata_for_the_last_step_are_told_by_its_name():
    model = make_pipeline(Noting(), NETWORK)
    params = {
        "noting__sample_weight": Y,
        "mlpclassifier__sample_weight": X,
        "mlpclassifier__X_val": 1,
    }
    found = preprocess(model, TrainingPart(X, Y, params))
    assert found.wrappers[0].sample_weight_ is Y
    assert found.part.params == {"sample_weight": X, "X_val": 1}


@pytest.mark.parametrize("of_step", [True, False, "other"])
@pytest.mark.parametrize("of_network", [True, False, "other"])
def test_metadata_are_routed(of_step, of_network):
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(
            Noting().set_fit_request(sample_weight=of_step),
            MLPClassifier().set_fit_request(sample_weight=of_network),
        )
        asked = {of_step, of_network}
        params = {"sample_weight": Y} if True in asked else {}
        params |= {"other": -Y} if "other" in asked else {}
        found = preprocess(model, TrainingPart(X, Y, params))
        expected = {True: Y, "other": -Y, False: None}
        assert list(found.part.params) == ([] if of_network is False else ["sample_weight"])
        np.testing.assert_array_equal(found.part.params.get("sample_weight"), expected[of_network])
        np.testing.assert_array_equal(found.wrappers[0].sample_weight_, expected[of_step])


def test_with_routing_what_was_neither_asked_for_nor_refused_raises():
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), MLPClassifier())
        found = preprocess(model, TrainingPart(X, Y, {"sample_weight": Y}))
        assert isinstance(found.error, UnsetMetadataPassedError)


def test_validation_data_are_transformed_where_that_is_asked_for():
    with sklearn.config_context(enable_metadata_routing=True):
        network = MLPClassifier().set_fit_request(X_val=True)
        model = make_pipeline(StandardScaler(), network, transform_input=["X_val"])
        found = preprocess(model, TrainingPart(X, Y, {"X_val": X[:2]}))
        np.testing.assert_allclose(found.part.params["X_val"], found.part.X[:2])


def test_preprocessing_is_fitted_to_the_training_part():
    model = make_pipeline(StandardScaler(), PCA(2), NETWORK)
    found = preprocess(model, TrainingPart(X, Y, {"mlpclassifier__tol": 1}, ROWS))
    assert found.error is None
    assert found.seconds > 0
    expected = make_pipeline(StandardScaler(), PCA(2)).fit_transform(X[ROWS])
    np.testing.assert_allclose(found.part.X, expected)
    np.testing.assert_allclose(found.wrappers[:-1].transform(X[ROWS]), expected, atol=1e-12)
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
    assert found.wrappers is found.part is None
    assert isinstance(found.error, ArithmeticError)
