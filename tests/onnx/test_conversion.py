"""onnxruntime computes what the estimators predict."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor, model_selection
from skmlp.layers import Embedding
from skmlp.network.activations import ACTIVATIONS, ELU, LeakyReLU, Tanh
from skmlp.network.losses import Focal, LogLoss, Loss
from skmlp.network.normalizations import BatchNormalization, LayerNormalization
from tests.crossing import crossed, named
from tests.estimators.data import TASKS

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx has no build for this version of Python")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="onnxruntime has no build for this version of Python"
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # skl2onnx sets shapes of numpy arrays, and more that later versions of its dependencies warn of.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 15, "learning_rate_init": 0.01, "random_state": 0}
WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]
LINNERUD, MULTILABEL = TASKS["multi-output"], TASKS["multilabel"]
TWO_CLASSES = np.stack([WINE.y, WINE.X[:, 0] > 0], axis=1).astype(int)
"""Two targets, of three classes and of two."""
PRECISIONS = named("float32", "float64")


@pytest.fixture(autouse=True)
def converters():
    """Converters are registered, twice, which changes nothing."""
    from skmlp.onnx import register

    register()
    register()


def run(model, X, **options):
    """Return the outputs of a converted model by their names."""
    converted = skl2onnx.to_onnx(model, X[:1], **options)
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: X}), strict=True))


def assert_close(computed, expected):
    """Compare numbers, to 1e-5 of their own size or of the usual one."""
    assert computed.shape == expected.shape
    size = np.abs(expected).mean()
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-5 * size)


def assert_predicts(model, X, **options):
    """Check a regressor."""
    (y,) = run(model, X, **options).values()
    assert y.dtype == X.dtype
    assert_close(y, np.reshape(model.predict(X), (len(X), -1)))


def assert_classifies(model, X, **options):
    """Check a classifier, also where the probabilities are a list."""
    labels, p = run(model, X, options={"zipmap": False}, **options).values()
    np.testing.assert_array_equal(labels, model.predict(X))
    several = isinstance(p, list)
    pairs = zip(*((p, model.predict_proba(X)) if several else ([p], [model.predict_proba(X)])), strict=True)
    for computed, expected in pairs:
        assert computed.dtype == X.dtype
        assert_close(computed, expected)


@crossed(
    name=named(*ACTIVATIONS),
    normalization=named(None, "batch", "layer"),
    options={
        "plain": {},
        "standardize": {"standardize": True},
        "ensemble": {"n_members": 3},
        "both": {"standardize": True, "n_members": 2, "dropout": 0.2},
    },
    dtype=PRECISIONS,
)
def test_what_networks_consist_of(name, normalization, options, dtype):
    model = DIABETES.model(**SMALL, activation=name, normalization=normalization, **options)
    X, y = 3 * DIABETES.X + 20, 100 * DIABETES.y + 500
    assert_predicts(model.fit(X, y), X.astype(dtype))


@pytest.mark.parametrize("options", [{}, {"n_members": 2, "standardize": True}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_linear_path_and_signs_of_features(dtype, activation, options):
    signs = np.resize([1, 0, -1], DIABETES.X.shape[1])
    model = DIABETES.model(**SMALL, activation=activation, skip=True, monotonic_cst=signs, **options)
    assert_predicts(model.fit(DIABETES.X, DIABETES.y), DIABETES.X.astype(dtype))


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_instances_keep_their_fields(dtype):
    activation = [LeakyReLU(0.3), ELU(alpha=0.5, scale=1.2)]
    for normalization in (BatchNormalization(epsilon=0.1), LayerNormalization(epsilon=0.2)):
        model = DIABETES.model(**SMALL, activation=activation, normalization=normalization)
        assert_predicts(model.fit(DIABETES.X, DIABETES.y), DIABETES.X.astype(dtype))


LOSSES_OF_NUMBERS = {
    "squared_error": {},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile", "quantile": 0.9},
    "several quantiles": {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    "poisson": {"loss": "poisson"},
    "gamma": {"loss": "gamma"},
}


@crossed(
    loss=LOSSES_OF_NUMBERS,
    options={"plain": {}, "standardize": {"standardize": True}, "ensemble": {"n_members": 3}},
    task={"one target": DIABETES, "three targets": LINNERUD},
    dtype=PRECISIONS,
)
def test_losses_of_numbers(loss, options, task, dtype):
    if loss == LOSSES_OF_NUMBERS["several quantiles"] and task is LINNERUD:
        task = replace(LINNERUD, y=LINNERUD.y[:, 0])  # they are of one target
    model = task.model(**SMALL, **loss, **options).fit(task.X, np.exp(task.y))
    assert_predicts(model, task.X.astype(dtype))


STRINGS = np.array(["low", "middle", "high"])
KINDS = {
    "binary": (TASKS["binary"].X, TASKS["binary"].y),
    "binary strings": (TASKS["binary"].X, STRINGS[TASKS["binary"].y]),
    "boolean": (TASKS["binary"].X, TASKS["binary"].y > 0),
    "one class": (WINE.X, np.full(len(WINE.X), 7)),
    "multiclass": (WINE.X, WINE.y * 2 - 1),
    "whole floats": (WINE.X, WINE.y * 2.0),
    "strings": (WINE.X, STRINGS[WINE.y]),
    "objects": (WINE.X, STRINGS[WINE.y].astype(object)),
    "multilabel": (MULTILABEL.X, MULTILABEL.y),
    "several targets": (WINE.X, TWO_CLASSES),
    "several string targets": (WINE.X, STRINGS[TWO_CLASSES]),
}


@crossed(
    kind=KINDS,
    loss={"log_loss": LogLoss(label_smoothing=0.1), "focal": Focal()},
    options={"plain": {}, "standardize": {"standardize": True}, "ensemble": {"n_members": 3}},
    dtype=PRECISIONS,
)
def test_classes(kind, loss, options, dtype):
    X, y = kind
    model = MLPClassifier(**SMALL, loss=loss, **options).fit(X, y)
    assert_classifies(model, X.astype(dtype))


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "several targets"])
def test_raw_scores_and_small_probabilities(kind, n_members):
    X, y = KINDS[kind]
    model = MLPClassifier(**SMALL | {"max_iter": 50}, n_members=n_members).fit(X, y)
    X = (20 * X).astype(np.float32)  # probabilities far below 1e-8
    _, scores = run(model, X, options={"zipmap": False, "raw_scores": True}).values()
    expected = model.decision_function(X)
    if kind == "binary":
        expected = np.stack([-expected, expected], axis=1)
    if kind == "several targets":
        scores = np.concatenate(scores, axis=1)
    assert_close(scores, expected)
    if n_members == 1 and kind in ("binary", "multiclass"):
        p, expected = run(model, X, options={"zipmap": False})["probabilities"], model.predict_proba(X)
        assert (expected < 1e-12).any()
        seen = expected > 1e-30
        np.testing.assert_allclose(p[seen], expected[seen], rtol=1e-4)


@crossed(
    n_components=named(1, 3),
    task={"one target": DIABETES, "three targets": LINNERUD},
    n_members=named(1, 3),
    dtype=PRECISIONS,
)
def test_densities(n_components, task, n_members, dtype):
    model = MixtureDensityRegressor(**SMALL, n_components=n_components, n_members=n_members)
    X, y = task.X.astype(dtype), 100 * task.y + 500
    model.fit(task.X, y)
    outputs, expected = run(model, X), model.predict_dist(X)
    assert [*outputs] == ["variable", "weights", "means", "scales"]
    assert_close(outputs["variable"], np.reshape(model.predict(X), (len(X), -1)))
    for name in ("weights", "means", "scales"):
        assert_close(outputs[name], getattr(expected, name))


# Options and surroundings


def test_zipmap_names_the_classes():
    X = WINE.X.astype(np.float32)
    model = WINE.model(**SMALL).fit(X, STRINGS[WINE.y])
    p = model.predict_proba(X)
    for each, row in zip(run(model, X)["output_probability"], p, strict=True):
        assert [*each] == [*model.classes_]
        np.testing.assert_allclose([*each.values()], row, rtol=1e-5, atol=1e-7)
    columns = run(model, X, options={"zipmap": "columns"})
    np.testing.assert_allclose(columns["shigh"], p[:, 0], rtol=1e-5, atol=1e-7)


def test_codes_or_labels_beside_the_probabilities():
    X = WINE.X.astype(np.float32)
    model = WINE.model(**SMALL).fit(X, STRINGS[WINE.y])
    codes = run(model, X, options={"zipmap": False, "nocl": True})["label"]
    np.testing.assert_array_equal(model.classes_[codes], model.predict(X))
    labels = run(model, X, options={"zipmap": False, "output_class_labels": True})["class_labels"]
    np.testing.assert_array_equal(labels, model.classes_)


def test_in_a_pipeline_with_columns_of_other_kinds():
    X = np.column_stack([WINE.X, WINE.y % 2])
    columns = ColumnTransformer(
        [("scale", StandardScaler(), slice(0, 13)), ("codes", OneHotEncoder(sparse_output=False), [13])]
    )
    model = make_pipeline(columns, WINE.model(**SMALL)).fit(X, WINE.y)
    assert_classifies(model, X.astype(np.float32))
    _, scores = run(model, X, options={"zipmap": False, "mlpclassifier__raw_scores": True}).values()
    assert_close(scores, model.decision_function(X))


SEARCHES = {
    "scikit-learn": (GridSearchCV, {}),
    "grid": (model_selection.GridSearchCV, {}),
    "random": (model_selection.RandomizedSearchCV, {"n_iter": 1}),
    "halving": (model_selection.HalvingGridSearchCV, {}),
    "random halving": (model_selection.HalvingRandomSearchCV, {"n_candidates": 1, "min_resources": 60}),
}


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_behind_a_search(search, dtype):
    cls, options = SEARCHES[search]
    X = WINE.X.astype(dtype)
    for model, name in (
        (WINE.model(**SMALL), "alpha"),
        (make_pipeline(StandardScaler(), WINE.model(**SMALL)), "mlpclassifier__alpha"),
    ):
        assert_classifies(cls(model, {name: [0.1]}, cv=2, **options).fit(X, WINE.y), X)
    regressor = cls(DIABETES.model(**SMALL), {"alpha": [0.1]}, cv=2, **options)
    assert_predicts(regressor.fit(DIABETES.X, DIABETES.y), DIABETES.X.astype(dtype))
    density = cls(MixtureDensityRegressor(**SMALL), {"alpha": [0.1]}, cv=2, **options)
    density.fit(DIABETES.X, DIABETES.y)
    outputs = run(density, DIABETES.X.astype(dtype))
    expected = density.best_estimator_.predict_dist(DIABETES.X.astype(dtype))
    assert_close(outputs["scales"], expected.scales)


def test_within_ensembles_of_scikit_learn():
    X = WINE.X.astype(np.float32)
    network = WINE.model(**SMALL)
    assert_classifies(StackingClassifier([("a", network), ("b", clone(network))], cv=2).fit(X, WINE.y), X)
    X, y = DIABETES.X.astype(np.float32), DIABETES.y
    parts = [("a", DIABETES.model(**SMALL)), ("b", MixtureDensityRegressor(**SMALL))]
    assert_predicts(VotingRegressor(parts).fit(X, y), X)


def test_weights_that_were_changed_after_the_fit_count():
    model = DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y)
    model.coefs_[0][:] *= 2
    model.set_params(activation="tanh")  # of no effect before the next fit
    assert_predicts(model, DIABETES.X)


def test_features_that_are_integers():
    X = np.round(5 * DIABETES.X).astype(np.int64)
    model = DIABETES.model(**SMALL).fit(X, DIABETES.y)
    assert_close(run(model, X)["variable"], model.predict(X)[:, np.newaxis])


def test_features_that_were_sparse():
    from scipy import sparse

    model = DIABETES.model(**SMALL, standardize=True).fit(sparse.csr_matrix(DIABETES.X), DIABETES.y)
    assert_predicts(model, DIABETES.X)


@pytest.mark.parametrize("opset", [13, 15, 18])
def test_older_versions_of_the_operators(opset):
    options = {"n_members": 2, "normalization": "layer", "standardize": True}
    X = WINE.X.astype(np.float32)
    assert_classifies(WINE.model(**SMALL, **options).fit(X, WINE.y), X, target_opset=opset)
    X = DIABETES.X.astype(np.float32)
    assert_predicts(DIABETES.model(**SMALL, **options).fit(X, DIABETES.y), X, target_opset=opset)


# What cannot be converted


def test_versions_that_are_too_old():
    model = DIABETES.model(**SMALL).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(NotImplementedError, match="target_opset=13 or later, got 12"):
        run(model, DIABETES.X, target_opset=12)


class Doubled(Tanh):
    """2 tanh(z): a class of its own, though it comes from one that is known."""

    def forward(self, z, memo):
        super().forward(z, memo)
        np.multiply(z, 2, out=z)

    def backward(self, h, delta, memo):
        np.multiply(h, 0.5, out=h)
        super().backward(h, delta, memo)
        np.multiply(delta, 2, out=delta)


class Distance(Loss):
    """A custom loss that leaves the raw scores as they are."""

    name = "distance"

    def value(self, z, y):
        return np.abs(z - y)

    def gradient(self, z, y, delta):
        np.sign(z - y, out=delta)


class Positive(Distance):
    """One that does not."""

    def inverse_link(self, z):
        return np.exp(z)


def test_custom_activations_are_refused():
    model = DIABETES.model(**SMALL, activation=Doubled()).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(NotImplementedError, match=r"activation=.*Doubled.* cannot be .* these can: .*ELU"):
        run(model, DIABETES.X)


def test_custom_losses_are_refused_unless_raw_scores_are_predictions():
    model = DIABETES.model(**SMALL, loss=Distance()).fit(DIABETES.X, DIABETES.y)
    assert_predicts(model, DIABETES.X)
    model = DIABETES.model(**SMALL, loss=Positive()).fit(DIABETES.X, DIABETES.y)
    with pytest.raises(NotImplementedError, match=r"inverse_link of loss=.*Positive"):
        run(model, DIABETES.X)


def test_moderated_probabilities_are_refused():
    model = WINE.model(**SMALL, laplace="last_layer").fit(WINE.X, WINE.y)
    with pytest.raises(NotImplementedError, match="fit with laplace=None"):
        run(model, WINE.X.astype(np.float32))
    assert_predicts(DIABETES.model(**SMALL, laplace="full").fit(DIABETES.X, DIABETES.y), DIABETES.X)


def test_dictionaries_of_float64_are_refused():
    with pytest.raises(NotImplementedError, match=r"'zipmap': False"):
        run(WINE.model(**SMALL).fit(WINE.X, WINE.y), WINE.X)


@pytest.mark.parametrize("options", [{"zipmap": "columns"}, {"zipmap": False, "output_class_labels": True}])
def test_options_that_are_for_one_target(options):
    model = WINE.model(**SMALL).fit(WINE.X, TWO_CLASSES)
    with pytest.raises(NotImplementedError, match="predicts 2"):
        run(model, WINE.X.astype(np.float32), options=options)


def test_labels_that_onnx_does_not_have():
    model = WINE.model(**SMALL).fit(WINE.X, WINE.y)
    model.classes_ = np.array([0.0, 0.5, 1.0])
    with pytest.raises(NotImplementedError, match="integers or strings"):
        run(model, WINE.X, options={"zipmap": False})


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor, MixtureDensityRegressor])
def test_networks_that_were_not_fitted(cls):
    with pytest.raises(ValueError, match="not fitted"):
        run(cls(), WINE.X)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(
    "input_layer",
    ["scaling", "periodic", [Embedding(n_levels={1: 3, 0: 4}, n_units=2), "periodic", "scaling"]],
    ids=str,
)
def test_layers_at_the_input(input_layer, n_members, dtype):
    codes = np.random.RandomState(0).randint(-1, 4, size=(len(DIABETES.X), 2))
    X = np.hstack([codes, 3 * DIABETES.X])
    model = DIABETES.model(**SMALL, input_layer=input_layer, n_members=n_members).fit(X, DIABETES.y)
    assert_predicts(model, X.astype(dtype))
