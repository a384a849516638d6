"""What a loss is: the value and beside it the gradient, both of raw scores, and the inverse link.

Working on raw scores z (log-softmax, not the logarithm of a clipped softmax) keeps every loss and
every gradient exact at large scores: nothing saturates and nothing is clipped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skmlp.network.arrays import Array


@dataclass(frozen=True)
class Loss(ABC):
    """What training minimizes, as a function of the raw scores z of a network and the targets y.

    A user-defined loss needs ``value`` and ``gradient``; ``inverse_link`` is the identity unless given.
    """

    name: ClassVar[str]
    link: ClassVar[str] = "identity"
    """The name of the inverse link, published as ``out_activation_``."""
    targets: ClassVar[str] = "finite numbers"
    """The targets the loss is defined for, in words."""
    takes_scaled_targets: ClassVar[bool] = True
    """Whether targets may be brought to mean 0 and variance 1, and predictions back."""

    @abstractmethod
    def value(self, z: Array, y: Array) -> Array:
        """Return the loss of each sample, as the share of each output in it.

        Parameters
        ----------
        z, y : arrays of shape (K, n, q)
            Raw scores and targets.

        Returns
        -------
        array of shape (K, n, q)
        """

    @abstractmethod
    def gradient(self, z: Array, y: Array, delta: Array) -> None:
        """Write d loss / dz into ``delta``; may overwrite ``z`` by what `value_after_gradient` takes.

        All arrays have the shape of ``z``; ``y`` is only read. No array as large as ``z`` is allocated.
        """

    def hessian_product(self, z: Array, y: Array, tangent: Array) -> Array:
        """Return R{d loss/dz} = d^2 loss/dz^2 R{z} of each row, (K, n, q); R{z} is ``tangent``.

        Beside `gradient`; at a kink, that of one of the sides. Only Hessians need it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no hessian_product.")

    def value_after_gradient(self, z: Array, y: Array) -> Array:
        """Return the `value`, given what `gradient` has left in ``z``: the scores, or log-probabilities."""
        return self.value(z, y)

    def inverse_link(self, z: Array) -> Array:
        """Return the predictions (means, probabilities) that belong to raw scores ``z``."""
        return z

    def link_jacobian(self, z: Array) -> Array:
        """Return d prediction_i / dz_j of each row, shape (..., n, n_predictions, q).

        Beside `inverse_link`: a loss with its own link needs it for derivatives of predictions only.
        """
        return np.asarray(np.broadcast_to(np.eye(z.shape[-1], dtype=z.dtype), (*z.shape, z.shape[-1])))

    def n_scores(self, n_targets: int) -> int:
        """Return how many raw scores the loss needs for ``n_targets`` targets: by default, one each."""
        return n_targets

    def initial_scores(self, y: Array, weights: Array | None = None) -> Array | None:
        """Return raw scores (n_scores,) for training to start from; None: from the initial biases.

        Classes always start from the initial biases: there, it is not asked for.

        Parameters
        ----------
        y : array of shape (n, q)
            The training targets.
        weights : array of shape (n,), default=None
            Sample weights; None weighs all alike.
        """
        return None

    def with_constants_fixed(self, z: Array, y: Array) -> Loss:
        """Return the loss whose value has `gradient` as its slope at ``z``.

        That is the loss itself, unless `gradient` treats some factors as constants: then it has these at
        their values for ``z``.
        """
        return self

    def allows(self, y: Array) -> bool:
        """Return whether the loss is defined for all of the targets ``y``."""
        return True

    def reported_divisor(self, n_outputs: int) -> int:
        """Return what the loss that is minimized is divided by to be reported."""
        return 1


def diagonal(slopes: Array) -> Array:
    """Return the Jacobian (..., q, q) of a function of each score by itself, whose slopes are (..., q)."""
    return np.asarray(slopes[..., np.newaxis] * np.eye(slopes.shape[-1], dtype=slopes.dtype))
