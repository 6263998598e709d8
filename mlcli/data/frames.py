"""Typed rows between their two forms: a pandas frame for scikit-learn, plain columns for the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcli.data.schema import Column, Schema
from mlcli.data.typed import TypedColumns, missing_code, unseen_code

if TYPE_CHECKING:
    import pandas as pd

_UNSEEN = "\x00unseen"
"""Stands for every level that training did not see; no level holds a NUL, which no text file can."""


def columns_from_frame(X: pd.DataFrame, schema: Schema) -> TypedColumns:
    """Return a typed frame as plain columns.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Typed rows, see `mlcli.data.dataset.Dataset`.
    schema : Schema
        The data contract that they keep.
    """
    return TypedColumns(tuple(_plain(X[column.name], column) for column in schema.columns), len(X))


def frame_from_columns(columns: TypedColumns, schema: Schema) -> pd.DataFrame:
    """Return plain columns as a typed frame; a level that training did not see gets a name of its own."""
    import pandas as pd

    data = {column.name: _pandas(cells, column) for column, cells in zip(schema.columns, columns.columns, strict=True)}
    return pd.DataFrame(data, index=pd.RangeIndex(columns.n_rows), columns=schema.names, copy=False)


def _plain(cells: pd.Series[Any], column: Column) -> Any:
    import numpy as np

    match column.kind:
        case "number" | "boolean":
            return np.ascontiguousarray(cells.to_numpy(), dtype=np.float64)
        case "date":
            return np.ascontiguousarray(cells.to_numpy().astype("datetime64[us]").view(np.int64))
        case "category":
            return _codes(cells, column)
        case "text":
            return cells.fillna("").tolist()


def _codes(cells: pd.Series[Any], column: Column) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    levels = pa.array(list(column.categories or ()), pa.large_string())
    texts = pa.array(cells, type=pa.large_string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    # A null finds nothing in `levels`, and is told from an unseen level afterwards.
    found = pc.index_in(texts, value_set=levels)
    codes = pc.fill_null(found, unseen_code(column)).to_numpy(zero_copy_only=False).astype(np.intp)
    if texts.null_count:
        codes[texts.is_null().to_numpy(zero_copy_only=False)] = missing_code(column)
    return codes


def _pandas(cells: Any, column: Column) -> Any:
    import numpy as np
    import pandas as pd

    match column.kind:
        case "number" | "boolean":
            return cells
        case "date":
            return cells.view("datetime64[us]")
        case "category":
            names = np.array([*(column.categories or ()), _UNSEEN, np.nan], dtype=object)
            return pd.array(names[cells], dtype="str")
        case "text":
            return pd.array([text or np.nan for text in cells], dtype="str")
