r"""
Forward and backward by hand
============================

A network with two inputs, three tanh units and two outputs is applied to four flowers. It is computed
twice: in a dozen lines of numpy, which follow the equations of the page on mathematics one by one, and by
the engine of skmlp. Every intermediate result is compared. In the end, finite differences check the
gradient.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from skmlp import MLPClassifier
from skmlp.inspection import check_gradients
from skmlp.network.activations import Tanh
from skmlp.network.losses import LogLoss
from skmlp.network.network import multilayer_perceptron
from skmlp.network.objective import Objective

# %%
# Four flowers
# ------------
#
# The inputs are length and width of the petals, in units of 10 cm, for two flowers of one species and two
# of another. Samples are rows. The target of a sample is the indicator of its class.

iris = load_iris()
rows = [50, 51, 100, 101]
X = iris.data[rows, 2:] / 10
Y = (iris.target[rows, np.newaxis] == [1, 2]).astype(float)
print("X =", X.round(2).tolist())
print("Y =", Y.tolist())

# %%
# Forward
# -------
#
# A dense layer multiplies by its weights from the right and adds its biases; tanh applies element by
# element; softmax turns the scores of a row into probabilities. The loss of a sample is minus the logarithm
# of the probability of its class:
#
# .. math::
#    Z_1 = X W_1 + \mathbf 1 b_1, \qquad H = \tanh Z_1, \qquad Z_2 = H W_2 + \mathbf 1 b_2, \qquad
#    P_{ij} = \frac{e^{z_{ij}}}{\sum_c e^{z_{ic}}}, \qquad E = - \frac 1 n \sum_{ij} Y_{ij} \log P_{ij}

rng = np.random.default_rng(3)
W1, b1 = rng.normal(size=(2, 3)), rng.normal(size=(1, 3))
W2, b2 = rng.normal(size=(3, 2)), rng.normal(size=(1, 2))
n = len(X)

Z1 = X @ W1 + b1
H = np.tanh(Z1)
Z2 = H @ W2 + b2
P = np.exp(Z2) / np.exp(Z2).sum(axis=1, keepdims=True)
E = -np.sum(Y * np.log(P)) / n

# %%
# Backward
# --------
#
# The chain rule is applied from the last layer to the first. :math:`\Delta_l` is the derivative of the sum
# of the losses with respect to :math:`Z_l`. For a softmax, it is prediction minus target. The gradients are
# divided by :math:`n`:
#
# .. math::
#    \Delta_2 = P - Y, \qquad \Delta_1 = \left( \Delta_2 W_2^\top \right) \odot (1 - H^2), \qquad
#    \frac{\partial E}{\partial W_l} = \frac 1 n H_{l-1}^\top \Delta_l, \qquad
#    \frac{\partial E}{\partial b_l} = \frac 1 n \mathbf 1^\top \Delta_l
#
# with :math:`H_0 = X`. Each gradient has the shape of its parameters, which determines the transposes.

Delta2 = P - Y
Delta1 = (Delta2 @ W2.T) * (1 - H**2)
W2_gradient = H.T @ Delta2 / n
b2_gradient = Delta2.sum(axis=0, keepdims=True) / n
W1_gradient = X.T @ Delta1 / n
b1_gradient = Delta1.sum(axis=0, keepdims=True) / n

# %%
# The same by the engine
# ----------------------
#
# The engine keeps all parameters in one vector, weights first, then biases, and accesses them through
# views. It trains K networks at once, so all its arrays have a leading axis; here K is 1. The network has
# three layers: dense, tanh, dense. A trace holds the input and the output of a layer, and the
# :math:`\Delta` at both. These two loops are the work of ``Network.forward`` and ``Network.backward``. They
# copy each result for the comparison below, because tanh works in place.

network = multilayer_perceptron(2, [3], 2, Tanh())
loss = LogLoss(group_sizes=(2,))
theta = np.concatenate([array.ravel() for array in (W1, W2, b1, b2)])[np.newaxis]
parameters = network.layout.view(theta)
gradient = network.layout.view(np.empty_like(theta))
traces = network.traces(n_networks=1, n_rows=n, like=theta)
traces[0].x = X[np.newaxis]

outputs = []
for layer, layer_parameters, trace in zip(network.layers, parameters.layers, traces, strict=True):
    layer.forward(layer_parameters, trace)
    outputs.append(trace.output.copy())

loss.gradient(traces[2].output, Y, traces[2].delta)
deltas = [traces[2].delta.copy()]
for i in (2, 1, 0):
    network.layers[i].backward(parameters.layers[i], gradient.layers[i], traces[i])
    if i > 0:
        deltas.append(traces[i].delta_x.copy())

# %%
# In training, the objective does all of this in one call, divides by :math:`n`, and returns the loss.

objective = Objective(network, loss, alpha=np.zeros(1))
engine_loss = objective.value_and_gradient(parameters, X[np.newaxis], Y[np.newaxis], None, gradient)
(W1_engine, b1_engine), _, (W2_engine, b2_engine) = gradient.layers

comparison = {
    "Z1": (Z1, outputs[0]),
    "H": (H, outputs[1]),
    "Z2": (Z2, outputs[2]),
    "P": (P, loss.inverse_link(outputs[2])),
    "E": (np.array(E), engine_loss),
    "Delta2": (Delta2, deltas[0]),
    "Delta2 W2'": (Delta2 @ W2.T, deltas[1]),
    "Delta1": (Delta1, deltas[2]),
    "gradient of W2": (W2_gradient, W2_engine),
    "gradient of b2": (b2_gradient, b2_engine),
    "gradient of W1": (W1_gradient, W1_engine),
    "gradient of b1": (b1_gradient, b1_engine),
}
print(f"{'':15} {'by hand':8} {'engine':11} largest difference")
for name, (by_hand, by_engine) in comparison.items():
    difference = np.abs(by_hand - by_engine).max()
    print(f"{name:15} {by_hand.shape!s:8} {by_engine.shape!s:11} {difference:.0e}")

# %%
# One flower on its way
# ---------------------
#
# The figure follows the first sample, forward and backward. Forward, a unit sums the values of the units
# before it, times the weights of the lines, adds its bias, and shows its :math:`h` (an output shows its
# probability). Backward, a unit sums the :math:`\delta` of the units behind it, times the same weights,
# multiplies by :math:`1 - h^2`, and shows its :math:`\delta`. The gradient of a weight is the number before
# the line in the left panel times the number behind the line in the right one.


def draw(axis, layers, edges, title):
    """Draw units with their values, and lines with theirs."""
    heights = [(len(layer) - 1) / 2 - np.arange(len(layer)) for layer in layers]
    for column, values in enumerate(edges):
        for (i, j), value in np.ndenumerate(values):
            start, end = heights[column][i], heights[column + 1][j]
            color = "C1" if value > 0 else "C0"
            width = 0.6 + 2 * abs(value) / np.abs(values).max()
            axis.plot([column, column + 1], [start, end], "-", color=color, linewidth=width, zorder=1)
            part = 0.3 if (i + j) % 2 else 0.7  # separates the labels of crossing lines
            label = axis.text(column + part, start + part * (end - start), f"{value:.2f}", fontsize=8)
            label.set(ha="center", va="center")
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    for column, layer in enumerate(layers):
        for value, height in zip(layer, heights[column], strict=True):
            axis.scatter(column, height, s=1300, color="white", edgecolors="black", zorder=2)
            axis.text(column, height, value, ha="center", va="center", fontsize=9, zorder=3)
    axis.set(xlim=(-0.25, 2.25), ylim=(-1.4, 1.4))
    axis.set_title(title)
    axis.set_axis_off()


def written(values):
    """Return numbers with two digits."""
    return [f"{value:.2f}" for value in values]


outputs_of_units = [written(X[0]), written(H[0]), written(P[0])]
deltas_of_units = [["", ""], written(Delta1[0]), written(Delta2[0])]
gradients_of_weights = [np.outer(X[0], Delta1[0]), np.outer(H[0], Delta2[0])]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
draw(left, outputs_of_units, [W1, W2], "forward: x, h and p; weights")
draw(right, deltas_of_units, gradients_of_weights, "backward: deltas; gradients of the weights")

# %%
# Is it right?
# ------------
#
# Two programs that agree may both be wrong, because both follow the same equations. Finite differences do
# not use the chain rule. They change one weight slightly in both directions and measure the change of the
# loss. ``check_gradients`` does this for every weight of an estimator. For each array of weights, it prints
# the weight with the largest error. With all three species there is a third output.

classifier = MLPClassifier((3,), activation="tanh", random_state=0)
print(check_gradients(classifier, iris.data[:, 2:] / 10, iris.target))

# %%
# The same comparison for each of the 17 parameters of the network above:


def loss_at(theta):
    """Return the loss of the network on the four flowers."""
    scratch = network.layout.view(np.empty_like(theta))
    return objective.value_and_gradient(
        network.layout.view(theta), X[np.newaxis], Y[np.newaxis], None, scratch
    )[0]


eps = 1e-6
moves = eps * np.eye(theta.size)[:, np.newaxis]
differences = np.array([(loss_at(theta + move) - loss_at(theta - move)) / (2 * eps) for move in moves])

figure, axis = plt.subplots(figsize=(5, 4.2), layout="constrained")
axis.axline((0, 0), slope=1, color="C2", linestyle=":", linewidth=1)
for name, part, marker in (
    ("W1", slice(0, 6), "o"),
    ("W2", slice(6, 12), "s"),
    ("b1", slice(12, 15), "^"),
    ("b2", slice(15, 17), "D"),
):
    axis.plot(gradient.flat[0, part], differences[part], marker, linestyle="", label=name)
axis.set(xlabel="backpropagation", ylabel="finite difference")
largest = np.abs(differences - gradient.flat[0]).max()
axis.set_title(f"largest difference {largest:.0e}")
axis.legend()

# sphinx_gallery_thumbnail_number = 1
plt.show()
