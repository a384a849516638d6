"""Multilayer perceptrons for scikit-learn users, trained by backpropagation in numpy."""

from skmlp.compiled.config import config_context, get_config, set_config
from skmlp.estimators.classifier import MLPClassifier
from skmlp.estimators.mixture_density import MixtureDensityRegressor
from skmlp.estimators.quantile_view import QuantileView
from skmlp.estimators.regressor import MLPRegressor
from skmlp.estimators.tabular import TabularMLPClassifier, TabularMLPRegressor
from skmlp.training.checkpoints import Checkpoint
from skmlp.versions import show_versions

__version__ = "0.1.0"

__all__ = [
    "Checkpoint",
    "MLPClassifier",
    "MLPRegressor",
    "MixtureDensityRegressor",
    "QuantileView",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "config_context",
    "get_config",
    "set_config",
    "show_versions",
]
