"""Losses of raw scores: of a regressor for the target 0, of a binary classifier for the target 1."""

import matplotlib.pyplot as plt
import numpy as np

from skmlp.network.losses import AbsoluteError, BinaryFocal, BinaryLogLoss, Huber, Quantile, SquaredError

plt.style.use("skmlp.mplstyle")
z = np.linspace(-3, 3, 301)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))


def draw(axis, loss, target, label):
    """Draw the loss as a function of the raw score."""
    scores = z.reshape(1, -1, 1)
    axis.plot(z, loss.value(scores, np.full_like(scores, target)).ravel(), label=label)


draw(left, Huber(), 0, "huber")
draw(left, AbsoluteError(), 0, "absolute_error")
draw(left, SquaredError(), 0, "squared_error")
draw(left, Quantile(0.9), 0, "quantile, 0.9")
left.set(xlabel="prediction minus target", ylabel="loss", title="regressor", ylim=(0, 4.5))
left.legend(loc="upper center")
draw(right, BinaryFocal(2.0), 1, "Focal(gamma=2)")
draw(right, BinaryLogLoss(0.2), 1, "LogLoss(label_smoothing=0.2)")
draw(right, BinaryLogLoss(), 1, "log_loss")
right.set(xlabel="raw score of the true class", title="binary classifier", ylim=(0, 3.2))
right.legend(loc="upper right")
