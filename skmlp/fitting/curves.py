"""What is published about the course of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skmlp.training.result import TrainingResult

CURVES = ("loss_curve_", "validation_scores_", "validation_loss_curve_", "learning_rate_curve_")
"""The attributes with an entry for each epoch; None where there are no entries."""


def curves(result: TrainingResult, k: int) -> dict[str, Any]:
    """Return the attributes that describe the training of one network."""
    noted, state = result.curves, result.state
    losses, scores = noted.losses[k], noted.scores[k]
    best = -min(losses, default=result.losses[k]) if state is None else float(state.best[k])
    best_iter = int(np.nanargmax([-np.inf, *scores])) if scores else len(losses)
    return {
        "n_iter_": len(losses),
        "loss_": result.losses[k],
        "loss_curve_": [*losses],
        "validation_scores_": [*scores] or None,
        "validation_loss_curve_": [*noted.validation_losses[k]] or None,
        "learning_rate_curve_": None if state is None else [*noted.rates[k]],
        "t_": 0 if state is None else int(state.samples_seen[k]),
        "best_loss_": None if scores else -best,
        "best_validation_score_": best if scores else None,
        "best_iter_": best_iter,
    }


def continued(attributes: dict[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with curves that continue the ``earlier`` ones, which are extended in place.

    To copy them would take longer with every ``partial_fit``.
    """
    for name in CURVES:
        if before := earlier.get(name):
            before.extend(attributes[name] or [])
            attributes = attributes | {name: before}
    return attributes


def with_own_curves(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a copy of an estimator: its curves may be extended."""
    own = {name: [*curve] for name in CURVES if (curve := attributes.get(name))}
    if members := attributes.get("_members"):
        own["_members"] = [with_own_curves(member) for member in members]
    return {**attributes, **own}


def mean_curves(members: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the attributes of an ensemble: means over the members still trained, and the most epochs."""
    attributes: dict[str, Any] = {}
    for name, value in members[0].items():
        values = [member[name] for member in members]
        if value is None:
            attributes[name] = None
        elif isinstance(value, list):
            longest = max(map(len, values))
            rows = [[v[i] for v in values if i < len(v)] for i in range(longest)]
            attributes[name] = [float(np.mean(row)) for row in rows]
        elif isinstance(value, int):
            attributes[name] = max(values)
        else:
            attributes[name] = float(np.mean(values))
    return attributes
