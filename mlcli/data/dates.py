"""The forms in which a file may write dates, and how each is read.

Every form is one regular expression that Python and RE2 read alike, with the
same named groups, so that a single cell and a whole column give the same.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ISO = "%Y-%m-%d"
"""The form of ISO 8601 dates and times, of any precision, with or without a zone."""

_YEAR, _SHORT, _MONTH, _DAY, _NAME = (
    "(?P<y>[0-9]{4})",
    "(?P<y>[0-9]{2})",
    "(?P<m>[0-9]{1,2})",
    "(?P<d>[0-9]{1,2})",
    "(?P<m>[A-Za-z]{3,9})[.]?",
)
_TIME = (
    "(?:(?:T|,? +)(?P<H>[0-9]{1,2})(?::(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?)?"
    "(?: ?(?P<p>[AaPp][Mm]))?(?: ?(?P<z>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_WEEKDAY = "(?:[A-Za-z]{3,9},? +)?"

FORMS: dict[str, str] = {
    ISO: f"{_YEAR}-{_MONTH}-{_DAY}{_TIME}",
    "%Y/%m/%d": f"{_YEAR}/{_MONTH}/{_DAY}{_TIME}",
    "%Y.%m.%d": f"{_YEAR}[.]{_MONTH}[.]{_DAY}{_TIME}",
    "%Y年%m月%d日": f"{_YEAR}年{_MONTH}月{_DAY}日{_TIME}",
    "%m/%d/%Y": f"{_MONTH}/{_DAY}/{_YEAR}{_TIME}",
    "%d/%m/%Y": f"{_DAY}/{_MONTH}/{_YEAR}{_TIME}",
    "%m-%d-%Y": f"{_MONTH}-{_DAY}-{_YEAR}{_TIME}",
    "%d-%m-%Y": f"{_DAY}-{_MONTH}-{_YEAR}{_TIME}",
    "%d.%m.%Y": f"{_DAY}[.]{_MONTH}[.]{_YEAR}{_TIME}",
    "%m/%d/%y": f"{_MONTH}/{_DAY}/{_SHORT}{_TIME}",
    "%d/%m/%y": f"{_DAY}/{_MONTH}/{_SHORT}{_TIME}",
    "%d.%m.%y": f"{_DAY}[.]{_MONTH}[.]{_SHORT}{_TIME}",
    "%b %d %Y": f"{_WEEKDAY}{_NAME} +{_DAY}(?:st|nd|rd|th)?,? +{_YEAR}{_TIME}",
    "%d %b %Y": f"{_WEEKDAY}{_DAY}(?:st|nd|rd|th)?[ -]+{_NAME},?[ -]+(?P<y>[0-9]{{4}}|[0-9]{{2}}){_TIME}",
    "%Y-%m": f"{_YEAR}-(?P<m>[0-9]{{2}})",
    "%m/%Y": f"{_MONTH}/{_YEAR}",
    # The last two look like other things as well: only a config makes them dates.
    "%m/%y": f"{_MONTH}/{_SHORT}",
    "%Y%m%d": "(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})" + _TIME,
}
"""Regular expression of each form, by its strptime pattern; those with a clock take a time and a zone."""

ASKED_FOR = ("%m/%y", "%Y%m%d")
"""Forms that are read only where a config says that the column holds dates."""

TWINS = {"%m/%d/%Y": "%d/%m/%Y", "%m-%d-%Y": "%d-%m-%Y", "%m/%d/%y": "%d/%m/%y"}
"""Month-first forms, and the day-first form that looks the same."""

_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905 - twelve quotes less to read
MONTH_NUMBERS = (
    {name: i for i, name in enumerate(_MONTHS, 1)} | {name[:3]: i for i, name in enumerate(_MONTHS, 1)} | {"sept": 9}
)
"""Number of each month by its English name or abbreviation, lower case."""

PIVOT = 69
"""Two-digit years from here on are 19xx, below 20xx, as POSIX has it."""


def naive_utc(moment: datetime) -> datetime:
    """Return a moment in UTC without its zone; without a zone it is taken as it is."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def parse_date(text: str, *, form: str | None) -> datetime | None:
    """Return the moment that a stripped text is, in UTC without zone, or None.

    Parameters
    ----------
    text : str
        A cell's text.
    form : str, optional
        A name from `FORMS`, tried after ISO 8601.
    """
    for name in (ISO, form):
        match = None if name is None else re.fullmatch(FORMS[name], text)
        moment = None if match is None else _moment(match.groupdict())
        if moment is not None:
            return moment
    return None


def _moment(parts: dict[str, str | None]) -> datetime | None:
    """Return the moment of a match's groups, None when there is no such moment."""
    month = parts["m"] or ""
    year = int(parts["y"] or "")
    if len(parts["y"] or "") == 2:
        year += 1900 if year >= PIVOT else 2000
    try:
        day = datetime(  # noqa: DTZ001 - the zone, if any, is taken off below
            year,
            MONTH_NUMBERS.get(month.lower(), 0) if month.isalpha() else int(month),
            int(parts.get("d") or 1),
            _hour(parts),
            int(parts.get("M") or 0),
            int(parts.get("S") or 0),
            int((parts.get("f") or "")[:6].ljust(6, "0")),
        )
        return day - _offset(parts.get("z") or "")
    except (ValueError, OverflowError):  # 30 February, 25 o'clock, before year 1
        return None


def _hour(parts: dict[str, str | None]) -> int:
    hour, half = int(parts.get("H") or 0), (parts.get("p") or "").lower()
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError
    return hour % 12 + (12 if half == "pm" else 0)


def _offset(zone: str) -> timedelta:
    if zone in {"", "Z", "UTC", "GMT"}:
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def parse_dates(texts: pa.Array, *, form: str | None) -> NDArray[np.datetime64]:
    """Read stripped texts as `parse_date` does, all at once.

    Parameters
    ----------
    texts : Array of large_string
        Cells, null where missing.
    form : str, optional
        A name from `FORMS`, tried after ISO 8601.

    Returns
    -------
    ndarray of datetime64[us], shape (n_cells,)
        NaT for a missing cell and for one that is no date.
    """
    import numpy as np
    import pyarrow as pa

    try:
        # Plain ISO without zones, by far the most common, needs no regular expression.
        moments = texts.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        moments = _parse_form(texts, ISO)
    moments = within_calendar(moments)
    if form is not None and form != ISO:
        other = within_calendar(_parse_form(texts, form))
        moments[np.isnat(moments)] = other[np.isnat(moments)]
    return moments


def within_calendar(moments: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return the moments, NaT where outside the years 1 to 9999."""
    import numpy as np

    least, greatest = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")
    inside: NDArray[np.datetime64] = np.where(
        (moments >= least) & (moments <= greatest), moments, np.datetime64("NaT", "us")
    )
    return inside


def _parse_form(texts: pa.Array, form: str) -> NDArray[np.datetime64]:
    """Read the texts that have one form; NaT elsewhere."""
    import numpy as np
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, pattern=f"^(?:{FORMS[form]})$")
    found = parts.is_valid().to_numpy(zero_copy_only=False)
    groups = dict(zip([field.name for field in parts.type], parts.filter(parts.is_valid()).flatten(), strict=True))
    moments = np.full(len(texts), np.datetime64("NaT", "us"))
    moments[found] = _moments(groups)
    return moments


def _integers(groups: dict[str, pa.Array], name: str, *, default: int = 0) -> NDArray[np.int64]:
    """Return one group as integers, `default` where it is empty or absent."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in groups:
        return np.full(len(next(iter(groups.values()))), default, dtype=np.int64)
    texts = pc.if_else(pc.equal(groups[name], ""), str(default), groups[name])
    integers: NDArray[np.int64] = texts.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return integers


def _moments(groups: dict[str, pa.Array]) -> NDArray[np.datetime64]:
    """Return the moments of matched groups, NaT where there is no such moment."""
    import numpy as np

    year, month, day = _integers(groups, "y"), _month_numbers(groups), _integers(groups, "d", default=1)
    short = _lengths(groups["y"]) == 2
    year = year + np.where(short, np.where(year >= PIVOT, 1900, 2000), 0)
    hour, minute, second = (_integers(groups, name) for name in ("H", "M", "S"))
    hour, good = _clock_hours(groups, hour)
    good &= (month >= 1) & (month <= 12) & (year >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("M8[M]")
    good &= (day >= 1) & (day <= ((months + 1).astype("M8[D]") - months.astype("M8[D]")).astype(np.int64))
    offset, zoned = _offsets(groups)
    good &= zoned
    seconds = (hour * 60 + minute - offset) * 60 + second
    moments: NDArray[np.datetime64] = (
        months.astype("M8[D]").astype("M8[us]")
        + (day - 1).astype("m8[D]")
        + seconds.astype("m8[s]")
        + _microseconds(groups).astype("m8[us]")
    )
    moments[~good] = np.datetime64("NaT")
    return moments


def _lengths(texts: pa.Array) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    lengths: NDArray[np.int64] = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    return lengths


def _month_numbers(groups: dict[str, pa.Array]) -> NDArray[np.int64]:
    import numpy as np

    if len(groups["m"]) == 0 or groups["m"][0].as_py()[0].isdigit():
        return _integers(groups, "m")
    names = groups["m"].dictionary_encode()
    numbers = np.array([MONTH_NUMBERS.get(name.lower(), 0) for name in names.dictionary.to_pylist()], dtype=np.int64)
    by_row: NDArray[np.int64] = numbers[names.indices.to_numpy(zero_copy_only=False)]
    return by_row


def _clock_hours(groups: dict[str, pa.Array], hour: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return hours of 24 and whether each is one that its AM or PM allows."""
    import numpy as np
    import pyarrow.compute as pc

    if "p" not in groups:
        return hour, np.ones(len(hour), dtype=bool)
    half = pc.utf8_lower(groups["p"])
    halved = pc.not_equal(half, "").to_numpy(zero_copy_only=False)
    after_noon = pc.equal(half, "pm").to_numpy(zero_copy_only=False)
    return np.where(halved, hour % 12 + 12 * after_noon, hour), ~halved | ((hour >= 1) & (hour <= 12))


def _offsets(groups: dict[str, pa.Array]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return minutes east of Greenwich and whether each is a possible offset."""
    import numpy as np

    if "z" not in groups:
        n = len(groups["y"])
        return np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    zones = groups["z"].dictionary_encode()
    minutes, possible = [], []
    for zone in zones.dictionary.to_pylist():
        try:
            minutes.append(int(_offset(zone).total_seconds()) // 60)
            possible.append(True)
        except ValueError:
            minutes.append(0)
            possible.append(False)
    by_row = zones.indices.to_numpy(zero_copy_only=False)
    return np.array(minutes, dtype=np.int64)[by_row], np.array(possible, dtype=bool)[by_row]


def _microseconds(groups: dict[str, pa.Array]) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    if "f" not in groups:
        return _integers(groups, "f")
    cut = pc.utf8_rpad(pc.utf8_slice_codeunits(groups["f"], 0, 6), 6, padding="0")
    return _integers({"f": cut}, "f")
