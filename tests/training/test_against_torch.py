"""Paths of optimizers, learning rates and clipping are those of torch, in float64."""

import numpy as np
import pytest

from skmlp.training.optimizers import SGD, Adam, NAdam, RMSprop
from skmlp.training.schedules import Constant, Cosine, Linear, OneCycle
from skmlp.training.stack import clip

torch = pytest.importorskip("torch")
optim = torch.optim

N_STEPS, P = 101, 7
CURVATURE, TARGET, START = np.linspace(0.1, 3, P), np.linspace(-1, 2, P), np.linspace(2, -3, P)
RATE = 0.05


@pytest.fixture(autouse=True)
def numbers_of_float64():
    """torch keeps the product of NAdam's momenta in its default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def slope(theta, t):
    """Return the gradient of a bowl that sways with t; it does not vanish for long."""
    return CURVATURE * (theta - TARGET) + np.sin(t + np.arange(P))


def path(optimizer, rates, weight_decay=0.0, max_norm=np.inf):
    theta, moments, points = START[np.newaxis].copy(), np.zeros((optimizer.n_moments, 1, P)), []
    for t, rate in enumerate(rates, start=1):
        gradient = slope(theta, t)
        clip(gradient, np.array([max_norm]))
        theta *= 1 - rate * weight_decay
        constants = optimizer.constants(np.full((1, 1, 1), rate), np.full((1, 1, 1), float(t)))
        scratch = np.empty((optimizer.n_scratch, *theta.shape))
        optimizer.update(theta, gradient, (*moments, *scratch), tuple(np.ravel(c)[0] for c in constants))
        points.append(theta[0].copy())
    return np.array(points)


def torch_path(make, make_scheduler=None, max_norm=np.inf):
    theta = torch.tensor(START.copy(), requires_grad=True)
    optimizer, points = make([theta]), []
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    for t in range(1, N_STEPS + 1):
        theta.grad = torch.tensor(slope(theta.detach().numpy(), t))
        if np.isfinite(max_norm):
            torch.nn.utils.clip_grad_norm_([theta], max_norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
        points.append(theta.detach().numpy().copy())
    return np.array(points)


TINY = 1e-30
"""torch's Adam adds epsilon to the corrected root, ours (the end of section 2 of the paper) before."""
OPTIMIZERS = {
    "sgd": (SGD(0.0, nesterov=False), lambda p: optim.SGD(p, RATE)),
    "momentum": (SGD(0.9, nesterov=False), lambda p: optim.SGD(p, RATE, momentum=0.9)),
    "nesterov": (SGD(0.9), lambda p: optim.SGD(p, RATE, momentum=0.9, nesterov=True)),
    "adam": (Adam(epsilon=TINY), lambda p: optim.Adam(p, RATE, eps=TINY)),
    "adam with numbers of its own": (
        Adam(0.5, 0.7, TINY),
        lambda p: optim.Adam(p, RATE, betas=(0.5, 0.7), eps=TINY),
    ),
    "nadam": (NAdam(), lambda p: optim.NAdam(p, RATE)),
    "nadam with numbers of its own": (
        NAdam(0.5, 0.7, 0.1, 0.3),
        lambda p: optim.NAdam(p, RATE, betas=(0.5, 0.7), eps=0.1, momentum_decay=0.3),
    ),
    "rmsprop": (RMSprop(), lambda p: optim.RMSprop(p, RATE, alpha=0.9)),
    "rmsprop with numbers of its own": (
        RMSprop(0.99, 1e-3),
        lambda p: optim.RMSprop(p, RATE, alpha=0.99, eps=1e-3),
    ),
}


@pytest.mark.parametrize(("optimizer", "make"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_path_of_an_optimizer(optimizer, make):
    ours = path(optimizer, [RATE] * N_STEPS)
    np.testing.assert_allclose(ours, torch_path(make), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        (Adam(epsilon=TINY), lambda p: optim.AdamW(p, RATE, eps=TINY, weight_decay=0.3)),
        (NAdam(), lambda p: optim.NAdam(p, RATE, weight_decay=0.3, decoupled_weight_decay=True)),
    ],
    ids=["adam", "nadam"],
)
def test_path_with_decoupled_weight_decay(optimizer, make):
    ours = path(optimizer, [RATE] * N_STEPS, weight_decay=0.3)
    np.testing.assert_allclose(ours, torch_path(make), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 100.0])
def test_path_with_clipped_gradients(max_norm):
    """torch adds 1e-6 to the norm that it divides by."""
    ours = path(SGD(0.5), [RATE] * N_STEPS, max_norm=max_norm)
    theirs = torch_path(lambda p: optim.SGD(p, RATE, momentum=0.5, nesterov=True), max_norm=max_norm)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_clipped_gradient(max_norm):
    gradient = np.random.default_rng(0).normal(size=(1, 37))
    theirs = torch.zeros(37, dtype=torch.float64, requires_grad=True)
    theirs.grad = torch.tensor(gradient[0].copy())
    torch.nn.utils.clip_grad_norm_([theirs], max_norm)
    clip(gradient, np.array([max_norm]))
    np.testing.assert_allclose(gradient[0], theirs.grad, rtol=1e-5)


def warmed(first, then):
    return lambda optimizer: optim.lr_scheduler.ChainedScheduler([first(optimizer), then(optimizer)])


def cosine(optimizer):
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=N_STEPS)


def linear(optimizer):
    return optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=N_STEPS)


def ramp(optimizer):
    """Up to the whole rate in the first 25 steps."""
    return optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / 25, total_iters=24)


WARMUP = 25 / N_STEPS
SCHEDULES = {
    "cosine": (Cosine(), cosine),
    "linear": (Linear(), linear),
    "warmup": (Constant(warmup=WARMUP), ramp),
    "linear after warmup": (Linear(warmup=WARMUP), warmed(ramp, linear)),
}


@pytest.mark.parametrize(("schedule", "make"), SCHEDULES.values(), ids=SCHEDULES)
def test_learning_rates(schedule, make):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], RATE)
    scheduler, rates = make(optimizer), []
    for _ in range(N_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    ours = RATE * schedule.factors(np.arange(N_STEPS), N_STEPS)
    np.testing.assert_allclose(ours, rates, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("rise", "start", "end"), [(0.3, 1 / 25, 1 / 25 / 1e4), (0.5, 0.2, 0.1)])
def test_one_cycle_is_the_same_curve(rise, start, end):
    """torch reaches the top one step before, and the end with the last step."""
    n = 100
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], RATE)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer,
        RATE,
        total_steps=n,
        pct_start=rise,
        div_factor=1 / start,
        final_div_factor=start / end,
        cycle_momentum=False,
    )
    rates = []
    for _ in range(n - 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    rates.append(optimizer.param_groups[0]["lr"])
    top, steps = rise * n - 1, np.arange(n)
    up, down = rise * steps / top, rise + (1 - rise) * (steps - top) / (n - 1 - top)
    progress = np.where(steps < top, up, down)
    ours = OneCycle(rise=rise, start=start, end=end).factor(progress)
    np.testing.assert_allclose(RATE * ours, rates, rtol=1e-9)


@pytest.mark.parametrize(("schedule", "make_scheduler"), SCHEDULES.values(), ids=SCHEDULES)
def test_path_with_a_schedule(schedule, make_scheduler):
    rates = RATE * schedule.factors(np.arange(N_STEPS), N_STEPS)
    ours = path(Adam(epsilon=TINY), rates, weight_decay=0.3)
    theirs = torch_path(lambda p: optim.AdamW(p, RATE, eps=TINY, weight_decay=0.3), make_scheduler)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)
