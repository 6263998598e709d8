"""What one cell means: the scalar rules that `mlcli.data.arrays` follows column by column.

Imports nothing heavy, so that a single row can be typed without pyarrow or
pandas. A property test holds both to the same answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from mlcli.config.kinds import Kind
from mlcli.data.dates import naive_utc, parse_date
from mlcli.data.schema import Storage

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""Texts that are numbers, in a form that Python's and RE2's regular expressions share."""

BOOLEAN_WORDS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("0", "1"))
"""Pairs of words, lower case, that stand for false and true."""

RULES: dict[Kind, str] = {
    "number": "must be a number",
    "boolean": "must be true or false",
    "date": "must be a date",
    "category": "must be a plain value",
    "text": "must be a text",
}
"""What a cell of each kind must be, as a message says it."""

_BOOLEANS = {word: bool(value) for pair in BOOLEAN_WORDS for value, word in enumerate(pair)}
_NUMBER = re.compile(NUMBER)
_WHOLE = re.compile(r"[+-]?[0-9]+")


class BadCell(ValueError):  # noqa: N818 - names the cell; the error a user sees is DataError
    """A cell is not what its column must hold."""


@dataclass(frozen=True)
class Missing:
    """The texts that mean missing, beside the blank cell.

    Parameters
    ----------
    texts : frozenset of str
        Whole cell texts, stripped.
    numbers : frozenset of float
        Those that are numbers: in a number column ``-999`` is ``-999.0`` too.
    """

    texts: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()

    @classmethod
    def of(cls, missing_values: Iterable[str]) -> Missing:
        """Build the rule that `data.missing_values` states."""
        texts = frozenset(value.strip() for value in missing_values)
        numbers = (parse_number(text) for text in texts)
        return cls(texts=texts, numbers=frozenset(number for number in numbers if number is not None))


def parse_number(text: str) -> float | None:
    """Return the finite number that a stripped text is, or None."""
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def parse_boolean(text: str) -> bool | None:
    """Return the truth value that a stripped text is, or None.

    The words are true/false, yes/no, t/f, y/n in any case, and 1/0.
    """
    value = _BOOLEANS.get(text.lower())
    if value is None and (number := parse_number(text)) in {0.0, 1.0}:
        return bool(number)
    return value


def canonical(text: str) -> str:
    """Return the one text of a number: ``"3"`` for 3, 3.0 and +3; other texts as they are.

    Whole numbers written without a point keep every digit, whatever their size.
    """
    if _WHOLE.fullmatch(text) is not None:
        # Not str(int(text)): int refuses thousands of digits, and a cell may hold anything.
        digits = text.lstrip("+-").lstrip("0") or "0"
        return f"-{digits}" if text[0] == "-" and digits != "0" else digits
    number = parse_number(text)
    return text if number is None else canonical_number(number)


def canonical_number(number: float) -> str:
    """Return the one text of a float: whole ones without a point, else `repr`."""
    if math.isfinite(number) and number == int(number):
        return str(int(number))
    return repr(number)


def text_of(cell: object) -> str | None:
    """Return the text of a cell of any plain type, stripped; None when it is null, NaN or blank.

    Raises
    ------
    BadCell
        If the cell is no plain value (a list, an object).
    """
    match cell:
        case None:
            return None
        case str():
            return cell.strip() or None
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case float():
            return None if math.isnan(cell) else canonical_number(cell)
        case Decimal():
            return None if cell.is_nan() else canonical(str(cell))
        case datetime():
            return str(naive_utc(cell)).removesuffix(" 00:00:00")
        case date() | time():
            return cell.isoformat()
    raise BadCell(RULES["category"])


def _text(cell: object, missing: Missing) -> str | None:
    text = text_of(cell)
    return None if text is None or text in missing.texts else text


def read_number(cell: object, missing: Missing) -> float | None:
    """Return a cell of a number column, None when missing.

    Raises
    ------
    BadCell
        If it is not a finite number.
    """
    text = _text(cell, missing)
    if text is None or text.lower() == "nan":
        return None
    number = parse_number(text)
    if number is None:
        raise BadCell(RULES["number"])
    return None if number in missing.numbers else number


def read_boolean(cell: object, missing: Missing) -> bool | None:
    """Return a cell of a boolean column, None when missing.

    Raises
    ------
    BadCell
        If it is not a truth value.
    """
    text = _text(cell, missing)
    if text is None:
        return None
    value = parse_boolean(text)
    if value is None:
        raise BadCell(RULES["boolean"])
    return value


def read_date(cell: object, missing: Missing, *, form: str | None) -> datetime | None:
    """Return a cell of a date column in UTC without zone, None when missing.

    ISO 8601 is read whatever `form`, a name from `mlcli.data.dates.FORMS`, says.

    Raises
    ------
    BadCell
        If it is not a date.
    """
    text = _text(cell, missing)
    if text is None:
        return None
    if isinstance(cell, datetime):
        return naive_utc(cell)
    value = parse_date(text, form=form)
    if value is None:
        raise BadCell(RULES["date"])
    return value


def level(text: str, missing: Missing, *, storage: Storage) -> str | None:
    """Return the category that a stripped text stands for, None when missing."""
    if text in missing.texts:
        return None
    if storage == "number":
        if text.lower() == "nan" or parse_number(text) in missing.numbers:
            return None
        return canonical(text)
    if storage == "boolean" and text.lower() in {"true", "false"}:
        return text.lower()
    return text


def read_level(cell: object, missing: Missing, *, storage: Storage) -> str | None:
    """Return a cell of a category column as its level, None when missing.

    Raises
    ------
    BadCell
        If it is no plain value.
    """
    text = text_of(cell)
    return None if text is None else level(text, missing, storage=storage)


def read_text(cell: object, missing: Missing) -> str | None:
    """Return a cell of a text column, stripped, None when missing.

    Raises
    ------
    BadCell
        If it is no plain value.
    """
    return _text(cell, missing)
