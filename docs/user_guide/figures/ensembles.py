"""An ensemble of regressors: small uncertainty where there are data, large where there are none."""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MLPRegressor

plt.style.use("skmlp.mplstyle")
rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-4, -1.5, 40), rng.uniform(1.5, 4, 40)])
y = np.sin(1.5 * x) + 0.15 * rng.normal(size=len(x))
ensemble = MLPRegressor(
    (50, 50), activation="tanh", solver="lbfgs", alpha=0.02, max_iter=300, n_members=10, random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 300 iterations come close enough to convergence
    ensemble.fit(x[:, np.newaxis], y)
grid = np.linspace(-6, 6, 301)[:, np.newaxis]
mean, std = ensemble.predict(grid, return_std=True)
figure, axis = plt.subplots(figsize=(8, 3.6))
axis.fill_between(
    grid[:, 0], mean - 2 * std, mean + 2 * std, color="C5", alpha=0.35, linewidth=0, label="mean ± 2 std"
)
for k, member in enumerate(ensemble.members_):
    axis.plot(grid, member.predict(grid), "-", color="C2", linewidth=0.6, label="" if k else "members_")
axis.plot(grid, mean, "-", color="C0", label="mean")
axis.plot(x, y, "o", color="C1", markersize=3.5, label="training data")
axis.set(xlabel="x", ylabel="y", xlim=(-6, 6), ylim=(-3, 3.6))
axis.legend(ncols=4, loc="upper center")
