"""Each optimizer against the algorithm as its paper states it, written down again without folding."""

import pickle
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest

from skmlp.network.hyperparameters import kept, stacked
from skmlp.training.optimizers import OPTIMIZERS, SGD, Adam, NAdam, RMSprop

N_STEPS, P = 50, 7
CURVATURE = np.linspace(0.1, 3, P)
TARGET = np.linspace(-1, 2, P)
START = np.linspace(2, -3, P)
RATE = 0.05


def slope(theta, t):
    """Return the gradient of a bowl that sways with t; it does not vanish for long."""
    return CURVATURE * (theta - TARGET) + np.sin(t + np.arange(P))


def run(optimizers, rates=RATE, n_steps=N_STEPS, dtype="float64", block=P, mask=slice(None)):
    """Return theta of each network after each step; ``mask`` keeps some of the networks."""
    optimizer = stacked(optimizers)
    rate = np.broadcast_to(np.asarray(rates, dtype=float).reshape(-1, 1), (len(optimizers), 1))
    if not isinstance(mask, slice):
        optimizer, rate = kept(optimizer, mask), rate[mask]
    t = np.arange(1.0, n_steps + 1)[:, np.newaxis, np.newaxis] + np.zeros_like(rate)
    constants = [
        np.broadcast_to(c, t.shape).astype(dtype) for c in optimizer.constants(np.zeros_like(t) + rate, t)
    ]
    theta = np.repeat(START[np.newaxis], len(rate), axis=0).astype(dtype)
    arrays = np.zeros((optimizer.n_moments + optimizer.n_scratch, *theta.shape), dtype=dtype)
    path = []
    for i in range(n_steps):
        gradient = slope(theta.astype(float), i + 1).astype(dtype)
        arrays[optimizer.n_moments :] = np.nan  # scratch
        for start in range(0, P, block):
            part = np.s_[:, start : start + block]
            parts = tuple(array[part] for array in arrays)
            optimizer.update(theta[part], gradient[part], parts, tuple(c[i] for c in constants))
        path.append(theta.copy())
    return np.array(path)


def momentum_path(optimizer):
    """Classical momentum [Polyak 1964]: v <- mu v - rate f'(theta); theta <- theta + v."""
    theta, v, path = START, np.zeros(P), []
    for t in range(1, N_STEPS + 1):
        v = optimizer.momentum * v - RATE * slope(theta, t)
        theta = theta + v
        path.append(theta)
    return path


def nesterov_path(optimizer):
    """Nesterov's momentum [Sutskever et al. 2013, eq. 3 to 4]; returns the points of the gradient."""
    theta, v, path = START, np.zeros(P), []
    for t in range(1, N_STEPS + 1):
        v = optimizer.momentum * v - RATE * slope(theta + optimizer.momentum * v, t)
        theta = theta + v
        path.append(theta + optimizer.momentum * v)
    return path


def adam_path(optimizer):
    """Adam [Kingma & Ba 2015, algorithm 1, with alpha_t of the end of section 2]."""
    theta, m, v, path = START, np.zeros(P), np.zeros(P), []
    for t in range(1, N_STEPS + 1):
        g = slope(theta, t)
        m = optimizer.beta_1 * m + (1 - optimizer.beta_1) * g
        v = optimizer.beta_2 * v + (1 - optimizer.beta_2) * g**2
        alpha_t = RATE * np.sqrt(1 - optimizer.beta_2**t) / (1 - optimizer.beta_1**t)
        theta = theta - alpha_t * m / (np.sqrt(v) + optimizer.epsilon)
        path.append(theta)
    return path


def nadam_path(optimizer):
    """NAdam [Dozat 2016, algorithm 2], with the warming momentum of its section 3.4."""
    theta, m, v, path = START, np.zeros(P), np.zeros(P), []

    def mu(t):
        return optimizer.beta_1 * (1 - 0.5 * 0.96 ** (t * optimizer.momentum_decay))

    product = 1.0
    for t in range(1, N_STEPS + 1):
        g = slope(theta, t)
        product *= mu(t)
        g_hat = g / (1 - product)
        m = optimizer.beta_1 * m + (1 - optimizer.beta_1) * g
        m_hat = m / (1 - product * mu(t + 1))
        v = optimizer.beta_2 * v + (1 - optimizer.beta_2) * g**2
        v_hat = v / (1 - optimizer.beta_2**t)
        m_bar = (1 - mu(t)) * g_hat + mu(t + 1) * m_hat
        theta = theta - RATE * m_bar / (np.sqrt(v_hat) + optimizer.epsilon)
        path.append(theta)
    return path


def rmsprop_path(optimizer):
    """RMSprop [Tieleman & Hinton 2012, slide 29]."""
    theta, v, path = START, np.zeros(P), []
    for t in range(1, N_STEPS + 1):
        g = slope(theta, t)
        v = optimizer.rho * v + (1 - optimizer.rho) * g**2
        theta = theta - RATE * g / (np.sqrt(v) + optimizer.epsilon)
        path.append(theta)
    return path


PAPERS = [
    (SGD(0.0, nesterov=False), momentum_path),
    (SGD(0.9, nesterov=False), momentum_path),
    (SGD(0.0, nesterov=True), nesterov_path),
    (SGD(0.9, nesterov=True), nesterov_path),
    (SGD(1.0, nesterov=True), nesterov_path),
    (Adam(), adam_path),
    (Adam(beta_1=0.0), adam_path),
    (Adam(beta_2=0.0, epsilon=0.1), adam_path),
    (Adam(0.5, 0.7, 0.1), adam_path),
    (NAdam(), nadam_path),
    (NAdam(beta_1=0.0), nadam_path),
    (NAdam(beta_2=0.0, epsilon=0.1), nadam_path),
    (NAdam(0.5, 0.7, 0.1, 0.3), nadam_path),
    (NAdam(momentum_decay=0.0), nadam_path),
    (RMSprop(), rmsprop_path),
    (RMSprop(rho=0.0, epsilon=0.1), rmsprop_path),
    (RMSprop(0.5, 1e-3), rmsprop_path),
]
FIELDS = [
    (SGD(), {"momentum": 0.8}),
    (SGD(), {"nesterov": False}),
    (Adam(), {"beta_1": 0.8}),
    (Adam(), {"beta_2": 0.99}),
    (Adam(), {"epsilon": 1e-2}),
    (NAdam(), {"beta_1": 0.8}),
    (NAdam(), {"beta_2": 0.99}),
    (NAdam(), {"epsilon": 1e-2}),
    (NAdam(), {"momentum_decay": 1.0}),
    (RMSprop(), {"rho": 0.8}),
    (RMSprop(), {"epsilon": 1e-1}),
]
STACKS = [
    [SGD(0.5), SGD(0.9), SGD(0.0)],
    [SGD(0.5, nesterov=False), SGD(0.9, nesterov=False), SGD(0.0, nesterov=False)],
    [Adam(0.5), Adam(0.9), Adam(0.0)],
    [Adam(beta_2=0.9), Adam(beta_2=0.999), Adam(beta_2=0.99)],
    [Adam(epsilon=1e-1), Adam(epsilon=1e-8), Adam(epsilon=1e-3)],
    [Adam(), Adam(), Adam()],
    [NAdam(0.5), NAdam(0.9), NAdam(0.0)],
    [NAdam(beta_2=0.9), NAdam(beta_2=0.999), NAdam(beta_2=0.99)],
    [NAdam(epsilon=1e-1), NAdam(epsilon=1e-8), NAdam(epsilon=1e-3)],
    [NAdam(), NAdam(), NAdam()],
    [RMSprop(0.5), RMSprop(0.9), RMSprop(0.0)],
    [RMSprop(epsilon=1e-1), RMSprop(epsilon=1e-8), RMSprop(epsilon=1e-3)],
]


def test_every_optimizer_and_field_is_tested_here():
    assert {type(optimizer) for optimizer, _ in PAPERS} == set(OPTIMIZERS.values())
    tested = {(type(optimizer), name) for optimizer, change in FIELDS for name in change}
    assert tested == {(cls, field.name) for cls in OPTIMIZERS.values() for field in fields(cls)}


def test_names_in_the_table_are_those_of_the_optimizers():
    assert all(optimizer.name == name for name, optimizer in OPTIMIZERS.items())


@pytest.mark.parametrize(("optimizer", "paper"), PAPERS, ids=[repr(optimizer) for optimizer, _ in PAPERS])
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-12), ("float32", 1e-4)])
def test_path_is_that_of_the_paper(optimizer, paper, dtype, atol):
    np.testing.assert_allclose(run([optimizer], dtype=dtype)[:, 0], paper(optimizer), rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("optimizer", "change"), FIELDS, ids=[f"{kind.name} {change}" for kind, change in FIELDS]
)
def test_every_field_changes_the_path(optimizer, change):
    changed = type(optimizer)(**change)
    assert np.abs(run([changed])[-1] - run([optimizer])[-1]).max() > 1e-3


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=OPTIMIZERS)
def test_learning_rate_changes_the_path(optimizer):
    assert np.abs(run([optimizer], 2 * RATE)[-1] - run([optimizer])[-1]).max() > 1e-3


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=OPTIMIZERS)
def test_first_step_of_rate_zero_moves_nothing(optimizer):
    np.testing.assert_array_equal(run([optimizer], 0.0, n_steps=1)[0, 0], START)


EVERY_STACK = pytest.mark.parametrize("optimizers", STACKS, ids=[repr(stack[0]) for stack in STACKS])
RATES = (0.1, 0.05, 0.02)


@EVERY_STACK
@pytest.mark.parametrize("block", [1, 3])
def test_blocks_do_not_matter(optimizers, block):
    """To rounding: numpy's vector loops may treat a rest of a row in another way."""
    expected = run(optimizers, RATES)
    np.testing.assert_allclose(run(optimizers, RATES, block=block), expected, rtol=1e-12, atol=1e-13)


@EVERY_STACK
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_networks_of_different_hyperparameters_move_as_each_alone(optimizers, dtype):
    together = run(optimizers, RATES, dtype=dtype)
    for k, optimizer in enumerate(optimizers):
        np.testing.assert_array_equal(together[:, k], run([optimizer], RATES[k], dtype=dtype)[:, 0])


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=OPTIMIZERS)
def test_networks_at_different_steps_move_as_each_alone(optimizer):
    """The correction of the moments counts the steps of each network."""
    first_steps, rate = np.array([[1], [2], [7], [4001]]), np.full((5, 4, 1), RATE)
    t = np.arange(5.0)[:, np.newaxis, np.newaxis] + first_steps
    together = stacked([optimizer] * 4).constants(rate, t)
    for k in range(4):
        alone = stacked([optimizer]).constants(rate[:, [k]], t[:, [k]])
        for ours, whole in zip(alone, together, strict=True):
            expected = np.broadcast_to(whole, t.shape)[:, [k]]
            np.testing.assert_array_equal(np.broadcast_to(ours, expected.shape), expected)


def test_nadam_is_finite_and_alike_after_many_steps():
    t = np.full((1, 1, 1), 1_000_003.0)
    along, ahead, *_ = NAdam().constants(np.full_like(t, RATE), t)
    scale = np.sqrt(1 - 0.999)
    np.testing.assert_allclose(along, RATE * 0.9 * 0.1 / scale, rtol=1e-12)
    np.testing.assert_allclose(ahead, RATE * 0.1 / scale, rtol=1e-12)


@EVERY_STACK
def test_kept_networks_move_as_before(optimizers):
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(run(optimizers, RATES, mask=mask), run(optimizers, RATES)[:, mask])


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_update_makes_no_arrays(optimizer, dtype):
    shape = (1, 100_003)
    theta, gradient, *arrays = np.ones((2 + optimizer.n_moments + optimizer.n_scratch, *shape), dtype=dtype)
    rate = t = np.ones((1, 1, 1))
    constants = tuple(np.asarray(c, dtype=dtype) for c in stacked([optimizer]).constants(rate, t))
    tracemalloc.start()
    try:
        optimizer.update(theta, gradient, tuple(arrays), tuple(c.reshape(()) for c in constants))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < theta.nbytes / 100


WRONG = [
    (SGD, "momentum", [-0.1, 1.1, np.nan]),
    (Adam, "beta_1", [-0.1, 1.0, 2.0, np.nan]),
    (Adam, "beta_2", [-0.1, 1.0]),
    (Adam, "epsilon", [0.0, -1e-8, np.inf]),
    (NAdam, "beta_1", [-0.1, 1.0]),
    (NAdam, "beta_2", [-0.1, 1.0]),
    (NAdam, "epsilon", [0.0, np.nan]),
    (NAdam, "momentum_decay", [-1e-3, np.inf]),
    (RMSprop, "rho", [-0.1, 1.5]),
    (RMSprop, "epsilon", [0.0]),
]


@pytest.mark.parametrize(
    ("cls", "name", "value"), [(cls, name, value) for cls, name, values in WRONG for value in values]
)
@pytest.mark.parametrize("column", [False, True], ids=["number", "column"])
def test_values_without_a_meaning_are_refused(cls, name, value, column):
    wrong = np.array([[getattr(cls(), name)], [value]]) if column else value
    with pytest.raises(ValueError, match=rf"(?s)^{cls.__name__}\({name}=.*: {name} must be .+\.$"):
        cls(**{name: wrong})


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, _ in PAPERS], ids=repr)
def test_pickles_to_an_equal_one(optimizer):
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
