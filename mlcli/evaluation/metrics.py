"""Every metric of the registry, for rows of either task."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.data.predictions import Predictions
from mlcli.data.schema import Target
from mlcli.evaluation.baseline import Baseline
from mlcli.evaluation.classification import ClassificationRows, ClassificationScorer, encode_labels
from mlcli.evaluation.regression import RegressionRows, RegressionScorer

Floats = NDArray[np.float64]

Rows = ClassificationRows | RegressionRows
"""Truth and predictions of the rows judged."""


class Scorer(Protocol):
    """The metrics of some rows, for all of them or for weightings of them."""

    def scores(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Return each metric for each line of `counts`, along the first axis.

        Parameters
        ----------
        counts : ndarray of shape (n_weightings, n_samples), optional
            How often each row counts, beside its sample weight; once by default.

        Returns
        -------
        dict of str to ndarray of shape (n_weightings, ...)
            NaN where a metric is undefined.
        """


def scorer_for(rows: Rows, *, names: Collection[str] | None = None) -> Scorer:
    """Return what computes the metrics of some rows.

    Parameters
    ----------
    rows : ClassificationRows or RegressionRows
        The rows judged.
    names : collection of str, optional
        The metrics needed; all of the task by default, and for classification
        those of each class.

    Returns
    -------
    Scorer
        Each metric equals scikit-learn's function of that name, with
        undefined values as NaN instead of a warning.
    """
    if isinstance(rows, ClassificationRows):
        return ClassificationScorer(rows, names=names)
    return RegressionScorer(rows, names=names)


def rows_judged(
    y_true: NDArray[Any], predictions: Predictions, *, target: Target, sample_weight: Floats | None = None
) -> Rows:
    """Bring truth and predictions into the form that the metrics read.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        Truth, as ``Dataset.y``.
    predictions : Predictions
        What a model says of the same rows.
    target : Target
        The schema's target.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0 of the rows.

    Returns
    -------
    ClassificationRows or RegressionRows
        By the target's task. Probabilities that are not all finite are left out.

    Raises
    ------
    DataError
        If a label is none of the classes.
    """
    if target.task == "regression":
        return RegressionRows(
            np.asarray(y_true, dtype=np.float64), np.asarray(predictions.y_pred, dtype=np.float64), sample_weight
        )
    classes = target.classes or ()
    proba = predictions.y_proba
    if proba is not None and not np.isfinite(proba).all():
        proba = None
    positive = None
    if len(classes) == 2:
        positive = 1 if target.positive is None else classes.index(target.positive)
    return ClassificationRows(
        classes=classes,
        y_true=encode_labels(y_true, classes),
        y_pred=encode_labels(predictions.y_pred, classes),
        y_proba=proba,
        sample_weight=sample_weight,
        positive=positive,
    )


def rows_of_dummy(rows: Rows, baseline: Baseline) -> Rows:
    """Return the same rows with the baseline's predictions instead of the model's.

    Parameters
    ----------
    rows : ClassificationRows or RegressionRows
        Rows of the baseline's task and classes.
    baseline : Baseline
        What was learned from the training target.

    Returns
    -------
    ClassificationRows or RegressionRows
        In the same order, so that the two can be compared row by row.
    """
    dummy = baseline.predict(1)
    if isinstance(rows, RegressionRows):
        return replace(rows, y_pred=np.full(len(rows), dummy.y_pred[0]))
    assert dummy.y_proba is not None
    # One row read many times: labels are not looked up again, and stride 0 costs no memory.
    return replace(
        rows,
        y_pred=np.broadcast_to(encode_labels(dummy.y_pred, rows.classes), (len(rows),)),
        y_proba=np.broadcast_to(dummy.y_proba[0], (len(rows), len(rows.classes))),
    )


def natural_order(rows: Rows) -> NDArray[np.intp]:
    """Return the order in which these rows are scored fastest: as their ranked metric sorts them.

    Parameters
    ----------
    rows : ClassificationRows or RegressionRows
        The rows judged.

    Returns
    -------
    ndarray of shape (n_samples,)
        Positions. Rows that tie differ in nothing that a metric of two classes
        or of a regression sees, so that the order of the file plays no part.
    """
    weight = np.ones(len(rows)) if rows.sample_weight is None else rows.sample_weight
    if isinstance(rows, RegressionRows):
        with np.errstate(all="ignore"):
            return np.lexsort((weight, rows.y_true, np.abs(rows.y_pred - rows.y_true)))
    first = np.zeros(len(rows)) if rows.y_proba is None else rows.y_proba[:, rows.positive or 0]
    return np.lexsort((weight, rows.y_pred, rows.y_true, -first))
