"""What is published about the course of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp.training.result import TrainingResult


def curves(result: TrainingResult, k: int, earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of one network; curves continue ``earlier`` ones."""
    noted, state = result.curves, result.state
    losses, scores = noted.losses[k], noted.scores[k]
    best = -min(losses, default=result.losses[k]) if state is None else float(state.best[k])
    best_iter = int(np.nanargmax([-np.inf, *scores])) if scores else len(losses)
    return {
        "n_iter_": len(losses),
        "loss_": result.losses[k],
        "loss_curve_": [*earlier.get("loss_curve_", []), *losses],
        "validation_scores_": [*(earlier.get("validation_scores_") or []), *scores] or None,
        "validation_loss_curve_": [
            *(earlier.get("validation_loss_curve_") or []),
            *noted.validation_losses[k],
        ]
        or None,
        "learning_rate_curve_": None
        if state is None
        else [*(earlier.get("learning_rate_curve_") or []), *noted.rates[k]],
        "t_": 0 if state is None else int(state.samples_seen[k]),
        "best_loss_": None if scores else -best,
        "best_validation_score_": best if scores else None,
        "best_iter_": best_iter,
    }


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
