"""Time and memory of a grid search: scikit-learn's, over its networks and ours, and that of skmlp.

python docs/benchmarks/search.py                             the page search.md beside this script
python docs/benchmarks/search.py --epochs 20 --only tiny     a first look, which writes nothing
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["PYTHONWARNINGS"] = "ignore"  # the workers inherit it

import sklearn.model_selection
import sklearn.neural_network
from fit import WORKLOADS, Workload, cpu, load_average, markdown, versions

import skmlp
import skmlp.model_selection

PAGE = Path(__file__).with_suffix(".md")
N_JOBS = 2
EPOCHS = 100
SEEDS = [0, 1, 2, 3, 4]


@dataclass(frozen=True)
class Search:
    """A grid, and how many times faster it should be.

    Attributes
    ----------
    grid : dict
    float64, float32 : float
        At least, against scikit-learn's search over scikit-learn's network.
    over_ours : float
        At least, against scikit-learn's search over skmlp's network, in the same dtype.
    """

    grid: dict[str, list[Any]]
    float64: float
    float32: float
    over_ours: float

    @property
    def n_candidates(self) -> int:
        return len(sklearn.model_selection.ParameterGrid(self.grid))


SEARCHES = {
    "small": Search(
        {
            "alpha": [1e-4, 1e-3, 1e-2, 1e-1],
            "learning_rate_init": [1e-3, 3e-3, 1e-2],
            "random_state": SEEDS,
        },
        15,
        20,
        5,
    ),
    "tiny": Search(
        {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2], "random_state": SEEDS[:4]},
        4,
        6,
        1.5,
    ),
    "digits": Search(
        {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2], "random_state": SEEDS[:2]},
        2.5,
        4,
        1.2,
    ),
}
SCIKIT_LEARN, OVER_OURS, OURS = "scikit-learn", "scikit-learn over skmlp", "skmlp"
COMPETITORS = [
    (SCIKIT_LEARN, "float64"),
    (OVER_OURS, "float64"),
    (OVER_OURS, "float32"),
    (OURS, "float64"),
    (OURS, "float32"),
]
Results = dict[tuple[str, str, str], list[dict[str, float]]]
"""From workload, competitor and dtype to what was measured in each round."""


def search_of(name: str, competitor: str, dtype: str, epochs: int, grid: dict[str, list[Any]]) -> Any:
    workload = workload_of(name)
    module = skmlp if competitor != SCIKIT_LEARN else sklearn.neural_network
    options = {} if competitor == SCIKIT_LEARN else {"dtype": dtype}
    model = module.MLPClassifier(
        workload.hidden,
        batch_size=workload.batch,
        max_iter=epochs,
        n_iter_no_change=10**9,
        tol=0.0,
        **options,
    )
    kind = skmlp.model_selection if competitor == OURS else sklearn.model_selection
    return kind.GridSearchCV(model, grid, n_jobs=N_JOBS, cv=5)


def workload_of(name: str) -> Workload:
    return next(workload for workload in WORKLOADS if workload.name == name)


def measure(name: str, competitor: str, dtype: str, epochs: int) -> dict[str, float]:
    """Return the seconds and the peak of memory of one search in this process and its workers."""
    warnings.simplefilter("ignore")
    X, y = workload_of(name).data()
    # The workers are there, and have imported what they need.
    search_of(name, competitor, dtype, 1, {"alpha": [1e-4, 1e-3]}).fit(X, y)
    search = search_of(name, competitor, dtype, epochs, SEARCHES[name].grid)
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "megabytes": sum(peak_megabytes(process) for process in family(os.getpid())),
        "best": float(search.best_score_),
    }


def family(process: int) -> Iterator[int]:
    """Yield a process and all that it has started."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*"):
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def peak_megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def rounds(names: list[str], repeats: int, epochs: int) -> Results:
    """Let every competitor have its turn once in each round, in a process of its own."""
    results: Results = {}
    for i in range(repeats):
        for name in names:
            for competitor, dtype in COMPETITORS:
                print(f"round {i + 1} of {repeats}: {name}, {competitor}, {dtype}", file=sys.stderr)
                turn = [sys.executable, __file__, "--turn", name, competitor, dtype, str(epochs)]
                output = subprocess.run(turn, check=True, capture_output=True, text=True).stdout
                results.setdefault((name, competitor, dtype), []).append(
                    json.loads(output.splitlines()[-1])
                )
    return results


def median(results: Results, key: tuple[str, str, str], what: str = "seconds") -> float:
    return statistics.median(row[what] for row in results[key])


def ratio(results: Results, name: str, competitor: str, dtype: str, least: float) -> str:
    """Return the median over the rounds of the ratio to skmlp; say if it is not what it should be."""
    in_float64 = "float64" if competitor == SCIKIT_LEARN else dtype
    theirs, ours = results[name, competitor, in_float64], results[name, OURS, dtype]
    value = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(theirs, ours, strict=True))
    if value < least:
        print(f"- {name}: {competitor} / skmlp, {dtype}: {value:.2f}, should be {least:g}", file=sys.stderr)
    return f"{value:.2f}"


def tables(results: Results, names: list[str]) -> tuple[str, str, str]:
    """Return the tables of times, of ratios and of memory."""
    labels = {key: f"{key[0]}, {key[1]}" for key in COMPETITORS}
    times = [[labels[c], *(f"{median(results, (name, *c)):.3g}" for name in names)] for c in COMPETITORS]
    memory = [
        [labels[c], *(f"{max(r['megabytes'] for r in results[(name, *c)]):.0f}" for name in names)]
        for c in COMPETITORS
    ]
    ratios = []
    for competitor, dtype in [(c, d) for c in (SCIKIT_LEARN, OVER_OURS) for d in ("float64", "float32")]:
        row = [f"{competitor}{', float64' * (competitor == SCIKIT_LEARN)} / skmlp, {dtype}"]
        for name in names:
            search = SEARCHES[name]
            least = search.over_ours if competitor == OVER_OURS else getattr(search, dtype)
            row.append(ratio(results, name, competitor, dtype, least))
        ratios.append(row)
    return (
        markdown(["seconds per search", *names], times),
        markdown(["ratio of times", *names], ratios),
        markdown(["MB, all processes", *names], memory),
    )


def workloads_table(names: list[str]) -> str:
    rows = []
    for name in names:
        workload, n = workload_of(name), SEARCHES[name].n_candidates
        grid = " x ".join(f"{len(values)} {key}" for key, values in SEARCHES[name].grid.items())
        samples, widths = f"{workload.n} x {workload.m}", "-".join(map(str, workload.widths))
        rows.append([name, samples, widths, str(workload.batch), grid, f"{n} x 5 = {5 * n}"])
    return markdown(["", "X", "network", "batch", "grid", "fits"], rows)


def page(results: Results, names: list[str], repeats: int, epochs: int, load: float | None) -> str:
    times, ratios, memory = tables(results, names)
    busy = "" if load is None else f" Load of the machine before it began: {load:.1f}."
    return f"""\
# How fast is a grid search?

Written by `python docs/benchmarks/search.py`
on {datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, {platform.system()}.
{versions()}.

## Time

{times}

{ratios}

## Peak memory

{memory}

The peaks of the resident sets of the calling process and its two workers, added up: some 140 MB each are
the interpreter and its libraries.

## What was measured

{workloads_table(names)}

`GridSearchCV(model, grid, cv=5, n_jobs={N_JOBS})` and its `fit`, the refit included. The model is an
MLPClassifier with relu and Adam, {epochs} epochs each: `tol=0` and a patience that never ends. X is
standard normal in float64, y the classes that a noisy linear teacher assigns; float32 is
`dtype="float32"`.

- **scikit-learn**: its `GridSearchCV` over its `MLPClassifier`.
- **scikit-learn over skmlp**: its `GridSearchCV` over `skmlp.MLPClassifier`, one fit after the other.
- **skmlp**: `skmlp.model_selection.GridSearchCV` over `skmlp.MLPClassifier`, as stacks.

Each number is the median of {repeats} rounds; in each round every competitor has its turn once, in a
process of its own whose workers have been started before.{busy}
The mean test accuracy of the best candidate is the same in both searches over skmlp's network.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds that the medians are taken over")
    parser.add_argument("--only", default=",".join(SEARCHES), help="some of the workloads, comma separated")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help=f"other than {EPOCHS}: a look, nothing is written"
    )
    parser.add_argument("--turn", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        *turn, epochs = options.turn
        print(json.dumps(measure(*turn, int(epochs))))
        return
    names, load = options.only.split(","), load_average()
    if unknown := set(names) - set(SEARCHES):
        parser.error(f"--only: unknown workloads {sorted(unknown)}, choose from {','.join(SEARCHES)}")
    results = rounds(names, options.repeats, options.epochs)
    for name in names:
        for dtype in ("float64", "float32"):
            scores = {row["best"] for c in (OVER_OURS, OURS) for row in results[name, c, dtype]}
            if len(scores) > 1:
                raise RuntimeError(
                    f"The searches of {name} in {dtype} have found different scores: {scores}."
                )
    if options.epochs != EPOCHS or names != list(SEARCHES):
        print(*tables(results, names), sep="\n\n")
        return
    text = page(results, names, options.repeats, options.epochs, load)
    print(text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
