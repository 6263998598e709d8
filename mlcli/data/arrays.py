"""Whole columns of cells, typed at once by the rules of `mlcli.data.cells`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlcli.config.kinds import Kind
from mlcli.data.cells import NUMBER, Missing, canonical, canonical_number, level, parse_boolean, text_of
from mlcli.data.dates import parse_dates, within_calendar
from mlcli.data.schema import Storage

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TypedArray:
    """One column of typed cells.

    Parameters
    ----------
    cells : ndarray or Array of shape (n_cells,)
        float64 for numbers and booleans, datetime64[us] for dates, an arrow
        array of large_string for categories and texts. Missing cells are NaN,
        NaT or null; so are bad ones.
    bad : ndarray of bool, optional
        Cells that are not what the column must hold; None when all are.
    """

    cells: Any
    bad: NDArray[np.bool_] | None = None

    def missing(self) -> NDArray[np.bool_]:
        """Return which cells are missing (or bad)."""
        import numpy as np

        if not isinstance(self.cells, np.ndarray):
            nulls: NDArray[np.bool_] = self.cells.is_null().to_numpy(zero_copy_only=False)
            return nulls
        blank: NDArray[np.bool_] = np.isnat(self.cells) if self.cells.dtype.kind == "M" else np.isnan(self.cells)
        return blank


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array: dictionaries decoded, texts as large_string, no values as null texts."""
    import pyarrow as pa
    import pyarrow.types as pt

    kind = column.type.value_type if pt.is_dictionary(column.type) else column.type
    if pt.is_string(kind) or pt.is_string_view(kind) or pt.is_null(kind):
        kind = pa.large_string()  # 32-bit offsets cannot hold more than 2 GB of text
    if kind != column.type:
        column = column.cast(kind)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def is_plain(kind: pa.DataType) -> bool:
    """Tell whether cells of an arrow type are plain values that a column can be read from."""
    import pyarrow.types as pt

    if pt.is_dictionary(kind):
        kind = kind.value_type
    tests = (
        pt.is_null,
        pt.is_boolean,
        pt.is_integer,
        pt.is_floating,
        pt.is_decimal,
        pt.is_date,
        pt.is_timestamp,
        pt.is_time,
        pt.is_string,
        pt.is_large_string,
        pt.is_string_view,
    )
    return any(test(kind) for test in tests)


def map_distinct(array: pa.Array, function: Callable[[Any], str | None]) -> pa.Array:
    """Apply a scalar rule to each distinct value of an array and spread the results over its cells."""
    import pyarrow as pa

    encoded = array.dictionary_encode()
    mapped = pa.array([function(value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    return mapped.take(encoded.indices)


def texts_of(array: pa.Array) -> pa.Array:
    """Return the text of each cell of a flat array, stripped; null when null, NaN or blank."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    kind = array.type
    if pt.is_large_string(kind):
        trimmed = pc.utf8_trim_whitespace(array)
        blank = pc.equal(trimmed, "")
        return pc.if_else(blank, pa.scalar(None, trimmed.type), trimmed) if pc.any(blank).as_py() else trimmed
    if pt.is_floating(kind):
        numbers = array.cast(pa.float64())
        return map_distinct(pc.if_else(pc.is_nan(numbers), None, numbers), canonical_number)
    if pt.is_decimal(kind):
        return map_distinct(array.cast(pa.string()), canonical)
    if pt.is_date(kind) or pt.is_timestamp(kind):
        moments = pa.array(_moments(array).cells)
        texts = pc.replace_substring_regex(moments.cast(pa.large_string()), pattern="[.]000000$", replacement="")
        return pc.replace_substring_regex(texts, pattern=" 00:00:00$", replacement="")
    if pt.is_time(kind):
        return map_distinct(array, text_of)
    return array.cast(pa.large_string())


def text_values(array: pa.Array, missing: Missing) -> TypedArray:
    """Type the cells of a text column."""
    return TypedArray(_without_missing(texts_of(array), missing))


def _without_missing(texts: pa.Array, missing: Missing) -> pa.Array:
    """Return the texts with those that mean missing made null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not missing.texts:
        return texts
    named = pc.is_in(texts, value_set=pa.array(sorted(missing.texts), texts.type))
    return pc.if_else(named, pa.scalar(None, texts.type), texts)


def level_values(array: pa.Array, missing: Missing, *, storage: Storage) -> TypedArray:
    """Type the cells of a category column."""
    if storage == "text":
        return text_values(array, missing)
    return TypedArray(map_distinct(texts_of(array), lambda text: level(text, missing, storage=storage)))


def number_values(array: pa.Array, missing: Missing) -> TypedArray:
    """Type the cells of a number column."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as pt

    if pt.is_integer(array.type) or pt.is_floating(array.type):
        numbers = _doubles(array)
        return TypedArray(*_finite(numbers, np.isinf(numbers), missing))
    if (fast := _cast_numbers(array)) is not None:
        return TypedArray(*_finite(fast, np.zeros(len(fast), dtype=bool), missing))
    texts = _without_missing(texts_of(array), missing)
    if (fast := _cast_numbers(texts)) is not None:
        return TypedArray(*_finite(fast, np.zeros(len(fast), dtype=bool), missing))
    good, bad = _judge_numbers(texts)
    numbers = _doubles(good.cast(pa.float64()))
    return TypedArray(*_finite(numbers, bad | np.isinf(numbers), missing))


def _doubles(array: pa.Array) -> NDArray[np.float64]:
    import pyarrow as pa

    # Not safe=True: whole numbers above 2**53 round here, as their text would.
    doubles: NDArray[np.float64] = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return doubles


def _cast_numbers(texts: pa.Array) -> NDArray[np.float64] | None:
    """Read texts as arrow does; None unless every one is a plain finite number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as pt

    if not pt.is_large_string(texts.type):
        return None
    try:
        numbers = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    # Arrow reads "inf" and "nan(1)" as well: such texts are judged one by one.
    return values if np.count_nonzero(np.isfinite(values)) == len(values) - numbers.null_count else None


def _judge_numbers(texts: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return the texts that are numbers (null elsewhere) and which of the others are not missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    null = pa.scalar(None, texts.type)
    texts = pc.if_else(pc.equal(pc.utf8_lower(texts), "nan"), null, texts)
    matched = pc.match_substring_regex(texts, f"^(?:{NUMBER})$")
    bad = pc.fill_null(pc.invert(matched), fill_value=False).to_numpy(zero_copy_only=False)
    return pc.if_else(matched, texts, null), bad


def _finite(
    numbers: NDArray[np.float64], bad: NDArray[np.bool_], missing: Missing
) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return numbers with bad and missing ones made NaN, and the bad mask or None."""
    import numpy as np

    gone = bad
    if missing.numbers:
        gone = bad | np.isin(numbers, sorted(missing.numbers))
    if gone.any():
        numbers = np.where(gone, np.nan, numbers)
    return numbers, bad if bad.any() else None


def boolean_values(array: pa.Array, missing: Missing) -> TypedArray:
    """Type the cells of a boolean column as 1.0, 0.0 and NaN."""
    import numpy as np

    texts = _without_missing(texts_of(array), missing).dictionary_encode()
    truths = [parse_boolean(text) for text in texts.dictionary.to_pylist()]
    # The last entry answers for index -1, the missing cell.
    table = np.array([np.nan if truth is None else float(truth) for truth in truths] + [np.nan])
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    values = table[codes]
    bad = np.isnan(values) & (codes >= 0)
    return TypedArray(values, bad if bad.any() else None)


def date_values(array: pa.Array, missing: Missing, *, form: str | None) -> TypedArray:
    """Type the cells of a date column as moments in UTC without zone."""
    import numpy as np
    import pyarrow.types as pt

    if pt.is_date(array.type) or pt.is_timestamp(array.type):
        native = _moments(array)
        if missing.texts:
            native.cells[_without_missing(texts_of(array), missing).is_null().to_numpy(zero_copy_only=False)] = "NaT"
        return native
    texts = _without_missing(texts_of(array), missing)
    moments = parse_dates(texts, form=form)
    bad = np.isnat(moments) & texts.is_valid().to_numpy(zero_copy_only=False)
    return TypedArray(moments, bad if bad.any() else None)


def _moments(array: pa.Array) -> TypedArray:
    """Return native dates and timestamps as datetime64[us], rounded down."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.types as pt

    unit = "ms" if pt.is_date64(array.type) else "D" if pt.is_date(array.type) else array.type.unit
    counts = array.cast(pa.int32()) if pt.is_date32(array.type) else array
    whole = counts.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    # Judged in the file's own unit, since a far date would overflow microseconds.
    if unit == "ns":
        whole, unit = whole // 1000, "us"
    least, after = (np.datetime64(day).astype(f"M8[{unit}]").astype(np.int64) for day in ("0001-01-01", "10000-01-01"))
    bad = valid & ((whole < least) | (whole >= after))
    moments = np.where(valid & ~bad, whole, 0).astype(f"M8[{unit}]").astype("M8[us]")
    moments[~valid | bad] = np.datetime64("NaT")
    return TypedArray(within_calendar(moments), bad if bad.any() else None)


def type_cells(
    column: pa.ChunkedArray | pa.Array, missing: Missing, *, kind: Kind, storage: Storage, form: str | None = None
) -> TypedArray:
    """Type a column's cells as its kind asks.

    Parameters
    ----------
    column : ChunkedArray or Array
        Raw cells of any plain arrow type.
    missing : Missing
        Which texts mean missing.
    kind : Kind
        How the model uses the column.
    storage : Storage
        What its cells are; tells how the levels of a category are written.
    form : str, optional
        Form of its dates, from `mlcli.data.dates.FORMS`.
    """
    array = flat(column)
    match kind:
        case "number":
            return number_values(array, missing)
        case "boolean":
            return boolean_values(array, missing)
        case "date":
            return date_values(array, missing, form=form)
        case "category":
            return level_values(array, missing, storage=storage)
        case "text":
            return text_values(array, missing)
