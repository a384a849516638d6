"""summary: layers, shapes, parameters and memory, counted by hand."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp.inspection import Summary, hidden_activations, summary
from skmlp.inspection.summary import in_units

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(50, 4))
LABELS = RNG.randint(3, size=50)
SMALL = {"hidden_layer_sizes": (8, 5), "max_iter": 2, "random_state": 0}


def test_a_classifier():
    table = summary(MLPClassifier(**SMALL).fit(X, LABELS))
    assert isinstance(table, Summary)
    assert table.title == "MLPClassifier: 4 inputs, 3 outputs, float64"
    assert table.rows == [
        ("Dense", (8,), 4 * 8 + 8, 8 * 40),
        ("ReLU", (8,), 0, 0),
        ("Dense", (5,), 8 * 5 + 5, 8 * 45),
        ("ReLU", (5,), 0, 0),
        ("Dense + softmax", (3,), 5 * 3 + 3, 8 * 18),
    ]
    assert (table.n_parameters, table.n_bytes) == (103, 824)


def test_the_text():
    assert str(summary(MLPClassifier(**SMALL).fit(X, LABELS))).splitlines() == [
        "MLPClassifier: 4 inputs, 3 outputs, float64",
        "-------------------------------------------",
        "layer            output  parameters  memory",
        "-------------------------------------------",
        "Dense              (8,)          40   320 B",
        "ReLU               (8,)           0     0 B",
        "Dense              (5,)          45   360 B",
        "ReLU               (5,)           0     0 B",
        "Dense + softmax    (3,)          18   144 B",
        "-------------------------------------------",
        "total                           103   824 B",
    ]


def test_a_notebook_shows_html():
    table = summary(MLPClassifier(**SMALL).fit(X, LABELS))
    page = table._repr_html_()
    assert page.startswith("<table>")
    assert page.endswith("</table>")
    for cell in ("Dense + softmax", "(3,)", ">103<", ">824 B<", table.title):
        assert cell in page
    assert page.count("<tr>") == page.count("</tr>") == 1 + 5 + 1
    assert "<script>" not in Summary("<script>", [("<script>", (1,), 1, 8)])._repr_html_()
    assert repr(table) == str(table)


@pytest.mark.parametrize(
    ("parameters", "names", "n_parameters"),
    [
        ({}, ["Dense", "ReLU", "Dense", "ReLU", "Dense"], 91),
        ({"hidden_layer_sizes": ()}, ["Dense"], 5),
        ({"activation": ["tanh", "gelu"]}, ["Dense", "Tanh", "Dense", "GELU", "Dense"], 91),
        ({"dropout": 0.2}, ["Dense", "ReLU", "Dropout", "Dense", "ReLU", "Dropout", "Dense"], 91),
        (
            {"normalization": "layer"},
            ["Dense", "LayerNormalization", "ReLU", "Dense", "LayerNormalization", "ReLU", "Dense"],
            91 + 2 * 8 + 2 * 5,
        ),
        (
            {"normalization": "batch"},
            ["Dense", "BatchNormalization", "ReLU", "Dense", "BatchNormalization", "ReLU", "Dense"],
            # Its shift takes the place of the biases.
            91 + 3 * 8 + 3 * 5,
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 3])
def test_layers_and_their_parameters(parameters, names, n_parameters, dtype, n_members):
    model = MLPRegressor(**{**SMALL, **parameters}, dtype=dtype, n_members=n_members).fit(X, X[:, 0])
    table = summary(model)
    assert [row[0] for row in table.rows] == names
    assert table.n_parameters == n_members * n_parameters
    assert table.n_bytes == table.n_parameters * (4 if dtype == "float32" else 8)
    others = [array for layer in getattr(model, "normalization_parameters_", []) for array in layer]
    biases = model.intercepts_[-1:] if model.normalization == "batch" else model.intercepts_
    arrays = model.coefs_ + biases + others
    assert table.n_parameters == sum(array.size for array in arrays)
    assert table.n_bytes == sum(array.nbytes for array in arrays)
    assert table.title.startswith(f"MLPRegressor: 4 inputs, 1 outputs, {dtype}")
    assert ("3 members" in table.title) == (n_members == 3)


def test_a_log_link_is_named():
    table = summary(MLPRegressor(**SMALL, loss="poisson").fit(X, LABELS))
    assert table.rows[-1][0] == "Dense + exp"
    binary = summary(MLPClassifier(**SMALL).fit(X, LABELS > 0))
    assert binary.rows[-1][:2] == ("Dense + logistic", (1,))


def test_it_is_of_what_was_fitted():
    model = MLPClassifier(**SMALL).fit(X, LABELS)
    before = str(summary(model))
    model.set_params(hidden_layer_sizes=(3,), activation="tanh", normalization="batch", n_members=4)
    assert str(summary(model)) == before
    with pytest.raises(NotFittedError):
        summary(clone(model))


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (45_600, "45.6 kB"),
        (7_890_000, "7.9 MB"),
        (3e9, "3.0 GB"),
    ],
)
def test_memory_is_for_people_to_read(n_bytes, text):
    assert in_units(n_bytes) == text


@pytest.mark.parametrize("tool", [summary, lambda model: hidden_activations(model, X)])
@pytest.mark.parametrize("other", [make_pipeline(StandardScaler(), MLPClassifier()), LinearRegression()])
def test_what_is_no_network_gets_an_error_that_says_what_to_pass(tool, other):
    with pytest.raises(TypeError, match="is not one of this package's networks; of a pipeline"):
        tool(other)
