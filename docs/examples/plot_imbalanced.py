r"""
Rare classes: weights, costs and a threshold
============================================

One case in fifty is positive, and missing one costs as much as twenty false alarms. A network that is
trained as usual is right for 98 of 100 cases, and of little use. What helps is to decide by cost.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from skmlp import MLPClassifier

MISSED, FALSE_ALARM = 20, 1


def cost(y, prediction):
    """Return the mean cost of a case."""
    (_, alarms), (missed, _) = confusion_matrix(y, prediction)
    return (MISSED * missed + FALSE_ALARM * alarms) / len(y)


X, y = make_classification(
    6000, 20, n_informative=6, n_clusters_per_class=3, weights=[0.98], class_sep=1.2, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
network = MLPClassifier((32,), standardize=True, early_stopping=True, scoring="loss", random_state=0)

# %%
# Three ways to decide
# --------------------
#
# - as usual: positive where the probability is above one half;
# - with ``class_weight``: in training, a positive case counts twenty times. Its probabilities are no
#   longer those of the data, but one half is the right threshold;
# - with the threshold that costs least, found by scikit-learn's ``TunedThresholdClassifierCV`` in
#   cross-validation. Probabilities stay as they are.

models = {
    "as usual": network,
    "class_weight": MLPClassifier(**network.get_params() | {"class_weight": {0: FALSE_ALARM, 1: MISSED}}),
    "tuned threshold": TunedThresholdClassifierCV(
        network, scoring=make_scorer(cost, greater_is_better=False), cv=3, random_state=0
    ),
}
costs, found = {}, {}
for name, model in models.items():
    prediction = model.fit(X_train, y_train).predict(X_test)
    costs[name], found[name] = cost(y_test, prediction), prediction[y_test == 1].mean()
    accuracy = (prediction == y_test).mean()
    print(f"{name:16} cost {costs[name]:.3f}   found {found[name]:.0%}   accuracy {accuracy:.1%}")

# %%
# Any threshold by hand
# ---------------------
#
# If probabilities are right, the best threshold needs no search: call a case positive where the expected
# cost of missing it is larger, that is above 1 / (1 + 20).

probability = network.predict_proba(X_test)[:, 1]
thresholds = np.linspace(0.002, 0.6, 120)
curve = [cost(y_test, (probability > threshold).astype(int)) for threshold in thresholds]
figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
axis.plot(thresholds, curve, label="network as usual, any threshold")
axis.axvline(FALSE_ALARM / (FALSE_ALARM + MISSED), color="0.3", linestyle=":", label="1 / 21")
axis.axhline(costs["class_weight"], color="C1", linestyle="--", label="class_weight, threshold 1/2")
axis.set(xlabel="threshold", ylabel="mean cost on test data", ylim=(0, None))
_ = axis.legend()

# %%
# Any of these is better than deciding at one half. A threshold can be changed later, when costs change,
# without training again.

plt.show()
