"""Regressors whose parameters should not depend on the target's unit."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class TargetScale(NamedTuple):
    """Mean and standard deviation of a target; the latter 1 where it is constant."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


def target_scale(y: NDArray[np.float64], *, sample_weight: Any = None, centre: bool = True) -> TargetScale:
    """Return what standardizes a target.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Target.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows.
    centre : bool, default=True
        Whether the mean is taken off; a model without an intercept could not put it back.
    """
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
        if not sample_weight.sum() > 0:
            sample_weight = None  # refused by the estimator in its own words
    mean = np.average(y, axis=0, weights=sample_weight)
    spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample_weight))
    scale = np.where(spread > 10 * np.finfo(np.float64).eps * np.maximum(1.0, np.abs(mean)), spread, 1.0)
    return TargetScale(mean if centre else np.zeros_like(mean), scale)


class StandardizedTarget:
    """Mixin: `fit` sees a target of mean 0 and deviation 1.

    Penalties and tolerances in the target's unit (``alpha`` of the lasso,
    ``epsilon`` and ``C`` of a support vector machine, the step of a network)
    suit one unit and no other: a lasso with ``alpha=1`` on a target between 0
    and 1 predicts the mean. The mixin stands before scikit-learn's class and
    puts the unit back into the fitted attributes, in `_restore_unit`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit on the standardized target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        """
        target = self._checked_target(y, sample_weight)
        if target is None:
            # What cannot be standardized is refused by scikit-learn in its own words.
            return self._fit_standardized(X, y, sample_weight)
        unit = target_scale(target, sample_weight=sample_weight, centre=getattr(self, "fit_intercept", True))
        self._fit_standardized(X, (target - unit.mean) / unit.scale, sample_weight)
        self._restore_unit(unit)
        return self

    def _checked_target(self, y: Any, sample_weight: Any) -> NDArray[np.float64] | None:
        """Return the target as numbers, None where it is none that could be standardized."""
        if y is None:
            return None
        target = np.asarray(y)
        if target.dtype.kind not in "fiub" or target.size == 0 or not np.isfinite(target).all():
            return None
        if sample_weight is not None and np.asarray(sample_weight).shape != target.shape[:1]:
            return None
        # A column of one is a target; scikit-learn warns of it, so it gets to see it as it is.
        return target.astype(np.float64)

    def _fit_standardized(self, X: Any, y: Any, sample_weight: Any) -> Self:
        super().fit(X, y, sample_weight=sample_weight)  # type: ignore[misc]  # of the estimator beside the mixin
        return self

    def _restore_unit(self, unit: TargetScale) -> None:
        raise NotImplementedError


class LinearUnit(StandardizedTarget):
    """Mixin for linear models: coefficients and intercept end up in the target's unit."""

    coef_: Any
    intercept_: Any

    def _restore_unit(self, unit: TargetScale) -> None:
        self.coef_ = self.coef_ * (unit.scale[:, np.newaxis] if np.ndim(self.coef_) == 2 else unit.scale)
        self.intercept_ = self.intercept_ * unit.scale + unit.mean
