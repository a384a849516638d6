r"""
Two classes that no line separates
==================================

The class is 1 where :math:`x_0 x_1 > 0`: two opposite quarters of a square against the other two. It is XOR
with continuous inputs. Neither input alone says anything about the class, so a linear model is hardly
better than chance. A hidden layer of four tanh units solves the problem. This example shows the
contribution of each unit, and how training finds their positions.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skmlp import MLPClassifier
from skmlp.inspection import TrainingAnimation, hidden_activations

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen

rng = np.random.default_rng(0)
X, X_test = rng.uniform(-1, 1, size=(300, 2)), rng.uniform(-1, 1, size=(2000, 2))
y, y_test = ((x[:, 0] * x[:, 1] > 0).astype(int) for x in (X, X_test))

# %%
# Training, recorded
# ------------------
#
# ``TrainingAnimation(every=6)`` is a callback: in every sixth epoch, it records the probability on a grid.

classifier = MLPClassifier(
    (4,), activation="tanh", learning_rate_init=0.05, batch_size=50, max_iter=60, random_state=2
)
animation = TrainingAnimation(every=6)
classifier.set_callbacks(animation).fit(X, y)
linear = LogisticRegression().fit(X, y)
for name, model in (("network", classifier), ("linear model", linear)):
    print(f"{name}: {model.score(X_test, y_test):.1%} of new points right")

# %%
# In the animation, the network knows almost nothing after the first epoch. Then a valley opens along one
# diagonal. It gets half of the corners right, but includes the middle. A ridge then splits the valley in
# two, and the four regions move to the quarters. ``animation.save("toy.gif")`` writes the animation to a
# file.

film = animation.animation(fps=3)

# %%
# Four lines
# ----------
#
# A hidden unit computes :math:`h_j = \tanh(w_j^\top x + b_j)`: zero on a line, positive on one side of it
# and negative on the other, with a slope given by the length of :math:`w_j`. The figure shows the
# probability, and the line of each of the four units.

side = np.linspace(-1, 1, 120)
grid = np.stack([values.ravel() for values in np.meshgrid(side, side)], axis=1)
probability = classifier.predict_proba(grid)[:, 1].reshape(120, 120)
W1, W2 = classifier.coefs_
b1, b2 = classifier.intercepts_

figure, axis = plt.subplots(figsize=(6.6, 5), layout="constrained")
image = axis.contourf(side, side, probability, levels=np.linspace(0, 1, 11), cmap="PuOr_r", alpha=0.8)
axis.scatter(*X.T, c=y, cmap="PuOr_r", s=12, edgecolors="black", linewidths=0.3)
for j, (w, b, style) in enumerate(zip(W1.T, b1, ("-", "--", "-.", ":"), strict=True)):
    point = -b * w / (w @ w)  # on the line, nearest to the origin
    axis.axline(point, slope=-w[0] / w[1], color="black", linestyle=style, label=f"unit {j}")
axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4)
axis.grid(visible=False)
axis.set(xlabel="x0", ylabel="x1", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
_ = figure.colorbar(image, label="probability of class 1")

# %%
# The output is a weighted sum of the four surfaces, plus a bias. Each surface is a single step. Two steps
# with nearly parallel lines, one up and one down, leave a ridge or a valley between the lines. The lines of
# units 0 and 3 rise: between them is a ridge, from the lower left to the upper right. Those of units 1 and
# 2 fall: between them is a valley that crosses the ridge. The four quarters are the result of both.

h = hidden_activations(classifier, grid)
figure, axes = plt.subplots(1, 5, figsize=(10.5, 2.6), layout="constrained", sharey=True)
limit = np.abs(h * W2[:, 0]).max()
panels = {f"unit {j}, times {W2[j, 0]:.1f}": W2[j, 0] * h[:, j] for j in range(4)}
panels[f"sum, with bias {b2[0]:.1f}"] = h @ W2[:, 0] + b2[0]
for axis, (title, values) in zip(axes, panels.items(), strict=True):
    surface = values.reshape(120, 120)
    image = axis.imshow(surface, origin="lower", extent=(-1, 1, -1, 1), cmap="PuOr_r")
    image.set_clim(-limit, limit)
    axis.set_title(title)
    axis.grid(visible=False)
figure.colorbar(image, ax=axes, label="raw score", shrink=0.8, extend="both")

# sphinx_gallery_thumbnail_number = 2
plt.show()
