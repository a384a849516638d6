"""What is stored and loaded again predicts the same: by pickle, joblib and skops."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning

import skmlp
from skmlp import MLPClassifier, MLPRegressor
from skmlp.network.activations import LeakyReLU
from skmlp.network.losses import Focal, Huber
from skmlp.training.optimizers import RMSprop
from tests.crossing import crossed, named

from .data import TASKS
from .state import same_content

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
SMALL = {"hidden_layer_sizes": (7, 5), "batch_size": 13, "max_iter": 4}

KINDS = {
    "default": {},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "dropout": {"dropout": 0.2},
    "standardized": {"standardize": True},
    "ensemble": {"n_members": 3, "standardize": True, "normalization": "batch"},
    "early stopped": {"early_stopping": True, "scoring": "loss"},
    "warm": {"warm_start": True, "dropout": 0.1, "n_members": 2},
    "lbfgs": {"solver": "lbfgs"},
    "float32": {"dtype": "float32"},
    "partial_fit": {"dropout": 0.1, "learning_rate": "cosine", "dropout_schedule": "cosine"},
    "lists": {"activation": ["tanh", "gelu"], "dropout": [0.0, 0.1]},
}
kinds = pytest.mark.parametrize("kind", KINDS)
TASK_NAMES = named("multiclass", *sorted({*TASKS} - {"multiclass"}), "several targets")


def fitted(task, kind):
    """Return data and an estimator that has learned them."""
    if task == "several targets":
        task, y = WINE, np.c_[WINE.y, WINE.X[:, 0] > 0].astype(int)
    else:
        task = TASKS[task]
        y = task.y
    model = task.model(**SMALL, **KINDS[kind])
    if kind != "partial_fit":
        return task.X, y, model.fit(task.X, y)
    classes = {}
    if task.cls is MLPClassifier:
        classes["classes"] = [np.unique(column) for column in y.T] if y.ndim == 2 else np.unique(y)
        if y.ndim == 2 and y.max() == 1:
            classes["classes"] = np.arange(y.shape[1])
    for rows in (slice(13), slice(None)):
        model.partial_fit(task.X[rows], y[rows], **classes)
    return task.X, y, model


def by_pickle(model, path):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, path):
    joblib.dump(model, path / "model", compress=3)
    return joblib.load(path / "model")


def by_skops(model, path):
    """Trust one type only: the estimator's own."""
    io = pytest.importorskip("skops.io")
    own = f"skmlp.estimators.{'classifier' if isinstance(model, MLPClassifier) else 'regressor'}"
    stored = io.dumps(model)
    assert io.get_untrusted_types(data=stored) == [f"{own}.{type(model).__name__}"]
    return io.loads(stored, trusted=[f"{own}.{type(model).__name__}"])


def by_deepcopy(model, path):
    return copy.deepcopy(model)


WAYS = {"pickle": by_pickle, "joblib": by_joblib, "skops": by_skops, "deepcopy": by_deepcopy}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def outputs(model, X):
    """Return all that a model predicts."""
    names = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    return [getattr(model, name)(X) for name in names if hasattr(model, name)]


@crossed(
    kind=named(*KINDS),
    task=named("multiclass", *(name for name in TASKS if name != "multiclass"), "several targets"),
    way=WAYS,
)
def test_what_is_loaded_predicts_the_same(way, task, kind, tmp_path):
    X, _, model = fitted(task, kind)
    loaded = way(model, tmp_path)
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert same_content(outputs(loaded, X), outputs(model, X))
    assert loaded.loss_curve_ == model.loss_curve_
    assert hasattr(loaded, "members_") == hasattr(model, "members_") == (model.coefs_[0].ndim == 3)
    pairs = (getattr(each, "members_", []) for each in (loaded, model))
    for ours, theirs in zip(*pairs, strict=True):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("kind", ["warm", "partial_fit"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
@ways
def test_what_is_loaded_goes_on_the_same(way, task, kind, tmp_path):
    X, y, model = fitted(task, kind)
    loaded = way(model, tmp_path)
    continued = "fit" if kind == "warm" else "partial_fit"
    for each in (model, loaded):
        for _ in range(2):
            getattr(each, continued)(X, y)
    for ours, theirs in zip(loaded.coefs_, model.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("way", [by_pickle, by_joblib, by_deepcopy], ids=["pickle", "joblib", "deepcopy"])
@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(**SMALL, loss=Focal(gamma=1), activation=LeakyReLU(slope=0.1), random_state=0),
        MLPRegressor(**SMALL, loss=Huber(delta=2.0), solver=RMSprop(rho=0.5), random_state=0),
    ],
    ids=["classifier", "regressor"],
)
def test_choices_that_are_objects(way, model, tmp_path):
    task = WINE if isinstance(model, MLPClassifier) else DIABETES
    model.fit(task.X, task.y)
    loaded = way(model, tmp_path)
    assert same_content(outputs(loaded, task.X), outputs(model, task.X))
    assert loaded.get_params() == model.get_params()


def test_a_pickle_without_a_version_is_refused_by_name():
    """Before versions were stored, the fitted attributes were others."""
    state = WINE.model(**SMALL).fit(WINE.X, WINE.y).__getstate__()
    assert state.pop("_skmlp_version") == skmlp.__version__
    with pytest.raises(ValueError, match=r"This MLPClassifier was pickled .* fit it again"):
        MLPClassifier().__setstate__(state)


def test_a_pickle_of_another_version_gets_scikit_learns_warning(monkeypatch):
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    monkeypatch.setattr(skmlp, "__version__", "0.0.9")
    pickled = pickle.dumps(model)
    monkeypatch.undo()
    with pytest.warns(InconsistentVersionWarning, match=r"MLPClassifier from version skmlp 0\.0\.9"):
        pickle.loads(pickled)


def warns_of_what_was_left_out():
    return pytest.warns(UserWarning, match="continues from the weights alone.*set warm_start=True")


@ways
def test_training_that_finds_no_optimizer_state_warns(way, tmp_path):
    model = way(DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y), tmp_path)
    with warns_of_what_was_left_out():
        copy.deepcopy(model).set_params(warm_start=True).fit(DIABETES.X, DIABETES.y)
    with warns_of_what_was_left_out():
        model.partial_fit(DIABETES.X, DIABETES.y)
    model.partial_fit(DIABETES.X, DIABETES.y)  # now there is one


def test_a_member_that_is_trained_on_its_own_warns():
    ensemble = DIABETES.model(**SMALL, n_members=2).fit(DIABETES.X, DIABETES.y)
    with warns_of_what_was_left_out():
        ensemble.members_[0].partial_fit(DIABETES.X, DIABETES.y)


@pytest.mark.parametrize("options", [{"warm_start": True}, {"solver": "lbfgs"}], ids=str)
def test_training_that_has_its_state_or_needs_none_does_not_warn(options):
    model = by_pickle(DIABETES.model(**SMALL, **options).fit(DIABETES.X, DIABETES.y), None)
    model.set_params(warm_start=True).fit(DIABETES.X, DIABETES.y)
    model.set_params(solver="sgd").partial_fit(DIABETES.X, DIABETES.y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("continues", ["partial_fit", "fit"])
def test_weights_keep_their_precision(dtype, continues):
    model = DIABETES.model(**SMALL, warm_start=True).fit(DIABETES.X.astype(dtype), DIABETES.y)
    other = np.float64 if dtype == np.float32 else np.float32
    getattr(model, continues)(DIABETES.X.astype(other), DIABETES.y)
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
    assert model._optimizer_state["moments"].dtype == dtype
    model.set_params(dtype=np.dtype(other).name).partial_fit(DIABETES.X, DIABETES.y)
    assert model.coefs_[0].dtype == other  # what the user says counts
    assert model._optimizer_state["moments"].dtype == other


@pytest.mark.parametrize("n_members", [1, 2])
def test_curves_are_extended_and_not_copied_in_every_call(n_members):
    model = DIABETES.model(**SMALL, n_members=n_members).partial_fit(DIABETES.X, DIABETES.y)
    curve, copied = model.loss_curve_, copy.copy(model)
    model.partial_fit(DIABETES.X, DIABETES.y)
    assert model.loss_curve_ is curve
    assert len(curve) == 2
    assert copied.loss_curve_ == curve[:1]
    for k, member in enumerate(model.members_ if n_members > 1 else []):
        with warns_of_what_was_left_out():
            member.partial_fit(DIABETES.X, DIABETES.y)
        assert len(member.loss_curve_) == 3
        assert len(model.members_[k].loss_curve_) == 2
