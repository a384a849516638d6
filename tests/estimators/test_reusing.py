"""``partial_fit`` takes what the last call has made, and computes what it would without."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from skmlp import MLPClassifier, MLPRegressor
from skmlp.estimators import reusing
from skmlp.fitting.choices import Choices
from skmlp.training.batches import Batches

RNG = np.random.RandomState(0)
X = RNG.randn(40, 3)
LABELS, NUMBERS = np.arange(40) % 3, RNG.randn(40)
MODELS = {
    "classifier": lambda **options: MLPClassifier((5,), random_state=0, **options),
    "regressor": lambda **options: MLPRegressor((5,), random_state=0, **options),
    "members": lambda **options: MLPRegressor((5,), random_state=0, n_members=3, **options),
    "dropout": lambda **options: MLPRegressor((5,), random_state=0, dropout=0.5, **options),
    "sgd": lambda **options: MLPRegressor((5,), solver="sgd", random_state=0, **options),
    "no seed": lambda **options: MLPRegressor((5,), random_state=None, **options),
}


def begun(name, **options):
    model = MODELS[name](**options)
    keywords = {"classes": [0, 1, 2]} if name == "classifier" else {}
    return model.partial_fit(X, targets(model), **keywords)


def targets(model):
    return LABELS if isinstance(model, MLPClassifier) else NUMBERS


def same(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_


@pytest.mark.parametrize("name", MODELS)
def test_calls_that_reuse_and_calls_that_do_not_compute_the_same(name):
    model = begun(name, batch_size=5)
    y = targets(model)
    calls = [
        lambda m: m.partial_fit(X, y),
        lambda m: m.partial_fit(X[:7], y[:7]),
        lambda m: m.partial_fit(X[7:14], y[7:14]),
        lambda m: m.partial_fit(X[7:14], y[7:14], np.arange(1.0, 8)),
        lambda m: m.partial_fit(X[:7], y[:7], np.arange(1.0, 8)),
        lambda m: m.set_params(alpha=0.1).partial_fit(X[:7], y[:7]),
        lambda m: m.set_params(learning_rate_init=0.1).partial_fit(X[:7], y[:7]),
        lambda m: m.partial_fit(X[:7].tolist(), y[:7].tolist()),
        lambda m: m.partial_fit(X[:7].astype(np.float32), y[:7]),
    ]
    for call in calls:
        fresh = copy.deepcopy(model)  # copies have nothing to reuse
        assert reusing.left_by(fresh) is None
        assert reusing.left_by(model) is not None
        call(model)
        call(fresh)
        same(model, fresh)


def test_nothing_is_checked_or_made_twice(monkeypatch):
    model = begun("regressor")
    model.partial_fit(X, NUMBERS)

    def never(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(Choices, "of", never)
    monkeypatch.setattr(Batches, "__post_init__", never)
    model.partial_fit(X, NUMBERS)
    with pytest.raises(AssertionError):
        model.set_params(alpha=0.5).partial_fit(X, NUMBERS)


def test_a_changed_parameter_is_checked():
    model = begun("regressor")
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=-1).partial_fit(X, NUMBERS)
    sizes = [5]
    model.set_params(alpha=0.1, hidden_layer_sizes=sizes).partial_fit(X, NUMBERS)
    sizes[0] = 6
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.partial_fit(X, NUMBERS)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_call_that_fails_leaves_the_stream_where_it_was(error, monkeypatch):
    model = begun("regressor", batch_size=8).partial_fit(X, NUMBERS)
    fresh = copy.deepcopy(model)

    shuffle = Batches.shuffle

    def failing(*args):
        shuffle(*args)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "shuffle", failing)
        with pytest.raises(error):
            model.partial_fit(X, NUMBERS)
    same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))


def test_samples_are_let_go():
    model = begun("regressor")
    samples = X.copy()
    model.partial_fit(samples, NUMBERS)
    alive = weakref.ref(samples)
    del samples
    gc.collect()
    assert alive() is None


def test_copies_and_pickles_go_on_by_themselves():
    model = begun("regressor").partial_fit(X, NUMBERS)
    loaded, copied = pickle.loads(pickle.dumps(model)), copy.deepcopy(model)
    expected = model.partial_fit(X, NUMBERS)
    same(loaded.partial_fit(X, NUMBERS), expected)
    same(copied.partial_fit(X, NUMBERS), expected)


@pytest.mark.parametrize("name", ["regressor", "members", "dropout"])
def test_weights_written_by_hand_count(name):
    def replaced(model):
        model.coefs_[0] = model.coefs_[0] / 2

    def overwritten(model):
        model.coefs_[0][...] /= 2

    def all_replaced(model):
        model.intercepts_ = [intercept + 1 for intercept in model.intercepts_]

    for change in (replaced, overwritten, all_replaced):
        model = begun(name)
        fresh = copy.deepcopy(model)
        change(model)
        change(fresh)
        same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))


@pytest.mark.parametrize("shallow", [copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
def test_what_a_copy_does_leaves_the_stream_of_the_other_alone(shallow):
    model = begun("regressor", batch_size=8).partial_fit(X, NUMBERS)
    fresh = copy.deepcopy(model)
    shallow(model).partial_fit(X, NUMBERS).partial_fit(X[:9], NUMBERS[:9])
    same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))


@pytest.mark.parametrize("name", ["regressor", "members"])
def test_another_optimizer_begins_anew_and_so_do_its_streams(name):
    model = begun(name, batch_size=8).partial_fit(X, NUMBERS)
    for solver in ("sgd", "adam"):
        fresh = copy.deepcopy(model.set_params(solver=solver))
        same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))
        same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))
        fresh = copy.deepcopy(model)
        same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on_where_partial_fit_ended():
    model = begun("regressor", batch_size=8, max_iter=2).partial_fit(X, NUMBERS).set_params(warm_start=True)
    fresh = copy.deepcopy(model)
    same(model.fit(X, NUMBERS), fresh.fit(X, NUMBERS))
    same(model.partial_fit(X, NUMBERS), fresh.partial_fit(X, NUMBERS))
