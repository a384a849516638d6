r"""
In a notebook: warnings, progress, displays, summary
====================================================

What you see of a network while you work: its parameters under the mouse, a warning that says what to do,
the progress of a fit, the course of training, and a table of layers. At the end of the page is a notebook
to download.
"""

# %%
# An estimator shows its parameters; hold the mouse over a name for its meaning. Those that differ from
# the default are colored.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier

# sphinx_gallery_capture_repr = ("_repr_html_",)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=15, random_state=0))
model

# %%
# Fifteen epochs are too few, and a warning says so. The loss curve shows what to do: it is still falling.

import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X_train, y_train)
print(caught[0].message)

# %%

from skmlp.inspection import LossCurveDisplay, summary

_ = LossCurveDisplay.from_estimator(model[-1])

# %%
# So train longer, and watch: scikit-learn's progress bar needs ``rich``, which the extra ``progress``
# brings.

from sklearn.callback import ProgressBar

model[-1].set_params(max_iter=200, early_stopping=True, scoring="loss")
model.set_callbacks(ProgressBar()).fit(X_train, y_train)
print(f"{model.score(X_test, y_test):.2f}")

# %%

_ = LossCurveDisplay.from_estimator(model[-1])

# %%
# After the fit, the fitted attributes are explained too.

model

# %%
# The layers, and how many numbers each has:

summary(model[-1])
