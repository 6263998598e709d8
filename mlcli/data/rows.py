"""Raw rows held against the schema: typed, or refused cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlcli.data.arrays import TypedArray, flat, is_plain, texts_of, type_cells
from mlcli.data.bad_cells import BadCells, bad_cells_error, find_bad_cells
from mlcli.data.cells import RULES, Missing
from mlcli.data.dataset import Dataset
from mlcli.data.schema import Column, Schema
from mlcli.data.targets import target_rule, target_values
from mlcli.errors import DataError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

TargetRole = Literal["required", "optional", "none"]
"""Whether rows must carry their target, may, or are read without it."""


@dataclass(frozen=True)
class TypedRows:
    """Rows that keep the data contract, and what is new in them.

    Parameters
    ----------
    dataset : Dataset
        The typed rows.
    unseen : mapping of str to int
        Rows with a category that training did not see, by column; columns without one are left out.
    out_of_range : mapping of str to int
        Rows with a number or date outside the training range, by column; likewise.
    """

    dataset: Dataset
    unseen: Mapping[str, int]
    out_of_range: Mapping[str, int]


def type_rows(
    table: pa.Table,
    schema: Schema,
    *,
    source: str,
    first_row: int = 1,
    rows: NDArray[np.int64] | None = None,
    target: TargetRole = "required",
) -> TypedRows:
    """Type raw rows as the schema says.

    Columns that the schema does not name are ignored. Id columns are kept
    where the table has them.

    Parameters
    ----------
    table : Table
        Raw rows of any plain arrow types.
    schema : Schema
        What training saw.
    source : str
        Name of the file, for messages.
    first_row : int, default=1
        Number of the first row in the file, counted after the header.
    rows : ndarray of shape (n_rows,), optional
        Number of each row in the file, where they do not follow each other.
    target : {"required", "optional", "none"}, default="required"
        required: target and weight must be there and good; optional: they are
        kept where the whole table has good ones; none: they are not read.

    Raises
    ------
    DataError
        If a column is missing, or any cell is not what its column must hold;
        one error tells of all of them.
    """
    import numpy as np
    import pandas as pd

    _require_columns(table, schema, source=source, target=target)
    if rows is None:
        rows = np.arange(first_row, first_row + table.num_rows, dtype=np.int64)
    missing = Missing.of(schema.missing_values)
    data: dict[str, Any] = {}
    bad: list[BadCells] = []
    unseen: dict[str, int] = {}
    out_of_range: dict[str, int] = {}
    for column in schema.columns:
        typed = _type_column(table[column.name], column, missing)
        if typed.bad is not None:
            bad.append(find_bad_cells(table[column.name], typed.bad, name=column.name, rule=RULES[column.kind]))
        if n_unseen := _count_unseen(typed, column):
            unseen[column.name] = n_unseen
        if n_outside := _count_outside(typed, column):
            out_of_range[column.name] = n_outside
        data[column.name] = typed.cells if isinstance(typed.cells, np.ndarray) else pd.array(typed.cells, dtype="str")
    y, bad_y = _read_target(table, schema, missing, target=target)
    weight, bad_weight = _read_weight(table, schema, missing, target=target)
    bad += [cells for cells in (bad_y, bad_weight) if cells is not None]
    if bad:
        raise bad_cells_error(
            bad, source=source, rows=rows, hint="Correct these cells; a missing value is a blank cell."
        )
    X = pd.DataFrame(data, index=pd.RangeIndex(table.num_rows), columns=schema.names, copy=False)
    dataset = Dataset(X=X, y=y, sample_weight=weight, ids=_read_ids(table, schema), rows=rows)
    return TypedRows(dataset=dataset, unseen=unseen, out_of_range=out_of_range)


def _require_columns(table: pa.Table, schema: Schema, *, source: str, target: TargetRole) -> None:
    """Refuse a table without the model's columns, or with cells that are no plain values."""
    needed = list(schema.names)
    if target == "required":
        needed += [schema.target.name, *((schema.weight,) if schema.weight else ())]
    names = table.column_names
    absent = [name for name in needed if name not in names]
    if absent:
        spare = [name for name in names if name not in needed]
        close = {name: did_you_mean(name, spare) for name in absent}
        renames = [f"rename {found!r} to {name!r}" for name, found in close.items() if found]
        trained = f"The model was trained on: {', '.join(needed)}."
        advice = f"Did the columns get other names ({', '.join(renames)})? " if renames else ""
        raise DataError(
            f"{source} must have every column that the model was trained on. "
            f"Missing: {', '.join(map(repr, absent))}. Got: {', '.join(names) or 'none'}.",
            hint=advice + trained,
        )
    for name in needed:
        if names.count(name) > 1:
            raise DataError(f"{source} must name each column once. Got {name!r} twice.", hint="Rename one of them.")
        kind = table.schema.field(name).type
        if not is_plain(kind):
            raise DataError(
                f"{source}: column {name!r} must hold plain cells. Got {kind}.", hint="Flatten the column in the file."
            )


def _type_column(cells: pa.ChunkedArray, column: Column, missing: Missing) -> TypedArray:
    form = column.date.format if column.date else None
    return type_cells(cells, missing, kind=column.kind, storage=column.storage, form=form)


def _count_unseen(typed: TypedArray, column: Column) -> int:
    """Count the rows whose category training did not see."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.categories is None:
        return 0
    known = pc.is_in(typed.cells, value_set=pa.array(list(column.categories), pa.large_string()))
    n_known = pc.sum(known).as_py() or 0
    return int(len(typed.cells) - typed.cells.null_count - n_known)


def _count_outside(typed: TypedArray, column: Column) -> int:
    """Count the rows whose number or date lies outside the training range."""
    import numpy as np

    if column.number is not None:
        least: Any = column.number.minimum
        greatest: Any = column.number.maximum
    elif column.date is not None:
        least, greatest = np.datetime64(column.date.minimum), np.datetime64(column.date.maximum)
    else:
        return 0
    # NaN and NaT compare as false: a missing cell is not outside.
    return int(np.count_nonzero((typed.cells < least) | (typed.cells > greatest)))


def _read_target(
    table: pa.Table, schema: Schema, missing: Missing, *, target: TargetRole
) -> tuple[NDArray[Any] | None, BadCells | None]:
    name = schema.target.name
    if target == "none" or name not in table.column_names or not is_plain(table[name].type):
        return None, None
    typed = target_values(table[name], schema.target, missing)
    if typed.bad is None:
        return typed.cells, None
    if target == "optional":
        return None, None
    return None, find_bad_cells(table[name], typed.bad, name=name, rule=target_rule(schema.target))


def _read_weight(
    table: pa.Table, schema: Schema, missing: Missing, *, target: TargetRole
) -> tuple[NDArray[np.float64] | None, BadCells | None]:
    name = schema.weight
    if target == "none" or name is None or name not in table.column_names or not is_plain(table[name].type):
        return None, None
    weights = type_cells(table[name], missing, kind="number", storage="number").cells
    bad = ~(weights >= 0)  # NaN, the missing weight, is not >= 0 either
    if not bad.any():
        return weights, None
    if target == "optional":
        return None, None
    return None, find_bad_cells(table[name], bad, name=name, rule="must be a weight of 0 or more")


def _read_ids(table: pa.Table, schema: Schema) -> pd.DataFrame:
    """Return the id columns as text, texts exactly as they stand in the file."""
    import pandas as pd
    import pyarrow.types as pt

    ids: dict[str, Any] = {}
    for name in schema.id:
        if name in table.column_names:
            cells = flat(table[name])
            ids[name] = pd.array(cells if pt.is_large_string(cells.type) else texts_of(cells), dtype="str")
    return pd.DataFrame(ids, index=pd.RangeIndex(table.num_rows), columns=list(ids))
