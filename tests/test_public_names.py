"""The names that users are promised: a change here is a change of the public interface."""

import importlib
import re
from pathlib import Path

import pytest

import skmlp

DOCS = Path(__file__).parents[1] / "docs"

PUBLIC = {
    "skmlp": "Checkpoint MLPClassifier MLPRegressor MixtureDensityRegressor QuantileView"
    " TabularMLPClassifier TabularMLPRegressor config_context get_config set_config show_versions",
    "skmlp.activations": "ACTIVATIONS Activation ELU GELU Identity LeakyReLU Logistic Mish ReLU SELU SiLU"
    " Softplus Tanh",
    "skmlp.distributions": "GaussianMixture",
    "skmlp.initializers": "Auto INITIALIZERS Initializer Orthogonal TruncatedNormal VarianceScaling",
    "skmlp.inspection": "AttributionDisplay DensityDisplay GradientCheck LossCurveDisplay NetworkDisplay"
    " Summary TrainingAnimation WeightsDisplay check_gradients hessian_product hidden_activations"
    " integrated_gradients jacobian summary",
    "skmlp.layers": "BatchNormalization Embedding INPUT_LAYERS InputLayer LayerNormalization NORMALIZATIONS"
    " Normalization PeriodicEmbedding Scaling",
    "skmlp.losses": "AbsoluteError BinaryFocal BinaryLogLoss BinaryLoss Focal Gamma Huber LOSSES LogLoss"
    " Loss MulticlassLoss Poisson ProbabilisticLoss Quantile Quantiles SquaredError",
    "skmlp.metrics": "DistributionScorer crps interval_coverage interval_coverage_scorer interval_width"
    " log_likelihood log_likelihood_scorer neg_crps_scorer neg_interval_width_scorer"
    " neg_pinball_loss_scorer pinball_loss",
    "skmlp.model_selection": "GridSearchCV HalvingGridSearchCV HalvingRandomSearchCV RandomizedSearchCV"
    " cross_val_predict cross_val_score cross_validate learning_curve permutation_test_score"
    " validation_curve",
    "skmlp.onnx": "register",
    "skmlp.optimizers": "Adam EvolutionStrategy LBFGS LevenbergMarquardt NAdam OPTIMIZERS Optimizer RMSprop"
    " SGD SOLVERS Solver",
    "skmlp.schedules": "Adaptive Constant Cosine FlatCosine InverseScaling Linear OneCycle SCHEDULES"
    " Schedule",
}
"""The names of each public module."""

TABLES = {
    "skmlp.activations": ["ACTIVATIONS"],
    "skmlp.initializers": ["INITIALIZERS"],
    "skmlp.layers": ["NORMALIZATIONS"],
    "skmlp.losses": ["LOSSES"],
    "skmlp.optimizers": ["OPTIMIZERS", "SOLVERS"],
    "skmlp.schedules": ["SCHEDULES"],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_modules_have_these_names(module):
    public = importlib.import_module(module)
    assert sorted(public.__all__) == sorted(PUBLIC[module].split())
    for name in public.__all__:
        assert getattr(public, name) is not None
    assert public.__doc__


def test_public_modules_are_these():
    root = Path(skmlp.__file__).parent
    names = "estimators tables fitting compiled training network versions"
    inner = {f"skmlp.{name}" for name in names.split()}
    modules = {f"skmlp.{path.stem}" for path in root.glob("*.py") if not path.stem.startswith("_")}
    folders = {f"skmlp.{path.parent.name}" for path in root.glob("*/__init__.py")}
    assert (modules | folders) - inner == set(PUBLIC) - {"skmlp"}


@pytest.mark.parametrize("module", TABLES)
def test_whatever_has_a_name_can_be_imported(module):
    public = importlib.import_module(module)
    for table in TABLES[module]:
        for entry in getattr(public, table).values():
            cls = entry if isinstance(entry, type) else type(entry)
            assert getattr(public, cls.__name__) is cls


def test_public_names_are_documented():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    for module, names in PUBLIC.items():
        if f"   {module}\n" in page:  # a page that shows all names of the module
            continue
        for name in names.split():
            assert f"{module}.{name}" in page, name


@pytest.mark.parametrize("page", sorted(DOCS.glob("user_guide/*.md")), ids=lambda page: page.stem)
def test_user_guide_imports_public_names_only(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?:from|import) skmlp\.(?:network|training|fitting|estimators|compiled)", text)
    for module, names in re.findall(r"from (skmlp[\w.]*) import ([\w, ]+)", text):
        assert {name.strip() for name in names.split(",")} <= {*PUBLIC[module].split(), "*"}


def test_versions_are_shown(capsys):
    skmlp.show_versions()
    lines = capsys.readouterr().out.splitlines()
    shown = dict(line.split(": ", 1) for line in lines)
    assert shown["skmlp"] == skmlp.__version__
    assert {"python", "machine", "numpy", "scipy", "scikit-learn", "numba"} <= set(shown)
    assert any("threads" in line for line in lines)
    assert "None" not in " ".join(lines)
