"""Networks with and without a linear path, far outside the data."""

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MLPRegressor

plt.style.use("skmlp.mplstyle")
rng = np.random.default_rng(0)
x = rng.uniform(0, 10, size=(80, 1))
y = 2 * x[:, 0] + 5 * np.sin(x[:, 0]) + rng.normal(size=80)
grid = np.linspace(-10, 20, 301)[:, np.newaxis]
figure, ax = plt.subplots(figsize=(6.4, 3.2))
ax.axvspan(0, 10, color="#F2F2F2")
ax.scatter(x, y, s=8, color="#56B4E9", linewidths=0, label="data")
for skip in (True, False):
    model = MLPRegressor(
        (20,),
        "tanh",
        skip=skip,
        solver="lbfgs",
        alpha=0.01,
        max_iter=3000,
        standardize=True,
        random_state=0,
    )
    ax.plot(grid, model.fit(x, y).predict(grid), label=f"skip={skip}")
ax.set(xlabel="x", ylabel="y", ylim=(-40, 50))
ax.legend()
