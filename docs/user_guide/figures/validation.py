"""Loss curves of a fit with early stopping, and the epoch whose weights are kept."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier

plt.style.use("skmlp.mplstyle")
X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
network = MLPClassifier(
    standardize=True,
    learning_rate_init=0.003,
    batch_size=50,
    early_stopping=True,
    scoring="loss",
    n_iter_no_change=20,
    random_state=0,
).fit(X_train, y_train, X_val=X_val, y_val=y_val)
epochs = np.arange(1, network.n_iter_ + 1)
figure, axis = plt.subplots(figsize=(8, 3.4))
axis.plot(epochs, network.validation_loss_curve_, label="validation_loss_curve_")
axis.plot(epochs, network.loss_curve_, label="loss_curve_ (training)")
best = network.best_iter_, network.validation_loss_curve_[network.best_iter_ - 1]
axis.plot(*best, "o", color="black")
axis.annotate(f"best_iter_ = {best[0]}", best, (0, 14), textcoords="offset points", ha="center")
axis.set(xlabel="epoch", ylabel="loss", xlim=(0, None), ylim=(0, 0.3))
axis.legend()
