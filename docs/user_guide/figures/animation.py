"""Four frames of a TrainingAnimation: the decision surface on two moons."""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons

from skmlp import MLPClassifier
from skmlp.inspection import TrainingAnimation

plt.style.use("skmlp.mplstyle")
X, y = make_moons(200, noise=0.2, random_state=0)
animation = TrainingAnimation()
classifier = MLPClassifier((20, 20), learning_rate_init=0.02, max_iter=100, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # 100 epochs are enough for the figure
    classifier.set_callbacks(animation).fit(X, y)
_, axes = plt.subplots(1, 4, figsize=(8, 2.5), sharey=True)
for axis, epoch in zip(axes, (1, 10, 25, 100), strict=True):
    animation.plot(epoch - 1, axis)
    axis.label_outer()
