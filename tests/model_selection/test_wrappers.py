"""Networks within pipelines and transformed targets: found, and put back when all is fitted."""

import numpy as np
import pytest
import sklearn
from sklearn import model_selection
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, QuantileTransformer, StandardScaler

import skmlp.model_selection
from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.model_selection.preprocessing import wrappers_key
from skmlp.model_selection.wrappers import last_network, why_no_network
from tests.model_selection.comparisons import (
    DIABETES,
    WINE,
    Stacks,
    assert_same_validation,
    both,
    both_fitted,
    model_of,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def stacks(monkeypatch):
    return Stacks(monkeypatch)


class OwnFit(MLPClassifier):
    def fit(self, X, y):
        return super().fit(X, y)


class OwnPredict(MLPClassifier):
    def predict(self, X):
        return super().predict(-X)


class OwnPipeline(Pipeline):
    def fit(self, X, y=None, **params):
        return super().fit(X, y, **params)


class OwnTarget(TransformedTargetRegressor):
    def fit(self, X, y, **params):
        return super().fit(X, -y, **params)


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
        Pipeline([("net", NETWORK)], transform_input=["X_val"]),
        make_pipeline(StandardScaler(), make_pipeline(PCA(), NETWORK)),
        TransformedTargetRegressor(MLPRegressor()),
        make_pipeline(StandardScaler(), TransformedTargetRegressor(make_pipeline(PCA(), MLPRegressor()))),
    ],
    ids=[
        *("classifier", "regressor", "mixture", "subclass", "alone", "pipeline", "long", "own score"),
        *("transforms metadata", "nested", "target", "all of it"),
    ],
)
def test_networks_are_found(estimator):
    assert last_network(estimator) in [estimator, *estimator.get_params().values()]
    assert isinstance(last_network(estimator), BaseMultilayerPerceptron)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        OwnFit(),
        make_pipeline(NETWORK, "passthrough"),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), OwnFit()),
        OwnPipeline([("net", NETWORK)]),
        OwnTarget(MLPRegressor()),
        TransformedTargetRegressor(),
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
        "own pipeline",
        "own target",
        "no regressor",
        "search",
        "None",
        "str",
    ],
)
def test_all_else_is_left_to_scikit_learn(estimator):
    assert last_network(estimator) is None


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(), "LogisticRegression is no network of skmlp"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "LogisticRegression is no network"),
        (make_pipeline(NETWORK, "passthrough"), "passthrough is no network"),
        (make_pipeline(StandardScaler(), OwnFit()), "OwnFit has a fit of its own"),
        (OwnPipeline([("net", NETWORK)]), "OwnPipeline has a fit of its own"),
        (OwnTarget(MLPRegressor()), "OwnTarget has a fit of its own"),
    ],
)
def test_why_there_is_no_network(estimator, reason):
    assert reason in why_no_network(estimator)


# What is shared


SCALED = make_pipeline(StandardScaler(), NETWORK)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"mlpclassifier__alpha": 1.0},
        {"mlpclassifier": MLPClassifier((3,), solver="sgd")},
    ],
    ids=str,
)
def test_wrappers_are_shared_by_networks(other):
    assert wrappers_key(sklearn.clone(SCALED).set_params(**other)) == wrappers_key(SCALED)


@pytest.mark.parametrize(
    "other",
    [
        {"standardscaler__with_mean": False},
        {"standardscaler": MinMaxScaler()},
        {"transform_input": ["X_val"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_wrappers_that_do_something_else_are_fitted_by_themselves(other):
    with sklearn.config_context(enable_metadata_routing=True):
        assert wrappers_key(sklearn.clone(SCALED).set_params(**other)) != wrappers_key(SCALED)


def test_networks_that_ask_for_other_metadata_share_no_wrappers():
    with sklearn.config_context(enable_metadata_routing=True):
        asks = sklearn.clone(SCALED)
        asks[-1].set_fit_request(sample_weight=True)
        assert wrappers_key(asks) != wrappers_key(SCALED)


def test_a_network_has_no_wrappers():
    assert wrappers_key(NETWORK) is None
    assert wrappers_key(make_pipeline(StandardScaler(), LogisticRegression())) is None


# The same results, as stacks


NET = model_of(DIABETES)
QUANTILES = QuantileTransformer(n_quantiles=20)
TARGETS = {
    "transformer": (TransformedTargetRegressor(NET, transformer=QUANTILES), "regressor"),
    "functions": (TransformedTargetRegressor(NET, func=np.log, inverse_func=np.exp), "regressor"),
    "a pipeline within": (
        TransformedTargetRegressor(make_pipeline(StandardScaler(), NET), transformer=StandardScaler()),
        "regressor__mlpregressor",
    ),
    "at the end of a pipeline": (
        Pipeline([("scale", StandardScaler()), ("y", TransformedTargetRegressor(NET))]),
        "y__regressor",
    ),
    "nested pipelines": (
        Pipeline([("scale", StandardScaler()), ("rest", make_pipeline(PCA(3), NET))]),
        "rest__mlpregressor",
    ),
    "a pipeline of one": (Pipeline([("net", NET)]), "net"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_networks_in_wrappers_are_a_stack(name, stacks):
    model, path = TARGETS[name]
    grid = {f"{path}__alpha": [0.1, 1.0], f"{path}__random_state": [0, 1]}
    X, y = DIABETES.X, np.abs(DIABETES.y) + 1
    theirs, ours = both_fitted("GridSearchCV", model, grid, X, y, cv=2)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    assert max(stacks.n_fits) >= 4  # 8, where both training parts have as many batches
    assert repr(ours.best_estimator_) == repr(theirs.best_estimator_)


@pytest.mark.parametrize("name", TARGETS)
def test_wrappers_are_as_scikit_learn_leaves_them(name):
    pandas = pytest.importorskip("pandas")
    model, _ = TARGETS[name]
    X = pandas.DataFrame(DIABETES.X, columns=[f"x{i}" for i in range(DIABETES.X.shape[1])])
    y = np.abs(DIABETES.y) + 1
    theirs, ours = both("cross_validate", model, X, y, cv=3, return_estimator=True)
    np.testing.assert_allclose(ours["test_score"], theirs["test_score"], rtol=1e-6)
    for one, other in zip(theirs["estimator"], ours["estimator"], strict=True):
        assert vars(other).keys() == vars(one).keys()
        assert repr(other.get_params()) == repr(one.get_params())
        assert list(other.feature_names_in_) == list(X.columns)
        np.testing.assert_allclose(other.predict(X), one.predict(X), rtol=1e-6)


def test_functions_that_cannot_be_compared_are_stacks_all_the_same(stacks):
    model = TransformedTargetRegressor(NET, func=lambda y: y / 2, inverse_func=lambda y: y * 2)
    curves = both(
        "validation_curve",
        model,
        DIABETES.X,
        DIABETES.y,
        param_name="regressor__alpha",
        param_range=[0.1, 1.0, 2.0],
        cv=2,
    )
    for theirs, ours in zip(*curves, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert max(stacks.n_fits) >= 3


def test_weights_reach_the_network_within():
    model = TransformedTargetRegressor(NET, transformer=StandardScaler())
    options = {"cv": 3, "params": {"sample_weight": DIABETES.weights}}
    theirs, ours = both("cross_validate", model, DIABETES.X, DIABETES.y, **options)
    assert_same_validation(theirs, ours)
    unweighted = skmlp.model_selection.cross_val_score(model, DIABETES.X, DIABETES.y, cv=3)
    assert not np.allclose(ours["test_score"], unweighted, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:The provided functions or transformer are not strictly inverse")
def test_a_target_that_cannot_be_transformed_fails_as_in_scikit_learn():
    model = TransformedTargetRegressor(NET, func=np.log)  # and no inverse
    for module in (model_selection, skmlp.model_selection):
        with pytest.raises(ValueError, match="When 'func' is provided, 'inverse_func' must also"):
            module.cross_val_score(model, DIABETES.X, DIABETES.y, error_score="raise")


# Resampling


RESAMPLING = {
    "over": ["over"],
    "scaled before": [StandardScaler(), "over"],
    "scaled after": ["over", StandardScaler()],
    "over and under": ["over", FunctionTransformer(), "under"],
    "nothing": [StandardScaler(), "passthrough"],
}


@pytest.mark.parametrize("steps", RESAMPLING)
def test_pipelines_with_resampling_are_stacks(steps, stacks):
    pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline
    from imblearn.under_sampling import RandomUnderSampler

    samplers = {"over": SMOTE(random_state=0, k_neighbors=3), "under": RandomUnderSampler(random_state=0)}
    model = make_pipeline(
        *(samplers.get(step, step) if isinstance(step, str) else step for step in RESAMPLING[steps]),
        model_of(WINE),
    )
    rows = np.flatnonzero((WINE.y != 2) | (np.arange(len(WINE.y)) % 2 == 0))
    X, y = WINE.X[rows], WINE.y[rows]
    grid = {"mlpclassifier__alpha": [0.1, 1.0], "mlpclassifier__random_state": [0, 1]}
    options = {"cv": 2, "scoring": "neg_log_loss"}
    theirs, ours = both_fitted("GridSearchCV", model, grid, X, y, **options)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    assert max(stacks.n_fits) >= 4
    assert type(ours.best_estimator_) is type(model)


def test_the_settings_of_a_sampler_can_be_searched():
    pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline

    model = make_pipeline(SMOTE(random_state=0), model_of(WINE))
    grid = [{"smote__k_neighbors": [2, 4], "mlpclassifier__alpha": [0.1, 1.0]}, {"smote": ["passthrough"]}]
    theirs, ours = both_fitted("GridSearchCV", model, grid, WINE.X, WINE.y, cv=2)
    key = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)


def test_a_subclass_of_such_a_pipeline_is_left_to_scikit_learn():
    pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")
    from imblearn.pipeline import Pipeline as Resampling

    class Own(Resampling):
        def fit(self, X, y=None, **params):
            return super().fit(-X, y, **params)

    assert last_network(Resampling([("net", NETWORK)])) is NETWORK
    assert last_network(Own([("net", NETWORK)])) is None
