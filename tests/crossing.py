"""Tables crossed with each other."""

from itertools import product

import pytest


def crossed(**tables):
    """Return the mark for all combinations of the entries of ``tables``, dicts of names to values.

    Combinations are slow in which two entries or more are not the first ones of their tables: by default,
    each entry meets the first ones of the other tables, and in CI all entries meet.
    """
    cases = []
    for entries in product(*(enumerate(table.items()) for table in tables.values())):
        others = sum(index > 0 for index, _ in entries)
        cases.append(
            pytest.param(
                *(value for _, (_, value) in entries),
                id="-".join(str(name) for _, (name, _) in entries),
                marks=[pytest.mark.slow] * (others > 1),
            )
        )
    return pytest.mark.parametrize(",".join(tables), cases)


def named(*values):
    """Return a table of values that name themselves."""
    return {value: value for value in values}
