"""Raw rows of a request, held against the data contract without pandas or pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from mlcli.data.cells import Missing
from mlcli.data.row_columns import known_cells, note_outside, read_cells, read_column
from mlcli.data.row_errors import (
    ABSENT,
    BadCellPlace,
    Findings,
    MalformedRows,
    Policy,
    RowsRefused,
    TooManyRows,
)
from mlcli.data.row_json import TypedBody, check_size, check_text, raw_body, raw_features
from mlcli.data.row_rules import ABSENT_CELL, NAN, column_rules, quick_range
from mlcli.data.schema import Column, Schema
from mlcli.data.typed import Cell, TypedColumns, columns_from_rows

__all__ = ["BadCellPlace", "MalformedRows", "ReadRows", "RowReader", "RowsRefused", "TooManyRows"]

_FEW = 8
"""Rows up to which typing them one by one is quicker than column by column."""


@dataclass(slots=True)
class ReadRows:
    """Typed rows, and what is new in them.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    rows : list of list of cell, or None
        The typed cells of each row in schema order, where there are few rows.
    columns : TypedColumns, optional
        The typed columns, where there are many.
    unseen, out_of_range : dict of str to int
        Rows with a category that training did not see, and with a number or
        date outside the training range, by column; columns without one are left out.
    schema_columns : tuple of Column
        The model's columns.
    """

    n_rows: int
    rows: list[list[Cell]] | None
    columns: TypedColumns | None
    unseen: dict[str, int]
    out_of_range: dict[str, int]
    schema_columns: tuple[Column, ...]

    def as_columns(self) -> TypedColumns:
        """Return the rows column by column."""
        if self.columns is not None:
            return self.columns
        return columns_from_rows(self.rows or [], self.schema_columns)


class RowReader:
    """Types raw rows by the rules of `mlcli.data.cells`, quickly.

    It may be shared: reading changes nothing in it.

    Parameters
    ----------
    schema : Schema
        What training saw.
    max_cell : int
        Longest text of a cell, in characters.
    unseen, out_of_range : {"warn", "error"}
        What a category that training did not see, and a value outside the
        training range, is: counted, or refused.
    """

    def __init__(self, schema: Schema, *, max_cell: int, unseen: Policy, out_of_range: Policy) -> None:
        missing = Missing.of(schema.missing_values)
        self._columns = schema.columns
        self._names = tuple(schema.names)
        self._rules = tuple(column_rules(column, missing, max_cell=max_cell) for column in schema.columns)
        self._reads = tuple(rules.read for rules in self._rules)
        self._typed = TypedBody(self._rules, max_cell=max_cell)
        self._unseen: Policy = unseen
        self._out_of_range: Policy = out_of_range
        numbers = [i for i, rules in enumerate(self._rules) if rules.column.kind == "number"]
        self._numbers = tuple(numbers)
        self._least = np.array([[self._rules[i].least] for i in numbers], dtype=np.float64).reshape(-1, 1)
        self._greatest = np.array([[self._rules[i].greatest] for i in numbers], dtype=np.float64).reshape(-1, 1)
        self._missing_numbers = sorted(missing.numbers)
        self._ranged = tuple((i, *quick_range(self._columns[i], missing), self._reads[i]) for i in numbers)
        known = [i for i, rules in enumerate(self._rules) if rules.column.kind in {"category", "boolean"}]
        self._known = tuple((i, self._rules[i].known.get, self._reads[i]) for i in known)
        others = sorted(set(range(len(self._rules))) - set(numbers) - set(known))
        self._others = tuple((i, self._reads[i]) for i in others)

    def read_json(self, body: bytes, *, max_rows: int) -> ReadRows:
        """Read the JSON body of a request.

        It is ``{"rows": [{...}]}``, ``{"features": [[...]]}`` with the cells
        in training column order, or one row as an object. Columns that the
        schema does not name are ignored; of a name given twice the last
        counts.

        Parameters
        ----------
        body : bytes
            JSON in UTF-8.
        max_rows : int
            Most rows that it may have.

        Raises
        ------
        MalformedRows
            If it is no JSON, or has another shape.
        TooManyRows
            If it has more than `max_rows` rows.
        RowsRefused
            If a cell is absent, or is not what its column must hold.
        """
        check_text(body)
        check_size(body, max_rows=max_rows, n_columns=len(self._names))
        try:
            rows = self._typed.rows(body)
        except (msgspec.DecodeError, RecursionError):
            rows = None  # which cell it is, and of which row, the slow path finds
        if rows is None:
            return self._read_raw(body, max_rows)
        if len(rows) > max_rows:
            raise TooManyRows(max_rows)
        return self._read_few(rows) if len(rows) <= _FEW else self._read_typed(rows)

    def read_records(self, rows: Sequence[Mapping[str, Any]]) -> ReadRows:
        """Read rows that name their cells: JSON values, or texts.

        Parameters
        ----------
        rows : sequence of mapping
            A cell by column name; other names are ignored.

        Raises
        ------
        RowsRefused
            If a cell is absent, or is not what its column must hold.
        """
        names = self._names
        return self._read_rows([row.get(name, ABSENT_CELL) for name in names] for row in rows)

    def read_features(self, rows: Sequence[Sequence[Any]]) -> ReadRows:
        """Read rows whose cells stand in training column order: JSON values, or texts.

        Raises
        ------
        RowsRefused
            If a row has another number of cells, or a cell is not what its column must hold.
        """
        return self._read_rows(rows)

    def read_columns(self, columns: Mapping[str, Any], n_rows: int) -> ReadRows:
        """Read rows column by column.

        Parameters
        ----------
        columns : mapping of str to sequence, ndarray or arrow array of shape (n_rows,)
            Raw cells by column name; other names are ignored.
        n_rows : int
            Number of rows.

        Raises
        ------
        MalformedRows
            If a column has another number of cells.
        RowsRefused
            If a column is missing, or a cell is not what its column must hold.
        """
        findings = self._findings()
        typed: list[Any] = []
        for rules in self._rules:
            name = rules.column.name
            if name not in columns:
                findings.row = 1
                findings.refuse(name, ABSENT)
                continue
            cells = columns[name]
            if len(cells) != n_rows:
                raise MalformedRows(f"Column {name!r} must have {n_rows} cells, one a row. Got {len(cells)}.")
            typed.append(read_column(cells, rules, findings))
        findings.check()
        return self._result(findings, n_rows, columns=TypedColumns(tuple(typed), n_rows))

    def _findings(self) -> Findings:
        return Findings(self._unseen, self._out_of_range)

    def _result(
        self,
        findings: Findings,
        n_rows: int,
        *,
        rows: list[list[Cell]] | None = None,
        columns: TypedColumns | None = None,
    ) -> ReadRows:
        return ReadRows(n_rows, rows, columns, findings.unseen, findings.out_of_range, self._columns)

    def _read_few(self, rows: Sequence[Sequence[Any]]) -> ReadRows:
        """Type rows whose every cell has the usual type of its column, one by one."""
        findings = self._findings()
        typed: list[list[Cell]] = []
        for findings.row, row in enumerate(rows, 1):
            cells = list(row)
            # Written out for the two usual kinds: a call for each cell would take as long again.
            for i, least, greatest, read in self._ranged:
                cell = cells[i]
                if cell is None:
                    cells[i] = NAN
                elif not least <= cell <= greatest:
                    cells[i] = read(cell, findings)
            for i, known, read in self._known:
                value = known(cells[i])
                cells[i] = read(cells[i], findings) if value is None else value
            for i, read in self._others:
                cells[i] = read(cells[i], findings)
            typed.append(cells)
        if findings.n_bad:
            findings.check()
        return self._result(findings, len(typed), rows=typed)

    def _read_typed(self, rows: Sequence[tuple[Any, ...]]) -> ReadRows:
        """Type rows whose every cell has the usual type of its column, column by column."""
        findings = self._findings()
        cells: list[Any] = list(zip(*rows, strict=True)) or [()] * len(self._rules)
        for i, rules in enumerate(self._rules):
            match rules.column.kind:
                case "number":
                    continue
                case "category" | "boolean":
                    cells[i] = known_cells(cells[i], rules, findings)
                case _:
                    cells[i] = read_cells(cells[i], rules, findings)
        self._type_numbers(cells, findings)
        findings.check()
        return self._result(findings, len(rows), columns=TypedColumns(tuple(cells), len(rows)))

    def _type_numbers(self, cells: list[Any], findings: Findings) -> None:
        """Replace the number columns by arrays: one matrix, judged as a whole."""
        if not self._numbers:
            return
        matrix = np.array([cells[i] for i in self._numbers], dtype=np.float64)
        if self._missing_numbers:
            matrix[np.isin(matrix, self._missing_numbers)] = np.nan
        outside = (matrix < self._least) | (matrix > self._greatest)
        some = outside.any()
        for position, i in enumerate(self._numbers):
            cells[i] = matrix[position]
            if some:
                note_outside(outside[position], self._rules[i], findings)

    def _read_raw(self, body: bytes, max_rows: int) -> ReadRows:
        """Read a body that holds unusual or bad cells."""
        parts = raw_body(body, columns=self._names)
        raw = parts.records if parts.records is not None else parts.features or []
        if len(raw) > max_rows:
            raise TooManyRows(max_rows)
        rows: Iterable[list[Any]]
        if parts.records is not None:
            rows = (self._typed.raw_record(record, row=i) for i, record in enumerate(raw, 1))
        else:
            rows = (raw_features(cells, row=i) for i, cells in enumerate(raw, 1))
        return self._read_rows(rows)

    def _read_rows(self, rows: Iterable[Sequence[Any]]) -> ReadRows:
        """Type rows that may lack cells, or hold cells of any type."""
        findings = self._findings()
        raw = list(rows)
        n_columns = len(self._rules)
        if len(raw) > _FEW and all(len(row) == n_columns for row in raw):
            cells = zip(*raw, strict=True)
            typed = [read_cells(column, rules, findings) for column, rules in zip(cells, self._rules, strict=True)]
            findings.check()
            return self._result(findings, len(raw), columns=TypedColumns(tuple(typed), len(raw)))
        few: list[list[Cell]] = []
        for findings.row, row in enumerate(raw, 1):
            if len(row) != n_columns:
                self._refuse_length(row, findings)
            else:
                few.append([read(cell, findings) for read, cell in zip(self._reads, row, strict=True)])
        findings.check()
        return self._result(findings, len(raw), rows=few)

    def _refuse_length(self, row: Sequence[Any], findings: Findings) -> None:
        """Note a row of too few or too many cells at the first column that it lacks, or at the last."""
        name = self._names[min(len(row), len(self._names) - 1)]
        findings.refuse(name, f"must be one of {len(self._names)} cells, one a column. Got {len(row)}")
