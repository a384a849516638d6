"""Checkpoints: files that are whole at any time, and hold no code."""

import errno
import os
import pickle
import re
import time

import numpy as np
import pytest

from skmlp import Checkpoint
from skmlp.training import checkpoints
from skmlp.training.checkpoints import Saver, parts_of, read, remove_unfinished, state_of, write
from skmlp.training.state import State

ARRAYS = {"theta": np.arange(6.0).reshape(2, 3), "step": np.array([3, 4])}


def test_a_file_holds_what_was_written(tmp_path):
    path = tmp_path / "a.npz"
    write(path, ARRAYS, {"losses": [0.1, np.inf]})
    arrays, notes = read(path)
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert notes == {"losses": [0.1, np.inf]}
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_the_earlier_file_survives_a_write_that_fails(moment, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.npz"
    write(path, ARRAYS, {"n": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, moment, fail)
        with pytest.raises(OSError, match="No space left"):
            write(path, ARRAYS, {"n": 2})
    assert read(path)[1] == {"n": 1}
    assert os.listdir(tmp_path) == ["a.npz"]


def test_what_killed_processes_have_left_is_removed_after_an_hour(tmp_path):
    now = time.time()
    ages = {"a.1.unfinished": 4000, "a.2.unfinished": 10, "ab.1.unfinished": 4000, "a.1.tmp": 4000}
    for name, age in ages.items():
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (now - age, now - age))
    remove_unfinished(tmp_path / "a.npz")
    assert sorted(os.listdir(tmp_path)) == ["a.1.tmp", "a.2.unfinished", "ab.1.unfinished"]


def test_errors_of_the_machine_say_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "a.npz")


class Trap:
    def __reduce__(self):
        return pytest.fail, ("code in a checkpoint was run",)


def trap(path):
    path.write_bytes(pickle.dumps(Trap()))


def array_with_a_trap(path):
    with open(path, "wb") as file:
        np.savez(file, notes=np.array([Trap()], dtype=object))


def cut_off(path):
    write(path, ARRAYS, {})
    path.write_bytes(path.read_bytes()[:-100])


def changed(path):
    write(path, ARRAYS, {})
    content = bytearray(path.read_bytes())
    content[content.index(ARRAYS["theta"].tobytes()) + 9] ^= 1
    path.write_bytes(content)


def without_notes(path):
    with open(path, "wb") as file:
        np.savez(file, **ARRAYS)


def one_array(path):
    with open(path, "wb") as file:
        np.save(file, np.arange(3))


@pytest.mark.parametrize("spoil", [trap, array_with_a_trap, cut_off, changed, without_notes, one_array])
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(spoil, tmp_path):
    path = tmp_path / "a.npz"
    spoil(path)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is not a checkpoint.*delete it"):
        read(path)


@pytest.mark.parametrize("validated", [False, True])
def test_a_state_comes_back_to_the_last_bit(validated):
    rng = np.random.RandomState(0)
    streams = [np.random.Generator(np.random.SFC64(seed)) for seed in range(2)]
    random_states = [np.random.RandomState(seed) for seed in range(2)]
    for random_state, stream in zip(random_states, streams, strict=True):
        random_state.normal()  # it remembers a second one
        stream.random(3, dtype=np.float32)  # half of a number is left
    theta, order = rng.randn(2, 5).astype(np.float32), np.tile(np.arange(7), (2, 1))
    state = State.start(theta, 2, np.full(2, 0.1), order, random_states, streams, validated=validated)
    state.curves.append(losses=np.array([np.float32(0.1), np.nan]), rates=np.array([0.1, 1 / 3]))
    arrays, notes = parts_of(state)
    others = [np.random.RandomState(9) for _ in range(2)]
    fresh = [np.random.Generator(np.random.SFC64(9)) for _ in range(2)]
    same = state_of(arrays, notes, others, fresh)
    assert (same.best_theta is None) == (not validated)
    for name, array in arrays.items():
        assert getattr(same, name).dtype == array.dtype
        np.testing.assert_array_equal(getattr(same, name), array)
    np.testing.assert_equal(vars(same.curves), vars(state.curves))
    assert all(a is b for a, b in zip(same.random_states, others, strict=True))
    for a, b in zip([*random_states, *streams], [*same.random_states, *same.streams], strict=True):
        assert a.normal() == b.normal()
        assert a.normal() == b.normal()


def test_saves_are_apart_by_every_and_take_a_share_of_the_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    saved_at = []

    def save(state, stopped):
        saved_at.append(now[0])
        now[0] += 2

    saver = Saver(save, every=10)
    while now[0] < 200:
        now[0] += 1
        if saver.is_due:
            saver(None, {})
    assert saved_at[0] == 10
    assert np.diff(saved_at).min() == 2 + 2 / checkpoints.SHARE > 10
    quick = Saver(lambda state, stopped: None, every=10)
    quick(None, {})
    now[0] += 9
    assert not quick.is_due
    now[0] += 1
    assert quick.is_due


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"directory": 3}, r"directory=3.*must be a path"),
        ({"directory": ""}, r"directory=''.*must be a path"),
        ({"every": -1}, r"every=-1.*at least 0"),
        ({"every": np.inf}, r"every=inf.*finite"),
        ({"every": "60"}, r"every='60'"),
        ({"name": "a/b"}, r"name='a/b'.*letters, digits, '_' or '-'"),
        ({"name": "a.b"}, r"name='a.b'"),
        ({"name": "a" * 101}, r"1 to 100"),
        ({"name": ""}, r"name=''"),
        ({"name": 1}, r"name=1"),
    ],
)
def test_invalid_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Checkpoint(**{"directory": "somewhere"} | fields)
