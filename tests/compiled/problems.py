"""The same training by both engines."""

import numpy as np

from skmlp.compiled.config import config_context
from tests.training.problems import Training


def run(*members, compiled, **options):
    """Return the TrainingResult of a stack, by the engine that is named."""
    with config_context(compiled=compiled):
        training = Training(members, **options)
        solver = training.solver()
        ways = solver.setup.make_steps, solver.setup.make_move
        assert any(ways) == compiled
        return solver.train(training.state)


def assert_alike(members, *, rtol=1e-9, atol=1e-12, **options):
    """Assert that both engines train alike; return what became of the networks in the compiled one."""
    expected = run(*members, compiled=False, **options)
    found = run(*members, compiled=True, **options)
    assert found.reasons == expected.reasons
    np.testing.assert_allclose(found.theta, expected.theta, rtol=rtol, atol=atol)
    np.testing.assert_allclose(found.state.moments, expected.state.moments, rtol=rtol, atol=atol)
    for ours, theirs in zip(found.curves.losses, expected.curves.losses, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol)
    np.testing.assert_array_equal(found.state.order, expected.state.order)
    np.testing.assert_array_equal(found.state.step, expected.state.step)
    return found
