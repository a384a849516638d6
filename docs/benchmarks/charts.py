"""The charts of the pages index.md and tables.md, from the tables of the pages beside this file."""

from pathlib import Path

import matplotlib.pyplot as plt

HERE = Path()  # Sphinx runs this in the folder of the pages


def cells_of(page):
    """Yield the cells of each line of a page."""
    for line in (HERE / page).read_text(encoding="utf-8").splitlines():
        yield [cell.strip() for cell in line.strip("|").split("|")]


def row(page, title, corner="ratio of times"):
    """Return the numbers of a row of the table with this ``corner``, by the head of their column.

    There are none if it was not measured.
    """
    head = []
    for cells in cells_of(page):
        if cells[0] == corner:
            head = cells[1:]
        if head and cells[0] == title:
            return dict(zip(head, map(float, cells[1:]), strict=True))
    return {}


def bars(series, labels, xlabel="times as fast as scikit-learn", form="%.1f"):
    """Draw how many times as fast, or another ratio, one group of bars for each of ``labels``."""
    plt.style.use(HERE / "../user_guide/figures/skmlp.mplstyle")
    series = {name: values for name, values in series.items() if values}
    n = len(series)
    _, axis = plt.subplots(figsize=(8, 0.28 * n * len(labels) + 1.1))
    for i, (name, values) in enumerate(series.items()):
        places = [k + (i - (n - 1) / 2) * 0.76 / n for k in range(len(labels))]
        drawn = axis.barh(places, [values[key] for key in labels], height=0.72 / n, label=name)
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
        "compiled, float64": row("fit.md", "scikit-learn / skmlp compiled, float64"),
        'compiled, dtype="float32"': row(
            "fit.md", 'scikit-learn / skmlp compiled dtype="float32", same float64 X'
        ),
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
        "compiled, float64": row("search.md", "scikit-learn, float64 / skmlp compiled, float64"),
        'compiled, dtype="float32"': row("search.md", "scikit-learn, float64 / skmlp compiled, float32"),
    }
    bars(series, labels)


def ranks():
    """The ranks of models over the tables of tables.md: 1 is the best of all."""
    text = (HERE / "tables.md").read_text(encoding="utf-8").partition("## Each table")[2].partition("##")[0]
    head, _, *rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    metrics = {"RMSE": [], "error": [], "log-loss": []}
    for name, *values in rows:
        ordered = sorted(map(float, values))
        places = [
            (ordered.index(v) + len(ordered) - ordered[::-1].index(v) + 1) / 2 for v in map(float, values)
        ]
        metrics[name.rpartition(", ")[2]].append(places)
    plt.style.use(HERE / "../user_guide/figures/skmlp.mplstyle")
    _, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
    for axis, (metric, places) in zip(axes, metrics.items(), strict=True):
        axis.boxplot([*zip(*places, strict=True)], orientation="horizontal", showmeans=True, widths=0.6)
        axis.set_yticks(range(1, len(head)), head[1:])
        axis.set(title=f"{metric}, {len(places)} tables", xlabel="rank")
    axes[0].invert_yaxis()


def growth():
    """Time of an epoch, as one thing grows."""
    plt.style.use(HERE / "../user_guide/figures/skmlp.mplstyle")
    names, places = [], {}
    for cells in cells_of("fit.md"):
        if cells[0] == "ms per epoch":
            names = cells[1:]
        what, _, size = cells[0].partition(" ")
        if names and what in ("rows", "width", "members") and size.isdigit():
            places.setdefault(what, []).append((int(size), *cells[1:]))
    _, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
    for axis, (what, lines) in zip(axes, places.items(), strict=False):
        for i, name in enumerate(names, start=1):
            points = [(line[0], float(line[i])) for line in lines if line[i] != "-"]
            axis.loglog(*zip(*points, strict=True), marker="o", label=name) if points else axis.plot([], [])
        axis.set(xlabel=what)
    axes[0].set(ylabel="ms per epoch")
    axes[0].legend()


def evidence():
    """The errors of alpha="evidence" beside those of a search."""
    corner = "RMSE over that of the search"
    names = {"one network": "evidence", "five members": "evidence, 5 members"}
    series = {label: row("evidence.md", title, corner) for label, title in names.items()}
    sets = series["one network"]
    bars(series, dict(zip(sets, sets, strict=True)), "test RMSE over that of the searched alpha", "%.2f")
