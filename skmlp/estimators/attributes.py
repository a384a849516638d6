"""The fitted attributes of an estimator, which are written all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRIVATE = ("_fitted_params", "_members", "_optimizer_state", "_target_type", "_sparse_output")
"""The fitted attributes without a trailing underscore."""


def publish(estimator: Any, attributes: Mapping[str, Any]) -> None:
    """Replace the fitted attributes, all at once."""
    fitted = [name for name in vars(estimator) if name in PRIVATE or name.endswith("_")]
    for name in fitted:
        if name not in attributes:
            delattr(estimator, name)
    for name, value in attributes.items():
        setattr(estimator, name, value)
