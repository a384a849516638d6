"""The compiled engine computes what numpy does, to rounding; a stack equals its members to the last bit."""

from dataclasses import replace
from tempfile import NamedTemporaryFile

import numpy as np
import pytest

pytest.importorskip("numba")

from skmlp.network.activations import ACTIVATIONS, ELU, LeakyReLU
from skmlp.network.losses import (
    AbsoluteError,
    BinaryFocal,
    BinaryLogLoss,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Poisson,
    Quantile,
    SquaredError,
)
from skmlp.training.schedules import Adaptive, FlatCosine, InverseScaling, Linear, OneCycle
from skmlp.training.stopping import StopReason
from tests.compiled.problems import assert_alike, run
from tests.crossing import crossed
from tests.training.problems import Member, N, X
from tests.training.test_stochastic import (
    ADAM,
    FOLDS,
    NESTEROV,
    REGULARIZED,
    SAMPLE_WEIGHT,
    STACKS,
    UNEQUAL,
)

LOSSES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(0.7),
    "quantile": Quantile(0.3),
    "poisson": Poisson(),
    "gamma": Gamma(),
    "binary_log_loss": BinaryLogLoss(),
    "smoothed binary_log_loss": BinaryLogLoss(0.2),
    "log_loss": LogLoss(group_sizes=(5,)),
    "smoothed log_loss of two groups": LogLoss(0.2, group_sizes=(2, 3)),
    "binary_focal": BinaryFocal(),
    "focal": Focal(group_sizes=(5,)),
    "focal of two groups": Focal(0.5, group_sizes=(2, 3)),
}
MORE_ACTIVATIONS = {
    "leaky_relu, steep": LeakyReLU(-1.3),
    "elu with all numbers": ELU(0.7, 1.4),
}


def on_disk(X):
    """Return a memmap, as joblib gives its workers."""
    with NamedTemporaryFile() as file:
        mapped = np.memmap(file, X.dtype, "w+", shape=X.shape)
        mapped[...] = X
    return mapped


OPTIONS = {
    "three epochs": {},
    "weighted": {"sample_weight": SAMPLE_WEIGHT},
    "no weight at all in some batch": {"sample_weight": np.r_[np.zeros(34), np.ones(19)], "shuffle": False},
    "unshuffled": {"shuffle": False},
    "batches of one": {"batch_size": 1},
    "one batch": {"batch_size": N},
    "dropout": {"dropout": (0.3,)},
    "weighted dropout": {"dropout": (0.5,), "sample_weight": SAMPLE_WEIGHT},
    "invscaling": {"schedule": InverseScaling(power_t=0.3)},
    "one cycle": {"schedule": OneCycle()},
    "decay to zero": {"weight_decay_schedule": FlatCosine()},
    "dropout to almost zero": {"dropout": (0.5,), "dropout_schedule": Linear(), "max_iter": 5},
    "all scheduled": {
        "schedule": OneCycle(),
        "weight_decay_schedule": Linear(),
        "dropout": (0.3,),
        "dropout_schedule": FlatCosine(warmup=0.2),
    },
    "adaptive": {"schedule": Adaptive(warmup=0.1), "patience": 1, "max_iter": 11},
    "one output": {"n_outputs": 1},
    "by columns": {"make": np.asfortranarray},
    "cut out": {"make": lambda X: np.repeat(X, 2, axis=1)[:, ::2]},
    "on disk": {"make": on_disk},
    "read only": {"make": lambda X: np.broadcast_to(X, X.shape)},
    "no hidden layer": {"hidden": ()},
    "two hidden layers": {"hidden": (7, 3), "dropout": (0.2, 0.0)},
}


@crossed(activation=ACTIVATIONS | MORE_ACTIVATIONS, loss=LOSSES, members=STACKS)
def test_every_combination_of_the_tables(activation, loss, members):
    assert_alike(members, activation=activation, loss=loss, n_outputs=5, max_iter=1)


@crossed(members=STACKS, options=OPTIONS)
def test_options(members, options, monkeypatch):
    options = {"max_iter": 3, **options}
    monkeypatch.setattr("tests.training.problems.HIDDEN", options.pop("hidden", (7,)))
    assert_alike(members, **options)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32(activation, loss):
    options = {"activation": activation, "loss": loss, "n_outputs": 5, "max_iter": 2, "dtype": "float32"}
    found = assert_alike(ADAM, rtol=2e-3, atol=2e-4, **options)
    assert found.theta.dtype == "float32"


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses_that_differ_in_a_number_are_one_stack(loss):
    assert_alike(REGULARIZED, loss=loss, n_outputs=5, max_iter=5, sample_weight=SAMPLE_WEIGHT)


@pytest.mark.parametrize("rows", [FOLDS, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("batch_size", [17, 40, 41])
def test_folds(rows, batch_size):
    members = [replace(member, rows=own) for member, own in zip(REGULARIZED, rows, strict=True)]
    if rows is UNEQUAL and batch_size == 40:
        batch_size = 20  # 39, 41 and 40 rows need as many batches
        members = members[::2]
    assert_alike(members, batch_size=batch_size, max_iter=5)


@crossed(members=STACKS, options=OPTIONS)
def test_a_stack_equals_its_members_bit_for_bit(members, options, monkeypatch):
    options = {"max_iter": 3, **options}
    monkeypatch.setattr("tests.training.problems.HIDDEN", options.pop("hidden", (7,)))
    together = run(*members, compiled=True, **options)
    for k, member in enumerate(members):
        alone = run(member, compiled=True, **options)
        np.testing.assert_array_equal(together.theta[k], alone.theta[0])
        np.testing.assert_array_equal(together.curves.losses[k], alone.curves.losses[0])


def test_folds_of_unequal_size_equal_each_alone_bit_for_bit():
    """No row is padded here."""
    members = [replace(member, rows=rows) for member, rows in zip(ADAM, UNEQUAL, strict=True)]
    together = run(*members, compiled=True)
    for k, member in enumerate(members):
        np.testing.assert_array_equal(together.theta[k], run(member, compiled=True).theta[0])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_divergence_is_found(activation, dtype):
    """Whatever the activation, numbers that are not finite come through to the loss or the parameters."""
    members = [ADAM[0], replace(NESTEROV[1], rate=1e300), ADAM[2]]
    members = [replace(member, optimizer=NESTEROV[0].optimizer) for member in members]
    found = run(*members, compiled=True, activation=activation, dtype=dtype)
    assert found.reasons == [StopReason.MAX_ITER, StopReason.DIVERGED, StopReason.MAX_ITER]
    assert np.isfinite(found.theta[[0, 2]]).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_number_that_is_not_finite_reaches_the_loss(activation, loss, dtype):
    """A sample of NaN makes the loss NaN: no comparison swallows it."""
    rows = X.copy()
    rows[11, 2] = np.nan
    options = {"activation": activation, "loss": loss, "n_outputs": 5, "dtype": dtype, "max_iter": 3}
    found = run(Member(), compiled=True, make=lambda X: rows.astype(X.dtype), **options)
    assert found.reasons == [StopReason.DIVERGED]


def test_the_number_of_steps_at_once_changes_nothing(monkeypatch):
    options = {"dropout": (0.3,), "batch_size": 5, "max_iter": 4, "compiled": True}
    expected = run(*ADAM, **options)
    for name, value in (("SECONDS_AT_ONCE", 1e-9), ("COINS_AT_ONCE", 400)):
        with monkeypatch.context() as patch:
            patch.setattr(f"skmlp.compiled.steps.{name}", value)
            np.testing.assert_array_equal(run(*ADAM, **options).theta, expected.theta)
