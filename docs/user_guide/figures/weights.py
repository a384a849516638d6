"""WeightsDisplay of a classifier of digits."""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skmlp import MLPClassifier
from skmlp.inspection import WeightsDisplay

plt.style.use("skmlp.mplstyle")
X, y = load_digits(return_X_y=True)
classifier = MLPClassifier((20,), activation="tanh", alpha=10, max_iter=100, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 100 epochs come close enough to convergence
    classifier.fit(X / 16, y)
WeightsDisplay.from_estimator(classifier)
