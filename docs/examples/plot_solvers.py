r"""
Solvers that need no learning rate
==================================

Gradient descent needs a learning rate, and finding a good one is much of the work with neural networks. For
small networks there are solvers that need none. Levenberg-Marquardt is made for sums of squares. An
evolution strategy uses only the value of the function to minimize, which may then be anything, such as a
cost in money.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier, MLPRegressor

warnings.simplefilter("ignore", ConvergenceWarning)  # the budgets are chosen

# %%
# Three solvers, one curve
# ------------------------
#
# The data are 300 samples of Friedman's function of five variables, without noise. A network of 15 tanh
# units can come very close, if the solver finds the way. Adam takes steps along the gradient. L-BFGS
# estimates the curvature from the last gradients. Levenberg-Marquardt computes the curvature of the squared
# error from the derivatives of all samples, except for a part that vanishes where the errors do.

X, y = make_friedman1(300, n_features=5, random_state=0)
budgets = {"adam": 3000, "lbfgs": 3000, "lm": 300}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
for solver, max_iter in budgets.items():
    model = MLPRegressor(
        (15,),
        "tanh",
        solver=solver,
        alpha=1e-4,
        learning_rate_init=0.01,
        max_iter=max_iter,
        max_fun=10 * max_iter,
        n_iter_no_change=max_iter,
        tol=1e-8,
        standardize=True,
        random_state=0,
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    print(f"{solver:6} loss {model.loss_:.1e} after {model.n_iter_:4} iterations")
    iterations = np.arange(1, model.n_iter_ + 1)
    left.plot(iterations, model.loss_curve_, label=solver)
    right.plot(iterations / model.n_iter_ * seconds, model.loss_curve_, label=solver)
left.set(xscale="log", yscale="log", xlabel="iteration or epoch", ylabel="loss")
right.set(xscale="log", xlabel="seconds")
_ = left.legend()

# %%
# An iteration of Levenberg-Marquardt solves a system of equations in all weights, 106 here, so it takes
# longer than one of L-BFGS; but it needs few iterations. With thousands of weights the systems become too
# large. And where a network would overfit, the lowest loss is not the goal.
#
# A cost in money
# ---------------
#
# One case in ten is a fault. Missing a fault costs 20, a false alarm costs 1. The cost is constant almost
# everywhere: a small change of a weight changes no decision, so there is no gradient to follow. An
# evolution strategy does not need one. It draws a population of networks, computes all of them as one
# stack, and moves towards those that cost least.

X, y = make_classification(1000, n_features=6, n_informative=4, weights=[0.9], flip_y=0.05, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def cost(y_true, y_pred):
    """Return the cost of decisions, per case."""
    missed, alarms = np.sum(y_true > y_pred), np.sum(y_true < y_pred)
    return (20 * missed + alarms) / len(y_true)


networks = {
    "L-BFGS, log-loss": MLPClassifier((4,), "tanh", solver="lbfgs", alpha=1, random_state=0),
    "evolution, log-loss": MLPClassifier((4,), "tanh", solver="es", alpha=1, random_state=0),
    "evolution, cost": MLPClassifier((4,), "tanh", solver="es", alpha=1, loss=cost, random_state=0),
}
decisions = {name: network.fit(X_train, y_train).predict(X_test) for name, network in networks.items()}
for name, decided in decisions.items():
    missed, alarms = np.sum(y_test > decided), np.sum(y_test < decided)
    print(
        f"{name:20} missed {missed:2}, false alarms {alarms:3}, cost per case {cost(y_test, decided):.2f}"
    )

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.plot(networks["evolution, cost"].loss_curve_, label="best network so far")
left.axhline(20 * y_train.mean(), color="C2", linestyle=":", label="never an alarm")
left.axhline(1 - y_train.mean(), color="C1", linestyle="--", label="always an alarm")
left.set(xlabel="generation", ylabel="cost per case, in training", ylim=(0, 3.6))
left.legend(loc="upper right")
costs = [cost(y_test, decided) for decided in decisions.values()]
right.bar_label(right.barh(list(decisions), costs, color=["C2", "C2", "C0"]), fmt="%.2f", padding=4)
right.grid(axis="y", visible=False)
right.set(xlabel="cost per case, on new data", xlim=(0, 1.15 * max(costs)))
right.invert_yaxis()

# %%
# The log-loss rewards good probabilities, and its decisions at one half ignore the cost of a fault. The
# network trained on the cost itself raises many more alarms and misses fewer faults.
#
# The name of any of scikit-learn's scorers works too: ``loss="roc_auc"``, ``loss="f1"``.

# sphinx_gallery_thumbnail_number = 1
plt.show()
