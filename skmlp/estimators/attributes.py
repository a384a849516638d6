"""The fitted attributes of an estimator, which are written all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRIVATE = {"_fitted_params", "_members", "_optimizer_state", "_target_type", "_sparse_output"}
"""The fitted attributes without a trailing underscore."""


def publish(estimator: Any, attributes: Mapping[str, Any]) -> None:
    """Replace the fitted attributes, all at once: an interruption comes before or after."""
    others = {
        name: value for name, value in vars(estimator).items() if not (name[-1] == "_" or name in PRIVATE)
    }
    estimator.__dict__ = others | dict(attributes)
