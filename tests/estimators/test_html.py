"""The HTML representation explains every parameter and every fitted attribute."""

import re

import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators import documentation_link
from skmlp.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)

ESTIMATORS = [MLPClassifier, MLPRegressor, MixtureDensityRegressor]
GRID = {"alpha": [0.1, 1]}
SEARCHES = [
    GridSearchCV(MLPClassifier(), GRID),
    RandomizedSearchCV(MLPClassifier(), GRID),
    HalvingGridSearchCV(MLPClassifier(), GRID),
    HalvingRandomSearchCV(MLPClassifier(), GRID),
]
has_explanations = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9),
    reason="scikit-learn explains parameters and fitted attributes from 1.9 on",
)


def explained(html):
    """Return the names with an explanation."""
    names = re.findall(r'<a class="param-doc-link"[^>]*href[^>]*>\s*(\w+)\s*<span', html)
    return set(names)


@has_explanations
@pytest.mark.parametrize("estimator", [E() for E in ESTIMATORS] + SEARCHES, ids=lambda e: type(e).__name__)
def test_all_parameters_are_explained(estimator):
    assert explained(estimator_html_repr(estimator)) >= set(estimator.get_params(deep=False))


@has_explanations
def test_so_are_those_inside_a_pipeline_and_the_fitted_attributes():
    X, y = load_iris(return_X_y=True)
    network = MLPClassifier((5,), tol=0.1)
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    names = explained(estimator_html_repr(model))
    fitted = {name for name in vars(model[-1]) if name.endswith("_") and not name.startswith("_")}
    assert names >= set(network.get_params()) | fitted


@pytest.mark.parametrize("estimator", [MLPClassifier(), GridSearchCV(MLPClassifier(), GRID)])
def test_without_an_address_the_link_stays_within_the_page(estimator):
    assert documentation_link.ADDRESS == ""
    assert estimator._get_doc_link() == "#"


def test_with_an_address_it_leads_to_the_page(monkeypatch):
    monkeypatch.setattr(documentation_link, "ADDRESS", "https://docs.example/")
    pages = [MLPRegressor()._get_doc_link(), GridSearchCV(MLPClassifier(), GRID)._get_doc_link()]
    assert pages == [
        "https://docs.example/api/generated/skmlp.MLPRegressor.html",
        "https://docs.example/api/generated/skmlp.model_selection.GridSearchCV.html",
    ]


def test_a_class_of_a_user_has_no_link():
    class Mine(MLPClassifier):
        pass

    Mine.__module__ = "mine"
    assert Mine()._get_doc_link() == ""
