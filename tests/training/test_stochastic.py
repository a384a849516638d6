"""A stack equals its members: whatever happens to one network, the others do not feel it."""

import tracemalloc
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse

from skmlp.compiled.config import config_context
from skmlp.network.layers import Dropout
from skmlp.network.losses import BinaryLogLoss, Focal, Huber, LogLoss, Poisson, SquaredError
from skmlp.network.normalizations import BatchNormalization, LayerNormalization
from skmlp.training import stack
from skmlp.training.optimizers import OPTIMIZERS, SGD, Adam, NAdam, RMSprop
from skmlp.training.result import Monitor
from skmlp.training.schedules import (
    Adaptive,
    Constant,
    Cosine,
    FlatCosine,
    InverseScaling,
    Linear,
    OneCycle,
    Schedule,
)
from skmlp.training.stack import clip, sweep
from skmlp.training.state import Curves, State
from skmlp.training.stopping import StopReason
from tests.crossing import crossed
from tests.network.problems import naive_losses, naive_raw_scores
from tests.training.problems import Member, N, Training, X, assert_equal_states, train

ADAM = [
    Member(2, 0.01, 0.1, 0.0, Adam(0.9, 0.999)),
    Member(3, 0.03, 0.0, 0.1, Adam(0.5, 0.99)),
    Member(5, 0.002, 2.0, 0.01, Adam(0.0, 0.9, 1e-3)),
]
NESTEROV = [
    replace(member, optimizer=SGD(momentum)) for member, momentum in zip(ADAM, (0.9, 0.5, 0.0), strict=True)
]
MOMENTUM = [replace(member, optimizer=replace(member.optimizer, nesterov=False)) for member in NESTEROV]
NADAM = [
    replace(member, optimizer=NAdam(*numbers))
    for member, numbers in zip(ADAM, [(0.9, 0.999), (0.5, 0.99), (0.0, 0.9, 1e-3)], strict=True)
]
RMSPROP = [
    replace(member, optimizer=RMSprop(rho)) for member, rho in zip(ADAM, (0.9, 0.5, 0.0), strict=True)
]
REGULARIZED = [
    replace(member, weight_decay=decay, max_grad_norm=norm)
    for member, decay, norm in zip(NESTEROV, (0.7, 0.0, 0.1), (np.inf, 0.05, 0.3), strict=True)
]
STACKS = {
    "adam": ADAM,
    "nesterov": NESTEROV,
    "momentum": MOMENTUM,
    "nadam": NADAM,
    "rmsprop": RMSPROP,
    "regularized": REGULARIZED,
}
EVERY_STACK = pytest.mark.parametrize("members", STACKS.values(), ids=STACKS)
SCHEDULES = [
    Constant(),
    InverseScaling(power_t=0.3),
    Adaptive(),
    Linear(),
    Cosine(),
    OneCycle(),
    Constant(warmup=0.4),
    Adaptive(warmup=0.4),
]
EVERY_SCHEDULE = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)

FOLDS = [tuple(range(40)), tuple(range(13, 53)), (*range(20), *range(33, 53))]  # 40 rows each
UNEQUAL = [tuple(range(39)), tuple(range(12, 53)), tuple(range(13, 53))]  # 39, 41 and 40 rows
SAMPLE_WEIGHT = np.random.default_rng(7).uniform(0.5, 2, size=N)

OPTIONS = {
    "defaults": {},
    "one output": {"n_outputs": 1},
    "poisson": {"loss": Poisson()},
    "yes or no": {"loss": BinaryLogLoss()},
    "classes": {"loss": LogLoss(group_sizes=(2,))},
    "relu": {"activation": "relu"},
    "float32": {"dtype": "float32"},
    "sparse": {"make": sparse.csr_matrix},
    "weighted": {"sample_weight": SAMPLE_WEIGHT},
    "batches of one": {"batch_size": 1, "max_iter": 3},
    "one batch": {"batch_size": N},
    "one batch, one output": {"batch_size": N, "n_outputs": 1},
    "binary, relu": {"n_outputs": 1, "activation": "relu", "loss": BinaryLogLoss()},
    "unshuffled": {"shuffle": False},
    "impatient": {"patience": 1, "max_iter": 29},
    "impatient, adaptive": {"patience": 1, "max_iter": 29, "schedule": Adaptive()},
    "invscaling": {"schedule": InverseScaling(power_t=0.3)},
    "cosine": {"schedule": Cosine()},
    "warmup": {"schedule": Constant(warmup=0.4)},
    "dropout": {"dropout": (0.3,)},
    "scheduled": {
        "dropout": (0.3,),
        "weight_decay_schedule": Cosine(),
        "dropout_schedule": FlatCosine(),
    },
    "batch normalization": {"normalization": BatchNormalization()},
    "layer normalization": {"normalization": LayerNormalization()},
    "weighted, normalized, dropped": {
        "sample_weight": SAMPLE_WEIGHT,
        "normalization": BatchNormalization(),
        "dropout": (0.3,),
    },
    "float32, normalized, dropped": {
        "dtype": "float32",
        "normalization": BatchNormalization(),
        "dropout": (0.3,),
    },
    "impatient, dropped, one cycle": {
        "patience": 1,
        "max_iter": 29,
        "dropout": (0.3,),
        "schedule": OneCycle(),
    },
    "huber": {"loss": Huber(0.7)},
    "focal": {"loss": Focal(group_sizes=(2,))},
}


def assert_stack_equals_members(members, rtol=0.0, atol=0.0, **options):
    together = train(*members, **options)
    alone = [train(member, **options) for member in members]
    for k, one in enumerate(alone):
        assert together.reasons[k] is one.reasons[0]
        curves = together.curves.losses[k], one.curves.losses[0]
        np.testing.assert_allclose(*curves, rtol=rtol, atol=atol)
        np.testing.assert_allclose(together.theta[k], one.theta[0], rtol=rtol, atol=atol)
        own = together.state.take([k])
        own.order = own.order[:, : one.state.order.shape[1]]  # without the padding
        assert_equal_states(own, one.state, rtol=rtol, atol=atol)
    return together


class Recorder(Monitor):
    """Keeps what it is told."""

    def __init__(self):
        self.epochs, self.thetas, self.begun = [], [], []

    def begin(self, index):
        self.begun.append(index)

    def end(self, epoch):
        self.epochs.append(epoch)
        self.thetas.append(epoch.theta.copy())
        return False


class Leaver(Monitor):
    """Asks to stop, or raises, in epoch 4."""

    def __init__(self, error=None, where="end"):
        self.error, self.where = error, where

    def _act(self, index, where):
        if index == 4 and where == self.where:
            if self.error is not None:
                raise self.error
            return True
        return False

    def begin(self, index):
        self._act(index, "begin")

    def end(self, epoch):
        return self._act(epoch.index, "end")


# A stack equals its members


@crossed(members=STACKS, options=OPTIONS)
def test_stack_equals_its_members_bit_for_bit(members, options):
    assert_stack_equals_members(members, **options)


@crossed(members=STACKS, options=OPTIONS)
def test_folds_of_equal_size_equal_each_alone_bit_for_bit(members, options):
    members = [replace(member, rows=rows) for member, rows in zip(members, FOLDS, strict=True)]
    assert_stack_equals_members(
        members, **{**options, "batch_size": min(40, options.get("batch_size", 17))}
    )


@EVERY_STACK
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("options", [{}, {"sample_weight": SAMPLE_WEIGHT}, {"make": sparse.csr_matrix}])
def test_folds_of_unequal_size_equal_each_alone_to_rounding(members, n_outputs, options):
    members = [replace(member, rows=rows) for member, rows in zip(members, UNEQUAL, strict=True)]
    assert_stack_equals_members(members, rtol=1e-11, atol=1e-12, n_outputs=n_outputs, **options)


@EVERY_STACK
@pytest.mark.parametrize("normalization", [BatchNormalization(), LayerNormalization()], ids=repr)
@pytest.mark.parametrize("n_rows", [(39, 41, 40), (35, 41, 40)], ids=["", "one of a single row"])
def test_last_batches_of_unequal_size_are_normalized_as_alone(members, normalization, n_rows):
    members = [replace(member, rows=tuple(range(n))) for member, n in zip(members, n_rows, strict=True)]
    assert_stack_equals_members(members, rtol=1e-9, atol=1e-10, normalization=normalization)


@pytest.mark.parametrize("cls", [Adam, NAdam])
def test_one_step_an_epoch_is_the_same_arithmetic(cls):
    """numpy squares a single number where it computes the power of many: 5 % of these differ in step 2."""
    members = [Member(optimizer=cls(beta_1=beta, beta_2=beta)) for beta in np.linspace(0.5, 0.999, 100)]
    assert_stack_equals_members(members, batch_size=N, max_iter=3)


@pytest.mark.parametrize(("at_least", "at_most"), [(1, 1), (1, 9), (1, 1000), (100, 1000)])
def test_constants_are_the_same_however_many_are_computed_at_a_time(at_least, at_most, monkeypatch):
    expected = train(*NADAM, schedule=OneCycle(), batch_size=5)
    monkeypatch.setattr("skmlp.training.stack.STEPS_AHEAD", at_least)
    monkeypatch.setattr("skmlp.training.stack.ROWS_AHEAD", at_least)
    monkeypatch.setattr("skmlp.training.stack.CONSTANTS_AT_A_TIME", at_most)
    found = train(*NADAM, schedule=OneCycle(), batch_size=5)
    np.testing.assert_array_equal(found.theta, expected.theta)


@pytest.mark.parametrize(
    "field", ["seed", "rate", "alpha", "tol", "optimizer", "rows", "weight_decay", "max_grad_norm"]
)
def test_each_member_has_its_own(field):
    """What the stacks above differ in does matter, and one network differing in it is enough."""
    other = replace(ADAM[1], rows=FOLDS[1], weight_decay=0.5, max_grad_norm=0.01)
    members = [Member(rows=FOLDS[0]), replace(Member(rows=FOLDS[0]), **{field: getattr(other, field)})]
    result = train(*members, patience=0, max_iter=59)
    assert len(result.curves.losses[0]) > 1
    assert np.abs(result.theta[0] - result.theta[1]).max() > 1e-3
    assert_stack_equals_members(members, patience=0, max_iter=59)


def test_dropping_networks_of_unequal_folds_changes_nothing():
    tols = [1e9, 0.0, -np.inf]
    members = [
        replace(member, rows=rows, tol=tol) for member, rows, tol in zip(ADAM, UNEQUAL, tols, strict=True)
    ]
    result = assert_stack_equals_members(members, patience=2, rtol=1e-11, atol=1e-12)
    assert len(result.curves.losses[0]) < len(result.curves.losses[2])


# What one network's training is


def one(i, n):
    return 1.0


def plain_training(
    member,
    *,
    n_epochs=3,
    factor=one,
    decay_factor=one,
    dropout_factor=one,
    planned=None,
    first_step=0,
    **options,
):
    """Return parameters (P,) and losses of one network, by a loop with nothing clever in it.

    ``factor(i, n)`` is that on the rate in step i of n = 4 ``planned``, and beyond the plan as at its end;
    so are those on weight decay and, in the first step of an epoch, on the rates of dropout.
    """
    training, optimizer = Training([member], **options), member.optimizer
    theta, (random_state,) = training.state.theta.copy(), training.state.random_states
    training.objective.training.streams = training.state.streams
    view, sample_weight = training.network.layout.view, options.get("sample_weight")
    n_penalized = training.network.layout.n_penalized
    moments = np.zeros((optimizer.n_moments, *theta.shape))
    gradient, order, losses, t = view(np.empty_like(theta)), np.arange(N), [], 0
    for _ in range(n_epochs):
        permutation = np.arange(N)
        random_state.shuffle(permutation)
        order, loss = order[permutation], 0.0
        n = 4 * (planned or n_epochs)
        training.objective.training.dropout_factor = dropout_factor(min(first_step + t, n), n)
        for start in range(0, N, 17):
            step = min(first_step + t, n), n
            rate, decay = member.rate * factor(*step), member.weight_decay * decay_factor(*step)
            rows, t = order[start : start + 17], t + 1
            weights = None if sample_weight is None else sample_weight[np.newaxis, rows]
            x, y = X[np.newaxis, rows], training.y[np.newaxis, rows]
            (value,) = training.objective.value_and_gradient(
                view(theta), x, y, weights, gradient, reported=True
            )
            loss += len(rows) * value / N
            norm = np.linalg.norm(gradient.flat)
            if norm > member.max_grad_norm:
                gradient.flat[...] = gradient.flat * member.max_grad_norm / norm
            theta[:, :n_penalized] -= rate * decay * theta[:, :n_penalized]
            constants = optimizer.constants(np.full((1, 1, 1), rate), np.full((1, 1, 1), float(t)))
            arrays = *moments, *np.empty((optimizer.n_scratch, *theta.shape))
            optimizer.update(theta, gradient.flat, arrays, tuple(np.ravel(c)[0] for c in constants))
        losses.append(loss)
    return theta[0], losses


def assert_plain(result, theta, losses, k=0):
    np.testing.assert_allclose(result.theta[k], theta, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(result.curves.losses[k], losses, rtol=1e-11)


@EVERY_STACK
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sample_weight": SAMPLE_WEIGHT},
        {"dropout": (0.3,)},
        {"normalization": BatchNormalization()},
        {"sample_weight": SAMPLE_WEIGHT, "dropout": (0.3,), "normalization": BatchNormalization()},
    ],
    ids=["", "weighted", "dropout", "batch normalization", "all"],
)
def test_an_epoch_is_one_step_per_batch_in_the_order_of_the_random_stream(members, options):
    result = train(*members, max_iter=3, **options)
    for k, member in enumerate(members):
        assert_plain(result, *plain_training(member, **options), k)


FACTORS = {
    "linear": (Linear(), lambda i, n: 1 - i / n),
    "cosine": (Cosine(), lambda i, n: 0.5 * (1 + np.cos(np.pi * i / n))),
    "flat_cosine": (FlatCosine(), lambda i, n: 0.5 * (1 + np.cos(np.pi * (max(1, 2 * i / n) - 1)))),
    "warmup": (Constant(warmup=0.4), lambda i, n: min(1, (i + 1) / (0.4 * n))),
    "linear after warmup": (Linear(warmup=0.4), lambda i, n: min(1, (i + 1) / (0.4 * n)) * (1 - i / n)),
}
EVERY_FACTOR = pytest.mark.parametrize(("schedule", "factor"), FACTORS.values(), ids=FACTORS)


@EVERY_STACK
@EVERY_FACTOR
def test_every_step_has_a_rate_of_its_own(members, schedule, factor):
    result = train(*members, schedule=schedule, max_iter=3)
    for k, member in enumerate(members):
        assert_plain(result, *plain_training(member, factor=factor), k)
        assert result.state.rate[k] == member.rate


@EVERY_FACTOR
@pytest.mark.parametrize(("n_epochs", "first_step"), [(7, 0), (7, 11), (5, 0), (3, 2)])
def test_a_plan_may_be_longer_and_have_begun(schedule, factor, n_epochs, first_step):
    training = Training(REGULARIZED, schedule=schedule)
    result = training.solver(3, n_epochs=n_epochs, first_step=first_step).train(training.state)
    for k, member in enumerate(REGULARIZED):
        plan = {"planned": n_epochs, "first_step": first_step}
        assert_plain(result, *plain_training(member, factor=factor, **plan), k)


@EVERY_FACTOR
@pytest.mark.parametrize(("n_epochs", "first_step"), [(3, 0), (7, 11), (3, 2)])
def test_weight_decay_and_dropout_follow_the_same_plan(schedule, factor, n_epochs, first_step):
    scheduled = {"weight_decay_schedule": schedule, "dropout_schedule": schedule}
    training = Training(REGULARIZED, schedule=Linear(), dropout=(0.3,), **scheduled)
    result = training.solver(3, n_epochs=n_epochs, first_step=first_step).train(training.state)
    factors = {"factor": FACTORS["linear"][1], "decay_factor": factor, "dropout_factor": factor}
    plan = {"planned": n_epochs, "first_step": first_step}
    for k, member in enumerate(REGULARIZED):
        assert_plain(result, *plain_training(member, dropout=(0.3,), **factors, **plan), k)


def test_each_epoch_has_its_rate_of_dropout(monkeypatch):
    """The units of five epochs, of which the last leaves none out."""

    @dataclass(frozen=True, kw_only=True)
    class Falling(Schedule):
        def factor(self, progress):
            return np.maximum(0, 1 - 1.25 * progress)

    left_out, forward = [], Dropout.forward

    def counted(layer, parameters, trace):
        forward(layer, parameters, trace)
        if trace.training is not None:
            left_out.append((trace.memo == 0).sum(axis=(1, 2)))

    monkeypatch.setattr(Dropout, "forward", counted)
    monkeypatch.setattr("tests.training.problems.HIDDEN", (2000,))
    with config_context(compiled=False):
        train(*ADAM[:2], dropout=(0.4,), dropout_schedule=Falling(), max_iter=5)
    shares = np.reshape(left_out, (5, 4, 2)).sum(axis=1) / (N * 2000)
    for share, factor in zip(shares, (1, 0.75, 0.5, 0.25, 0), strict=True):
        np.testing.assert_allclose(share, 0.4 * factor, atol=5 * np.sqrt(0.25 / (N * 2000)) * bool(factor))


@pytest.mark.parametrize("name", ["weight_decay_schedule", "dropout_schedule"])
def test_factors_of_one_change_no_bit(name):
    @dataclass(frozen=True, kw_only=True)
    class Ones(Schedule):
        pass

    expected = train(*REGULARIZED, dropout=(0.3,))
    found = train(*REGULARIZED, dropout=(0.3,), **{name: Ones(warmup=1e-9)})
    np.testing.assert_array_equal(found.theta, expected.theta)


def test_a_rate_of_dropout_beyond_one_is_an_error_that_says_so():
    @dataclass(frozen=True, kw_only=True)
    class Rising(Schedule):
        def factor(self, progress):
            return 1 + 9 * progress

    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        train(*ADAM, dropout=(0.3,), dropout_schedule=Rising())


@EVERY_FACTOR
def test_a_plan_continues_after_a_network_has_left(schedule, factor):
    tols = (1e9, -np.inf, -np.inf)
    members = [replace(member, tol=tol) for member, tol in zip(REGULARIZED, tols, strict=True)]
    result = train(*members, schedule=schedule, patience=1, max_iter=7)
    for k, n_epochs in enumerate((3, 7, 7)):
        assert len(result.curves.losses[k]) == n_epochs
        expected = plain_training(members[k], n_epochs=n_epochs, planned=7, factor=factor)
        assert_plain(result, *expected, k)


@pytest.mark.parametrize("field", ["weight_decay", "max_grad_norm"])
@pytest.mark.parametrize("optimizer", [SGD(), Adam(), NAdam(), RMSprop()], ids=repr)
def test_each_of_a_stack_is_regularized_by_its_own_number(field, optimizer):
    neutral = Member(optimizer=optimizer, tol=-np.inf)
    numbers = {"weight_decay": (0.0, 0.5, 3.0), "max_grad_norm": (np.inf, 0.3, 0.01)}[field]
    members = [replace(neutral, **{field: number}) for number in numbers]
    result = train(*members, max_iter=5)
    for k, member in enumerate(members):
        assert_plain(result, *plain_training(member, n_epochs=5), k)
    np.testing.assert_array_equal(result.theta[0], train(neutral, max_iter=5).theta[0])
    assert np.abs(result.theta[1:] - result.theta[0]).max(axis=1).min() > 1e-4


def test_weight_decay_shrinks_the_weights_alone_and_by_the_rate():
    """Without a gradient nothing else moves."""
    member = Member(rate=0.1, weight_decay=0.5, optimizer=SGD(), alpha=0.0, max_grad_norm=1e-300)
    training = Training([member], normalization=LayerNormalization())
    start = training.state.theta.copy()
    n_penalized = training.network.layout.n_penalized
    theta = training.run().theta
    np.testing.assert_allclose(
        theta[:, :n_penalized], start[:, :n_penalized] * 0.95 ** (13 * 4), rtol=1e-12
    )
    np.testing.assert_allclose(theta[:, n_penalized:], start[:, n_penalized:], rtol=0, atol=1e-290)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sweeping_makes_zeros_of_what_would_soon_be_subnormal(dtype):
    tiny, eps = np.finfo(dtype).tiny, np.finfo(dtype).eps
    row = np.array([0, 1, -1, tiny / 4, -tiny, tiny / (2 * eps), -2 * tiny / eps, np.nan, np.inf], dtype)
    moments = np.array([[row, row, row], [-row, -row, -row]])
    sweep(moments, np.array([True, False, True]))
    swept = np.array([0, 1, -1, 0, 0, 0, -2 * tiny / eps, np.nan, np.inf], dtype)
    np.testing.assert_array_equal(moments, [[swept, row, swept], [-swept, -row, -swept]])


@pytest.mark.parametrize("optimizer", [ADAM[0], NESTEROV[0]], ids=["adam", "sgd"])
def test_moments_of_units_that_died_do_not_become_subnormal(optimizer, monkeypatch):
    def trained():
        training = Training(
            [replace(optimizer, alpha=0.0, rate=1e-3)], activation="relu", dtype="float32", max_iter=300
        )
        training.network.layout.view(training.state.theta).layers[0][1][...] = -1e3  # no unit is active
        training.state.moments[...] = 1e-7
        return training.run()

    swept = trained()
    monkeypatch.setattr(stack, "STEPS_BETWEEN_SWEEPS", 10**9)
    unswept = trained()

    def n_subnormal(result):
        moments = np.abs(result.state.moments)
        return np.count_nonzero((moments > 0) & (moments < np.finfo("float32").tiny))

    assert n_subnormal(unswept) > 0
    assert n_subnormal(swept) == 0
    np.testing.assert_array_equal(swept.theta, unswept.theta)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clip_shortens_long_gradients_only(dtype):
    gradient = np.random.default_rng(0).normal(size=(4, 37)).astype(dtype)
    norms = np.linalg.norm(gradient, axis=1)
    clipped = gradient.copy()
    clip(clipped, np.array([0.5, 1.001, 0.1, np.inf]) * norms)
    assert clipped.dtype == dtype
    np.testing.assert_array_equal(clipped[[1, 3]], gradient[[1, 3]])
    np.testing.assert_allclose(clipped[0], 0.5 * gradient[0], rtol=1e-6)
    np.testing.assert_allclose(clipped[2], 0.1 * gradient[2], rtol=1e-6)


def test_a_gradient_of_zero_is_left_alone():
    gradient = np.zeros((1, 7))
    with np.errstate(divide="ignore"):
        clip(gradient, np.ones(1))
    np.testing.assert_array_equal(gradient, 0)


def test_a_gradient_that_is_not_finite_is_not_made_finite():
    """It is found, and named divergence."""
    members = [replace(NESTEROV[1], optimizer=SGD(), rate=1e300, max_grad_norm=1e300), ADAM[0]]
    members[1] = replace(members[1], optimizer=SGD(), max_grad_norm=1.0)
    result = assert_stack_equals_members(members)
    assert result.reasons == [StopReason.DIVERGED, StopReason.MAX_ITER]


def test_normalized_networks_are_trained_on_batches_and_remember_their_statistics():
    training = Training([ADAM[0]], normalization=BatchNormalization(), max_iter=201)
    result = training.run()
    layers = training.network.layout.view(result.theta).layers
    (weights,), (_, _, mean, variance), *_ = layers
    z = X @ weights[0]
    np.testing.assert_allclose(mean[0, 0], z.mean(axis=0), atol=0.5 * z.std(axis=0).max())
    np.testing.assert_allclose(variance[0, 0], z.var(axis=0), rtol=0.5)
    scores = training.network.output(layers, X)
    half_squared_error = np.square(scores[0] - training.y).mean() / 2
    np.testing.assert_allclose(half_squared_error, result.losses[0], rtol=0.1)


@pytest.mark.parametrize(
    "loss", [SquaredError(), LogLoss(group_sizes=(2,))], ids=["squared_error", "log_loss"]
)
def test_loss_curve_is_the_loss_that_scikit_learn_reports(loss):
    """At rate zero and without penalty it is the mean loss, over the outputs too for squared error."""
    training = Training([Member(rate=0.0, alpha=0.0)], loss=loss, max_iter=3)
    z = naive_raw_scores(training.network, training.state.theta[0], X, "tanh")
    losses = naive_losses(loss, z, training.y)
    expected = losses.mean() if isinstance(loss, SquaredError) else losses.sum(axis=1).mean()
    np.testing.assert_allclose(training.run().curves.losses[0], [expected] * 3, rtol=1e-12)


@EVERY_STACK
def test_training_lowers_the_loss(members):
    for curve in train(*members, max_iter=101).curves.losses:
        assert curve[-1] < 0.95 * curve[0]


def test_no_epochs_leave_the_start():
    training = Training(ADAM, max_iter=0)
    start = training.state.theta.copy()
    result = training.run()
    np.testing.assert_array_equal(result.theta, start)
    assert result.curves.losses == [[], [], []]


def test_invscaling_counts_samples_and_adaptive_waits_for_a_plateau():
    rates = {
        type(schedule): train(ADAM[0], schedule=schedule, max_iter=2).state.rate[0]
        for schedule in SCHEDULES[:3]
    }
    assert rates == {
        Constant: 0.01,
        InverseScaling: pytest.approx(0.01 / (2 * N + 1) ** 0.3, rel=1e-12),
        Adaptive: 0.01,
    }


# When it ends


def test_networks_that_stop_early_leave_and_the_others_continue():
    members = [replace(member, tol=tol) for member, tol in zip(ADAM, (-np.inf, 1e9, 0.01), strict=True)]
    result = assert_stack_equals_members(members, patience=3, max_iter=59)
    lengths = [len(curve) for curve in result.curves.losses]
    assert lengths[0] == 59
    assert lengths[1] == 1 + 4  # the first epoch always is an improvement
    assert 5 < lengths[2] < 59
    none = StopReason.NO_IMPROVEMENT
    assert result.reasons == [StopReason.MAX_ITER, none, none]


def test_a_network_that_diverges_leaves_its_neighbours_alone():
    members = [ADAM[0], replace(NESTEROV[1], optimizer=Adam(), rate=1e300), ADAM[2]]
    result = assert_stack_equals_members(members)
    assert result.reasons == [StopReason.MAX_ITER, StopReason.DIVERGED, StopReason.MAX_ITER]
    assert len(result.curves.losses[1]) < 3
    assert np.isfinite(result.theta[[0, 2]]).all()


def test_rows_held_out_cannot_make_a_network_diverge():
    """The loss of row 0 is infinite; neither network is trained on it, and the second one is padded."""
    rows = X.copy()
    rows[0] = 1e300
    members = [Member(rows=tuple(range(1, 42))), Member(rows=tuple(range(2, 42)))]
    result = train(*members, activation="identity", make=lambda _: rows)
    assert result.reasons == [StopReason.MAX_ITER] * 2


def test_adaptive_rates_fall_by_five_per_plateau_and_then_training_stops():
    recorder = Recorder()
    members = [Member(rate=1e-5, tol=1e9), Member(rate=1e-4, tol=1e9), Member(rate=1e-4, tol=-np.inf)]
    result = train(*members, schedule=Adaptive(), patience=1, max_iter=23, monitor=recorder)
    lowered = [(epoch.index, epoch.new_rate) for epoch in recorder.epochs if epoch.new_rate]
    assert [index for index, _ in lowered] == [2, 4, 6]
    assert lowered[0][1] == pytest.approx({0: 2e-6, 1: 2e-5})
    assert lowered[1][1] == pytest.approx({0: 4e-7, 1: 4e-6})
    assert lowered[2][1] == pytest.approx({1: 8e-7})  # 0 is stopped
    assert [len(curve) for curve in result.curves.losses] == [7, 9, 23]


@pytest.fixture
def small_scores():
    """A validation score that is best after epoch 2 + k in network k."""
    calls = []

    def validate(theta, networks):
        calls.append(theta.copy())
        scores = np.array([-abs(len(calls) - 3 - k) / 10 for k in networks])
        return scores, len(calls) + networks / 10

    validate.calls = calls
    return validate


def test_validation_keeps_the_best_parameters(small_scores):
    result = train(*ADAM, validate=small_scores, max_iter=11)
    for k in range(3):
        np.testing.assert_array_equal(result.theta[k], small_scores.calls[2 + k][k])
        assert np.argmax(result.curves.scores[k]) == 2 + k
        assert result.state.best[k] == 0
        np.testing.assert_allclose(result.curves.validation_losses[k], np.arange(1, 12) + k / 10)
    np.testing.assert_array_equal(result.state.theta, small_scores.calls[-1])


def test_scores_decide_when_to_stop_and_not_the_loss(small_scores):
    members = [replace(member, tol=0.0, rate=1e-4) for member in ADAM]
    result = train(*members, validate=small_scores, max_iter=31, patience=4)
    assert [len(curve) for curve in result.curves.scores] == [3 + k + 5 for k in range(3)]
    assert [len(curve) for curve in result.curves.validation_losses] == [3 + k + 5 for k in range(3)]
    assert [curve[-1] for curve in result.curves.validation_losses] == [8, 9.1, 10.2]
    assert result.reasons == [StopReason.NO_IMPROVEMENT] * 3
    for k in range(3):
        np.testing.assert_array_equal(result.theta[k], small_scores.calls[2 + k][k])


def test_scores_that_are_not_numbers_are_no_improvement():
    def validate(theta, networks):
        return np.full(len(theta), np.nan), np.zeros(len(theta))

    result = train(*ADAM, validate=validate, patience=2)
    assert [len(curve) for curve in result.curves.scores] == [3, 3, 3]


def test_without_validation_there_are_no_scores_and_losses_of_it():
    result = train(*ADAM)
    assert result.curves.scores == result.curves.validation_losses == [[], [], []]


@EVERY_STACK
def test_a_stack_with_validation_equals_its_members(members):
    held_out = X[:11]

    def validate(theta, networks):
        network = training.network
        z = network.output(network.layout.view(theta).layers, held_out)
        errors = np.square(z - training.y[:11]).mean(axis=(1, 2))
        return -errors, errors / 2

    training = Training(members, validate=validate, patience=2, max_iter=37)
    together = training.run()
    for k, member in enumerate(members):
        alone = train(member, validate=validate, patience=2, max_iter=37)
        assert together.curves.scores[k] == alone.curves.scores[0]
        assert together.curves.validation_losses[k] == alone.curves.validation_losses[0]
        np.testing.assert_array_equal(together.theta[k], alone.theta[0])


# Who watches


def test_monitor_is_told_of_every_epoch():
    recorder = Recorder()
    members = [replace(member, tol=tol) for member, tol in zip(ADAM, (-np.inf, 1e9, 1e9), strict=True)]
    result = train(*members, patience=2, max_iter=7, monitor=recorder)
    assert recorder.begun == [epoch.index for epoch in recorder.epochs] == list(range(7))
    assert [epoch.networks.tolist() for epoch in recorder.epochs] == [[0, 1, 2]] * 4 + [[0]] * 3
    assert recorder.epochs[3].stopped == dict.fromkeys((1, 2), StopReason.NO_IMPROVEMENT)
    assert recorder.epochs[-1].stopped == {0: StopReason.MAX_ITER}
    assert [epoch.loss[0] for epoch in recorder.epochs] == result.curves.losses[0]
    np.testing.assert_array_equal(recorder.thetas[3][1:], result.theta[1:])
    np.testing.assert_array_equal(recorder.thetas[-1], result.theta[:1])


def test_watching_changes_nothing():
    np.testing.assert_array_equal(train(*ADAM, monitor=Recorder()).theta, train(*ADAM).theta)


def test_monitor_can_stop_all_training():
    result = train(*ADAM, monitor=Leaver())
    assert result.reasons == [StopReason.CALLBACK] * 3
    np.testing.assert_array_equal(result.theta, train(*ADAM, max_iter=5).theta)


def test_reason_of_a_network_that_stops_by_itself_is_kept_when_a_monitor_stops_the_rest():
    members = [ADAM[0], replace(ADAM[1], tol=1e9)]
    result = train(*members, patience=3, monitor=Leaver())
    assert result.reasons == [StopReason.CALLBACK, StopReason.NO_IMPROVEMENT]


@pytest.mark.parametrize(("where", "n_epochs"), [("begin", 4), ("end", 5)])
def test_interruption_keeps_the_latest_parameters(where, n_epochs):
    result = train(*ADAM, monitor=Leaver(KeyboardInterrupt(), where))
    assert result.reasons == [StopReason.INTERRUPTED] * 3
    assert [len(curve) for curve in result.curves.losses] == [n_epochs] * 3
    np.testing.assert_array_equal(result.theta, train(*ADAM, max_iter=n_epochs).theta)


def test_interruption_keeps_the_best_parameters_with_validation(small_scores):
    result = train(*ADAM, validate=small_scores, monitor=Leaver(KeyboardInterrupt()))
    for k in range(3):
        np.testing.assert_array_equal(result.theta[k], small_scores.calls[min(2 + k, 4)][k])


def test_interruption_leaves_networks_that_had_stopped_as_they_were():
    members = [ADAM[0], replace(ADAM[1], tol=1e9)]
    result = train(*members, patience=1, monitor=Leaver(KeyboardInterrupt()))
    assert result.reasons == [StopReason.INTERRUPTED, StopReason.NO_IMPROVEMENT]


def test_other_errors_of_a_monitor_are_raised():
    with pytest.raises(RuntimeError, match="no"):
        train(*ADAM, monitor=Leaver(RuntimeError("no")))


# How it continues


@EVERY_STACK
@EVERY_SCHEDULE
@pytest.mark.parametrize("dropout", [(), (0.3,)], ids=["", "dropout"])
def test_two_halves_equal_one_run(members, schedule, dropout):
    """The state, the batches' order and the random streams are all there is to training."""
    options = {"schedule": schedule, "patience": 2, "dropout": dropout}
    if schedule.is_by_the_step():
        options |= {"weight_decay_schedule": schedule, "dropout_schedule": schedule}
    members = [
        replace(member, tol=0.3 if isinstance(schedule, Adaptive) else -np.inf) for member in members
    ]
    expected = train(*members, max_iter=12, **options)
    training = Training(members, **options)
    first = training.solver(max_iter=5, n_epochs=12).train(training.state)
    assert [len(curve) for curve in first.curves.losses] == [5] * len(members)
    second = training.solver(max_iter=12).train(first.state)
    np.testing.assert_array_equal(second.theta, expected.theta)
    assert_equal_states(second.state, expected.state)


@EVERY_STACK
@EVERY_SCHEDULE
def test_a_new_solver_may_begin_anywhere_in_the_plan(members, schedule):
    """Curves that were left aside, as by a warm start, are no part of what is computed."""
    members = [replace(member, tol=-np.inf) for member in members]
    expected = train(*members, schedule=schedule, max_iter=12)
    training = Training(members, schedule=schedule)
    first = training.solver(max_iter=5, n_epochs=12).train(training.state).of(slice(None))
    state = replace(first.state, curves=Curves.start(len(members)))
    second = training.solver(max_iter=7, n_epochs=12, first_step=5 * 4).train(state)
    np.testing.assert_array_equal(second.theta, expected.theta)
    halves = [a + b for a, b in zip(first.curves.losses, second.curves.losses, strict=True)]
    assert halves == expected.curves.losses


@EVERY_STACK
@pytest.mark.parametrize("schedule", [Constant(), InverseScaling(power_t=0.3), Adaptive()], ids=repr)
@pytest.mark.parametrize("dropout", [(), (0.3,)], ids=["", "dropout"])
@pytest.mark.parametrize("validated", [False, True], ids=["", "validated"])
def test_training_continued_from_states_equals_one_longer_training(members, schedule, dropout, validated):
    """Curves, patience and the best parameters continue too; networks stop as they would have."""

    def validate(theta, networks):
        """Prefer parameters of a certain size: scores rise, and fall again."""
        return -np.abs(np.linalg.norm(theta, axis=1) - 2.5), np.abs(theta).sum(axis=1)

    options = {
        "schedule": schedule,
        "patience": 3,
        "dropout": dropout,
        "validate": validate if validated else None,
    }
    members = [replace(member, tol=tol) for member, tol in zip(members, (0.0, 0.05, -np.inf), strict=True)]
    expected = train(*members, max_iter=12, **options)
    training = Training(members, **options)
    first = training.solver(max_iter=3).train(training.state)
    assert first.reasons == [StopReason.MAX_ITER] * 3
    before = [first.state.take([0]), first.state.take([1, 2])]
    kept = deepcopy(before)
    second = training.solver(max_iter=12).train(deepcopy(State.concatenate(before)))
    for name in ("curves", "reasons", "losses"):
        assert getattr(second, name) == getattr(expected, name), name
    np.testing.assert_array_equal(second.theta, expected.theta)
    assert_equal_states(second.state, expected.state)
    for state, as_it_was in zip(before, kept, strict=True):
        assert_equal_states(state, as_it_was)


@EVERY_STACK
@pytest.mark.parametrize(
    ("folds", "dropout"), [(UNEQUAL, ()), (FOLDS, (0.3,))], ids=["unequal folds", "dropout"]
)
def test_networks_of_two_stacks_continue_as_one(members, folds, dropout):
    """The order of a wider stack is continued in a narrower one."""
    members = [replace(member, rows=rows, tol=-np.inf) for member, rows in zip(members, folds, strict=True)]
    options = {"dropout": dropout, "normalization": BatchNormalization()}
    expected = train(members[0], members[2], max_iter=7, **options)
    both = Training(members[:2], **options)
    first = both.solver(max_iter=3).train(both.state).state.take([0])
    alone = Training(members[2:], **options)
    last = alone.solver(max_iter=3).train(alone.state).state
    training = Training([members[0], members[2]], **options)
    result = training.solver(max_iter=7).train(State.concatenate([first, last]))
    np.testing.assert_allclose(result.theta, expected.theta, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(result.curves.losses, expected.curves.losses, rtol=1e-9)


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), OneCycle(), Constant(warmup=0.4)], ids=repr)
def test_a_plan_continues_where_it_was(schedule):
    expected = train(*ADAM, schedule=schedule, max_iter=11)
    training = Training(ADAM, schedule=schedule)
    first = training.solver(max_iter=4, n_epochs=11).train(training.state)
    second = training.solver(max_iter=11).train(first.state)
    np.testing.assert_array_equal(second.theta, expected.theta)
    assert second.curves.rates == expected.curves.rates


def test_continued_training_is_watched_from_its_first_epoch():
    recorder = Recorder()
    training = Training(ADAM)
    first = training.solver(max_iter=3).train(training.state)
    training.settings["monitor"] = recorder
    training.solver(max_iter=5).train(first.state)
    assert recorder.begun == [3, 4]


def test_nothing_is_left_to_do_after_as_many_epochs():
    training = Training(ADAM)
    first = training.solver(max_iter=3).train(training.state)
    states = [first.state.take([k]) for k in range(3)]
    again = training.solver(max_iter=3).train(State.concatenate(states))
    np.testing.assert_array_equal(again.theta, first.theta)
    assert again.curves.losses == first.curves.losses
    assert again.reasons == [StopReason.MAX_ITER] * 3


def test_state_is_overwritten_and_returned():
    training = Training(ADAM)
    result = training.run()
    assert result.state is training.state
    np.testing.assert_array_equal(training.state.theta, result.theta)
    np.testing.assert_array_equal(training.state.samples_seen, 13 * N)
    np.testing.assert_array_equal(training.state.step, 13 * 4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_float32_stays_float32(dtype):
    result = train(*ADAM, dtype=dtype, schedule=InverseScaling())
    assert result.theta.dtype == result.state.moments.dtype == dtype


def test_float32_is_close_to_float64():
    np.testing.assert_allclose(train(*ADAM, dtype="float32").theta, train(*ADAM).theta, rtol=0, atol=1e-4)


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=OPTIMIZERS)
def test_hot_loop_keeps_and_makes_no_arrays(optimizer, monkeypatch):
    """After the first epoch nothing is made that is as large as a hidden layer on a batch."""
    monkeypatch.setattr("tests.training.problems.HIDDEN", (10_007,))
    memory = []

    class Watcher(Monitor):
        def begin(self, index):
            tracemalloc.reset_peak()
            memory.append([tracemalloc.get_traced_memory()[0]])

        def end(self, epoch):
            memory[-1].append(tracemalloc.get_traced_memory()[1])

    members = [replace(member, optimizer=optimizer) for member in REGULARIZED]
    training = Training(members, max_iter=5, monitor=Watcher())
    tracemalloc.start()
    try:
        training.run()
    finally:
        tracemalloc.stop()
    layer_on_a_batch = 3 * 17 * 10_007 * 8
    peaks = [peak - before for before, peak in memory]
    if training.solver().setup.make_steps is None:  # else they were made before
        assert peaks[0] > layer_on_a_batch
    assert max(peaks[1:]) < layer_on_a_batch / 10
    assert memory[-1][0] - memory[1][0] < layer_on_a_batch / 1000
