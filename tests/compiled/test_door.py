"""Which fits are compiled: by what was chosen, and by what they cost."""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from scipy import sparse

from skmlp.compiled import door, loading
from skmlp.compiled.codes import ACTIVATION_CODES, LOSS_CODES, OPTIMIZER_CODES
from skmlp.compiled.config import config_context
from skmlp.network.activations import ACTIVATIONS, Tanh
from skmlp.network.losses import LOSSES, BinaryFocal, BinaryLogLoss, Focal, LogLoss, SquaredError
from skmlp.network.mixture_density import MixtureDensity
from skmlp.network.normalizations import NORMALIZATIONS
from skmlp.training.optimizers import OPTIMIZERS, Adam
from tests.training.problems import Member, Training

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
LOADING = "skmlp.compiled.loading."


class OwnLoss(SquaredError):
    """May compute anything."""


class OwnAdam(Adam):
    """May compute anything."""


@dataclass(frozen=True)
class OwnTanh(Tanh):
    """May compute anything."""


def grouped(loss):
    return loss(group_sizes=(2,)) if loss in (LogLoss, Focal) else loss()


def unaligned(X):
    buffer = np.empty(X.nbytes + 1, np.uint8)
    copy = buffer[1:].view(X.dtype).reshape(X.shape)
    copy[...] = X
    return copy


COMPILED = {
    **{f"activation {name}": {"activation": name} for name in ACTIVATIONS},
    **{f"loss {name}": {"loss": grouped(loss)} for name, loss in LOSSES.items()},
    **{f"optimizer {name}": {"optimizer": optimizer()} for name, optimizer in OPTIMIZERS.items()},
    "float32": {"dtype": "float32"},
    "dropout": {"dropout": (0.3,)},
    "weights": {"sample_weight": np.ones(53)},
    "by columns": {"make": np.asfortranarray},
    "by names": {"loss": BinaryLogLoss(0.1), "n_outputs": 1},
}
MOVED = {
    **{f"{name} normalization": {"normalization": layer} for name, layer in NORMALIZATIONS.items()},
    "sparse": {"make": sparse.csr_matrix},
    "mixture": {"loss": MixtureDensity(1), "n_outputs": 2},
    "not aligned": {"make": unaligned},
    "own loss": {"loss": OwnLoss()},
    "own activation": {"activation": OwnTanh()},
}
IN_NUMPY = {"own optimizer": {"optimizer": OwnAdam()}}


def setup_of(optimizer=None, **options):
    return Training([Member(optimizer=optimizer or Adam())] * 2, **options).setup


def way(options):
    """Return whether the steps of a stack are compiled, and whether its moves are."""
    setup = door.with_compiled(setup_of(**options), 1)
    return setup.make_steps is not None, setup.make_move is not None


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(LOADING + "can_load", lambda *_: True)
    monkeypatch.setattr(LOADING + "load", lambda *_, **__: lambda *_: None)
    with config_context(compiled=True):
        yield


@pytest.mark.parametrize("options", COMPILED.values(), ids=COMPILED)
def test_it_is_compiled(options, always):
    assert way(options) == (True, False)


@pytest.mark.parametrize("options", MOVED.values(), ids=MOVED)
def test_only_its_moves_are_compiled(options, always):
    assert way(options) == (False, True)


@pytest.mark.parametrize("options", IN_NUMPY.values(), ids=IN_NUMPY)
def test_it_runs_in_numpy(options, always):
    assert way(options) == (False, False)


def test_the_tables_are_covered():
    """A new entry is compiled, or is named here."""
    assert set(ACTIVATION_CODES) == {type(activation) for activation in ACTIVATIONS.values()}
    assert set(LOSS_CODES) == {*LOSSES.values()} == {*LOSSES.values(), BinaryFocal}
    assert set(OPTIMIZER_CODES) == set(OPTIMIZERS.values())


# What a fit costs


@pytest.fixture
def loads(monkeypatch):
    """The calls that load kernels, which take no time here; nothing is loaded at the beginning."""
    calls = []

    def load(dtype, kernel, *, may_compile=True):
        assert kernel == loading.TRAIN
        calls.append((dtype.name, may_compile))
        return lambda *_: None

    monkeypatch.setattr(LOADING + "load", load)
    monkeypatch.setattr(LOADING + "can_load", lambda *_: True)
    monkeypatch.setattr(LOADING + "is_loaded", lambda *_: False)
    monkeypatch.setattr(door, "_seconds_in_numpy", 0.0)
    with config_context(compiled="auto"):
        yield calls


def test_a_small_fit_waits_for_nothing(loads):
    assert door.compiled_steps(setup_of(), 10) is None
    assert loads == []


def test_a_fit_that_takes_long_waits_until_the_kernels_are_loaded(loads):
    assert door.compiled_steps(setup_of(), 30_000) is not None
    assert loads == [("float64", False)]


def test_one_that_takes_longer_waits_until_they_are_compiled(loads):
    assert door.compiled_steps(setup_of(dtype="float32"), 10_000_000) is not None
    assert loads == [("float32", True)]


def test_many_small_fits_are_like_a_long_one(loads):
    results = [door.compiled_steps(setup_of(), 1000) for _ in range(60)]
    assert results[0] is None
    assert results[-1] is not None
    assert loads[0] == ("float64", False)


def test_small_fits_are_compiled_once_the_kernels_are_there(loads, monkeypatch):
    monkeypatch.setattr(LOADING + "is_loaded", lambda *_: True)
    assert door.compiled_steps(setup_of(), 1) is not None


def test_the_setting_comes_first(loads):
    with config_context(compiled=False):
        assert door.compiled_steps(setup_of(), 10_000_000) is None
    assert loads == []
    with config_context(compiled=True):
        assert door.compiled_steps(setup_of(), 1) is not None
        assert door.compiled_steps(setup_of(loss=OwnLoss()), 1) is None
    assert loads == [("float64", True)]


def test_moves_are_compiled_when_they_alone_take_long(monkeypatch, always):
    monkeypatch.setattr(door, "_seconds_in_numpy", 0.0)
    monkeypatch.setattr(LOADING + "is_loaded", lambda *_: False)
    setup = setup_of(loss=OwnLoss())
    with config_context(compiled="auto"):
        assert door.compiled_move(setup, 10) is None
        assert door.compiled_move(setup, 100_000) is not None


def test_without_numba_nothing_changes(loads, monkeypatch):
    monkeypatch.setattr(LOADING + "can_load", lambda *_: False)
    with config_context(compiled=True):
        assert door.compiled_steps(setup_of(), 10_000_000) is None
    assert loads == []


def test_what_cannot_be_loaded_runs_in_numpy(loads, monkeypatch):
    monkeypatch.setattr(LOADING + "load", lambda *_, **__: None)
    with config_context(compiled=True):
        assert door.compiled_steps(setup_of(), 1) is None


def test_the_estimate_grows_with_the_work_and_a_stack_shares_the_overhead():
    network = setup_of().objective.network
    wider = setup_of(n_outputs=50).objective.network
    seconds = door.seconds_per_step(network, 17, 2)
    assert door.seconds_per_step(network, 170, 2) > seconds
    assert door.seconds_per_step(wider, 17, 2) > seconds
    assert door.seconds_per_step(network, 17, 20) < seconds


@needs_numba
def test_the_kernels_are_loaded_once():
    first = loading.load(np.dtype(float))
    assert first is not None
    assert loading.load(np.dtype(float)) is first
    assert loading.is_loaded(np.dtype(float))
