"""Random data: kinds of features, targets and weights, and what holds them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st
from scipy import sparse

from skmlp import MLPClassifier

SCALES = [1.0, 1e-300, 1e-30, 1e-8, 1e4, 1e8, 1e30, 1e150, 1e300]


def named_frame(X):
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


CONTAINERS = {
    "array": np.asarray,
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "read-only": read_only,
    "list": lambda X: X.tolist(),
    "pandas": named_frame,
    "polars": lambda X: pl.DataFrame(X, schema=[f"x{j}" for j in range(X.shape[1])]),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
}


def cast(values, dtype):
    """Return an array of another type; what is too large for it becomes infinite."""
    with np.errstate(all="ignore"):
        return values.astype(dtype)


@st.composite
def features(draw, n_rows, mild=False):
    """Draw (n_rows, 1 to 4) numbers, in an array."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    X = rng.randn(n_rows, draw(st.integers(1, 4)))
    shape = draw(st.sampled_from(["normal", "constant column", "zeros", "equal rows", "some zeros"]))
    if shape == "constant column":
        X[:, 0] = 3.0
    elif shape == "zeros":
        X[:] = 0
    elif shape == "equal rows":
        X[:] = X[:1]
    elif shape == "some zeros":
        X[X < 0] = 0
    if mild:
        return X
    dtype = draw(st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, bool, object]))
    scale = draw(st.sampled_from(SCALES)) if dtype in (np.float64, np.float32) else 1.0
    return cast(X * scale, dtype)


LABELS = {
    "binary": lambda rng, n: rng.randint(2, size=n),
    "three": lambda rng, n: rng.randint(3, size=n),
    "one class": lambda rng, n: np.full(n, 7),
    "signs": lambda rng, n: rng.choice([-1.0, 1.0], size=n),
    "bool": lambda rng, n: rng.rand(n) < 0.5,
    "words": lambda rng, n: rng.choice(["a", "bb", "ccc"], size=n),
    "objects": lambda rng, n: rng.choice(["a", "bb"], size=n).astype(object),
    "many": lambda rng, n: np.arange(n),
    "multilabel": lambda rng, n: rng.randint(2, size=(n, 3)),
    "sparse multilabel": lambda rng, n: sparse.csr_matrix(rng.randint(2, size=(n, 3))),
    "no label": lambda rng, n: np.zeros((n, 2), dtype=int),
    "several": lambda rng, n: np.c_[rng.randint(3, size=n), rng.randint(2, size=n) + 1],
    "column": lambda rng, n: rng.randint(2, size=(n, 1)),
    "list": lambda rng, n: rng.randint(2, size=n).tolist(),
    "series": lambda rng, n: pd.Series(rng.randint(3, size=n)),
    "numbers": lambda rng, n: rng.randn(n),
}
NUMBERS = {
    "normal": lambda rng, n: rng.randn(n),
    "two": lambda rng, n: rng.randn(n, 2),
    "column": lambda rng, n: rng.randn(n, 1),
    "constant": lambda rng, n: np.full(n, -2.5),
    "zero": lambda rng, n: np.zeros(n),
    "one constant": lambda rng, n: np.c_[rng.randn(n), np.ones(n)],
    "counts": lambda rng, n: rng.poisson(2.0, size=n),
    "positive": lambda rng, n: rng.gamma(2.0, size=n),
    "single": lambda rng, n: rng.randn(n).astype(np.float32),
    "list": lambda rng, n: rng.randn(n).tolist(),
    "series": lambda rng, n: pd.Series(rng.randn(n)),
    "words": lambda rng, n: rng.choice(["a", "b"], size=n),
} | {f"{scale:.0e}": (lambda rng, n, scale=scale: rng.randn(n) * scale) for scale in SCALES}
EXTREME = {f"{scale:.0e}" for scale in SCALES if not 1e-10 < scale < 1e5}
WEIGHTS = {
    "none": lambda rng, n: None,
    "number": lambda rng, n: 0.5,
    "positive": lambda rng, n: rng.gamma(1.0, size=n),
    "some zero": lambda rng, n: rng.randint(3, size=n),
    "all zero": lambda rng, n: np.zeros(n),
    "one": lambda rng, n: np.eye(n)[0],
    "tiny": lambda rng, n: np.full(n, 1e-300),
    "large": lambda rng, n: np.full(n, 1e30),
    "huge": lambda rng, n: np.full(n, 1e307),
    "negative": lambda rng, n: -np.ones(n),
    "list": lambda rng, n: [1] * n,
}


@dataclass(repr=False)
class Sample:
    """What a fit is given."""

    X: Any
    y: Any
    sample_weight: Any
    kind: str
    is_extreme: bool  # products of it overflow

    def __repr__(self):
        weights = self.sample_weight
        return f"{type(self.X).__name__}, {self.kind}: fit({self.X!r}, {self.y!r}, {weights!r})"

    @property
    def n_rows(self):
        return self.X.shape[0] if hasattr(self.X, "shape") else len(self.X)


@st.composite
def samples(draw, cls, max_rows=12):
    """Draw data of any kind for a class of estimators."""
    n_rows = draw(st.integers(1, max_rows))
    X = draw(features(n_rows))
    scale = float(np.abs(X).max())
    container = draw(st.sampled_from(list(CONTAINERS))) if X.dtype != object else "array"
    if X.dtype == np.float16 and container in ("polars", "csr_matrix", "csr_array", "csc", "coo"):
        X = X.astype(np.float32)  # they have no half precision
    table = LABELS if issubclass(cls, MLPClassifier) else NUMBERS
    kind, weights = draw(st.sampled_from(list(table))), draw(st.sampled_from(list(WEIGHTS)))
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    y, sample_weight = table[kind](rng, n_rows), WEIGHTS[weights](rng, n_rows)
    is_extreme = scale > 1e8 or weights in ("huge", "large", "tiny") or kind in EXTREME
    return Sample(CONTAINERS[container](X), y, sample_weight, kind, is_extreme)
