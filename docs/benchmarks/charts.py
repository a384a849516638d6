"""The charts of the page index.md, from the tables of the pages beside this file."""

from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path()  # Sphinx runs this in the folder of the pages


def row(page, title, corner="ratio of times"):
    """Return the numbers of a row of the table with this ``corner``, by the head of their column."""
    head = []
    for line in (HERE / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == corner:
            head = cells[1:]
        if head and cells[0] == title:
            return dict(zip(head, map(float, cells[1:]), strict=True))
    raise ValueError(f"{page} has no row {title!r}")


def bars(series, labels, xlabel="times as fast as scikit-learn", form="%.1f"):
    """Draw how many times as fast, or another ratio, one group of bars for each of ``labels``."""
    plt.style.use(HERE / "../user_guide/figures/skmlp.mplstyle")
    _, axis = plt.subplots(figsize=(8, 0.55 * len(labels) + 1.1))
    for i, (name, values) in enumerate(series.items()):
        places = [k + (i - 0.5) * 0.38 for k in range(len(labels))]
        drawn = axis.barh(places, [values[key] for key in labels], height=0.36, label=name)
        axis.bar_label(drawn, fmt=form, padding=3)
    axis.set_yticks(range(len(labels)), labels.values())
    axis.invert_yaxis()
    axis.axvline(1, color="black", linewidth=1, linestyle="-")
    axis.grid(visible=False, axis="y")
    axis.set(xlabel=xlabel)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def fit():
    """One fit."""
    labels = {
        "small": "500 x 10, (32,), 32",
        "tiny": "1000 x 20, (100,), 200",
        "digits": "1797 x 64, (100,), 200",
        "medium": "30000 x 100, (256, 256), 256",
        "mnist": "20000 x 784, (256, 128), 128",
        "wide": "20000 x 100, (1024, 1024), 512",
        "single": "1000 x 10, (10,), 1",
    }
    series = {
        "float64": row("fit.md", "scikit-learn / skmlp, float64"),
        'dtype="float32"': row("fit.md", 'scikit-learn / skmlp dtype="float32", same float64 X'),
    }
    bars(series, labels)


def search():
    """A grid search."""
    labels = {
        "small": "300 fits of 500 x 10, (32,), 32",
        "tiny": "120 fits of 1000 x 20, (100,), 200",
        "digits": "60 fits of 1797 x 64, (100,), 200",
    }
    series = {
        "float64": row("search.md", "scikit-learn, float64 / skmlp, float64"),
        'dtype="float32"': row("search.md", "scikit-learn, float64 / skmlp, float32"),
    }
    bars(series, labels)


def evidence():
    """The errors of alpha="evidence" beside those of a search."""
    corner = "RMSE over that of the search"
    names = {"one network": "evidence", "five members": "evidence, 5 members"}
    series = {label: row("evidence.md", title, corner) for label, title in names.items()}
    sets = series["one network"]
    bars(series, dict(zip(sets, sets, strict=True)), "test RMSE over that of the searched alpha", "%.2f")
