"""CatBoost's gradient boosting."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from mlcli.models.boosting import (
    COUNT,
    NOT_NEGATIVE,
    SEED,
    SHARE,
    THREADS,
    Boosting,
    BoostingClassifier,
    BoostingRegressor,
    Constraints,
    Stop,
)


class _CatBoost(Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "iterations": COUNT,
        "learning_rate": [*SHARE, None],
        "depth": [Interval(Integral, 1, 16, closed="both")],
        "l2_leaf_reg": NOT_NEGATIVE,
        "min_data_in_leaf": COUNT,
        "grow_policy": [StrOptions({"SymmetricTree", "Depthwise", "Lossguide"})],
        "random_strength": NOT_NEGATIVE,
        "bagging_temperature": NOT_NEGATIVE,
        "rsm": SHARE,
        "border_count": [Interval(Integral, 1, 65535, closed="both")],
        "random_state": SEED,
        "n_jobs": THREADS,
    }

    def __init__(
        self,
        *,
        iterations: int = 300,
        learning_rate: float | None = None,
        depth: int = 6,
        l2_leaf_reg: float = 3.0,
        min_data_in_leaf: int = 1,
        grow_policy: Literal["SymmetricTree", "Depthwise", "Lossguide"] = "SymmetricTree",
        random_strength: float = 1.0,
        bagging_temperature: float = 1.0,
        rsm: float = 1.0,
        border_count: int = 254,
        random_state: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.min_data_in_leaf = min_data_in_leaf
        self.grow_policy = grow_policy
        self.random_strength = random_strength
        self.bagging_temperature = bagging_temperature
        self.rsm = rsm
        self.border_count = border_count
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _train(
        self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int, stop: Stop | None
    ) -> str | bytes:
        import catboost

        params = {
            **self.get_params(),
            "thread_count": self.n_jobs or -1,
            "random_seed": self.random_state or 0,
            "bootstrap_type": "Bayesian",
            "loss_function": {0: "RMSE", 2: "Logloss"}.get(n_classes, "MultiClass"),
            "allow_writing_files": False,  # or it leaves a folder catboost_info where the user stands
            "logging_level": "Silent",
        }
        if n_classes == 2:
            params["class_names"] = [0, 1]
        for ours in ("n_jobs", "random_state", *(["learning_rate"] if self.learning_rate is None else [])):
            del params[ours]
        options: dict[str, Any] = {}
        if stop is not None:
            options["eval_set"] = catboost.Pool(stop.X, stop.y, weight=stop.weight)
            options |= {"early_stopping_rounds": stop.patience, "use_best_model": True}
        try:
            model = catboost.CatBoost(params).fit(catboost.Pool(X, y, weight=weight), **options)
        except catboost.CatBoostError as error:
            raise ValueError(str(error)) from error
        # CatBoost stamps each model with a random name and the time, and the same training must give the same bytes.
        metadata = model.get_metadata()
        for stamp in ("model_guid", "train_finish_time"):
            metadata[stamp] = ""
        # The state that its pickle holds; the public way writes a file.
        return bytes(model.__getstate__()["__model"])

    def _open(self, model: str | bytes) -> Any:
        import catboost

        return catboost.CatBoost().load_model(blob=model)

    def _rounds(self) -> int:
        rounds: int = self._booster.tree_count_
        return rounds

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        kind = "Probability" if hasattr(self, "classes_") else "RawFormulaVal"
        values: NDArray[np.float64] = self._booster.predict(X, prediction_type=kind, thread_count=self.n_jobs or -1)
        return values[:, 1] if kind == "Probability" and values.shape[1] == 2 else values


class CatBoostClassifier(_CatBoost, BoostingClassifier):
    """CatBoost's classifier.

    Parameters
    ----------
    iterations, learning_rate, depth, l2_leaf_reg, min_data_in_leaf, grow_policy, random_strength, bagging_temperature, rsm, border_count
        As in CatBoost; `learning_rate` None is chosen by it from the number of rows.
    random_state : int, optional
        Seed; None counts as 0.
    n_jobs : int, optional
        Threads; None for one a core.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    model_ : bytes
        The model in CatBoost's binary format.
    """


class CatBoostRegressor(_CatBoost, BoostingRegressor):
    """CatBoost's regressor; parameters as in `CatBoostClassifier`."""
