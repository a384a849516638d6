"""Imports point one way only, and the engine knows numpy and scipy alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skmlp

ROOT = Path(skmlp.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}
ARROWS = {
    "network": set(),
    "training": {"network"},
    "compiled": {"training", "network"},
    "fitting": {"compiled", "training", "network"},
    "tables": {"network"},
    "estimators": {"tables", "fitting", "compiled", "training", "network"},
    "model_selection": {"tables", "estimators", "fitting", "compiled", "training", "network"},
    "inspection": {"tables", "estimators", "fitting", "compiled", "training", "network"},
    "onnx": {"model_selection", "estimators", "fitting", "compiled", "training", "network"},
    "metrics": {"network"},
    "distributions": {"network"},
    "activations": {"network"},
    "losses": {"network"},
    "layers": {"network"},
    "initializers": {"network"},
    "optimizers": {"training"},
    "schedules": {"training"},
    "versions": set(),
}
"""From each folder, and each module beside the folders, to those that it may import beside itself."""
ENGINE = {"network", "training", "compiled"}
ENGINE_MAY_IMPORT = {"skmlp", "numpy", "scipy", *sys.stdlib_module_names}
COMPILED_MAY_IMPORT = {*ENGINE_MAY_IMPORT, "numba", "threadpoolctl"}


def imported(source, module):
    """Return the dotted names that the ``source`` of a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            # "from skmlp import network" imports a module as well.
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def forbidden(module, names):
    """Return those of the imported ``names`` that ``module`` must not import."""
    folder = module.split(".")[1]
    wrong = set()
    for name in names:
        package, *rest = name.split(".")
        if package == "skmlp":
            allowed = not rest or rest[0] in {folder, *ARROWS[folder]} or rest[0] not in ARROWS
            if folder in ENGINE:
                allowed = bool(rest) and rest[0] in {folder, *ARROWS[folder]}
        else:
            may_import = COMPILED_MAY_IMPORT if folder == "compiled" else ENGINE_MAY_IMPORT
            allowed = folder not in ENGINE or package in may_import
        if not allowed:
            wrong.add(name)
    return wrong


WITH_ARROWS = [module for module in MODULES if module not in ("skmlp.__init__", "skmlp.__main__")]


def test_every_folder_and_module_has_its_arrows():
    assert {module.split(".")[1] for module in WITH_ARROWS} == set(ARROWS)


@pytest.mark.parametrize("module", WITH_ARROWS)
def test_imports_point_one_way(module):
    assert forbidden(module, imported(MODULES[module].read_text(encoding="utf-8"), module)) == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skmlp.network.losses", "import sklearn"),
        ("skmlp.network.losses", "def f():\n    from sklearn.base import clone"),
        ("skmlp.network.losses", "import skmlp"),
        ("skmlp.network.losses", "from skmlp.training import batches"),
        ("skmlp.network.losses", "from skmlp.estimators.classifier import MLPClassifier"),
        ("skmlp.network.losses", "from ..training import batches"),
        ("skmlp.network.losses", "from .. import training"),
        ("skmlp.training.batches", "import pandas as pd"),
        ("skmlp.training.batches", "import skmlp.estimators.classifier"),
        ("skmlp.training.batches", "from skmlp.fitting import data"),
        ("skmlp.training.batches", "import numba"),
        ("skmlp.training.stack", "from skmlp.compiled.door import compiled_steps"),
        ("skmlp.compiled.door", "import sklearn"),
        ("skmlp.compiled.door", "from skmlp.fitting import data"),
        ("skmlp.fitting.data", "from skmlp.estimators.classifier import MLPClassifier"),
        ("skmlp.estimators.classifier", "from skmlp import inspection"),
        ("skmlp.estimators.classifier", "import skmlp.model_selection"),
        ("skmlp.inspection.display", "from skmlp.model_selection import search"),
        ("skmlp.estimators.classifier", "from skmlp import metrics"),
        ("skmlp.estimators.classifier", "from skmlp.losses import LogLoss"),
        ("skmlp.fitting.choices", "from skmlp.optimizers import Adam"),
        ("skmlp.model_selection.search", "from skmlp.onnx import register"),
        ("skmlp.losses", "from skmlp.training import solvers"),
        ("skmlp.metrics", "from skmlp.distributions import GaussianMixture"),
    ],
)
def test_a_wrong_arrow_is_found(module, source):
    assert forbidden(module, imported(source, module))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("skmlp.network.losses", "from __future__ import annotations\nimport numpy as np, scipy.special"),
        ("skmlp.network.losses", "from . import arrays\nfrom .arrays import Array"),
        ("skmlp.training.batches", "from skmlp.network.arrays import Array\nfrom .result import State"),
        ("skmlp.compiled.loading", "from numba import njit\nfrom skmlp.training import stack"),
        ("skmlp.fitting.solvers", "from skmlp.compiled.door import compiled_steps"),
        ("skmlp.estimators.classifier", "import sklearn\nfrom skmlp.training import batches"),
        ("skmlp.fitting.data", "from sklearn.utils import check_array\nfrom skmlp.training import batches"),
        ("skmlp.inspection.display", "import matplotlib\nfrom skmlp.estimators import classifier"),
        ("skmlp.metrics", "import sklearn\nfrom skmlp.network.gaussian_mixture import GaussianMixture"),
        ("skmlp.onnx.graph", "import onnx\nfrom skmlp import MLPClassifier, model_selection"),
    ],
)
def test_a_right_arrow_is_allowed(module, source):
    assert forbidden(module, imported(source, module)) == set()


def modules_after(program):
    """Return the top-level packages that a fresh interpreter has imported after ``program``."""
    report = "print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"import sys\n{program}\n{report}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_skmlp_imports_no_package_that_scikit_learn_does_not():
    """scikit-learn itself imports pandas if it is there; _loss is a module of its version 1.6."""
    more = modules_after("import skmlp") - modules_after("import sklearn.neural_network")
    assert more - set(sys.stdlib_module_names) - {"_loss"} == {"skmlp"}


def test_only_kernels_need_numba():
    """All else can be imported without it."""
    for module, path in MODULES.items():
        top_level = ast.Module(ast.parse(path.read_text(encoding="utf-8")).body, [])
        names = {
            alias.name
            for node in top_level.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module)] if isinstance(node, ast.ImportFrom) else node.names)
        }
        needs = any(
            name.split(".")[0] == "numba" or name.startswith("skmlp.compiled.kernels") for name in names
        )
        assert not needs or module.startswith("skmlp.compiled.kernels.")
