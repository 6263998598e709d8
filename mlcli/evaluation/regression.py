"""The regression metrics of many weightings of the same rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlcli.registry import metric_names

Floats = NDArray[np.float64]

_BLOCK = 128
"""Values whose weight is summed at once in the search for a median."""


@dataclass(frozen=True)
class RegressionRows:
    """True and predicted values of the rows judged.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        In the target's unit.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0, not all 0.
    """

    y_true: Floats
    y_pred: Floats
    sample_weight: Floats | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y_true)

    def take(self, indices: NDArray[np.intp]) -> RegressionRows:
        """Return the rows at `indices`."""
        weight = None if self.sample_weight is None else self.sample_weight[indices]
        return RegressionRows(self.y_true[indices], self.y_pred[indices], weight)


class RegressionScorer:
    """The metrics of some rows, for all of them or for weightings of them.

    Parameters
    ----------
    rows : RegressionRows
        The rows judged.
    names : collection of str, optional
        The metrics needed; all by default.
    """

    def __init__(self, rows: RegressionRows, *, names: Collection[str] | None = None) -> None:
        self.rows = rows
        self.names = metric_names("regression") if names is None else tuple(names)
        with np.errstate(all="ignore"):
            self._error = np.abs(rows.y_pred - rows.y_true)

    def scores(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Return each metric for each weighting, NaN where undefined.

        Parameters
        ----------
        counts : ndarray of shape (n_weightings, n_samples), optional
            How often each row counts, beside its sample weight; once by default.

        Returns
        -------
        dict of str to ndarray of shape (n_weightings,)
            The metrics named when the scorer was made.
        """
        weight = self.rows.sample_weight
        once = counts is None
        if counts is None:
            counts = np.ones((1, len(self.rows)))
        weights = counts if weight is None else counts * weight
        with np.errstate(all="ignore"):
            # One weighting of millions of rows must not hold all terms at once.
            sums = np.column_stack([weights @ term for term in self._terms()]) if once else weights @ self._columns
            found = self._from_sums(sums)
            if "median_error" in self.names:
                found["median_error"] = self._median(weights)
        return {name: found[name] for name in self.names}

    def note(self, name: str) -> str | None:
        """Return why a metric is undefined on all rows, or None."""
        y_true = self.rows.y_true
        if not np.isfinite(self._error).all():
            return "undefined: a predicted value is not a finite number"
        if name == "r2" and not self._spread > 0:
            return "undefined: one row" if len(y_true) == 1 else "undefined: every true value is the same"
        zeros = int((y_true == 0).sum())
        if name == "mape" and zeros:
            return f"undefined: the true value is 0 in {zeros:,} {'row' if zeros == 1 else 'rows'}"
        return None

    @cached_property
    def _spread(self) -> float:
        """Distance between the least and the greatest true value."""
        return float(np.ptp(self.rows.y_true))

    def _terms(self) -> Iterator[Floats]:
        """Yield what is summed over rows, one term at a time."""
        y_true, error = self.rows.y_true, self._error
        yield np.ones_like(y_true)
        yield error
        yield error**2
        # Centred, so that R2 does not take one huge sum of squares from another.
        centred = y_true - y_true.mean()
        yield centred
        yield centred**2
        yield error / np.abs(y_true)

    @cached_property
    def _columns(self) -> Floats:
        return np.column_stack(tuple(self._terms()))

    def _from_sums(self, sums: Floats) -> dict[str, Floats]:
        total, error, squared, centred, centred_squared, share = sums.T
        variance = centred_squared - centred**2 / total
        # A resample of one and the same value leaves a rounding error for its variance.
        varies = (self._spread > 0) & (variance > 1e-13 * centred_squared)
        return {
            "mae": error / total,
            "rmse": np.sqrt(squared / total),
            "r2": np.where(varies, 1.0 - squared / variance, np.nan),
            "mape": np.where((self.rows.y_true == 0).any(), np.nan, share / total),
        }

    @cached_property
    def _order(self) -> NDArray[np.intp] | None:
        """Positions of the rows by error; None when they stand so already."""
        in_order = (self._error[1:] >= self._error[:-1]).all()
        return None if in_order else np.argsort(self._error)

    def _median(self, weights: Floats) -> Floats:
        """Return the weighted median error of each weighting; between two rows, their mean."""
        order = self._order
        values = self._error if order is None else self._error[order]
        in_order = weights if order is None else np.take(weights, order, axis=1)
        # Summed in blocks first, so that only one block of each line is searched row by row.
        starts = np.arange(0, len(values), _BLOCK)
        running = np.cumsum(np.add.reduceat(in_order, starts, axis=1), axis=1)
        half = 0.5 * running[:, -1]
        return np.array(
            [_middle(values, line, blocks, half) for line, blocks, half in zip(in_order, running, half, strict=True)]
        )


def _middle(values: Floats, weight: Floats, blocks: Floats, half: float) -> float:
    """Return the value up to which half of the weight lies.

    Parameters
    ----------
    values, weight : ndarray of shape (n_samples,)
        Sorted values, and the weight of each.
    blocks : ndarray of shape (n_blocks,)
        Weight up to the end of each block of `_BLOCK` values.
    half : float
        Half of the weight.
    """
    if not half > 0:
        return float("nan")
    block = min(int(blocks.searchsorted(half)), len(blocks) - 1)
    first = block * _BLOCK
    before = blocks[block - 1] if block else 0.0
    running = before + weight[first : first + _BLOCK].cumsum()
    at = min(int(running.searchsorted(half)), len(running) - 1)
    median = float(values[first + at])
    if running[at] - half > np.finfo(np.float64).eps * max(1.0, half):
        return median
    # Exactly half of the weight lies at or below: the next row with weight is as much the middle.
    following = np.flatnonzero(weight[first + at + 1 : first + at + 1 + _BLOCK])
    ahead = following if len(following) else np.flatnonzero(weight[first + at + 1 :])
    return (median + float(values[first + at + 1 + ahead[0]])) / 2.0 if len(ahead) else median
