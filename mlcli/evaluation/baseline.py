"""The dummy that stands beside every model: what one scores without looking at X."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections import Task
from mlcli.data.predictions import Predictions
from mlcli.data.schema import ClassLabel, Target
from mlcli.errors import DataError
from mlcli.evaluation.classification import encode_labels


class Baseline(msgspec.Struct, frozen=True):
    """The class shares, or the mean, of the training rows.

    It predicts what scikit-learn's ``DummyClassifier(strategy="prior")`` and
    ``DummyRegressor(strategy="mean")`` predict, without either.

    Parameters
    ----------
    task : Task
        Classification or regression.
    classes : tuple of label
        The classes, as ``Target.classes``; empty for regression.
    priors : tuple of float
        Weighted share of each class, summing to 1; empty for regression.
    mean : float, optional
        Weighted mean of the target; None for classification.
    """

    task: Task
    classes: tuple[ClassLabel, ...] = ()
    priors: tuple[float, ...] = ()
    mean: float | None = None

    def predict(self, n_samples: int) -> Predictions:
        """Predict the same for `n_samples` rows."""
        if self.mean is not None:
            return Predictions(y_pred=np.full(n_samples, self.mean), y_proba=None)
        priors = np.array(self.priors)
        # A text label stays a Python str, as in Dataset.y; numpy would make it a fixed-width one.
        kind = object if isinstance(self.classes[0], str) else None
        labels: NDArray[Any] = np.array(self.classes, dtype=kind)
        return Predictions(
            y_pred=np.full(n_samples, labels[priors.argmax()], dtype=labels.dtype),
            # Every row is the same: a view with stride 0 costs no memory.
            y_proba=np.broadcast_to(priors, (n_samples, len(priors))),
            classes=self.classes,
        )


def baseline_from(y: NDArray[Any], *, target: Target, sample_weight: NDArray[np.float64] | None = None) -> Baseline:
    """Learn the baseline from the training target.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Training target, as ``Dataset.y``.
    target : Target
        What the schema says of it.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0.

    Returns
    -------
    Baseline
        Class shares or mean.

    Raises
    ------
    DataError
        If there is no row, the weights sum to 0, or a label is none of the classes.
    """
    if len(y) == 0:
        raise DataError("the training rows must be at least one. Got none.")
    if sample_weight is not None and not sample_weight.sum() > 0:
        raise DataError(
            "sample weights of the training rows must not all be 0.", hint="Look at the column that data.weight names."
        )
    if target.task == "regression":
        return Baseline(task="regression", mean=float(np.average(y, weights=sample_weight)))
    classes = target.classes or ()
    totals = np.bincount(encode_labels(y, classes), weights=sample_weight, minlength=len(classes))
    shares = totals / totals.sum()
    return Baseline(task="classification", classes=classes, priors=tuple(shares.tolist()))
