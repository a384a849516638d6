r"""
Three hundred fits, and a map of them
=====================================

How much penalty, and which learning rate? The answers depend on each other, so both must be varied
together. With cross-validation, this takes hundreds of fits of small networks. ``skmlp.model_selection``
has scikit-learn's searches, and trains the networks of many fits side by side, as one stack. The scores are
the same, but there is time for a map instead of a few values.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import sklearn.model_selection
import sklearn.neural_network
from matplotlib.colors import LogNorm
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier
from skmlp.model_selection import GridSearchCV, HalvingRandomSearchCV

warnings.simplefilter("ignore", ConvergenceWarning)  # the numbers of epochs are chosen

X, y = load_breast_cancer(return_X_y=True)
network = MLPClassifier(
    (20,), batch_size=64, max_iter=60, n_iter_no_change=np.inf, dtype="float32", random_state=0
)
model = make_pipeline(StandardScaler(), network)

# %%
# Sixty candidates, five folds
# ----------------------------
#
# The grid has ten penalties and six learning rates, with 60 epochs each. The score is the log-loss on the
# part left out. Unlike the accuracy, it also measures the quality of the probabilities.

penalties = np.logspace(-3, 1.5, 10)
rates = np.logspace(-4, -1.5, 6)
search = GridSearchCV(
    model,
    {"mlpclassifier__alpha": penalties, "mlpclassifier__learning_rate_init": rates},
    scoring="neg_log_loss",
)
start = time.perf_counter()
search.fit(X, y)
seconds = time.perf_counter() - start
n_fits = len(search.cv_results_["params"]) * search.n_splits_
print(f"{n_fits} fits in {seconds:.1f} seconds, and the best once more on all samples")

# %%
# scikit-learn's search, over its own network, makes one fit after the other. A tenth of the fits is enough
# to compare. (Its network computes in the precision of X, which is float64 here.)

theirs = sklearn.neural_network.MLPClassifier(
    (20,), batch_size=64, max_iter=60, n_iter_no_change=np.inf, random_state=0
)
start = time.perf_counter()
sklearn.model_selection.GridSearchCV(
    make_pipeline(StandardScaler(), theirs),
    {"mlpclassifier__alpha": penalties[:1], "mlpclassifier__learning_rate_init": rates},
    scoring="neg_log_loss",
    refit=False,
).fit(X, y)
per_fit = (time.perf_counter() - start) / (len(rates) * 5)
print(f"seconds per fit: scikit-learn {per_fit:.3f}, skmlp {seconds / n_fits:.3f}")

# %%
losses = -search.cv_results_["mean_test_score"].reshape(len(penalties), len(rates))
figure, axis = plt.subplots(figsize=(7, 5.4), layout="constrained")
image = axis.imshow(losses, norm=LogNorm(), cmap="viridis_r", aspect="auto", origin="lower")
for (row, column), loss in np.ndenumerate(losses):
    color = "white" if loss > 0.16 else "black"
    axis.text(column, row, f"{loss:.3f}", ha="center", va="center", color=color, fontsize=8)
best_row, best_column = np.unravel_index(losses.argmin(), losses.shape)
corner = best_column - 0.5, best_row - 0.5
axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, color="C1", linewidth=3))
axis.set_xticks(range(len(rates)), [f"{rate:.2g}" for rate in rates])
axis.set_yticks(range(len(penalties)), [f"{penalty:.2g}" for penalty in penalties])
axis.grid(visible=False)
axis.set(xlabel="learning_rate_init", ylabel="alpha", title=f"{n_fits} fits in {seconds:.0f} seconds")
bar = figure.colorbar(image, label="log-loss on the parts left out", ticks=[0.1, 0.2, 0.5])
bar.ax.set_yticklabels(["0.1", "0.2", "0.5"])
bar.ax.minorticks_off()

# %%
# The map has three slopes. On the left, 60 epochs are not enough. At the top, the penalty shrinks the
# weights too much. At the lower right, the network has memorized its training set and is overconfident on
# new data. The best candidate, in the frame, lies where the three meet: it learns fast, with just enough
# penalty. Two searches, each over one parameter with the other at its default, do not find it.
#
# Twenty-seven candidates, and the best continue
# ----------------------------------------------
#
# Successive halving stops training hopeless candidates early. All candidates get nine epochs. The best
# third of them continues to 27 epochs, the best third of these to 81, and so on. With
# ``resource="max_iter"``, the remaining candidates resume training where they stopped, and no epoch is
# trained twice.

halving = HalvingRandomSearchCV(
    model,
    {
        "mlpclassifier__alpha": loguniform(1e-3, 10**1.5),
        "mlpclassifier__learning_rate_init": loguniform(1e-4, 10**-1.5),
    },
    n_candidates=27,
    resource="mlpclassifier__max_iter",
    min_resources=9,
    max_resources=243,
    scoring="neg_log_loss",
    return_train_score=False,
    random_state=0,
)
start = time.perf_counter()
halving.fit(X, y)
seconds = time.perf_counter() - start
print(f"{halving.n_candidates_} candidates, {halving.n_resources_} epochs: {seconds:.1f} seconds")

# %%
curves = {}
results = halving.cv_results_
for params, n_epochs, score in zip(
    results["params"], results["n_resources"], results["mean_test_score"], strict=True
):
    candidate = params["mlpclassifier__learning_rate_init"], params["mlpclassifier__alpha"]
    curves.setdefault(candidate, []).append((n_epochs, -score))

figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
colors = plt.cm.ScalarMappable(LogNorm(rates[0], rates[-1]), "plasma_r")
for (rate, _), curve in curves.items():
    axis.plot(*np.transpose(curve), "o-", markersize=4, linewidth=1.2, color=colors.to_rgba(rate))
axis.axhline(losses.min(), color="0.4", linestyle="--", linewidth=1, label="best of the grid")
axis.set(xscale="log", yscale="log", xlabel="epochs", ylabel="log-loss on the parts left out")
axis.set_xticks(halving.n_resources_, halving.n_resources_)
axis.set_yticks([0.1, 0.2, 0.5], ["0.1", "0.2", "0.5"])
axis.minorticks_off()
axis.legend()
_ = figure.colorbar(colors, ax=axis, label="learning_rate_init")

# %%
# Each dot is a candidate, at the mean over its folds. The last one comes close to the best of the grid,
# with a fifth of the epochs in total. But halving favors candidates that learn fast: nine epochs do not
# show how good a small learning rate would be after two hundred. Most of the lines that rise are candidates
# with too little penalty for a longer fit. If this matters, increase ``min_resources``.
#
# The user guide explains which fits can form one stack, under "Hyperparameter search".

# sphinx_gallery_thumbnail_number = 1
plt.show()
