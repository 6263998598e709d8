"""Date columns taken apart: many rows through numpy, one with whole numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import NAT, TypedColumns
from mlcli.features.dateparts import MICROSECONDS_PER_DAY, date_part, elapsed_days
from mlcli.inference.encode_numbers import Steps
from mlcli.inference.program import Dates

_HOUR = 3_600_000_000
_MINUTE = 60_000_000


class DatesEncoder:
    """Runs `mlcli.inference.program.Dates`."""

    def __init__(self, op: Dates) -> None:
        self._columns = list(zip(op.columns, op.parts, op.elapsed, op.origins, op.gaps, strict=True))
        width = sum(len(parts) + elapsed + gap for _, parts, elapsed, _, gap in self._columns)
        self.features = list(range(op.start, op.start + width))
        self._steps = Steps(op.steps, width=width)

    def fill(self, columns: TypedColumns, block: NDArray[np.float64]) -> None:
        """Write the features of many rows into `block`, of shape (n_rows, n_features of it)."""
        at = 0
        for column, parts, elapsed, origin, gap in self._columns:
            dates = columns.columns[column].view("datetime64[us]")
            features = [date_part(dates, part) for part in parts]
            features += [elapsed_days(dates, origin)] if elapsed else []
            features += [np.isnat(dates)] if gap else []
            for feature in features:
                block[:, at] = feature
                at += 1
        self._steps.rows(block)

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the features of one row."""
        values: list[float] = []
        for column, parts, elapsed, origin, gap in self._columns:
            moment = cells[column]
            if moment == NAT:
                values += [nan] * (len(parts) + elapsed)
            else:
                known = _parts(moment) if parts else {}
                values += [float(known[part]) for part in parts]
                # As numpy does it: both to floats, then the division.
                values += [float(moment - origin) / float(MICROSECONDS_PER_DAY)] if elapsed else []
            values += [float(moment == NAT)] if gap else []
        return self._steps.row(values)


def _parts(moment: int) -> Mapping[str, int]:
    """Return every part of a date given in microseconds since 1970, as `mlcli.features.dateparts` counts them."""
    days, rest = divmod(moment, MICROSECONDS_PER_DAY)
    year, month, day = _civil(days)
    weekday = (days + 3) % 7
    return {
        "year": year,
        "month": month,
        "day": day,
        "weekday": weekday,
        "hour": rest // _HOUR,
        "minute": rest // _MINUTE % 60,
        "quarter": (month - 1) // 3 + 1,
        "day_of_year": days - _days(year) + 1,
        "weekend": int(weekday >= 5),
    }


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day since 1970; any year, where the standard library knows 1 to 9999.

    References
    ----------
    .. [1] Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    """
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    of_year = day - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153  # from March
    shown = month + 3 if month < 10 else month - 9
    return year + 400 * era + (shown <= 2), shown, of_year - (153 * month + 2) // 5 + 1


def _days(year: int) -> int:
    """Return the days from 1970 to the first of January of a year."""
    before = year - 1
    return 365 * before + before // 4 - before // 100 + before // 400 - 719_162
