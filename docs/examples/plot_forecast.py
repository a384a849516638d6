r"""
A forecast with quantiles
=========================

How much electricity will be needed at each hour of tomorrow? Who keeps reserves needs more than one number:
how low may it be, and how high? One network predicts five quantiles for each hour. They never cross.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import d2_pinball_score

from skmlp import MLPRegressor
from skmlp.metrics import pinball_loss

# %%
# A made-up demand
# ----------------
#
# It follows the hour and the day of the week, and drifts slowly. Chance is largest on the afternoons of
# working days.

rng = np.random.default_rng(0)
hours = np.arange(24 * 7 * 30)  # thirty weeks
day, hour = hours // 24 % 7, hours % 24
shape = np.exp(-(((hour - 18) / 4.5) ** 2)) + 0.6 * np.exp(-(((hour - 8) / 3) ** 2))
level = 40 + 30 * shape * np.where(day < 5, 1, 0.6) + np.cumsum(rng.normal(size=len(hours))) / 40
spread = 1 + 5 * np.exp(-(((hour - 16) / 4) ** 2)) * (day < 5)
demand = level + spread * rng.standard_t(5, size=len(hours))

# %%
# What is known the day before
# ----------------------------
#
# The hour and the day as points on circles, so that 23 and 0 are neighbors; the demand a day and a week
# before; the mean of the last week. The last six weeks are held out: a forecast is tested on the future.

start = 24 * 8
X = np.column_stack(
    [
        *(f(2 * np.pi * hour / 24) for f in (np.sin, np.cos)),
        *(f(2 * np.pi * day / 7) for f in (np.sin, np.cos)),
        day >= 5,
        np.roll(demand, 24),
        np.roll(demand, 24 * 7),
        np.convolve(demand, np.ones(24 * 7) / (24 * 7))[: len(hours)][np.maximum(hours - 24, 0)],
    ]
)[start:]
y = demand[start:]
split = len(y) - 24 * 7 * 6
X_train, X_test, y_train, y_test = X[:split], X[split:], y[:split], y[split:]

# %%
# One network, five quantiles
# ---------------------------

quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
model = MLPRegressor(
    (50,),
    loss="quantile",
    quantile=quantiles,
    standardize=True,
    early_stopping=True,
    n_members=5,
    random_state=0,
)
model.fit(X_train, y_train)
predicted = model.predict(X_test)  # a column for each quantile

# %%
# Compared with what many would do: take the demand of a week ago, with the quantiles of its errors.

week_ago = X_test[:, [6]] + np.quantile(y_train - X_train[:, 6], quantiles)
for name, forecast in {"a week ago": week_ago, "network": predicted}.items():
    loss, d2 = pinball_loss(y_test, forecast, quantiles=quantiles), d2_pinball_score(y_test, forecast[:, 2])
    print(f"{name:11} pinball loss {loss:.2f}, D2 of the median {d2:.2f}")

# %%
# A week of the future
# --------------------

some = slice(24 * 7, 24 * 14)
x = np.arange(24 * 7) / 24
figure, axis = plt.subplots(figsize=(9, 3.8), layout="constrained")
for low, high, alpha in [(0, 4, 0.2), (1, 3, 0.4)]:
    share = f"{quantiles[high] - quantiles[low]:.0%} interval"
    axis.fill_between(
        x, predicted[some, low], predicted[some, high], color="C0", alpha=alpha, lw=0, label=share
    )
axis.plot(x, predicted[some, 2], color="C0", label="median")
axis.plot(x, y_test[some], ".", color="C1", label="what came")
first = int(day[start + split + 24 * 7])
axis.set_xticks(np.arange(7) + 0.5, np.roll(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], -first))
axis.tick_params(axis="x", length=0)
axis.set(ylabel="demand", xlim=(0, 7))
_ = axis.legend(ncols=4, loc="upper left", bbox_to_anchor=(0, 1.13))

# %%
# The intervals are wide in the afternoons of working days, and narrow at night: the network has learned
# when the demand is hard to predict.
#
# Do the quantiles mean what they say?
# ------------------------------------
#
# Nineteen of twenty hours should stay below the 95 % quantile.

below = (y_test[:, np.newaxis] <= predicted).mean(axis=0)
for quantile, share in zip(quantiles, below, strict=True):
    print(f"{quantile:.0%} quantile: {share:.0%} of the hours below")

figure, axis = plt.subplots(figsize=(4, 3.6), layout="constrained")
axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
axis.plot(quantiles, below, "o", color="C0")
_ = axis.set(xlabel="quantile", ylabel="share of hours below it", aspect="equal")

# %%
# If they did not, conformalized quantile regression would mend it: see the recipe for MAPIE on the page
# "Integrations".

plt.show()
