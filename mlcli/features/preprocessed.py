"""Rows as a preprocessor left them, kept for every model that reads them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

KEPT_BYTES = 2**30
"""Most memory for preprocessed rows that are kept; above, they are preprocessed anew for each fit."""


@dataclass(frozen=True)
class Preprocessed:
    """Rows to learn from and rows to judge on, as an estimator sees them.

    Parameters
    ----------
    preprocess : ColumnTransformer, optional
        Fitted on the rows to learn from; None where it is not needed any more.
    features : array or sparse matrix
        Its output for the rows to learn from.
    judged : array or sparse matrix, optional
        Its output for the others; None where there are none.
    """

    preprocess: Any
    features: Any
    judged: Any = None

    @property
    def nbytes(self) -> int:
        """Size of the rows."""
        return sum(_nbytes(matrix) for matrix in (self.features, self.judged) if matrix is not None)


def preprocess_rows(preprocess: Any, X: Any, y: Any, *, judged: Any = None) -> Preprocessed:
    """Fit a preprocessor and apply it.

    Parameters
    ----------
    preprocess : ColumnTransformer
        Fitted in place.
    X : DataFrame of shape (n_samples, n_columns)
        Rows to learn from.
    y : ndarray of shape (n_samples,)
        Their target.
    judged : DataFrame, optional
        Rows that it only transforms.
    """
    features = preprocess.fit_transform(X, y)
    return Preprocessed(preprocess, features, None if judged is None else preprocess.transform(judged))


def _nbytes(matrix: Any) -> int:
    parts: Sequence[Any] = [getattr(matrix, name) for name in ("data", "indices", "indptr") if hasattr(matrix, name)]
    return sum(part.nbytes for part in parts) if len(parts) > 1 else int(matrix.nbytes)
