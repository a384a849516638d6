"""NetworkDisplay: one node per unit, one line per weight."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skmlp import MixtureDensityRegressor, MLPClassifier, MLPRegressor
from skmlp.inspection import NetworkDisplay
from skmlp.inspection.network_display import shown_units
from skmlp.inspection.plotting import BLUE, ORANGE

plt = pytest.importorskip("matplotlib.pyplot")
to_rgb = pytest.importorskip("matplotlib.colors").to_rgb
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 5))
LABELS = np.array(["cat", "dog", "emu"])[RNG.randint(3, size=60)]


def fitted(sizes=(4, 2), y=LABELS, cls=MLPClassifier, **parameters):
    return cls(sizes, max_iter=3, random_state=0, **parameters).fit(X, y)


def n_edges(display):
    return [len(edges.get_segments()) for edges in display.edges_]


def n_nodes(display):
    return [len(nodes.get_offsets()) for nodes in display.nodes_]


def names(display):
    return [text.get_text() for text in display.names_]


def test_every_unit_is_a_node_and_every_weight_a_line():
    display = NetworkDisplay.from_estimator(fitted())
    assert n_nodes(display) == [5, 4, 2, 3]
    assert n_edges(display) == [5 * 4, 4 * 2, 2 * 3]
    assert display.ellipses_ == []
    assert names(display) == ["x0", "x1", "x2", "x3", "x4", "cat", "dog", "emu"]


def test_colour_and_width_show_the_weight():
    model = fitted()
    display = NetworkDisplay.from_estimator(model)
    for layer, (edges, coef) in enumerate(zip(display.edges_, model.coefs_, strict=True)):
        left, right = display.nodes_[layer].get_offsets(), display.nodes_[layer + 1].get_offsets()
        widths = []
        for segment, color, width in zip(
            edges.get_segments(), edges.get_colors(), edges.get_linewidths(), strict=True
        ):
            i = np.flatnonzero((left == segment[0]).all(axis=1)).item()
            j = np.flatnonzero((right == segment[1]).all(axis=1)).item()
            assert tuple(color[:3]) == to_rgb(ORANGE if coef[i, j] > 0 else BLUE)
            strength = abs(coef[i, j]) / np.abs(coef).max()
            assert color[3] == pytest.approx(0.08 + 0.92 * strength)
            assert width == pytest.approx(0.4 + 2.4 * strength)
            widths.append(width)
        assert widths == sorted(widths)


def test_the_colour_of_a_unit_shows_its_bias():
    model = fitted()
    display = NetworkDisplay.from_estimator(model, colors=("purple", "green"))
    for nodes, bias in zip(display.nodes_[1:], model.intercepts_, strict=True):
        colors = nodes.get_facecolors()
        np.testing.assert_allclose(colors[:, 3], np.abs(bias) / np.abs(bias).max())
        for color, value in zip(colors, bias, strict=True):
            assert tuple(color[:3]) == to_rgb("green" if value > 0 else "purple")


@pytest.mark.parametrize(
    ("width", "max_units", "shown"),
    [
        (4, 4, [0, 1, 2, 3]),
        (5, 4, [0, 1, 3, 4]),
        (100, 5, [0, 1, 2, 98, 99]),
        (100, 2, [0, 99]),
        (1, 2, [0]),
    ],
)
def test_large_layers_are_folded(width, max_units, shown):
    assert list(shown_units(width, max_units)) == shown


def test_an_ellipsis_counts_the_units_that_are_left_out():
    display = NetworkDisplay.from_estimator(fitted((30, 3)), max_units=4)
    assert [text.get_text() for text in display.ellipses_] == ["⋮ (1)", "⋮ (26)"]
    assert n_nodes(display) == [4, 4, 3, 3]
    assert n_edges(display) == [16, 12, 9]
    assert names(display)[:4] == ["x0", "x1", "x3", "x4"]


def test_a_member_of_an_ensemble():
    model = fitted(n_members=3)
    display = NetworkDisplay.from_estimator(model, member=2)
    np.testing.assert_array_equal(display.coefs[0], model.members_[2].coefs_[0])
    np.testing.assert_array_equal(display.intercepts[0], model.members_[2].intercepts_[0])


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (LABELS, ["cat", "dog", "emu"]),
        (LABELS == "cat", ["True"]),
        (np.stack([LABELS == "cat", LABELS == "dog"], axis=1).astype(int), ["0", "1"]),
        (
            np.stack([LABELS == "cat", 5 * (X[:, 0] > 0) + (X[:, 1] > 0)], axis=1).astype(int),
            ["y0 = 0", "y0 = 1", "y1 = 0", "y1 = 1", "y1 = 5", "y1 = 6"],
        ),
    ],
    ids=["multiclass", "binary", "multilabel", "several multiclass targets"],
)
def test_outputs_of_a_classifier_are_named_by_class(y, expected):
    assert names(NetworkDisplay.from_estimator(fitted(y=y)))[5:] == expected


@pytest.mark.parametrize("cls", [MLPRegressor, MixtureDensityRegressor])
def test_outputs_of_a_regressor_have_no_names_unless_given(cls):
    model = fitted(y=X[:, 0], cls=cls)
    assert len(names(NetworkDisplay.from_estimator(model))) == 5
    given = [f"score {i}" for i in range(model.n_outputs_)]
    assert names(NetworkDisplay.from_estimator(model, output_names=given))[5:] == given


def test_names_of_inputs():
    pytest.importorskip("pandas")
    iris = load_iris(as_frame=True)
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(iris.data, iris.target)
    assert names(NetworkDisplay.from_estimator(model))[:4] == iris.feature_names
    assert names(NetworkDisplay.from_estimator(model, feature_names=list("abcd")))[:4] == list("abcd")


def test_without_hidden_layers_in_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = NetworkDisplay.from_estimator(fitted(()), ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert n_edges(display) == [15]
    assert not left.collections


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_units": 1}, "max_units=1 must be an int of at least 2"),
        ({"member": -2}, r"member=-2: the estimator has 1 member\(s\)"),
        ({"feature_names": ["a"]}, "feature_names has 1 names, but the network has 5"),
        ({"output_names": ["a"]}, "output_names has 1 names, but the network has 3"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        NetworkDisplay.from_estimator(fitted(), **parameters)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        NetworkDisplay.from_estimator(MLPClassifier())
