"""Solvers without a step size: Levenberg-Marquardt beside L-BFGS, and the evolution strategy.

Writes docs/benchmarks/solvers.md. Run it on the folder that holds the regression sets::

    python docs/benchmarks/solvers.py path/to/uci_regression
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import scipy
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

import skmlp
from skmlp import MLPClassifier, MLPRegressor

PAGE = Path(__file__).with_name("solvers.md")
SETS = ("yacht", "energy", "concrete")
NETWORKS = {"(10,) tanh": ((10,), "tanh"), "(50,) tanh": ((50,), "tanh"), "(20,) relu": ((20,), "relu")}
SEEDS = range(10)
ENOUGH = 100_000
"""Iterations and evaluations that no fit needs: each ends by its own criterion, at the same tol."""


def fit_regressor(solver: str, network: str, seed: int, X, y) -> tuple[float, float, list[float]]:
    """Return the training loss, the seconds of the fit, and the losses of all iterations."""
    sizes, activation = NETWORKS[network]
    model = MLPRegressor(
        sizes,
        activation,
        solver=solver,
        alpha=1e-4,
        tol=1e-6,
        max_iter=1000 if solver == "lm" else ENOUGH,
        max_fun=ENOUGH,
        standardize=True,
        random_state=seed,
    )
    start = time.perf_counter()
    model.fit(X, y)
    return model.loss_, time.perf_counter() - start, model.loss_curve_


def compare(network: str, X, y) -> dict[str, float]:
    """Return medians over the seeds of loss and time, and how often and how soon 'lm' is lower."""
    rows = []
    for seed in SEEDS:
        loss, seconds, _ = fit_regressor("lbfgs", network, seed, X, y)
        lm_loss, lm_seconds, curve = fit_regressor("lm", network, seed, X, y)
        lower = np.flatnonzero(np.array(curve) < loss)
        until_lower = lm_seconds * (lower[0] + 1) / len(curve) if len(lower) else np.inf
        rows.append((loss, seconds, lm_loss, lm_seconds, until_lower, until_lower < seconds))
    medians = np.median(np.array(rows, dtype=float), axis=0)
    names = ("lbfgs loss", "lbfgs seconds", "lm loss", "lm seconds", "seconds until lower")
    return dict(zip(names, medians, strict=False)) | {"wins": sum(row[-1] for row in rows)}


def regression_lines(folder: Path) -> list[str]:
    """Return the table of Levenberg-Marquardt beside L-BFGS."""
    lines = [
        "| data, network | lbfgs: loss | seconds | lm: loss | seconds | until lower than lbfgs |"
        " lower in less time |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in SETS:
        data = np.load(folder / f"{name}.npz")
        rows = data["train_idx"][0]
        for network in NETWORKS:
            r = compare(network, data["X"][rows], data["y"].ravel()[rows])
            until = r["seconds until lower"]
            lines.append(
                f"| {name}, {network} | {r['lbfgs loss']:.2e} | {r['lbfgs seconds']:.2f} |"
                f" {r['lm loss']:.2e} | {r['lm seconds']:.2f} |"
                f" {f'{until:.2f} s' if np.isfinite(until) else 'not'} |"
                f" {r['wins']:.0f} of {len(SEEDS)} |"
            )
            print(lines[-1], flush=True)
    return lines


def xor_lines() -> list[str]:
    """Return how often a 2-2-1 sigmoid network learns XOR."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    epochs = {"max_iter": 1000, "n_iter_no_change": 1000}
    solvers = {
        "es": {"solver": "es", "max_iter": 1000},
        "lbfgs": {"solver": "lbfgs", "max_iter": 1000},
        "adam, rate 0.1": {"learning_rate_init": 0.1, **epochs},
        "sgd, rate 1": {"solver": "sgd", "learning_rate_init": 1, **epochs},
    }
    lines = ["| solver | solved | seconds per fit |", "| --- | ---: | ---: |"]
    for name, parameters in solvers.items():
        start = time.perf_counter()
        models = [
            MLPClassifier((2,), "logistic", random_state=seed, **parameters).fit(X, y)
            for seed in range(100)
        ]
        seconds = (time.perf_counter() - start) / len(models)
        solved = sum(model.score(X, y) == 1 for model in models)
        lines.append(f"| {name} | {solved} of 100 | {seconds:.2f} |")
        print(lines[-1], flush=True)
    return lines


def auc_lines() -> list[str]:
    """Return the area under the curve where it is the loss, and where the log-loss is."""
    X, y = make_classification(3000, n_informative=5, weights=[0.97], flip_y=0.02, random_state=0)
    parts = train_test_split(X, y, stratify=y, test_size=0.5, random_state=0)
    X_train, X_test, y_train, y_test = parts
    lines = ["| fit | training AUC | test AUC | seconds |", "| --- | ---: | ---: | ---: |"]
    for name, parameters in {
        "es, loss='roc_auc'": {"solver": "es", "loss": "roc_auc", "max_iter": 300, "n_restarts": 0},
        "es, loss='log_loss'": {"solver": "es", "max_iter": 300, "n_restarts": 0},
        "lbfgs, loss='log_loss'": {"solver": "lbfgs", "max_iter": 300},
    }.items():
        model = MLPClassifier(
            (3,), "tanh", alpha=0.1, standardize=True, max_fun=ENOUGH, random_state=0, **parameters
        )
        start = time.perf_counter()
        model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        areas = (
            roc_auc_score(labels, model.decision_function(samples))
            for samples, labels in ((X_train, y_train), (X_test, y_test))
        )
        lines.append(f"| {name} | {' | '.join(f'{area:.4f}' for area in areas)} | {seconds:.1f} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    warnings.simplefilter("ignore", ConvergenceWarning)
    lines = [
        "# Solvers without a step size",
        "",
        f"Written by `python docs/benchmarks/solvers.py`; {platform.machine()}, one thread, Python"
        f" {platform.python_version()}, skmlp {skmlp.__version__}, numpy {np.__version__},"
        f" scipy {scipy.__version__}.",
        "",
        "## Levenberg-Marquardt beside L-BFGS",
        "",
        "Training loss and time of `MLPRegressor` on the first training part of three UCI sets,"
        f" standardised, `alpha=1e-4`, `tol=1e-6`; medians over {len(SEEDS)} initial weights. Both end by"
        " their own criterion (`lm` after 1000 iterations at most). The last column counts the starts from"
        " which `lm` falls below the final loss of `lbfgs` before `lbfgs` is done.",
        "",
        *regression_lines(folder),
        "",
        "## XOR with two hidden sigmoid units",
        "",
        "From 100 random states; solved means that all four points are on the right side.",
        "",
        *xor_lines(),
        "",
        "## The area under the curve as loss",
        "",
        "1500 samples to train on, 3 % of them positive, three hidden units, 300 generations.",
        "",
        *auc_lines(),
        "",
    ]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
