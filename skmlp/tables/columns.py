"""The columns of pandas, polars and pyarrow tables, and of arrays, read without importing any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skmlp.network.arrays import Array

DATES = (
    "dates and durations have no meaning to a network: make numbers of what matters in them, such as the"
    " year, the hour, the day of the week, or the seconds since a start"
)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    values : array of shape (n_samples,)
        Numbers, where nan is missing; or objects, where None, nan and pandas.NA are.
    is_category : bool
        Whether its type says that its values are names: strings, booleans and categorical types.
    """

    name: str
    values: Array
    is_category: bool

    @property
    def holds_numbers(self) -> bool:
        """Whether its values are numbers already."""
        return self.values.dtype.kind == "f"

    def numbers(self) -> Array:
        """Return the values as float64, in which nan is missing; booleans are 0 and 1."""
        if not self.holds_numbers:
            try:
                return np.array([np.nan if is_missing(v) else float(v) for v in self.values])
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"Column {self.name!r} is to be numbers, but could not convert its values to float:"
                    f" {error}. Pass numbers, as in fit, or name it in categorical_features of an estimator"
                    " that is fitted anew."
                ) from error
        infinite = np.isinf(self.values)
        if infinite.any():
            raise ValueError(
                f"Column {self.name!r} contains infinity, in {infinite.sum()} row(s): replace it by nan,"
                " which is a missing value, or by a number."
            )
        return self.values

    def levels(self) -> Array:
        """Return the names of the values as objects, in which nan is missing."""
        if self.holds_numbers:
            values, codes = np.unique(self.values, return_inverse=True)
            return np.array([level_of(v) for v in values] or [np.nan], dtype=object)[codes]
        return np.array([level_of(v) for v in self.values] or [], dtype=object)


def is_missing(value: Any) -> bool:
    """Return whether a value is None, or differs from itself: nan, NaT, pandas.NA."""
    if value is None:
        return True
    if isinstance(value, (str, bytes, bool)):
        return False
    differs = value != value  # pandas.NA answers with itself
    return differs is value or (isinstance(differs, (bool, np.bool_)) and bool(differs))


def level_of(value: Any) -> Any:
    """Return the name of a category: equal numbers have the same, whatever their type."""
    if is_missing(value):
        return np.nan
    is_number = isinstance(value, (Real, Decimal)) and not isinstance(value, (bool, np.bool_))
    return repr(float(value)) if is_number else str(value)


def as_table(X: Any) -> Any:
    """Return a table as it is, anything else as an array, or raise an error that says what it cannot be.

    The entries of nested lists keep their types.
    """
    if sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed for X, but a table is dense: MLPClassifier and MLPRegressor take sparse"
            " matrices, X.toarray() makes it dense."
        )
    if reader_of(X) is not of_array:
        return X
    if not (hasattr(X, "dtype") or hasattr(X, "__array__")):
        X = np.array(X, dtype=object)
    return check_array(X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)


def columns_of(X: Any) -> list[Column]:
    """Return the columns of what `as_table` returns, or raise an error if it is empty."""
    columns = [column_of(name, values, named) for name, values, named in reader_of(X)(X)]
    if not columns or not len(columns[0].values):
        empty = "sample" if columns else "feature"
        raise ValueError(f"Found a table X with 0 {empty}(s), and at least one is needed.")
    return columns


def reader_of(X: Any) -> Callable[[Any], Iterable[tuple[str, Array, bool]]]:
    """Return what yields name, values and whether they are of a categorical type, for each column."""
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return of_pandas
    if hasattr(X, "iter_columns"):
        return of_polars
    if hasattr(X, "itercolumns"):
        return of_pyarrow
    return of_array


def names_values(dtype: Any) -> bool:
    """Return whether a type says that its values are names, also where all of them are missing."""
    return str(dtype).lower().startswith(("cat", "enum", "dictionary", "str", "large_str", "bool"))


def of_pandas(X: Any) -> Iterator[tuple[str, Array, bool]]:
    """Read a pandas DataFrame."""
    for i, name in enumerate(X.columns):
        series = X.iloc[:, i]
        if getattr(series.dtype, "kind", "O") in "iuf":
            yield name, series.to_numpy(dtype=float, na_value=np.nan), False
        else:
            is_date = getattr(series.dtype, "kind", "O") in "mM"
            values = series.to_numpy() if is_date else series.astype(object).to_numpy()
            yield name, values, names_values(series.dtype)


def of_polars(X: Any) -> Iterator[tuple[str, Array, bool]]:
    """Read a polars DataFrame."""
    for series in X.iter_columns():
        yield series.name, series.to_numpy(), names_values(series.dtype)


def of_pyarrow(X: Any) -> Iterator[tuple[str, Array, bool]]:
    """Read a pyarrow Table."""
    for name, column in zip(X.column_names, X.itercolumns(), strict=True):
        is_coded = hasattr(column.type, "index_type")
        values = (column.cast(column.type.value_type) if is_coded else column).to_numpy()
        yield name, values, names_values(column.type)


def of_array(X: Any) -> Iterator[tuple[str, Array, bool]]:
    """Read an array."""
    for i, values in enumerate(X.T):
        yield f"x{i}", values, False


def column_of(name: str, values: Array, named: bool) -> Column:
    """Return a column whose kind is known by the type of its values, or by the values of objects."""
    kind = values.dtype.kind
    if kind in "mM":
        raise TypeError(f"Column {name!r} is of type {values.dtype}: {DATES}.")
    if kind in "iuf" and not named:
        return Column(name, values.astype(float), is_category=False)
    values = values.astype(object)
    if named or kind in "bUST":
        return Column(name, values, is_category=True)
    kinds = {kind_of(name, v) for v in values if not is_missing(v)}
    if len(kinds) > 1:
        raise ValueError(
            f"Column {name!r} holds {' and '.join(sorted(kinds))}: convert it to one of them, with nan or"
            " None for what is missing."
        )
    if kinds <= {"numbers"}:
        numbers = np.array([np.nan if is_missing(v) else float(v) for v in values], dtype=float)
        return Column(name, numbers, is_category=False)
    return Column(name, values, is_category=True)


def kind_of(name: str, value: Any) -> str:
    """Return what an object is, or raise an error if it is nothing that a column can hold."""
    if isinstance(value, (bool, np.bool_)):
        return "booleans"
    if isinstance(value, (Real, Decimal)):
        return "numbers"
    if isinstance(value, (str, bytes)):
        return "strings"
    what = type(value).__name__
    if hasattr(value, "year") or hasattr(value, "total_seconds") or hasattr(value, "hour"):
        raise TypeError(f"Column {name!r} holds objects of type {what}: {DATES}.")
    raise TypeError(
        f"Column {name!r} holds objects of type {what}; each argument must be a string or a number."
    )


def category_mask(columns: list[Column], categorical_features: Any) -> Array:
    """Return which columns are categories, (n_columns,), by the parameter ``categorical_features``."""
    if isinstance(categorical_features, str):  # 'from_dtype'
        return np.array([column.is_category for column in columns], dtype=bool)
    mask = np.zeros(len(columns), dtype=bool)
    chosen = np.asarray([] if categorical_features is None else categorical_features)
    if chosen.size == 0:
        return mask
    names = [column.name for column in columns]
    if chosen.dtype.kind == "b":
        if chosen.shape != mask.shape:
            raise ValueError(
                f"categorical_features is a mask of {chosen.size} columns, but X has {len(columns)}."
            )
        return chosen
    if chosen.dtype.kind in "iu":
        if (chosen < -len(columns)).any() or (chosen >= len(columns)).any():
            raise ValueError(
                f"categorical_features={categorical_features!r} has indices that X with {len(columns)}"
                " columns does not have."
            )
        mask[chosen] = True
        return mask
    for name in chosen.tolist():
        if name not in names:
            raise ValueError(f"categorical_features names {name!r}, which is no column of X: {names}.")
        mask[names.index(name)] = True
    return mask
