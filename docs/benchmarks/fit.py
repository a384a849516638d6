"""Time and memory of ``fit``: scikit-learn, skmlp, bare matrix products, torch and JAX side by side.

    python docs/benchmarks/fit.py                            the page fit.md beside this script
    python docs/benchmarks/fit.py --quick --only tiny,mnist  a first look, which writes nothing

numba, torch and JAX are optional (``pip install "skmlp[fast,benchmarks]"``): what is missing has no row.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

import skmlp

PAGE = Path(__file__).with_suffix(".md")
PAUSE = 0.02  # seconds between two measurements, in which idle worker threads go to sleep
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8  # Adam


@dataclass(frozen=True)
class Workload:
    """What is fitted, for how many epochs, and what the ratios should be.

    The epochs make one fit of scikit-learn in float64 last between about 0.3 and 5 seconds.
    """

    name: str
    n: int
    m: int
    hidden: tuple[int, ...]
    classes: int
    batch: int
    epochs: int
    float64: float  # at least: scikit-learn's time / skmlp's, both in float64
    float32: float  # at least: scikit-learn's time / skmlp's with dtype="float32", on the same float64 X
    floor: float | None = None  # at most: skmlp's time / that of the matrix products, in float32
    torch: float = 1.0  # at most: skmlp's time / torch's, in float32
    compiled: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """At least scikit-learn / skmlp in float64 and in float32, at most skmlp / JAX, with numba."""

    @property
    def n_outputs(self) -> int:
        return 1 if self.classes == 2 else self.classes

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.m, *self.hidden, self.n_outputs)

    @property
    def steps(self) -> int:
        return -(-self.n // self.batch)

    def data(self, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
        """Return standard normal X, and y: the classes that a noisy linear teacher assigns."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n, self.m))
        scores = X @ rng.standard_normal((self.m, self.classes)) / self.m**0.5
        scores += 0.3 * rng.standard_normal(scores.shape)
        return X.astype(dtype), scores.argmax(axis=1)


WORKLOADS = [
    Workload("small", 500, 10, (32,), 2, 32, 200, 3.5, 4.0, compiled=(20, 28, 0.45)),
    Workload("tiny", 1000, 20, (100,), 2, 200, 200, 2.5, 3.3, compiled=(4.5, 7, 0.7)),
    Workload("digits", 1797, 64, (100,), 10, 200, 80, 1.7, 3.0, compiled=(2.1, 3.5, 0.6)),
    Workload("medium", 30000, 100, (256, 256), 2, 256, 4, 1.2, 2.6, 1.6, compiled=(1.45, 2.5, 0.9)),
    Workload("mnist", 20000, 784, (256, 128), 10, 128, 3, 1.25, 3.0, 2.2, compiled=(1.5, 2.5, 1.0)),
    Workload("wide", 20000, 100, (1024, 1024), 10, 512, 1, 1.05, 2.6, 1.4, 1.2, (1.05, 2.2, 1.1)),
    Workload("single", 1000, 10, (10,), 2, 1, 6, 4.0, 4.0, compiled=(80, 80, 1.0)),
]
MEMORY_WORKLOADS = ["medium", "mnist", "wide"]


# The competitors: from a workload, X, y and a number of epochs to seconds.

Seconds = Callable[[Workload, np.ndarray, np.ndarray, int], float]


def estimator(module: Any, workload: Workload, epochs: int, **parameters: Any) -> Any:
    return module.MLPClassifier(
        workload.hidden,
        batch_size=workload.batch,
        max_iter=epochs,
        n_iter_no_change=10**9,
        tol=0.0,
        random_state=0,
        **parameters,
    )


def scikit_learn(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    return fit_seconds(estimator(sklearn.neural_network, workload, epochs), X, y, epochs)


def skmlp_as_x_is(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    return fit_seconds(estimator(skmlp, workload, epochs), X, y, epochs)


def skmlp_in_float32(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    return fit_seconds(estimator(skmlp, workload, epochs, dtype="float32"), X, y, epochs)


def compiled(seconds: Seconds) -> Seconds:
    """Return what times the same fit by the compiled engine."""

    def by_numba(*args: Any) -> float:
        with skmlp.config_context(compiled=True):
            return seconds(*args)

    return by_numba


def fit_seconds(model: Any, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
    if model.n_iter_ != epochs:
        raise RuntimeError(f"{model} took {model.n_iter_} epochs instead of {epochs}.")
    return seconds


def matrix_products(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Time the products of the same steps, on arrays that stay where they are, and nothing else."""
    full, rest = divmod(workload.n, workload.batch)
    steps = [(full, products_of_a_step(workload, workload.batch, X.dtype))]
    if rest:
        steps.append((1, products_of_a_step(workload, rest, X.dtype)))
    start = time.perf_counter()
    for _ in range(epochs):
        for count, step in steps:
            for _ in range(count):
                step()
    return time.perf_counter() - start


def products_of_a_step(workload: Workload, n: int, dtype: Any) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    widths = workload.widths
    h = [rng.standard_normal((n, width)).astype(dtype) for width in widths]
    delta = [np.empty_like(a) for a in h]
    delta[-1] = rng.standard_normal((n, widths[-1])).astype(dtype)
    W = [rng.standard_normal(shape).astype(dtype) for shape in pairwise(widths)]
    gradient = [np.empty_like(a) for a in W]
    z = [np.empty_like(a) for a in h]

    def step() -> None:
        for i, weights in enumerate(W):
            np.matmul(h[i], weights, out=z[i + 1])
        for i in range(len(W) - 1, -1, -1):
            np.matmul(h[i].T, delta[i + 1], out=gradient[i])
            if i and widths[i + 1] == 1:  # an outer product: this is its fastest way in numpy
                np.multiply(delta[i + 1], W[i].T, out=delta[i])
            elif i:
                np.matmul(delta[i + 1], W[i].T, out=delta[i])

    return step


def initial_parameters(workload: Workload) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights and biases of each layer as scikit-learn draws them for relu."""
    rng = np.random.default_rng(0)
    parameters = []
    for fan_in, fan_out in pairwise(workload.widths):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        W, b = (rng.uniform(-bound, bound, shape) for shape in [(fan_in, fan_out), fan_out])
        parameters.append((W.astype(np.float32), b.astype(np.float32)))
    return parameters


def torch_eager(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Time the usual loop of torch with its fused Adam."""
    import torch

    binary = workload.n_outputs == 1
    inputs = torch.from_numpy(X)
    targets = torch.from_numpy(y.astype(np.float32)[:, np.newaxis] if binary else y)
    criterion = torch.nn.BCEWithLogitsLoss() if binary else torch.nn.CrossEntropyLoss()
    start = time.perf_counter()
    model = torch_model(workload)
    optimizer = torch.optim.Adam(model.parameters(), RATE, (BETA_1, BETA_2), EPSILON, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(workload.n).split(workload.batch):
            optimizer.zero_grad()
            criterion(model(inputs[index]), targets[index]).backward()
            optimizer.step()
    return time.perf_counter() - start


def torch_model(workload: Workload) -> Any:
    import torch

    layers: list[Any] = []
    for W, b in initial_parameters(workload):
        layer = torch.nn.Linear(*W.shape)
        layer.weight.data, layer.bias.data = torch.tensor(W.T.copy()), torch.tensor(b)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def jax_jit(workload: Workload, X: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Time epochs that are one compiled function each; the warm-up has compiled it."""
    import jax
    import jax.numpy as jnp

    inputs, targets = jnp.asarray(X), jnp.asarray(y)
    epoch = jax_epoch(workload)
    start = time.perf_counter()
    parameters = jax.tree.map(jnp.asarray, initial_parameters(workload))
    m, v = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    state = (parameters, m, v, jnp.zeros(()))
    for key in jax.random.split(jax.random.key(0), epochs):
        state = epoch(state, key, inputs, targets)
    jax.block_until_ready(state)
    return time.perf_counter() - start


@cache
def jax_epoch(workload: Workload) -> Callable[..., Any]:
    import jax

    full, batch = workload.n // workload.batch, workload.batch

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        for W, b in parameters[:-1]:
            x = jax.nn.relu(x @ W + b)
        W, b = parameters[-1]
        z = x @ W + b
        if workload.n_outputs == 1:
            return (jax.nn.softplus(z[:, 0]) - y * z[:, 0]).mean()
        return -(jax.nn.log_softmax(z) * jax.nn.one_hot(y, workload.classes)).sum(axis=1).mean()

    def epoch(state: Any, key: Any, X: Any, y: Any) -> Any:
        def step(state: Any, index: Any) -> tuple[Any, None]:
            return jax_adam(state, jax.grad(loss)(state[0], X[index], y[index])), None

        order = jax.random.permutation(key, workload.n)
        state, _ = jax.lax.scan(step, state, order[: full * batch].reshape(full, batch))
        return step(state, order[full * batch :])[0] if workload.n % batch else state

    return jax.jit(epoch, donate_argnums=0)


def jax_adam(state: Any, gradient: Any) -> Any:
    import jax

    parameters, m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, gradient)
    v = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, gradient)
    rate = RATE * (1 - BETA_2**t) ** 0.5 / (1 - BETA_1**t)
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (v**0.5 + EPSILON), parameters, m, v)
    return parameters, m, v, t


@dataclass(frozen=True)
class Competitor:
    name: str
    dtype: str  # of X
    seconds: Seconds
    package: str = "numpy"

    def installed(self) -> bool:
        return find_spec(self.package) is not None


SKLEARN_64 = Competitor("scikit-learn, float64 X", "float64", scikit_learn)
SKLEARN_32 = Competitor("scikit-learn, float32 X", "float32", scikit_learn)
SKMLP_64 = Competitor("skmlp, float64 X", "float64", skmlp_as_x_is)
SKMLP_TO_32 = Competitor('skmlp, dtype="float32", float64 X', "float64", skmlp_in_float32)
SKMLP_32 = Competitor("skmlp, float32 X", "float32", skmlp_as_x_is)
COMPILED_64 = Competitor("skmlp compiled, float64 X", "float64", compiled(skmlp_as_x_is), "numba")
COMPILED_TO_32 = Competitor(
    'skmlp compiled, dtype="float32", float64 X', "float64", compiled(skmlp_in_float32), "numba"
)
COMPILED_32 = Competitor("skmlp compiled, float32 X", "float32", compiled(skmlp_as_x_is), "numba")
FLOOR_64 = Competitor("floor, float64", "float64", matrix_products)
FLOOR_32 = Competitor("floor, float32", "float32", matrix_products)
TORCH = Competitor("torch, float32 X", "float32", torch_eager, "torch")
JAX = Competitor("JAX, float32 X", "float32", jax_jit, "jax")
COMPILED = [COMPILED_64, COMPILED_TO_32, COMPILED_32]
ESTIMATORS = [SKLEARN_64, SKLEARN_32, SKMLP_64, SKMLP_TO_32, SKMLP_32, *COMPILED]
COMPETITORS = [*ESTIMATORS, FLOOR_64, FLOOR_32, TORCH, JAX]

Times = dict[Competitor, float]


def measure(workload: Workload, repeats: int, epochs: int) -> Times:
    """Return the median time of each installed competitor, in rounds in which all take their turn."""
    data = {dtype: workload.data(dtype) for dtype in ("float64", "float32")}
    competitors = [competitor for competitor in COMPETITORS if competitor.installed()]
    for competitor in competitors:  # warm up: caches, threads, JAX's compiler
        competitor.seconds(workload, *data[competitor.dtype], 1)
    times: dict[Competitor, list[float]] = {competitor: [] for competitor in competitors}
    for _ in range(repeats):
        for competitor in competitors:
            time.sleep(PAUSE)
            times[competitor].append(competitor.seconds(workload, *data[competitor.dtype], epochs))
    return {competitor: statistics.median(seconds) for competitor, seconds in times.items()}


# What options cost, against the same fit without them.


@dataclass(frozen=True)
class Option:
    """Parameters, and for each workload at most how many times a fit without them may be taken."""

    parameters: dict[str, Any]
    limits: dict[str, float | None]

    @property
    def title(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())


OPTION_WORKLOADS = ["small", "tiny", "digits", "medium"]
EVERY = dict.fromkeys(OPTION_WORKLOADS)
OPTIONS = [
    Option({"dropout": 0.2}, EVERY | dict.fromkeys(OPTION_WORKLOADS, 1.25)),
    Option({"normalization": "batch"}, EVERY | dict.fromkeys(OPTION_WORKLOADS, 1.5)),
    Option({"normalization": "layer"}, EVERY),
    Option({"n_members": 8}, {"small": 2.5, "tiny": 8.0}),
]
COMPILED_OPTIONS = [OPTIONS[0], Option({"n_members": 8}, {"small": None, "tiny": 3.0})]
OptionTimes = dict[str, float]  # by title; "" is the fit without options


def measure_options(
    workload: Workload, repeats: int, epochs: int, options: Sequence[Option] = OPTIONS
) -> OptionTimes:
    """Return the median time of fits in float32 with each option and without, in alternating rounds."""
    X, y = workload.data("float32")
    times: dict[str, list[float]] = {}
    for i in range(repeats + 1):
        for option in [Option({}, {}), *options]:
            if option.parameters and workload.name not in option.limits:
                continue
            time.sleep(PAUSE)
            seconds = fit_seconds(estimator(skmlp, workload, epochs, **option.parameters), X, y, epochs)
            if i:  # the first round does not count
                times.setdefault(option.title, []).append(seconds)
    return {title: statistics.median(seconds) for title, seconds in times.items()}


def options_table(results: dict[Workload, OptionTimes], options: Sequence[Option] = OPTIONS) -> str:
    def cell(option: Option, times: OptionTimes) -> str:
        if option.title not in times:
            return "-"
        return f"{times[option.title] / times['']:.2f}"

    header = ["time over that without the option", *(w.name for w in results)]
    rows = [[option.title, *(cell(option, times) for times in results.values())] for option in options]
    return markdown(header, rows)


def options_verdict(results: dict[Workload, OptionTimes], options: Sequence[Option] = OPTIONS) -> str:
    """Return which limits are exceeded."""
    return "\n".join(
        f"- {workload.name}: {option.title} takes more than {limit} times as long"
        for workload, times in results.items()
        for option in options
        if option.title in times and (limit := option.limits[workload.name]) is not None
        if times[option.title] > limit * times[""]
    )


# Growth: one thing at a time becomes larger.

GROWTH = {
    "rows": {n: {"n": n} for n in (250, 1000, 4000, 16000, 64000)},
    "width": {q: {"hidden": (q,)} for q in (8, 32, 128, 512, 2048)},
    "members": {k: {"n_members": k} for k in (1, 2, 4, 8, 16, 32)},
}
"""What grows, from a fit of 1,000 x 20 by a network of 100 units in batches of 200."""


def growth_table(repeats: int) -> str:
    """Return the milliseconds per epoch in float64, for each size and competitor."""
    base = next(w for w in WORKLOADS if w.name == "tiny")
    rows = []
    for what, sizes in GROWTH.items():
        for size, changes in sizes.items():
            members = {k: v for k, v in changes.items() if k == "n_members"}
            workload = base if members else replace(base, **changes)
            X, y = workload.data()
            epochs = max(4, min(40, 4_000_000 // (workload.n * workload.hidden[0])))
            names = ("scikit-learn", "skmlp", "skmlp compiled")
            times: dict[str, list[float]] = {name: [] for name in names}
            for i in range(repeats + 1):
                for name in names:
                    if (name == "scikit-learn" and members) or (
                        name == names[2] and not find_spec("numba")
                    ):
                        continue
                    module = sklearn.neural_network if name == "scikit-learn" else skmlp
                    model = estimator(module, workload, epochs, **members)
                    with skmlp.config_context(compiled=name == names[2]):
                        seconds = fit_seconds(model, X, y, epochs)
                    if i:
                        times[name].append(seconds / epochs * 1e3)
            cells = (in_seconds(statistics.median(times[name]) if times[name] else None) for name in names)
            rows.append([f"{what} {size}", *cells])
    return markdown(["ms per epoch", *names], rows)


# The first fit after installation: a process of its own, with an empty cache or a full one.


def first_fits_table() -> str:
    """Return the seconds of the first fit in a process, with numba's cache empty and full."""
    if not find_spec("numba"):
        return "numba is not installed."
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for title, mode in [("cache empty: compiled", "1"), ("from the cache", "1"), ("numpy", "0")]:
            own = os.environ | {"NUMBA_CACHE_DIR": cache, "SKMLP_COMPILED": mode}
            command = [sys.executable, __file__, "--first-fit"]
            output = subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout
            rows.append([title, f"{float(output):.2f}"])
    return markdown(["first fit of small, float64", "seconds"], rows)


def print_first_fit() -> None:
    """Print the seconds of a fit in this process, which has made none before."""
    small = WORKLOADS[0]
    print(fit_seconds(estimator(skmlp, small, small.epochs), *small.data(), small.epochs))


# Memory: each fit in a process of its own.


def peak_megabytes(workload: Workload, competitor: Competitor) -> float:
    command = [sys.executable, __file__, "--memory-of", workload.name, competitor.name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak_megabytes(workload_name: str, competitor_name: str) -> None:
    """Print by how much one fit raises the peak of this process above what it holds before."""
    workload = next(w for w in WORKLOADS if w.name == workload_name)
    competitor = next(c for c in COMPETITORS if c.name == competitor_name)
    X, y = workload.data(competitor.dtype)
    tiny = Workload("warm-up", 20, 2, (2,), workload.classes, 10, 1, 0, 0)
    competitor.seconds(tiny, *tiny.data(competitor.dtype), 1)  # what the first fit ever imports
    before = memory_kilobytes(reset=True)
    competitor.seconds(workload, X, y, 2)
    print((memory_kilobytes() - before) / 1024)


def memory_kilobytes(reset: bool = False) -> int:
    """Return the peak of this process' memory, on Linux since it was last reset to the present use.

    Without a reset the peak may be that of making the data, or even the parent process'.
    """
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak


# The tables.


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that also reads well as plain text."""
    rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zipped)]
        for zipped in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    rule = ["-" * (width - (i > 0)) + ":" * (i > 0) for i, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])


def in_seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3g}"


def times_table(results: dict[Workload, Times]) -> str:
    header = ["seconds per fit", *(w.name for w in results)]
    rows = [
        [c.name, *(in_seconds(times.get(c)) for times in results.values())]
        for c in COMPETITORS
        if c.installed()
    ]
    return markdown(header, rows)


@dataclass(frozen=True)
class Ratio:
    """One time over another, and what it should be."""

    title: str
    above: Competitor
    below: Competitor
    target: Callable[[Workload], float | None]
    at_least: bool = False

    def value(self, times: Times) -> float | None:
        if self.above not in times or self.below not in times:
            return None
        return times[self.above] / times[self.below]

    def met(self, workload: Workload, times: Times) -> bool | None:
        value, target = self.value(times), self.target(workload)
        if value is None or target is None:
            return None
        return value >= target if self.at_least else value <= target

    def cell(self, times: Times) -> str:
        value = self.value(times)
        return "-" if value is None else f"{value:.2f}"


RATIOS = [
    Ratio("scikit-learn / skmlp, float64", SKLEARN_64, SKMLP_64, lambda w: w.float64, at_least=True),
    Ratio(
        'scikit-learn / skmlp dtype="float32", same float64 X',
        SKLEARN_64,
        SKMLP_TO_32,
        lambda w: w.float32,
        at_least=True,
    ),
    Ratio("scikit-learn / skmlp, float32 X", SKLEARN_32, SKMLP_32, lambda w: None),
    Ratio(
        "scikit-learn / skmlp compiled, float64",
        SKLEARN_64,
        COMPILED_64,
        lambda w: w.compiled[0],
        at_least=True,
    ),
    Ratio(
        'scikit-learn / skmlp compiled dtype="float32", same float64 X',
        SKLEARN_64,
        COMPILED_TO_32,
        lambda w: w.compiled[1],
        at_least=True,
    ),
    Ratio("skmlp / floor, float64", SKMLP_64, FLOOR_64, lambda w: None),
    Ratio("skmlp / floor, float32", SKMLP_32, FLOOR_32, lambda w: w.floor),
    Ratio("skmlp / torch, float32", SKMLP_32, TORCH, lambda w: w.torch),
    Ratio("skmlp / JAX, float32", SKMLP_32, JAX, lambda w: None),
    Ratio("skmlp compiled / JAX, float32", COMPILED_32, JAX, lambda w: w.compiled[2]),
]


def ratios_table(results: dict[Workload, Times]) -> str:
    header = ["ratio of times", *(w.name for w in results)]
    rows = [
        [ratio.title, *(ratio.cell(times) for times in results.values())]
        for ratio in RATIOS
        if ratio.above.installed() and ratio.below.installed()
    ]
    return markdown(header, rows)


def verdict(results: dict[Workload, Times]) -> str:
    """Return which aims are missed: for those who change the code, not for the page."""
    verdicts = {
        f"{w.name}: {ratio.title}": ratio.met(w, times) for w, times in results.items() for ratio in RATIOS
    }
    judged = [met for met in verdicts.values() if met is not None]
    missed = [f"- {title}" for title, met in verdicts.items() if met is False]
    summary = f"{sum(judged)} of {len(judged)} targets met{'; missed:' if missed else '.'}"
    return "\n".join([summary, *([""] if missed else []), *missed])


def workloads_table(results: dict[Workload, Times]) -> str:
    header = ["workload", "n x m", "hidden layers", "classes", "batch", "steps per epoch", "epochs"]
    rows = [
        [w.name, f"{w.n} x {w.m}", str(w.hidden), *map(str, [w.classes, w.batch, w.steps, w.epochs])]
        for w in results
    ]
    return markdown(header, rows)


def memory_table(results: dict[Workload, Times]) -> str:
    workloads = [workload for workload in results if workload.name in MEMORY_WORKLOADS]
    header = ["MB above what was in use before fit", *(w.name for w in workloads)]
    X = ["(X itself in float64)", *(f"{w.n * w.m * 8 / 2**20:.0f}" for w in workloads)]
    rows = [
        [c.name, *(f"{peak_megabytes(w, c):.0f}" for w in workloads)] for c in ESTIMATORS if c.installed()
    ]
    return markdown(header, [*rows, X])


# The page.


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions() -> str:
    named = {"Python": platform.python_version(), "skmlp": skmlp.__version__}
    for package in ["scikit-learn", "numpy", "scipy", "numba", "torch", "jax"]:
        try:
            named[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            named[package] = "not installed"
    blas = {
        f"{pool['internal_api']} {pool['version']} with {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    return ", ".join([*(f"{name} {version}" for name, version in named.items()), *sorted(blas)])


def load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def page(
    results: dict[Workload, Times],
    repeats: int,
    options: str,
    growth: str,
    first: str,
    memory: str,
    load: float | None,
) -> str:
    busy = "" if load is None else f" Load of the machine before it began: {load:.1f}."
    return f"""\
# How fast is fit?

Written by `python docs/benchmarks/fit.py`
on {datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, {platform.system()}.
{versions()}.

## Time

{times_table(results)}

{ratios_table(results)}

## Options

In float32. An ensemble trains all its members as one stack.

{options}

## How the time grows

From 1,000 rows of 20 features, a hidden layer of 100 units and batches of 200, in float64; members are
those of an ensemble.

{growth}

## The first fit

The compiled engine is compiled once for each precision (`python -m skmlp.compiled` does it ahead). Each row
is a process of its own; with the setting `"auto"`, numpy computes a first fit as short as this.

{first}

## Peak memory

{memory}

## What was measured

{workloads_table(results)}

MLPClassifier with relu and Adam, all else at its default, for a fixed number of epochs: `tol=0` and a
patience that never ends, no early stopping. X is standard normal, y the classes that a noisy linear
teacher assigns; two classes are one output with a logistic loss, more are a softmax. The time is that
of the whole `fit`: validation, initial weights and conversion of X included.

Each number is the median of {repeats} rounds; in each round every competitor has its turn once, after a
first round that does not count. All use their default number of threads.{busy}

- **scikit-learn**, **skmlp**: `fit` on X of the dtype that is named. With `dtype="float32"`, skmlp
  converts a float64 X itself and computes in float32.
- **skmlp compiled**: the same by numba; all other rows of skmlp are numpy alone. Loading is not counted.
- **floor**: only the matrix products of the same steps (forward x W; backward x' delta, and
  delta W' for all but the first layer), in numpy, into arrays made before.
- **torch**: eager mode, `torch.optim.Adam(fused=True)`, batches gathered by a shuffled index.
- **JAX**: one compiled function per epoch, a `lax.scan` over the batches; compiling is not counted.

Memory is the growth of the resident set from just before `fit` to its peak, of two epochs in a process
of its own.

## How to read it

*scikit-learn / skmlp* says how many times faster skmlp is: larger is better. The other ratios are
skmlp's time over a competitor's: smaller is better, and below 1 skmlp is faster. The floor is what no
program on this BLAS can beat; what lies above it is gathering, biases, activations, the loss and Adam.
The smaller the network, the more of a step is the interpreter's overhead. With the products of a wide
network most of the time, nothing but a smaller dtype makes it much faster.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--repeats", type=int, default=5, help="rounds that the medians are taken over")
    parser.add_argument("--only", default=",".join(names), help="some of the workloads, comma separated")
    parser.add_argument("--quick", action="store_true", help="a quarter of the epochs, no memory")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--first-fit", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_fit:
        print_first_fit()
        return
    if options.memory_of:
        print_peak_megabytes(*options.memory_of)
        return
    if unknown := set(options.only.split(",")) - set(names):
        parser.error(f"--only: unknown workloads {sorted(unknown)}, choose from {','.join(names)}")
    load = load_average()
    if load is not None and load > 0.3:
        print(
            f"The machine is busy (load {load:.1f}): threads that wait for each other suffer most.",
            file=sys.stderr,
        )
    skmlp.set_config(compiled=False)
    results, of_options, of_compiled = {}, {}, {}
    for workload in WORKLOADS:
        if workload.name in options.only.split(","):
            epochs = max(1, workload.epochs // 4) if options.quick else workload.epochs
            print(f"{workload.name}: {epochs} epochs, {options.repeats} rounds ...", file=sys.stderr)
            results[workload] = measure(workload, options.repeats, epochs)
            if workload.name not in OPTION_WORKLOADS:
                continue
            of_options[workload] = measure_options(workload, options.repeats, epochs)
            if find_spec("numba"):
                with skmlp.config_context(compiled=True):
                    chosen = measure_options(workload, options.repeats, epochs, COMPILED_OPTIONS)
                of_compiled[workload] = chosen
    tables = options_table(of_options)
    if of_compiled:
        tables += "\n\nCompiled:\n\n" + options_table(of_compiled, COMPILED_OPTIONS)
    growth, first = growth_table(1 if options.quick else 3), first_fits_table()
    print(verdict(results), options_verdict(of_options), sep="\n", file=sys.stderr)
    print(options_verdict(of_compiled, COMPILED_OPTIONS), file=sys.stderr)
    if options.quick:
        print("", times_table(results), ratios_table(results), tables, growth, first, sep="\n\n")
        return
    text = page(results, options.repeats, tables, growth, first, memory_table(results), load)
    print(text)
    if len(results) == len(WORKLOADS):
        PAGE.write_text(text, encoding="utf-8")
        print(f"written to {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
