"""Small real data, scaled, in float64: one table row per kind of target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_linnerud,
    load_wine,
    make_multilabel_classification,
)
from sklearn.preprocessing import scale

from skmlp import MLPClassifier, MLPRegressor


def scaled(X, y, n_samples):
    """Return a random but fixed choice of ``n_samples`` rows, scaled."""
    rows = np.random.RandomState(0).permutation(len(X))[:n_samples]
    return scale(X)[rows], y[rows]


@dataclass(frozen=True)
class Task:
    """Data, the class that learns them, and the parameters that it needs for that."""

    cls: type
    X: Any
    y: Any
    parameters: dict[str, Any] = field(default_factory=dict)

    def model(self, **parameters):
        """Return an estimator for this task; repeatable, unless ``random_state`` says otherwise."""
        return self.cls(**{"random_state": 0, **self.parameters, **parameters})

    @property
    def weights(self):
        """Sample weights that matter; none is zero: scikit-learn fails on batches without weight."""
        return np.random.RandomState(1).choice([0.1, 0.5, 1.0, 3.7], size=len(self.X))


def _tasks():
    yield "binary", Task(MLPClassifier, *scaled(*load_breast_cancer(return_X_y=True), 101))
    yield "multiclass", Task(MLPClassifier, *scaled(*load_wine(return_X_y=True), 97))
    multilabel = make_multilabel_classification(n_samples=89, n_features=11, n_classes=4, random_state=0)
    yield "multilabel", Task(MLPClassifier, *scaled(*multilabel, 89))
    X, y = scaled(*load_diabetes(return_X_y=True), 103)
    yield "regression", Task(MLPRegressor, X, scale(y))
    physical = load_linnerud()
    yield "multi-output", Task(MLPRegressor, scale(physical.data), scale(physical.target))
    yield "poisson", Task(MLPRegressor, X, np.round(y / 40), {"loss": "poisson"})


TASKS = dict(_tasks())
"""Every kind of target that scikit-learn's networks learn."""
