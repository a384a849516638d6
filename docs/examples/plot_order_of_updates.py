r"""
All gradients first, then all steps
===================================

Backpropagation goes from the last layer to the first. It is tempting to update the weights of each layer as
soon as their gradient is known, and to continue with the updated weights. Then the gradient of the layer
before mixes two points: it uses errors from the old weights, passed back through the new ones.

This example implements a network with one hidden layer by hand, in both orders, and asks three questions.
Is the direction of the hidden layer's step the gradient of the loss? Is it the gradient of *any* loss? And
how does it affect training?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

X, y = make_moons(200, noise=0.2, random_state=0)
y = y[:, np.newaxis]

# %%
# The network
# -----------
#
# The network has two inputs, four tanh units and one output: :math:`Z_1 = X W_1 + b_1`,
# :math:`H = \tanh Z_1`, :math:`Z_2 = H W_2 + b_2`. The parameters are one vector :math:`\theta`, so that
# gradients can be checked element by element.

SHAPES = [(2, 4), (1, 4), (4, 1), (1, 1)]  # W1, b1, W2, b2
N_HIDDEN_LAYER = 12  # the number of elements of W1 and b1, which come first in theta


def split(theta):
    """Return W1, b1, W2 and b2."""
    ends = np.cumsum([rows * columns for rows, columns in SHAPES])
    parts = np.split(theta, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def loss(theta):
    """Return the mean binary log-loss."""
    W1, b1, W2, b2 = split(theta)
    z = np.tanh(X @ W1 + b1) @ W2 + b2
    return np.mean(np.logaddexp(0, z) - y * z)


def direction(theta, rate, *, moved_first):
    """Return the vector that gradient descent uses as the gradient.

    With ``moved_first``, W2 is updated before the error passes back through it.
    """
    W1, b1, W2, b2 = split(theta)
    H = np.tanh(X @ W1 + b1)
    delta2 = (1 / (1 + np.exp(-(H @ W2 + b2))) - y) / len(X)
    gradient_W2, gradient_b2 = H.T @ delta2, delta2.sum(axis=0)
    if moved_first:
        W2 = W2 - rate * gradient_W2  # here is the mistake
    delta1 = (delta2 @ W2.T) * (1 - H**2)
    gradient_W1, gradient_b1 = X.T @ delta1, delta1.sum(axis=0)
    return np.concatenate([g.ravel() for g in (gradient_W1, gradient_b1, gradient_W2, gradient_b2)])


# %%
# Is it the gradient of the loss?
# -------------------------------
#
# Finite differences give the gradient without any chain rule: change one parameter slightly in both
# directions, and measure the change of the loss. The right order agrees with them to about ten digits. In
# the wrong order, the error of the hidden layer is proportional to the learning rate, because the code uses
# :math:`W_2 - \eta \, \partial E / \partial W_2` in place of :math:`W_2`.


def finite_differences(function, theta, step=1e-5):
    """Return the derivatives of ``function`` by each element of theta, one per row."""
    moves = step * np.eye(len(theta))
    return np.array([(function(theta + move) - function(theta - move)) / (2 * step) for move in moves])


theta = np.random.default_rng(0).normal(size=17)
reference = finite_differences(loss, theta)[:N_HIDDEN_LAYER]
rates = np.logspace(-4, 1, 11)


def relative_error(rate, *, moved_first):
    """Return the error of the hidden layer's direction, relative to the length of the gradient."""
    found = direction(theta, rate, moved_first=moved_first)[:N_HIDDEN_LAYER]
    return np.linalg.norm(found - reference) / np.linalg.norm(reference)


right = [relative_error(rate, moved_first=False) for rate in rates]
wrong = [relative_error(rate, moved_first=True) for rate in rates]

figure, axis = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
axis.loglog(rates, wrong, "o--", color="C1", label="output weights moved first")
axis.loglog(rates, right, "o-", color="C0", label="all gradients first")
axis.set(xlabel="learning rate", ylabel="relative error of the hidden layer's gradient")
axis.set_title("against finite differences")
axis.legend()
print(f"relative error at learning rate 1: right order {right[8]:.0e}, wrong order {wrong[8]:.0e}")

# %%
# Is it the gradient of any loss?
# -------------------------------
#
# It could be the gradient of another, perhaps even better loss. This can be tested: the derivatives of a
# gradient are second derivatives, which do not depend on their order. The matrix of them, the Hessian
# matrix, is therefore symmetric. The same matrix of the wrong direction is not symmetric. It is the
# gradient of no function, so the method does not minimize any function.

rate = 1.0
fields = {
    "all gradients first": lambda theta: direction(theta, rate, moved_first=False),
    "output weights moved first": lambda theta: direction(theta, rate, moved_first=True),
}
jacobians = {name: finite_differences(field, theta) for name, field in fields.items()}
limit = max(np.abs(jacobian - jacobian.T).max() for jacobian in jacobians.values())

figure, axes = plt.subplots(1, 2, figsize=(8, 3.9), layout="constrained")
for axis, (name, jacobian) in zip(axes, jacobians.items(), strict=True):
    asymmetry = jacobian - jacobian.T
    image = axis.imshow(asymmetry, cmap="PuOr", vmin=-limit, vmax=limit)
    starts = np.cumsum([0, 8, 4, 4])
    axis.set_xticks(starts, ["W1", "b1", "W2", "b2"], ha="left")
    axis.set_yticks(starts, ["W1", "b1", "W2", "b2"], va="top")
    axis.grid(visible=False)
    axis.set_title(f"{name}: at most {np.abs(asymmetry).max():.0e}")
_ = figure.colorbar(image, ax=axes, label="derivatives minus their transpose")

# %%
# How does it affect training?
# ----------------------------
#
# With a small rate the error is small, and the loss curves of the two orders look the same. The mistake is
# then easy to miss. With larger steps the curves diverge. (It would be legitimate to update the output
# weights, make a new forward pass, and then update the hidden layer: each step follows a gradient of the
# loss at the current weights.)


def descend(theta, rate, n_steps, *, moved_first):
    """Return the loss before each step of gradient descent."""
    losses = []
    for _ in range(n_steps):
        losses.append(loss(theta))
        theta = theta - rate * direction(theta, rate, moved_first=moved_first)
    return losses


figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), layout="constrained", sharey=True)
for axis, rate in zip(axes, (0.1, 3, 10), strict=True):
    for name, style, moved_first in (("all gradients first", "C0-", False), ("moved first", "C1--", True)):
        curve = descend(theta, rate, 300, moved_first=moved_first)
        axis.semilogy(curve, style, label=name)
        print(f"rate {rate}, {name}: loss {curve[-1]:.3f}")
    axis.set(title=f"learning rate {rate}", xlabel="step")
axes[0].set_ylabel("loss")
axes[0].legend()

# sphinx_gallery_thumbnail_number = 3
plt.show()
