"""Memory of searches and cross-validation: that of scikit-learn, and that of skmlp, over the same network.

python docs/benchmarks/search_memory.py                    the page search_memory.md beside this script
python docs/benchmarks/search_memory.py --only plain       a first look, which writes nothing
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

os.environ["PYTHONWARNINGS"] = "ignore"  # the workers inherit it

import numpy as np
import sklearn.model_selection
from fit import cpu, markdown, versions
from search import family
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmlp
import skmlp.model_selection

PAGE = Path(__file__).with_suffix(".md")
SKLEARN, OURS, COMPILED = "scikit-learn", "skmlp", "skmlp compiled"
MODULES = {
    SKLEARN: sklearn.model_selection,
    OURS: skmlp.model_selection,
    COMPILED: skmlp.model_selection,
}
MOST = 1.3
"""Times scikit-learn's memory: no more is wanted."""


class Case(NamedTuple):
    """A call, and what it is given.

    Attributes
    ----------
    call : callable
        From scikit-learn's module or ours, a model, X, y and the number of jobs.
    steps : tuple
        Before the network.
    has_categories : bool
    early_stopping, standardize : bool
        Parameters of the network.
    """

    call: Callable[..., Any]
    steps: tuple[Any, ...] = ()
    has_categories: bool = False
    early_stopping: bool = False
    standardize: bool = False

    def model(self) -> Any:
        network = skmlp.MLPClassifier(
            (20,),
            max_iter=1,
            early_stopping=self.early_stopping,
            standardize=self.standardize,
            random_state=0,
        )
        return make_pipeline(*self.steps, network) if self.steps else network

    def data(self) -> tuple[Any, Any]:
        rng = np.random.RandomState(0)
        X = rng.normal(size=(50_000, 20 if self.has_categories else 100))
        y = (X[:, 0] > 0).astype(int)
        return (np.hstack([X, rng.randint(10, size=(len(X), 10))]) if self.has_categories else X), y


def grid(module: Any, model: Any, X: Any, y: Any, n_jobs: int) -> None:
    module.GridSearchCV(model, alphas(model), cv=3, n_jobs=n_jobs).fit(X, y)


def halving(module: Any, model: Any, X: Any, y: Any, n_jobs: int) -> None:
    module.HalvingGridSearchCV(model, alphas(model), cv=3, factor=2, random_state=0, n_jobs=n_jobs).fit(
        X, y
    )


def scores(module: Any, model: Any, X: Any, y: Any, n_jobs: int) -> None:
    module.cross_val_score(model, X, y, n_jobs=n_jobs)


def estimators(module: Any, model: Any, X: Any, y: Any, n_jobs: int) -> None:
    module.cross_validate(model, X, y, return_estimator=True, n_jobs=n_jobs)


def alphas(model: Any) -> dict[str, list[float]]:
    return {"mlpclassifier__" * isinstance(model, Pipeline) + "alpha": [1e-4, 1e-2]}


def one_hot(sparse: bool) -> ColumnTransformer:
    encoder = OneHotEncoder(sparse_output=sparse)
    columns = [("numbers", StandardScaler(), slice(20)), ("categories", encoder, slice(20, 30))]
    return ColumnTransformer(columns, sparse_threshold=float(sparse))


SCALED = (StandardScaler(),)
CASES = {
    "plain": Case(grid),
    "early stopping": Case(grid, early_stopping=True),
    "standardize=True": Case(grid, standardize=True),
    "scaler": Case(grid, SCALED),
    "scaler and early stopping": Case(grid, SCALED, early_stopping=True),
    "one-hot, dense": Case(grid, (one_hot(sparse=False),), has_categories=True),
    "one-hot, sparse": Case(grid, (one_hot(sparse=True),), has_categories=True),
    "scaler, halving": Case(halving, SCALED),
    "cross_val_score": Case(scores),
    "scaler, cross_val_score": Case(scores, SCALED),
    "scaler, cross_validate(return_estimator=True)": Case(estimators, SCALED),
}


def measure(name: str, competitor: str, n_jobs: int) -> float:
    """Return the megabytes by which this process and its workers grow in a call."""
    warnings.simplefilter("ignore")
    case = CASES[name]
    model, (X, y) = case.model(), case.data()
    # The workers are there, and have imported what they need.
    case.call(MODULES[competitor], model, X[:300].copy(), y[:300], n_jobs)
    gc.collect()
    time.sleep(0.5)
    before, peak, is_over = megabytes(), [0.0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            peak[0] = max(peak[0], megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    case.call(MODULES[competitor], model, X, y, n_jobs)
    is_over.set()
    watcher.join()
    return peak[0] - before


def megabytes() -> float:
    """Return what this process and its workers fill; pages that they share are divided among them."""
    return sum(map(proportional_megabytes, set(family(os.getpid()))))


def proportional_megabytes(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def table(names: list[str], ours: str) -> str:
    rows = []
    for name in names:
        row = [name]
        for n_jobs in (1, 2):
            theirs, own = (in_a_process_of_its_own(name, c, n_jobs) for c in (SKLEARN, ours))
            missed = "" if own <= MOST * theirs else f"missed: not {MOST} at most"
            row += [f"{theirs:.0f}", f"{own:.0f}", f"{own / theirs:.2f}"]
            print(name, n_jobs, *row[-3:], missed, file=sys.stderr)
        rows.append(row)
    columns = [f"{what}, n_jobs={n}" for n in (1, 2) for what in (SKLEARN, ours, "ratio")]
    return markdown(["MB", *columns], rows)


def tables(names: list[str]) -> str:
    """Return the table of the numpy engine, and of the compiled one, which has no part in pipelines."""
    found = [table(names, OURS)]
    networks = [name for name in names if not CASES[name].steps]
    if find_spec("numba") and networks:
        found.append(table(networks, COMPILED))
    return "\n\n".join(found)


def in_a_process_of_its_own(name: str, competitor: str, n_jobs: int) -> float:
    own = os.environ | {"SKMLP_COMPILED": "1" if competitor == COMPILED else "0"}  # in the workers too
    command = [sys.executable, __file__, "--turn", name, competitor, str(n_jobs)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout
    return float(json.loads(output.splitlines()[-1]))


def page(measured: str) -> str:
    return f"""\
# How much memory does a search need?

Written by `python docs/benchmarks/search_memory.py`
on {datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, {platform.system()}.
{versions()}.

{measured}

Each number is the growth over the idle processes: their proportional sets, added up, at the peak. Each
call is made in a process of its own, whose workers have been started before. A search may need up to
{MOST} times scikit-learn's memory.

X has 50,000 rows of float64, 40 MB; with categories, 20 numbers and 10 columns of 10 categories, 12 MB.
The network has 20 hidden units. `GridSearchCV` and `HalvingGridSearchCV` try two values of `alpha` on
three splits, cross-validation has five splits. Both columns have skmlp's network: scikit-learn's search
makes one fit after the other, that of skmlp stacks.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=CASES, nargs="*", help="some of the cases: nothing is written")
    parser.add_argument("--turn", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        name, competitor, n_jobs = options.turn
        print(json.dumps(measure(name, competitor, int(n_jobs))))
        return
    measured = tables(options.only or list(CASES))
    print(measured)
    if not options.only:
        PAGE.write_text(page(measured))


if __name__ == "__main__":
    main()
