"""Time of daily calls beside scikit-learn: predictions, partial_fit, activations, sparse X, threads.

    python docs/benchmarks/calls.py                              the page calls.md beside this script
    python docs/benchmarks/calls.py --quick --only partial_fit   a first look, which writes nothing

One thread of BLAS, but for the table of threads.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.neural_network
from fit import WORKLOADS, cpu, load_average, markdown, memory_kilobytes, versions
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skmlp
from skmlp.fitting.threads import threads_for

PAGE = Path(__file__).with_suffix(".md")
SKLEARN, SKMLP = "scikit-learn", "skmlp"
MODULES = {SKLEARN: sklearn.neural_network, SKMLP: skmlp}
N_CORES = 2  # of the table of threads

warnings.simplefilter("ignore", ConvergenceWarning)


@dataclass(frozen=True)
class Row:
    """What is timed of each competitor, and at most how long the first may take over the others."""

    name: str
    calls: dict[str, Callable[[], Any]]
    limit: float | None


def seconds_of(call: Callable[[], Any], n: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - start) / n


def medians(calls: dict[str, Callable[[], Any]], seconds: float, rounds: int) -> dict[str, float]:
    """Return the median seconds of a call, in rounds in which each is called for as long as the others.

    Where one round takes longer than all should, there are three.
    """
    first = {name: seconds_of(call) for name, call in calls.items()}
    if sum(first.values()) > seconds:
        counts, rounds = dict.fromkeys(calls, 1), 3
    else:
        share = seconds / rounds / len(calls)
        counts = {name: max(1, int(share / seconds_of(call))) for name, call in calls.items()}
    turns = [{name: seconds_of(call, counts[name]) for name, call in calls.items()} for _ in range(rounds)]
    return {name: statistics.median(turn[name] for turn in turns) for name in calls}


@cache
def samples(n: int, m: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal X, and y: the classes that a linear teacher assigns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, m))
    return X, (X @ rng.standard_normal((m, n_classes))).argmax(axis=1)


def both(make: Callable[[Any], Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    """Return the call of skmlp, and that of scikit-learn, which ``make`` makes from their modules."""
    return {SKMLP: make(skmlp), SKLEARN: make(sklearn.neural_network)}


# The tables: each yields its rows.


def predictions() -> Iterator[Row]:
    X, y = samples(10_000, 30, 3)
    for title, kind, labels, method in [
        ("predict, 3 classes", "MLPClassifier", y, "predict"),
        ("predict_proba, 3 classes", "MLPClassifier", y, "predict_proba"),
        ("predict_proba, 2 classes", "MLPClassifier", y > 0, "predict_proba"),
        ("predict of the regressor", "MLPRegressor", X[:, 0], "predict"),
    ]:
        for n in (1, 100, 1_000, 10_000):

            def make(
                module: Any, n: int = n, kind: Any = kind, y: Any = labels, method: str = method
            ) -> Any:
                model = getattr(module, kind)(hidden_layer_sizes=(100,), max_iter=2, random_state=0)
                return partial(getattr(model.fit(X[:500], y[:500]), method), X[:n].copy())

            yield Row(f"{title}, {n:,} row{'s' * (n > 1)}", both(make), 1.0 if n < 1_000 else 0.85)


def partial_fits() -> Iterator[Row]:
    X, y = samples(500, 30, 3)
    for kind, hidden, n in [
        ("MLPClassifier", (50,), 1),
        ("MLPClassifier", (50,), 32),
        ("MLPRegressor", (50,), 1),
        ("MLPRegressor", (50,), 32),
        ("MLPClassifier", (1000, 1000), 32),
        ("MLPRegressor", (1000, 1000), 32),
    ]:

        def make(module: Any, kind: str = kind, hidden: Any = hidden, n: int = n) -> Callable[[], Any]:
            is_classifier = kind == "MLPClassifier"
            target, first = (y, {"classes": [0, 1, 2]}) if is_classifier else (X[:, 0].copy(), {})
            model = getattr(module, kind)(hidden_layer_sizes=hidden, random_state=0)
            return partial(
                model.partial_fit(X, target, **first).partial_fit, X[:n].copy(), target[:n].copy()
            )

        yield Row(f"{kind}, {hidden}, {n} row{'s' * (n > 1)}", both(make), 0.7)


def activations() -> Iterator[Row]:
    """Yield steps of 256-256-256 in float32, the first of ReLU."""
    X, y = samples(2_048, 256, 2)
    limits = {"selu": 1.3, "gelu": 1.35, "mish": 1.3, "silu": 1.3}

    def fit(name: str) -> Callable[[], Any]:
        model = skmlp.MLPClassifier((256, 256, 256), activation=name, batch_size=256, max_iter=2, tol=0)
        return partial(model.fit, X.astype(np.float32), y)

    for name, limit in limits.items():
        yield Row(name, {name: fit(name), "relu": fit("relu")}, limit)


def one_hot(n: int = 12_000) -> tuple[Any, np.ndarray]:
    """Return X of 104 indicators and 3 numbers as CSR, and y."""
    rng = np.random.default_rng(0)
    columns = [np.eye(k)[rng.integers(0, k, n)] for k in (2, 9, 16, 7, 15, 6, 5, 2, 42)]
    X = np.hstack([*columns, rng.standard_normal((n, 3))])
    return sparse.csr_matrix(X), X @ rng.standard_normal(X.shape[1]) > 0


def text(density: float, n: int) -> tuple[Any, np.ndarray]:
    """Return sparse X of 200,000 columns, and y."""
    rng, n_words = np.random.default_rng(0), 200_000
    per_row = round(density * n_words)
    words, counts = rng.integers(0, n_words, n * per_row), rng.random(n * per_row)
    X = sparse.csr_matrix((counts, words, np.arange(n + 1) * per_row), shape=(n, n_words))
    X.sum_duplicates()
    return X, rng.integers(0, 2, n)


def compiled(call: Callable[[], Any]) -> None:
    with skmlp.config_context(compiled=True):
        call()


def sparse_rows(*, quick: bool) -> Iterator[Row]:
    def fit(module: Any, X: Any, y: Any, hidden: Any, epochs: int) -> Callable[[], Any]:
        return partial(module.MLPClassifier(hidden, max_iter=epochs, random_state=0).fit, X, y)

    for hidden in [(32,), (64, 32)]:
        X, y = one_hot()
        calls = both(partial(fit, X=X, y=y, hidden=hidden, epochs=3))
        yield Row(f"one-hot, {hidden}, 3 epochs", calls, None)
        if find_spec("numba"):
            calls = calls | {SKMLP: partial(compiled, calls[SKMLP])}
            yield Row(f"one-hot, {hidden}, 3 epochs, compiled", calls, 0.45)
    for density in (1e-4, 1e-3):
        n = 400 if quick else 5_000
        X, y = text(density, n)
        calls = both(partial(fit, X=X, y=y, hidden=(50,), epochs=1))
        name = f"text, {n:,} x 200,000, density {density:g}, 1 epoch"
        yield Row(name, calls, None)
        if find_spec("numba"):
            yield Row(f"{name}, compiled", calls | {SKMLP: partial(compiled, calls[SKMLP])}, 0.33)


def peak_megabytes(module: str, density: float) -> float:
    command = [sys.executable, __file__, "--memory-of", module, str(density)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak_megabytes(module: str, density: float) -> None:
    """Print by how much a fit of text raises the peak of this process above what it holds before."""
    X, y = text(density, 1_000)
    model = MODULES[module].MLPClassifier((50,), max_iter=1, random_state=0)
    MODULES[module].MLPClassifier((2,), max_iter=1).fit(X[:10, :5].toarray(), y[:10])  # imports
    before = memory_kilobytes(reset=True)
    model.fit(X, y)
    print((memory_kilobytes() - before) / 1024)


def memory_table() -> str:
    rows = [
        [f"text, 1,000 rows, density {density:g}", *(f"{peak_megabytes(m, density):.0f}" for m in MODULES)]
        for density in (1e-4, 1e-3)
    ]
    return markdown(["MB above what was in use before fit", *MODULES], rows)


# Threads.


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """Keep ``n`` other processes busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def with_threads(n: int, call: Callable[[], Any]) -> None:
    with threadpool_limits(n, "blas"):
        call()


def threads() -> Iterator[Row]:
    """Yield calls with two threads given, and the two numbers set by hand."""
    digits, medium = (workload for workload in WORKLOADS if workload.name in ("digits", "medium"))

    def fit(workload: Any, n: int, epochs: int) -> Callable[[], Any]:
        X, y = samples(n, workload.m, workload.classes)
        model = skmlp.MLPClassifier(workload.hidden, batch_size=workload.batch, max_iter=epochs, tol=0)
        return partial(model.fit, X, y)

    X, y = samples(200_000, 30, 3)
    model = skmlp.MLPClassifier((100,), max_iter=1).fit(X[:500], y[:500])
    calls = {
        "digits, 10 epochs": fit(digits, digits.n, 10),
        "medium, 6,000 rows, 1 epoch": fit(medium, 6_000, 1),
        "predict, 200,000 rows": partial(model.predict, X),
    }
    for name, call in calls.items():
        yield Row(
            name,
            {
                SKMLP: partial(with_threads, N_CORES, call),
                "one thread": partial(with_threads, 1, call),
                "two threads": partial(by_hand, N_CORES, call),
            },
            1.3,
        )


def by_hand(n: int, call: Callable[[], Any]) -> None:
    """Call with ``n`` threads, which skmlp leaves alone: it is the turn of this function."""
    with threadpool_limits(n, "blas"), threads_for(2**62):
        call()


# The page.


def in_time(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


def table(rows: Iterator[Row], seconds: float, rounds: int) -> str:
    """Return times and the first over the least of the others, for each row; say which aims are missed."""
    lines, header = [], ["call"]
    for row in rows:
        print(f"  {row.name} ...", file=sys.stderr)
        times = medians(row.calls, seconds, rounds)
        ours, *others = times.values()
        ratio = ours / min(others)
        if row.limit is not None and ratio > row.limit:
            print(f"    missed: {ratio:.2f}, not {row.limit} at most", file=sys.stderr)
        lines.append([row.name, *map(in_time, times.values()), f"{ratio:.2f}"])
        header = ["call", *times, "ratio"]
    if "relu" in header:
        header[1:3] = ["this one", "relu"]
    return markdown(header, lines)


TABLES = ["predictions", "partial_fit", "activations", "sparse", "threads"]


def measure(name: str, seconds: float, rounds: int, *, quick: bool) -> str:
    print(name, file=sys.stderr)
    if name != "threads":
        rows = {
            "predictions": predictions,
            "partial_fit": partial_fits,
            "activations": activations,
            "sparse": partial(sparse_rows, quick=quick),
        }[name]
        with threadpool_limits(1, "blas"):
            return table(rows(), seconds, rounds)
    tables = []
    for n, title in [(0, "Idle:"), (N_CORES, f"Beside {N_CORES} busy processes:")]:
        with busy_processes(n):
            tables += [title, table(threads(), seconds, rounds)]
    return "\n\n".join(tables)


def page(results: dict[str, str], memory: str, rounds: int, load: float | None) -> str:
    busy = "" if load is None else f" Load of the machine before it began: {load:.1f}."
    return f"""\
# How fast are the other calls?

Written by `python docs/benchmarks/calls.py`
on {datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, {platform.system()}.
{versions()}.

Each number is the median of {rounds} rounds (of long calls, 3) in one process, in which all competitors
take their turns, on float64 X. The ratio is skmlp's time over scikit-learn's: below 1, skmlp is
faster.{busy}

## Predictions

One hidden layer of 100 units, 30 features, one thread of BLAS.

{results["predictions"]}

## partial_fit

30 features, one thread of BLAS.

{results["partial_fit"]}

## Activations

Fits of 256-256-256-256-1 in float32, batches of 256 rows, one thread of BLAS. The ratio is that to ReLU's.

{results["activations"]}

## Sparse X

One thread of BLAS. *one-hot* is a CSR matrix of 12,000 x 107 with 12 values per row. What is not *compiled*
is computed by numpy.

{results["sparse"]}

{memory}

## Threads

*skmlp* is given two threads and takes what the products are worth; the ratio is to the better of one and
two threads set by hand.

{results["threads"]}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="that the medians are taken over")
    parser.add_argument("--only", default=",".join(TABLES), help="some of the tables, comma separated")
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, small text, no memory")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print_peak_megabytes(options.memory_of[0], float(options.memory_of[1]))
        return
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(TABLES):
        parser.error(f"--only: unknown tables {sorted(unknown)}, choose from {','.join(TABLES)}")
    skmlp.set_config(compiled=False)
    load = load_average()
    seconds, rounds = (0.4, 3) if options.quick else (2.0, options.rounds)
    results = {name: measure(name, seconds, rounds, quick=options.quick) for name in chosen}
    if options.quick or chosen != TABLES:
        print("", *(f"{name}\n\n{text}" for name, text in results.items()), sep="\n\n")
        return
    written = page(results, memory_table(), rounds, load)
    print(written)
    PAGE.write_text(written, encoding="utf-8")
    print(f"written to {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
