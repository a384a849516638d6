"""How the kernels come to the processor: from disk, or by compiling, and what may go wrong on the way."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

import numba

from skmlp.compiled import loading
from skmlp.compiled.__main__ import main

FIT = """
import logging, sys, warnings
logging.basicConfig(level=logging.INFO)
warnings.simplefilter("ignore")
import numpy as np, skmlp
X = np.random.default_rng(0).normal(size=(90, 3)); y = X[:, 0] > 0
network = skmlp.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y)
print(float(network.loss_), "numba" in sys.modules)
"""


def run(program, **environment):
    """Return what a fresh interpreter prints, and what it logs."""
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.split(), process.stderr


@pytest.fixture(scope="module")
def expected():
    return float(run(FIT, SKMLP_COMPILED="0")[0][0])


@pytest.mark.parametrize(("word", "imported"), [("0", "False"), ("auto", "False"), ("1", "True")])
def test_numba_is_imported_only_by_a_fit_that_uses_it(word, imported, expected):
    (loss, found), _ = run(FIT, SKMLP_COMPILED=word)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert found == imported


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_that_is_forked_goes_on_with_what_is_loaded(expected):
    program = f"""{FIT}
import os
if os.fork() == 0:
    print(float(skmlp.MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y).loss_), flush=True)
    os._exit(0)
assert os.wait()[1] == 0
"""
    (loss, _, again), _ = run(program, SKMLP_COMPILED="1")
    assert float(again) == float(loss) == pytest.approx(expected, rel=1e-12)


def test_importing_skmlp_does_not_import_numba():
    assert run("import sys, skmlp; print('numba' in sys.modules)", SKMLP_COMPILED="1")[0] == ["False"]


def cached(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.suffix in (".nbi", ".nbc"))


@pytest.mark.slow
def test_compiled_once_and_said_so(tmp_path, expected):
    places = {"SKMLP_COMPILED": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    (loss, _), log = run(FIT, **places)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert log.count("INFO:skmlp:Compiling the training loop for float64") == 1
    assert log.count("INFO:skmlp:Compiled in") == 1
    assert len(cached(tmp_path)) == 2
    (loss, _), log = run(FIT, **places)
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert log == ""


def double(x):
    """A kernel that is compiled soon."""
    return 2 * x


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The cache of a small kernel: `load` behaves as in a process that has not loaded any."""
    monkeypatch.setattr("skmlp.compiled.kernels.steps.train", double)
    monkeypatch.setattr(
        "skmlp.compiled.kernels.signature.of_train", lambda dtype: (numba.from_dtype(dtype),)
    )
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def load_anew(monkeypatch, caplog, **options):
    """Return whether the kernel works, and what is logged."""
    monkeypatch.setattr(loading, "_kernels", {})
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="skmlp"):
        kernel = loading.load(np.dtype(float), **options)
    return kernel is not None and kernel(3.0) == 6, [record.getMessage() for record in caplog.records]


def test_from_disk_the_second_time(folder, monkeypatch, caplog):
    assert load_anew(monkeypatch, caplog, may_compile=False) == (False, [])
    works, messages = load_anew(monkeypatch, caplog)
    assert works
    assert [message.split()[0] for message in messages] == ["Compiling", "Compiled"]
    assert load_anew(monkeypatch, caplog, may_compile=False) == (True, [])


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"broken"])
def test_a_broken_cache_is_made_anew(folder, monkeypatch, caplog, suffix, content):
    load_anew(monkeypatch, caplog)
    (path,) = (path for path in cached(folder) if path.suffix == suffix)
    path.write_bytes(content)
    works, messages = load_anew(monkeypatch, caplog)
    assert works
    assert messages[0] == "numba's cache cannot be used as it is."
    assert load_anew(monkeypatch, caplog) == (True, [])


def test_other_sources_are_compiled_anew(folder, monkeypatch, caplog):
    load_anew(monkeypatch, caplog)
    monkeypatch.setattr(loading, "_fingerprint", lambda: "of other sources")
    assert load_anew(monkeypatch, caplog, may_compile=False) == (False, [])
    works, messages = load_anew(monkeypatch, caplog)
    assert works
    assert messages


def test_nowhere_to_write(folder, monkeypatch, caplog):
    """As where skmlp is installed for all users, and the home folder of this one cannot be written to."""

    def fails(self):
        raise OSError("read-only file system")

    monkeypatch.setattr("numba.core.caching._CacheLocator.ensure_cache_path", fails)
    works, messages = load_anew(monkeypatch, caplog)
    assert works
    assert messages[-1].startswith("Compiled in")
    assert cached(folder) == []
    assert load_anew(monkeypatch, caplog, may_compile=False)[0] is False


def test_several_processes_may_compile_at_once(folder):
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import numba, numpy as np
import skmlp.compiled.kernels.signature as signature, skmlp.compiled.kernels.steps as steps
from tests.compiled.test_loading import double
steps.train = double
signature.of_train = lambda dtype: (numba.from_dtype(dtype),)
from skmlp.compiled import loading
print(loading.load(np.dtype(float))(3.0))
"""
    options = {
        "env": os.environ | {"NUMBA_CACHE_DIR": str(folder)},
        "stdout": subprocess.PIPE,
        "text": True,
    }
    processes = [subprocess.Popen([sys.executable, "-c", program], **options) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == ["6.0\n"] * 3
    assert len(cached(folder)) == 2


def test_what_fails_is_said_and_runs_in_numpy(monkeypatch, caplog):
    def fails(*args, **options):
        raise RuntimeError("no compiler for this processor")

    monkeypatch.setattr(loading, "_kernel", fails)
    monkeypatch.setattr(loading, "_kernels", {})
    dtype = np.dtype("float32")
    with caplog.at_level(logging.WARNING, logger="skmlp"):
        assert loading.load(dtype) is None
        assert loading.load(dtype) is None
    assert len(caplog.records) == 1
    assert not loading.can_load(dtype)
    assert not loading.is_loaded(dtype)


def test_what_is_not_on_disk_is_not_compiled_without_leave(monkeypatch):
    monkeypatch.setattr(loading, "_kernels", {})
    monkeypatch.setattr(loading, "_fingerprint", lambda: "of other sources")
    dtype = np.dtype(float)
    assert loading.load(dtype, may_compile=False) is None
    assert loading.can_load(dtype)  # later, when it pays


def test_without_numba(monkeypatch, capsys):
    monkeypatch.setattr(loading, "_has_numba", lambda: False)
    monkeypatch.setattr(loading, "_kernels", {})
    assert not loading.can_load(np.dtype(float))
    assert main([]) == 1
    assert "pip install" in capsys.readouterr().err


def test_the_command_compiles_ahead(capsys):
    assert main(["float64"]) == 0
    assert capsys.readouterr().out == "Ready: float64\n"
    with pytest.raises(SystemExit):
        main(["float16"])
    assert "unknown precision: float16" in capsys.readouterr().err


def test_the_command_runs():
    command = [sys.executable, "-m", "skmlp.compiled", "float64"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output == "Ready: float64\n"
