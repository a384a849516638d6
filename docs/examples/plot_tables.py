r"""
A table as it comes
===================

Numbers on different scales, categories as strings, missing values:
:class:`~skmlp.TabularMLPRegressor` takes the DataFrame. This example goes from the raw table of the
diabetes study (442 patients; the target is how far the disease has progressed after a year) to predictions,
to the columns that matter, and to intervals.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import train_test_split

from skmlp import TabularMLPRegressor

# %%
# The table
# ---------
#
# In the study, sex is a code. Here it is a string, as a table would have it, and one cell in twenty is
# empty.

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1: "female", 2: "male"})
X = X.mask(np.random.default_rng(0).random(X.shape) < 0.05)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
print(X_train.head())

# %%
# A fit
# -----
#
# There is nothing to prepare. Strings are categories, and an empty cell is a value like any other.

model = TabularMLPRegressor(random_state=0).fit(X_train, y_train)
error = np.abs(model.predict(X_test) - y_test).mean()
constant = np.abs(y_train.median() - y_test).mean()
print(f"mean absolute error: {error:.0f}, of the median alone {constant:.0f}")

# %%
# What matters
# ------------
#
# A column is important if shuffling it makes predictions worse. scikit-learn's tools work on the table:
# columns keep their names, and categories are categories.

importance = permutation_importance(model, X_test, y_test, n_repeats=5, random_state=0)
order = importance.importances_mean.argsort()

figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), layout="constrained")
axes[0].barh(X.columns[order], importance.importances_mean[order], xerr=importance.importances_std[order])
axes[0].set(xlabel="R² lost by shuffling", title="importance")
PartialDependenceDisplay.from_estimator(
    model, X_test.dropna(), ["bmi", "sex"], categorical_features=["sex"], ax=axes[1:]
)
_ = figure.suptitle("What the predictions depend on")

# %%
# Intervals
# ---------
#
# Two quantiles are the limits of an interval: one network learns both with the pinball loss, and they never
# cross. Nine of ten patients should lie between.

limits = TabularMLPRegressor(loss="quantile", quantile=[0.05, 0.95], random_state=0).fit(X_train, y_train)
low, high = limits.predict(X_test).T
covered = (low <= y_test) & (y_test <= high)
print(f"{covered.mean():.0%} of the test patients lie within their interval")

order = np.argsort(model.predict(X_test))
figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
axis.vlines(np.arange(len(order)), low[order], high[order], color="C0", alpha=0.4, label="interval")
axis.plot(y_test.to_numpy()[order], ".", color="C1", label="observed")
axis.set(xlabel="test patients, by prediction", ylabel="progression", title="From 5 % to 95 %")
axis.legend()

plt.show()
