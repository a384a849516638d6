r"""
An inverse problem: more than one answer
========================================

A robot knows the angles of its joints, and so the position of its hand. It needs the inverse: the angles
that bring the hand to a given position. Often there is more than one answer. A network trained by least
squares then gives none of them, but their mean. Mixture density networks predict a distribution instead
[1]_.

.. [1] Bishop, C. M. (1994). Mixture density networks. Technical report NCRG/94/004, Aston University.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp import MixtureDensityRegressor, MLPRegressor
from skmlp.inspection import DensityDisplay

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is chosen

NOISE = 0.05


def forward(t):
    """Return the effect of a cause t, without noise."""
    return t + 0.3 * np.sin(2 * np.pi * t)


rng = np.random.default_rng(0)
cause = rng.uniform(0, 1, size=1000)
effect = forward(cause) + rng.uniform(-NOISE, NOISE, size=1000)

# %%
# Forward and back
# ----------------
#
# Forward, each cause has one effect, and the mean of the noisy effects is the right answer. Back, an effect
# near 0.5 has three causes. The curve is Bishop's, with half of his noise, so that the three are well
# separated. The same network is fitted to both; only the axes are swapped.

grid = np.linspace(0, 1, 300)
least_squares = MLPRegressor(
    (20,),
    activation="tanh",
    solver="lbfgs",
    alpha=0.1,
    max_iter=500,
    standardize=True,
    random_state=0,
)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.plot(cause, effect, ".", color="C2", alpha=0.4, markersize=4)
least_squares.fit(cause[:, np.newaxis], effect)
left.plot(grid, least_squares.predict(grid[:, np.newaxis]), "-", color="C1", linewidth=2.5)
left.set(xlabel="cause", ylabel="effect", title="forward: least squares does well")
right.plot(effect, cause, ".", color="C2", alpha=0.4, markersize=4)
least_squares.fit(effect[:, np.newaxis], cause)
right.plot(grid, least_squares.predict(grid[:, np.newaxis]), "-", color="C1", linewidth=2.5)
_ = right.set(xlabel="effect", ylabel="cause", title="back: it gives the mean of the answers")

# %%
# Least squares is not at fault: the mean of the causes *does* minimize the squared error. The question is
# wrong. The right one asks for the distribution of the cause, given the effect.
#
# A mixture of Gaussians
# ----------------------
#
# With M components, the network has 3 M outputs for each effect :math:`x`: the mixing coefficients
# :math:`\pi_k` (by a softmax), the means :math:`\mu_k` and the standard deviations :math:`\sigma_k`
# (positive by softplus). Training maximizes the likelihood of the observed causes :math:`y`, which means
# that it minimizes the mean of
#
# .. math:: - \log \sum_{k=1}^M \pi_k(x) \, \mathcal N \bigl( y \mid \mu_k(x), \sigma_k(x)^2 \bigr).

model = MixtureDensityRegressor(
    (20,), activation="tanh", n_components=3, solver="lbfgs", alpha=1, max_iter=500, random_state=0
)
X = effect[:, np.newaxis]
model.fit(X, cause)
display = DensityDisplay.from_estimator(model, X, y_limits=(-0.05, 1.05))
_ = display.ax_.set(xlabel="effect", ylabel="cause")

# %%
# The density has three branches where there are three answers, and one where there is one. Its mean runs
# between the branches, like the curve of least squares.
#
# The three components
# --------------------
#
# The left panel shows the means of the components; a larger mixing coefficient gives more opaque points.
# The right panel shows the mixing coefficients themselves.

distribution = model.predict_dist(grid[:, np.newaxis])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for k in range(3):
    weight = distribution.weights[:, k]
    left.scatter(grid, distribution.means[:, k], s=14, color=f"C{k}", alpha=weight, linewidths=0)
    right.plot(grid, weight, "-", color=f"C{k}", label=f"component {k}")
left.plot(effect, cause, ".", color="C2", alpha=0.2, markersize=3, zorder=0)
left.set(xlabel="effect", ylabel="mean of the component, cause")
right.set(xlabel="effect", ylabel="mixing coefficient")
_ = right.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))

# %%
# One answer that works
# ---------------------
#
# A robot needs one cause that brings about the effect, not the average of several. The mode of the
# distribution is the most likely cause; a sample is a random one. The test applies the forward function to
# the answer and compares the result with the wanted effect.

wanted = np.linspace(0.1, 0.9, 81)
W = wanted[:, np.newaxis]
answers = {
    "least squares": least_squares.predict(W),
    "mode of the mixture": model.predict_dist(W).mode(),
    "a sample": model.sample_y(W, random_state=0)[:, 0],
}
for name, answer in answers.items():
    error = np.sqrt(np.mean((forward(answer) - wanted) ** 2))
    print(f"{name:20} effect is off by {error:.3f} (root mean square)")

# %%
# For an effect of 0.5, the figure shows the predicted distribution, 2000 samples of it, and the true
# distribution. All causes are equally frequent and the noise is uniform, so the true density is uniform
# over all causes whose effect is within the noise of 0.5.

height = np.linspace(0, 1, 1000)
half = np.array([[0.5]])
possible = np.abs(forward(height) - 0.5) < NOISE
truth = possible / (possible.mean() * (height[-1] - height[0]))

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
samples = model.sample_y(half, 2000, random_state=0)[0]
left.hist(samples, bins=60, density=True, color="C5", alpha=0.5, label="samples")
density = model.predict_dist(half).pdf(height[:, np.newaxis])[:, 0]
left.plot(height, density, "-", color="C0", label="density")
left.plot(height, truth, "-", color="C2", linewidth=1, label="truth")
left.set(xlabel="cause, given that the effect is 0.5", ylabel="density", ylim=(0, 6.5))
left.legend(ncols=3, loc="upper center")
for name, style in (("least squares", "C1--"), ("mode of the mixture", "C0o")):
    right.plot(wanted, forward(answers[name]), style, markersize=4, label=name)
right.axline((0, 0), slope=1, color="C2", linestyle=":", label="what was wanted")
right.set(xlabel="wanted effect", ylabel="effect of the answer", xlim=(0, 1), ylim=(0, 1))
right.legend()

# sphinx_gallery_thumbnail_number = 2
plt.show()
