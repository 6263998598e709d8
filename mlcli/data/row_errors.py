"""What may be wrong with the rows of a request, told without repeating any of their cells."""

from __future__ import annotations

from typing import Literal, NamedTuple

from mlcli.errors import DataError

LISTED = 1000
"""Bad cells that one error lists."""

SHOWN = 5
"""Bad cells that its message names."""

Policy = Literal["warn", "error"]
"""What an unseen category or a value outside the training range is."""

ABSENT = "is missing"
UNKNOWN = "must be a category that the model was trained on"


class BadCellPlace(NamedTuple):
    """Where a cell is not what it must be.

    Parameters
    ----------
    row : int
        Number of the row, from 1.
    column : str
        Name of the column.
    rule : str
        What the cell must be, such as ``"must be a number"``.
    """

    row: int
    column: str
    rule: str


class RowsRefused(DataError):  # noqa: N818 - says what befell the rows, as MalformedRows and TooManyRows do
    """Rows that break the data contract.

    Parameters
    ----------
    cells : sequence of BadCellPlace
        The bad cells, at most 1,000.
    n_bad : int
        How many there are in all.
    """

    def __init__(self, cells: tuple[BadCellPlace, ...], n_bad: int) -> None:
        named = "; ".join(f"row {cell.row}, column {cell.column!r} {cell.rule}" for cell in cells[:SHOWN])
        more = f"; and {n_bad - SHOWN} more" if n_bad > SHOWN else ""
        super().__init__(
            f"Every cell must keep the model's data contract. Bad: {named}{more}.",
            hint="Correct these cells; a missing value is null or a blank text.",
        )
        self.cells = cells
        self.n_bad = n_bad


class MalformedRows(DataError):  # noqa: N818 - likewise
    """A body that holds no rows which could be judged."""


class TooManyRows(DataError):  # noqa: N818 - likewise
    """More rows than one request may have.

    Parameters
    ----------
    max_rows : int
        The most that one may have.
    """

    def __init__(self, max_rows: int) -> None:
        super().__init__(
            f"A request must have at most {max_rows} rows. Got more.", hint="Send the rows in several requests."
        )
        self.max_rows = max_rows


class Findings:
    """What is bad or unusual in the rows of one request.

    Parameters
    ----------
    unseen, out_of_range : {"warn", "error"}
        What an unseen category, and a value outside the training range, is:
        counted, or counted and refused.
    """

    __slots__ = ("_outside_is_bad", "_unseen_is_bad", "cells", "n_bad", "out_of_range", "row", "unseen")

    def __init__(self, unseen: Policy, out_of_range: Policy) -> None:
        self._unseen_is_bad = unseen == "error"
        self._outside_is_bad = out_of_range == "error"
        self.row = 1
        self.cells: list[BadCellPlace] = []
        self.n_bad = 0
        self.unseen: dict[str, int] = {}
        self.out_of_range: dict[str, int] = {}

    def refuse(self, column: str, rule: str) -> None:
        """Note a bad cell of the present row."""
        self.n_bad += 1
        if len(self.cells) < LISTED:
            self.cells.append(BadCellPlace(self.row, column, rule))

    def unknown(self, column: str) -> None:
        """Note a category that training did not see."""
        self.unseen[column] = self.unseen.get(column, 0) + 1
        if self._unseen_is_bad:
            self.refuse(column, UNKNOWN)

    def outside(self, column: str, rule: str) -> None:
        """Note a value outside the training range."""
        self.out_of_range[column] = self.out_of_range.get(column, 0) + 1
        if self._outside_is_bad:
            self.refuse(column, rule)

    def check(self) -> None:
        """Refuse the rows if any cell is bad.

        Raises
        ------
        RowsRefused
            If there is a bad cell.
        """
        if self.n_bad:
            raise RowsRefused(tuple(sorted(self.cells, key=lambda cell: cell.row)), self.n_bad)
