r"""
Why this prediction?
====================

A network is a function that can be differentiated. Its Jacobian tells how each prediction changes with each
feature; integrated gradients tell what each feature contributes to a prediction; and the Hessian of the
training objective tells whether training has reached a minimum.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, make_moons
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier
from skmlp.inspection import AttributionDisplay, hessian_product, integrated_gradients, jacobian

# %%
# Slopes of a probability
# -----------------------
#
# The moons have two features, so the slopes of the probability are arrows in the plane. They point to where
# the orange class becomes more probable, are long along the boundary, and vanish where the network is sure.
# The slopes of the log-odds, on the right, do not vanish there.

X, y = make_moons(200, noise=0.2, random_state=0)
classifier = MLPClassifier((20,), "tanh", solver="lbfgs", alpha=0.3, max_iter=1000, random_state=0).fit(
    X, y
)
x1, x2 = np.meshgrid(np.linspace(-1.5, 2.5, 17), np.linspace(-1, 1.5, 12))
grid = np.column_stack([x1.ravel(), x2.ravel()])
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, of, title in zip(axes, ["predictions", "raw"], ["p(orange)", "the log-odds"], strict=True):
    slopes = jacobian(classifier, grid, of=of)[:, -1]  # of the last output
    ax.scatter(*X.T, c=np.where(y, "#D55E00", "#0072B2"), s=10, alpha=0.4, linewidths=0)
    ax.quiver(*grid.T, *slopes.T, color="#555555", width=0.003)
    ax.set(title=f"slope of {title}", xlabel="x1")
_ = axes[0].set_ylabel("x2")

# %%
# Contributions of features
# -------------------------
#
# Thirty measures of cell nuclei tell benign from malignant tumours. The log-odds at one sample are compared
# with those at the mean of all: the contributions of the features sum to the difference.

data = load_breast_cancer(as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, random_state=0)
classifier = MLPClassifier((10,), solver="lbfgs", alpha=10, standardize=True, random_state=0)
classifier.fit(X_train, y_train)
print(f"accuracy {classifier.score(X_test, y_test):.3f}")
contributions = integrated_gradients(classifier, X_test, X_train.mean(), of="raw")[:, 0].sum(axis=1)
difference = classifier.decision_function(X_test) - classifier.decision_function(
    X_train.mean().to_frame().T
)
print(f"the sums miss the differences by {abs(contributions - difference).max():.0e}")
errors = np.flatnonzero(classifier.predict(X_test) != y_test)
display = AttributionDisplay.from_estimator(
    classifier, X_test, row=int(errors[0]), baseline=X_train.mean(), of="raw", max_features=8
)

# %%
# The sample shown is one of the few mistakes. Over all samples, many features contribute a little. The
# permutation importance is small for most of them: the measures are so strongly correlated that the
# network does without any single one.

_ = AttributionDisplay.from_estimator(classifier, X_test, y_test, baseline=X_train.mean(), of="raw")

# %%
# A minimum?
# ----------
#
# In a minimum, the Hessian has only positive eigenvalues. At the initial weights many are negative. After
# training none is, and many lie about where the penalty alone puts them, or below: along these directions
# the data say almost nothing.

X, y = make_moons(200, noise=0.2, random_state=0)
start = MLPClassifier((20,), "tanh", alpha=0.3, random_state=0)
end = MLPClassifier((20,), "tanh", solver="lbfgs", alpha=0.3, tol=1e-8, max_iter=5000, random_state=0).fit(
    X, y
)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name, network in {"initial weights": start, "after training": end}.items():
    eigenvalues = np.linalg.eigvalsh(hessian_product(network, X, y, np.eye(81)))[::-1]
    print(f"{name}: eigenvalues from {eigenvalues[-1]:.1e} to {eigenvalues[0]:.1e}")
    ax.plot(np.arange(1, 82), eigenvalues, ".", label=name)
ax.axhline(0.3 / 200, color="#555555", linewidth=0.8, label="penalty alone")
ax.set(xlabel="number", ylabel="eigenvalue of the Hessian")
ax.set_yscale("symlog", linthresh=1e-4)
_ = ax.legend()
