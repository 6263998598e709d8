"""Linear regressors whose penalty does not depend on the target's unit."""

from __future__ import annotations

from sklearn.linear_model import ElasticNet, Lasso

from mlcli.models.target_scale import LinearUnit


class LassoRegressor(LinearUnit, Lasso):  # type: ignore[misc]  # scikit-learn ships no types
    """scikit-learn's ``Lasso``, with `alpha` in standard deviations of the target."""


class ElasticNetRegressor(LinearUnit, ElasticNet):  # type: ignore[misc]  # scikit-learn ships no types
    """scikit-learn's ``ElasticNet``, with `alpha` in standard deviations of the target."""
