r"""
A curve from six hidden units
=============================

The target is a line with a wave on it, :math:`y = x + 0.3 \sin(2 \pi x)`, plus uniform noise between -0.1
and 0.1. A network with six tanh units learns it. The example shows the steps of which the curve is made,
how it comes about, and what the start has to do with it: with very small initial weights, the network is
a straight line before it is anything else.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp import MLPRegressor
from skmlp.inspection import TrainingAnimation, hidden_activations

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen

rng = np.random.default_rng(0)
x = rng.uniform(0, 1, size=(200, 1))
y = x[:, 0] + 0.3 * np.sin(2 * np.pi * x[:, 0]) + rng.uniform(-0.1, 0.1, size=200)

# %%
# The fit
# -------
#
# ``initializer="truncated_normal"`` draws weights with a standard deviation of 0.05 and biases of zero.
# ``standardize=True`` brings input and target to mean 0 and variance 1 inside the network.
# ``TrainingAnimation`` is a callback that records the curve after every so manieth epoch;
# ``animation.save("curve.gif")`` writes the film to a file.


def network(**parameters):
    """Return a regressor with six tanh units."""
    chosen = {"learning_rate_init": 0.03, "n_iter_no_change": np.inf, "random_state": 2}
    return MLPRegressor((6,), activation="tanh", standardize=True, **{**chosen, **parameters})


regressor = network(initializer="truncated_normal", max_iter=250)
animation = TrainingAnimation(every=25)
regressor.set_callbacks(animation).fit(x, y)
noise = 0.1**2 / 3  # the variance of a uniform distribution from -0.1 to 0.1
error = np.mean((regressor.predict(x) - y) ** 2)
print(f"mean squared error {error:.5f}; variance of the noise {noise:.5f}")

# %%
# In the film, the network is a constant, then a straight line, and rests there for a good part of the time,
# while the loss hardly falls. Then the curve bends.

film = animation.animation(fps=3)

# %%
# Six steps make a curve
# ----------------------
#
# Each unit is a smooth step, :math:`h_j = \tanh(w_j x + b_j)`, whose place and width training has chosen.
# Times its output weight, it is one of the thin lines; their sum and the bias are the curve, here in
# standardised units.

grid = np.linspace(0, 1, 300)[:, np.newaxis]
h = hidden_activations(regressor, grid)
W2, b2 = regressor.coefs_[1][:, 0], regressor.intercepts_[1][0]

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.plot(x, y, ".", color="C2", alpha=0.4, label="data")
left.plot(grid, grid + 0.3 * np.sin(2 * np.pi * grid), "--", color="C1", label="without noise")
left.plot(grid, regressor.predict(grid), "-", color="C0", label="network")
left.set(xlabel="x", ylabel="y", title="the curve")
left.legend()
for j in range(6):
    right.plot(grid, W2[j] * h[:, j], "-", linewidth=1.2, color=f"C{j}", label=f"unit {j}")
right.plot(grid, h @ W2 + b2, "-", color="black", linewidth=2.5, label="sum")
right.set(xlabel="x", ylabel="unit times its output weight")
_ = right.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))

# %%
# Another start
# -------------
#
# Twenty networks from each of three kinds of start. From weights near zero, tanh is nearly the identity and
# all units do nearly the same: the network first finds what a straight line can do, and rests there, until
# its units have grown apart far enough. Some rest a second time: their curves, on the lower right, rise
# twice, with a level stretch in place of the wave. The default start, ``"auto"``, draws larger weights, and
# biases that spread the steps over the inputs; ``"orthogonal"``, whose weights are those of a random
# rotation, has larger weights without biases. Both do without the second rest; with ``"auto"``, some
# networks hardly know the first.

line = np.polynomial.Polynomial.fit(x[:, 0], y, 1)
loss_of_line = np.mean((line(x[:, 0]) - y) ** 2) / np.var(y) / 2

figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for number, name in enumerate(("truncated_normal", "auto", "orthogonal")):
    axis = axes.flat[number]
    members = network(initializer=name, n_members=20, max_iter=400).fit(x, y).members_
    for member in members:
        axis.semilogy(member.loss_curve_, "-", color=f"C{number}", linewidth=0.8)
        if name == "truncated_normal":
            axes[1, 1].plot(grid, member.predict(grid), "-", color="C0", linewidth=0.8)
    axis.axhline(loss_of_line, color="black", linestyle=":", label="best straight line")
    axis.set(xlabel="epoch", ylabel="loss", title=name, ylim=(0.03, 2))
    curves = np.array([member.loss_curve_ for member in members])
    left_line = np.median((curves < 0.8 * loss_of_line).argmax(axis=1))
    n_done = (curves[:, -1] < 0.05).sum()
    print(f"{name}: {n_done} of 20 have the wave; the line was left in epoch {left_line:.0f} (median)")
axes[0, 0].legend()
axes[1, 1].plot(x, y, ".", color="C2", alpha=0.3, zorder=0)
axes[1, 1].set(xlabel="x", ylabel="y", title="curves of truncated_normal after 400 epochs")

# sphinx_gallery_thumbnail_number = 2
plt.show()
