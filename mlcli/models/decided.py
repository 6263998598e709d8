"""A fitted pipeline with calibrated probabilities and a threshold, in scikit-learn's own classes.

The estimator is fitted once, on all rows. What is put around it was learned
from predictions that other fits made of rows which they had not seen, as
``CalibratedClassifierCV(ensemble=False)`` does.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from mlcli.data.schema import ClassLabel

Floats = NDArray[np.float64]


def raw_scores(pipeline: Any, X: Any) -> Floats:
    """Return what a calibration of `pipeline` reads.

    Parameters
    ----------
    pipeline : Pipeline
        A fitted classifier.
    X : DataFrame of shape (n_samples, n_features)
        Typed rows.

    Returns
    -------
    ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        Decision values where the classifier has them, else probabilities; for
        two classes those of the second alone.
    """
    with warnings.catch_warnings():
        # A library's remarks on single predictions are for nobody to read; see `PipelinePredictor`.
        warnings.simplefilter("ignore")
        if hasattr(pipeline, "decision_function"):
            scores = np.asarray(pipeline.decision_function(X), dtype=np.float64)
        else:
            scores = np.asarray(pipeline.predict_proba(X), dtype=np.float64)
            scores = scores[:, 1] if scores.shape[1] == 2 else scores
    return scores.reshape(len(scores), -1)


class _Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier whose decision values are the rows themselves: it stands where the model would."""

    def fit(self, X: Floats, y: NDArray[Any], sample_weight: Floats | None = None) -> Self:  # noqa: ARG002
        """Learn which classes there are."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X: Floats) -> Floats:
        """Return the values."""
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X: Floats) -> NDArray[Any]:
        """Return the class of the greatest value; a scikit-learn classifier must have it, nothing asks for it."""
        values = self.decision_function(X)
        labels: NDArray[Any] = self.classes_[(values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)]
        return labels


def fit_calibration(
    scores: Floats, y: NDArray[Any], *, method: Literal["sigmoid", "isotonic"], sample_weight: Floats | None
) -> CalibratedClassifierCV:
    """Fit a calibration to scores of rows that their models had not seen.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, 1) or (n_samples, n_classes)
        From `raw_scores`.
    y : ndarray of shape (n_samples,)
        Labels, of every class.
    method : {"sigmoid", "isotonic"}
        A curve of two numbers a class, or any rising one.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows.

    Returns
    -------
    CalibratedClassifierCV
        Its ``predict_proba`` takes scores; `decided_pipeline` puts it around an estimator.
    """
    rows = np.arange(len(y))
    # One part that is both fitted to and predicted: what stands for the model learns nothing of the rows.
    calibration = CalibratedClassifierCV(_Given(), method=method, cv=[(rows, rows)], ensemble=False)
    return calibration.fit(scores, y, sample_weight=sample_weight)


def decided_pipeline(
    pipeline: Pipeline,
    *,
    calibration: CalibratedClassifierCV | None = None,
    threshold: float | None = None,
    positive: ClassLabel | None = None,
) -> Pipeline:
    """Put a calibration and a threshold around the last step of a fitted pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; its last step may be any classifier, a vote over pipelines among them.
    calibration : CalibratedClassifierCV, optional
        From `fit_calibration`.
    threshold : float, optional
        Least probability of `positive` that gives it as the label.
    positive : label, optional
        The positive class, of two.

    Returns
    -------
    Pipeline
        The same steps, the last one inside what was asked for.
    """
    *before, (name, estimator) = pipeline.steps
    if calibration is not None:
        estimator = _calibrated(estimator, calibration)
    if threshold is not None:
        inner = estimator
        estimator = FixedThresholdClassifier(
            clone(inner), threshold=threshold, pos_label=positive, response_method="predict_proba"
        )
        # Fitted already: a fit of the wrapper would fit it anew.
        estimator.estimator_ = inner
    return Pipeline([*before, (name, estimator)])


def _calibrated(estimator: Any, calibration: CalibratedClassifierCV) -> CalibratedClassifierCV:
    """Return the calibration of `estimator`, which is fitted and stays as it is."""
    calibrated = CalibratedClassifierCV(clone(estimator), method=calibration.method, ensemble=False)
    (one,) = calibration.calibrated_classifiers_
    calibrated.classes_ = calibration.classes_
    calibrated.calibrated_classifiers_ = [type(one)(estimator, one.calibrators, classes=one.classes, method=one.method)]
    return calibrated
