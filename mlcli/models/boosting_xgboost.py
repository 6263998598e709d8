"""XGBoost's gradient boosting."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from mlcli.models.boosting import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SHARE,
    THREADS,
    Boosting,
    BoostingClassifier,
    BoostingRegressor,
    Constraints,
    Stop,
)


class _XGBoost(Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "n_estimators": COUNT,
        "learning_rate": POSITIVE,
        "max_depth": [Interval(Integral, 0, None, closed="left")],
        "max_leaves": [Interval(Integral, 0, None, closed="left")],
        "grow_policy": [StrOptions({"depthwise", "lossguide"})],
        "min_child_weight": NOT_NEGATIVE,
        "gamma": NOT_NEGATIVE,
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "reg_alpha": NOT_NEGATIVE,
        "reg_lambda": NOT_NEGATIVE,
        "max_bin": [Interval(Integral, 2, None, closed="left")],
        "tree_method": [StrOptions({"hist", "exact", "approx"})],
        "random_state": SEED,
        "n_jobs": THREADS,
    }

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 6,
        max_leaves: int = 0,
        grow_policy: Literal["depthwise", "lossguide"] = "depthwise",
        min_child_weight: float = 1.0,
        gamma: float = 0.0,
        subsample: float = 1.0,
        colsample_bytree: float = 1.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 1.0,
        max_bin: int = 256,
        tree_method: Literal["hist", "exact", "approx"] = "hist",
        random_state: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.max_leaves = max_leaves
        self.grow_policy = grow_policy
        self.min_child_weight = min_child_weight
        self.gamma = gamma
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.tree_method = tree_method
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _train(
        self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int, stop: Stop | None
    ) -> str | bytes:
        import xgboost

        params = {
            **self.get_params(),
            "nthread": self.n_jobs or 0,
            "seed": self.random_state or 0,
            "objective": {0: "reg:squarederror", 2: "binary:logistic"}.get(n_classes, "multi:softprob"),
            "verbosity": 0,
        }
        if n_classes > 2:
            params["num_class"] = n_classes
        for ours in ("n_estimators", "n_jobs", "random_state"):
            del params[ours]
        rows = xgboost.DMatrix(X, y, weight=weight, nthread=self.n_jobs)
        options: dict[str, Any] = {}
        if stop is not None:
            held_out = xgboost.DMatrix(stop.X, stop.y, weight=stop.weight, nthread=self.n_jobs)
            options = {"evals": [(held_out, "held_out")], "early_stopping_rounds": stop.patience, "verbose_eval": False}
        # XGBoostError is a ValueError, and reads as one.
        booster = xgboost.train(params, rows, num_boost_round=self.n_estimators, **options)
        if stop is not None:
            booster = booster[: booster.best_iteration + 1]
        return bytes(booster.save_raw("ubj"))

    def _open(self, model: str | bytes) -> Any:
        import xgboost

        return xgboost.Booster(params={"verbosity": 0, "nthread": self.n_jobs or 0}, model_file=bytearray(model))  # type: ignore[arg-type]  # _train gives bytes

    def _rounds(self) -> int:
        rounds: int = self._booster.num_boosted_rounds()
        return rounds

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        import xgboost

        values: NDArray[np.float64] = self._booster.predict(xgboost.DMatrix(X, nthread=self.n_jobs))
        return values


class XGBoostClassifier(_XGBoost, BoostingClassifier):
    """XGBoost's classifier.

    Parameters
    ----------
    n_estimators, learning_rate, max_depth, max_leaves, grow_policy, min_child_weight, gamma, subsample, colsample_bytree, reg_alpha, reg_lambda, max_bin, tree_method
        As in XGBoost.
    random_state : int, optional
        Seed; None counts as 0.
    n_jobs : int, optional
        Threads; None for one a core.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    model_ : bytes
        The model in XGBoost's UBJSON format.
    """


class XGBoostRegressor(_XGBoost, BoostingRegressor):
    """XGBoost's regressor; parameters as in `XGBoostClassifier`."""
