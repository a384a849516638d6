"""An estimator through its life: it predicts what it was last fitted to, whatever happens between."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmlp import MLPClassifier
from tests.estimators.state import stays_as_it_was

from .budgets import budgets, settings_for, with_seed
from .estimators import BASE, CLASSES, VALUES, Choice, copied, values_of
from .test_fits import assert_clear, outputs

RNG = np.random.RandomState(0)
X = RNG.randn(24, 3)
PARTS = [slice(0, 24), slice(0, 9), slice(9, 24), slice(3, 4)]
LABELS, NUMBERS = np.arange(24) % 3, RNG.gamma(2.0, size=24)
WITHOUT = ("random_state", "verbose", "max_time")
"""Streams are used up by each fit, time is not repeatable."""


def independent(model):
    """Return a copy with all that training remembers, which copies by `copy` may leave out."""
    twin = object.__new__(type(model))
    vars(twin).update(copy.deepcopy(vars(model)))
    return twin


def trained_further(model, part):
    """Return what goes wrong when a model is trained further, in words; None: nothing."""
    try:
        method = model.partial_fit if hasattr(model, "partial_fit") else model.fit
        method(X[part], LABELS[part] if isinstance(model, MLPClassifier) else NUMBERS[part])
    except ValueError as error:
        return str(error)
    return None


class Life(RuleBasedStateMachine):
    """All that users do to an estimator; training of an independent copy must give the same."""

    @initialize(cls=st.sampled_from(CLASSES[:3]))  # those of tables share all of this, but take minutes
    def begin(self, cls):
        self.model = Choice(cls, BASE).model()
        self.predicted = None

    @property
    def y(self):
        return LABELS if isinstance(self.model, MLPClassifier) else NUMBERS

    def attempt(self, method, part):
        """Call a method on a part of the data; an error is clear and leaves all as it was."""
        keywords = {}
        if method == "partial_fit" and isinstance(self.model, MLPClassifier):
            keywords["classes"] = [0, 1, 2]
        trained = independent(self.model)
        try:
            getattr(trained, method)(X[part], self.y[part], **keywords)
        except Exception as error:
            assert_clear(error, self.model)
            with stays_as_it_was(self.model), pytest.raises(type(error)):
                getattr(self.model, method)(X[part], self.y[part], **keywords)
            return None
        getattr(self.model, method)(X[part], self.y[part], **keywords)
        self.predicted = list(outputs(self.model, X))
        return trained

    @rule(part=st.sampled_from(PARTS))
    def fit(self, part):
        before = self.model.warm_start
        trained = self.attempt("fit", part)
        if trained is None:
            return
        assert_same(outputs(trained, X), self.predicted)
        if not before:
            fresh = clone(self.model).fit(X[part], self.y[part])
            assert vars(fresh).keys() == vars(self.model).keys()
            assert_same(outputs(fresh, X), self.predicted)
            np.testing.assert_array_equal(fresh.loss_curve_, self.model.loss_curve_)

    @rule(part=st.sampled_from(PARTS))
    def partial_fit(self, part):
        trained = self.attempt("partial_fit", part)
        if trained is not None:
            assert_same(outputs(trained, X), self.predicted)

    @rule(data=st.data())
    def set_params(self, data):
        cls = type(self.model)
        name = data.draw(st.sampled_from([name for name in VALUES[cls] if name not in WITHOUT]))
        params = data.draw(values_of(cls, [name]))
        assume(not Choice(cls, params).is_extreme)  # overflow warns on purpose
        self.model.set_params(**params)

    @rule(warm_start=st.booleans())
    def set_warm_start(self, warm_start):
        self.model.set_params(warm_start=warm_start)

    @rule(data=st.data())
    def fail(self, data):
        cls = type(self.model)
        name = data.draw(st.sampled_from(list(VALUES[cls])))
        before = getattr(self.model, name)
        value = copied(data.draw(st.sampled_from(VALUES[cls][name][1])))
        self.model.set_params(**{name: value})
        with stays_as_it_was(self.model), pytest.raises(ValueError, match=name):
            self.model.fit(X, self.y)
        self.model.set_params(**{name: before})

    @rule(data=st.sampled_from([X[:, :2], X[:0], np.where(X > 0, np.inf, X), X[0], None]))
    def fail_by_data(self, data):
        data_of_fit = X[:9] if data is not None and data.shape == (24, 2) else data
        with stays_as_it_was(self.model), pytest.raises((ValueError, TypeError)) as error:
            self.model.fit(data_of_fit, self.y)
        assert_clear(error.value, self.model)
        if self.predicted is not None:
            with stays_as_it_was(self.model), pytest.raises((ValueError, TypeError)) as error:
                self.model.predict(data)
            assert_clear(error.value, self.model)

    @rule(part=st.sampled_from(PARTS))
    def pickled(self, part):
        before, self.model = self.model, pickle.loads(pickle.dumps(self.model))
        state = vars(before).get("_optimizer_state")
        if self.predicted is not None and (state is None or before.warm_start or state["incremental"]):
            pair = [independent(model) for model in (before, self.model)]
            trained = [trained_further(model, part) for model in pair]
            assert trained[0] == trained[1]
            assert_same(outputs(pair[1], X), list(outputs(pair[0], X)))

    @rule()
    def copied(self):
        self.model = copy.deepcopy(self.model)

    @rule()
    def cloned(self):
        again = clone(self.model)
        assert not [name for name in vars(again) if name.endswith("_")]

    @invariant()
    def predictions_stay(self):
        if not hasattr(self, "model"):
            return
        with stays_as_it_was(self.model):
            if self.predicted is None:
                with pytest.raises(NotFittedError):
                    self.model.predict(X)
            else:
                assert_same(outputs(self.model, X), self.predicted)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_lives(n_examples):
    with_seed(run_state_machine_as_test)(Life, settings=settings_for(n_examples))


for mark in budgets(12):
    test_lives = mark(test_lives)
