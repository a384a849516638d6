r"""
One sample at a time, or many at once
=====================================

Gradient descent can use one sample for each step, a batch of samples, or all of them. Two cases differ.
For given weights, the gradient of a batch is just the mean of the gradients of its samples: only the
computing time differs. In training, the weights change between batches, and the batch size sets the number
of steps per epoch.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skmlp import MLPClassifier
from skmlp.network.activations import Tanh
from skmlp.network.losses import LogLoss
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective

warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs are enough to compare

X, labels = load_digits(return_X_y=True)
X = X / 16
Y = np.eye(10)[labels]
n = len(X)

# %%
# The gradient of a batch is a mean
# ---------------------------------
#
# The engine computes K networks at once: inputs have the shape (K, n, m). This gives three ways to compute
# the same gradient of a network with 64 inputs, 20 hidden units and 10 outputs, on all 1797 digits: one
# network with all samples; one network with one sample, in a loop; and a stack of 1797 copies of the
# network, each with one sample.

network = multilayer_perceptron(64, [20], 10, Tanh())
theta = network.initial_parameters([np.random.RandomState(0)], np.dtype(float))


def gradient_of(theta):
    """Return the function from x and y to the gradients of the networks ``theta``, of shape (K, P)."""
    objective = Objective(network, LogLoss(group_sizes=(10,)), alpha=np.zeros(len(theta)))
    parameters, out = network.layout.view(theta), network.layout.view(np.empty_like(theta))

    def gradient(x, y):
        objective.value_and_gradient(parameters, x, y, None, out)
        return out.flat.copy()

    return gradient


gradient_of_one, gradient_of_each = gradient_of(theta), gradient_of(np.repeat(theta, n, axis=0))


def as_one_batch():
    return gradient_of_one(X[np.newaxis], Y[np.newaxis])


def sample_by_sample():
    each = [
        gradient_of_one(x[np.newaxis, np.newaxis], y[np.newaxis, np.newaxis])
        for x, y in zip(X, Y, strict=True)
    ]
    return np.concatenate(each)


def as_a_stack():
    return gradient_of_each(X[:, np.newaxis], Y[:, np.newaxis])


batch, loop, stacked = as_one_batch()[0], sample_by_sample(), as_a_stack()
print(f"largest element of the batch gradient:    {np.abs(batch).max():.2e}")
print(f"batch less mean over samples, at most:    {np.abs(batch - loop.mean(axis=0)).max():.0e}")
print(f"one by one less as a stack, at most:      {np.abs(loop - stacked).max():.0e}")

# %%
# They agree to rounding. But the gradients of single samples differ a lot. None of them points closely in
# the direction of the mean, and some point away from it:

cosine = loop @ batch / np.linalg.norm(loop, axis=1) / np.linalg.norm(batch)
figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
axis.hist(cosine, bins=40, color="C0")
axis.axvline(0, color="C2", linestyle=":")
axis.set(xlabel="cosine of the angle between a sample's gradient and the mean", ylabel="samples")
print(f"{(cosine < 0).mean():.0%} of the samples point away from the mean gradient")

# %%
# What it costs
# -------------
#
# The arithmetic is the same, but the loop in Python calls the engine 1797 times, and each call has a fixed
# cost. One batch needs only a few large matrix products. The stack is in between: it is one call, but the
# products of each copy involve a single row, and the gradients of all copies must be written to memory. A
# stack is worthwhile if the gradients of single samples are needed, or for training networks that really
# differ.


def seconds(function, repetitions):
    """Return the shortest time of several calls."""
    times = []
    for _ in range(repetitions):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


times = {
    "loop over samples": seconds(sample_by_sample, 3),
    "stack of copies, one sample each": seconds(as_a_stack, 5),
    "one batch": seconds(as_one_batch, 20),
}
figure, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
bars = axis.barh(list(times), [1000 * value for value in times.values()], color=["C1", "C4", "C0"])
axis.bar_label(bars, fmt="%.1f ms", padding=4)
axis.grid(axis="y", visible=False)
axis.set(xlabel="milliseconds for the gradients of 1797 samples", xlim=(0, 1200 * max(times.values())))
axis.invert_yaxis()

# %%
# Batches in training
# -------------------
#
# This is plain gradient descent with batches of one sample, of 32, and of all samples, each with a rate
# that suits it roughly. The loss of an epoch is the mean over its batches, each evaluated before its step.
# In one epoch, a batch size of 1 makes 1797 steps, 32 makes 57, and all samples at once are a single step.
# Per epoch, small batches are far ahead. Per second, the picture differs, because a step with 32 samples
# costs far less than 32 steps with one.

runs = {"1 sample": (1, 0.05, 6), "32 samples": (32, 0.5, 50), "all samples": (n, 1.0, 400)}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for number, (name, (batch_size, rate, epochs)) in enumerate(runs.items()):
    classifier = MLPClassifier(
        (20,),
        activation="tanh",
        solver="sgd",
        momentum=0,
        learning_rate_init=rate,
        batch_size=batch_size,
        max_iter=epochs,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    start = perf_counter()
    classifier.fit(X, labels)
    elapsed = perf_counter() - start
    count = np.arange(1, epochs + 1)
    line = ["-", "--", "-."][number]
    left.loglog(count, classifier.loss_curve_, line, color=f"C{number}", label=name)
    right.loglog(count * elapsed / epochs, classifier.loss_curve_, line, color=f"C{number}")
    n_steps = epochs * -(-n // batch_size)
    print(f"{name:12} rate {rate:4}: {n_steps:5d} steps, loss {classifier.loss_:.3f}")
left.set(xlabel="epoch", ylabel="loss")
right.set(xlabel="seconds")
left.legend()

# %%
# - **All samples** give a gradient without noise, but one step per epoch. Training takes hundreds of
#   epochs.
# - **One sample** gives a noisy gradient, but 1797 steps per epoch. The rate must be small, so that the
#   noise averages out over steps.
# - **A batch of a few dozen samples** combines many steps with high speed. This is why it is the usual
#   choice.

# sphinx_gallery_thumbnail_number = 3
plt.show()
