"""What each cell of a row must be, in the form in which a service asks: quickly, one cell at a time.

The rules are those of `mlcli.data.cells`; here each column gets a function
that answers the usual cell in one step and leaves the others to them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np

from mlcli.data.cells import (
    BOOLEAN_WORDS,
    BadCell,
    Missing,
    parse_number,
    read_boolean,
    read_date,
    read_level,
    read_number,
    read_text,
)
from mlcli.data.row_errors import ABSENT, Findings
from mlcli.data.schema import Column
from mlcli.data.typed import NAT, level_codes, missing_code, unseen_code

ReadCell = Callable[[Any, Findings], Any]
"""Types one raw cell; what is wrong or unusual about it goes to the findings."""

NAN = math.nan
ABSENT_CELL: Any = object()
"""Stands for a cell that a row does not have; null is another thing, a missing value."""

NESTED_CELL: Any = object()
"""Stands for an array or an object in the place of a cell."""

_NONE = type(None)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments of the data contract carry no zone
_EPOCH_DAY = _EPOCH.toordinal()
_DAY = 86_400_000_000
_LONGEST_WHOLE = 300
"""Digits of a level that a JSON number may equal; none longer is finite as a float."""


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """One column, ready to type cells.

    Parameters
    ----------
    column : Column
        What training saw.
    missing : Missing
        Which texts mean missing.
    read : callable
        Types one raw cell of any plain type, see `ReadCell`.
    max_cell : int
        Longest text of a cell, in characters.
    least, greatest : float or int, optional
        The training range of a number, or of a date in microseconds since 1970.
    outside : str
        What a value outside that range must be.
    known : dict
        For a category or a boolean column: typed value of the cells that need no thought.
    quick : frozenset of type
        Types whose cells may be looked up in `known`: those that no other
        meaning equals (True equals 1, and is another level).
    """

    column: Column
    missing: Missing
    read: ReadCell
    max_cell: int
    least: Any = None
    greatest: Any = None
    outside: str = ""
    known: dict[Any, Any] = field(default_factory=dict)
    quick: frozenset[type] = frozenset()


def column_rules(column: Column, missing: Missing, *, max_cell: int) -> ColumnRules:
    """Return the rules of one column.

    Parameters
    ----------
    column : Column
        What training saw.
    missing : Missing
        Which texts mean missing.
    max_cell : int
        Longest text of a cell, in characters.
    """
    match column.kind:
        case "number":
            return _number_rules(column, missing, max_cell)
        case "boolean":
            return _boolean_rules(column, missing, max_cell)
        case "category":
            return _category_rules(column, missing, max_cell)
        case "date":
            return _date_rules(column, missing, max_cell)
        case "text":
            return ColumnRules(column, missing, _text_reader(column, missing, max_cell), max_cell)


def plain_cell(cell: Any, max_cell: int) -> Any:
    """Return a raw cell as a plain Python value: bytes as text, a scalar of numpy as Python's.

    Raises
    ------
    BadCell
        If it is absent, a text of more than `max_cell` characters, or bytes that are no UTF-8.
    """
    if cell is ABSENT_CELL:
        raise BadCell(ABSENT)
    if isinstance(cell, bytes):
        try:
            cell = cell.decode()
        except UnicodeDecodeError:
            raise BadCell("must be text in UTF-8") from None
    elif isinstance(cell, np.generic):
        cell = cell.astype("datetime64[us]").item() if isinstance(cell, np.datetime64) else cell.item()
    if isinstance(cell, str) and len(cell) > max_cell:
        raise BadCell(f"must have at most {max_cell} characters")
    if isinstance(cell, int) and cell.bit_length() > 14_000:
        # Python refuses to write so many digits, and no number column could hold them.
        raise BadCell("must have fewer digits")
    return cell


def _number_rules(column: Column, missing: Missing, max_cell: int) -> ColumnRules:
    name = column.name
    least = column.number.minimum if column.number else -math.inf
    greatest = column.number.maximum if column.number else math.inf
    quick_least, quick_greatest = quick_range(column, missing)
    isfinite, gone = math.isfinite, missing.numbers
    outside = f"must be from {least:g} to {greatest:g}, as in training"

    def read(cell: Any, findings: Findings) -> float:
        if cell.__class__ is float and quick_least <= cell <= quick_greatest:
            return cell
        if cell is None:
            return NAN
        try:
            if cell.__class__ is float and isfinite(cell):
                number = None if cell in gone else cell
            else:
                number = read_number(plain_cell(cell, max_cell), missing)
        except BadCell as error:
            findings.refuse(name, str(error))
            return NAN
        if number is None:
            return NAN
        if not least <= number <= greatest:
            findings.outside(name, outside)
        return number

    return ColumnRules(column, missing, read, max_cell, least, greatest, outside)


def quick_range(column: Column, missing: Missing) -> tuple[float, float]:
    """Return the range in which a float needs no further look; an empty one where some numbers mean missing."""
    if missing.numbers:
        return math.inf, -math.inf
    greatest = sys.float_info.max  # of the infinities, which are bad cells, every range is free
    return (column.number.minimum, column.number.maximum) if column.number else (-greatest, greatest)


def _boolean_rules(column: Column, missing: Missing, max_cell: int) -> ColumnRules:
    name = column.name

    def truth(cell: Any) -> float:
        value = read_boolean(cell, missing)
        return NAN if value is None else float(value)

    known: dict[Any, float] = {None: NAN, "": NAN}
    known |= {text: truth(text) for pair in BOOLEAN_WORDS for word in pair for text in (word, word.capitalize())}
    quick: set[type] = {str, _NONE}
    # One key answers for True, 1 and 1.0, which a missing value "1" tells apart.
    if all(truth(value) == float(value) for value in (False, True, 0, 1)):
        known |= {False: 0.0, True: 1.0}
        quick |= {bool, int, float}
    get = known.get

    def read(cell: Any, findings: Findings) -> float:
        if cell.__class__ in quick and (value := get(cell)) is not None:
            return value
        try:
            return truth(plain_cell(cell, max_cell))
        except BadCell as error:
            findings.refuse(name, str(error))
            return NAN

    return ColumnRules(column, missing, read, max_cell, known=known, quick=frozenset(quick))


def _category_rules(column: Column, missing: Missing, max_cell: int) -> ColumnRules:
    name, storage = column.name, column.storage
    codes, unseen, gone = level_codes(column), unseen_code(column), missing_code(column)
    known, quick = _known_levels(column, missing), _quick_types(column)
    get = known.get
    counted = column.categories is not None

    def read(cell: Any, findings: Findings) -> int:
        if cell.__class__ in quick and (code := get(cell)) is not None:
            return code
        try:
            level = read_level(plain_cell(cell, max_cell), missing, storage=storage)
        except BadCell as error:
            findings.refuse(name, str(error))
            return gone
        if level is None:
            return gone
        found = codes.get(level)
        if found is not None:
            return found
        if counted:
            findings.unknown(name)
        return unseen

    return ColumnRules(column, missing, read, max_cell, known=known, quick=quick)


def _quick_types(column: Column) -> frozenset[type]:
    """Return the types of cells whose equals are all one level."""
    types: list[type] = [str, _NONE]
    if column.storage == "number":
        types += [int, float]
    if column.storage == "boolean":
        types.append(bool)
    return frozenset(types)


def _known_levels(column: Column, missing: Missing) -> dict[Any, int]:
    codes, unseen, gone = level_codes(column), unseen_code(column), missing_code(column)
    known: dict[Any, int] = dict.fromkeys((None, "", *missing.texts), gone)
    for text in codes:
        level = read_level(text, missing, storage=column.storage)
        known[text] = gone if level is None else codes.get(level, unseen)
    if column.storage == "number":
        known |= {number: codes[text] for text in codes if (number := _number_of(text, missing)) is not None}
    if column.storage == "boolean":
        known |= {value: known[text] for value, text in ((False, "false"), (True, "true")) if text in known}
    return {cell: code for cell, code in known.items() if code != unseen}


def _number_of(text: str, missing: Missing) -> int | float | None:
    """Return the JSON number that means a level; None where there is none."""
    if read_level(text, missing, storage="number") != text or len(text) > _LONGEST_WHOLE:
        return None
    number = parse_number(text)
    return int(text) if number is not None and text.lstrip("-").isdecimal() else number


def _date_rules(column: Column, missing: Missing, max_cell: int) -> ColumnRules:
    name = column.name
    form = column.date.format if column.date else None
    least, greatest = NAT + 1, 2**63 - 1
    outside = ""
    if column.date is not None:
        least, greatest = (_microseconds_of(text) for text in (column.date.minimum, column.date.maximum))
        outside = f"must be from {column.date.minimum} to {column.date.maximum}, as in training"

    def read(cell: Any, findings: Findings) -> int:
        if cell is None:
            return NAT
        moment = None if missing.texts or cell.__class__ is not str else iso_microseconds(cell)
        if moment is None:
            try:
                value = read_date(plain_cell(cell, max_cell), missing, form=form)
            except BadCell as error:
                findings.refuse(name, str(error))
                return NAT
            if value is None:
                return NAT
            moment = microseconds(value)
        if not least <= moment <= greatest:
            findings.outside(name, outside)
        return moment

    return ColumnRules(column, missing, read, max_cell, least, greatest, outside)


def microseconds(moment: datetime) -> int:
    """Return the microseconds from 1970 to a moment without zone."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _microseconds_of(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


def iso_microseconds(text: str) -> int | None:
    """Read the two usual forms of ISO 8601, ``2024-01-31`` and ``2024-01-31T12:00:00``; None for any other text."""
    if text[4:5] != "-" or text[7:8] != "-" or not text.isascii():
        return None
    try:
        if len(text) == 10:
            return (date.fromisoformat(text).toordinal() - _EPOCH_DAY) * _DAY
        # Newer Pythons read 24:00 as midnight, which the data contract does not.
        if len(text) == 19 and text[10] in "T " and text[13] == ":" == text[16] and text[11:13] != "24":
            return microseconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    return None


def _text_reader(column: Column, missing: Missing, max_cell: int) -> ReadCell:
    name, named = column.name, missing.texts

    def read(cell: Any, findings: Findings) -> str:
        if cell.__class__ is str and len(cell) <= max_cell:
            text: str = cell.strip()
            return "" if text in named else text
        try:
            return read_text(plain_cell(cell, max_cell), missing) or ""
        except BadCell as error:
            findings.refuse(name, str(error))
            return ""

    return read
