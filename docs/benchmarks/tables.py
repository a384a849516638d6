"""Tables with categories and missing values: skmlp beside gradient boosting and others.

Appends a line to a CSV file for each table, seed and model. Run it on the folder that holds the tables,
gzipped CSV files; what is in the CSV is not fitted again. tables_page.py writes the page from it::

    python docs/benchmarks/tables.py path/to/tables results.csv
    python docs/benchmarks/tables.py path/to/tables results.csv --only RealMLP-TD --seeds 1
    python docs/benchmarks/tables.py path/to/tables results.csv --what ablations --rows 2000 --seeds 1
    python docs/benchmarks/tables.py path/to/tables results.csv --what tuned --rows 2000 --seeds 1
    python docs/benchmarks/tables.py path/to/tables results.csv --tables adult california --rows 0 --seeds 1
    python docs/benchmarks/tables_page.py results.csv

The protocol: at most ``--rows`` rows of each table, drawn by the seed; four fifths to train on, one to test
on, stratified by class; one thread. With all rows (0), the official split is used where there is one.
Nothing is chosen by test data.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import warnings
from pathlib import Path
from unittest import mock

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
import sklearn
from scipy.stats import loguniform, randint
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import GridSearchCV as SklearnGridSearchCV
from sklearn.model_selection import ParameterSampler, train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.neural_network import MLPRegressor as SklearnMLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skmlp import TabularMLPClassifier, TabularMLPRegressor
from skmlp.model_selection import GridSearchCV
from skmlp.tables import encoding
from skmlp.tables.numbers import PiecewiseLinearEncoder

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

FIELDS = ["rows", "table", "seed", "model", "error", "log_loss", "seconds"]

OURS = "TabularMLP"
REFERENCE = "HistGradientBoosting"


def table(name: str, folder: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features and the target of a table; the official split is the last column."""
    if name in SHIPPED:
        return SHIPPED[name](return_X_y=True, as_frame=True)
    X = pd.read_csv(folder / f"{name}.csv.gz")
    y = X.pop(TARGETS[name])
    for column in X.columns[[X[c].dtype.kind not in "iuf" for c in X]]:
        X[column] = X[column].astype("category")
    return X, y


def parts(X: pd.DataFrame, y: pd.Series, *, n_rows: int, stratify: bool, seed: int) -> list:
    """Return X and y of the training part and of the test part: X_train, X_test, y_train, y_test."""
    if n_rows == 0 and "split" in X:
        is_test = (X.pop("split") == "test").to_numpy()
        return [X[~is_test], X[is_test], y[~is_test], y[is_test]]
    X = X.drop(columns="split", errors="ignore")
    if 0 < n_rows < len(X):
        X, _, y, _ = train_test_split(
            X, y, train_size=n_rows, random_state=seed, stratify=y if stratify else None
        )
    return train_test_split(X, y, test_size=0.2, random_state=seed, stratify=y if stratify else None)


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


def with_missing_levels(X: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose missing categories are a level."""
    levels = X.select_dtypes("category")
    filled = {name: levels[name].cat.add_categories("missing").fillna("missing") for name in levels}
    return X.assign(**filled)


def ours(*, regression: bool, **params):
    """Return our model."""
    return (TabularMLPRegressor if regression else TabularMLPClassifier)(**params)


def boosting(*, regression: bool, **params):
    """Return scikit-learn's gradient boosting."""
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(categorical_features="from_dtype", **params)


def models(*, regression: bool, seed: int) -> dict[str, object]:
    """Return the models by name; those of other packages if they are installed."""
    mlp = (SklearnMLPRegressor if regression else SklearnMLPClassifier)(random_state=seed)
    linear = Ridge() if regression else LogisticRegression(max_iter=1000)
    found = {
        OURS: ours(regression=regression, random_state=seed),
        REFERENCE: boosting(regression=regression, random_state=seed),
        "scikit-learn's MLP": behind_columns(scaled(mlp) if regression else mlp),
        "linear": behind_columns(linear),
    }
    try:
        import lightgbm

        kind = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
        found["LightGBM"] = kind(random_state=seed, verbose=-1, n_jobs=1)
    except ImportError:
        pass
    try:
        import pytabkit

        for name in ("RealMLP_TD_S", "RealMLP_TD"):
            kind = getattr(pytabkit, f"{name}_{'Regressor' if regression else 'Classifier'}")
            model = kind(random_state=seed, device="cpu", n_threads=1)
            levels = FunctionTransformer(with_missing_levels)
            found[name.replace("_", "-")] = make_pipeline(levels, model)
    except ImportError:
        pass
    return found


ABLATIONS = {
    "defaults": {},
    "1 member": {"n_members": 1},
    "2 members": {"n_members": 2},
    "no bins": {"n_bins": 0},
    "no weight decay": {"weight_decay": 0.0},
    "weight decay 0.05": {"weight_decay": 0.05},
    "no dropout": {"dropout": 0.0},
    "batches of 200": {"batch_size": "auto"},
    "constant learning rate 0.001": {"learning_rate": "constant", "learning_rate_init": 0.001},
    "learning rate 0.005": {"learning_rate_init": 0.005},
    "50 epochs": {"max_iter": 50},
    "the last epoch, nothing held out": {"early_stopping": False},
    "(256, 256)": {"hidden_layer_sizes": (256, 256)},
    "relu": {"activation": "relu"},
    "elu": {"activation": "elu"},
    "all members hold out the same rows": {"shared_validation": True},
    "float64": {"dtype": "float64"},
    "targets not scaled": {"standardize": False},
    "predictions not clipped": {"clip_predictions": False},
}
"""What is changed of the defaults, one at a time."""


class BinsFromZero(PiecewiseLinearEncoder):
    """The encoding of Gorishniy et al., from 0 below a bin to 1 above."""

    def transform(self, X):
        return (super().transform(X) + 1) / 2


def standard_scaler():
    """Return what scales by mean and standard deviation; what is missing is the mean."""
    return make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0))


ENCODERS = {
    "StandardScaler, no robust scale and smooth clip": ("SmoothClip", standard_scaler),
    "bins from 0 to 1": ("PiecewiseLinearEncoder", BinsFromZero),
}
"""What is put in the place of a part of the encoding."""


class Reencoded:
    """Our model with another class in the place of a part of its encoding."""

    def __init__(self, model, name, other):
        self.model, self.name, self.other = model, name, other

    def fit(self, X, y):
        """Fit the model."""
        with mock.patch.object(encoding, self.name, self.other):
            return self.model.fit(X, y)

    def __getattr__(self, name):
        return getattr(self.model, name)


def ablations(*, regression: bool, seed: int) -> dict[str, object]:
    """Return our models with one parameter changed."""
    model = ours(regression=regression, random_state=seed)
    known = model.get_params()
    changed = {
        f"{OURS}: {what}": sklearn.clone(model).set_params(**params)
        for what, params in ABLATIONS.items()
        if params.keys() <= known.keys()
    }
    others = {f"{OURS}: {what}": Reencoded(sklearn.clone(model), *how) for what, how in ENCODERS.items()}
    return changed | others


SPACE = {
    "learning_rate_init": loguniform(0.003, 0.03),
    "weight_decay": loguniform(0.02, 1),
    "dropout": [0.0, 0.1, 0.2, 0.3],
    "n_bins": [0, 8, "auto", 32],
    "hidden_layer_sizes": [(128, 128), (256, 256), (128, 128, 128)],
    "max_iter": [50, 100],
}
"""What our models are searched in; the defaults are a candidate too."""

BOOSTING_SPACE = {
    "learning_rate": loguniform(0.02, 0.3),
    "max_iter": randint(50, 500),
    "max_leaf_nodes": randint(8, 64),
    "min_samples_leaf": randint(5, 60),
    "l2_regularization": loguniform(1e-3, 10),
}
"""What gradient boosting is searched in; its defaults are a candidate too."""


class TunedEnsemble:
    """Our model, searched with two members, fitted with as many as by default."""

    def __init__(self, search, model):
        self.search, self.model = search, model

    def fit(self, X, y):
        """Search, and fit the best."""
        self.model.set_params(**self.search.fit(X, y).best_params_)
        return self.model.fit(X, y)

    def __getattr__(self, name):
        return getattr(self.model, name)


def candidates(space, seed):
    """Return the defaults and 29 candidates drawn from a space, as a grid."""
    drawn = ParameterSampler(space, 29, random_state=seed)
    return [{}, *({name: [value] for name, value in each.items()} for each in drawn)]


def tuned(*, regression: bool, seed: int) -> dict[str, object]:
    """Return searches of 30 candidates in 3 folds."""
    options = {"cv": 3, "scoring": "neg_root_mean_squared_error" if regression else "neg_log_loss"}
    few = ours(regression=regression, random_state=seed, n_members=2)
    search = GridSearchCV(few, candidates(SPACE, seed), refit=False, **options)
    trees = boosting(regression=regression, random_state=seed)
    return {
        f"{OURS}, tuned": TunedEnsemble(search, ours(regression=regression, random_state=seed)),
        f"{REFERENCE}, tuned": SklearnGridSearchCV(trees, candidates(BOOSTING_SPACE, seed), **options),
    }


def measured(model, X_train, X_test, y_train, y_test, *, regression: bool) -> dict[str, float]:
    """Fit a model, and return its errors on the test part and the CPU seconds of its fit."""
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


def read(path: Path) -> pd.DataFrame:
    """Return the results in a file; none if it is not there."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=FIELDS)


def main() -> None:
    """Fit what has not been fitted yet, and append each result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the tables are")
    parser.add_argument("results", type=Path, help="the CSV file")
    parser.add_argument("--what", choices=["models", "ablations", "tuned"], default="models")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--tables", nargs="*", default=[*TARGETS, *SHIPPED])
    parser.add_argument("--only", nargs="*", help="only these models")
    parser.add_argument("--without", nargs="*", default=[], help="all models but these")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    make = {"models": models, "ablations": ablations, "tuned": tuned}[arguments.what]
    done = {tuple(key) for key in read(arguments.results)[FIELDS[:4]].itertuples(index=False)}
    for seed in range(arguments.seeds):
        for name in arguments.tables:
            X, y = table(name, arguments.folder)
            regression = name in REGRESSION
            split = parts(X, y, n_rows=arguments.rows, stratify=not regression, seed=seed)
            for model_name, model in make(regression=regression, seed=seed).items():
                key = arguments.rows, name, seed, model_name
                is_asked = not arguments.only or model_name in arguments.only
                if key in done or not is_asked or model_name in arguments.without:
                    continue
                found = measured(model, *split, regression=regression)
                result = dict(zip(FIELDS, key, strict=False)) | {k: f"{v:.6g}" for k, v in found.items()}
                print(*result.values(), flush=True)
                is_new = not arguments.results.exists()
                with arguments.results.open("a", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS)
                    if is_new:
                        writer.writeheader()
                    writer.writerow(result)


if __name__ == "__main__":
    main()
