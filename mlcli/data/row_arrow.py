"""Whole arrow columns, typed as a file's are; the only rows of a service that need pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlcli.data.cells import RULES
from mlcli.data.row_columns import blank_column, note_outside, read_cells
from mlcli.data.row_errors import Findings
from mlcli.data.row_rules import ColumnRules
from mlcli.data.typed import missing_code, unseen_code

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlcli.data.schema import Column

PLAIN = "must be a column of plain values"


def read_arrow(cells: pa.Array | pa.ChunkedArray, rules: ColumnRules, findings: Findings) -> Any:
    """Type one arrow column, see `mlcli.data.row_columns.read_column`."""
    import pyarrow.compute as pc
    import pyarrow.types as pt

    from mlcli.data.arrays import flat, is_plain, type_cells

    column = rules.column
    cells = _without_bytes(cells)
    if not is_plain(cells.type):
        findings.row = 1
        findings.refuse(column.name, PLAIN)
        return blank_column(len(cells), column.kind)
    array = flat(cells)
    if pt.is_large_string(array.type) and (pc.max(pc.utf8_length(array)).as_py() or 0) > rules.max_cell:
        return read_cells(array.to_pylist(), rules, findings)
    form = column.date.format if column.date else None
    typed = type_cells(array, rules.missing, kind=column.kind, storage=column.storage, form=form)
    if typed.bad is not None:
        for findings.row in (np.flatnonzero(typed.bad) + 1).tolist():
            findings.refuse(column.name, RULES[column.kind])
    match column.kind:
        case "number":
            note_outside((typed.cells < rules.least) | (typed.cells > rules.greatest), rules, findings)
            return np.ascontiguousarray(typed.cells)
        case "boolean":
            return np.ascontiguousarray(typed.cells)
        case "date":
            moments = np.ascontiguousarray(typed.cells.astype("datetime64[us]")).view(np.int64)
            outside = ~np.isnat(typed.cells) & ((moments < rules.least) | (moments > rules.greatest))
            note_outside(outside, rules, findings)
            return moments
        case "category":
            return _codes(typed.cells, column, findings)
        case "text":
            return [text or "" for text in typed.cells.to_pylist()]


def _without_bytes(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return bytes as texts where they are, and an extension's cells as what stores them."""
    import pyarrow as pa
    import pyarrow.types as pt

    if isinstance(cells.type, pa.BaseExtensionType):
        cells = cells.cast(cells.type.storage_type)
    kind = cells.type.value_type if pt.is_dictionary(cells.type) else cells.type
    if pt.is_binary(kind) or pt.is_large_binary(kind):
        try:
            return cells.cast(pa.large_string())
        except pa.ArrowInvalid:  # no UTF-8: refused for its type
            return cells
    return cells


def _codes(levels: pa.Array, column: Column, findings: Findings) -> NDArray[np.intp]:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(list(column.categories or ()), pa.large_string())
    unseen = unseen_code(column)
    codes: NDArray[np.intp] = (
        pc.fill_null(pc.index_in(levels, value_set=known), unseen).to_numpy(zero_copy_only=False).astype(np.intp)
    )
    codes[levels.is_null().to_numpy(zero_copy_only=False)] = missing_code(column)
    if column.categories is not None:
        for findings.row in (np.flatnonzero(codes == unseen) + 1).tolist():
            findings.unknown(column.name)
    return codes
