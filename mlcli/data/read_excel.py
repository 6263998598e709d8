"""Excel and OpenDocument workbooks (extra ``excel``)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from mlcli.data.cells import text_of
from mlcli.data.columns import table_from_values
from mlcli.data.read_bytes import Part, looks_like
from mlcli.data.read_header import column_names
from mlcli.data.source import Source
from mlcli.errors import DataError, MissingExtraError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from python_calamine import CalamineWorkbook

Cell = bool | int | float | str | time | date | datetime | timedelta


def read_excel(part: Part, source: Source, *, whole: bool) -> Iterator[pa.Table]:  # noqa: ARG001 -- every reader is called alike
    """Read one sheet of a workbook. It is read at once: the format allows no other way.

    The header is the first row that is not empty; empty rows and columns are
    left out, and a cell with an error (``#N/A``) is missing.

    Parameters
    ----------
    part : Part
        The file.
    source : Source
        Its sheet.
    whole : bool
        Makes no difference here.

    Yields
    ------
    Table
        The rows, typed as the cells are; a column of several types as text.

    Raises
    ------
    DataError
        If the file is no workbook, or has no such sheet.
    MissingExtraError
        If the extra is not installed.
    """
    # Compared with the blank text, not by truth: 0 and False are cells.
    rows = [row for row in _cells(part, source.sheet) if any(cell != "" for cell in row)]
    if not rows:
        raise DataError(
            f"{part.name} must hold a header and rows. Got an empty sheet.", hint="Name another with data.sheet."
        )
    width = max(len(row) for row in rows)
    columns = [[row[index] if index < len(row) else "" for row in rows] for index in range(width)]
    kept = [column for column in columns if any(cell != "" for cell in column)]
    names = column_names([_header_text(column[0]) for column in kept], name=part.name)
    yield table_from_values(
        {name: _values(column[1:]) for name, column in zip(names, kept, strict=True)}, name=part.name
    )


def _header_text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else text_of(cell) or ""


def _values(cells: Sequence[Cell]) -> list[Any]:
    """Return the values of a column: blanks as None, whole numbers as int.

    Excel knows one type of number; a column of whole ones is a column of int.
    """
    values = [None if cell == "" else cell for cell in cells]
    numbers = [value for value in values if isinstance(value, float)]
    if all(number.is_integer() and abs(number) < 2**53 for number in numbers):
        return [int(value) if isinstance(value, float) else value for value in values]
    return values


def _cells(part: Part, sheet: str | None) -> list[list[Cell]]:
    try:
        import python_calamine as calamine
    except ImportError:
        raise MissingExtraError(f"reading {part.name}", extra="excel") from None

    with part.open() as raw:
        data = raw.read()
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            raise _no_sheet(part.name, sheet, names)
        found = _first(workbook) if sheet is None else sheet
        return workbook.get_sheet_by_name(found).to_python(skip_empty_area=True) if found is not None else []
    except calamine.PasswordError:
        raise DataError(f"{part.name} must be open to read. Got a password.", hint="Save it without one.") from None
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError, OSError) as error:
        what = looks_like(data)
        got = f"what seems to be {what}" if what and "Excel" not in what else f"a damaged or other file ({error})"
        raise DataError(
            f"{part.name} must be an Excel workbook (.xlsx, .xls, .ods). Got {got}.",
            hint="Save it again, or set data.format.",
        ) from error


def _first(workbook: CalamineWorkbook) -> str | None:
    return next(iter(workbook.sheet_names), None)


def _no_sheet(name: str, sheet: str, sheets: list[str]) -> DataError:
    near = did_you_mean(sheet, sheets)
    return DataError(
        f"{name}: data.sheet must name one of its sheets. Got {sheet!r}; it has {', '.join(map(repr, sheets))}.",
        hint=f"Did you mean {near!r}?" if near else "Leave data.sheet out to read the first.",
    )
