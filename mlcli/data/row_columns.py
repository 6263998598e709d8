"""Whole columns of raw cells, typed at once: lists, numpy arrays, arrow arrays."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.cells import RULES, canonical_number
from mlcli.data.row_errors import Findings, MalformedRows
from mlcli.data.row_rules import ColumnRules
from mlcli.data.typed import NAT

_NONE = type(None)
_PLAIN_NUMBERS = re.compile(r"[0-9.eE+\-\n]*")
_DTYPES: dict[str, Any] = {
    "number": np.float64,
    "boolean": np.float64,
    "category": np.intp,
    "date": np.int64,
}


def read_column(cells: Any, rules: ColumnRules, findings: Findings) -> Any:
    """Type one column of raw cells.

    Parameters
    ----------
    cells : sequence, ndarray or arrow array of shape (n_rows,)
        Raw cells of any plain type.
    rules : ColumnRules
        What they must be.
    findings : Findings
        Takes what is wrong or unusual about them.

    Returns
    -------
    ndarray of shape (n_rows,) or list of str
        As `mlcli.data.typed.TypedColumns` says.

    Raises
    ------
    MalformedRows
        If an array has more than one dimension.
    """
    # Told by its looks: naming pyarrow's class would import pyarrow.
    if hasattr(cells, "combine_chunks") or type(cells).__module__.startswith("pyarrow."):
        from mlcli.data.row_arrow import read_arrow

        return read_arrow(cells, rules, findings)
    if isinstance(cells, np.ndarray):
        if cells.ndim != 1:
            raise MalformedRows(f"Column {rules.column.name!r} must have one cell a row. Got {cells.ndim} dimensions.")
        if cells.dtype.kind not in "OSUV":
            return _read_array(cells, rules, findings)
        cells = cells.tolist()
    return read_cells(cells, rules, findings)


def read_cells(cells: Sequence[Any], rules: ColumnRules, findings: Findings) -> Any:
    """Type one column of raw cells of any mixture of types; see `read_column`."""
    match rules.column.kind:
        case "number":
            numbers = _numbers_at_once(cells, rules.max_cell)
            if numbers is not None:
                return judge_numbers(numbers, rules, findings)
        case "category" | "boolean":
            if set(map(type, cells)) <= rules.quick:
                return known_cells(cells, rules, findings)
    return _one_by_one(cells, rules, findings)


def known_cells(cells: Sequence[Any], rules: ColumnRules, findings: Findings) -> NDArray[Any]:
    """Type cells of a category or boolean column whose types are all in `ColumnRules.quick`."""
    if rules.column.kind == "category":
        try:
            return np.fromiter(map(rules.known.get, cells), dtype=np.intp, count=len(cells))
        except TypeError:  # None: a cell that is not among the known
            pass
    values = list(map(rules.known.get, cells))
    if None in values:
        read = rules.read
        for i, value in enumerate(values):
            if value is None:
                findings.row = i + 1
                values[i] = read(cells[i], findings)
    return np.array(values, dtype=_DTYPES[rules.column.kind])


def _one_by_one(cells: Sequence[Any], rules: ColumnRules, findings: Findings) -> Any:
    read = rules.read
    values = []
    for findings.row, cell in enumerate(cells, 1):
        values.append(read(cell, findings))
    kind = rules.column.kind
    return values if kind == "text" else np.array(values, dtype=_DTYPES[kind])


def _numbers_at_once(cells: Sequence[Any], max_cell: int) -> NDArray[np.float64] | None:
    """Return cells as float64 where all are of one simple make, None missing; None where they are not."""
    types = set(map(type, cells))
    if types <= {float, int, _NONE}:
        try:
            return np.array(cells, dtype=np.float64)
        except OverflowError:  # a whole number that no float holds
            return None
    if not types <= {str, _NONE}:
        return None
    if any(cell is not None and len(cell) > max_cell for cell in cells):
        return None
    # With these characters alone, what float() reads is exactly what the data contract calls a number.
    if _PLAIN_NUMBERS.fullmatch("\n".join(cell or "" for cell in cells)) is None:
        return None
    try:
        numbers = np.array([float(cell or "nan") for cell in cells], dtype=np.float64)
    except ValueError:
        return None
    return None if np.isinf(numbers).any() else numbers


def judge_numbers(numbers: NDArray[np.float64], rules: ColumnRules, findings: Findings) -> NDArray[np.float64]:
    """Hold numbers (missing NaN) against their column: infinite ones are bad, some may mean missing."""
    name, least, greatest = rules.column.name, rules.least, rules.greatest
    if rules.missing.numbers:
        numbers = np.where(np.isin(numbers, sorted(rules.missing.numbers)), np.nan, numbers)
    infinite = np.isinf(numbers)
    if infinite.any():
        numbers = np.where(infinite, np.nan, numbers)
        for findings.row in (np.flatnonzero(infinite) + 1).tolist():
            findings.refuse(name, RULES["number"])
    # NaN compares as false, so that a missing number is not outside.
    note_outside((numbers < least) | (numbers > greatest), rules, findings)
    return np.ascontiguousarray(numbers)


def note_outside(outside: NDArray[np.bool_], rules: ColumnRules, findings: Findings) -> None:
    """Note the cells outside the training range that a mask shows."""
    if outside.any():
        for findings.row in (np.flatnonzero(outside) + 1).tolist():
            findings.outside(rules.column.name, rules.outside)


def _read_array(cells: NDArray[Any], rules: ColumnRules, findings: Findings) -> Any:
    """Type an array of numbers, truth values or moments."""
    kind = rules.column.kind
    if cells.dtype.kind == "M":
        return _one_by_one(_moments(cells), rules, findings)
    if kind == "number" and cells.dtype.kind in "fiu":
        return judge_numbers(cells.astype(np.float64), rules, findings)
    if cells.dtype.kind not in "fiub":
        findings.row = 1
        findings.refuse(rules.column.name, RULES[kind])
        return blank_column(len(cells), kind)
    return spread_distinct(cells, _text_function(cells.dtype), rules, findings)


def spread_distinct(cells: NDArray[Any], text_of: Callable[[Any], Any], rules: ColumnRules, findings: Findings) -> Any:
    """Type each distinct cell once, by its text, and the others like it."""
    distinct, inverse = np.unique(cells, return_inverse=True)
    return spread_texts([text_of(cell) for cell in distinct.tolist()], inverse, rules, findings)


def spread_texts(texts: Sequence[Any], inverse: NDArray[Any], rules: ColumnRules, findings: Findings) -> Any:
    """Type cells that are given as positions in a list of distinct texts."""
    usual = Findings("warn", "warn")
    values = _one_by_one(texts, rules, usual)
    if usual.n_bad or usual.unseen or usual.out_of_range:
        odd = np.zeros(len(texts), dtype=bool)
        for i, text in enumerate(texts):
            one = Findings("warn", "warn")
            rules.read(text, one)
            odd[i] = bool(one.n_bad or one.unseen or one.out_of_range)
        for i in np.flatnonzero(odd[inverse]).tolist():
            findings.row = i + 1
            rules.read(texts[inverse[i]], findings)
    if isinstance(values, list):
        return [values[i] for i in inverse.tolist()]
    return np.ascontiguousarray(values[inverse])


def _text_function(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    """Return the function from a numpy value, as Python's, to the cell's text."""
    match dtype.kind:
        case "b":
            return lambda truth: "true" if truth else "false"
        case "f":
            return lambda number: None if math.isnan(number) else canonical_number(number)
    return str


def _moments(cells: NDArray[Any]) -> list[Any]:
    """Return moments as datetimes, or as texts that are no dates where Python has no such date."""
    moments = cells.astype("datetime64[us]").tolist()
    return [str(moment) if isinstance(moment, int) else moment for moment in moments]


def blank_column(n: int, kind: str) -> Any:
    """Return a column of missing cells, for rows that are refused anyway."""
    if kind == "text":
        return [""] * n
    fill: Any = NAT if kind == "date" else 0 if kind == "category" else math.nan
    return np.full(n, fill, dtype=_DTYPES[kind])
