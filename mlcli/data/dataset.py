"""Typed rows, ready for the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Dataset:
    """Rows that keep the data contract.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The model's columns in training order. Dtypes by kind: number and
        boolean float64 (missing NaN, booleans 0 and 1), category and text
        ``str`` (missing NaN), date ``datetime64[us]`` (missing NaT).
    y : ndarray of shape (n_samples,), optional
        Target: float64 for regression; int64, float64, bool or object (str)
        labels for classification. None where the rows carry none.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights >= 0, float64.
    ids : DataFrame of shape (n_samples, n_ids)
        The id columns as text, possibly none.
    rows : ndarray of shape (n_samples,)
        Number of each row in its source, int64, counted from 1 after the header.
    """

    X: pd.DataFrame
    y: NDArray[Any] | None
    sample_weight: NDArray[np.float64] | None
    ids: pd.DataFrame
    rows: NDArray[np.int64]

    @property
    def y_true(self) -> NDArray[Any]:
        """The target of rows that are known to carry one."""
        assert self.y is not None, "rows without a target are refused where they are read"
        return self.y

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def take(self, indices: NDArray[np.intp]) -> Dataset:
        """Return the rows at `indices` (positions from 0), in that order."""
        return replace(
            self,
            X=self.X.iloc[indices].reset_index(drop=True),
            y=None if self.y is None else self.y[indices],
            sample_weight=None if self.sample_weight is None else self.sample_weight[indices],
            ids=self.ids.iloc[indices].reset_index(drop=True),
            rows=self.rows[indices],
        )
