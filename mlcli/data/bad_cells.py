"""Cells that break the contract, told to a person by row and column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.data.cells import text_of
from mlcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SHOWN = 10
"""Bad cells that one error lists."""

SHOWN_LENGTH = 60
"""Characters of a cell that a message repeats."""


@dataclass(frozen=True)
class BadCells:
    """The bad cells of one column.

    Parameters
    ----------
    name : str
        The column.
    rule : str
        What its cells must be, such as ``"must be a number"``.
    positions : tuple of int
        The first of them, counted from 0 in the table.
    texts : tuple of str
        What stands there, quoted.
    count : int
        How many there are in all.
    """

    name: str
    rule: str
    positions: tuple[int, ...]
    texts: tuple[str, ...]
    count: int


def quoted(cell: object) -> str:
    """Return a cell's text in quotes, cut where it is long."""
    text = text_of(cell) or ""
    return repr(text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…")


def find_bad_cells(column: pa.ChunkedArray, bad: NDArray[np.bool_], *, name: str, rule: str) -> BadCells:
    """Collect the cells of a column that a mask calls bad."""
    import numpy as np
    import pyarrow.types as pt

    positions = tuple(int(position) for position in np.flatnonzero(bad)[:SHOWN])
    cells = column.take(list(positions))
    if pt.is_timestamp(column.type) or pt.is_date(column.type):
        cells = cells.cast("string")  # a far date has a text, but Python has no such date
    texts = tuple(quoted(cell) for cell in cells.to_pylist())
    return BadCells(name=name, rule=rule, positions=positions, texts=texts, count=int(np.count_nonzero(bad)))


def bad_cells_error(found: Sequence[BadCells], *, source: str, rows: NDArray[np.int64], hint: str) -> DataError:
    """Build the one error that tells of all bad cells, by row and then by column.

    Parameters
    ----------
    found : sequence of BadCells
        The bad cells of each column.
    source : str
        Name of the file, as the message calls it.
    rows : ndarray of shape (n_rows,)
        Number of each row in the file.
    hint : str
        What to try next.
    """
    listed = sorted(
        (position, place, text)
        for place, bad in enumerate(found)
        for position, text in zip(bad.positions, bad.texts, strict=True)
    )[:SHOWN]
    lines = [
        f"{source}: row {rows[position]}, column {found[place].name!r} {found[place].rule}. Got {text}."
        for position, place, text in listed
    ]
    rest = sum(bad.count for bad in found) - len(lines)
    if rest:
        lines.append(f"... and {rest} more")
    return DataError("\n".join(lines), hint=hint)
