"""AttributionDisplay of one patient, and of all."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from skmlp import MLPRegressor
from skmlp.inspection import AttributionDisplay

plt.style.use("skmlp.mplstyle")
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
regressor = MLPRegressor(
    (10,), solver="lbfgs", alpha=30, max_iter=1000, standardize=True, random_state=0
).fit(X, y)
figure, axes = plt.subplots(1, 3, figsize=(10, 3.8))
AttributionDisplay.from_estimator(regressor, X, row=0, axes=axes[0])
AttributionDisplay.from_estimator(regressor, X, y, axes=axes[1:])
