"""How far a regression is off, where, and by how much for small and large values."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.altered import choose_rows
from mlcli.evaluation.intervals import percentile_interval
from mlcli.evaluation.losses import effective, number, resample_means, weights_of
from mlcli.evaluation.regression import RegressionRows

Floats = NDArray[np.float64]

MOST_POINTS = 1_000
"""Rows drawn as points; more would hide each other."""

_BARS = 30
_BINS = 10
_FEWEST_IN_A_BIN = 10
_MOST_RESAMPLED = 20_000


class SizeBin(msgspec.Struct, frozen=True):
    """The error of rows of about the same true value.

    Parameters
    ----------
    least, most : float
        True values in the bin.
    n_rows : int
        Rows in the bin.
    predicted : float
        Their mean prediction.
    error : float
        Mean absolute error.
    low, high : float, optional
        Its interval.
    share : float, optional
        The error as a share of the mean true value; None where that is not above 0.
    """

    least: float
    most: float
    n_rows: int
    predicted: float
    error: float | None
    low: float | None
    high: float | None
    share: float | None


class ResidualBin(msgspec.Struct, frozen=True):
    """The errors of rows of about the same prediction.

    Parameters
    ----------
    predicted : float
        Their mean prediction.
    n_rows : int
        Rows in the bin.
    low, middle, high : float
        The 10, 50 and 90 % quantiles of prediction minus truth.
    """

    predicted: float
    n_rows: int
    low: float
    middle: float
    high: float


class Residuals(msgspec.Struct, frozen=True):
    """What a regression gets wrong. A residual is the prediction minus the truth.

    Parameters
    ----------
    true, predicted : tuple of float
        The rows drawn as points.
    n_rows : int
        All rows.
    edges : tuple of float
        Edges of the histogram's bars; the outermost hold all that lies beyond.
    counts : tuple of int
        Rows in each bar.
    by_prediction : tuple of ResidualBin
        Spread of the residuals along the prediction.
    by_size : tuple of SizeBin
        Error along the true value.
    """

    true: tuple[float, ...]
    predicted: tuple[float, ...]
    n_rows: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    by_prediction: tuple[ResidualBin, ...]
    by_size: tuple[SizeBin, ...]


def residuals(rows: RegressionRows, *, confidence: float, random_state: int) -> Residuals | None:
    """Return points, histogram and bins of the errors.

    Parameters
    ----------
    rows : RegressionRows
        The rows judged.
    confidence : float
        Probability that an interval is meant to hold.
    random_state : int
        Seed of the choice of points and of the resamples.

    Returns
    -------
    Residuals or None
        None where a prediction is not a finite number.
    """
    error = rows.y_pred - rows.y_true
    if not np.isfinite(error).all():
        return None
    rng = np.random.default_rng(random_state)
    chosen = choose_rows(len(rows), MOST_POINTS, rng)
    edges = _edges(error)
    inside = np.clip(error, edges[0], edges[-1])
    return Residuals(
        true=tuple(rows.y_true[chosen].tolist()),
        predicted=tuple(rows.y_pred[chosen].tolist()),
        n_rows=len(rows),
        edges=tuple(edges.tolist()),
        counts=tuple(np.histogram(inside, bins=edges)[0].tolist()),
        by_prediction=_by_prediction(rows.y_pred, error),
        by_size=_by_size(rows, confidence=confidence, rng=rng),
    )


def _edges(error: Floats) -> Floats:
    low, high = np.quantile(error, (0.005, 0.995))
    if not high > low:
        reach = max(abs(float(low)) * 0.1, 0.5)
        low, high = low - reach, high + reach
    return np.linspace(low, high, _BARS + 1)


def bins_of(values: Floats, n_bins: int) -> list[NDArray[np.intp]]:
    """Return the positions of the rows in each of about equally full bins, rising; equal values stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
    bin_of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    return [np.flatnonzero(bin_of == one) for one in np.unique(bin_of)]


def _n_bins(n_rows: int) -> int:
    return int(np.clip(n_rows // _FEWEST_IN_A_BIN, 1, _BINS))


def _by_prediction(predicted: Floats, error: Floats) -> tuple[ResidualBin, ...]:
    found = []
    for inside in bins_of(predicted, _n_bins(len(error))):
        low, middle, high = np.quantile(error[inside], (0.1, 0.5, 0.9)).tolist()
        found.append(ResidualBin(float(predicted[inside].mean()), len(inside), low, middle, high))
    return tuple(found)


def _by_size(rows: RegressionRows, *, confidence: float, rng: np.random.Generator) -> tuple[SizeBin, ...]:
    drawn = choose_rows(len(rows), _MOST_RESAMPLED, rng)
    shrink = float(np.sqrt(len(drawn) / len(rows)))
    weight, error = weights_of(rows), np.abs(rows.y_pred - rows.y_true)
    groups = bins_of(rows.y_true, _n_bins(len(rows)))
    member = np.zeros((len(rows), len(groups)))
    for position, inside in enumerate(groups):
        member[inside, position] = weight[inside]
    drawn_error = np.broadcast_to(error[drawn, None], (len(drawn), len(groups)))
    spread = resample_means(drawn_error, member[drawn], rng).replicates
    found = []
    for position, inside in enumerate(groups):
        total = float(weight[inside].sum())
        value = number(float(weight[inside] @ error[inside]) / total) if total > 0 else None
        centre = np.nanmean(spread[:, position]) if np.isfinite(spread[:, position]).any() else np.nan
        around = (value if value is not None else np.nan) + shrink * (spread[:, position] - centre)
        estimate = percentile_interval(value, around, confidence=confidence, support=effective(weight[inside]))
        size = float(rows.y_true[inside].mean())
        share = value / size if value is not None and size > 0 else None
        found.append(
            SizeBin(
                float(rows.y_true[inside].min()),
                float(rows.y_true[inside].max()),
                len(inside),
                float(rows.y_pred[inside].mean()),
                value,
                estimate.low,
                estimate.high,
                share,
            )
        )
    return tuple(found)
