"""A neural network for regression that learns at the same pace in any unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPRegressor as _MLPRegressor

from mlcli.models.target_scale import StandardizedTarget, TargetScale


class MLPRegressor(StandardizedTarget, _MLPRegressor):  # type: ignore[misc]  # scikit-learn ships no types
    """scikit-learn's ``MLPRegressor`` on a standardized target.

    The last layer carries the target's unit after `fit`. With the Poisson
    loss, whose target is a count, nothing is standardized.
    """

    def _checked_target(self, y: Any, sample_weight: Any) -> NDArray[np.float64] | None:
        return None if self.loss == "poisson" else super()._checked_target(y, sample_weight)

    def _restore_unit(self, unit: TargetScale) -> None:
        self.coefs_[-1] = self.coefs_[-1] * unit.scale
        self.intercepts_[-1] = self.intercepts_[-1] * unit.scale + unit.mean
