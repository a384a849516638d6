"""integrated_gradients: sums, known integrals, and the display."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import AttributionDisplay, integrated_gradients, jacobian
from skmlp.inspection.jacobians import Differentiable
from skmlp.network.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(12, 3)) * [1, 5, 0.2] + [0, 10, 3]
Y = X[:, 0] + np.sin(X[:, 1])
CLASSES = np.arange(12) % 3
SMALL = {"hidden_layer_sizes": (11, 7), "max_iter": 30, "standardize": True, "random_state": 0}


def differences(estimator, baseline, of):
    values = Differentiable(estimator, of).values
    return values(X) - values(np.broadcast_to(baseline, X.shape))


@pytest.mark.parametrize(("of", "n_members"), [("predictions", 1), ("raw", 2)])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_attributions_sum_to_the_difference(activation, normalization, n_members, of):
    parameters = {"activation": activation, "normalization": normalization, "n_members": n_members}
    classifier = MLPClassifier(**SMALL, **parameters).fit(X, CLASSES)
    found = integrated_gradients(classifier, X, X[0], of=of).sum(axis=-1)
    expected = differences(classifier, X[0], of)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("activation", ["tanh", "relu", ["relu", "leaky_relu"]])
def test_each_attribution_is_its_integral(activation):
    regressor = MLPRegressor(**SMALL, activation=activation).fit(X, Y)
    x, start = X[1], X[0]
    t = (np.arange(20000)[:, np.newaxis] + 0.5) / 20000
    expected = jacobian(regressor, start + t * (x - start))[:, 0].mean(axis=0) * (x - start)
    found = integrated_gradients(regressor, X[1:2], start)[0, 0]
    tolerance = 1e-7 if activation == "tanh" else 1e-3
    np.testing.assert_allclose(found, expected, atol=tolerance * abs(expected).max())


def test_a_linear_model_is_its_weights_times_the_change():
    regressor = MLPRegressor(**SMALL | {"hidden_layer_sizes": ()}).fit(X, Y)
    found = integrated_gradients(regressor, X)
    slope = regressor.coefs_[0][:, 0] / regressor.x_scaler_.scale_ * regressor.y_scaler_.scale_
    np.testing.assert_allclose(found[:, 0], slope * (X - X.mean(axis=0)), atol=1e-12)


def test_paths_that_do_not_move_have_no_attributions():
    regressor = MLPRegressor(**SMALL).fit(X, Y)
    np.testing.assert_array_equal(integrated_gradients(regressor, X, X), np.zeros((12, 1, 3)))


def test_features_that_do_not_change_contribute_nothing():
    regressor = MLPRegressor(**SMALL, activation="tanh").fit(X, Y)
    baseline = X.copy()
    baseline[:, 0] += 1
    assert not integrated_gradients(regressor, X, baseline)[..., 1:].any()


def test_targets_lists_pipelines_frames_and_float32():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    targets = np.stack([CLASSES, CLASSES > 0], axis=1)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL, dtype="float32")).fit(frame, targets)
    found = integrated_gradients(pipeline, frame)
    assert [A.shape for A in found] == [(12, 3, 3), (12, 2, 3)]
    expected = differences(pipeline.fit(X, targets), X.mean(axis=0), "predictions")
    found = np.concatenate(found, axis=1).sum(axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_mixtures(n_targets):
    y = np.stack([Y, X[:, 2]], axis=1)[:, :n_targets]
    y = y[:, 0] if n_targets == 1 else y
    model = MixtureDensityRegressor((7,), max_iter=5, n_components=2, random_state=0).fit(X, y)
    found = integrated_gradients(model, X, X[0]).sum(axis=-1)
    np.testing.assert_allclose(found, differences(model, X[0], "predictions"), atol=1e-6)


def test_relu_on_real_data_is_exact():
    data, y = load_diabetes(return_X_y=True)
    regressor = MLPRegressor((20, 20), alpha=1, solver="lbfgs", standardize=True, random_state=0)
    regressor.fit(data, y)
    found = integrated_gradients(regressor, data).sum(axis=-1)[:, 0]
    expected = regressor.predict(data) - regressor.predict(data.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * abs(expected).max())


def test_wrong_sums_warn(monkeypatch):
    monkeypatch.setattr("skmlp.inspection.attributions.MOST_HALVINGS", 0)
    classifier = MLPClassifier(**SMALL, activation="tanh").fit(X, CLASSES)
    for coef in classifier.coefs_:
        coef *= 3
    with pytest.warns(UserWarning, match="miss the difference of the outputs by"):
        integrated_gradients(classifier, X)


def test_bad_baselines_are_refused():
    with pytest.raises(ValueError, match=r"baseline has the shape \(2,\), X has \(12, 3\)"):
        integrated_gradients(MLPRegressor(**SMALL).fit(X, Y), X, [1.0, 2.0])


def test_display_of_a_row():
    data = load_breast_cancer()
    classifier = MLPClassifier((10,), solver="lbfgs", alpha=10, standardize=True, random_state=0)
    classifier.fit(data.data, data.target)
    display = AttributionDisplay.from_estimator(classifier, data.data, row=3, max_features=5)
    expected = integrated_gradients(classifier, data.data[3:4], data.data.mean(axis=0))[0, 1]
    np.testing.assert_allclose(display.attributions[0], expected)
    assert len(display.axes_) == 1
    widths = [abs(bar.get_width()) for bar in display.bars_[0]]
    np.testing.assert_allclose(widths, np.sort(abs(expected))[::-1][:5])
    assert display.output_name == "p of 1"
    np.testing.assert_allclose(display.values[0, 1], classifier.predict_proba(data.data[3:4])[0, 1])
    assert "row 3" in display.axes_[0].get_title()


def test_display_of_all_rows_beside_permutation_importance():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    regressor = MLPRegressor(**SMALL).fit(frame, Y)
    display = AttributionDisplay.from_estimator(regressor, frame, Y, n_repeats=3)
    assert len(display.axes_) == len(display.bars_) == 2
    assert display.importances.shape == (3, 3)
    order = np.argsort(-abs(display.attributions).mean(axis=0))
    labels = [text.get_text() for text in display.axes_[0].get_yticklabels()]
    assert labels == [["a", "b", "c"][j] for j in order]
    alone = AttributionDisplay.from_estimator(regressor, frame)
    assert len(alone.axes_) == 1
    assert alone.output_name == "y"
    with pytest.raises(ValueError, match="axes has 1 Axes"):
        display.plot(alone.axes_)


@pytest.mark.parametrize(
    ("y", "of", "output", "name"),
    [
        (CLASSES > 0, "raw", 0, "score of True"),
        (CLASSES, "predictions", 1, "p of 1"),
        (np.eye(12, 4).astype(int), "predictions", -1, "p of label 3"),
        (np.stack([CLASSES, CLASSES > 0], axis=1), "raw", 2, "score of 2"),
    ],
)
def test_names_of_the_outputs_of_classifiers(y, of, output, name):
    classifier = MLPClassifier(**SMALL).fit(X, y)
    assert AttributionDisplay.from_estimator(classifier, X, of=of, output=output).output_name == name


def test_rows_and_outputs_that_do_not_exist():
    regressor = MLPRegressor(**SMALL).fit(X, Y)
    with pytest.raises(ValueError, match="row=12: X has 12 samples"):
        AttributionDisplay.from_estimator(regressor, X, row=12)
    with pytest.raises(ValueError, match="output=1: there are 1 outputs"):
        AttributionDisplay.from_estimator(regressor, X, output=1)
