"""What may be around a network: pipelines, also with resampling, and transformed targets."""

from __future__ import annotations

import copy
import sys
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from skmlp.estimators.multilayer_perceptron import BaseMultilayerPerceptron
from skmlp.model_selection.samples import TrainingPart


def within(estimator: Any) -> tuple[str, Any] | None:
    """Return name and estimator of what a wrapper fits at its end; None of what is no wrapper."""
    fit = getattr(type(estimator), "fit", None)  # a subclass with a fit of its own may do something else
    if fit is TransformedTargetRegressor.fit:
        return "regressor", estimator.regressor
    # Where there is a pipeline of imbalanced-learn's, its module has been imported.
    resampling = getattr(sys.modules.get("imblearn.pipeline"), "Pipeline", Pipeline)
    if isinstance(estimator, Pipeline) and fit in (Pipeline.fit, resampling.fit):
        name, last = estimator.steps[-1]
        return name, last
    return None


def innermost(estimator: Any) -> Any:
    """Return what is within all wrappers; the estimator itself if it is none."""
    while (inner := within(estimator)) is not None:
        _, estimator = inner
    return estimator


def last_network(estimator: Any) -> Any:
    """Return the network that ``estimator`` is, or that is within its wrappers; None if there is none."""
    network = innermost(estimator)
    own_fit = getattr(type(network), "fit", None) is BaseMultilayerPerceptron.fit
    return network if own_fit else None


def why_no_network(estimator: Any) -> str:
    """Return why the fits of an estimator cannot be parts of stacks."""
    found = innermost(estimator)
    name = found if isinstance(found, str) else type(found).__name__
    kinds = (BaseMultilayerPerceptron, Pipeline, TransformedTargetRegressor)
    return f"{name} has a fit of its own" if isinstance(found, kinds) else f"{name} is no network of skmlp"


class Recipient(BaseEstimator):
    """Stands for a network while its wrappers are fitted, and keeps what it is given.

    Two are alike if their networks ask for the same metadata.

    Parameters
    ----------
    network : BaseMultilayerPerceptron

    Attributes
    ----------
    part : TrainingPart
        What ``fit`` was given.
    """

    def __init__(self, network: Any) -> None:
        self.network = network

    def __sklearn_clone__(self) -> Recipient:
        return self

    def __getstate__(self) -> Any:
        return str(self.get_metadata_routing())

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the network asks for."""
        return get_routing_for_object(self.network)

    def fit(self, X: Any, y: Any = None, **params: Any) -> Recipient:
        """Keep the arguments."""
        self.part = TrainingPart(X, y, params)
        return self

    def predict(self, X: Any) -> Any:
        """Never called: wrappers look whether it is there."""
        raise NotImplementedError


def wrappers_of(estimator: Any) -> Any:
    """Return a clone with a `Recipient` in the place of its network; None if nothing is around it."""
    names, inner = [], within(estimator)
    while inner is not None:
        names.append(inner[0])
        inner = within(inner[1])
    if not names or (network := last_network(estimator)) is None:
        return None
    return clone(estimator).set_params(**{"__".join(names): Recipient(network)})


def put_together(estimator: Any, wrappers: Any, network: Any) -> Any:
    """Return a fitted ``estimator``, from its fitted wrappers, if any, and what is fitted within them."""
    if wrappers is None or (inner := within(estimator)) is None:
        return network
    name, unfitted = inner
    whole = copy.copy(estimator)
    if isinstance(estimator, Pipeline):
        last = put_together(unfitted, wrappers.steps[-1][1], network)
        whole.steps = [*wrappers.steps[:-1], (name, last)]
        return whole
    learned = {key: value for key, value in vars(wrappers).items() if key not in vars(estimator)}
    vars(whole).update(learned, regressor_=put_together(unfitted, wrappers.regressor_, network))
    if hasattr(whole.regressor_, "feature_names_in_"):
        whole.feature_names_in_ = whole.regressor_.feature_names_in_
    return whole
