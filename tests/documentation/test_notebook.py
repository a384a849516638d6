"""The tutorial notebook runs in a real kernel, and shows what it says."""

from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs/examples/plot_notebook.py"


@pytest.fixture(scope="module")
def notebook():
    pytest.importorskip("sklearn.callback", reason="callbacks need scikit-learn 1.9")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    gallery = pytest.importorskip(
        "sphinx_gallery.py_source_parser", reason="sphinx-gallery is not installed"
    )
    nbformat = pytest.importorskip("nbformat")
    _, blocks = gallery.split_code_and_text_blocks(str(SCRIPT))
    cells = [nbformat.v4.new_code_cell(block.content) for block in blocks if block.type == "code"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)  # other tests choose one; a notebook shows figures itself
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def shown(notebook):
    """Return everything that cells show, by its type."""
    found = {"text/html": "", "image/png": "", "text": ""}
    for cell in notebook.cells:
        for output in cell.outputs:
            found["text"] += output.get("text", "")
            for kind, content in output.get("data", {}).items():
                found[kind] = found.get(kind, "") + content
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's packages
def test_cells_show_explanations_a_warning_displays_and_the_summary(notebook):
    outputs = shown(notebook)
    assert outputs["text/html"].count("param-doc-description") > 100  # parameters and fitted attributes
    assert "Maximum iterations" in outputs["text"]
    assert outputs["image/png"]
    assert "parameters" in outputs["text/html"].rpartition("</style>")[2]
