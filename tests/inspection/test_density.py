"""DensityDisplay: what is drawn is what the predicted distribution says."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError

from skmlp import MixtureDensityRegressor, MLPRegressor
from skmlp.inspection import DensityDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.uniform(-2, 3, size=(150, 3))
Y = X[:, 0] + RNG.normal(size=150)


class KnownGaussian(RegressorMixin, BaseEstimator):
    """y = x0 + 10 x1 + 100 x2, with the standard deviation 1 + x0²."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict_dist(self, X):
        self.seen_ = X
        X = np.asarray(X)
        return norm(X @ [1, 10, 100][: X.shape[1]], 1 + X[:, 0] ** 2)


def test_the_density_of_a_known_gaussian():
    model = KnownGaussian().fit(X[:, :1], Y)
    display = DensityDisplay.from_estimator(model, X[:, :1], Y, grid_resolution=31, coverage=0.8)
    x, y = display.x_grid, display.y_grid
    np.testing.assert_allclose(x, np.linspace(X[:, 0].min(), X[:, 0].max(), 31))
    np.testing.assert_allclose(display.density, norm.pdf(y[:, np.newaxis], x, 1 + x**2))
    np.testing.assert_allclose(display.mean, x)
    half = norm.ppf(0.9) * (1 + x**2)
    np.testing.assert_allclose(display.interval, np.stack([x - half, x + half], axis=1))
    np.testing.assert_array_equal(display.image_.get_array(), display.density)
    for line, values in zip(display.lines_, [x, *display.interval.T], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    np.testing.assert_array_equal(display.points_.get_offsets(), np.stack([X[:, 0], Y], axis=1))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["data", "mean", "central 80%"]


def test_the_range_of_y():
    model = KnownGaussian().fit(X[:, :1], Y)
    display = DensityDisplay.from_estimator(model, X[:, :1], Y)
    assert display.y_grid[0] < min(Y.min(), display.interval.min())
    assert display.y_grid[-1] > max(Y.max(), display.interval.max())
    without_y = DensityDisplay.from_estimator(model, X[:, :1])
    assert without_y.points_ is None
    x = without_y.x_grid
    low, high = np.min(x - norm.ppf(0.999) * (1 + x**2)), np.max(x + norm.ppf(0.999) * (1 + x**2))
    margin = 0.04 * (high - low)
    np.testing.assert_allclose(without_y.y_grid[[0, -1]], [low - margin, high + margin])
    given = DensityDisplay.from_estimator(model, X[:, :1], Y, y_limits=(-3, 4))
    np.testing.assert_array_equal(given.y_grid[[0, -1]], [-3, 4])


@pytest.mark.parametrize("feature", [0, 1, 2])
def test_the_other_features_are_held_at_their_median(feature):
    model = KnownGaussian().fit(X, Y)
    display = DensityDisplay.from_estimator(model, X, feature=feature, grid_resolution=11)
    others = np.delete(np.arange(3), feature)
    np.testing.assert_array_equal(
        np.delete(model.seen_, feature, axis=1), np.tile(np.median(X, axis=0)[others], (11, 1))
    )
    np.testing.assert_array_equal(model.seen_[:, feature], display.x_grid)
    assert display.ax_.get_xlabel() == f"x{feature}"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_features_with_names(library):
    frame = pytest.importorskip(library).DataFrame(dict(zip("abc", X.T, strict=True)))
    model = MixtureDensityRegressor((5,), max_iter=3, random_state=0).fit(frame, Y)
    display = DensityDisplay.from_estimator(model, frame, Y, feature="b", grid_resolution=11)
    assert display.ax_.get_xlabel() == "b"
    np.testing.assert_array_equal(display.x, X[:, 1])
    with pytest.raises(ValueError, match=r"feature='d' is not among the columns of X: \['a', 'b', 'c'\]"):
        DensityDisplay.from_estimator(model, frame, feature="d")


def test_a_mixture_density_network():
    model = MixtureDensityRegressor((10,), max_iter=20, random_state=0).fit(X[:, :1], Y)
    display = DensityDisplay.from_estimator(model, X[:, :1], Y, grid_resolution=50)
    grid = display.x_grid[:, np.newaxis]
    np.testing.assert_allclose(display.mean, model.predict(grid))
    np.testing.assert_allclose(display.interval, model.predict_interval(grid, 0.9))
    for row in (0, 17, 49):
        np.testing.assert_allclose(display.density[row], model.predict_dist(grid).pdf(display.y_grid[row]))
    # A density: over all y it integrates to one, where its tails are in the picture.
    wide = DensityDisplay.from_estimator(model, X[:, :1], y_limits=(-15, 15), grid_resolution=400)
    np.testing.assert_allclose(trapezoid(wide.density, wide.y_grid, axis=0), 1, atol=1e-3)


def test_axes_of_ones_own():
    figure, (_, right) = plt.subplots(1, 2)
    model = KnownGaussian().fit(X[:, :1], Y)
    display = DensityDisplay.from_estimator(model, X[:, :1], Y, ax=right, cmap="Purples")
    assert display.ax_ is right
    assert display.figure_ is figure
    assert display.image_.get_cmap().name == "Purples"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"coverage": 1.0}, "coverage=1.0 must be greater than 0 and less than 1"),
        ({"coverage": 0}, "coverage=0"),
        ({"grid_resolution": 1}, "grid_resolution=1 must be an int of at least 2"),
        ({"feature": 3}, r"feature=3: X has 3 feature\(s\)"),
        ({"feature": -1}, "feature=-1"),
        ({"feature": "a"}, r"feature='a' is not among the columns of X: \[\]"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        DensityDisplay.from_estimator(KnownGaussian().fit(X, Y), X, Y, **parameters)


def test_what_cannot_be_drawn():
    with pytest.raises(NotFittedError):
        DensityDisplay.from_estimator(MixtureDensityRegressor(), X, Y)
    with pytest.raises(TypeError, match="MLPRegressor has no predict_dist"):
        DensityDisplay.from_estimator(MLPRegressor((3,), max_iter=2).fit(X, Y), X, Y)
    several = MixtureDensityRegressor((3,), max_iter=2).fit(X, X[:, :2])
    with pytest.raises(ValueError, match="predicts 2 targets"):
        DensityDisplay.from_estimator(several, X)
