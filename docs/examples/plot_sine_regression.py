r"""
A curve from six hidden units
=============================

The target is a line with a wave on it, :math:`y = x + 0.3 \sin(2 \pi x)`, plus uniform noise between -0.1
and 0.1. A network with six tanh units learns it. The example shows how steps add up to the curve, how the
curve develops in training, and how it depends on the initial weights: with very small weights, the network
first becomes a straight line.
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
# ``initializer="truncated_normal"`` draws weights with a standard deviation of 0.044, and sets biases
# to zero. ``standardize=True`` scales input and target to mean 0 and variance 1 inside the network.
# ``TrainingAnimation(every=25)`` is a callback that records the curve in every 25th epoch.
# ``animation.save("curve.gif")`` writes the animation to a file.


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
# In the animation, the network is first a constant, then a straight line. It stays a line for a large part
# of training, while the loss hardly falls. Then the curve bends.

film = animation.animation(fps=3)

# %%
# Six steps make a curve
# ----------------------
#
# Each unit is a smooth step, :math:`h_j = \tanh(w_j x + b_j)`. Training has chosen its position and width.
# Each thin line is a unit times its output weight. Their sum and the bias are the curve, here in
# standardized units.

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
# The figure shows twenty networks for each of three initializers. With weights near zero, tanh is nearly
# the identity and all units do nearly the same. The network first finds the best straight line. It stays
# there until its units differ enough. Some networks stay on a second plateau: their curves, on the lower
# right, rise twice, with a level stretch in place of the wave. The default, ``"auto"``, draws larger
# weights, and biases that spread the steps over the inputs. ``"orthogonal"``, with the weights of a random
# rotation, has larger weights and no biases. Neither has the second plateau; with ``"auto"``, some networks
# hardly have the first.

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
