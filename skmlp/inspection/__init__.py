"""Tools for looking at networks: tables, displays, an animation, a gradient check."""

from skmlp.inspection.animation import TrainingAnimation
from skmlp.inspection.density import DensityDisplay
from skmlp.inspection.gradients import GradientCheck, check_gradients
from skmlp.inspection.hidden import hidden_activations
from skmlp.inspection.jacobian import jacobian
from skmlp.inspection.loss_curve import LossCurveDisplay
from skmlp.inspection.network_display import NetworkDisplay
from skmlp.inspection.summary import Summary, summary
from skmlp.inspection.weights import WeightsDisplay

__all__ = [
    "DensityDisplay",
    "GradientCheck",
    "LossCurveDisplay",
    "NetworkDisplay",
    "Summary",
    "TrainingAnimation",
    "WeightsDisplay",
    "check_gradients",
    "hidden_activations",
    "jacobian",
    "summary",
]
