r"""
A linear model and what it misses
=================================

Much of what data show is linear, and a network needs several hidden units for a straight line. With
``skip=True``, a linear path leads from the features past the hidden layers: the network is a linear model,
and the hidden units learn what it misses.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from skmlp import MLPRegressor

# %%
# Far outside the data
# --------------------
#
# A trend and an oscillation are seen between 0 and 10. Tanh units are constant far from there, so a network
# of them soon predicts a constant, wherever the curve happens to end. With a linear path, a trend goes on.
# The oscillation does not: nothing in the network knows that it repeats.


def network(skip, **parameters):
    return MLPRegressor(
        (20,), "tanh", skip=skip, solver="lbfgs", max_iter=3000, random_state=0, **parameters
    )


rng = np.random.default_rng(0)
x = rng.uniform(0, 10, size=(80, 1))
y = 2 * x[:, 0] + 5 * np.sin(x[:, 0]) + rng.normal(size=80)
grid = np.linspace(-10, 20, 301)[:, np.newaxis]
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.axvspan(0, 10, color="#F2F2F2")
ax.scatter(x, y, s=8, color="#56B4E9", linewidths=0, label="data")
for skip, line in {True: "-", False: "--"}.items():
    model = network(skip, alpha=0.01, standardize=True).fit(x, y)
    ax.plot(grid, model.predict(grid), line, label=f"skip={skip}")
    if skip:
        slope = model.skip_coefs_[0][0, 0] * model.y_scaler_.scale_[0] / model.x_scaler_.scale_[0]
        print(f"slope of the linear path: {slope:.2f}")
ax.set(xlabel="x", ylabel="y", ylim=(-40, 50))
_ = ax.legend()

# %%
# Where the truth is linear
# -------------------------
#
# Linear regression is the best that can be done here. With a penalty, the network comes within two percent
# of its error. So does the one without the linear path: with enough samples, the path matters far from
# them, not among them.

X = rng.normal(size=(1000, 5))
y = X @ rng.normal(size=5) + rng.normal(size=1000)
models = {
    "linear regression": LinearRegression(),
    "skip=True": network(True, alpha=30),
    "skip=False": network(False, alpha=30),
}
for name, model in models.items():
    errors = model.fit(X[:500], y[:500]).predict(X[500:]) - y[500:]
    print(f"{name:18} RMSE {np.sqrt(np.mean(errors**2)):.3f}")
