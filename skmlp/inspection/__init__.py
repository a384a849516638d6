"""Looking at networks."""

from skmlp.inspection.hidden import hidden_activations
from skmlp.inspection.summary import Summary, summary

__all__ = ["Summary", "hidden_activations", "summary"]
