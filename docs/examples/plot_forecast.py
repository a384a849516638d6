r"""
A forecast with quantiles
=========================

How much electricity will be used in each hour of tomorrow, and how sure is that? A mixture density
network on the hour, the day of the week and the same hour of earlier days predicts a whole distribution,
whose quantiles never cross. The data are made here: a daily and a weekly rhythm, and noise that is larger
in the afternoon.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MixtureDensityRegressor

rng = np.random.default_rng(0)
hours = np.arange(24 * 7 * 26)  # half a year
hour, day = hours % 24, hours // 24 % 7
rhythm = 50 + 12 * np.sin((hour - 8) * np.pi / 12) - 8 * (day >= 5)
load = rhythm + rng.normal(size=len(hours)) * (1 + 2.5 * ((hour >= 13) & (hour <= 19)))
load += np.repeat(rng.normal(scale=2, size=len(hours) // 24), 24)  # the weather of a day

# %%
# Features of time
# ----------------
#
# Hours and days are points on a circle: 23 h is next to 0 h. The load of one and seven days before is
# known when the forecast is made. Train on the past, test on the last two weeks, and let the four weeks
# before them say when to stop: never a random part, whose neighbors in time the network has seen.

lags = np.column_stack([np.roll(load, 24), np.roll(load, 24 * 7)])
circle = [f(2 * np.pi * hour / 24 * k) for f in (np.sin, np.cos) for k in (1, 2, 3)]
X = np.column_stack([*circle, day[:, None] == np.arange(7), lags])[24 * 7 :]
y = load[24 * 7 :]
(X_train, X_val, X_test), (y_train, y_val, y_test) = (np.split(a, [-24 * 42, -24 * 14]) for a in (X, y))
model = MixtureDensityRegressor((16,), n_components=2, n_members=5, alpha=0.1, random_state=0)
model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
quantiles = model.predict_quantiles(X_test, [0.05, 0.5, 0.95])
lower, median, upper = quantiles.T

# %%
inside = np.mean((lower <= y_test) & (y_test <= upper))
week_before = X_test[:, -1]
print(f"within the 90 % interval: {inside:.0%}")
print(f"mean absolute error: {np.abs(median - y_test).mean():.2f}")
print(f"the same hour a week before: {np.abs(week_before - y_test).mean():.2f}")

# %%
figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
shown = slice(0, 24 * 5)
axis.fill_between(
    np.arange(24 * 5), lower[shown], upper[shown], alpha=0.25, linewidth=0, label="90 % interval"
)
axis.plot(median[shown], label="median")
axis.plot(y_test[shown], ".", color="C2", markersize=4, label="observed")
axis.set(xlabel="hours", ylabel="load", title="Five days after the training data")
_ = axis.legend(ncols=3, loc="upper right")

# %%
# The interval is wide in the afternoon, where the noise is large, and narrow at night: nobody told the
# network so.

plt.show()
