"""The estimators for tables: what is theirs beside what all networks do."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV as SklearnGridSearchCV
from sklearn.pipeline import make_pipeline

from skmlp import Checkpoint, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from skmlp.inspection import summary
from skmlp.model_selection import GridSearchCV, cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 15, "n_members": 2, "random_state": 0}


def with_categories(X):
    """Return a table with two columns cut to categories, and some holes."""
    X = X.copy()
    first, second = X.columns[:2]
    X[first] = pd.cut(X[first], 3, labels=["low", "middle", "high"])
    X[second] = pd.qcut(X[second], 4, labels=list("abcd"), duplicates="drop").astype(object)
    holes = np.random.default_rng(0).random(X.shape) < 0.05
    return X.mask(holes)


WINE, CULTIVAR = load_wine(return_X_y=True, as_frame=True)
WINE, CULTIVAR = with_categories(WINE), CULTIVAR.map({0: "x", 1: "y", 2: "z"})
PATIENTS, PROGRESS = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
PATIENTS = with_categories(PATIENTS[["age", "bmi", "sex", "bp", "s5"]])


def classifier(**params):
    return TabularMLPClassifier(**QUICK | params)


def regressor(**params):
    return TabularMLPRegressor(**QUICK | params)


def test_a_table_as_it_comes():
    model = classifier(max_iter=40).fit(WINE, CULTIVAR)
    assert model.score(WINE, CULTIVAR) > 0.95
    assert list(model.feature_names_in_) == list(WINE)
    assert model.n_features_in_ == WINE.shape[1] < model.coefs_[0].shape[1]
    assert model.coefs_[0].dtype == np.float32
    assert log_loss(CULTIVAR, model.predict_proba(WINE)) < 0.3


def test_a_regression_with_holes():
    model = regressor(max_iter=60).fit(PATIENTS, PROGRESS)
    assert model.score(PATIENTS, PROGRESS) > 0.4
    mean, std = model.predict(PATIENTS, return_std=True)
    assert (std > 0).any()
    np.testing.assert_allclose(mean, model.predict(PATIENTS))


def as_polars(X):
    return pl.DataFrame({name: [None if pd.isna(v) else v for v in X[name]] for name in X})


@pytest.mark.parametrize("convert", [as_polars, lambda X: X.to_numpy(dtype=object)])
def test_tables_of_other_packages_predict_the_same(convert):
    X = PATIENTS.astype({"age": object})
    reference = regressor().fit(X, PROGRESS).predict(X)
    np.testing.assert_allclose(
        regressor().fit(convert(X), PROGRESS).predict(convert(X)), reference, rtol=1e-5
    )


def test_integers_are_numbers_unless_they_are_named():
    X = pd.DataFrame({"code": np.arange(60) % 3, "x": np.linspace(0, 1, 60)})
    y = np.array([5.0, -5, 1])[X["code"]]
    assert not regressor().fit(X, y).encoder_.is_category.any()
    named = regressor(categorical_features=["code"], max_iter=60, learning_rate_init=0.03).fit(X, y)
    assert list(named.encoder_.is_category) == [True, False]
    assert named.score(X, y) > 0.9


def test_columns_in_another_order_are_refused():
    model = regressor().fit(PATIENTS, PROGRESS)
    with pytest.raises(ValueError, match="order"):
        model.predict(PATIENTS[PATIENTS.columns[::-1]])
    with pytest.raises(ValueError, match="feature"):
        model.predict(PATIENTS.drop(columns="bp"))


def test_what_cannot_be_fitted_leaves_no_trace():
    model = regressor()
    wrong = [
        (PATIENTS.assign(bp=np.inf), PROGRESS, ValueError, "'bp' contains infinity"),
        (PATIENTS.assign(bp=pd.Timestamp("2024-01-01")), PROGRESS, TypeError, "'bp'.*the year"),
        (sparse.csr_matrix(np.eye(len(PROGRESS))), PROGRESS, TypeError, "MLPRegressor"),
        (PATIENTS[:0], PROGRESS[:0], ValueError, "table X with 0 sample"),
        (PATIENTS[[]], PROGRESS, ValueError, "table X with 0 feature"),
        (PATIENTS, np.full(len(PROGRESS), "high"), ValueError, "y=.* must be numbers"),
        (PATIENTS, PROGRESS * 1e200, ValueError, "y has values too large for dtype='float32'"),
    ]
    for X, y, error, words in wrong:
        with pytest.raises(error, match=words):
            model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(PATIENTS)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_new_levels_and_holes_at_predict():
    model = regressor().fit(PATIENTS.dropna(), PROGRESS[PATIENTS.notna().all(axis=1)])
    X = PATIENTS.assign(age=None, bmi="never seen", bp=np.nan)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match=r"'bp' is to be numbers.*Pass numbers, as in fit"):
        model.predict(PATIENTS.assign(bp="high"))


def test_predictions_stay_within_the_range_of_y_member_by_member():
    X = pd.DataFrame({"x": np.linspace(0, 1, 80)})
    y = X["x"].to_numpy() ** 3
    far = pd.DataFrame({"x": [1e6, -1e6]})
    model = regressor().fit(X, y)
    np.testing.assert_array_equal(model.y_range_, [[0], [1]])
    for member in model.members_:
        assert ((member.predict(far) >= 0) & (member.predict(far) <= 1)).all()
    free = regressor(clip_predictions=False).fit(X, y)
    outside = np.stack([m.predict(far) for m in free.members_])
    assert (outside < 0).any() or (outside > 1).any()
    np.testing.assert_allclose(model.predict(far), np.clip(outside, 0, 1).mean(axis=0), atol=1e-6)


def test_quantiles_are_not_clipped():
    params = {"loss": "quantile", "quantile": 0.9}
    clipped, free = (
        regressor(**params, clip_predictions=c).fit(PATIENTS, PROGRESS).predict(PATIENTS)
        for c in (True, False)
    )
    np.testing.assert_array_equal(clipped, free)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson", "gamma"])
def test_losses(loss):
    model = regressor(loss=loss, max_iter=100, learning_rate_init=0.03).fit(PATIENTS, PROGRESS)
    assert model.score(PATIENTS, PROGRESS) > 0.2
    assert hasattr(model, "y_scaler_") == (loss in ("absolute_error", "huber"))
    assert not hasattr(model, "x_scaler_")


def test_predictions_that_rise_with_a_number():
    signs = {"bmi_2": 1, "bp": -1}
    with pytest.raises(ValueError, match=r"silu falls in places. Choose one"):
        regressor(monotonic_cst=signs).fit(PATIENTS, PROGRESS)
    model = regressor(activation="relu", monotonic_cst=signs, max_iter=40, learning_rate_init=0.03)
    X = PATIENTS.assign(bmi_2=load_diabetes(scaled=False).data[:, 2])
    model.fit(X, PROGRESS)
    predict = model.predict
    assert model.score(X, PROGRESS) > 0.1
    rng = np.random.default_rng(0)
    more = X.assign(
        bmi_2=X["bmi_2"] + rng.exponential(20, len(X)), bp=X["bp"] - rng.exponential(20, len(X))
    )
    assert (predict(more) >= predict(X) - 1e-4).all()
    assert (predict(more) > predict(X) + 1).any()


def test_nothing_rises_with_a_category():
    with pytest.raises(ValueError, match=r"'age'.*no order"):
        regressor(activation="relu", monotonic_cst={"age": 1, "bp": 1}).fit(PATIENTS, PROGRESS)


def test_several_targets():
    Y = np.c_[PROGRESS, -PROGRESS]
    predicted = regressor().fit(PATIENTS, Y).predict(PATIENTS)
    assert predicted.shape == Y.shape
    labels = np.c_[CULTIVAR, np.where(CULTIVAR == "x", "yes", "no")]
    assert classifier().fit(WINE, labels).predict(WINE).shape == labels.shape


def test_class_weights_and_sample_weights():
    heavy = classifier(class_weight={"x": 1, "y": 1, "z": 30}).fit(WINE, CULTIVAR)
    plain = classifier().fit(WINE, CULTIVAR)
    weighted = classifier().fit(WINE, CULTIVAR, np.where(CULTIVAR == "z", 30.0, 1.0))
    z = [model.predict_proba(WINE)[:, 2].mean() for model in (plain, heavy, weighted)]
    assert min(z[1:]) > z[0]


def test_validation_data_are_read_as_the_table_is():
    held_out = np.arange(len(WINE)) % 4 == 0
    parts = {"X_val": WINE[held_out], "y_val": CULTIVAR[held_out]}
    model = classifier().fit(WINE[~held_out], CULTIVAR[~held_out], **parts)
    again = classifier(validation_fraction=0.5).fit(WINE[~held_out], CULTIVAR[~held_out], **parts)
    np.testing.assert_array_equal(model.predict_proba(WINE), again.predict_proba(WINE))
    with pytest.raises(ValueError, match="feature"):
        classifier().fit(WINE, CULTIVAR, X_val=WINE[WINE.columns[1:]], y_val=CULTIVAR)


def test_epochs_by_the_number_of_samples():
    X = pd.DataFrame({"x": np.linspace(0, 1, 20_000)})
    params = {"max_iter": "auto", "n_members": 1, "hidden_layer_sizes": (2,), "n_bins": 0}
    assert regressor(**params, batch_size=5000).fit(X, X["x"]).n_iter_ == 50
    assert regressor(**params).fit(X[:300], X["x"][:300]).n_iter_ == 100


def test_warm_start_keeps_the_encoding():
    half = np.arange(len(PROGRESS)) % 2 == 0
    model = regressor(warm_start=True).fit(PATIENTS[half], PROGRESS[half])
    encoder, n_inputs = model.encoder_, model.coefs_[0].shape[1]
    before = model.predict(PATIENTS)
    model.fit(PATIENTS[~half].assign(age="older"), 2 * PROGRESS[~half])
    assert model.encoder_ is encoder
    assert model.coefs_[0].shape[1] == n_inputs
    assert model.y_range_[1] == 2 * PROGRESS[~half].max()
    assert (model.predict(PATIENTS) != before).any()


def test_partial_fit_is_refused_with_the_reason():
    assert not hasattr(classifier(), "partial_fit")
    with pytest.raises(AttributeError) as error:
        _ = regressor().partial_fit
    assert "warm_start" in str(error.value.__cause__ or error.value)


@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_what_is_stored_predicts_the_same(again):
    model = classifier().fit(WINE, CULTIVAR)
    np.testing.assert_array_equal(again(model).predict_proba(WINE), model.predict_proba(WINE))


def test_skops(tmp_path):
    io = pytest.importorskip("skops.io")
    model = regressor().fit(PATIENTS, PROGRESS)
    stored = io.dumps(model)
    types = io.get_untrusted_types(data=stored)
    assert all(name.startswith("skmlp.") for name in types), types
    loaded = io.loads(stored, trusted=types)
    np.testing.assert_array_equal(loaded.predict(PATIENTS), model.predict(PATIENTS))


def test_a_search_in_stacks_finds_what_scikit_learns_finds():
    grid = {"learning_rate_init": [0.003, 0.03], "n_bins": [0, 4]}
    ours, theirs = (
        search(regressor(n_members=1), grid, cv=2).fit(PATIENTS, PROGRESS)
        for search in (GridSearchCV, SklearnGridSearchCV)
    )
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-3
    )
    assert ours.best_params_ == theirs.best_params_


def test_in_a_pipeline_validated_in_stacks():
    scores = cross_validate(make_pipeline("passthrough", classifier()), WINE, CULTIVAR, cv=2)
    assert scores["test_score"].shape == (2,)


def test_scorers_see_the_table():
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        whole = estimator.predict(X)
        np.testing.assert_allclose(estimator.predict(X.iloc[:5]), whole[:5], rtol=1e-3)
        return -np.mean((whole - y) ** 2)

    regressor(scoring=scorer).fit(PATIENTS, PROGRESS)
    assert list(seen[0]) == list(PATIENTS)


def test_callbacks_see_the_table():
    pytest.importorskip("sklearn.callback")
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    regressor(max_iter=3).set_callbacks(monitor).fit(PATIENTS, PROGRESS)
    assert monitor.get_logs() is not None


def test_a_checkpoint_is_found_again(tmp_path):
    params = {"checkpoint": Checkpoint(tmp_path), "warm_start": False}
    first = regressor(**params).fit(PATIENTS, PROGRESS).predict(PATIENTS)
    np.testing.assert_array_equal(regressor(**params).fit(PATIENTS, PROGRESS).predict(PATIENTS), first)


def test_inspection_by_scikit_learn():
    model = regressor(max_iter=40).fit(PATIENTS, PROGRESS)
    importance = permutation_importance(model, PATIENTS, PROGRESS, n_repeats=3, random_state=0)
    assert importance.importances_mean.shape == (PATIENTS.shape[1],)
    found = partial_dependence(model, PATIENTS.dropna(), ["age"], categorical_features=["age"])
    assert found["average"].shape == (1, 3)
    assert "Dense" in str(summary(model))
    assert "TabularMLPRegressor" in model._repr_html_()


def test_a_clone_has_the_same_parameters():
    model = classifier(categorical_features=["alcohol"], n_bins=3, max_levels=5)
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    "wrong",
    [{"n_bins": -1}, {"n_bins": "many"}, {"max_levels": 1}, {"categorical_features": "all"}, {"dtype": 3}],
)
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        classifier(**wrong).fit(WINE, CULTIVAR)


def test_standardize_targets_alone():
    X, y = PATIENTS[["bp", "s5"]].fillna(0).to_numpy(), 1000 * PROGRESS.to_numpy()
    model = MLPRegressor((5,), standardize="targets", max_iter=5, random_state=0).fit(X, y)
    assert hasattr(model, "y_scaler_")
    assert not hasattr(model, "x_scaler_")
    scaled = MLPRegressor((5,), max_iter=5, random_state=0).fit(X, (y - y.mean()) / y.std())
    np.testing.assert_allclose(model.predict(X), scaled.predict(X) * y.std() + y.mean(), rtol=1e-6)
