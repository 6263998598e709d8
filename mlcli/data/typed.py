"""Typed rows as plain columns: what the compiled program reads, without pandas or pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.data.schema import Column

NAT = -(2**63)
"""A missing date among microseconds since 1970, as numpy counts it."""

Cell = float | int | str
"""A typed cell of one row: number and boolean as float (missing NaN, booleans 0 and 1), category as its code,
date as microseconds since 1970-01-01 UTC (missing `NAT`), text as text (missing the empty text)."""


@dataclass(frozen=True)
class TypedColumns:
    """Rows that keep the data contract, column by column, in schema order.

    Parameters
    ----------
    columns : tuple of array
        By kind: number and boolean a contiguous float64 array (missing NaN),
        category an intp array of codes, see `level_codes`, date a contiguous
        int64 array of microseconds since 1970 (missing `NAT`), text a list of
        str (missing the empty text).
    n_rows : int
        Number of rows.
    """

    columns: tuple[Any, ...]
    n_rows: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.n_rows


def level_codes(column: Column) -> dict[str, int]:
    """Return the code of each level of a category column: its position in the schema."""
    return {level: code for code, level in enumerate(column.categories or ())}


def unseen_code(column: Column) -> int:
    """Return the code of every level that training did not see."""
    return len(column.categories or ())


def missing_code(column: Column) -> int:
    """Return the code of a missing cell of a category column."""
    return len(column.categories or ()) + 1


def columns_from_rows(rows: Sequence[Sequence[Cell]], schema_columns: Sequence[Column]) -> TypedColumns:
    """Turn typed rows into typed columns.

    Parameters
    ----------
    rows : sequence of sequence of cell
        One cell for each column, in schema order.
    schema_columns : sequence of Column
        The model's columns.
    """
    import numpy as np

    if not rows:
        cells: list[tuple[Any, ...]] = [() for _ in schema_columns]
    else:
        cells = list(zip(*rows, strict=True))
    columns: list[Any] = []
    for column, values in zip(schema_columns, cells, strict=True):
        match column.kind:
            case "number" | "boolean":
                columns.append(np.array(values, dtype=np.float64))
            case "category":
                columns.append(np.array(values, dtype=np.intp))
            case "date":
                columns.append(np.array(values, dtype=np.int64))
            case "text":
                columns.append(list(values))
    return TypedColumns(tuple(columns), len(rows))
