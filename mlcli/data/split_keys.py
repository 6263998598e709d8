"""What a split reads from its column: keys that belong together, and points in time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlcli.data.arrays import flat, number_values
from mlcli.data.cells import Missing, canonical, text_of
from mlcli.data.dates import FORMS, parse_dates
from mlcli.errors import DataError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Keys:
    """The distinct values of a column, as text, and which row holds which.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Position in `texts` of each row's value, int64; -1 where missing.
    texts : tuple of str
        Canonical texts, in order of first appearance.
    """

    codes: NDArray[np.int64]
    texts: tuple[str, ...]


def key_text(value: object, *, missing_values: Collection[str] = ()) -> str | None:
    """Return the text by which a cell is known, whatever format held it, or None when it is missing."""
    text = text_of(value)
    if text is None or text in missing_values:
        return None
    return text.lower() if text.lower() in {"true", "false"} else canonical(text)


def require_column(table: pa.Table, name: str, *, source: str) -> pa.Array:
    """Return the split's column as one array.

    Raises
    ------
    DataError
        If the table has no such column.
    """
    import pyarrow as pa

    if name not in table.column_names:
        close = did_you_mean(name, table.column_names)
        raise DataError(
            f"{source} must have the column {name!r}, which split.column names. Got: {', '.join(table.column_names)}.",
            hint=f"Did you mean {close!r}?" if close else "Set split.column to one of the file's columns.",
        )
    cells = flat(table.column(name))
    if pa.types.is_nested(cells.type):
        raise DataError(
            f"{source}: column {name!r} must hold plain values for the split to read. Got cells of type {cells.type}.",
            hint="Set split.column to another column.",
        )
    return cells


def read_keys(cells: pa.Array, *, missing_values: Collection[str] = ()) -> Keys:
    """Return the canonical text of every cell, each distinct one once."""
    import numpy as np

    encoded = cells.dictionary_encode()
    place: dict[str, int] = {}
    # One more than the dictionary: the last stands for the null cells.
    codes_of_values = np.full(len(encoded.dictionary) + 1, -1, dtype=np.int64)
    for position, value in enumerate(encoded.dictionary.to_pylist()):
        text = key_text(value, missing_values=missing_values)
        if text is not None:
            codes_of_values[position] = place.setdefault(text, len(place))
    positions = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    return Keys(codes_of_values[positions], tuple(place))


def class_sizes(keys: Keys, classes: Keys | None) -> NDArray[np.int64]:
    """Count the rows of each group, and of each class in it.

    Parameters
    ----------
    keys : Keys
        The groups, none missing.
    classes : Keys, optional
        The classes, where they are to be balanced.

    Returns
    -------
    ndarray of shape (n_groups, 1 + n_classes)
        Rows in all, then rows of each class; the first column alone without classes.
    """
    import numpy as np

    n_groups = len(keys.texts)
    sizes = np.bincount(keys.codes, minlength=n_groups)[:, None]
    if classes is None:
        return sizes
    n_classes = len(classes.texts)
    table = np.bincount(keys.codes * n_classes + classes.codes, minlength=n_groups * n_classes)
    return np.hstack([sizes, table.reshape(n_groups, n_classes)])


def require_all(present: NDArray[np.bool_], *, column: str, what: str, source: str, rows: NDArray[np.int64]) -> None:
    """Refuse a column that misses a value.

    Raises
    ------
    DataError
        If a row has none, naming the first.
    """
    if present.all():
        return
    n_missing = int((~present).sum())
    first = int(rows[present.argmin()])
    more = f" and {n_missing - 1:,} more" if n_missing > 1 else ""
    raise DataError(
        f"{source} row {first}: column {column!r} must hold {what} in every row, as the split reads it. "
        f"Got a missing cell there{more}.",
        hint=f"Fill {column!r}, leave those rows out, or split by another column.",
    )


def read_times(
    cells: pa.Array, *, column: str, source: str, rows: NDArray[np.int64], missing_values: Collection[str] = ()
) -> NDArray[Any]:
    """Return a number for each cell that orders the rows in time.

    Parameters
    ----------
    cells : Array of shape (n_rows,)
        Dates, numbers, or texts of either; ISO 8601 for dates.
    column, source : str
        Names for messages.
    rows : ndarray of shape (n_rows,)
        Number of each row in its source.
    missing_values : collection of str
        Texts that mean missing.

    Returns
    -------
    ndarray of shape (n_rows,)
        int64 or float64: microseconds since 1970 (UTC) for dates, the number itself for numbers.

    Raises
    ------
    DataError
        If a cell is missing or neither a date nor a number.
    """
    import numpy as np
    import pyarrow as pa

    kind = cells.type
    what = "a date or a number"
    if pa.types.is_large_string(kind):
        return _times_of_texts(cells, column=column, source=source, rows=rows, missing_values=missing_values)
    present = cells.is_valid().to_numpy(zero_copy_only=False)
    require_all(present, column=column, what=what, source=source, rows=rows)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        # Not safe: nanoseconds beyond the microsecond are cut; nobody's split hangs on them.
        stamps = cells.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        return np.asarray(stamps.cast(pa.int64()).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind):
        return np.asarray(cells.to_numpy(zero_copy_only=False)).astype(np.int64)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False))
        require_all(np.isfinite(values), column=column, what=what, source=source, rows=rows)
        return values
    raise DataError(
        f"{source}: column {column!r} must hold dates or numbers to split by time. Got cells of type {kind}.",
        hint="Set split.column to the column that says when each row happened.",
    )


def _times_of_texts(
    cells: pa.Array, *, column: str, source: str, rows: NDArray[np.int64], missing_values: Collection[str]
) -> NDArray[Any]:
    """Read texts that are all numbers as numbers, else as dates of the one form that reads them all."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.utf8_trim_whitespace(cells).dictionary_encode()
    texts = encoded.dictionary
    blank = pc.is_in(texts, value_set=pa.array(["", *missing_values], type=texts.type)).to_numpy(zero_copy_only=False)
    # The last stands for the null cells.
    at = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    present = ~np.append(blank, True)[at]
    require_all(present, column=column, what="a date or a number", source=source, rows=rows)
    judged = number_values(texts, Missing())
    if not judged.missing().any():
        return np.asarray(judged.cells[at])
    iso = parse_dates(texts, form=None)
    if not np.isnat(iso).any():
        return np.asarray(_micros(iso)[at])
    readings = [parse_dates(texts, form=form) for form in FORMS]
    whole = [moments for moments in readings if not np.isnat(moments).any()]
    if any(not np.array_equal(moments, whole[0]) for moments in whole):
        raise DataError(
            f"{source}: column {column!r} must hold dates that can be read in one way to split by time. "
            f"Got {texts[0].as_py()!r}, which may be day first or month first.",
            hint="Write dates as year-month-day.",
        )
    if not whole:
        # Told by what the column mostly holds: 'x' among numbers, not the first number among dates.
        unread = min([*map(np.isnat, readings), judged.missing()], key=np.count_nonzero)
        first = int(unread[at].argmax())
        raise DataError(
            f"{source} row {rows[first]}: column {column!r} must hold a number or a date such as 2024-05-31 "
            f"to split by time. Got {texts[int(at[first])].as_py()!r}.",
            hint="Write dates in one form, best as year-month-day.",
        )
    return np.asarray(_micros(whole[0])[at])


def _micros(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return microseconds since 1970."""
    import numpy as np

    return moments.astype("datetime64[us]").astype(np.int64)
