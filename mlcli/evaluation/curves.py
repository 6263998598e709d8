"""What a classifier trades: ROC, and precision against recall."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.altered import choose_rows
from mlcli.evaluation.bootstrap import bootstrap
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.intervals import score_interval
from mlcli.evaluation.losses import RESAMPLES, effective, weights_of

Floats = NDArray[np.float64]

MOST_CLASSES = 5
"""Classes that get curves of their own: the commonest. More lines in one chart cannot be told apart."""

MOST_ROWS = 20_000
"""Rows behind a band; more would only make it a hair narrower."""

_VERTICES = 200
_GRID = np.linspace(0.0, 1.0, 51)


class Curve(msgspec.Struct, frozen=True):
    """A curve in the unit square, with a band.

    Parameters
    ----------
    x, y : tuple of float
        The curve on all rows, thinned to what can be seen.
    band_x, low, high : tuple of float
        Pointwise interval of y at each of `band_x`.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    band_x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class ClassCurves(msgspec.Struct, frozen=True):
    """The curves of one class against the rest.

    Parameters
    ----------
    label : label
        The class.
    share : float
        Share of the rows that are of it: the precision of guessing.
    roc, precision_recall : Curve
        True against false positive rate; precision against recall.
    """

    label: ClassLabel
    share: float
    roc: Curve
    precision_recall: Curve


def class_curves(rows: ClassificationRows, *, confidence: float, random_state: int) -> tuple[ClassCurves, ...]:
    """Return ROC and precision-recall curves with pointwise bootstrap bands.

    Parameters
    ----------
    rows : ClassificationRows
        The rows judged.
    confidence : float
        Probability that the band is meant to hold at each point.
    random_state : int
        Seed of the resamples.

    Returns
    -------
    tuple of ClassCurves
        For two classes that of the positive one, else one for each of the
        commonest classes that has rows on both sides; empty without probabilities.
    """
    if rows.y_proba is None:
        return ()
    counts = np.bincount(rows.y_true, minlength=len(rows.classes))
    if rows.positive is not None:
        codes = [rows.positive]
    else:
        codes = sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())
    weight = weights_of(rows)
    found = []
    for code in codes:
        if not 0 < counts[code] < len(rows):
            continue
        is_positive = rows.y_true == code
        share = float(weight[is_positive].sum() / weight.sum())
        sorted_rows = _sorted(is_positive, rows.y_proba[:, code], weight)
        rng = np.random.default_rng(random_state)
        chosen = choose_rows(len(rows), MOST_ROWS, rng)
        drawn = _sorted(is_positive[chosen], rows.y_proba[chosen, code], weight[chosen])
        (spread,) = bootstrap([drawn], n_rows=len(chosen), resamples=RESAMPLES, rng=rng)
        # The spread falls with the square root of the rows: that of fewer rows is brought to that of all.
        band = _Band(spread, confidence, float(np.sqrt(len(chosen) / len(rows))))
        roc, precision_recall = sorted_rows.curves()
        values = {name: line[0] for name, line in sorted_rows.scores().items()}
        support = effective(weight[is_positive])
        found.append(
            ClassCurves(
                rows.classes[code],
                share,
                band.around(roc, "tpr", values["tpr"], np.full(len(_GRID), support)),
                # Where few of the positive rows are found, few rows decide the precision.
                band.around(precision_recall, "precision", values["precision"], support * _GRID),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class _Sorted:
    """One class against the rest, from the most likely row to the least."""

    is_positive: NDArray[np.bool_]
    weight: Floats
    ends: NDArray[np.intp]

    def scores(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Return both curves at the points of the grid, for each weighting."""
        if counts is None:
            counts = np.ones((1, len(self.weight)))
        weights = counts * self.weight
        tp = np.cumsum(weights * self.is_positive, axis=1)[:, self.ends]
        fp = np.cumsum(weights * ~self.is_positive, axis=1)[:, self.ends]
        tpr, precision = np.full((len(counts), len(_GRID)), np.nan), np.full((len(counts), len(_GRID)), np.nan)
        for line, (hits, alarms) in enumerate(zip(tp, fp, strict=True)):
            if not (hits[-1] > 0 and alarms[-1] > 0):
                continue
            tpr[line] = np.interp(_GRID, np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1]))
            at = np.minimum(np.searchsorted(hits / hits[-1], _GRID), len(hits) - 1)
            precision[line] = hits[at] / np.maximum(hits[at] + alarms[at], np.finfo(np.float64).tiny)
        return {"tpr": tpr, "precision": precision}

    def curves(self) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Return x and y of the ROC curve and of precision against recall, on all rows."""
        tp = np.cumsum(self.weight * self.is_positive)[self.ends]
        fp = np.cumsum(self.weight * ~self.is_positive)[self.ends]
        some = tp + fp > 0
        recall, precision = tp[some] / tp[-1], tp[some] / (tp + fp)[some]
        # Past the last positive row only the precision falls; scikit-learn ends the curve there as well.
        last = int(np.argmax(recall >= recall[-1])) + 1
        return (
            (np.append(0.0, fp / fp[-1]), np.append(0.0, tp / tp[-1])),
            (np.append(0.0, recall[:last]), np.append(precision[0], precision[:last])),
        )


def _sorted(is_positive: NDArray[np.bool_], score: Floats, weight: Floats) -> _Sorted:
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return _Sorted(is_positive[order], weight[order], ends)


@dataclass(frozen=True)
class _Band:
    """Pointwise intervals around the curves of one class.

    Wilson's form with the variance of the resamples, as for every score: the
    percentiles of a perfect curve would claim that it is certain.
    """

    spread: dict[str, Floats]
    confidence: float
    shrink: float

    def around(self, curve: tuple[Floats, Floats], name: str, values: Floats, support: Floats) -> Curve:
        """Thin a curve and put its band around it."""
        keep = _vertices(*curve)
        low, high = np.empty_like(_GRID), np.empty_like(_GRID)
        for at, value in enumerate(values.tolist()):
            replicates = self.spread[name][:, at]
            replicates = value + self.shrink * (replicates - np.nanmean(replicates))
            estimate = score_interval(
                value, replicates, confidence=self.confidence, support=max(float(support[at]), 1.0)
            )
            low[at], high[at] = estimate.low, estimate.high
        if name == "tpr":
            low[-1] = 1.0  # calling every row positive finds all of them, by arithmetic
        return Curve(
            tuple(curve[0][keep].tolist()),
            tuple(curve[1][keep].tolist()),
            tuple(_GRID.tolist()),
            tuple(low.tolist()),
            tuple(high.tolist()),
        )


def _vertices(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Return the positions of the points that a curve keeps: evenly along its length."""
    if len(x) <= _VERTICES:
        return np.arange(len(x))
    length = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
    return np.unique(np.searchsorted(length, np.linspace(0, length[-1], _VERTICES)).clip(0, len(x) - 1))
