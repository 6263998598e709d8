"""What the wrappers of LightGBM, XGBoost and CatBoost share.

Each wrapper takes flat, checked parameters and labels of any type, prints and
writes nothing, repeats its results, and keeps the fitted model as plain text
or bytes, so that it can be saved without a pickle. The libraries come with
the extra ``boost`` and are imported when a model is fitted or read back.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

Constraints = dict[str, list[Any]]

COUNT = [Interval(Integral, 1, None, closed="left")]
POSITIVE = [Interval(Real, 0, None, closed="neither")]
NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]
SHARE = [Interval(Real, 0, 1, closed="right")]
THREADS = [Interval(Integral, 1, None, closed="left"), None]
SEED = [Interval(Integral, 0, 2**31 - 1, closed="both"), None]


@dataclass(frozen=True)
class Stop:
    """Rows that decide when boosting stops: where their loss is least.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,)
        Target, or codes of the classes.
    weight : ndarray of shape (n_samples,), optional
        Weights of the rows.
    patience : int
        Rounds without a lesser loss, after which no further is tried.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    patience: int


class Boosting(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What the wrappers share: checked input, and a model kept as plain data.

    A library's own object lives beside `model_` only while the program runs.
    """

    random_state: int | None
    n_jobs: int | None

    @abstractmethod
    def _train(
        self, X: NDArray[np.float64], y: NDArray[Any], weight: Any, *, n_classes: int, stop: Stop | None
    ) -> str | bytes:
        """Fit the library's model (`n_classes` 0 for regression) and return it as text or bytes, cut where `stop` says."""

    @abstractmethod
    def _open(self, model: str | bytes) -> Any:
        """Return the library's object for a model that `_train` returned."""

    @abstractmethod
    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values, or the probabilities of the last class (two) or of each (more)."""

    @abstractmethod
    def _rounds(self) -> int:
        """Return the rounds of the library's object."""

    @property
    def n_iter_(self) -> int:
        """Rounds of boosting that the fitted model has."""
        check_is_fitted(self, "model_")
        return self._rounds()

    def _learn(
        self, X: NDArray[np.float64], y: NDArray[Any], sample_weight: Any, *, n_classes: int, stop: Stop | None
    ) -> None:
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self.model_ = self._train(X, y, weight, n_classes=n_classes, stop=stop)
        # Asked through what will be saved, so that a saved model cannot answer differently.
        self._booster = self._open(self.model_)

    def _stop(self, X: Any, y: Any, sample_weight: Any, patience: int) -> Stop | None:
        """Return the rows that stop the fit, None where there are none."""
        if X is None:
            return None
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        check_consistent_length(X, y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return Stop(X, np.asarray(y), weight, patience)

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


class BoostingClassifier(ClassifierMixin, Boosting):  # type: ignore[misc]  # scikit-learn ships no types
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        patience: int = 20,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, NaN where missing.
        y : array-like of shape (n_samples,)
            Labels of at least two classes, of any type.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        X_val, y_val, sample_weight_val : array-like, optional
            Rows held out that decide when to stop; the model ends with the
            round at which their loss is least.
        patience : int, default=20
            Rounds without a lesser loss on these rows that are waited for.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes. Got one class: {self.classes_.tolist()[0]!r}.")
        stop = self._stop(X_val, y_val, sample_weight_val, patience)
        if stop is not None:
            unknown = np.setdiff1d(stop.y, self.classes_)
            if unknown.size:
                raise ValueError(f"y_val must hold classes of y. Got {unknown.tolist()[0]!r}.")
            stop = replace(stop, y=np.searchsorted(self.classes_, stop.y))
        self._learn(X, codes, sample_weight, n_classes=len(self.classes_), stop=stop)
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


class BoostingRegressor(RegressorMixin, Boosting):  # type: ignore[misc]  # scikit-learn ships no types
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        patience: int = 20,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, NaN where missing.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        X_val, y_val, sample_weight_val : array-like, optional
            Rows held out that decide when to stop; the model ends with the
            round at which their loss is least.
        patience : int, default=20
            Rounds without a lesser loss on these rows that are waited for.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        stop = self._stop(X_val, y_val, sample_weight_val, patience)
        self._learn(X, y.astype(np.float64), sample_weight, n_classes=0, stop=stop)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted values, of shape (n_samples,)."""
        return np.asarray(self._raw(self._checked(X)), dtype=np.float64)
