"""The validation loss on digits, with one kind of regularization at a time."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier

plt.style.use("skmlp.mplstyle")
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X / 16, y, train_size=300, stratify=y, random_state=0)
figure, axis = plt.subplots(figsize=(8, 3.8))
for options, label in (
    ({"dropout": 0.3}, "dropout=0.3"),
    ({"alpha": 0.2}, "alpha=0.2"),
    ({}, "none of it"),
    ({"weight_decay": 1.0}, "weight_decay=1"),
    ({"normalization": "batch"}, 'normalization="batch"'),
):
    network = MLPClassifier(
        (100, 100),
        learning_rate_init=0.002,
        batch_size=50,
        max_iter=150,
        early_stopping=True,
        n_iter_no_change=np.inf,
        random_state=0,
        **{"alpha": 0.0, **options},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all 150 epochs are needed, converged or not
        network.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    axis.plot(np.arange(1, 151), network.validation_loss_curve_, label=label)
axis.set(xlabel="epoch", ylabel="validation_loss_curve_", xlim=(0, 150), ylim=(0.1, 0.5))
axis.legend(ncols=3, loc="upper right")
