"""Typed rows on disk: what `preprocess` writes, and the hold-out beside a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.data.dataset import Dataset
from mlcli.data.schema import Schema
from mlcli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

# The one column that is ours; the underscores keep it apart from any header.
ROW = "__row__"


def dataset_to_table(dataset: Dataset, schema: Schema) -> pa.Table:
    """Return typed rows as one Arrow table, under the file's own names, that `dataset_from_table` reads back."""
    import pyarrow as pa

    columns: dict[str, Any] = {ROW: pa.array(dataset.rows)}
    for name in dataset.ids.columns:
        columns[name] = pa.array(dataset.ids[name], type=pa.string(), from_pandas=True)
    for name in dataset.X.columns:
        columns[name] = pa.array(dataset.X[name], from_pandas=True)
    if dataset.y is not None:
        columns[schema.target.name] = pa.array(dataset.y)
    if dataset.sample_weight is not None and schema.weight is not None:
        columns[schema.weight] = pa.array(dataset.sample_weight)
    return pa.table(columns)


def dataset_from_table(table: pa.Table, schema: Schema) -> Dataset:
    """Return the typed rows that `dataset_to_table` wrote.

    Raises
    ------
    DataError
        If the table was not written for `schema`.
    """
    import numpy as np
    import pandas as pd

    wanted = {ROW, *schema.names, *schema.id}
    if not wanted <= set(table.column_names):
        missing = sorted(wanted - set(table.column_names))
        raise DataError(
            f"prepared rows must hold the columns of their schema. Missing: {', '.join(missing)}.",
            hint="Run the command that wrote them again.",
        )
    y = _target_values(table, schema) if schema.target.name in table.column_names else None
    weight = table[schema.weight].to_numpy().astype(np.float64) if schema.weight in table.column_names else None
    ids = pd.DataFrame(
        {name: table[name].to_pandas().astype("str") for name in schema.id}, index=pd.RangeIndex(table.num_rows)
    )
    return Dataset(
        X=table.select(schema.names).to_pandas(), y=y, sample_weight=weight, ids=ids, rows=table[ROW].to_numpy()
    )


def _target_values(table: pa.Table, schema: Schema) -> Any:
    import numpy as np

    if schema.target.storage == "text" and schema.target.task == "classification":
        return np.array(table[schema.target.name].to_pylist(), dtype=object)
    return table[schema.target.name].to_numpy()


def write_dataset(path: Path, dataset: Dataset, schema: Schema) -> None:
    """Write typed rows as Parquet, whole or not at all.

    Raises
    ------
    OutputError
        If the place cannot be written.
    """
    import pyarrow.parquet as pq

    from mlcli.atomic import atomic_file

    with atomic_file(path) as temporary:
        pq.write_table(dataset_to_table(dataset, schema), temporary, compression="zstd")


def read_dataset(path: Path, schema: Schema) -> Dataset:
    """Read typed rows that `write_dataset` wrote.

    Raises
    ------
    DataError
        If the file is missing, damaged, or of another schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path} must be rows that mlcli wrote. Got: {error}.", hint="Run the command that wrote it again."
        ) from None
    return dataset_from_table(table, schema)
