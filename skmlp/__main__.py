"""``python -m skmlp``: a grid search on handwritten digits, and the time beside scikit-learn's network."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import sklearn.neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, ParameterGrid, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmlp import MLPClassifier, __version__
from skmlp.estimators.callbacks import HAS_CALLBACKS

GRID = {
    "mlpclassifier__hidden_layer_sizes": [(50,), (100,), (100, 50)],
    "mlpclassifier__alpha": [0.0001, 0.01, 0.1],
}
"""The candidates: the cross product of these."""

REPEATS = 3
"""The comparison takes the shortest of so many fits each."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, show the candidates, test the best, and compare its time with scikit-learn's.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command line; None means that of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m skmlp", description=__doc__.replace("``", ""))
    parser.add_argument("--folds", type=int, default=5, help="of the cross-validation (default: 5)")
    folds = parser.parse_args(arguments).folds
    # Networks this small gain nothing by more threads, and lose much on a busy machine.
    with threadpool_limits(1):
        run(folds)


def run(folds: int) -> None:
    """Do what `main` says, with so many folds and as many threads as there are now."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    print(f"skmlp {__version__}, scikit-learn {sklearn.__version__}, one thread")
    print(f"Digits of 8 x 8 pixels: {len(y)} to train on, {len(y_test)} to test on.\n")
    search = fitted_search(X, y, folds)
    print(candidates_table(search.cv_results_))
    right = int((search.predict(X_test) == y_test).sum())
    print(f"\nTest accuracy of the best: {right / len(y_test):.3f} ({right} of {len(y_test)})\n")
    print("One fit of the best on the training set:")
    print(comparison_table(competitors(search.best_estimator_), X, y, X_test, y_test))


def fitted_search(X: Any, y: Any, folds: int) -> Any:
    """Return the grid search of a pipeline with scaling, fitted under a progress display."""
    # max_iter is only a limit here: training stops when the loss ceases to fall.
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=0))
    n_candidates = len(ParameterGrid(GRID))
    print(f"GridSearchCV: {n_candidates} candidates x {folds} folds = {n_candidates * folds} fits")
    search = GridSearchCV(pipeline, GRID, cv=folds)
    with progress(search):
        search.fit(X, y)
    return search


@contextmanager
def progress(search: Any) -> Iterator[None]:
    """Show how far ``search`` is: by scikit-learn's ProgressBar, or else a bar of plain text."""
    start = time.perf_counter()
    if HAS_CALLBACKS and find_spec("rich") and sys.stdout.isatty():
        from sklearn.callback import ProgressBar

        search.set_callbacks(ProgressBar(max_propagation_depth=0))
        yield
    else:
        # Every fit is scored once: that is a clock which ticks in every version of scikit-learn.
        search.set_params(scoring=score_and_show)
        print("[", end="", flush=True)
        yield
        print("]", end=" ")
    print(f"{time.perf_counter() - start:.1f} s\n")


def score_and_show(estimator: Any, X: Any, y: Any) -> float:
    """Return the accuracy of ``estimator``, and make the bar one longer."""
    accuracy = float(estimator.score(X, y))
    print("#", end="", flush=True)
    return accuracy


def candidates_table(results: Mapping[str, Any]) -> str:
    """Return the candidates of a grid search as text, the best first."""
    names = [name.removeprefix("mlpclassifier__") for name in GRID]
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
    return aligned([["rank", "accuracy", "std", "fit time", *names], *rows])


def competitors(best: Any) -> dict[str, Any]:
    """Return the pipeline ``best`` unfitted, with skmlp's network and with scikit-learn's."""
    parameters = best[-1].get_params()
    in_float32 = MLPClassifier(**parameters | {"dtype": "float32"})
    known = sklearn.neural_network.MLPClassifier().get_params()
    peer = sklearn.neural_network.MLPClassifier(**{name: parameters[name] for name in known})
    return {
        "scikit-learn": make_pipeline(clone(best[0]), peer),
        "skmlp": clone(best),
        'skmlp, dtype="float32"': make_pipeline(clone(best[0]), in_float32),
    }


def comparison_table(pipelines: Mapping[str, Any], X: Any, y: Any, X_test: Any, y_test: Any) -> str:
    """Return time, speed (the first is 1) and accuracy of ``pipelines``, fitted in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(REPEATS):
        for name, pipeline in pipelines.items():
            start = time.perf_counter()
            pipeline.fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    best = {name: min(times) for name, times in seconds.items()}
    reference = next(iter(best.values()))
    rows = [["", "time", "speed", "epochs", "test accuracy"]]
    for name, pipeline in pipelines.items():
        speed, epochs = f"{reference / best[name]:.1f} x", str(pipeline[-1].n_iter_)
        rows.append([name, f"{best[name]:.2f} s", speed, epochs, f"{pipeline.score(X_test, y_test):.3f}"])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return ``rows`` as text in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


if __name__ == "__main__":
    main()
