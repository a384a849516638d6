"""The setting of the thread that searches reaches the workers, whichever they are."""

from dataclasses import dataclass

import numpy as np
import pytest
from joblib import parallel_config

import skmlp
from skmlp.model_selection import cross_validate
from skmlp.network.activations import Tanh


@dataclass(frozen=True)
class Asking(Tanh):
    """Raises where the setting is another than it should be."""

    expected: bool = True

    def forward(self, z, memo):
        assert skmlp.get_config() == {"compiled": self.expected}
        super().forward(z, memo)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("value", [True, False])
def test_it_reaches_workers(backend, value):
    X, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    model = skmlp.MLPClassifier((3,), activation=Asking(value), max_iter=1, tol=np.inf, n_iter_no_change=1)
    with skmlp.config_context(compiled=value), parallel_config(backend, n_jobs=2):
        result = cross_validate(model, X, y, cv=2, error_score="raise")
    assert len(result["test_score"]) == 2
