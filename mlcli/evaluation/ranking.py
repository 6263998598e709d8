"""ROC AUC and average precision of many weightings of the same rows.

The rows are sorted once by score; each weighting then costs one pass. With
weights that count how often a row was drawn, a weighting is a bootstrap
resample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Areas:
    """The two areas of each weighting, NaN where undefined.

    Parameters
    ----------
    roc_auc, average_precision : ndarray of shape (n_weightings,)
        In [0, 1]. The first needs weight in both classes, the second in the
        positive one.
    """

    roc_auc: Floats
    average_precision: Floats


class Ranking:
    """One class against the rest, sorted once from the highest score to the lowest.

    Parameters
    ----------
    is_positive : ndarray of bool of shape (n_samples,)
        Which rows are of the class.
    score : ndarray of shape (n_samples,)
        Finite; higher means more likely of the class.
    """

    def __init__(self, is_positive: NDArray[np.bool_], score: Floats) -> None:
        in_order = bool((score[1:] <= score[:-1]).all())
        order = np.arange(len(score)) if in_order else np.argsort(-score)
        ranked = score[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        places = np.flatnonzero(is_positive[order])
        tie_of_place = np.searchsorted(ends, places)
        # Sorted already, so the last place of each tie tells the ties apart faster than np.unique.
        last_places = np.flatnonzero(np.diff(tie_of_place, append=len(ends)))
        ties = tie_of_place[last_places]
        # Only ties that hold a positive row matter to either area: the others
        # are counted through the running total, however many they are.
        self._positive_rows = order[places]
        self._last_positive = last_places
        self._tie_end = ends[ties]
        self._tie_start = np.where(ties > 0, ends[ties - 1] + 1, 0)
        self._order = None if in_order else order
        self._is_negative = (~is_positive).astype(np.float64)

    def areas(self, weights: Floats) -> Areas:
        """Return both areas for each weighting.

        Parameters
        ----------
        weights : ndarray of shape (n_weightings, n_samples)
            Weight >= 0 of each row, one weighting a line.

        Returns
        -------
        Areas
            Equal to scikit-learn's ``roc_auc_score`` and
            ``average_precision_score`` with those sample weights.

        References
        ----------
        .. [1] Fawcett (2006), "An introduction to ROC analysis", Pattern
           Recognition Letters 27(8).
        """
        if len(self._positive_rows) == 0:
            undefined = np.full(len(weights), np.nan)
            return Areas(roc_auc=undefined, average_precision=undefined)
        running = np.cumsum(weights if self._order is None else np.take(weights, self._order, axis=1), axis=1)
        hits = np.take(np.cumsum(np.take(weights, self._positive_rows, axis=1), axis=1), self._last_positive, axis=1)
        gained = np.diff(hits, axis=1, prepend=0.0)
        until = np.take(running, self._tie_end, axis=1)
        before = np.take(running, np.maximum(self._tie_start - 1, 0), axis=1)
        before[:, self._tie_start == 0] = 0.0
        positives = hits[:, -1]
        # Summed by itself: a difference of totals would leave a rounding error where there is no negative row.
        negatives = weights @ self._is_negative
        # Negatives above a tie count in full, those in it by half (once here and once in `before`).
        above = (until - hits) + (before - (hits - gained))
        with np.errstate(divide="ignore", invalid="ignore"):
            roc_auc = 1.0 - np.einsum("ij,ij->i", gained, above) / (2.0 * positives * negatives)
            precision = np.divide(hits, until, out=np.zeros_like(hits), where=until > 0)
            average_precision = np.einsum("ij,ij->i", gained, precision) / positives
        return Areas(
            roc_auc=np.where((positives > 0) & (negatives > 0), roc_auc, np.nan),
            average_precision=np.where(positives > 0, average_precision, np.nan),
        )
