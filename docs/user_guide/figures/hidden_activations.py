"""The outputs of two hidden units for test digits."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier
from skmlp.inspection import hidden_activations

plt.style.use("skmlp.mplstyle")
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
classifier = MLPClassifier(
    (100, 2),
    activation=["relu", "identity"],
    learning_rate_init=0.01,
    alpha=0.1,
    max_iter=500,
    random_state=0,
).fit(X_train, y_train)
first, second = hidden_activations(classifier, X_test).T
_, axis = plt.subplots(figsize=(8, 4.6))
for digit in range(10):
    chosen = y_test == digit
    color = plt.get_cmap("tab10")(digit)
    axis.plot(first[chosen], second[chosen], linestyle="", marker=f"${digit}$", color=color)
axis.set(xlabel="first unit", ylabel="second unit")
