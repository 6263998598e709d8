"""Dates as numbers that a model can use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_array, check_is_fitted, validate_data

from mlcli.features.dateparts import PARTS, date_part, elapsed_days
from mlcli.features.names import MISSING

if TYPE_CHECKING:
    from mlcli.features.dateparts import Dates


class DateEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Take dates apart, and count the days since the earliest training date.

    A raw time stamp would be no use to a tree, which cannot look past the
    last one it saw, and the parts carry what comes round again.

    Parameters
    ----------
    parts : sequence of str, optional
        Parts of each date, see `mlcli.features.dateparts.PARTS`. None for
        those that vary in training.
    elapsed : bool, default=True
        Whether to add the days since the earliest training date.
    indicator : bool, default=False
        Whether to add a 0/1 column for every date column with gaps in training.

    Attributes
    ----------
    n_features_in_ : int
        Columns seen in `fit`.
    parts_ : list of list of str
        Parts taken out of each column.
    elapsed_ : list of bool
        Whether each column's elapsed days are given.
    origins_ : list of int
        Earliest training date of each column, in microseconds since
        1970-01-01; 0 where training held none.
    gaps_ : list of bool
        Whether each column gets a 0/1 column for missing dates.
    """

    def __init__(self, *, parts: Sequence[str] | None = None, elapsed: bool = True, indicator: bool = False) -> None:
        self.parts = parts
        self.elapsed = elapsed
        self.indicator = indicator

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # the signature of every transformer
        """Learn which parts vary and where each column begins.

        Raises
        ------
        ValueError
            If a part is not known.
        """
        unknown = sorted(set(self.parts or ()) - set(PARTS))
        if unknown:
            raise ValueError(f"parts must be among {', '.join(PARTS)}. Got {', '.join(unknown)}.")
        columns = self._columns(X, reset=True)
        self.parts_: list[list[str]] = []
        self.elapsed_: list[bool] = []
        self.origins_: list[int] = []
        self.gaps_: list[bool] = []
        for dates in columns:
            known = dates[~np.isnat(dates)]
            chosen = list(self.parts) if self.parts is not None else [p for p in PARTS if _varies(known, p)]
            self.parts_.append(chosen)
            # A column never vanishes: a matrix without columns would stop the steps that follow.
            self.elapsed_.append(bool(self.elapsed) or not chosen)
            self.origins_.append(int(known.min().astype(np.int64)) if known.size else 0)
            self.gaps_.append(bool(self.indicator) and known.size < dates.size)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the numbers of each date.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            Per column: its parts, the elapsed days, and 1 where the date is
            missing (only where `gaps_` says so). NaN for what a missing date
            leaves unknown.
        """
        check_is_fitted(self)
        columns = self._columns(X, reset=False)
        return np.column_stack([feature for i, dates in enumerate(columns) for feature in self._features(i, dates)])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the output columns, such as ``datetime.month``."""
        check_is_fitted(self)
        names: list[str] = []
        for i, column in enumerate(_check_feature_names_in(self, input_features)):
            names += [f"{column}.{part}" for part in self.parts_[i]]
            names += [f"{column}.elapsed_days"] if self.elapsed_[i] else []
            names += [f"{column}={MISSING}"] if self.gaps_[i] else []
        return np.asarray(names, dtype=object)

    def _features(self, i: int, dates: Dates) -> Iterator[NDArray[np.float64]]:
        for part in self.parts_[i]:
            yield date_part(dates, part)
        if self.elapsed_[i]:
            yield elapsed_days(dates, self.origins_[i])
        if self.gaps_[i]:
            yield np.isnat(dates).astype(np.float64)

    def _columns(self, X: Any, *, reset: bool) -> list[Dates]:
        """Return the columns as datetime64[us]; plain numbers are read as microseconds since 1970."""
        if not hasattr(X, "iloc") and not (isinstance(X, np.ndarray) and X.dtype.kind == "M" and X.ndim == 2):
            numbers = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
            known = np.nan_to_num(numbers).astype("datetime64[us]")
            X = np.where(np.isnan(numbers), np.datetime64("NaT"), known)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if hasattr(X, "iloc"):
            return [X.iloc[:, i].to_numpy().astype("datetime64[us]") for i in range(X.shape[1])]
        return list(X.astype("datetime64[us]").T)

    def __sklearn_tags__(self) -> Any:
        """Declare that missing dates are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _varies(dates: Dates, part: str) -> bool:
    values = date_part(dates, part)
    return values.size > 0 and bool((values != values[0]).any())
