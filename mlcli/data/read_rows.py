"""Text tables cut into blocks of whole rows, quoted line ends respected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.read_bytes import Utf8Stream, n_line_ends
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_ROW = 256 << 20
"""Bytes of a row at most: what is longer is a quote that was never closed."""

_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'


@dataclass(frozen=True)
class Block:
    """Some whole rows of a file.

    Parameters
    ----------
    data : bytes
        The rows as UTF-8.
    first_line : int
        Number of the file's line that they begin with, counted from 1.
    """

    data: bytes
    first_line: int


@dataclass(frozen=True)
class _Cut:
    end: int  # where the last whole row ends, 0 when none does
    open_quote: int | None  # where a quoted cell begins that does not end


def row_blocks(stream: Utf8Stream, *, name: str, separator: str, first_line: int, size: int) -> Iterator[Block]:
    """Cut the rest of a text table into blocks of about `size` bytes.

    Parameters
    ----------
    stream : Utf8Stream
        The file, after its header.
    name : str
        What messages call the file.
    separator : str
        Character between cells.
    first_line : int
        Number of the next line, counted from 1.
    size : int
        Bytes to read at a time; a block grows until it holds a whole row.

    Yields
    ------
    Block
        The rows in order; together they are the rest of the file.

    Raises
    ------
    DataError
        If a quoted cell does not end, naming the line where it begins.
    """
    rest = b""
    line = first_line
    while True:
        # Twice what is held, so that a long row is not looked through again and again.
        data = stream.read(max(size, len(rest)))
        rest += data
        cut = _last_row_end(rest, separator.encode())
        if not data or (cut.end == 0 and len(rest) > LONGEST_ROW):
            break
        if cut.end:
            yield Block(rest[: cut.end], line)
            line += n_line_ends(rest[: cut.end])
            rest = rest[cut.end :]
    if cut.open_quote is not None:
        raise DataError(
            f"{name}: every quoted cell must end with a quote. Got one without an end, "
            f"which begins in line {line + n_line_ends(rest[: cut.open_quote])}.",
            hint="Close the quote; a quote inside a quoted cell is written twice.",
        )
    if len(rest) > LONGEST_ROW:
        raise DataError(
            f"{name}: a row must be shorter than {LONGEST_ROW >> 20} MB. Got a longer one in line {line}.",
            hint="Is it a text file with line ends?",
        )
    if rest:
        yield Block(rest, line)


def _last_row_end(data: bytes, separator: bytes) -> _Cut:
    """Find the last line end of `data` that no quoted cell holds. `data` begins with a row."""
    if b'"' not in data:
        end = data.rfind(b"\n") + 1
        # A return at the very end may be half of a line end.
        return _Cut(end or data.rfind(b"\r", 0, len(data) - 1) + 1, None)
    import numpy as np

    codes = np.frombuffer(data, dtype=np.uint8)
    starts, ends = _quoted_cells(codes, data, separator)
    open_quote = int(starts[-1]) if len(starts) > len(ends) else None
    for line_end in (b"\n", b"\r"):
        limit = len(data) - (line_end == b"\r") if open_quote is None else open_quote
        while (place := data.rfind(line_end, 0, limit)) >= 0:
            cell = int(np.searchsorted(starts, place)) - 1
            if cell < 0 or cell >= len(ends) or ends[cell] < place:
                return _Cut(place + 1, open_quote)
            limit = int(starts[cell])
    return _Cut(0, open_quote)


def _quoted_cells(codes: NDArray[np.uint8], data: bytes, separator: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where quoted cells begin and end; a last one that does not end has no end.

    In most files every quote opens, closes or is doubled. Then they take turns: the first opens, the second
    closes, and a doubled one closes and opens again at once. That holds when each that opens stands where a cell
    begins, or right behind the one that closed; else some quote is a plain character (5" disk), and cells are
    followed one by one.
    """
    import numpy as np

    quotes = np.flatnonzero(codes == _QUOTE)
    opening = quotes[::2]
    before = codes[opening - 1]  # for a quote at 0 the last byte, which is put right here
    at_start = np.isin(before, [separator[0], _LINE_FEED, _RETURN]) | (opening == 0)
    again = np.zeros(len(opening), dtype=bool)
    again[1:] = opening[1:] - quotes[1::2][: len(opening) - 1] == 1
    if (at_start | again).all():
        begins = ~again
        closing = quotes[1::2]
        # A cell ends with the quote that no other follows at once.
        closes = np.ones(len(closing), dtype=bool)
        closes[: len(opening) - 1] = begins[1 : len(closing) + 1]
        return opening[begins], closing[closes]
    pattern = re.compile(rb"(?:\A|(?<=[\r\n" + re.escape(separator) + rb']))"[^"]*(?:""[^"]*)*(?P<end>"|\Z)')
    found = [(match.start(), match.end() - 1, bool(match["end"])) for match in pattern.finditer(data)]
    return (
        np.array([start for start, _, _ in found], dtype=np.intp),
        np.array([end for _, end, closed in found if closed], dtype=np.intp),
    )
