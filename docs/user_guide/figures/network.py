"""NetworkDisplay of a classifier of irises."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

from skmlp import MLPClassifier
from skmlp.inspection import NetworkDisplay

plt.style.use("skmlp.mplstyle")
iris = load_iris()
classifier = MLPClassifier(
    (8, 4), activation="tanh", solver="lbfgs", alpha=0.5, standardize=True, random_state=0
)
classifier.fit(iris.data, iris.target)
_, axis = plt.subplots(figsize=(8, 3.6))
NetworkDisplay.from_estimator(
    classifier, feature_names=iris.feature_names, output_names=iris.target_names, ax=axis
)
