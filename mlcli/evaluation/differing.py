"""How many rows stand behind the difference of two models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.evaluation.classification import OF_PROBABILITIES, RANKED, ClassificationRows
from mlcli.evaluation.paired import Pair
from mlcli.evaluation.regression import RegressionRows

Floats = NDArray[np.float64]


class Differing:
    """Effective rows on which two models differ, as each metric sees it.

    Two models that give one class for all but four rows differ in accuracy by
    those four alone, whether there are a hundred rows or a million. The
    spread of so few needs the wider quantiles of few rows.

    Parameters
    ----------
    pair : Pair
        The rows with the predictions of both.

    References
    ----------
    .. [1] Kish (1965), "Survey Sampling", Wiley: the effective sample size.
    .. [2] McNemar (1947), "Note on the sampling error of the difference
       between correlated proportions", Psychometrika 12: only rows that the
       two call differently tell them apart.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._found: dict[str, float] = {}

    def rows(self, metric: str) -> float:
        """Return (sum of the differences)² / sum of their squares; 0 where no row differs."""
        sort = self._sort(metric)
        if sort not in self._found:
            weight = self._pair.model.sample_weight
            size = self._size(sort)
            self._found[sort] = _effective(size if weight is None else size * weight)
        return self._found[sort]

    def _sort(self, metric: str) -> str:
        """Return which difference a metric sees; several see the same."""
        if metric in {"rmse", "r2"}:
            return "rmse"
        if metric in RANKED:
            return "rank"
        return metric if metric in {*OF_PROBABILITIES, "mape", "mae", "recall"} else self._other_sort()

    def _other_sort(self) -> str:
        return "mae" if isinstance(self._pair.model, RegressionRows) else "label"

    def _size(self, sort: str) -> Floats:
        """Return how far the models lie apart on each row, in the unit that `sort` sees."""
        one, other = self._pair.model, self._pair.rival
        if isinstance(one, RegressionRows):
            assert isinstance(other, RegressionRows), "both are of one task"
            return _regression_size(one, other, sort)
        assert isinstance(other, ClassificationRows), "both are of one task"
        differs: Floats = np.where(one.y_pred != other.y_pred, 1.0, 0.0)
        if sort == "label":
            return differs
        if sort == "recall":
            # Of two classes, recall is about the rows of the positive one.
            return differs if one.positive is None else np.where(one.y_true == one.positive, differs, 0.0)
        if one.y_proba is None or other.y_proba is None:
            return np.zeros(len(one))
        return _probability_size(one, other, sort)


def _regression_size(one: RegressionRows, other: RegressionRows, sort: str) -> Floats:
    with np.errstate(all="ignore"):
        errors = [np.abs(rows.y_pred - rows.y_true) for rows in (one, other)]
        if sort == "rmse":
            errors = [error**2 for error in errors]
        size: Floats = np.abs(errors[0] - errors[1])
        if sort == "mape":
            size /= np.abs(one.y_true)
    return np.nan_to_num(size, nan=0.0, posinf=0.0)


def _probability_size(one: ClassificationRows, other: ClassificationRows, sort: str) -> Floats:
    assert one.y_proba is not None, "asked before"
    assert other.y_proba is not None, "asked before"
    if sort == "rank":
        # A metric of the order sees no change that keeps the order.
        columns = range(len(one.classes)) if one.positive is None else [one.positive]
        size = np.zeros(len(one))
        for column in columns:
            size += np.abs(_ranks(one.y_proba[:, column]) - _ranks(other.y_proba[:, column]))
        return size
    lines = np.arange(len(one))
    true = [rows.y_proba[lines, rows.y_true] for rows in (one, other) if rows.y_proba is not None]
    if sort == "log_loss":
        least = np.finfo(np.float64).eps
        logs = [np.log(np.clip(chance, least, 1.0)) for chance in true]
        lost: Floats = np.abs(logs[0] - logs[1])
        return lost
    apart: Floats = np.abs(one.y_proba - other.y_proba).sum(axis=1)
    return apart


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value; equal ones share theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts).astype(np.float64)
    ranks: Floats = (ends - (counts - 1) / 2)[inverse]
    return ranks


def _effective(size: Floats) -> float:
    squared = float((size**2).sum())
    return float(size.sum() ** 2 / squared) if squared > 0 else 0.0
