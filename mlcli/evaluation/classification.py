"""The classification metrics of many weightings of the same rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.schema import ClassLabel
from mlcli.errors import DataError
from mlcli.evaluation.ranking import Ranking
from mlcli.registry import metric_names

Floats = NDArray[np.float64]

RANKED = ("roc_auc", "average_precision")
"""Metrics of the order in which probabilities put the rows."""

OF_PROBABILITIES = (*RANKED, "log_loss", "brier")
"""Metrics that need probabilities."""

PER_CLASS = ("class_precision", "class_recall", "class_f1")
"""Beside the registry's names: arrays of shape (n_weightings, n_classes)."""


def encode_labels(y: NDArray[Any], classes: tuple[ClassLabel, ...]) -> NDArray[np.intp]:
    """Return the position of each label among the classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels: numbers, booleans or text.
    classes : tuple of label
        The classes, sorted.

    Returns
    -------
    ndarray of shape (n_samples,)
        Positions from 0.

    Raises
    ------
    DataError
        If a label is none of the classes.
    """
    y = np.asarray(y)
    known = np.asarray(classes)
    if known.dtype.kind in "biuf" and y.dtype.kind in "biuf":
        codes = np.minimum(np.searchsorted(known, y), len(known) - 1)
        codes[known[codes] != y] = -1
    else:
        # A dictionary is several times faster than a binary search among Python strings.
        code_of = defaultdict(lambda: -1, {label: code for code, label in enumerate(classes)})
        codes = np.fromiter(map(code_of.__getitem__, y.tolist()), dtype=np.intp, count=len(y))
    if len(codes) and codes.min() < 0:
        at = int(np.argmax(codes < 0))
        label = y[at].item() if isinstance(y[at], np.generic) else y[at]
        raise DataError(
            f"the target must be one of the classes of the training rows. Got {label!r} in row {at + 1} of {len(y)}.",
            hint=f"Classes: {', '.join(repr(name) for name in classes[:20])}. Leave such rows out, or train with them.",
        )
    return codes.astype(np.intp, copy=False)


@dataclass(frozen=True)
class ClassificationRows:
    """True and predicted classes of the rows judged, by position in `classes`.

    Parameters
    ----------
    classes : tuple of label
        The classes, sorted.
    y_true, y_pred : ndarray of int of shape (n_samples,)
        Positions in `classes`.
    y_proba : ndarray of shape (n_samples, n_classes), optional
        Probability of each class, in [0, 1].
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0, not all 0.
    positive : int, optional
        Position of the positive class, of two.
    """

    classes: tuple[ClassLabel, ...]
    y_true: NDArray[np.intp]
    y_pred: NDArray[np.intp]
    y_proba: Floats | None
    sample_weight: Floats | None = None
    positive: int | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y_true)

    def take(self, indices: NDArray[np.intp]) -> ClassificationRows:
        """Return the rows at `indices`."""
        return ClassificationRows(
            classes=self.classes,
            y_true=self.y_true[indices],
            y_pred=self.y_pred[indices],
            y_proba=None if self.y_proba is None else self.y_proba[indices],
            sample_weight=None if self.sample_weight is None else self.sample_weight[indices],
            positive=self.positive,
        )


class ClassificationScorer:
    """The metrics of some rows, for all of them or for weightings of them.

    Parameters
    ----------
    rows : ClassificationRows
        The rows judged.
    names : collection of str, optional
        The metrics needed; all, and those of each class, by default.
    """

    def __init__(self, rows: ClassificationRows, *, names: Collection[str] | None = None) -> None:
        self.rows = rows
        self.names = (*metric_names("classification"), *PER_CLASS) if names is None else tuple(names)

    def scores(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Return each metric for each weighting, NaN where undefined.

        Parameters
        ----------
        counts : ndarray of shape (n_weightings, n_samples), optional
            How often each row counts, beside its sample weight; once by default.

        Returns
        -------
        dict of str to ndarray of shape (n_weightings,) or (n_weightings, n_classes)
            The metrics named when the scorer was made.
        """
        weight = self.rows.sample_weight
        once = counts is None
        if counts is None:
            counts = np.ones((1, len(self.rows)))
        weights = counts if weight is None else counts * weight
        with np.errstate(all="ignore"):
            found = self._from_sums(self._sums_once(weights[0])[None, :] if once else weights @ self._columns)
            if set(RANKED) & set(self.names):
                found |= self._ranked(weights)
        return {name: found[name] for name in self.names}

    @cached_property
    def _loss(self) -> Floats:
        """Log loss of each row; NaN without probabilities."""
        rows = self.rows
        if rows.y_proba is None:
            return np.full(len(rows), np.nan)
        eps = np.finfo(np.float64).eps
        # As scikit-learn: a probability of 0 for the true class costs 36, not infinity.
        return -np.log(np.clip(rows.y_proba[np.arange(len(rows)), rows.y_true], eps, 1 - eps))

    @cached_property
    def _squared(self) -> Floats:
        """Squared error of each row's probabilities; NaN without them."""
        rows = self.rows
        if rows.y_proba is None:
            return np.full(len(rows), np.nan)
        if rows.positive is not None:
            error: Floats = rows.y_proba[:, rows.positive] - (rows.y_true == rows.positive)
            return error**2
        apart = rows.y_proba.copy()
        apart[np.arange(len(rows)), rows.y_true] -= 1.0
        squared: Floats = np.einsum("ij,ij->i", apart, apart)
        return squared

    @cached_property
    def _columns(self) -> Floats:
        """What is summed over rows: by class true, predicted and hit; then the losses."""
        rows, n_classes = self.rows, len(self.rows.classes)
        columns = np.zeros((len(rows), 3 * n_classes + 2))
        lines = np.arange(len(rows))
        columns[lines, rows.y_true] = 1.0
        columns[lines, n_classes + rows.y_pred] = 1.0
        hit = np.flatnonzero(rows.y_true == rows.y_pred)
        columns[hit, 2 * n_classes + rows.y_true[hit]] = 1.0
        columns[:, -2] = self._loss
        columns[:, -1] = self._squared
        return columns

    def _sums_once(self, weight: Floats) -> Floats:
        """Return the same sums for one weighting, without the columns: rows may be millions."""
        rows, n_classes = self.rows, len(self.rows.classes)
        hit = rows.y_true == rows.y_pred
        return np.concatenate(
            [
                np.bincount(rows.y_true, weights=weight, minlength=n_classes),
                np.bincount(rows.y_pred, weights=weight, minlength=n_classes),
                np.bincount(rows.y_true[hit], weights=weight[hit], minlength=n_classes),
                [weight @ self._loss, weight @ self._squared],
            ]
        )

    def _from_sums(self, sums: Floats) -> dict[str, Floats]:
        n_classes, positive = len(self.rows.classes), self.rows.positive
        true, predicted, hit = (sums[:, k * n_classes : (k + 1) * n_classes] for k in range(3))
        total = true.sum(axis=1)
        precision, recall, f1 = hit / predicted, hit / true, 2 * hit / (true + predicted)
        # Over the classes that occur, true or predicted; an undefined one counts 0, as in scikit-learn.
        occurs = (true + predicted > 0).sum(axis=1)
        macro = {
            f"{name}_macro": np.nansum(by_class, axis=1) / occurs
            for name, by_class in (("precision", precision), ("recall", recall), ("f1", f1))
        }
        of_two = {"precision": precision, "recall": recall, "f1": f1}
        return {
            "accuracy": hit.sum(axis=1) / total,
            "balanced_accuracy": np.nansum(recall, axis=1) / (true > 0).sum(axis=1),
            **{name: macro[f"{name}_macro"] if positive is None else of_two[name][:, positive] for name in of_two},
            **macro,
            "log_loss": sums[:, -2] / total,
            "brier": sums[:, -1] / total,
            **{f"class_{name}": by_class for name, by_class in of_two.items()},
        }

    @cached_property
    def _rankings(self) -> list[Ranking]:
        """One ranking for two classes; for more, one for each class that occurs."""
        rows = self.rows
        if rows.y_proba is None:
            return []
        ranked = np.flatnonzero(np.bincount(rows.y_true)) if rows.positive is None else [rows.positive]
        return [Ranking(rows.y_true == code, rows.y_proba[:, code]) for code in ranked]

    def _ranked(self, weights: Floats) -> dict[str, Floats]:
        areas = [ranking.areas(weights) for ranking in self._rankings]
        return {
            "roc_auc": _mean_defined([area.roc_auc for area in areas], len(weights)),
            "average_precision": _mean_defined([area.average_precision for area in areas], len(weights)),
        }


def _mean_defined(by_class: list[Floats], n_weightings: int) -> Floats:
    """Average over the classes that occur in a weighting; NaN where none does."""
    if not by_class:
        return np.full(n_weightings, np.nan)
    stacked = np.stack(by_class)
    return np.asarray(np.nansum(stacked, axis=0) / (~np.isnan(stacked)).sum(axis=0))
