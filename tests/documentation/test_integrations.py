"""The recipes of the page Integrations run, with the real tools where they are installed."""

import ast
import re
from pathlib import Path

import pytest
import sklearn

PAGE = Path(__file__).parents[2] / "docs/user_guide/integrations.md"
RECIPES = {
    f"{title} {number}": code
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", section, re.S))
}


def packages(code):
    """Return what the code imports."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return sorted(names)


def test_all_recipes_are_found():
    assert len(RECIPES) == 13


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what other packages warn of is not ours
@pytest.mark.parametrize("title", RECIPES)
def test_recipe_runs(title, tmp_path, monkeypatch, capsys):
    code = RECIPES[title]
    for package in packages(code):
        pytest.importorskip(package, reason=f"{package} is not installed")
    version = tuple(map(int, sklearn.__version__.split(".")[:2]))
    if "set_callbacks" in code and version < (1, 9):
        pytest.skip("callbacks need scikit-learn 1.9")
    if "transform_input" in code and version < (1, 6):
        pytest.skip("transform_input needs scikit-learn 1.6")
    monkeypatch.chdir(tmp_path)  # MLflow writes its records there
    names = {"__name__": "recipe"}
    exec(compile(code, title, "exec"), names)
    if "autolog" in code:
        names["mlflow"].sklearn.autolog(disable=True)  # or it would record the fits of later tests
    printed = capsys.readouterr().out
    assert printed
    assert "False" not in printed
