"""Support vector machines with probabilities, and in the target's unit."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcli.models.target_scale import LinearUnit, StandardizedTarget, TargetScale


class SVMRegressor(StandardizedTarget, SVR):  # type: ignore[misc]  # scikit-learn ships no types
    """scikit-learn's ``SVR``, with `C` and `epsilon` in standard deviations of the target.

    Attributes
    ----------
    target_mean_, target_scale_ : float
        Mean and standard deviation of the training target; the other fitted
        attributes speak of the standardized one.
    """

    def _restore_unit(self, unit: TargetScale) -> None:
        self.target_mean_ = float(np.squeeze(unit.mean))
        self.target_scale_ = float(np.squeeze(unit.scale))

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted values, of shape (n_samples,), in the target's unit."""
        standardized: NDArray[np.float64] = super().predict(X)
        return standardized * self.target_scale_ + self.target_mean_


class LinearSVMRegressor(LinearUnit, LinearSVR):  # type: ignore[misc]  # scikit-learn ships no types
    """scikit-learn's ``LinearSVR``, with `C` and `epsilon` in standard deviations of the target."""


class _PlattClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier whose decision values are turned into probabilities by Platt's sigmoids."""

    cv: int
    random_state: int | None

    def _machine(self) -> Any:
        """Return the unfitted support vector machine."""
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the machine on all rows, and the sigmoids on values that it gives to rows held out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.
        """
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        check_classification_targets(y)
        self.classes_, counts = np.unique(y, return_counts=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes. Got one class: {self.classes_.tolist()[0]!r}.")
        n_folds = min(self.cv, int(counts.min()))
        calibrated = _calibrated(self._machine(), y, n_folds=n_folds, random_state=self.random_state)
        fitted = calibrated.fit(X, y, sample_weight=sample_weight).calibrated_classifiers_[0]
        self.machine_ = fitted.estimator
        self.n_iter_ = int(np.max(self.machine_.n_iter_))
        self.slopes_ = np.array([sigmoid.a_ for sigmoid in fitted.calibrators])
        self.offsets_ = np.array([sigmoid.b_ for sigmoid in fitted.calibrators])
        return self

    def _values(self, X: Any) -> NDArray[np.float64]:
        """Return the machine's values: one a row for two classes, else one for each class.

        Not offered to users: the sign of a value and the likelier class may differ.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        values: NDArray[np.float64] = self.machine_.decision_function(X)
        return values

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``1 / (1 + exp(slope * value + offset))`` for each class, divided
            by their sum for more than two; columns in the order of `classes_`.

        References
        ----------
        .. [1] Platt (1999), "Probabilistic Outputs for Support Vector Machines
           and Comparisons to Regularized Likelihood Methods".
        """
        values = self._values(X)
        if values.ndim == 1:
            positive = expit(-(self.slopes_[0] * values + self.offsets_[0]))
            return np.column_stack([1.0 - positive, positive])
        proba = expit(-(self.slopes_ * values + self.offsets_))
        total = proba.sum(axis=1, keepdims=True)
        # Far from every class all sigmoids may vanish: then no class is likelier than another.
        return np.where(total > 0, proba / np.where(total > 0, total, 1.0), 1.0 / len(self.classes_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each row, of shape (n_samples,)."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return labels

    def __sklearn_tags__(self) -> Any:
        """Declare that sparse matrices are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _calibrated(machine: Any, y: NDArray[Any], *, n_folds: int, random_state: int | None) -> Any:
    """Return the unfitted calibration of `machine`."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold

    if n_folds < 2:
        # A class with a single row cannot be held out and learned from: the sigmoids are fitted on the training rows.
        rows = np.arange(len(y))
        folds: Any = [(rows, rows)]
    else:
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    # ensemble=False: one machine, fitted on all rows, instead of one a fold; n_folds times faster to ask.
    return CalibratedClassifierCV(machine, method="sigmoid", cv=folds, ensemble=False)


class SVMClassifier(_PlattClassifier):
    """Kernel support vector machine with calibrated probabilities.

    Parameters
    ----------
    C, kernel, degree, gamma, coef0, shrinking, tol, cache_size, max_iter
        As in scikit-learn's ``SVC``.
    cv : int, default=5
        Folds that the sigmoids are fitted on; fewer where a class has fewer rows.
    random_state : int, optional
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    machine_ : SVC
        The machine, fitted on all rows.
    slopes_, offsets_ : ndarray of shape (1,) or (n_classes,)
        Platt's sigmoids.
    n_iter_ : int
        Most steps that a solver took.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: SVC._parameter_constraints[name]  # noqa: SLF001  # one source of truth for what scikit-learn accepts
            for name in ("C", "kernel", "degree", "gamma", "coef0", "shrinking", "tol", "cache_size", "max_iter")
        },
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf",
        degree: int = 3,
        gamma: Literal["scale", "auto"] | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        tol: float = 1e-3,
        cache_size: float = 200,
        max_iter: int = -1,
        cv: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.shrinking = shrinking
        self.tol = tol
        self.cache_size = cache_size
        self.max_iter = max_iter
        self.cv = cv
        self.random_state = random_state

    def _machine(self) -> Any:
        return SVC(
            C=self.C,
            kernel=self.kernel,
            degree=self.degree,
            gamma=self.gamma,
            coef0=self.coef0,
            shrinking=self.shrinking,
            tol=self.tol,
            cache_size=self.cache_size,
            max_iter=self.max_iter,
        )


class LinearSVMClassifier(_PlattClassifier):
    """Linear support vector machine with calibrated probabilities.

    Parameters
    ----------
    C, penalty, loss, dual, tol, fit_intercept, intercept_scaling, max_iter
        As in scikit-learn's ``LinearSVC``.
    cv : int, default=5
        Folds that the sigmoids are fitted on; fewer where a class has fewer rows.
    random_state : int, optional
        Seed of the folds and of the machine.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    machine_ : LinearSVC
        The machine, fitted on all rows.
    slopes_, offsets_ : ndarray of shape (1,) or (n_classes,)
        Platt's sigmoids.
    n_iter_ : int
        Most steps that a solver took.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: LinearSVC._parameter_constraints[name]  # noqa: SLF001  # one source of truth for what scikit-learn accepts
            for name in ("C", "penalty", "loss", "dual", "tol", "fit_intercept", "intercept_scaling", "max_iter")
        },
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        penalty: Literal["l1", "l2"] = "l2",
        loss: Literal["hinge", "squared_hinge"] = "squared_hinge",
        dual: Literal["auto"] | bool = "auto",
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        max_iter: int = 1000,
        cv: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.C = C
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.max_iter = max_iter
        self.cv = cv
        self.random_state = random_state

    def _machine(self) -> Any:
        return LinearSVC(
            C=self.C,
            penalty=self.penalty,
            loss=self.loss,
            dual=self.dual,
            tol=self.tol,
            fit_intercept=self.fit_intercept,
            intercept_scaling=self.intercept_scaling,
            max_iter=self.max_iter,
            random_state=self.random_state,
        )
