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
IN_NUMPY = {
    **{f"{name} normalization": {"normalization": layer} for name, layer in NORMALIZATIONS.items()},
    "sparse": {"make": sparse.csr_matrix},
    "mixture": {"loss": MixtureDensity(1), "n_outputs": 2},
    "not aligned": {"make": unaligned},
    "own loss": {"loss": OwnLoss()},
    "own optimizer": {"optimizer": OwnAdam()},
    "own activation": {"activation": OwnTanh()},
}


def setup_of(optimizer=None, **options):
    return Training([Member(optimizer=optimizer or Adam())] * 2, **options).setup


@pytest.mark.parametrize("options", COMPILED.values(), ids=COMPILED)
def test_it_is_compiled(options):
    assert door.is_covered(setup_of(**options))


@pytest.mark.parametrize("options", IN_NUMPY.values(), ids=IN_NUMPY)
def test_it_runs_in_numpy(options):
    assert not door.is_covered(setup_of(**options))


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

    def load(dtype, *, may_compile=True):
        calls.append((dtype.name, may_compile))
        return lambda *_: None

    monkeypatch.setattr(LOADING + "load", load)
    monkeypatch.setattr(LOADING + "can_load", lambda dtype: True)
    monkeypatch.setattr(LOADING + "is_loaded", lambda dtype: False)
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
    monkeypatch.setattr(LOADING + "is_loaded", lambda dtype: True)
    assert door.compiled_steps(setup_of(), 1) is not None


def test_the_setting_comes_first(loads):
    with config_context(compiled=False):
        assert door.compiled_steps(setup_of(), 10_000_000) is None
    assert loads == []
    with config_context(compiled=True):
        assert door.compiled_steps(setup_of(), 1) is not None
        assert door.compiled_steps(setup_of(loss=OwnLoss()), 1) is None
    assert loads == [("float64", True)]


def test_without_numba_nothing_changes(loads, monkeypatch):
    monkeypatch.setattr(LOADING + "can_load", lambda dtype: False)
    with config_context(compiled=True):
        assert door.compiled_steps(setup_of(), 10_000_000) is None
    assert loads == []


def test_what_cannot_be_loaded_runs_in_numpy(loads, monkeypatch):
    monkeypatch.setattr(LOADING + "load", lambda dtype, **_: None)
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
