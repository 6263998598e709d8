"""What a classifier trades: ROC, precision against recall, and what each threshold gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.altered import choose_rows
from mlcli.evaluation.bootstrap import bootstrap
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.losses import RESAMPLES, number, weights_of

Floats = NDArray[np.float64]

MOST_CLASSES = 5
"""Classes that get curves of their own: the commonest. More lines in one chart cannot be told apart."""

MOST_ROWS = 20_000
"""Rows behind a band; more would only make it a hair narrower."""

_VERTICES = 200
_GRID = np.linspace(0.0, 1.0, 51)
_THRESHOLDS = 100


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


class Thresholds(msgspec.Struct, frozen=True):
    """What each threshold on the probability of the positive class gives.

    Parameters
    ----------
    label : label
        The positive class.
    in_use : float
        The least probability at which the model says so.
    threshold : tuple of float
        Thresholds, rising.
    precision : tuple of float or None
        None where no row is called positive.
    recall, f1, called : tuple of float
        Of the positive rows those found; F1; share of rows called positive.
    """

    label: ClassLabel
    in_use: float
    threshold: tuple[float, ...]
    precision: tuple[float | None, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    called: tuple[float, ...]


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
        shrink = float(np.sqrt(len(chosen) / len(rows)))
        roc, precision_recall = sorted_rows.curves()
        found.append(
            ClassCurves(
                rows.classes[code],
                share,
                _banded(roc, spread["tpr"], confidence=confidence, shrink=shrink),
                _banded(precision_recall, spread["precision"], confidence=confidence, shrink=shrink, first=1),
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


def _banded(
    curve: tuple[Floats, Floats], spread: Floats, *, confidence: float, shrink: float, first: int = 0
) -> Curve:
    """Thin a curve and put the pointwise band around it; `first` is the first point of the grid with a band."""
    tail = (1 - confidence) / 2
    defined = spread[np.isfinite(spread).all(axis=1), first:]
    keep = _vertices(*curve)
    x, y = tuple(curve[0][keep].tolist()), tuple(curve[1][keep].tolist())
    if len(defined) < RESAMPLES / 2:
        return Curve(x, y, (), (), ())
    middle = np.median(defined, axis=0)
    low, high = np.quantile(defined, (tail, 1 - tail), axis=0)
    low, high = middle + shrink * (low - middle), middle + shrink * (high - middle)
    return Curve(x, y, tuple(_GRID[first:].tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _vertices(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Return the positions of the points that a curve keeps: evenly along its length."""
    if len(x) <= _VERTICES:
        return np.arange(len(x))
    length = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
    return np.unique(np.searchsorted(length, np.linspace(0, length[-1], _VERTICES)).clip(0, len(x) - 1))


def threshold_in_use(label: Callable[[Sequence[float]], ClassLabel], *, positive: int, label_of: ClassLabel) -> float:
    """Return the least probability of the positive class at which a model says so.

    Found by asking, so it holds wherever the model keeps its threshold.

    Parameters
    ----------
    label : callable
        The class that the outputs of one row mean.
    positive : int
        Position of the positive class, 0 or 1.
    label_of : label
        The positive class.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        outputs = [1 - middle, middle] if positive == 1 else [middle, 1 - middle]
        low, high = (low, middle) if label(outputs) == label_of else (middle, high)
    return round(high, 9)


def threshold_curve(rows: ClassificationRows, *, in_use: float) -> Thresholds | None:
    """Return precision, recall and F1 for thresholds between the least and the greatest probability.

    Parameters
    ----------
    rows : ClassificationRows
        The rows judged.
    in_use : float
        The threshold of the model.

    Returns
    -------
    Thresholds or None
        None unless there are two classes with probabilities and a positive row.
    """
    if rows.positive is None or rows.y_proba is None:
        return None
    score, weight = rows.y_proba[:, rows.positive], weights_of(rows)
    is_positive = rows.y_true == rows.positive
    total = float(weight[is_positive].sum())
    if total <= 0:
        return None
    # Half of them even, half where the rows are: probabilities crowd at the ends.
    even, crowded = np.linspace(0, 1, _THRESHOLDS // 2 + 1), np.quantile(score, np.linspace(0, 1, _THRESHOLDS // 2))
    thresholds = np.unique(np.concatenate([even, crowded.round(6), [in_use]]).clip(0, 1))
    order = np.argsort(score, kind="stable")
    called = _from(weight, order, score, thresholds)
    hits = _from(weight * is_positive, order, score, thresholds)
    with np.errstate(all="ignore"):
        precision, f1 = hits / called, 2 * hits / (called + total)
    return Thresholds(
        label=rows.classes[rows.positive],
        in_use=in_use,
        threshold=tuple(thresholds.tolist()),
        precision=tuple(map(number, precision)),
        recall=tuple((hits / total).tolist()),
        f1=tuple(f1.tolist()),
        called=tuple((called / weight.sum()).tolist()),
    )


def _from(values: Floats, order: NDArray[np.intp], score: Floats, thresholds: Floats) -> Floats:
    """Return the sum of `values` over the rows whose score reaches each threshold."""
    running = np.append(0.0, np.cumsum(values[order]))
    below = np.searchsorted(score[order], thresholds, side="left")
    return np.maximum(running[-1] - running[below], 0.0)
