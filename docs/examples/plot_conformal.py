r"""
Prediction intervals that keep their promise
============================================

A network may be wrong about its own errors, above all on few samples. Split conformal prediction sets the
width of its intervals on data that it has not seen. Then 90 % are 90 %, whatever the network.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skmlp import MixtureDensityRegressor

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen

X, y = load_diabetes(return_X_y=True)


def coverages(seed):
    """Return the share of test targets in the intervals, before and after conformal calibration."""
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=100, random_state=seed)
    X_train, X_cal, y_train, y_cal = train_test_split(X_rest, y_rest, test_size=100, random_state=seed)
    model = MixtureDensityRegressor((50,), early_stopping=False, random_state=seed).fit(X_train, y_train)
    lower, upper = model.predict_interval(X_test, coverage=0.9).T
    # How far is each calibration target outside its interval, as a share of the width? Negative: inside.
    low, high = model.predict_interval(X_cal, coverage=0.9).T
    scores = np.sort(np.maximum(low - y_cal, y_cal - high) / (high - low))
    rank = int(np.ceil(0.9 * (len(scores) + 1)))
    wider = scores[rank - 1] * (upper - lower)
    return [
        np.mean((bottom <= y_test) & (y_test <= top))
        for bottom, top in [(lower, upper), (lower - wider, upper + wider)]
    ]


# %%
# This network is trained without early stopping, too long for 242 patients: it is too sure of itself.

before, after = np.transpose([coverages(seed) for seed in range(12)])
print(f"network alone:  {before.mean():.0%} of new patients within its 90 % intervals")
print(f"conformal:      {after.mean():.0%}")

# %%
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
for height, values in enumerate([after, before]):
    axis.plot(values, np.full(len(values), height), "o", alpha=0.6)
    axis.plot(values.mean(), height, "k|", markersize=24, markeredgewidth=2)
axis.axvline(0.9, color="0.3", linestyle=":")
axis.set_yticks([0, 1], ["conformal", "network alone"])
axis.set(xlabel="share of test targets within the interval, 12 splits", ylim=(-0.5, 1.5), xlim=(None, 1))

# %%
# The method is conformalized quantile regression [Romano et al. 2019], with scores relative to the width.
# The price is a hundred patients to calibrate on. With fewer, use cross-conformal prediction: MAPIE has it.

plt.show()
