"""What each threshold on the probability of the positive class gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel
from mlcli.evaluation.classification import ClassificationRows
from mlcli.evaluation.losses import number, weights_of

Floats = NDArray[np.float64]

_THRESHOLDS = 100


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
    reached: Floats = np.maximum(running[-1] - running[below], 0.0)
    return reached
