r"""
XOR: why the small network says one half, and what helps
========================================================

XOR is true if exactly one of two inputs is true. No straight line separates its two classes, so a network
needs a hidden layer; two hidden units are enough. And yet, with two hidden sigmoid units, stochastic
gradient descent with a learning rate of 0.01 gives about the same answer to all four questions after 50
epochs. With more epochs, the answer is one half.

This is not a bug. The example shows where the network is, why it stays there, and how often each remedy
helps, out of a hundred random starts.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # fits that end too early are the subject here

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([0, 1, 1, 0])
questions = ["0 xor 0", "0 xor 1", "1 xor 0", "1 xor 1"]

# %%
# A hundred starts
# ----------------
#
# One run says little, because it depends on the initial weights. ``n_members=100`` trains a hundred
# networks from a hundred random starts as one stack, in little more time than a few networks. A batch holds
# all four samples, so an epoch is one step. ``momentum=0`` is plain gradient descent.
# ``n_iter_no_change=np.inf`` prevents training from ending on the plateau, which is the subject here.


def train(hidden=2, activation="logistic", **parameters):
    """Return a hundred networks, by default trained by plain gradient descent."""
    plain = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.01, "n_iter_no_change": np.inf}
    chosen = {**plain, **parameters}
    stack = MLPClassifier((hidden,), activation, n_members=100, random_state=0, **chosen)
    return stack.fit(X, y).members_


def probabilities(networks):
    """Return the answers of each network to the four questions, shape (networks, 4)."""
    return np.array([network.predict_proba(X)[:, 1] for network in networks])


def solved(networks):
    """Return which networks answer all four questions right."""
    return ((probabilities(networks) > 0.5) == y).all(axis=1)


few_epochs = train(max_iter=50)
many_epochs = train(max_iter=1000)

for networks in (few_epochs, many_epochs):
    p = probabilities(networks)
    print(f"after {networks[0].n_iter_} epochs: {solved(networks).sum()} of 100 solved")
    print(f"    probabilities from {p.min():.2f} to {p.max():.2f},", end=" ")
    print(f"within one network at most {np.ptp(p, axis=1).max():.2f} apart")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
epochs = np.unique(np.geomspace(1, 1000, 100).astype(int))
curves = np.array([network.loss_curve_ for network in many_epochs])
left.plot(epochs, curves[:, epochs - 1].T, "-", color="C0", linewidth=0.6, alpha=0.5)
left.axhline(np.log(2), color="C1", linestyle="--", label="ln 2")
left.axvline(50, color="C2", linestyle=":", label="50 epochs")
left.set(xscale="log", xlabel="epoch", ylabel="loss", title="a hundred networks, learning rate 0.01")
left.legend()
jitter = np.random.default_rng(0).uniform(-0.13, 0.13, size=(100, 1))
right.plot(np.arange(4), y, "_", color="black", markersize=40, markeredgewidth=2)
for networks, offset, color in ((few_epochs, -0.18, "C0"), (many_epochs, 0.18, "C1")):
    places, answers = np.arange(4) + offset + jitter, probabilities(networks)
    label = f"after {networks[0].n_iter_} epochs"
    right.plot(places.ravel(), answers.ravel(), ".", color=color, markersize=3, label=label)
right.axhline(0.5, color="C2", linestyle=":")
right.set(xticks=range(4), xticklabels=questions, ylabel="probability of true", ylim=(-0.1, 1.35))
right.set_title("their answers; the black bars are the right ones")
_ = right.legend(ncols=2, loc="upper center", markerscale=3)

# %%
# The base rate
# -------------
#
# Suppose a network ignores its inputs and gives the same probability :math:`p` to all four samples. Two of
# four answers are true, so its loss is
#
# .. math:: -\tfrac 1 2 \log p - \tfrac 1 2 \log (1 - p),
#
# which is smallest at :math:`p = \tfrac 1 2`, the frequency of the class, where it is
# :math:`\log 2 = 0.693`. A network learns this first, because it takes only one parameter: the bias of the
# output. After 50 steps of 0.01 the network is on the way there. After 1000 it has arrived, and has learned
# nothing else.
#
# Why does it stay? The gradient of the last layer begins with prediction minus target. At one half, that is
# :math:`+\tfrac 1 2, -\tfrac 1 2, -\tfrac 1 2, +\tfrac 1 2`. The gradient of the bias is the sum of these
# values, which is zero. So are their products with both inputs: no single input carries information about
# XOR.

delta = 0.5 - y
print("sum of the deltas:            ", delta.sum())
print("sums of the deltas times x:   ", X.T @ delta)
print("sum of the deltas times x1 x2:", (X[:, 0] * X[:, 1]) @ delta)

# %%
# While a hidden unit is nearly linear in its inputs, its gradient over the four samples cancels too. What
# remains comes from the curvature of the sigmoid, which makes a unit respond slightly to the product of the
# inputs. With small weights this response is small, and the learning rate of 0.01 makes the steps even
# smaller: the plateau is not quite flat, but very nearly so. To leave it, take larger steps, or use units
# with more curvature, or more units.
#
# What helps, and how often
# -------------------------
#
# A network counts as solved if it gets all four right. Except in the first two rows, training has at most
# 500 epochs or iterations. The evolution strategy, ``solver="es"``, needs no gradient at all: it draws 200
# candidates per generation around the best so far, for 30 generations. It trains one network at a time.

stuck_or_not = train(solver="lbfgs", max_iter=500)
evolved = [
    MLPClassifier(
        (2,), "logistic", solver="es", population_size=200, max_iter=30, tol=0.01, random_state=seed
    ).fit(X, y)
    for seed in range(100)
]
large_steps = train(learning_rate_init=3, max_iter=500)
remedies = {
    "rate 0.01, 50 epochs": few_epochs,
    "rate 0.01, 1000 epochs": many_epochs,
    "rate 0.3": train(learning_rate_init=0.3, max_iter=500),
    "rate 0.3, tanh": train(activation="tanh", learning_rate_init=0.3, max_iter=500),
    "rate 0.5, momentum 0.9": train(learning_rate_init=0.5, momentum=0.9, max_iter=500),
    "rate 3": large_steps,
    "rate 3, 8 hidden units": train(8, learning_rate_init=3, max_iter=500),
    "Adam, rate 0.03": train(solver="adam", learning_rate_init=0.03, max_iter=500),
    "L-BFGS": stuck_or_not,
    "L-BFGS, 8 hidden units": train(8, solver="lbfgs", max_iter=500),
    "evolution strategy": evolved,
}
counts = [solved(networks).sum() for networks in remedies.values()]

figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
colors = ["C1" if "8 hidden" in name else "C3" if "evolution" in name else "C0" for name in remedies]
bars = axis.barh(list(remedies), counts, color=colors)
axis.bar_label(bars, padding=4)
axis.grid(axis="y", visible=False)
axis.set(xlim=(0, 108), xlabel="networks, of 100, that solve XOR")
axis.set_title("2 hidden units unless it says 8")
axis.invert_yaxis()

# %%
# - **Larger steps** leave the plateau. Momentum is another way to get them: at 0.9, steps in a constant
#   direction add up to ten times their size.
# - **tanh** is steeper at zero than the sigmoid, 1 against 1/4, and has outputs of both signs. At rate 0.3,
#   more than half of the networks solve XOR, but no sigmoid network does.
# - **Adam and L-BFGS** leave the plateau too, but more than a third of their networks end in a local
#   minimum; two networks of L-BFGS never left the plateau.
# - **More hidden units** remove the local minima: with eight, every start succeeds, with gradient descent
#   and with L-BFGS.
# - **The evolution strategy** evaluates many candidates at once, which can reach beyond a local minimum.
#   This has a price: each network costs 6000 evaluations of the loss, against 500 of loss and gradient.
#
# Before, after, and stuck
# ------------------------
#
# The figure shows three of these networks: one that has hardly moved from its start, one trained with large
# steps, and one of L-BFGS in a local minimum. The last one gets one or two questions right. For the others
# it predicts the frequency of their classes: the base rate again, of a part of the data.

stuck = stuck_or_not[np.flatnonzero(~solved(stuck_or_not))[0]]
winner = large_steps[np.flatnonzero(solved(large_steps))[0]]
panels = {
    "rate 0.01, 50 epochs": few_epochs[0],
    "rate 3, 500 epochs": winner,
    "L-BFGS, local minimum": stuck,
}

side = np.linspace(-0.3, 1.3, 100)
grid = np.stack([values.ravel() for values in np.meshgrid(side, side)], axis=1)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained", sharey=True)
for axis, (title, network) in zip(axes, panels.items(), strict=True):
    surface = network.predict_proba(grid)[:, 1].reshape(100, 100)
    extent = (-0.3, 1.3, -0.3, 1.3)
    image = axis.imshow(surface, origin="lower", extent=extent, cmap="PuOr_r", vmin=0, vmax=1, alpha=0.8)
    axis.scatter(*X.T, c=y, cmap="PuOr_r", vmin=0, vmax=1, s=60, edgecolors="black")
    for (x1, x2), p in zip(X, network.predict_proba(X)[:, 1], strict=True):
        label = axis.annotate(f"{p:.2f}", (x1, x2), (0, 9), textcoords="offset points", ha="center")
        label.set_bbox({"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5})
    axis.grid(visible=False)
    axis.set(title=title, xlabel="x1")
axes[0].set_ylabel("x2")
figure.colorbar(image, ax=axes, label="probability of true", shrink=0.8)

# sphinx_gallery_thumbnail_number = 3
plt.show()
