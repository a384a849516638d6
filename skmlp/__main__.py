"""``python -m skmlp``: a grid search on handwritten digits, beside the same search by scikit-learn."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sklearn.model_selection
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import ParameterGrid, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import skmlp.model_selection
from skmlp.inspection.tables import aligned

GRID: dict[str, list[Any]] = {
    "mlpclassifier__hidden_layer_sizes": [(10,), (20,), (40,)],
    "mlpclassifier__alpha": [0.0001, 0.01, 1.0],
}
"""The candidates: the cross product of these."""

NAMES = [name.removeprefix("mlpclassifier__") for name in GRID]

CONTESTANTS = {
    ("scikit-learn", "scikit-learn"): (sklearn.model_selection, sklearn.neural_network),
    ("scikit-learn", "skmlp"): (sklearn.model_selection, skmlp),
    ("skmlp", "skmlp"): (skmlp.model_selection, skmlp),
}
"""Whose search tries whose network: the modules that have them. The first one's speed is 1."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Search three times, compare times and results, show the candidates, and test the best.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command line; None means that of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m skmlp", description=__doc__.replace("``", ""))
    parser.add_argument("--folds", type=int, default=3, help="of the cross-validation (default: 3)")
    folds = parser.parse_args(arguments).folds
    # Networks this small gain nothing by more threads, and lose much on a busy machine.
    with threadpool_limits(1):
        run(folds)


def run(folds: int) -> None:
    """Do what `main` says, with ``folds`` folds and the present number of threads."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    print(f"skmlp {skmlp.__version__}, scikit-learn {sklearn.__version__}, one thread")
    print(f"Digits of 8 x 8 pixels: {len(y)} to train on, {len(y_test)} to test on.\n")
    n_candidates = len(ParameterGrid(GRID))
    n_fits = f"{n_candidates} candidates x {folds} folds = {n_candidates * folds} fits"
    print(f"A grid search: {n_fits}, then one fit of the best.")
    print("skmlp's search trains all fits of the same layer sizes together, as one stack.\n")
    searches, seconds = {}, {}
    for names, (search_module, network_module) in CONTESTANTS.items():
        print("{}'s GridSearchCV, {}'s MLPClassifier".format(*names))
        search = search_module.GridSearchCV(
            pipeline(network_module), GRID, scoring=score_and_show, cv=folds
        )
        searches[names], seconds[names] = search, fit_and_show(search, X, y)
    print(comparison(searches, seconds))
    print(
        f"\nLargest difference between scores of the same candidate: {difference(searches.values()):.1g}\n"
    )
    print(candidates(search.cv_results_))
    right = int((search.predict(X_test) == y_test).sum())
    print(f"\nTest accuracy of the best: {right / len(y_test):.3f} ({right} of {len(y_test)})")


def pipeline(module: Any) -> Any:
    """Return a scaler and the network of ``module``."""
    # max_iter is only a limit here: training stops when the loss ceases to fall.
    network = module.MLPClassifier(learning_rate_init=0.01, batch_size=50, max_iter=1000, random_state=0)
    return make_pipeline(StandardScaler(), network)


def fit_and_show(search: Any, X: Any, y: Any) -> float:
    """Fit ``search`` while a bar grows, and return the seconds."""
    start = time.perf_counter()
    print("[", end="", flush=True)
    search.fit(X, y)
    seconds = time.perf_counter() - start
    print(f"] {seconds:.1f} s\n")
    return seconds


def score_and_show(estimator: Any, X: Any, y: Any) -> float:
    """Return the accuracy of ``estimator``, and make the bar one longer."""
    accuracy = float(estimator.score(X, y))
    print("#", end="", flush=True)
    return accuracy


def comparison(searches: Mapping[tuple[str, str], Any], seconds: Mapping[tuple[str, str], float]) -> str:
    """Return time, speed, best score and best parameters of ``searches`` as text."""
    rows = [["search", "network", "time", "speed", "score", *NAMES]]
    reference = next(iter(seconds.values()))
    for names, search in searches.items():
        speed = f"{reference / seconds[names]:.1f} x"
        best = [str(search.best_params_[name]) for name in GRID]
        rows.append([*names, f"{seconds[names]:.1f} s", speed, f"{search.best_score_:.4f}", *best])
    return "\n".join(aligned(rows))


def difference(searches: Iterable[Any]) -> float:
    """Return the largest difference between the scores that ``searches`` gave the same candidate."""
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    return float(np.ptp(scores, axis=0).max())


def candidates(results: Mapping[str, Any]) -> str:
    """Return the candidates of a grid search as text, the best first."""
    rows = [
        [
            str(results["rank_test_score"][i]),
            f"{results['mean_test_score'][i]:.4f}",
            f"{results['std_test_score'][i]:.4f}",
            f"{results['mean_fit_time'][i]:.2f} s",
            *(str(results["params"][i][name]) for name in GRID),
        ]
        for i in results["rank_test_score"].argsort(kind="stable")
    ]
    return "\n".join(aligned([["rank", "accuracy", "std", "fit time", *NAMES], *rows]))


if __name__ == "__main__":
    main()
