"""JSON Lines, and JSON files that hold one array of objects."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlcli.data.columns import nested, stack, table_from_values
from mlcli.data.read_bytes import Part, Utf8Stream, arrow_file, open_text
from mlcli.data.source import Source
from mlcli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_BLOCK = 16 << 20
"""Bytes of lines that are parsed at a time."""


def read_jsonl(part: Part, source: Source, *, whole: bool) -> Iterator[pa.Table]:
    """Read one JSON object a line; a key that a line lacks is missing there.

    Parameters
    ----------
    part : Part
        The file.
    source : Source
        Its encoding.
    whole : bool
        Whether all tables end up in memory anyway. If not, a file of several
        blocks is read once before for its keys, so that each table has all
        columns; standard input cannot be, and has the keys seen so far.

    Yields
    ------
    Table
        The rows in order. Texts stay texts, also those that look like dates.

    Raises
    ------
    DataError
        If a line is no object of plain values, naming the line.
    """
    names: dict[str, None] = {}
    if whole:
        tables = list(_tables(part, source))
        names.update(dict.fromkeys(name for table in tables for name in table.column_names))
        yield stack([_with_columns(table, list(names)) for table in tables], name=part.name)
        return
    if part.path is not None and part.reopens and part.path.stat().st_size > _BLOCK // 8:
        for table in _tables(part, source):
            names.update(dict.fromkeys(table.column_names))
    for table in _tables(part, source):
        names.update(dict.fromkeys(table.column_names))
        yield _with_columns(table, list(names))


def _with_columns(table: pa.Table, names: list[str]) -> pa.Table:
    """Return `table` with the columns `names` in that order, null where it has none."""
    import pyarrow as pa

    known = set(table.column_names)
    return pa.table({name: table.column(name) if name in known else pa.nulls(len(table)) for name in names})


def _tables(part: Part, source: Source) -> Iterator[pa.Table]:
    with open_text(part, encoding=source.encoding) as stream:
        head = stream.head.lstrip()
        if not head and stream.ended:
            raise DataError(
                f"{part.name} must hold one JSON object a line. Got an empty file.", hint="Check how it was written."
            )
        if head.startswith(b"["):
            yield _array_table(stream.read(), part.name)
            return
        texts: dict[str, None] = {}
        line = 1
        for block in _blocks(stream):
            if block.strip():
                yield _block_table(block, texts, first_line=line, name=part.name)
            line += block.count(b"\n")


def _blocks(stream: Utf8Stream) -> Iterator[bytes]:
    """Yield runs of whole lines."""
    rest = b""
    while data := stream.read(_BLOCK):
        rest += data
        end = rest.rfind(b"\n") + 1
        if end and len(rest) >= _BLOCK // 2:
            yield rest[:end]
            rest = rest[end:]
    yield rest


def _block_table(block: bytes, texts: dict[str, None], *, first_line: int, name: str) -> pa.Table:
    """Parse whole lines, by Arrow where all of a column is of one type.

    `texts` gathers the columns whose texts Arrow would take for moments: JSON has no dates, and the text is
    what every other format would give.
    """
    import pyarrow as pa
    from pyarrow import json as arrow_json
    from pyarrow import types as is_type

    def parse() -> pa.Table:
        explicit = pa.schema([(column, pa.string()) for column in texts])
        options = arrow_json.ParseOptions(explicit_schema=explicit)
        return arrow_json.read_json(arrow_file(block), parse_options=options)

    try:
        table = parse()
        moments = [field.name for field in table.schema if is_type.is_timestamp(field.type)]
        if moments:
            texts.update(dict.fromkeys(moments))
            table = parse().select(table.column_names)  # Arrow would put the explicit columns first
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return _lines_table(block, first_line=first_line, name=name)
    if any(is_type.is_nested(field.type) for field in table.schema):
        return _lines_table(block, first_line=first_line, name=name)
    # Objects without any key leave no column, and their rows with it.
    return table if table.num_columns else _lines_table(block, first_line=first_line, name=name)


def _lines_table(block: bytes, *, first_line: int, name: str) -> pa.Table:
    """Parse line by line: for columns of several types, and to say which line is wrong."""
    rows: list[dict[str, Any]] = []
    for line, text in enumerate(block.split(b"\n"), start=first_line):
        if text.strip():
            rows.append(_object(text, line=line, name=name))
    return _rows_table(rows, name=name)


def _object(text: bytes, *, line: int, name: str) -> dict[str, Any]:
    try:
        row = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise _bad_line(line, f"{error.msg} at character {error.colno}", name) from None
    except RecursionError:
        raise _bad_line(line, "brackets nested too deep", name) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise _bad_line(line, str(error).partition(";")[0], name) from None
    if not isinstance(row, _Pairs):
        raise _bad_line(line, f"a JSON {type(row).__name__}", name)
    return _plain_object(row, place=f" in line {line}", name=name)


def _plain_object(row: _Pairs, *, place: str, name: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in row:
        if key in values:
            raise DataError(
                f"{name}: each key of an object must stand once. Got {key!r} twice{place}.", hint="Rename one of them."
            )
        if isinstance(value, list):
            kind = "an object" if isinstance(value, _Pairs) else "a list"
            raise nested(key, kind=kind, name=name, place=place)
        values[key] = value
    return values


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of one JSON object, repeated keys included."""


def _constant(text: str) -> float | None:
    # NaN is no JSON, but Python writes it for a missing number.
    return None if text == "NaN" else float(text)


def _bad_line(line: int, got: str, name: str) -> DataError:
    return DataError(
        f"{name}: line {line} must be one JSON object. Got {got}.", hint="Write one object a line: JSON Lines."
    )


def _array_table(data: bytes, name: str) -> pa.Table:
    """Read a file that is one array of objects."""
    try:
        rows = json.loads(data, object_pairs_hook=_Pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{name} must hold one JSON object a line, or one array of objects. "
            f"Got {error.msg} in line {error.lineno}, character {error.colno}.",
            hint="Write one object a line: JSON Lines.",
        ) from None
    except RecursionError:
        raise _bad_line(1, "brackets nested too deep", name) from None
    except ValueError as error:
        raise _bad_line(1, str(error).partition(";")[0], name) from None
    objects: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, _Pairs):
            raise DataError(
                f"{name}: element {number} of the array must be an object. Got a JSON {type(row).__name__}.",
                hint="Write one object a row: an array of objects, or JSON Lines.",
            )
        objects.append(_plain_object(row, place=f" in element {number}", name=name))
    return _rows_table(objects, name=name)


def _rows_table(rows: list[dict[str, Any]], *, name: str) -> pa.Table:
    names = dict.fromkeys(key for row in rows for key in row)
    if rows and not names:
        raise DataError(f"{name} must hold named values. Got empty objects.", hint="Check how it was written.")
    return table_from_values({column: [row.get(column) for row in rows] for column in names}, name=name)
