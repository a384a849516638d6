"""WeightsDisplay: images of the first layer's weights."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skmlp import MLPClassifier
from skmlp.inspection import WeightsDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(50, 9))
Y = (X[:, 0] > 0).astype(int)


def fitted(n_features=9, **parameters):
    return MLPClassifier((7,), max_iter=3, random_state=0, **parameters).fit(X[:, :n_features], Y)


def test_each_unit_is_an_image():
    model = fitted()
    display = WeightsDisplay.from_estimator(model, sort=None)
    assert list(display.units) == [0, 1, 2, 3, 4, 5, 6]
    assert len(display.images_) == 7
    for k, image in enumerate(display.images_):
        np.testing.assert_array_equal(image.get_array(), model.coefs_[0][:, k].reshape(3, 3))
        assert display.axes_.flat[k].get_title() == str(k)


def test_all_images_share_symmetric_limits():
    model = fitted()
    display = WeightsDisplay.from_estimator(model)
    largest = np.abs(model.coefs_[0]).max()
    assert {image.get_clim() for image in display.images_} == {(-largest, largest)}
    assert display.colorbar_.mappable.get_clim() == (-largest, largest)


def test_units_with_the_largest_weights_come_first():
    model = fitted()
    norms = np.linalg.norm(model.coefs_[0], axis=0)
    display = WeightsDisplay.from_estimator(model, max_units=4)
    assert list(display.units) == list(np.argsort(-norms)[:4])
    assert display.weights.shape == (4, 3, 3)


def test_a_member_of_an_ensemble():
    model = fitted(n_members=2)
    display = WeightsDisplay.from_estimator(model, member=1, sort=None)
    np.testing.assert_array_equal(display.weights.reshape(7, 9).T, model.coefs_[0][1])


def test_the_shape_of_the_images():
    display = WeightsDisplay.from_estimator(fitted(6), image_shape=(2, 3))
    assert display.weights.shape == (7, 2, 3)


def test_axes_of_ones_own_and_weights_that_are_all_zero():
    figure, (left, right) = plt.subplots(1, 2)
    display = WeightsDisplay(weights=np.zeros((3, 2, 2)), units=np.arange(3)).plot(right, cmap="PuOr")
    assert display.figure_ is figure
    assert not right.axison
    assert left.axison
    assert display.images_[0].get_cmap().name == "PuOr"
    assert sum(axis.axison for axis in display.axes_.flat) == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, r"6 features are no square image: pass image_shape=\(height, width\)"),
        ({"image_shape": (2, 2)}, r"image_shape=\(2, 2\) has 4 pixels, but the estimator has 6"),
        ({"image_shape": (-2, -3)}, "height"),
        ({"max_units": 0}, "max_units=0 must be an int of at least 1"),
        ({"max_units": 2.5}, "max_units=2.5"),
        ({"sort": "size"}, "sort='size' must be 'norm' or None"),
        ({"member": 1}, r"member=1: the estimator has 1 member\(s\)"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        WeightsDisplay.from_estimator(fitted(6), **parameters)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        WeightsDisplay.from_estimator(MLPClassifier())
