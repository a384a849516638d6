"""From a table to the numbers that a network sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.impute import MissingIndicator
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.utils import _safe_indexing

from skmlp.network.arrays import Array
from skmlp.network.input_layers import Embedding
from skmlp.tables.columns import Column, as_table, category_mask, columns_of
from skmlp.tables.numbers import PiecewiseLinearEncoder, SmoothClip

SOME_BINS, ROWS_PER_BIN = 16, 50
"""So many bins, as soon as there are so many rows for each."""

MAX_BINS, ROWS_PER_FURTHER_BIN, MAX_INPUTS = 64, 500, 1024
"""At most so many where each has so many rows, and all columns together have no more inputs."""

ROWS_FOR_A_LOOK = 500

FEW_LEVELS = 8
"""Categories with no more levels have an indicator for each, also where others are embedded
[Holzmueller, Grinsztajn & Steinwart 2024, appendix A]."""


@dataclass(frozen=True)
class Encoding:
    """How a table is to be encoded.

    Attributes
    ----------
    categorical_features : 'from_dtype', array-like or None
    n_bins : int or 'auto'
    max_levels : int
    embedding_size : int or None

    They are the parameters of these names of `skmlp.TabularMLPClassifier`.
    """

    categorical_features: Any
    n_bins: Any
    max_levels: int
    embedding_size: int | None = None

    def bins_for(self, n_samples: int, n_columns: int) -> int:
        """Return the number of bins: small data get few, to whose edges they could be fitted."""
        if not isinstance(self.n_bins, str):
            return int(self.n_bins)
        most_of_many = min(MAX_BINS, n_samples // ROWS_PER_FURTHER_BIN, MAX_INPUTS // n_columns)
        return int(max(min(SOME_BINS, n_samples // ROWS_PER_BIN), most_of_many))

    def n_inputs(self, X: Any, n_samples: int) -> int:
        """Return about how many inputs a table of ``n_samples`` rows has, by a look at some."""
        columns = columns_of(as_table(_safe_indexing(X, slice(0, ROWS_FOR_A_LOOK))))
        mask = category_mask(columns, self.categorical_features)
        of_number = 1 + self.bins_for(n_samples, max(1, len(mask) - mask.sum()))
        return sum(
            min(len(set(column.levels())), self.max_levels) if is_category else of_number
            for column, is_category in zip(columns, mask, strict=True)
        )


class TableEncoder:
    """Encodes tables with the columns of the one that it was made for.

    Numbers give a robust scale, their position between quantiles, and an indicator where values are
    missing, which the median replaces. Categories give an indicator per level; missing is one, the rarest
    share one if there are many, and a level that was not there then is all zero, or one of the rarest.

    Parameters
    ----------
    encoding : Encoding
    columns : list of Column

    Attributes
    ----------
    is_category : array of bool of shape (n_columns,)
    numbers : FeatureUnion, or None
    levels : OneHotEncoder, or None
        Of the categories that have indicators.
    codes : OrdinalEncoder, or None
        Of those that are embedded; their codes are the last inputs.
    n_inputs : int
    """

    def __init__(self, encoding: Encoding, columns: list[Column]) -> None:
        self.is_category = category_mask(columns, encoding.categorical_features)
        self.numbers: FeatureUnion | None = None
        self.levels: OneHotEncoder | None = None
        if not self.is_category.all():
            numbers = self._numbers(columns)
            self.numbers = of_numbers(encoding.bins_for(*numbers.shape)).fit(numbers)
        self.codes: OrdinalEncoder | None = None
        self.is_embedded = np.zeros_like(self.is_category)
        if encoding.embedding_size is not None:
            pairs = zip(columns, self.is_category, strict=True)
            self.is_embedded[:] = [named and len(set(c.levels())) > FEW_LEVELS for c, named in pairs]
        if self.is_embedded.any():
            self.codes = OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=-1,
                encoded_missing_value=encoding.max_levels,
                max_categories=encoding.max_levels,
                dtype=np.float32,
            ).fit(self._levels(columns, self.is_embedded))
        if (self.is_category & ~self.is_embedded).any():
            self.levels = OneHotEncoder(
                handle_unknown="infrequent_if_exist",
                max_categories=encoding.max_levels,
                sparse_output=False,
                dtype=np.float32,
            ).fit(self._levels(columns, self.is_category & ~self.is_embedded))
        first_row = [replace(column, values=column.values[:1]) for column in columns]
        self.n_inputs = self.transform(first_row, np.float32).shape[1]
        self.max_levels, self.embedding_size = encoding.max_levels, encoding.embedding_size

    def transform(self, columns: list[Column], dtype: Any) -> Array:
        """Return what a network sees of a table, (n_samples, n_inputs)."""
        parts = []
        if self.numbers is not None:
            parts.append(self.numbers.transform(self._numbers(columns)))
        if self.levels is not None:
            parts.append(self.levels.transform(self._levels(columns, self.is_category & ~self.is_embedded)))
        if self.codes is not None:
            parts.append(self.codes.transform(self._levels(columns, self.is_embedded)))
        return np.concatenate(parts, axis=1, dtype=dtype, casting="same_kind")

    @property
    def input_layers(self) -> tuple[Embedding, ...]:
        """The layer that looks up the codes, if there are any."""
        if self.codes is None or self.embedding_size is None:
            return ()
        # The code of what is missing is the last.
        columns = range(self.n_inputs - len(self.codes.categories_), self.n_inputs)
        n_levels = dict.fromkeys(columns, self.max_levels + 1)
        return (Embedding(n_levels=n_levels, n_units=self.embedding_size),)

    def signs_of_inputs(self, signs: list[int], names: list[Any]) -> list[int]:
        """Return the signs of all inputs with which the network rises or falls with the columns.

        No input of a number falls with it. Categories have no order, and no more has what is missing.
        """
        of_columns = np.array(signs)
        wrong = [names[i] for i in np.flatnonzero(self.is_category & (of_columns != 0))]
        if wrong:
            raise ValueError(
                f"monotonic_cst has the categories {wrong!r}, which have no order: make numbers of them, or"
                " leave them out."
            )
        of_numbers = of_columns[~self.is_category]
        found: list[Array] = []
        if self.numbers is not None:
            parts = dict(self.numbers.transformer_list)
            found = [of_numbers, np.zeros(len(parts["missing"].features_), dtype=int)]
            if "bins" in parts:
                found.append(of_numbers[parts["bins"].column_])
        if self.levels is not None:
            found.append(np.zeros(len(self.levels.get_feature_names_out()), dtype=int))
        found.append(np.zeros(self.is_embedded.sum(), dtype=int))
        of_inputs: list[int] = np.concatenate(found).tolist()
        return of_inputs

    def _numbers(self, columns: list[Column]) -> Array:
        pairs = zip(columns, self.is_category, strict=True)
        return np.stack([column.numbers() for column, named in pairs if not named], axis=1)

    def _levels(self, columns: list[Column], mask: Array) -> Array:
        pairs = zip(columns, mask, strict=True)
        return np.stack([column.levels() for column, named in pairs if named], axis=1)


def of_numbers(n_bins: int) -> FeatureUnion:
    """Return what encodes columns of numbers."""
    parts: list[tuple[str, Any]] = [
        ("scaled", SmoothClip()),
        ("missing", MissingIndicator(error_on_new=False)),
    ]
    if n_bins > 1:
        parts.append(("bins", PiecewiseLinearEncoder(n_bins)))
    return FeatureUnion(parts)
