"""DensityDisplay of a mixture density network where each x has several answers."""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from skmlp import MixtureDensityRegressor
from skmlp.inspection import DensityDisplay

plt.style.use("skmlp.mplstyle")
rng = np.random.default_rng(0)
y = rng.uniform(0, 1, 600)
X = (y + 0.3 * np.sin(2 * np.pi * y) + rng.uniform(-0.1, 0.1, 600))[:, np.newaxis]
model = MixtureDensityRegressor(
    (30,), activation="tanh", solver="lbfgs", n_components=3, alpha=3, max_iter=1000, random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 1000 iterations come close enough to convergence
    model.fit(X, y)
DensityDisplay.from_estimator(model, X, y)
