"""scikit-learn's searches and validations beside those of skmlp: both must find the same."""

from __future__ import annotations

import re

import numpy as np
from sklearn import model_selection
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - the import is what enables it
from sklearn.pipeline import Pipeline

import skmlp.model_selection
from skmlp.fitting import solvers
from skmlp.model_selection import jobs
from tests.estimators.data import TASKS

SMALL = {"hidden_layer_sizes": (5,), "learning_rate_init": 0.02, "max_iter": 5}
"""A network that is trained in a moment."""

WINE, DIABETES = TASKS["multiclass"], TASKS["regression"]

VARIANTS = {
    "adam": ({}, {"alpha": [1e-4, 1.0], "random_state": [0, 1]}),
    "moments": ({}, {"beta_1": [0.5, 0.9], "beta_2": [0.9, 0.99]}),
    "sgd": ({"solver": "sgd"}, {"momentum": [0.5, 0.9], "learning_rate_init": [0.001, 0.002]}),
    "nadam": ({"solver": "nadam"}, {"learning_rate_init": [0.001, 0.05]}),
    "rmsprop": ({"solver": "rmsprop"}, {"learning_rate_init": [0.001, 0.05]}),
    "solvers": ({}, {"solver": ["adam", "lbfgs", "nadam"]}),
    "schedules": ({}, {"learning_rate": ["constant", "cosine", "invscaling"], "warmup": [0.0, 0.2]}),
    "adaptive": ({"learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1}, {"alpha": [0.1, 1.0]}),
    "tol": ({"n_iter_no_change": 1, "max_iter": 9}, {"tol": [1e-4, 0.03, 0.1]}),
    "early stopping": ({"early_stopping": True}, {"alpha": [0.1, 1.0], "tol": [1e-4, 0.1]}),
    "patience": ({"early_stopping": True, "n_iter_no_change": 1}, {"random_state": [0, 1, 2]}),
    "held out": ({"early_stopping": True}, {"validation_fraction": [0.1, 0.3]}),
    "clipped": ({}, {"max_grad_norm": [None, 0.5, 0.1]}),
    "decay": ({}, {"weight_decay": [0.0, 0.1, 0.5]}),
    "dropout": ({}, {"dropout": [0.0, 0.2, 0.5]}),
    "scheduled": (
        {"weight_decay_schedule": "flat_cosine", "dropout_schedule": "flat_cosine"},
        {"weight_decay": [0.0, 0.5], "dropout": [0.2, 0.5]},
    ),
    "batch normalization": ({"normalization": "batch"}, {"alpha": [0.1, 1.0]}),
    "layer normalization": ({"normalization": "layer"}, {"alpha": [0.1, 1.0]}),
    "normalizations": ({}, {"normalization": [None, "batch", "layer"]}),
    "standardize": ({}, {"standardize": [False, True], "alpha": [0.1, 1.0]}),
    "standardize, early stopping": ({"standardize": True, "early_stopping": True}, {"alpha": [0.1, 1.0]}),
    "shapes": ({}, {"hidden_layer_sizes": [(), (5,), (7, 3)], "activation": ["relu", "tanh"]}),
    "batches": ({}, {"batch_size": [7, 13, "auto"]}),
    "in order": ({"shuffle": False, "batch_size": 13}, {"alpha": [0.1, 1.0]}),
    "ensemble": ({"n_members": 3}, {"alpha": [0.1, 1.0]}),
    "own validation parts": (
        {"early_stopping": True, "n_members": 3},
        {"shared_validation": [True, False], "validation_fraction": [0.1, 0.3]},
    ),
    "ensembles": ({}, {"n_members": [1, 3]}),
    "max_iter": ({}, {"max_iter": [2, 5]}),
    "initial weights": ({}, {"initializer": ["auto", "orthogonal"]}),
    "float32": ({"dtype": "float32"}, {"alpha": [0.1, 1.0]}),
    "lbfgs": ({"solver": "lbfgs"}, {"alpha": [0.1, 1.0]}),
    "time limit": ({"max_time": 1000.0}, {"alpha": [0.1, 1.0]}),
}
"""Parameters of the estimator, and the grid that is searched."""


def model_of(task, variant="adam"):
    """Return the small estimator of a variant."""
    return task.model(**SMALL | VARIANTS[variant][0])


def both(name, *args, **options):
    """Return what a function of scikit-learn returns, and what that of skmlp returns."""
    theirs = getattr(model_selection, name)(*args, **options)
    return theirs, getattr(skmlp.model_selection, name)(*args, **options)


def both_fitted(name, estimator, grid, X, y, params=None, **options):
    """Return a search of scikit-learn and one of skmlp, both fitted."""
    searches = both(name, estimator, grid, **options)
    return tuple(search.fit(X, y, **params or {}) for search in searches)


def assert_same_search(theirs, ours, rtol=1e-6):
    """Raise unless two fitted searches have found the same."""
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, expected in theirs.cv_results_.items():
        found = ours.cv_results_[name]
        if name.endswith("_time"):
            assert found.shape == expected.shape
            assert (found >= 0).all()
        elif name.startswith("param"):
            assert told(list(found)) == told(list(expected)), name
        else:
            np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=name)
            assert found.dtype == expected.dtype, name
    public = {name for name in vars(theirs) if name.endswith("_")}
    assert {name for name in vars(ours) if name.endswith("_")} == public
    for name in public - {"cv_results_", "best_estimator_", "scorer_", "refit_time_"}:
        found, expected = getattr(ours, name), getattr(theirs, name)
        if isinstance(expected, float):
            np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=name)
        else:
            assert told(found) == told(expected), name
    if "best_estimator_" in public:
        assert_same_fit(theirs.best_estimator_, ours.best_estimator_, rtol)


def told(value):
    """Return how a value prints, without addresses."""
    return re.sub(" at 0x[0-9a-fA-F]+", "", repr(value))


def last_of(estimator):
    """Return the network that an estimator is, or ends in."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def arrays_of(network):
    """Return all arrays that were learned."""
    others = [array for layer in getattr(network, "normalization_parameters_", []) for array in layer]
    return [*network.coefs_, *network.intercepts_, *others]


def assert_same_fit(theirs, ours, rtol=1e-6):
    """Raise unless two fitted networks, or pipelines that end in one, are the same."""
    assert type(ours) is type(theirs)
    assert told(ours.get_params()) == told(theirs.get_params())
    theirs, ours = last_of(theirs), last_of(ours)
    assert type(ours) is type(theirs)
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
    for found, expected in zip(arrays_of(ours), arrays_of(theirs), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def assert_same_validation(theirs, ours, rtol=1e-6):
    """Raise unless two results of ``cross_validate`` are the same."""
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        if name == "estimator":
            for one, other in zip(expected, ours[name], strict=True):
                assert_same_fit(one, other, rtol)
        elif name == "indices":
            for part in ("train", "test"):
                for one, other in zip(expected[part], ours[name][part], strict=True):
                    np.testing.assert_array_equal(one, other)
        elif name.endswith("_time"):
            assert ours[name].shape == expected.shape
            assert (ours[name] >= 0).all()
        else:
            np.testing.assert_allclose(ours[name], expected, rtol=rtol, err_msg=name)


class Stacks:
    """The stacks that are trained while a test runs.

    Attributes
    ----------
    n_fits : list of int
        How many fits are in each.
    n_networks : list of int
        And how many networks.
    n_epochs : list of list of int
        How many epochs each fit of a stack was trained for, in this stack.
    """

    def __init__(self, monkeypatch):
        self.n_fits, self.n_networks, self.n_epochs = [], [], []
        train_stack = solvers.train_stack

        def counted(problems, monitor, states=None):
            before = states or [None] * len(problems)
            earlier = [0 if state is None else epochs_of(state.curves.losses) for state in before]
            results = train_stack(problems, monitor, states)
            self.n_fits.append(len(problems))
            self.n_networks.append(sum(len(problem.theta) for problem in problems))
            pairs = zip(results, earlier, strict=True)
            self.n_epochs.append([epochs_of(result.curves.losses) - n for result, n in pairs])
            return results

        monkeypatch.setattr(solvers, "train_stack", counted)  # a single fit is a stack of one
        monkeypatch.setattr(jobs, "train_stack", counted)

    @property
    def total_epochs(self):
        """The epochs of all fits."""
        return sum(map(sum, self.n_epochs))

    def clear(self):
        """Forget them."""
        for notes in vars(self).values():
            notes.clear()


def epochs_of(curves):
    """Return how many epochs a fit was trained for."""
    return max(len(curve) for curve in curves)


def unfitted(estimator):
    """Return whether an estimator, and each step of a pipeline, is as a clone of it."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    return all(vars(step).keys() == vars(clone(step)).keys() for step in steps)
