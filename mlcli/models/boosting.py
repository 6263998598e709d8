"""Gradient boosting by LightGBM, XGBoost and CatBoost, with one manner.

Each wrapper takes flat, checked parameters and labels of any type, prints and
writes nothing, repeats its results, and keeps the fitted model as plain text
or bytes, so that it can be saved without a pickle. The libraries come with
the extra ``boost`` and are imported when a model is fitted or read back.
"""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

Constraints = dict[str, list[Any]]

_COUNT = [Interval(Integral, 1, None, closed="left")]
_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]
_SHARE = [Interval(Real, 0, 1, closed="right")]
_THREADS = [Interval(Integral, 1, None, closed="left"), None]
_SEED = [Interval(Integral, 0, 2**31 - 1, closed="both"), None]


class _Boosting(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What the wrappers share: checked input, and a model kept as plain data.

    A library's own object lives beside `model_` only while the program runs.
    """

    random_state: int | None
    n_jobs: int | None

    @abstractmethod
    def _train(self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int) -> str | bytes:
        """Fit the library's model (`n_classes` 0 for regression) and return it as text or bytes."""

    @abstractmethod
    def _open(self, model: str | bytes) -> Any:
        """Return the library's object for a model that `_train` returned."""

    @abstractmethod
    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values, or the probabilities of the last class (two) or of each (more)."""

    def _learn(self, X: NDArray[np.float64], y: NDArray[Any], sample_weight: Any, *, n_classes: int) -> None:
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self.model_ = self._train(X, y, weight, n_classes=n_classes)
        # Asked through what will be saved, so that a saved model cannot answer differently.
        self._booster = self._open(self.model_)

    def _checked(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self, "model_")
        checked: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        return checked

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the library's object."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_booster", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the model again."""
        super().__setstate__(state)
        if "model_" in state:
            self._booster = self._open(self.model_)

    def __sklearn_tags__(self) -> Any:
        """Declare that missing numbers are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class _BoostingClassifier(ClassifierMixin, _Boosting):  # type: ignore[misc]  # scikit-learn ships no types
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, NaN where missing.
        y : array-like of shape (n_samples,)
            Labels of at least two classes, of any type.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes. Got one class: {self.classes_.tolist()[0]!r}.")
        self._learn(X, codes, sample_weight, n_classes=len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, of shape (n_samples, n_classes), in the order of `classes_`."""
        proba = np.asarray(self._raw(self._checked(X)), dtype=np.float64)
        if proba.ndim == 1:
            return np.column_stack([1.0 - proba, proba])
        # XGBoost counts in float32, whose sums are off in the seventh digit.
        normalized: NDArray[np.float64] = proba / proba.sum(axis=1, keepdims=True)
        return normalized

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row, of shape (n_samples,)."""
        proba = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[np.argmax(proba, axis=1)]
        return labels


class _BoostingRegressor(RegressorMixin, _Boosting):  # type: ignore[misc]  # scikit-learn ships no types
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, NaN where missing.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        self._learn(X, y.astype(np.float64), sample_weight, n_classes=0)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted values, of shape (n_samples,)."""
        return np.asarray(self._raw(self._checked(X)), dtype=np.float64)


class _LightGBM(_Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "n_estimators": _COUNT,
        "learning_rate": _POSITIVE,
        "num_leaves": [Interval(Integral, 2, 131072, closed="both")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_child_samples": [Interval(Integral, 0, None, closed="left")],
        "min_child_weight": _NOT_NEGATIVE,
        "min_split_gain": _NOT_NEGATIVE,
        "subsample": _SHARE,
        "subsample_freq": [Interval(Integral, 0, None, closed="left")],
        "colsample_bytree": _SHARE,
        "reg_alpha": _NOT_NEGATIVE,
        "reg_lambda": _NOT_NEGATIVE,
        "max_bin": [Interval(Integral, 2, None, closed="left")],
        "random_state": _SEED,
        "n_jobs": _THREADS,
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

    def _train(self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int) -> str | bytes:
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
        try:
            booster = lightgbm.train(params, rows, num_boost_round=self.n_estimators)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(str(error)) from error
        text: str = booster.model_to_string()
        return text

    def _open(self, model: str | bytes) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=model)

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self._booster.predict(X, num_threads=self.n_jobs or 0)
        return values


class LightGBMClassifier(_LightGBM, _BoostingClassifier):
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


class LightGBMRegressor(_LightGBM, _BoostingRegressor):
    """LightGBM's regressor; parameters as in `LightGBMClassifier`."""


class _XGBoost(_Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "n_estimators": _COUNT,
        "learning_rate": _POSITIVE,
        "max_depth": [Interval(Integral, 0, None, closed="left")],
        "max_leaves": [Interval(Integral, 0, None, closed="left")],
        "grow_policy": [StrOptions({"depthwise", "lossguide"})],
        "min_child_weight": _NOT_NEGATIVE,
        "gamma": _NOT_NEGATIVE,
        "subsample": _SHARE,
        "colsample_bytree": _SHARE,
        "reg_alpha": _NOT_NEGATIVE,
        "reg_lambda": _NOT_NEGATIVE,
        "max_bin": [Interval(Integral, 2, None, closed="left")],
        "tree_method": [StrOptions({"hist", "exact", "approx"})],
        "random_state": _SEED,
        "n_jobs": _THREADS,
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

    def _train(self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int) -> str | bytes:
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
        # XGBoostError is a ValueError, and reads as one.
        return bytes(xgboost.train(params, rows, num_boost_round=self.n_estimators).save_raw("ubj"))

    def _open(self, model: str | bytes) -> Any:
        import xgboost

        return xgboost.Booster(params={"verbosity": 0, "nthread": self.n_jobs or 0}, model_file=bytearray(model))  # type: ignore[arg-type]  # _train gives bytes

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        import xgboost

        values: NDArray[np.float64] = self._booster.predict(xgboost.DMatrix(X, nthread=self.n_jobs))
        return values


class XGBoostClassifier(_XGBoost, _BoostingClassifier):
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


class XGBoostRegressor(_XGBoost, _BoostingRegressor):
    """XGBoost's regressor; parameters as in `XGBoostClassifier`."""


class _CatBoost(_Boosting):
    _parameter_constraints: ClassVar[Constraints] = {
        "iterations": _COUNT,
        "learning_rate": [*_SHARE, None],
        "depth": [Interval(Integral, 1, 16, closed="both")],
        "l2_leaf_reg": _NOT_NEGATIVE,
        "min_data_in_leaf": _COUNT,
        "grow_policy": [StrOptions({"SymmetricTree", "Depthwise", "Lossguide"})],
        "random_strength": _NOT_NEGATIVE,
        "bagging_temperature": _NOT_NEGATIVE,
        "rsm": _SHARE,
        "border_count": [Interval(Integral, 1, 65535, closed="both")],
        "random_state": _SEED,
        "n_jobs": _THREADS,
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

    def _train(self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int) -> str | bytes:
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
        try:
            model = catboost.CatBoost(params).fit(catboost.Pool(X, y, weight=weight))
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

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        kind = "Probability" if hasattr(self, "classes_") else "RawFormulaVal"
        values: NDArray[np.float64] = self._booster.predict(X, prediction_type=kind, thread_count=self.n_jobs or -1)
        return values[:, 1] if kind == "Probability" and values.shape[1] == 2 else values


class CatBoostClassifier(_CatBoost, _BoostingClassifier):
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


class CatBoostRegressor(_CatBoost, _BoostingRegressor):
    """CatBoost's regressor; parameters as in `CatBoostClassifier`."""
