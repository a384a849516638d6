"""LossCurveDisplay of a fit with early stopping and a falling learning rate."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer

from skmlp import MLPClassifier
from skmlp.inspection import LossCurveDisplay

plt.style.use("skmlp.mplstyle")
X, y = load_breast_cancer(return_X_y=True)
classifier = MLPClassifier(
    (50,),
    solver="sgd",
    learning_rate="adaptive",
    learning_rate_init=0.2,
    n_iter_no_change=5,
    standardize=True,
    early_stopping=True,
    validation_fraction=0.3,
    random_state=0,
).fit(X, y)
LossCurveDisplay.from_estimator(classifier)
