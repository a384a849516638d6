"""Time and memory of a grid search: scikit-learn's, over its networks and ours, and that of skmlp.

python docs/benchmarks/search.py                             the page search.md beside this script
python docs/benchmarks/search.py --table adult.csv.gz        with the search over a pipeline too
python docs/benchmarks/search.py --epochs 20 --only tiny     a first look, which writes nothing

Without numba, the compiled engine has no rows.
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
from importlib.util import find_spec
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
    compiled : tuple of float
        The same of the compiled engine, in float64 and float32.
    """

    grid: dict[str, list[Any]]
    float64: float
    float32: float
    compiled: tuple[float, float]

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
        (35, 45),
    ),
    "tiny": Search(
        {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2], "random_state": SEEDS[:4]},
        4,
        6,
        (6, 8),
    ),
    "digits": Search(
        {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2], "random_state": SEEDS[:2]},
        2.5,
        4,
        (2.8, 4.5),
    ),
}
SCIKIT_LEARN, OURS, COMPILED = "scikit-learn", "skmlp", "skmlp compiled"
ENGINES = [OURS, COMPILED] if find_spec("numba") else [OURS]
COMPETITORS = [(SCIKIT_LEARN, "float64"), *((e, d) for e in ENGINES for d in ("float64", "float32"))]
OTHER_CALLS = {"halving": "tiny", "cross_validate": "tiny", "pipeline": "adult"}
"""Calls other than a grid search, in float64, and what they work on."""
MOST_OF_A_PIPELINE = 0.33
Results = dict[tuple[str, str, str], list[dict[str, float]]]
"""From workload, competitor and dtype to what was measured in each round."""


def search_of(name: str, competitor: str, dtype: str, epochs: int, grid: dict[str, list[Any]]) -> Any:
    workload = workload_of(name)
    return model_selection_of(competitor).GridSearchCV(
        network_of(workload, competitor, dtype, epochs), grid, n_jobs=N_JOBS, cv=5
    )


def network_of(workload: Workload, competitor: str, dtype: str, epochs: int) -> Any:
    module = skmlp if competitor != SCIKIT_LEARN else sklearn.neural_network
    options = {} if competitor == SCIKIT_LEARN else {"dtype": dtype}
    return module.MLPClassifier(
        workload.hidden,
        batch_size=workload.batch,
        max_iter=epochs,
        n_iter_no_change=10**9,
        tol=0.0,
        **options,
    )


def model_selection_of(competitor: str) -> Any:
    return sklearn.model_selection if competitor == SCIKIT_LEARN else skmlp.model_selection


def workload_of(name: str) -> Workload:
    return next(workload for workload in WORKLOADS if workload.name == name)


def measure(name: str, competitor: str, dtype: str, epochs: int) -> dict[str, float]:
    """Return the seconds and the peak of memory of one search in this process and its workers."""
    warnings.simplefilter("ignore")
    skmlp.set_config(compiled=competitor == COMPILED)
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


def other_call(call: str, competitor: str, epochs: int, table: str) -> dict[str, float]:
    """Return the seconds of one of `OTHER_CALLS`."""
    warnings.simplefilter("ignore")
    skmlp.set_config(compiled=competitor == COMPILED)
    if call == "pipeline":
        search, X, y = search_over_a_pipeline(competitor, table)
        work, begin = (lambda: search.fit(X, y)), (lambda: search.fit(X[:600], y[:600]))
    else:
        kind, tiny = model_selection_of(competitor), SEARCHES["tiny"]
        X, y = workload_of("tiny").data()
        models = [network_of(workload_of("tiny"), competitor, "float64", n) for n in (1, epochs)]

        def run(model: Any, grid: dict[str, list[Any]]) -> Any:
            if call == "cross_validate":
                return kind.cross_validate(model.set_params(random_state=0), X, y, cv=20, n_jobs=N_JOBS)
            options = {"factor": 2, "cv": 5, "random_state": 0, "n_jobs": N_JOBS}
            return kind.HalvingGridSearchCV(model, grid, **options).fit(X, y)

        begin, work = (lambda: run(models[0], {"alpha": [1e-4, 1e-3]})), (lambda: run(models[1], tiny.grid))
    begin()  # the workers are there, and have imported what they need
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start}


def search_over_a_pipeline(competitor: str, table: str) -> tuple[Any, Any, Any]:
    """Return a search over one-hot encoding and a network with early stopping, and 12,000 rows of adult."""
    import pandas as pd
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.read_csv(table).drop(columns="split").sample(12_000, random_state=0)
    y = frame.pop("income").to_numpy()
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    module = sklearn.neural_network if competitor == SCIKIT_LEARN else skmlp
    network = module.MLPClassifier((32,), early_stopping=True, random_state=0)
    grid = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2]}
    grid = {f"mlpclassifier__{name}": values for name, values in grid.items()}
    search = model_selection_of(competitor).GridSearchCV(
        make_pipeline(columns, network), grid, cv=3, n_jobs=N_JOBS
    )
    return search, frame, y


def others_table(repeats: int, epochs: int, table: str | None) -> str:
    """Return the seconds of `OTHER_CALLS`, and scikit-learn's over ours."""
    rows = []
    for call, data in OTHER_CALLS.items():
        if call == "pipeline" and table is None:
            continue
        turns: dict[str, list[float]] = {}
        for _ in range(repeats):
            for competitor in (SCIKIT_LEARN, *ENGINES):
                turn = ["--other", call, competitor, str(epochs), str(table)]
                turns.setdefault(competitor, []).append(in_a_process_of_its_own(turn)["seconds"])
        theirs, *ours = (statistics.median(seconds) for seconds in turns.values())
        ratios = [f"{theirs / own:.2f}" for own in ours]
        rows.append([f"{call}, {data}", f"{theirs:.3g}", *(f"{own:.3g}" for own in ours), *ratios])
        print(*rows[-1], file=sys.stderr)
        if call == "pipeline" and min(ours) > MOST_OF_A_PIPELINE * theirs:
            print(f"- {call}: takes more than {MOST_OF_A_PIPELINE} of the time", file=sys.stderr)
    names = [SCIKIT_LEARN, *ENGINES, *(f"{SCIKIT_LEARN} / {engine}" for engine in ENGINES)]
    return markdown(["seconds", *names], rows)


def in_a_process_of_its_own(turn: list[str]) -> dict[str, float]:
    command = [sys.executable, __file__, *turn]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


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
                turn = ["--turn", name, competitor, dtype, str(epochs)]
                results.setdefault((name, competitor, dtype), []).append(in_a_process_of_its_own(turn))
    return results


def median(results: Results, key: tuple[str, str, str], what: str = "seconds") -> float:
    return statistics.median(row[what] for row in results[key])


def ratio(results: Results, name: str, engine: str, dtype: str) -> str:
    """Return the median over the rounds of scikit-learn's time over ours; say if it is too little."""
    theirs, ours = results[name, SCIKIT_LEARN, "float64"], results[name, engine, dtype]
    value = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(theirs, ours, strict=True))
    aims = (
        SEARCHES[name].compiled if engine == COMPILED else (SEARCHES[name].float64, SEARCHES[name].float32)
    )
    least = aims[dtype == "float32"]
    if value < least:
        print(f"- {name}: scikit-learn / {engine}, {dtype}: {value:.2f}, not {least:g}", file=sys.stderr)
    return f"{value:.2f}"


def tables(results: Results, names: list[str]) -> tuple[str, str, str]:
    """Return the tables of times, of ratios and of memory."""
    labels = {key: f"{key[0]}, {key[1]}" for key in COMPETITORS}
    times = [[labels[c], *(f"{median(results, (name, *c)):.3g}" for name in names)] for c in COMPETITORS]
    memory = [
        [labels[c], *(f"{max(r['megabytes'] for r in results[(name, *c)]):.0f}" for name in names)]
        for c in COMPETITORS
    ]
    ratios = [
        [f"scikit-learn, float64 / {engine}, {dtype}", *(ratio(results, n, engine, dtype) for n in names)]
        for engine, dtype in COMPETITORS[1:]
    ]
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


def page(
    results: Results, names: list[str], others: str, repeats: int, epochs: int, load: float | None
) -> str:
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

Other calls, in float64:

{others}

## Peak memory

{memory}

The peaks of the resident sets of the calling process and its workers, added up: some 140 MB each are the
interpreter and its libraries. The compiled engine has threads in the place of workers, and numba, some
100 MB.

## What was measured

{workloads_table(names)}

`GridSearchCV(model, grid, cv=5, n_jobs={N_JOBS})` and its `fit`, the refit included. The model is an
MLPClassifier with relu and Adam, {epochs} epochs each: `tol=0` and a patience that never ends. X is
standard normal in float64, y the classes that a noisy linear teacher assigns; float32 is
`dtype="float32"`.

- **scikit-learn**: its `GridSearchCV` over its `MLPClassifier`.
- **skmlp**: `skmlp.model_selection.GridSearchCV` over `skmlp.MLPClassifier`, as stacks, by numpy alone.
- **skmlp compiled**: the same, by numba.

*halving* is a `HalvingGridSearchCV` with `factor=2` over the grid of *tiny*; *cross_validate* has 20
splits.
*pipeline* is a search of 12 candidates on 3 splits, over a `ColumnTransformer` that encodes the categories
of *adult*, 12,000 rows, and a network of 32 units with early stopping.

Each number is the median of {repeats} rounds; in each round every competitor has its turn once, in a
process of its own whose workers have been started before.{busy}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds that the medians are taken over")
    parser.add_argument("--only", default=",".join(SEARCHES), help="some of the workloads, comma separated")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help=f"other than {EPOCHS}: a look, nothing is written"
    )
    parser.add_argument("--table", help="adult.csv.gz of the UCI repository, for the row of a pipeline")
    parser.add_argument("--turn", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--other", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        *turn, epochs = options.turn
        print(json.dumps(measure(*turn, int(epochs))))
        return
    if options.other:
        call, competitor, epochs, table = options.other
        print(json.dumps(other_call(call, competitor, int(epochs), table)))
        return
    names, load = options.only.split(","), load_average()
    if unknown := set(names) - set(SEARCHES):
        parser.error(f"--only: unknown workloads {sorted(unknown)}, choose from {','.join(SEARCHES)}")
    results = rounds(names, options.repeats, options.epochs)
    others = others_table(options.repeats, options.epochs, options.table)
    if options.epochs != EPOCHS or names != list(SEARCHES):
        print(*tables(results, names), others, sep="\n\n")
        return
    text = page(results, names, others, options.repeats, options.epochs, load)
    print(text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
