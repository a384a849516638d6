"""How the kernels come to the processor: from disk, or by compiling, and what may go wrong on the way."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

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

    # A broken cache: the index, then the code.
    for path, broken in [
        (cached(tmp_path)[1], b"broken"),
        (cached(tmp_path)[1], b""),
        (cached(tmp_path)[0], b"x"),
    ]:
        intact = path.read_bytes()
        path.write_bytes(broken)
        (loss, _), log = run(FIT, **places)
        assert float(loss) == pytest.approx(expected, rel=1e-12)
        assert "Compiling the training loop" in log
        path.write_bytes(intact)


@pytest.mark.slow
def test_several_processes_may_compile_at_once(tmp_path, expected):
    environment = os.environ | {"SKMLP_COMPILED": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", FIT]
    processes = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        assert float(output.split()[0]) == pytest.approx(expected, rel=1e-12)
    assert len(cached(tmp_path)) == 2


@pytest.mark.slow
def test_nowhere_to_write(tmp_path, expected):
    """As where skmlp is installed for all users, and the home folder of this one cannot be written to."""
    file = tmp_path / "file"
    file.write_text("")
    (loss, _), log = run(FIT, SKMLP_COMPILED="1", NUMBA_CACHE_DIR=str(file / "folder"))
    assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert "numba's cache cannot be used" in log
    assert "Compiled in" in log


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
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
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
