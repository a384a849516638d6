"""A search that trains its fits as stacks finds what scikit-learn's finds."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from skmlp import MLPClassifier
from tests.model_selection.comparisons import assert_same_search, both

from .budgets import for_all
from .estimators import BASE, CLASSES, VALUES, Choice, copied, parameters

WITHOUT = ("max_time", "random_state", "verbose", "warm_start")
"""Depend on the clock, or on what was trained before; prints cost time."""


@st.composite
def searches(draw):
    """Draw an estimator, a grid of one or two of its parameters, and a seed of data."""
    cls = draw(st.sampled_from(CLASSES))
    names = st.sampled_from([name for name in VALUES[cls] if name not in WITHOUT])
    grid = {
        name: [
            copied(v) for v in draw(st.lists(st.sampled_from(VALUES[cls][name][0]), min_size=1, max_size=3))
        ]
        for name in draw(st.lists(names, min_size=1, max_size=2, unique=True))
    }
    without = (*WITHOUT, *grid)
    return Choice(cls, BASE | draw(parameters(cls, 2, without))), grid, draw(st.integers(0, 2**16))


def outcome(search, X, y):
    """Return a fitted search, or the error that it raises."""
    try:
        return search.fit(X, y)
    except Exception as error:
        return error


@for_all(12, searches())
def test_a_stacked_search_equals_scikit_learns(drawn):
    choice, grid, seed = drawn
    assume(not choice.is_extreme)
    rng = np.random.RandomState(seed)
    X = rng.randn(24, 3)
    y = rng.randint(3, size=24) if issubclass(choice.cls, MLPClassifier) else rng.gamma(2.0, size=24)
    options = {"cv": KFold(3), "error_score": -9.0}
    theirs, ours = (
        outcome(search, X, y) for search in both("GridSearchCV", choice.model(), grid, **options)
    )
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs)
        return
    assert_same_search(theirs, ours)
