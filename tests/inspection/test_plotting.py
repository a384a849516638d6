"""What the displays share: matplotlib is imported only when something is drawn."""

import subprocess
import sys

import pytest

from skmlp.inspection import LossCurveDisplay
from skmlp.inspection.plotting import import_pyplot


def test_matplotlib_is_not_imported_with_skmlp():
    program = "import skmlp.inspection, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'LossCurveDisplay\.plot needs .*: pip install "skmlp\[plot\]"'):
        LossCurveDisplay(loss=[1.0]).plot()
    with pytest.raises(ImportError, match=r"Somebody\.plot needs matplotlib"):
        import_pyplot("Somebody.plot")
