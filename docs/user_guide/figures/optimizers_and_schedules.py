"""Left: the factors of the schedules. Right: loss curves of the optimizers."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skmlp import MLPClassifier
from skmlp.training.schedules import Constant, Cosine, FlatCosine, Linear, OneCycle

plt.style.use("skmlp.mplstyle")
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
steps = np.arange(1000)
for schedule, label in (
    (Cosine(), "cosine"),
    (Linear(), "linear"),
    (Constant(warmup=0.1), "constant, warmup=0.1"),
    (OneCycle(), "one_cycle"),
    (FlatCosine(), "flat_cosine"),
):
    left.plot(steps / 10, schedule.factors(steps, 1000), label=label)
left.set(xlabel="% of the planned steps", ylabel="learning rate / learning_rate_init", ylim=(0, 1.5))
left.set_yticks([0, 0.5, 1])
left.legend(loc="upper center", ncols=2, borderaxespad=0, columnspacing=1)

X, y = load_digits(return_X_y=True)
for solver, rate in (("adam", 0.005), ("nadam", 0.005), ("sgd", 0.1), ("rmsprop", 0.002)):
    network = MLPClassifier(
        (50,), solver=solver, learning_rate_init=rate, standardize=True, max_iter=25, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 25 epochs are too few to converge
        curve = network.fit(X, y).loss_curve_
    right.semilogy(np.arange(1, len(curve) + 1), curve, label=f"{solver}, {rate}")
right.set(xlabel="epoch", ylabel="loss_curve_")
right.legend(title="solver, learning_rate_init")
