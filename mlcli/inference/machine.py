"""A program, ready to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlcli.data.typed import Cell, TypedColumns
from mlcli.inference.nodes import node_machine
from mlcli.inference.program import Constant, Model, Program

_ROWS = 4096
"""Rows run at once: their features stay in a core's cache, and memory bounded whatever comes."""

_TEXT_ROWS = 256
"""The same where there are texts, each of which holds thousands of n-grams."""


class Machine:
    """Runs a program.

    A row has the same outputs alone and among any others, to the last bit.

    Parameters
    ----------
    program : Program
        The operations and their constants.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._node = node_machine(program.node)
        self._at_once = _TEXT_ROWS if any(column.kind == "text" for column in program.columns) else _ROWS

    def let_go(self) -> None:
        """Forget the program's operations: what runs has constants of its own, and a forest's take as much again."""
        nothing = Model(n_features=0, features=(), head=Constant(outputs=np.zeros(self.program.n_outputs)))
        self.program = msgspec.structs.replace(self.program, node=nothing)

    def row(self, cells: Sequence[Cell]) -> list[float]:
        """Return the outputs of one row: exactly what `rows` returns for it.

        Parameters
        ----------
        cells : sequence of Cell
            One typed cell for each of the program's columns.

        Returns
        -------
        list of float
            ``n_outputs`` numbers.
        """
        return self._node.row(cells)

    def rows(self, columns: TypedColumns) -> NDArray[np.float64]:
        """Return the outputs of rows.

        Parameters
        ----------
        columns : TypedColumns
            Typed cells of the program's columns.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
            For regression one value a row, else the probability of each class.
        """
        if columns.n_rows == 0:
            return np.zeros((0, self.program.n_outputs))
        if columns.n_rows <= self._at_once:
            return self._node.rows(columns)
        return np.concatenate([self._node.rows(part) for part in _parts(columns, self._at_once)])


def _parts(columns: TypedColumns, n_rows: int) -> Iterator[TypedColumns]:
    for start in range(0, columns.n_rows, n_rows):
        end = min(start + n_rows, columns.n_rows)
        yield TypedColumns(tuple(cells[start:end] for cells in columns.columns), end - start)
