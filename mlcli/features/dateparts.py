"""Parts of a date, counted with numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MICROSECONDS_PER_DAY = 86_400_000_000

Dates = NDArray[np.datetime64]
Counts = NDArray[np.int64]


def _days(dates: Dates) -> Dates:
    return dates.astype("datetime64[D]")


def _count(units: NDArray[Any]) -> Counts:
    """Return how many units there are: of a date, since 1970."""
    counts: Counts = units.astype(np.int64)
    return counts


def _year(dates: Dates) -> Counts:
    return _count(dates.astype("datetime64[Y]")) + 1970


def _month(dates: Dates) -> Counts:
    return _count(dates.astype("datetime64[M]")) % 12 + 1


def _day(dates: Dates) -> Counts:
    return _count(_days(dates) - _days(dates.astype("datetime64[M]"))) + 1


def _weekday(dates: Dates) -> Counts:
    # Day 0 of the count, 1 January 1970, was a Thursday.
    return (_count(_days(dates)) + 3) % 7


def _hour(dates: Dates) -> Counts:
    return _count((dates - _days(dates)).astype("timedelta64[h]"))


def _minute(dates: Dates) -> Counts:
    return _count((dates - _days(dates)).astype("timedelta64[m]")) % 60


def _quarter(dates: Dates) -> Counts:
    return (_month(dates) - 1) // 3 + 1


def _day_of_year(dates: Dates) -> Counts:
    return _count(_days(dates) - _days(dates.astype("datetime64[Y]"))) + 1


def _weekend(dates: Dates) -> Counts:
    return _count(_weekday(dates) >= 5)


PARTS: Mapping[str, Callable[[Dates], Counts]] = {
    "year": _year,
    "month": _month,
    "day": _day,
    "weekday": _weekday,
    "hour": _hour,
    "minute": _minute,
    "quarter": _quarter,
    "day_of_year": _day_of_year,
    "weekend": _weekend,
}
"""Every part of a date: the weekday counts from Monday = 0, the others from 1 where people do."""


def date_part(dates: Dates, part: str) -> NDArray[np.float64]:
    """Return one part of each date.

    Parameters
    ----------
    dates : ndarray of datetime64[us]
        Dates; NaT where missing.
    part : str
        A key of `PARTS`.

    Returns
    -------
    ndarray of float64, same shape
        The part; NaN where the date is missing.
    """
    missing = np.isnat(dates)
    # NaT cannot be counted: it stands in as the epoch and is blanked afterwards.
    counts = PARTS[part](np.where(missing, np.datetime64(0, "us"), dates)).astype(np.float64)
    counts[missing] = np.nan
    return counts


def elapsed_days(dates: Dates, origin: int) -> NDArray[np.float64]:
    """Return the days since `origin`, with fractions.

    Parameters
    ----------
    dates : ndarray of datetime64[us]
        Dates; NaT where missing.
    origin : int
        Microseconds since 1970-01-01.

    Returns
    -------
    ndarray of float64, same shape
        Days, negative before the origin; NaN where the date is missing.
    """
    missing = np.isnat(dates)
    days = (np.where(missing, np.datetime64(0, "us"), dates).astype(np.int64) - origin) / MICROSECONDS_PER_DAY
    days[missing] = np.nan
    return days
