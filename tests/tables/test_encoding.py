"""What a network sees of a table."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import iqr

from skmlp.tables.columns import as_table, columns_of
from skmlp.tables.encoding import Encoding, TableEncoder
from skmlp.tables.numbers import PiecewiseLinearEncoder, SmoothClip

RNG = np.random.default_rng(0)
NAN = np.nan


def encoder_of(X, **options):
    """Return the encoder of a table, and what encodes another one."""
    options = {"categorical_features": "from_dtype", "n_bins": 0, "max_levels": 64} | options
    encoder = TableEncoder(Encoding(**options), columns_of(as_table(X)))
    return encoder, lambda other: encoder.transform(columns_of(as_table(other)), np.float32)


def test_smooth_clip_is_linear_in_the_middle_and_bounded():
    x = RNG.normal(5, 2, size=(401, 1))
    scaled = SmoothClip().fit(x).transform(x)
    z = (x - np.median(x)) / iqr(x)
    np.testing.assert_allclose(scaled, z / np.sqrt(1 + (z / 3) ** 2))
    extreme = SmoothClip().fit(x).transform(np.array([[1e300], [-1e300]]))
    np.testing.assert_allclose(extreme, [[3], [-3]])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([7.0, 7, 7], [0, 0, 0]),
        ([NAN, NAN, NAN], [0, 0, 0]),
        ([0.0, 0, 0, 0, 0, 0, 0, 1000], [0] * 7 + [2 / np.hypot(1, 2 / 3)]),
    ],
)
def test_smooth_clip_of_columns_without_spread(x, expected):
    X = np.array(x)[:, np.newaxis]
    np.testing.assert_allclose(SmoothClip().fit(X).transform(X)[:, 0], expected)


def test_piecewise_linear_encoding_by_its_formula():
    x = np.arange(101.0)[:, np.newaxis]
    encoder = PiecewiseLinearEncoder(4).fit(x)
    np.testing.assert_allclose(encoder.transform(np.array([[10.0]])), [[-0.2, -1, -1, -1]])
    np.testing.assert_allclose(encoder.transform(np.array([[60.0]])), [[1, 1, -0.2, -1]])
    np.testing.assert_allclose(encoder.transform(np.array([[-5.0], [200]])), [[-1] * 4, [1] * 4])


def test_a_frequent_value_leaves_the_edges_to_the_others_and_two_values_need_none():
    mostly_zero = np.r_[np.zeros(60), np.arange(1, 41)]
    binary = np.arange(100) % 2
    encoder = PiecewiseLinearEncoder(4).fit(np.c_[mostly_zero, binary])
    assert set(encoder.column_) == {0}
    np.testing.assert_array_equal(encoder.low_, [0, 14, 27])


def test_bins_of_frequent_values_have_as_many_rows_as_they_can():
    x = np.r_[np.zeros(5000), np.ones(3000), np.linspace(2, 3, 1400)][:, np.newaxis]
    encoder = PiecewiseLinearEncoder(16).fit(x)
    assert len(encoder.low_) == 15
    np.testing.assert_array_equal(encoder.low_[:2], [0, 1])
    np.testing.assert_allclose(np.diff(encoder.low_[2:]), 1 / 14, atol=0.01)
    few = PiecewiseLinearEncoder(16).fit(np.arange(8000)[:, np.newaxis] % 5)
    np.testing.assert_array_equal(few.low_, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("n_samples", "n_columns", "n_bins"),
    [
        (20, 9, 0),
        (250, 9, 5),
        (5000, 9, 16),
        (10_000, 9, 20),
        (99_999, 9, 64),
        (99_999, 40, 25),
        (9999, 400, 16),
    ],
)
def test_small_data_have_few_bins(n_samples, n_columns, n_bins):
    assert Encoding("from_dtype", "auto", 64).bins_for(n_samples, n_columns) == n_bins


def test_a_row_of_each_kind():
    X = pd.DataFrame({"x": [1.0, 2, 3, NAN], "c": ["a", "b", None, "a"]})
    _, encode = encoder_of(X)
    np.testing.assert_allclose(
        encode(X),
        [  # scaled, missing, a, b, missing
            [-1 / np.hypot(1, 1 / 3), 0, 1, 0, 0],
            [0, 0, 0, 1, 0],
            [1 / np.hypot(1, 1 / 3), 0, 0, 0, 1],
            [0, 1, 1, 0, 0],
        ],
        rtol=1e-6,
    )


def test_what_is_missing_or_unknown_only_at_predict():
    X = pd.DataFrame({"x": RNG.normal(size=90), "c": ["a", "b", "c"] * 30})
    _, encode = encoder_of(X, n_bins=3)
    median = encode(pd.DataFrame({"x": [X["x"].median()], "c": ["a"]}))
    other = encode(pd.DataFrame({"x": [NAN, NAN], "c": ["z", None]}))
    np.testing.assert_allclose(other[:, :4], np.repeat(median[:, :4], 2, axis=0), atol=1e-6)
    assert not other[:, 4:].any()


def test_the_rarest_of_many_levels_share_an_input():
    levels = [str(i) for i in range(1000) for _ in range(1 + 5 * (i < 4))]
    X = pd.DataFrame({"c": levels})
    _, encode = encoder_of(X, max_levels=5)
    encoded = encode(pd.DataFrame({"c": ["0", "3", "700", "800", "unknown"]}))
    assert encoded.shape == (5, 5)
    np.testing.assert_array_equal(encoded[2], encoded[3])
    np.testing.assert_array_equal(encoded[2], encoded[4])
    assert (encoded[0] != encoded[1]).any()


def test_columns_of_all_missing_and_constant_columns():
    X = pd.DataFrame({"n": [NAN] * 5, "c": pd.Series([None] * 5, dtype="string"), "k": [3] * 5})
    _, encode = encoder_of(X, n_bins=4)
    assert np.isfinite(encode(X)).all()
    assert np.isfinite(encode(pd.DataFrame({"n": [1.0], "c": ["a"], "k": [4]}))).all()


def test_the_type_of_a_column_may_change_if_its_values_can():
    X = pd.DataFrame({"c": ["1", "2", "1"], "n": [1, 2, 3]})
    _, encode = encoder_of(X.astype({"c": "category"}))
    np.testing.assert_array_equal(encode(X), encode(X.astype({"c": object, "n": object})))
    np.testing.assert_array_equal(encode(X), encode(X.to_numpy(dtype=object)))


def test_it_can_be_pickled():
    X = pd.DataFrame({"x": RNG.normal(size=90), "c": ["a", "b", "c"] * 30})
    encoder, encode = encoder_of(X, n_bins=3)
    columns = columns_of(X)
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(columns, np.float32), encode(X))
