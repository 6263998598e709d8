"""LightGBM's gradient boosting."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

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


class _LightGBM(Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "n_estimators": COUNT,
        "learning_rate": POSITIVE,
        "num_leaves": [Interval(Integral, 2, 131072, closed="both")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_child_samples": [Interval(Integral, 0, None, closed="left")],
        "min_child_weight": NOT_NEGATIVE,
        "min_split_gain": NOT_NEGATIVE,
        "subsample": SHARE,
        "subsample_freq": [Interval(Integral, 0, None, closed="left")],
        "colsample_bytree": SHARE,
        "reg_alpha": NOT_NEGATIVE,
        "reg_lambda": NOT_NEGATIVE,
        "max_bin": [Interval(Integral, 2, None, closed="left")],
        "random_state": SEED,
        "n_jobs": THREADS,
    }

    def __init__(
        self,
        *,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        num_leaves: int = 31,
        max_depth: int | None = None,
        min_child_samples: int = 20,
        min_child_weight: float = 1e-3,
        min_split_gain: float = 0.0,
        subsample: float = 1.0,
        subsample_freq: int = 1,
        colsample_bytree: float = 1.0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 0.0,
        max_bin: int = 255,
        random_state: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.min_child_weight = min_child_weight
        self.min_split_gain = min_split_gain
        self.subsample = subsample
        self.subsample_freq = subsample_freq
        self.colsample_bytree = colsample_bytree
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _train(
        self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int, stop: Stop | None
    ) -> str | bytes:
        import lightgbm

        params = {
            **self.get_params(),
            "max_depth": -1 if self.max_depth is None else self.max_depth,
            "num_threads": self.n_jobs or 0,
            "seed": self.random_state or 0,
            "objective": "regression" if n_classes == 0 else "binary" if n_classes == 2 else "multiclass",
            "num_class": n_classes if n_classes > 2 else 1,
            "verbosity": -1,
            # The same trees on every run, however many threads share the work.
            "deterministic": True,
            "force_row_wise": True,
        }
        for ours in ("n_estimators", "n_jobs", "random_state"):
            del params[ours]
        rows = lightgbm.Dataset(X, y, weight=weight, params={"verbosity": -1}, free_raw_data=True)
        options: dict[str, Any] = {}
        if stop is not None:
            options["valid_sets"] = [lightgbm.Dataset(stop.X, stop.y, weight=stop.weight, reference=rows)]
            options["callbacks"] = [lightgbm.early_stopping(stop.patience, verbose=False)]
        try:
            booster = lightgbm.train(params, rows, num_boost_round=self.n_estimators, **options)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(str(error)) from error
        text: str = booster.model_to_string(num_iteration=booster.best_iteration)  # 0 without rows held out: all
        return text

    def _open(self, model: str | bytes) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=model)

    def _rounds(self) -> int:
        rounds: int = self._booster.current_iteration()
        return rounds

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self._booster.predict(X, num_threads=self.n_jobs or 0)
        return values


class LightGBMClassifier(_LightGBM, BoostingClassifier):
    """LightGBM's classifier.

    Parameters
    ----------
    n_estimators, learning_rate, num_leaves, max_depth, min_child_samples, min_child_weight, min_split_gain, subsample, subsample_freq, colsample_bytree, reg_alpha, reg_lambda, max_bin
        As in LightGBM; `max_depth` None for no limit.
    random_state : int, optional
        Seed; None counts as 0.
    n_jobs : int, optional
        Threads; None for one a core. The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    model_ : str
        The model in LightGBM's text format.
    """


class LightGBMRegressor(_LightGBM, BoostingRegressor):
    """LightGBM's regressor; parameters as in `LightGBMClassifier`."""
