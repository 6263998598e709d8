"""Whether a probability of 80 % comes true in 80 of 100 rows."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.intervals import score_interval
from mlcli.evaluation.losses import effective, weights_of

Floats = NDArray[np.float64]

_BINS = 10
_FEWEST_IN_A_BIN = 10


class ReliabilityBin(msgspec.Struct, frozen=True):
    """Rows of about the same predicted probability.

    Parameters
    ----------
    n_rows : int
        Rows in the bin.
    predicted, observed : float
        Mean probability, and the share that came true.
    low, high : float, optional
        Interval of the share.
    """

    n_rows: int
    predicted: float
    observed: float
    low: float | None
    high: float | None


class Reliability(msgspec.Struct, frozen=True):
    """Predicted against observed shares.

    Parameters
    ----------
    label : label, optional
        The class whose probability it is; None for the class predicted, whichever it is.
    bins : tuple of ReliabilityBin
        Bins of about equally many rows, rising.
    expected_error : float
        Mean gap between predicted and observed, weighted by rows; 0 is perfect.
    counts : tuple of int
        Rows by predicted probability, in ten even steps from 0 to 1.
    """

    label: ClassLabel | None
    bins: tuple[ReliabilityBin, ...]
    expected_error: float
    counts: tuple[int, ...]


def reliability(rows: ClassificationRows, *, confidence: float) -> Reliability | None:
    """Compare predicted probabilities with what came true.

    Parameters
    ----------
    rows : ClassificationRows
        The rows judged.
    confidence : float
        Probability that an interval is meant to hold.

    Returns
    -------
    Reliability or None
        Of the positive class of two; of more, of the likeliest class of each
        row. None without probabilities.

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated
       Probabilities Using Bayesian Binning", AAAI.
    """
    if rows.y_proba is None:
        return None
    if rows.positive is not None:
        score, came_true = rows.y_proba[:, rows.positive], rows.y_true == rows.positive
        label = rows.classes[rows.positive]
    else:
        likeliest = rows.y_proba.argmax(axis=1)
        score, came_true = rows.y_proba[np.arange(len(rows)), likeliest], rows.y_true == likeliest
        label = None
    weight = weights_of(rows)
    n_bins = int(np.clip(len(rows) // _FEWEST_IN_A_BIN, 1, _BINS))
    edges = np.unique(np.quantile(score, np.linspace(0, 1, n_bins + 1)))
    bin_of = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, max(len(edges) - 2, 0))
    bins, gap = [], 0.0
    for number in np.unique(bin_of):
        inside = (bin_of == number) & (weight > 0)
        if not inside.any():
            continue
        total = float(weight[inside].sum())
        predicted = float(weight[inside] @ score[inside]) / total
        observed = float(weight[inside] @ came_true[inside]) / total
        estimate = score_interval(observed, np.empty(0), confidence=confidence, support=effective(weight[inside]))
        bins.append(ReliabilityBin(int(inside.sum()), predicted, observed, estimate.low, estimate.high))
        gap += total * abs(predicted - observed)
    counts = np.histogram(score, bins=np.linspace(0, 1, 11))[0]
    return Reliability(label, tuple(bins), gap / float(weight.sum()), tuple(counts.tolist()))
