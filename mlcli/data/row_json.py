"""The JSON body of a prediction request: typed at once, or, where that fails, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Union, cast

import msgspec
import numpy as np

from mlcli.data.row_errors import MalformedRows, TooManyRows
from mlcli.data.row_rules import ABSENT_CELL, NESTED_CELL, ColumnRules

_HINT = 'Send {"rows": [{...}]}, {"features": [[...]]}, or one row as an object.'
_ENVELOPE = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(rows|features)"[ \t\r\n]*:[ \t\r\n]*\[')
_OPENED = 8
"""Objects or arrays in a body for each row that it may have: room for what is not a row."""

_STRAY = 10_000
"""Cells of a row that no column asks for, on average: they are skipped, and a million of them take too long to skip."""

_LONG = 2**16
"""Bytes from which a body may hold as many."""

_PIECE = 2**18
"""Bytes of a body that are counted at a time."""

_ODD_NAME = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
"""What msgspec does not look for in the names of fields."""

_astuple = msgspec.structs.astuple
_asdict = msgspec.structs.asdict
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
# A field that may be missing, whose text is left as it is. What a struct does not name is skipped: an object of a
# million other keys costs no memory and a tenth of the time.
_RAW_FIELD = (msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)
_raw_parts = msgspec.json.Decoder(
    msgspec.defstruct("Parts", [("rows", *_RAW_FIELD), ("features", *_RAW_FIELD)], gc=False)
).decode
_plain = msgspec.json.Decoder(str | int | float | bool | None).decode


class RawBody(NamedTuple):
    """A body whose rows are still text.

    Parameters
    ----------
    records : list of mapping, or None
        Rows that name their cells.
    features : list of sequence, or None
        Rows whose cells stand in training column order.
    """

    records: list[msgspec.Raw] | None
    features: list[msgspec.Raw] | None


class TypedBody:
    """Decodes a body whose every cell has the usual type of its column.

    Parameters
    ----------
    rules : sequence of ColumnRules
        The model's columns.
    max_cell : int
        Longest text of a cell, in characters.
    """

    def __init__(self, rules: Sequence[ColumnRules], *, max_cell: int) -> None:
        types = [_json_type(column, max_cell) for column in rules]
        names = {f"c{i}": column.column.name for i, column in enumerate(rules)}
        self._one = self._records = self._raw = None
        self._names = tuple(names.values())
        if not any(_ODD_NAME.search(name) for name in names.values()):
            row = msgspec.defstruct("Row", list(zip(names, types, strict=True)), rename=names, gc=False)
            self._one = msgspec.json.Decoder(row).decode
            self._records = msgspec.json.Decoder(_envelope("rows", row, other="features")).decode
            raw = msgspec.defstruct("RawRow", [(name, *_RAW_FIELD) for name in names], rename=names, gc=False)
            self._raw = msgspec.json.Decoder(raw).decode
        cells = tuple.__class_getitem__(tuple(types))
        self._features = msgspec.json.Decoder(_envelope("features", cells, other="rows")).decode

    def rows(self, body: bytes) -> list[tuple[Any, ...]] | None:
        """Return the cells of each row; None where `raw_body` must look closer.

        Raises
        ------
        msgspec.DecodeError, RecursionError
            Likewise.
        """
        envelope = _ENVELOPE.match(body)
        if envelope is None:
            return None if self._one is None else [_astuple(self._one(body))]
        if envelope[1] == b"features":
            found = self._features(body)
            return None if found.other is not msgspec.UNSET else cast("list[tuple[Any, ...]]", found.rows)
        if self._records is None:
            return None
        found = self._records(body)
        return None if found.other is not msgspec.UNSET else list(map(_astuple, found.rows))

    def raw_record(self, raw: msgspec.Raw, *, row: int) -> list[Any]:
        """Return the plain cells of a row that names them, in the order of the columns.

        Raises
        ------
        MalformedRows
            If it is no object.
        """
        try:
            found = self._raw_cells(raw)
        except msgspec.ValidationError:
            raise MalformedRows(f"Row {row} must be an object of column names and cells.", hint=_HINT) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedRows(f"Row {row} must be JSON. {_reason(error)}", hint=_HINT) from None
        return [ABSENT_CELL if cell is msgspec.UNSET else raw_cell(cell, row=row) for cell in found]

    def _raw_cells(self, raw: msgspec.Raw) -> Sequence[Any]:
        if self._raw is not None:
            return _astuple(self._raw(raw))
        cells = _raw_object(raw)
        return [cells.get(name, msgspec.UNSET) for name in self._names]


def _envelope(key: str, row: Any, *, other: str) -> type[Any]:
    """Return the type of an object that holds rows under one key and must not under another."""
    return msgspec.defstruct(
        "Body",
        [("rows", list[row]), ("other", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET)],
        rename={"rows": key, "other": other},
        gc=False,
    )


def _json_type(rules: ColumnRules, max_cell: int) -> Any:
    text = Annotated[str, msgspec.Meta(max_length=max_cell)]
    match rules.column.kind:
        case "number":
            return float | None
        case "date" | "text":
            return Union[text, None]  # noqa: UP007 - Annotated knows no |
    others = sorted(rules.quick - {str}, key=lambda kind: kind.__name__)
    return Union[text, *others]


def check_text(body: bytes) -> None:
    """Check that a body is UTF-8, as JSON must be.

    Raises
    ------
    MalformedRows
        If it is not, naming the byte.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedRows(f"The body must be JSON in UTF-8. Got another byte at offset {error.start}.") from None


def check_size(body: bytes, *, max_rows: int, n_columns: int) -> None:
    """Refuse a body of very many rows, or of very wide ones, before they take any memory.

    Parameters
    ----------
    body : bytes
        JSON.
    max_rows : int
        Most rows that it may have.
    n_columns : int
        Columns of the model.

    Raises
    ------
    TooManyRows
        If it has far more objects or arrays than `max_rows` rows need.
    MalformedRows
        If its rows have thousands of cells that no column asks for.
    """
    most = _OPENED * (max_rows + 1)
    if len(body) <= min(most, _LONG):
        return
    opened = _count(body, b"{") + _count(body, b"[")
    # Texts may hold brackets and commas too: to tell them apart is left for last.
    if opened > most and _count_outside(body, b"{[") > most:
        raise TooManyRows(max_rows)
    cells = opened * (n_columns + _STRAY)
    if len(body) > cells and _count(body, b",") > cells and _count_outside(body, b",") > cells:
        raise MalformedRows(f"A row must have at most {_STRAY:,} cells that are no column of the model.", hint=_HINT)


def _count(body: bytes, mark: bytes) -> int:
    """Count a character, a piece at a time: between pieces another thread may go on."""
    return sum(body.count(mark, start, start + _PIECE) for start in range(0, len(body), _PIECE))


def _count_outside(body: bytes, marks: bytes) -> int:
    """Count some characters outside of texts, in one pass and little memory."""
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    count, in_text = 0, False
    for start in range(0, len(bare), _PIECE):
        piece = np.frombuffer(bare, dtype=np.uint8, count=min(_PIECE, len(bare) - start), offset=start)
        quoted = np.logical_xor.accumulate(piece == ord('"')) ^ in_text
        found = np.logical_or.reduce([piece == mark for mark in marks])
        count += int(np.count_nonzero(found & ~quoted))
        in_text = bool(quoted[-1])
    return count


def raw_body(body: bytes, *, columns: Sequence[str]) -> RawBody:
    """Take a body apart into the texts of its rows.

    Raises
    ------
    MalformedRows
        If it is no JSON, or none of the three shapes.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    try:
        parts = {key: text for key, text in _asdict(_raw_parts(body)).items() if text is not msgspec.UNSET}
        lists = {key: text for key, text in parts.items() if bytes(memoryview(text)[:1]) == b"["}
        if len(lists) == 2:
            raise MalformedRows('The body must have one of "rows" and "features". Got both.', hint=_HINT)
        if "rows" in lists:
            return RawBody(_raw_list(lists["rows"]), None)
        if "features" in lists:
            return RawBody(None, _raw_list(lists["features"]))
    except RecursionError:
        raise MalformedRows("The body must not be nested so deeply.", hint=_HINT) from None
    except msgspec.ValidationError:
        raise MalformedRows("The body must be a JSON object.", hint=_HINT) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRows(f"The body must be JSON. {_reason(error)}", hint=_HINT) from None
    for key in ("rows", "features"):
        if key in parts and key not in columns:
            raise MalformedRows(f'"{key}" must be an array of rows.', hint=_HINT)
    return RawBody([msgspec.Raw(body)], None)


def _reason(error: Exception) -> str:
    """Return what msgspec says of malformed JSON, which repeats none of it."""
    if isinstance(error, msgspec.DecodeError):
        return f"{str(error).removeprefix('JSON is malformed: ').capitalize()}."
    return "A text in it is not UTF-8."


def raw_features(raw: msgspec.Raw, *, row: int) -> list[Any]:
    """Return the cells of a row in training column order.

    Raises
    ------
    MalformedRows
        If it is no array.
    """
    try:
        cells = _raw_list(raw)
    except msgspec.ValidationError:
        raise MalformedRows(f"Row {row} must be an array of cells.", hint=_HINT) from None
    return [raw_cell(cell, row=row) for cell in cells]


def raw_cell(raw: msgspec.Raw, *, row: int) -> Any:
    """Return a cell as a plain value; a number that Python does not hold as its text.

    Raises
    ------
    MalformedRows
        If it holds an impossible character.
    """
    try:
        return _plain(raw)
    except msgspec.ValidationError:
        text = bytes(raw)
        return NESTED_CELL if text[:1] in b"[{" else text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRows(f"Row {row} must hold JSON texts. {_reason(error)}") from None
