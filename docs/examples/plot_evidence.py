r"""
Networks that know how sure they are
====================================

How strong a penalty must be, and how sure a prediction is, follow from the same rule: that of probability.
``alpha="evidence"`` finds the penalty with which the data are most probable. ``laplace`` keeps how sure the
weights are then. Neither needs data for validation.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skmlp import MLPClassifier, MLPRegressor

# %%
# How much to penalize
# --------------------
#
# Noisy samples of a curve, with a gap. Without a penalty, twenty units follow the noise; a large one
# flattens the curve. The evidence finds what lies between, in one fit.

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-4, -1, 40), rng.uniform(1.5, 4, 40)])[:, np.newaxis]
y = np.sin(2 * x[:, 0]) + 0.5 * x[:, 0] + rng.normal(scale=0.3, size=80)
grid = np.linspace(-7, 7, 401)[:, np.newaxis]
common = {"solver": "lbfgs", "standardize": True, "max_iter": 3000, "random_state": 0}
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.scatter(x, y, s=8, color="#56B4E9", linewidths=0, label="data")
for alpha, line in {1e-6: ":", "evidence": "-", 3: "--"}.items():
    model = MLPRegressor((20,), "tanh", alpha=alpha, **common).fit(x, y)
    ax.plot(grid, model.predict(grid), line, label=f"alpha={alpha!r}")
ax.set(xlabel="x", ylabel="y", ylim=(-5, 5))
_ = ax.legend()

# %%
# How sure
# --------
#
# With ``laplace="full"``, the same network says how sure it is. The band is the 90 % interval of a new
# target: the noise, which is estimated too, where there are data, and wider where there are none.

model = MLPRegressor((20,), "tanh", alpha="evidence", laplace="full", **common).fit(x, y)
print(f"alpha {model.alpha_:.3f}, noise {model.noise_variance_**0.5:.2f} (truth: 0.30)")
print(f"{model.effective_n_parameters_:.0f} of 61 parameters are determined by the data")
low, high = model.predict_interval(grid, coverage=0.9).T
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.fill_between(grid[:, 0], low, high, color="#E69F00", alpha=0.3, linewidth=0, label="90 % interval")
ax.plot(grid, model.predict(grid), color="#E69F00")
ax.scatter(x, y, s=8, color="#56B4E9", linewidths=0, label="data")
ax.set(xlabel="x", ylabel="y", ylim=(-8, 8))
_ = ax.legend()

# %%
# Which start was the best?
# -------------------------
#
# Members of an ensemble end in different minima. The evidence compares them on the training data alone.

ensemble = MLPRegressor((20,), "tanh", alpha="evidence", n_members=4, **common).fit(x, y)
truth = np.sin(2 * grid[:, 0]) + 0.5 * grid[:, 0]
inside = (np.abs(grid[:, 0] + 2.5) < 1.5) | (np.abs(grid[:, 0] - 2.75) < 1.25)
for member in ensemble.members_:
    error = np.sqrt(np.mean((member.predict(grid) - truth)[inside] ** 2))
    print(f"log evidence {member.log_evidence_:7.2f}, error {error:.3f}")

# %%
# Probabilities far from the data
# -------------------------------
#
# A network of relu units, or of their smooth relatives, is linear far from the data. There, where it has
# seen nothing, its probabilities run to 0 and 1. Moderated by how sure the weights are, they stay in
# between. The class that is predicted is the same.

X, labels = make_moons(200, noise=0.15, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", sharey=True)
a, b = np.meshgrid(np.linspace(-12, 13, 200), np.linspace(-11, 11, 200))
plane = np.column_stack([a.ravel(), b.ravel()])
far = np.linalg.norm(plane - X.mean(axis=0), axis=1) > 8
for ax, laplace in zip(axes, (None, "full"), strict=True):
    model = MLPClassifier((20,), "softplus", alpha="evidence", laplace=laplace, **common).fit(X, labels)
    p = model.predict_proba(plane)[:, 1]
    image = ax.contourf(a, b, p.reshape(a.shape), np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.8)
    ax.scatter(*X.T, c=labels, s=3, cmap="RdBu_r")
    ax.set(title="plain" if laplace is None else "moderated", xlabel="$x_1$")
    confidence = np.maximum(p, 1 - p)[far]
    print(f"laplace={laplace!r}: far away, the larger probability is {confidence.mean():.3f} on average")
axes[0].set(ylabel="$x_2$")
_ = figure.colorbar(image, ax=axes, label="probability")
