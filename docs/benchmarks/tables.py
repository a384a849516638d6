"""Tables with categories and missing values: skmlp beside gradient boosting, all untuned.

Writes docs/benchmarks/tables.md. Run it on the folder that holds the tables, gzipped CSV files::

    python docs/benchmarks/tables.py path/to/tables --seeds 5 --rows 5000
    python docs/benchmarks/tables.py path/to/tables --rows 1000 --ablations --results ablations.json

The protocol: at most ``--rows`` rows of each table, drawn by the seed; four fifths to train on, one to test
on, stratified by class; every model with its defaults; one thread. Nothing is chosen by test data. Results
of finished fits are kept in ``--results``; the page is written from tables.json and ablations.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.neural_network import MLPRegressor as SklearnMLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmlp
from skmlp import TabularMLPClassifier, TabularMLPRegressor

PAGE = Path(__file__).with_name("tables.md")

TARGETS = {
    "adult": "income",
    "german_credit": "class",
    "letter": "class",
    "satimage": "target",
    "california": "MedHouseVal",
    "bike_hour": "cnt",
    "abalone": "Rings",
}
"""The target of each table in the folder."""

SHIPPED = {
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
    "iris": load_iris,
    "wine": load_wine,
    "diabetes": load_diabetes,
}
"""The tables that come with scikit-learn."""

REGRESSION = {"california", "bike_hour", "abalone", "diabetes"}


def table(name: str, folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features and the target of a table."""
    if name in SHIPPED:
        return SHIPPED[name](return_X_y=True, as_frame=True)
    X = pd.read_csv(folder / f"{name}.csv.gz").drop(columns="split", errors="ignore")
    y = X.pop(TARGETS[name])
    for column in X.columns[[X[c].dtype.kind not in "iuf" for c in X]]:
        X[column] = X[column].astype("category")
    return X, y


def behind_columns(model):
    """Return a model behind the usual ColumnTransformer."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_include=["category", "object"]),
        ),
    )
    return make_pipeline(columns, model)


def scaled(model):
    """Return a regressor that learns a scaled target."""
    return TransformedTargetRegressor(model, transformer=StandardScaler())


OURS = "TabularMLP"
REFERENCE = "HistGradientBoosting"


def models(*, regression: bool, seed: int) -> dict[str, object]:
    """Return the models by name."""
    ours = TabularMLPRegressor if regression else TabularMLPClassifier
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    mlp = SklearnMLPRegressor if regression else SklearnMLPClassifier
    linear = Ridge() if regression else LogisticRegression(max_iter=1000)
    net = mlp(random_state=seed)
    found = {
        OURS: ours(random_state=seed),
        REFERENCE: boosting(random_state=seed, categorical_features="from_dtype"),
        "scikit-learn's MLP": behind_columns(scaled(net) if regression else net),
        "linear": behind_columns(linear),
    }
    try:
        import lightgbm

        kind = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
        found["LightGBM"] = kind(random_state=seed, verbose=-1, n_jobs=1)
    except ImportError:
        pass
    return found


ABLATIONS = {
    "defaults": {},
    "1 member": {"n_members": 1},
    "8 members": {"n_members": 8},
    "no bins": {"n_bins": 0},
    "16 bins, also on small data": {"n_bins": 16},
    "no weight decay": {"weight_decay": 0.0},
    "no dropout": {"dropout": 0.0},
    "batches of 200": {"batch_size": "auto"},
    "learning rate 0.003": {"learning_rate_init": 0.003},
    "learning rate 0.02": {"learning_rate_init": 0.02},
    "50 epochs": {"max_iter": 50},
    "the last epoch, nothing held out": {"early_stopping": False},
    "(256, 256)": {"hidden_layer_sizes": (256, 256)},
    "silu": {"activation": "silu"},
    "predictions not clipped": {"clip_predictions": False},
}
"""What is changed of the defaults, one at a time."""


def ablated(*, regression: bool, seed: int) -> dict[str, object]:
    """Return our models with one parameter changed."""
    ours = (TabularMLPRegressor if regression else TabularMLPClassifier)(random_state=seed)
    known = ours.get_params()
    return {
        f"{OURS}, {what}": sklearn.clone(ours).set_params(**params)
        for what, params in ABLATIONS.items()
        if params.keys() <= known.keys()
    }


def measured(model, X, y, *, regression: bool, n_rows: int, seed: int) -> dict[str, float]:
    """Fit a model to a split of a table, and return its errors and the seconds of its fit."""
    if len(X) > n_rows:
        X, _, y, _ = train_test_split(
            X, y, train_size=n_rows, random_state=seed, stratify=None if regression else y
        )
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=seed, stratify=None if regression else y
    )
    started = time.process_time()
    model.fit(X_train, y_train)
    seconds = time.process_time() - started
    if regression:
        return {"error": root_mean_squared_error(y_test, model.predict(X_test)), "seconds": seconds}
    probabilities = model.predict_proba(X_test)
    error = 1 - accuracy_score(y_test, model.classes_[probabilities.argmax(axis=1)])
    return {
        # Half a sample is the smallest error that this test part can tell from none.
        "error": max(error, 0.5 / len(y_test)),
        "log_loss": log_loss(y_test, probabilities, labels=model.classes_),
        "seconds": seconds,
    }


def run(arguments: argparse.Namespace, results: dict[str, dict[str, float]]) -> None:
    """Fit what has not been fitted yet, and save each result."""
    for seed in range(arguments.seeds):
        for name in arguments.tables:
            X, y = table(name, arguments.folder)
            regression = name in REGRESSION
            make = ablated if arguments.ablations else models
            for model_name, model in make(regression=regression, seed=seed).items():
                key = f"{arguments.rows}|{name}|{seed}|{model_name}"
                if key in results or (arguments.only and arguments.only not in model_name):
                    continue
                results[key] = measured(
                    model, X, y, regression=regression, n_rows=arguments.rows, seed=seed
                )
                print(key, {k: round(v, 4) for k, v in results[key].items()}, flush=True)
                arguments.results.write_text(json.dumps(results, indent=0))


def by_model(results: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Return the results as a table: model, table, seed, metric, value."""
    rows = []
    for key, values in results.items():
        _, name, seed, model = key.split("|")
        kind = "RMSE" if name in REGRESSION else "error"
        for metric, value in values.items():
            rows.append((model, name, int(seed), {"error": kind}.get(metric, metric), value))
    return pd.DataFrame(rows, columns=["model", "table", "seed", "metric", "value"])


METRICS = {"RMSE": "regression: RMSE", "error": "classification: error", "log_loss": "log-loss"}


def ratios(found: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return the geometric means of ratios to the reference, over tables and seeds, by model and metric."""
    values = found.pivot(index=["metric", "table", "seed"], columns="model", values="value")
    logs = np.log(values.div(values[reference], axis=0))
    return np.exp(logs.groupby("metric").mean()).loc[[*METRICS]].T


def ranks(found: pd.DataFrame) -> pd.DataFrame:
    """Return the mean ranks over tables, of the means over seeds, by model and metric."""
    means = found.groupby(["metric", "table", "model"])["value"].mean().unstack()
    return means.rank(axis=1).groupby("metric").mean().loc[[*METRICS]].T


def seconds(found: pd.DataFrame) -> pd.Series:
    """Return the median seconds of a fit by model."""
    return found[found.metric == "seconds"].groupby("model")["value"].median()


def lines(table: pd.DataFrame, first: str) -> list[str]:
    """Return a table in Markdown."""
    head = [first, *map(str, table.columns)]
    rows = [[str(name), *(f"{value:.3g}" for value in row)] for name, *row in table.itertuples()]
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def summary(found: pd.DataFrame, reference: str) -> list[str]:
    """Return ratios, ranks and seconds of all models, in Markdown."""
    table = ratios(found, reference).join(ranks(found).add_suffix(" rank"))
    columns = {**METRICS, **{f"{metric} rank": f"rank, {metric.replace('_', '-')}" for metric in METRICS}}
    table = table.rename(columns=columns).assign(seconds=seconds(found))
    return lines(table.sort_values("regression: RMSE"), "model")


def page(results: dict[str, dict[str, float]], ablations: dict[str, dict[str, float]]) -> str:
    """Return the page in Markdown."""
    found = by_model(results)
    rows = next(iter(results)).split("|")[0]
    n_seeds = found["seed"].nunique()
    text = [
        "# Tables with categories and missing values",
        "",
        "`TabularMLPClassifier` and `TabularMLPRegressor` beside gradient boosting, scikit-learn's",
        "networks and linear models: all with their defaults, nothing tuned.",
        "",
        f"At most {rows} rows of each table, four fifths to train on, one to test on, {n_seeds} split(s),",
        "one thread. The tables are adult, german_credit, letter, satimage, california, bike_hour and",
        "abalone (UCI and StatLib), and those that come with scikit-learn. Gradient boosting is given the",
        "categories as categories; scikit-learn's network and the linear model stand behind the usual",
        "`ColumnTransformer` (median and indicator, `StandardScaler`, `OneHotEncoder`), and the network",
        "learns a scaled target. Nothing is chosen by test data. With few splits and test parts of some",
        "hundred rows, differences of a few percent are chance.",
        "",
        f"Geometric means of the ratio to {REFERENCE} (smaller is better), mean ranks over the tables, and",
        "median CPU seconds of a fit. Where a log-loss is nearly zero (wine, iris), its ratio is extreme:",
        "trust the ranks more.",
        "",
        *summary(found, REFERENCE),
        "",
        "## Each table",
        "",
        "Means over the splits: RMSE or error, and log-loss.",
        "",
    ]
    means = found[found.metric != "seconds"].groupby(["table", "metric", "model"])["value"].mean()
    each = means.unstack()
    each.index = [f"{name}, {metric.replace('_', '-')}" for name, metric in each.index]
    text += [*lines(each, "table"), ""]
    if ablations:
        changed, of = by_model(ablations), next(iter(ablations)).split("|")[0]
        changed["model"] = changed["model"].str.removeprefix(f"{OURS}, ")
        n_tables, n_seeds = changed["table"].nunique(), changed["seed"].nunique()
        text += [
            "## What the defaults are made of",
            "",
            f"The same with one parameter changed, as ratios to the defaults; {n_tables} tables of at most",
            f"{of} rows, {n_seeds} split(s):",
            "",
            *summary(changed, "defaults"),
            "",
        ]
    return "\n".join([*text, f"skmlp {skmlp.__version__}, scikit-learn {sklearn.__version__}.", ""])


def read(path: Path) -> dict[str, dict[str, float]]:
    """Return the results in a file; none if it is not there."""
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Fit what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the tables are")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--tables", nargs="*", default=[*TARGETS, *SHIPPED])
    parser.add_argument("--only", help="only models whose name contains this")
    parser.add_argument("--ablations", action="store_true", help="fit our models with changed parameters")
    parser.add_argument("--results", type=Path, default=Path("tables.json"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = read(arguments.results)
    run(arguments, results)
    PAGE.write_text(page(read(Path("tables.json")), read(Path("ablations.json"))), encoding="utf-8")


if __name__ == "__main__":
    main()
