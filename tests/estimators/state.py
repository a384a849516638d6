"""All that an estimator holds, compared before and after."""

from __future__ import annotations

import copy
from contextlib import contextmanager

import numpy as np


def same_content(value, other):
    """Return whether arrays, and lists and dicts of them, hold the same; all else passes."""
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(same_content, value, other))
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same_content(value[key], other[key]) for key in value)
    return not isinstance(value, np.ndarray) or np.array_equal(value, other)


@contextmanager
def stays_as_it_was(model):
    """Raise unless ``model`` ends with the same objects for attributes, their content unchanged."""
    objects, contents = dict(vars(model)), copy.deepcopy(vars(model))
    yield
    assert vars(model).keys() == objects.keys()
    for name, value in vars(model).items():
        assert value is objects[name], name
        assert same_content(value, contents[name]), name
