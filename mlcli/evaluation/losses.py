"""The judged metric row by row, so that rows can be compared, grouped and drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.bootstrap import bootstrap
from mlcli.evaluation.metrics import Rows
from mlcli.evaluation.regression import RegressionRows

Floats = NDArray[np.float64]

RESAMPLES = 400
"""Resamples behind the intervals of a report; 400 place the ends of a 95 % interval well enough to draw."""


def row_losses(rows: Rows, metric: str) -> Floats:
    """Return what each row adds to the mean behind a metric.

    Parameters
    ----------
    rows : ClassificationRows or RegressionRows
        The rows judged.
    metric : str
        ``log_loss``, ``accuracy`` or ``rmse``: those of a verdict.

    Returns
    -------
    ndarray of shape (n_samples,)
        Log loss; 1 for a right class and 0 for a wrong one; or squared error.
    """
    if isinstance(rows, RegressionRows):
        squared: Floats = (rows.y_pred - rows.y_true) ** 2
        return squared
    if metric == "accuracy" or rows.y_proba is None:
        right: Floats = (rows.y_true == rows.y_pred).astype(np.float64)
        return right
    eps = np.finfo(np.float64).eps
    loss: Floats = -np.log(np.clip(rows.y_proba[np.arange(len(rows)), rows.y_true], eps, 1 - eps))
    return loss


def metric_from(means: Floats, metric: str) -> Floats:
    """Return the metric from means of row losses."""
    if metric != "rmse":
        return means
    root: Floats = np.sqrt(means)
    return root


def mean_metric(losses: Floats, weight: Floats, metric: str) -> float | None:
    """Return the metric of some rows from their losses; None where it is not finite."""
    return number(float(metric_from(np.array([np.average(losses, weights=weight)]), metric)[0]))


def weights_of(rows: Rows) -> Floats:
    """Return the weight of each row; 1 without sample weights."""
    return np.ones(len(rows)) if rows.sample_weight is None else rows.sample_weight


def effective(weight: Floats) -> float:
    """Return how many equally weighted rows would say as much: Kish's effective sample size."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True)
class _Means:
    """Weighted means of columns of values, for any weighting of the rows."""

    sums: Floats
    weights: Floats

    def scores(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Return the means for each line of `counts`; NaN where a group got no row."""
        if counts is None:
            counts = np.ones((1, len(self.sums)))
        with np.errstate(all="ignore"):
            return {"mean": (counts @ self.sums) / (counts @ self.weights)}


@dataclass(frozen=True)
class ResampledMeans:
    """Means on all rows, and on each resample.

    Parameters
    ----------
    values : ndarray of shape (n_columns,)
        On all rows.
    replicates : ndarray of shape (resamples, n_columns)
        On each resample.
    """

    values: Floats
    replicates: Floats


def resample_means(values: Floats, weights: Floats, rng: np.random.Generator) -> ResampledMeans:
    """Return weighted column means with their spread over resamples of the rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        What is averaged.
    weights : ndarray of shape (n_samples, n_columns) or (n_samples, 1)
        Weight of each row in each mean; 0 leaves it out.
    rng : Generator
        Source of the draws.
    """
    scorer = _Means(values * weights, np.broadcast_to(weights, values.shape))
    (found,) = bootstrap([scorer], n_rows=len(values), resamples=RESAMPLES, rng=rng)
    return ResampledMeans(scorer.scores()["mean"][0], found["mean"])


def number(value: float) -> float | None:
    """Return a number as a report holds it: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
