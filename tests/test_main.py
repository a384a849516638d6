"""``python -m skmlp``, on fewer and smaller candidates, and on fewer digits."""

import contextlib
import io
import re
import runpy
import sys

import pytest
from sklearn.datasets import load_digits

import skmlp.__main__ as command

ROW = r"^{}  +{}  +\d+\.\d s  +\d+\.\d x  +(0\.\d+)  +(\(\d+,\))  +([\d.]+)$"


@pytest.fixture(scope="module")
def output():
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        X, y = load_digits(return_X_y=True)
        patch.setattr(command, "load_digits", lambda return_X_y: (X[:800], y[:800]))
        grid = dict(zip(command.GRID, [[(8,)], [0.01, 1000.0]], strict=True))
        patch.setattr(command, "GRID", grid)
        command.main(["--folds", "2"])
    return printed.getvalue()


def test_every_fit_is_shown_and_every_line_fits_a_terminal(output):
    assert "2 candidates x 2 folds = 4 fits" in output
    assert output.count("\n[####] ") == 3
    assert max(map(len, output.splitlines())) <= 80


def test_the_three_searches_find_the_same(output):
    contestants = [("scikit-learn", "scikit-learn"), ("scikit-learn", "skmlp"), ("skmlp", "skmlp")]
    found = [re.findall(ROW.format(*names), output, re.MULTILINE) for names in contestants]
    assert [len(rows) for rows in found] == [1, 1, 1]
    assert found[0] == found[1] == found[2]
    assert float(found[0][0][0]) > 0.9
    (difference,) = re.findall("difference between scores of the same candidate: (.+)", output)
    assert float(difference) < 0.01


def test_the_candidates_are_listed_best_first(output):
    assert re.search(r"^rank  accuracy +std  fit time  hidden_layer_sizes +alpha$", output, re.MULTILINE)
    row = r"^(\d) +(0\.\d{4})  0\.\d{4} +\d+\.\d\d s +\(8,\) +([\d.]+)$"
    ranks, accuracies, alphas = zip(*re.findall(row, output, re.MULTILINE), strict=True)
    assert list(ranks) == sorted(ranks)
    assert list(accuracies) == sorted(accuracies, reverse=True)
    assert alphas == ("0.01", "1000.0")


def test_the_best_is_tested_on_what_was_left_out(output):
    (accuracy, right, total) = re.search(r"Test accuracy .*: (0\.\d+) \((\d+) of (\d+)\)", output).groups()
    assert int(total) == 200
    assert float(accuracy) == pytest.approx(int(right) / 200, abs=1e-3)
    assert float(accuracy) > 0.9


@pytest.mark.filterwarnings("ignore:'skmlp.__main__' found in sys.modules:RuntimeWarning")
def test_the_command_explains_itself(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["skmlp", "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module("skmlp", run_name="__main__")
    shown = capsys.readouterr()
    assert "usage: python -m skmlp" in shown.out
    assert shown.err == ""
