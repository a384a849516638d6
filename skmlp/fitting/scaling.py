"""``standardize``: features, and targets that are numbers, brought to mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.sparsefuncs import inplace_column_scale

from skmlp.fitting.data import Data
from skmlp.network.arrays import CenteredRows


@dataclass(frozen=True)
class Scalers:
    """What brings X and y to the range in which a network learns; None: nothing.

    Attributes
    ----------
    x, y : sklearn.preprocessing.StandardScaler, or None
    """

    x: StandardScaler | None = None
    y: StandardScaler | None = None

    @classmethod
    def of(cls, data: Data, *, features: bool, targets: bool) -> Scalers:
        """Return the scalers of training ``data``; features that are sparse are not centered."""
        x, y = StandardScaler(with_mean=isinstance(data.X, np.ndarray)), StandardScaler()
        return cls(
            x.fit(data.X, sample_weight=data.sample_weight) if features else None,
            y.fit(data.y, sample_weight=data.sample_weight) if targets else None,
        )

    def scaled(self, data: Data) -> Data:
        """Return the data as the network sees them."""
        if self.x is None and self.y is None:
            return data
        y = data.y if self.y is None else self.y.transform(data.y)
        return replace(data, X=self.scaled_features(data.X), y=y)

    def scaled_features(self, X: Any) -> Any:
        """Return features as the network sees them: also sparse ones, if those of the fit were dense."""
        if self.x is None:
            return X
        if isinstance(X, np.ndarray) or not self.x.with_mean:
            return self.x.transform(X)
        scaled = X.copy()
        inplace_column_scale(scaled, 1 / self.x.scale_)
        return CenteredRows(scaled, self.x.mean_ / self.x.scale_)

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes."""
        scalers = {"x_scaler_": self.x, "y_scaler_": self.y}
        return {name: scaler for name, scaler in scalers.items() if scaler is not None}
