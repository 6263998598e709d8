"""Arrow columns from plain values, and tables joined although their types differ."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mlcli.data.cells import text_of
from mlcli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_INT64 = range(-(2**63), 2**63)


def table_from_values(columns: Mapping[str, Sequence[object]], *, name: str) -> pa.Table:
    """Build a table from plain values, the type of each column found from all of its values.

    Parameters
    ----------
    columns : mapping of str to sequence
        The values of each column; None is missing.
    name : str
        What messages call the table.

    Raises
    ------
    DataError
        If a column holds lists, objects or bytes.
    """
    import pyarrow as pa

    arrays = [_array(values, column=column, name=name) for column, values in columns.items()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _array(values: Sequence[object], *, column: str, name: str) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds <= {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {int} and all(value is None or value in _INT64 for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float, Decimal} and kinds != {int}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())  # type: ignore[arg-type] # numbers, by `kinds`
    if kinds <= {date}:
        return pa.array(values, pa.date32())
    if kinds <= {date, datetime}:
        moments = [_moment(value) for value in values]
        zones = {value.tzinfo is None for value in moments if value is not None}
        if len(zones) == 1:
            return pa.array(moments, pa.timestamp("us") if zones == {True} else pa.timestamp("us", tz="UTC"))
    texts = [_text(value, column=column, name=name) for value in values]
    if len(kinds) > 1:
        _say_mixed(column, name)
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        raise nested(column, kind="half of a surrogate pair, which is no character", name=name) from None


def _moment(value: object) -> datetime | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    return value if isinstance(value, datetime) else None


def _say_mixed(column: str, name: str) -> None:
    logger.info("%s: column %r holds values of several types, read as text", name, column)


def _text(value: object, *, column: str, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta | UUID):
        return str(value)
    if isinstance(value, bool | int | float | Decimal | date):
        return text_of(value)
    raise nested(column, kind=type(value).__name__, name=name)


def nested(column: str, *, kind: str, name: str, place: str = "") -> DataError:
    """Return the error for a column whose cells are no plain values."""
    return DataError(
        f"{name}: column {column!r} must hold plain values: numbers, texts, dates, true or false. Got {kind}{place}.",
        hint="Flatten it into columns of its own before, or leave it out.",
    )


def stack(tables: Sequence[pa.Table], *, name: str) -> pa.Table:
    """Join tables with the same columns in the same order, one below the other.

    Where a column has several types, whole numbers give way to decimals, dates
    to moments, nulls to anything, and everything else to text.
    """
    import pyarrow as pa

    if len({table.schema.remove_metadata() for table in tables}) == 1:
        return pa.concat_tables(tables)
    types = [
        _common_type([table.schema.field(index).type for table in tables], column=column, name=name)
        for index, column in enumerate(tables[0].column_names)
    ]
    return pa.concat_tables(
        pa.table(
            {
                column: _as_type(table.column(column), kind)
                for column, kind in zip(table.column_names, types, strict=True)
            }
        )
        for table in tables
    )


def _common_type(types: list[Any], *, column: str, name: str) -> pa.DataType:
    import pyarrow as pa
    from pyarrow import types as is_type

    kinds = {kind for kind in types if not is_type.is_null(kind)}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else pa.null()
    if all(is_type.is_integer(kind) for kind in kinds) and pa.uint64() not in kinds:
        return pa.int64()
    if all(is_type.is_integer(kind) or is_type.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(is_type.is_date(kind) or (is_type.is_timestamp(kind) and kind.tz is None) for kind in kinds):
        return pa.timestamp("us")
    if all(is_type.is_timestamp(kind) and kind.tz is not None for kind in kinds):
        return pa.timestamp("us", tz="UTC")
    if kinds != {pa.string()}:
        _say_mixed(column, name)
    return pa.string()


def _as_type(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa
    from pyarrow import types as is_type

    if values.type == kind:
        return values
    if is_type.is_string(kind) and not is_type.is_null(values.type):
        return pa.chunked_array([pa.array([text_of(value) for value in values.to_pylist()], pa.string())])
    # Nanoseconds are cut to microseconds, which is all the model's dates hold.
    return values.cast(kind, safe=not is_type.is_timestamp(kind))
