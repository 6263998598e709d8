"""The rows that two models do not predict alike."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.dataset import Dataset
from mlcli.data.predictions import Predictions
from mlcli.data.schema import ClassLabel

SHOWN = 10
"""Rows told one by one."""

_ROUNDING = 1e-9
"""Share of a predicted value by which two builds of a library may differ."""


class ChangedRow(msgspec.Struct, frozen=True):
    """One row that two models do not predict alike.

    Parameters
    ----------
    row : int
        Its number in its source, from 1.
    id : dict of str to str
        Its id columns, possibly none.
    a, b : label or float
        What either model predicts.
    truth : label or float
        What it is.
    probability_a, probability_b : float, optional
        How probable either model thinks its own class.
    """

    row: int
    id: dict[str, str]
    a: ClassLabel
    b: ClassLabel
    truth: ClassLabel
    probability_a: float | None = None
    probability_b: float | None = None


class Changes(msgspec.Struct, frozen=True):
    """How many rows two models do not predict alike, and the first of them.

    Parameters
    ----------
    count : int
        Rows with another class, or another value beyond rounding.
    share : float
        Of the rows compared, in [0, 1].
    corrected, broken : int, optional
        Rows that only B calls right, and that only A called right; None for regression.
    median, greatest : float, optional
        Size of the changes of the predicted value; None for classes, and where nothing changed.
    rows : tuple of ChangedRow
        At most ten: of classes those where the models are surest of what they
        say, of values those that changed most.
    """

    count: int
    share: float
    corrected: int | None
    broken: int | None
    median: float | None
    greatest: float | None
    rows: tuple[ChangedRow, ...]


def find_changes(dataset: Dataset, a: Predictions, b: Predictions) -> Changes:
    """Find the rows that two models do not predict alike.

    Parameters
    ----------
    dataset : Dataset
        The rows, with their numbers, ids and truth.
    a, b : Predictions
        Of either model, in the order of the rows.
    """
    if a.classes:
        return _changed_classes(dataset, a, b)
    size = np.abs(np.asarray(b.y_pred, dtype=np.float64) - np.asarray(a.y_pred, dtype=np.float64))
    changed = np.flatnonzero(size > _ROUNDING * np.maximum(np.abs(a.y_pred), 1e-300))
    first = changed[np.argsort(-size[changed], kind="stable")][:SHOWN]
    return Changes(
        count=len(changed),
        share=len(changed) / len(dataset),
        corrected=None,
        broken=None,
        median=float(np.median(size[changed])) if len(changed) else None,
        greatest=float(size[changed].max()) if len(changed) else None,
        rows=tuple(_row(dataset, a, b, int(at)) for at in first),
    )


def _changed_classes(dataset: Dataset, a: Predictions, b: Predictions) -> Changes:
    changed = np.flatnonzero(a.y_pred != b.y_pred)
    right_a, right_b = a.y_pred == dataset.y_true, b.y_pred == dataset.y_true
    first = changed[np.argsort(-(_sureness(a, changed) + _sureness(b, changed)), kind="stable")][:SHOWN]
    return Changes(
        count=len(changed),
        share=len(changed) / len(dataset),
        corrected=int(np.count_nonzero(right_b & ~right_a)),
        broken=int(np.count_nonzero(right_a & ~right_b)),
        median=None,
        greatest=None,
        rows=tuple(_row(dataset, a, b, int(at)) for at in first),
    )


def _sureness(predictions: Predictions, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the probability of the likeliest class of some rows; 0 where there is none."""
    if predictions.y_proba is None:
        return np.zeros(len(at))
    sure: NDArray[np.float64] = predictions.y_proba[at].max(axis=1, initial=0.0)
    return sure


def _row(dataset: Dataset, a: Predictions, b: Predictions, at: int) -> ChangedRow:
    ids = {str(name): str(dataset.ids[name].iloc[at]) for name in dataset.ids.columns}
    return ChangedRow(
        row=int(dataset.rows[at]),
        id=ids,
        a=_plain(a.y_pred[at]),
        b=_plain(b.y_pred[at]),
        truth=_plain(dataset.y_true[at]),
        probability_a=_probability(a, at),
        probability_b=_probability(b, at),
    )


def _probability(predictions: Predictions, at: int) -> float | None:
    """Return the probability of the predicted class."""
    if predictions.y_proba is None:
        return None
    chance = float(predictions.y_proba[at, predictions.classes.index(_plain(predictions.y_pred[at]))])
    return chance if np.isfinite(chance) else None


def _plain(value: Any) -> Any:
    """Return a number of numpy's as Python's own; a text as it is."""
    return value.item() if isinstance(value, np.generic) else value
