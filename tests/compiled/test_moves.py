"""Where the gradient is numpy's, compiled moves do what numpy's do, to rounding, whatever the threads."""

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("numba")

from skmlp.compiled import moves
from skmlp.network.normalizations import NORMALIZATIONS
from tests.compiled.problems import assert_alike, run
from tests.crossing import crossed
from tests.training.problems import Training
from tests.training.test_stochastic import ADAM, REGULARIZED, SAMPLE_WEIGHT, STACKS

OPTIONS = {
    "sparse": {"make": sparse.csr_matrix},
    "weighted": {"make": sparse.csr_matrix, "sample_weight": SAMPLE_WEIGHT},
    **{f"{name} normalization": {"normalization": layer} for name, layer in NORMALIZATIONS.items()},
    "one output": {"make": sparse.csr_matrix, "n_outputs": 1},
}


@crossed(members=STACKS, options=OPTIONS)
def test_options(members, options):
    assert_alike(members, max_iter=3, **options)


@pytest.mark.parametrize("members", STACKS.values(), ids=STACKS)
def test_float32(members):
    options = {"make": sparse.csr_matrix, "dtype": "float32", "max_iter": 2}
    found = assert_alike(members, rtol=2e-3, atol=2e-4, **options)
    assert found.theta.dtype == "float32"


@pytest.mark.parametrize("members", [ADAM, REGULARIZED], ids=["all parts", "clipped"])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_share_the_parameters(members, n_threads, monkeypatch):
    options = {"make": sparse.csr_matrix, "max_iter": 3, "compiled": True}
    expected = run(*members, **options)
    monkeypatch.setattr(moves, "PARAMETERS_PER_THREAD", 1)
    monkeypatch.setattr(moves, "n_allowed", lambda: n_threads)
    found = run(*members, **options)
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_allclose(found.curves.losses, expected.curves.losses, rtol=1e-12)


@pytest.mark.parametrize(("members", "n_parts"), [(ADAM, 2), (REGULARIZED, 1)], ids=["all", "clipped"])
def test_small_networks_have_one_thread(members, n_parts, monkeypatch):
    monkeypatch.setattr(moves, "n_allowed", lambda: 2)
    training = Training(members)

    def parts():
        return moves.CompiledMove(None, training.setup, training.state)._parts

    assert len(parts()) == 1
    monkeypatch.setattr(moves, "PARAMETERS_PER_THREAD", 1)
    assert len(parts()) == n_parts
