"""A mixture density network on data with growing noise, and its calibration on new data."""

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MixtureDensityRegressor

plt.style.use("skmlp.mplstyle")


def draw(n, seed):
    """Return x and y = sin(x) plus noise that grows with x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, n)
    return x[:, np.newaxis], np.sin(x) + (0.05 + 0.08 * x) * rng.normal(size=n)


X, y = draw(600, seed=0)
model = MixtureDensityRegressor(
    (30,), activation="tanh", n_components=1, solver="lbfgs", alpha=1, max_iter=1000, random_state=0
).fit(X, y)
grid = np.linspace(0, 10, 201)[:, np.newaxis]
lower, upper = model.predict_interval(grid, coverage=0.9).T
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), width_ratios=[2, 1])
left.fill_between(grid[:, 0], lower, upper, color="C5", alpha=0.35, linewidth=0, label="90 % interval")
left.plot(X, y, "o", color="C1", markersize=2.5, label="training data")
left.plot(grid, model.predict(grid), "-", color="C0", label="mean")
left.set(xlabel="x", ylabel="y", ylim=(-3.2, 4.2))
left.legend(ncols=3, loc="upper center")

X_test, y_test = draw(5000, seed=1)
levels = np.linspace(0.05, 0.95, 19)
below = np.mean(y_test[:, np.newaxis] < model.predict_quantiles(X_test, levels), axis=0)
right.plot([0, 1], [0, 1], "-", color="C2", linewidth=1)
right.plot(levels, below, "o", color="C0", markersize=4)
right.set(xlabel="predicted quantile", ylabel="fraction of new y below it", title="calibration")
right.set_aspect("equal")
