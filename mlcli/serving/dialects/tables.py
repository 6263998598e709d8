"""Tables inside JSON bodies: lists of rows, and columns by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from mlcli.serving.call import Columns, Features, Problem, Records, Rows
from mlcli.serving.dialects.addressed import shown_name
from mlcli.serving.dialects.json_text import decode_json


def read_rows(text: msgspec.Raw, *, place: str) -> Records | Features:
    """Read a list of objects, or a list of arrays in training order.

    Raises
    ------
    Problem
        400, if it is neither.
    """
    rows = decode_json(text, list[dict[str, Any] | list[Any]], place=place)
    n_objects = sum(isinstance(row, dict) for row in rows)
    if n_objects == len(rows):
        return Records(rows)  # type: ignore[arg-type]  # every row was found to be an object
    if n_objects == 0:
        return Features(rows)  # type: ignore[arg-type]  # every row was found to be an array
    raise Problem(400, f"{place} must hold objects alone, or arrays alone.", hint="Write every row the same way.")


def read_columns_or_rows(text: msgspec.Raw, *, place: str) -> Rows:
    """Read an object of columns, or whatever `read_rows` reads.

    Raises
    ------
    Problem
        400, if it is neither, or its columns differ in length.
    """
    if bytes(text).lstrip(b" \t\r\n")[:1] == b"{":
        return columns_of(decode_json(text, dict[str, list[Any]], place=place), place=place)
    return read_rows(text, place=place)


def columns_of(columns: dict[str, list[Any]], *, place: str) -> Columns | Records:
    """Return columns by name that are all of one length.

    Raises
    ------
    Problem
        400, if they are not.
    """
    n_rows = len(next(iter(columns.values()), ()))
    for name, cells in columns.items():
        if len(cells) != n_rows:
            raise Problem(
                400,
                f"{place}: every column must hold the same number of cells. "
                f"{shown_name(name)} holds {len(cells)}, {shown_name(next(iter(columns)))} {n_rows}.",
            )
    return of_columns(columns, n_rows)


def of_columns(columns: Mapping[str, Any], n_rows: int) -> Columns | Records:
    """Return columns as rows are read fastest: a single one by itself, many column by column.

    Parameters
    ----------
    columns : mapping of str to list or ndarray of shape (n_rows,)
        Cells by column.
    n_rows : int
        Their number in each column.
    """
    if n_rows != 1:
        return Columns(columns, n_rows)
    # Arrays are worth their cost from some dozens of cells on: one row is read eight times faster without.
    return Records(
        [{name: cells.item(0) if isinstance(cells, np.ndarray) else cells[0] for name, cells in columns.items()}]
    )


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]], *, place: str) -> Columns | Records:
    """Return rows under a header as columns.

    Parameters
    ----------
    names : sequence of str
        The header.
    rows : sequence of sequence
        Cells of each row, in the header's order.
    place : str
        What holds them, for messages.

    Raises
    ------
    Problem
        400, if a name stands twice or a row has another number of cells.
    """
    if (twice := first_repeated(names)) is not None:
        raise Problem(400, f"{place} must name each column once. It names {shown_name(twice)} twice.")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise Problem(
                400, f"{place}: row {number} must hold {len(names)} cells, as the header says. It holds {len(row)}."
            )
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return of_columns(dict(zip(names, map(list, columns), strict=True)), len(rows))


def first_repeated(names: Iterable[str]) -> str | None:
    """Return the first name that was there before; None where each stands once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
