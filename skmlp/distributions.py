"""Distributions that are predicted: see `MixtureDensityRegressor.predict_dist`."""

from skmlp.network.gaussian_mixture import GaussianMixture

__all__ = [
    "GaussianMixture",
]
