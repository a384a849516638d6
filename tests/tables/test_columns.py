"""What is read of a table: the kinds of its columns, what is missing, and what cannot be read."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skmlp.tables.columns import as_table, category_mask, columns_of, is_missing, level_of

NAN = np.nan


def column(values, **options):
    """Return the only column of a pandas DataFrame."""
    return columns_of(pd.DataFrame({"c": pd.Series(values, **options)}))[0]


@pytest.mark.parametrize(
    ("values", "dtype", "numbers"),
    [
        ([1, 2, 3], "int8", [1, 2, 3]),
        ([1.5, NAN, 3], "float32", [1.5, NAN, 3]),
        ([1, None, 3], "Int64", [1, NAN, 3]),
        ([1, None, 3], "Float32", [1, NAN, 3]),
        ([1, None, 2.5], object, [1, NAN, 2.5]),
        ([1, pd.NA, Decimal("2.5")], object, [1, NAN, 2.5]),
        ([None, NAN, None], object, [NAN, NAN, NAN]),
    ],
)
def test_numbers(values, dtype, numbers):
    found = column(values, dtype=dtype)
    assert not found.is_category
    np.testing.assert_array_equal(found.numbers(), numbers)


@pytest.mark.parametrize(
    ("values", "dtype", "levels"),
    [
        (["a", "b", None], object, ["a", "b", NAN]),
        (["a", "b", None], "string", ["a", "b", NAN]),
        (["a", "b", NAN], "category", ["a", "b", NAN]),
        ([1, 2, None], "category", ["1.0", "2.0", NAN]),
        ([True, False, True], bool, ["True", "False", "True"]),
        ([True, False, None], "boolean", ["True", "False", NAN]),
        ([True, False, None], object, ["True", "False", NAN]),
    ],
)
def test_categories(values, dtype, levels):
    found = column(values, dtype=dtype)
    assert found.is_category
    assert [str(v) for v in found.levels()] == [str(v) for v in levels]


def test_equal_numbers_are_one_level_whatever_their_type():
    assert level_of(1) == level_of(1.0) == level_of(np.int8(1)) == level_of(Decimal(1))
    assert level_of(True) != level_of(1)
    assert list(column([2.0, NAN, 1.0]).levels()[[0, 2]]) == ["2.0", "1.0"]


@pytest.mark.parametrize("value", [None, NAN, np.float32("nan"), pd.NA, pd.NaT, Decimal("nan")])
def test_what_is_missing(value):
    assert is_missing(value)
    assert level_of(value) is np.nan


@pytest.mark.parametrize("value", ["", "nan", b"x", 0, False, np.inf])
def test_what_is_not_missing(value):
    assert not is_missing(value)


MIXED = {"n": [1, 2, None], "x": [0.5, None, 2.0], "b": [True, None, False], "s": ["u", None, "v"]}


def tables():
    """Return the same table of several packages."""
    yield pd.DataFrame(MIXED)
    yield pd.DataFrame(MIXED).convert_dtypes()
    yield pl.DataFrame(MIXED)
    yield pl.DataFrame(MIXED).with_columns(pl.col("s").cast(pl.Categorical))
    try:
        import pyarrow as pa
    except ImportError:
        return
    yield pa.table(MIXED)
    yield pa.table(MIXED | {"s": pa.array(MIXED["s"]).dictionary_encode()})


@pytest.mark.parametrize("table", [*tables()], ids=lambda table: type(table).__module__)
def test_the_same_table_of_several_packages(table):
    columns = columns_of(as_table(table))
    assert [c.name for c in columns] == list(MIXED)
    assert [c.is_category for c in columns] == [False, False, True, True]
    np.testing.assert_array_equal(columns[0].numbers(), [1, 2, NAN])
    np.testing.assert_array_equal(columns[1].numbers(), [0.5, NAN, 2])
    assert [str(v) for v in columns[2].levels()] == ["True", "nan", "False"]
    assert [str(v) for v in columns[3].levels()] == ["u", "nan", "v"]


def test_nested_lists_keep_their_types():
    columns = columns_of(as_table([[1, "a"], [2, None]]))
    assert [c.is_category for c in columns] == [False, True]
    assert [c.name for c in columns] == ["x0", "x1"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([datetime.datetime(2024, 1, 1)], "the year, the hour"),
        (pd.to_timedelta([1], unit="s"), "seconds"),
        ([datetime.date(2024, 1, 1)], "the year"),
        (pd.period_range("2024", periods=1, freq="M"), "the year"),
        ([{"a": 1}], "must be a string or a number"),
        ([[1, 2]], "must be a string or a number"),
        ([1 + 2j], "must be a string or a number"),
    ],
)
def test_what_no_column_can_hold(values, words):
    with pytest.raises(TypeError, match=words) as error:
        column(values)
    assert "'c'" in str(error.value)


def test_numbers_among_strings_are_no_silent_category():
    with pytest.raises(ValueError, match="'c' holds numbers and strings"):
        column([1, "?"], dtype=object)


def test_infinity_is_an_error_that_names_the_column():
    with pytest.raises(ValueError, match=r"'c' contains infinity, in 2 row"):
        column([np.inf, 1, -np.inf]).numbers()


def test_strings_that_are_to_be_numbers():
    with pytest.raises(ValueError, match="'c' is to be numbers"):
        column(["a", "b"]).numbers()


def test_sparse_data_are_refused_by_the_name_of_who_takes_them():
    with pytest.raises(TypeError, match="MLPClassifier"):
        as_table(sparse.csr_array(np.eye(3)))


COLUMNS = columns_of(pd.DataFrame(MIXED))


@pytest.mark.parametrize(
    ("categorical_features", "mask"),
    [
        ("from_dtype", [0, 0, 1, 1]),
        (None, [0, 0, 0, 0]),
        ([], [0, 0, 0, 0]),
        (["s", "n"], [1, 0, 0, 1]),
        ([0, -1], [1, 0, 0, 1]),
        (np.array([True, False, False, True]), [1, 0, 0, 1]),
    ],
)
def test_which_columns_are_categories(categorical_features, mask):
    np.testing.assert_array_equal(category_mask(COLUMNS, categorical_features), np.array(mask, bool))


@pytest.mark.parametrize("wrong", [["z"], [4], [-5], [True, False]])
def test_columns_that_are_not_there(wrong):
    with pytest.raises(ValueError, match="categorical_features"):
        category_mask(COLUMNS, wrong)
