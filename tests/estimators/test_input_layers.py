"""Layers at the input, in estimators: what they are good for, their factors, and how they are shown."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from skmlp import MLPClassifier, MLPRegressor, TabularMLPRegressor
from skmlp.inspection import summary
from skmlp.layers import Embedding, PeriodicEmbedding, Scaling
from skmlp.model_selection import GridSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = np.sin(6 * X[:, 0]) + X[:, 1]
LAYERS = {
    "scaling": Scaling(),
    "periodic": PeriodicEmbedding(n_frequencies=3, n_units=2),
    "both": [PeriodicEmbedding(n_frequencies=3, n_units=2), Scaling()],
}
EVERY_LAYER = pytest.mark.parametrize("input_layer", LAYERS.values(), ids=LAYERS)


def one_step(input_layer, weight_decay=0.0):
    """Return a network after one step of gradient descent, whose size is that of the gradient."""
    options = {"solver": "sgd", "momentum": 0, "alpha": 0, "max_iter": 1, "learning_rate_init": 0.01}
    model = MLPRegressor(
        (5,), input_layer=input_layer, weight_decay=weight_decay, random_state=0, **options
    )
    return model.set_params(**options).fit(X, Y)


def arrays_of(model):
    """Return the arrays of the first layer, and the first weights."""
    return [np.ravel(array) for array in model.input_parameters_[0]], model.coefs_[0]


@pytest.mark.parametrize("layer", [Scaling(), PeriodicEmbedding(n_frequencies=3, n_units=2)], ids=str)
def test_steps_of_the_arrays_are_multiplied_by_the_factor(layer):
    start, once, thrice = (one_step(replace(layer, rate_factor=factor)) for factor in (0.0, 1.0, 3.0))
    (zero, weights), (one, same), (three, too) = map(arrays_of, (start, once, thrice))
    np.testing.assert_array_equal(weights, same)
    np.testing.assert_array_equal(weights, too)
    for a, b, c in zip(zero, one, three, strict=True):
        assert abs(b - a).max() > 1e-6
        np.testing.assert_allclose(c - a, 3 * (b - a), rtol=1e-6, atol=1e-15)


def test_weight_decay_is_multiplied_by_both_factors():
    def factors(rate_factor, decay_factor, weight_decay):
        layer = Scaling(rate_factor=rate_factor, decay_factor=decay_factor)
        return one_step(layer, weight_decay).input_parameters_[0]

    for rate_factor, decay_factor in [(1.0, 1.0), (3.0, 1.0), (1.0, 5.0), (3.0, 0.0)]:
        shrunk = factors(rate_factor, decay_factor, 0.0) - factors(rate_factor, decay_factor, 0.5)
        np.testing.assert_allclose(shrunk, 0.01 * 0.5 * rate_factor * decay_factor, rtol=1e-6, atol=1e-12)


@EVERY_LAYER
@pytest.mark.parametrize("n_members", [1, 3])
def test_a_fitted_network_is_whole(input_layer, n_members):
    model = MLPRegressor((5,), input_layer=input_layer, n_members=n_members, max_iter=3, random_state=0)
    model.fit(X, Y)
    expected = model.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    np.testing.assert_array_equal(clone(model).fit(X, Y).predict(X), expected)
    assert "4 inputs" in str(summary(model))
    if n_members > 1:
        members = [member.predict(X) for member in model.members_]
        np.testing.assert_allclose(np.mean(members, axis=0), expected, rtol=1e-12)
    model.set_params(warm_start=True, max_iter=1).fit(X, Y)
    assert np.abs(model.predict(X) - expected).max() > 1e-6


@EVERY_LAYER
def test_two_halves_equal_one_run(input_layer):
    model = MLPRegressor((5,), input_layer=input_layer, random_state=0, warm_start=True)
    halves = model.set_params(max_iter=4).fit(X, Y).fit(X, Y)
    whole = clone(model).set_params(max_iter=8).fit(X, Y)
    np.testing.assert_array_equal(halves.predict(X), whole.predict(X))


@EVERY_LAYER
def test_a_stack_equals_its_members(input_layer):
    model = MLPRegressor((5,), input_layer=input_layer, max_iter=5)
    search = GridSearchCV(model, {"random_state": [0, 1], "alpha": [0, 1.0]}, cv=2, error_score="raise")
    scores = search.fit(X, Y).cv_results_
    for i, parameters in enumerate(scores["params"]):
        alone = clone(model).set_params(**parameters).fit(X[100:], Y[100:]).score(X[:100], Y[:100])
        np.testing.assert_allclose(alone, scores["split0_test_score"][i], rtol=1e-9)


def test_waves_are_learned_from_periodic_numbers():
    options = {"max_iter": 200, "learning_rate_init": 0.01, "random_state": 0}
    plain, periodic = (
        MLPRegressor((30,), input_layer=layer, **options).fit(X[:150], Y[:150]).score(X[150:], Y[150:])
        for layer in (None, PeriodicEmbedding(sigma=1.0, rate_factor=1.0))
    )
    assert plain < 0.6 < 0.9 < periodic


def test_a_scale_switches_off_what_is_of_no_use():
    rows = np.random.default_rng(1).normal(size=(1000, 10))
    model = MLPRegressor((10,), input_layer="scaling", alpha=1.0, random_state=0, max_iter=100)
    factors = np.abs(model.fit(rows, np.sin(rows[:, 1])).input_parameters_[0])
    assert factors.argmax() == 1
    assert factors[1] > 2 * np.delete(factors, 1).max()


COLOURS = RNG.integers(30, size=600)
TABLE = pd.DataFrame({"x": RNG.normal(size=600), "colour": pd.Categorical(COLOURS.astype(str))})
EFFECTS = TABLE["x"] + RNG.normal(size=30)[COLOURS]


def test_codes_of_an_ordinal_encoder_are_embedded():
    columns = make_column_transformer(
        (StandardScaler(), ["x"]),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["colour"]),
    )
    network = MLPRegressor(
        (20,), input_layer=Embedding(n_levels={1: 30}, n_units=3), learning_rate_init=0.01, random_state=0
    )
    model = make_pipeline(columns, network).fit(TABLE[:400], EFFECTS[:400])
    assert model.score(TABLE[400:], EFFECTS[400:]) > 0.95
    assert network.input_parameters_[0].shape == (30, 3)
    assert network.coefs_[0].shape == (1 + 3, 20)


def test_tables_embed_categories_with_many_levels():
    missing = TABLE.assign(few=list("ab") * 300)
    missing.loc[::20, "colour"] = None
    model = TabularMLPRegressor((20,), embedding_size=4, n_members=2, max_iter=60, random_state=0)
    model.fit(missing[:400], EFFECTS[:400])
    seen = ~missing["colour"].isna()
    assert model.score(missing[400:][seen[400:]], EFFECTS[400:][seen[400:]]) > 0.9
    (layer,) = model.encoder_.input_layers
    assert layer.n_units == 4
    assert model.coefs_[0].shape[-2] == model.encoder_.n_inputs + 3
    unknown = missing[400:410].assign(colour="unheard of")
    assert np.isfinite(model.predict(unknown)).all()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(unknown), model.predict(unknown)
    )
    assert len(model.members_) == 2
    indicators = clone(model).set_params(embedding_size=None).fit(missing[:400], EFFECTS[:400])
    assert indicators.coefs_[0].shape[-2] == indicators.encoder_.n_inputs > model.encoder_.n_inputs


def test_bad_choices_are_named():
    y = Y > 0
    with pytest.raises(ValueError, match="input_layer"):
        MLPClassifier(input_layer="waves").fit(X, y)
    with pytest.raises(ValueError, match="input_layer='scaling' needs a dense X"):
        MLPClassifier(input_layer="scaling").fit(sparse.csr_array(X), y)
    with pytest.raises(ValueError, match="standardize=True would scale the codes"):
        MLPClassifier(input_layer=Embedding(n_levels={0: 2}), standardize=True).fit(X, y)
    with pytest.raises(ValueError, match="monotonic_cst"):
        MLPClassifier(input_layer="scaling", monotonic_cst=[1, 0, 0, 0]).fit(X, y)
    with pytest.raises(ValueError, match=r"columns \[7\]"):
        MLPClassifier(input_layer=Embedding(n_levels={7: 2})).fit(X, y)
    with pytest.raises(ValueError, match="embedding_size"):
        TabularMLPRegressor(embedding_size=0).fit(X, Y)
    embedding = TabularMLPRegressor(embedding_size=4, activation="relu")
    with pytest.raises(ValueError, match="standardize=True would scale the codes that embedding_size=4"):
        clone(embedding).set_params(standardize=True).fit(TABLE, EFFECTS)
    with pytest.raises(ValueError, match=r"monotonic_cst.* cannot be kept with embedding_size=4"):
        clone(embedding).set_params(monotonic_cst={"x": 1}).fit(TABLE, EFFECTS)
