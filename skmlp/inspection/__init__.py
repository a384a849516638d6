"""Tools for looking at networks: tables, displays, an animation, a gradient check."""

from skmlp.inspection.animation import TrainingAnimation
from skmlp.inspection.attribution_display import AttributionDisplay
from skmlp.inspection.attributions import integrated_gradients
from skmlp.inspection.density import DensityDisplay
from skmlp.inspection.gradients import GradientCheck, check_gradients
from skmlp.inspection.hessians import hessian_product
from skmlp.inspection.hidden import hidden_activations
from skmlp.inspection.jacobians import jacobian
from skmlp.inspection.loss_curve import LossCurveDisplay
from skmlp.inspection.network_display import NetworkDisplay
from skmlp.inspection.summary import Summary, summary
from skmlp.inspection.weights import WeightsDisplay

__all__ = [
    "AttributionDisplay",
    "DensityDisplay",
    "GradientCheck",
    "LossCurveDisplay",
    "NetworkDisplay",
    "Summary",
    "TrainingAnimation",
    "WeightsDisplay",
    "check_gradients",
    "hessian_product",
    "hidden_activations",
    "integrated_gradients",
    "jacobian",
    "summary",
]
