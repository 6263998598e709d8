"""The header of a text table: separator and column names."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.errors import DataError

if TYPE_CHECKING:
    from mlcli.data.read_bytes import Utf8Stream

logger = logging.getLogger(__name__)

_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 1 << 16
"""Characters that the separator is found in."""

_QUOTED = re.compile(r'(?<![^,;\t|\r\n])"(?:[^"]|"")*"')
"""A quoted cell; a quote inside a cell opens nothing."""


@dataclass(frozen=True)
class Header:
    """What the first record of a text table says.

    Parameters
    ----------
    names : tuple of str
        The columns.
    separator : str
        Character between cells.
    n_lines : int
        Lines of the file that it takes, blank lines before it included.
    """

    names: tuple[str, ...]
    separator: str
    n_lines: int


def read_header(stream: Utf8Stream, *, name: str, separator: str | None) -> Header:
    """Take the header from `stream`; the rows follow.

    Parameters
    ----------
    stream : Utf8Stream
        The file, at its start.
    name : str
        What messages call the file.
    separator : str, optional
        Character between cells; None: found from the first lines.

    Raises
    ------
    DataError
        If there is no header, or two columns have one name.
    """
    text = stream.head.decode("utf-8", "ignore")  # the head may end inside a character
    if not text.strip():
        raise DataError(f"{name} must hold a header and rows. Got an empty file.", hint="Check how it was written.")
    if separator is None:
        separator = find_separator(text, whole=stream.ended)
        level = logging.DEBUG if separator == "," else logging.INFO  # a comma surprises nobody
        logger.log(level, "%s: cells are separated by %r, found from the first lines", name, separator)
    lines = _Taken(text)
    reader = csv.reader(lines, delimiter=separator)
    try:
        cells = next(row for row in reader if row)
    except (csv.Error, StopIteration):
        cells = []
    taken = "".join(lines.taken)
    endless = len(taken) == len(text) and (not stream.ended or taken.count('"') % 2 == 1)
    if not cells or endless:
        raise DataError(
            f"{name} must begin with a line of column names. Got a first line without an end.",
            hint="Is a quote in the first line never closed?",
        )
    stream.skip(len(taken.encode()))
    return Header(names=column_names(cells, name=name), separator=separator, n_lines=len(lines.taken))


def find_separator(text: str, *, whole: bool) -> str:
    """Return the character that separates the cells of the first lines of `text`.

    The one that cuts most lines into as many cells as the first, more cells
    winning a tie; the comma where there is one column.

    Parameters
    ----------
    text : str
        The beginning of a table.
    whole : bool
        Whether `text` is all of it, so that its last line is complete.
    """
    sample = text[:_SAMPLE]
    if "\n" not in sample.strip() and "\r" not in sample.strip():
        sample = text
    lines = [line for line in re.split(r"[\r\n]+", _QUOTED.sub("", sample)) if line]
    if len(lines) > 1 and not (whole and len(sample) == len(text)):
        lines.pop()

    def merit(separator: str) -> tuple[float, int]:
        counts = [line.count(separator) for line in lines]
        return (sum(count == counts[0] for count in counts) / len(counts), counts[0])

    candidates = [separator for separator in _SEPARATORS if lines and separator in lines[0]]
    return max(candidates, key=merit, default=",")


def column_names(cells: Sequence[str], *, name: str) -> tuple[str, ...]:
    """Return the names of the columns, each its own.

    A blank name, as pandas writes above an index, becomes ``Unnamed: N`` with
    N counted from 0, as pandas reads it.

    Raises
    ------
    DataError
        If two columns have one name.
    """
    names = [cell if cell.strip() else f"Unnamed: {index}" for index, cell in enumerate(cells)]
    for index, cell in enumerate(cells):
        if not cell.strip():
            logger.info("%s: column %d has no name, called %r", name, index + 1, names[index])
    require_distinct(names, name=name)
    return tuple(names)


def require_distinct(names: Sequence[str], *, name: str, hint: str = "Rename one of them in the file.") -> None:
    """Check that no two columns have one name.

    Raises
    ------
    DataError
        If two have, naming them with their positions counted from 1.
    """
    twice = [column for column, count in Counter(names).items() if count > 1]
    if twice:
        places = "; ".join(
            f"{column!r} in columns {', '.join(str(i + 1) for i, other in enumerate(names) if other == column)}"
            for column in twice[:5]
        )
        raise DataError(f"{name}: each column must have a name of its own. Got {places}.", hint=hint)


class _Taken:
    """The lines of a text, each with its end, remembering those that were taken."""

    def __init__(self, text: str) -> None:
        self._lines = iter(io.StringIO(text, newline=""))
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line
