"""Density regression on the UCI benchmark: log-likelihood and RMSE beside published results.

Writes docs/benchmarks/density.md. Run it on the folder that holds the data sets and the table of published
results (its README describes both)::

    python docs/benchmarks/density.py path/to/uci_regression

The protocol is that of Hernandez-Lobato & Adams (2015): 20 fixed splits, one hidden layer of 50 ReLU units,
results in the units of y. The hyperparameters of each split are chosen on its training part alone, a fifth
of which is held out for that; the chosen ones are trained anew on all of the training part. Nothing
is stopped by, chosen by or fitted to test data.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import sklearn
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ShuffleSplit

import skmlp
from skmlp import MixtureDensityRegressor

PAGE = Path(__file__).with_name("density.md")

COMMON = {
    "hidden_layer_sizes": (50,),
    "n_members": 5,
    "learning_rate": "cosine",
    "learning_rate_init": 0.01,
    "early_stopping": False,
    "n_iter_no_change": np.inf,  # all epochs of the plan
    "dtype": "float32",
}
"""What all fits have in common."""

GRID = {"max_iter": [100, 400], "n_components": [1, 3], "dropout": [0.0, 0.05]}
"""What is chosen from, on the training part of each split."""

SETS = {
    "concrete": {},
    "energy": {"max_iter": [300, 1000]},
    "kin8nm": {"max_iter": [50, 200]},
    "power-plant": {"max_iter": [50, 200]},
    "wine-quality-red": {"max_iter": [20, 60], "n_components": [1], "dropout": [0.0, 0.05, 0.2]},
    "yacht": {"max_iter": [300, 1000]},
}
"""The data sets, and what differs from `GRID` on them."""

MIN_SCALE = {"wine-quality-red": 0.1}
"""The floor of the scales in standard deviations of y; 0.01 elsewhere. Targets of wine are six integers:
a mixture that may grow spikes there reaches any likelihood, hence the higher floor and one component."""

REACH = {
    ("ll", "DeepEnsembles-5"): dict.fromkeys(SETS),
    ("rmse", "MC-dropout grid search 2018 (= Mukhoti 2018)"): dict.fromkeys(SETS),
    ("ll", "NGBoost"): dict.fromkeys(("energy", "yacht")),
}
"""The published results that are to be reached."""

INTRODUCTION = """\
Six data sets of the UCI repository, each in 20 fixed splits into nine parts to train on and one to test on
[Hernández-Lobato & Adams 2015]. `MixtureDensityRegressor` has one hidden layer of 50 ReLU units and five
members. On the training part of each split, a fifth of which is held out for that, these are chosen by
log-likelihood: {choices} (other epochs on other sets, and more dropout on wine: see the script). The chosen
network is then trained anew on all of the training part. No test data are used to choose or to stop.

No standard deviation falls below `min_scale=0.01` of that of y; on wine, whose targets are six integers,
below 0.1, with one component: a density that may grow spikes there reaches any likelihood."""

SOURCES = """\
Sources of the published results: Lakshminarayanan et al. 2017 (Deep Ensembles), the repository of Gal &
Ghahramani's experiments, as of 2018 (MC dropout), Duan et al. 2020 (NGBoost) and the paper on WGBoost
(WEvidential, trees), which quotes NGBoost too. Their errors are left out: some are standard errors, others
standard deviations."""

SHOWN = {
    "DeepEnsembles-5": "Deep Ensembles (5)",
    "MC-dropout grid search 2018 (= Mukhoti 2018)": "MC dropout (2018)",
    "NGBoost": "NGBoost",
    "WEvidential (tree boosting)": "WEvidential",
}


def log_likelihood(model, X, y):
    """Return the mean log density of the targets: a scorer, larger is better."""
    return model.score_samples(X, y).mean()


def run_split(name: str, X, y, train, test, seed: int) -> dict:
    """Choose hyperparameters on the training part of one split, train with them, and test."""
    batch_size = 32 if len(train) < 2000 else 100
    model = MixtureDensityRegressor(
        **COMMON, batch_size=batch_size, min_scale=MIN_SCALE.get(name, 0.01), random_state=seed
    )
    search = GridSearchCV(
        model.set_params(n_members=2),  # enough to compare
        GRID | SETS[name],
        scoring=log_likelihood,
        cv=ShuffleSplit(n_splits=1, test_size=0.2, random_state=seed),
        refit=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X[train], y[train])
        model.set_params(n_members=COMMON["n_members"], **search.best_params_)
        start = time.perf_counter()
        model.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    error = model.predict(X[test]) - y[test]
    return {
        "ll": log_likelihood(model, X[test], y[test]),
        "rmse": np.sqrt(np.mean(error**2)),
        "crps": model.predict_dist(X[test]).crps(y[test]).mean(),
        "coverage": np.mean(within(model.predict_interval(X[test], 0.9), y[test])),
        "seconds": seconds,
        "chosen": search.best_params_,
    }


def within(interval, y):
    """Return which targets lie in their interval."""
    return (interval[:, 0] <= y) & (y <= interval[:, 1])


def read(folder: Path, name: str):
    """Return X, y and the pairs of training and test rows of a data set."""
    data = np.load(folder / f"{name}.npz")
    return data["X"], data["y"], list(zip(data["train_idx"], data["test_idx"], strict=True))


def published(folder: Path) -> dict:
    """Return the published means by (metric, method, data set)."""
    with open(folder / "published.csv", newline="", encoding="utf-8") as file:
        return {(r["metric"], r["method"], r["dataset"]): float(r["mean"]) for r in csv.DictReader(file)}


def table(metric: str, results: dict, known: dict, digits: int) -> list[str]:
    """Return the table of one metric: skmlp beside published results; say which aims are missed."""
    lines = [f"| {metric} | {' | '.join(SETS)} |", f"| --- |{' ---: |' * len(SETS)}"]
    means = {name: np.array([r[metric] for r in rows]) for name, rows in results.items()}
    cells = [
        f"**{values.mean():.{digits}f}** ± {values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}"
        for values in means.values()
    ]
    lines.append(f"| skmlp | {' | '.join(cells)} |")
    for method, shown in SHOWN.items():
        cells = []
        for name, values in means.items():
            theirs = known[metric, method, name]
            # As many digits as were published.
            ours = round(values.mean(), digits)
            better = ours >= round(theirs, 2) if metric == "ll" else ours <= round(theirs, digits)
            is_goal = name in REACH.get((metric, method), {})
            if is_goal and not better:
                print(f"- {name}: {metric} of {method} ({theirs}) is not reached", file=sys.stderr)
            cells.append(f"{theirs:.{digits}f}")
        lines.append(f"| {shown} | {' | '.join(cells)} |")
    return lines


def page(results: dict, known: dict) -> str:
    """Return the page of all results."""
    lines = [
        "# How good are predicted densities?",
        "",
        f"Written by `python docs/benchmarks/density.py` with skmlp {skmlp.__version__}, scikit-learn"
        f" {sklearn.__version__}, numpy {np.__version__}.",
        "",
        INTRODUCTION.format(
            choices=", ".join(f"`{parameter}` from {values}" for parameter, values in GRID.items())
        ),
        "",
        "## Mean test log-likelihood",
        "",
        "In the units of y, mean and standard error over the splits; larger is better.",
        "",
        *table("ll", results, known, 2),
        "",
        "## Root mean squared error",
        "",
        "Of the mean of the predicted density; smaller is better.",
        "",
        *table("rmse", results, known, 3),
        "",
        "## Calibration and time",
        "",
        f"|  | {' | '.join(SETS)} |",
        f"| --- |{' ---: |' * len(SETS)}",
        row("targets within their 90 % interval", results, "coverage", "{:.1%}"),
        row("CRPS", results, "crps", "{:.3g}"),
        row("seconds for the fit of five members, at most", results, "seconds", "{:.1f}", max),
        f"| chosen most often | {' | '.join(favourite(rows) for rows in results.values())} |",
        "",
        SOURCES,
        "",
    ]
    return "\n".join(lines)


def row(title: str, results: dict, key: str, shape: str, of=np.mean) -> str:
    """Return one line of a table."""
    cells = (shape.format(of([r[key] for r in rows])) for rows in results.values())
    return f"| {title} | {' | '.join(cells)} |"


def favourite(rows: list[dict]) -> str:
    """Return the hyperparameters that were chosen for most splits."""
    chosen = [", ".join(f"{k}={v}" for k, v in sorted(r["chosen"].items())) for r in rows]
    best = max(sorted(set(chosen)), key=chosen.count)
    return f"{best} ({chosen.count(best)} of {len(chosen)})"


def main() -> None:
    """Run all splits of all sets and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--splits", type=int, default=20, help="how many splits (default: all 20)")
    parser.add_argument("--out", type=Path, default=PAGE)
    arguments = parser.parse_args()
    results = {}
    for name in SETS:
        X, y, splits = read(arguments.folder, name)
        results[name] = Parallel(n_jobs=arguments.jobs)(
            delayed(run_split)(name, X, y.ravel(), train, test, seed)
            for seed, (train, test) in enumerate(splits[: arguments.splits])
        )
        means = {key: np.mean([r[key] for r in results[name]]) for key in ("ll", "rmse", "seconds")}
        print(name, *(f"{key} {value:.3f}" for key, value in means.items()), flush=True)
    arguments.out.write_text(page(results, published(arguments.folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
