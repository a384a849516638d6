"""``python -m skmlp``, on fewer and smaller candidates."""

import contextlib
import io
import re
import subprocess
import sys

import pytest

import skmlp.__main__ as command

ROW = r"^{}  +\d+\.\d\d s  +\d+\.\d x  +(\d+)  +(0\.\d+)$"


@pytest.fixture(scope="module")
def output():
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        grid = dict(zip(command.GRID, [[(15,), (20,)], [0.01, 1000.0]], strict=True))
        patch.setattr(command, "GRID", grid)
        patch.setattr(command, "REPEATS", 1)
        command.main(["--folds", "2"])
    return printed.getvalue()


def test_every_fit_is_shown_and_every_line_fits_a_terminal(output):
    assert "4 candidates x 2 folds = 8 fits\n[########] " in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_candidates_are_listed_best_first(output):
    assert re.search(r"^rank  accuracy +std  fit time  hidden_layer_sizes +alpha$", output, re.MULTILINE)
    row = r"^(\d) +(0\.\d{4})  0\.\d{4} +\d+\.\d\d s +\((?:15|20),\) +([\d.]+)$"
    ranks, accuracies, alphas = zip(*re.findall(row, output, re.MULTILINE), strict=True)
    assert list(ranks) == sorted(ranks)
    assert list(accuracies) == sorted(accuracies, reverse=True)
    assert alphas == ("0.01", "0.01", "1000.0", "1000.0")


def test_the_best_is_tested_on_what_was_left_out(output):
    (accuracy, right, total) = re.search(r"Test accuracy .*: (0\.\d+) \((\d+) of (\d+)\)", output).groups()
    assert int(total) == 450
    assert float(accuracy) == pytest.approx(int(right) / 450, abs=1e-3)
    assert float(accuracy) > 0.9


def test_scikit_learn_gets_as_far_in_as_many_epochs(output):
    (peer,) = re.findall(ROW.format("scikit-learn"), output, re.MULTILINE)
    (ours,) = re.findall(ROW.format("skmlp"), output, re.MULTILINE)
    (in_float32,) = re.findall(ROW.format('skmlp, dtype="float32"'), output, re.MULTILINE)
    assert ours == peer
    assert abs(float(in_float32[1]) - float(peer[1])) < 0.02


def test_the_command_explains_itself():
    shown = subprocess.run(
        [sys.executable, "-m", "skmlp", "--help"], capture_output=True, text=True, check=True
    )
    assert "usage: python -m skmlp" in shown.stdout
    assert shown.stderr == ""
