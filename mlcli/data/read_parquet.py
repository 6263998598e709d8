"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlcli.data.columns import nested
from mlcli.data.read_bytes import Part, arrow_file, looks_like
from mlcli.data.read_header import require_distinct
from mlcli.data.source import Source
from mlcli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1 << 16
"""Rows that are read at a time in bounded memory."""


def read_parquet(part: Part, source: Source, *, whole: bool) -> Iterator[pa.Table]:  # noqa: ARG001 -- every reader is called alike
    """Read a Parquet file: at once, or page by page in bounded memory.

    Parameters
    ----------
    part : Part
        The file.
    source : Source
        The source that it belongs to.
    whole : bool
        Whether to read it at once.

    Yields
    ------
    Table
        Its rows in order; dictionaries decoded, decimals as float64.

    Raises
    ------
    DataError
        If the file is damaged or no Parquet file, or a column holds no plain values.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with part.open() as raw:
        # By its path, or in Arrow's own memory: see `arrow_file`.
        file = str(part.path) if part.path is not None and part.reopens else arrow_file(raw.read())
        try:
            # Page by page: with pre_buffer a whole row group, which may be the whole file, lies in memory.
            # ParquetFile, not read_table: that one makes columns of folder names such as `year=2024`.
            with parquet.ParquetFile(file, pre_buffer=whole, buffer_size=0 if whole else 1 << 20) as rows:
                schema = rows.schema_arrow.remove_metadata()
                require_distinct(schema.names, name=part.name)
                yield _plain(pa.Table.from_batches([], schema=schema), part.name)
                if whole:
                    yield _plain(rows.read(), part.name)
                    return
                for batch in rows.iter_batches(_BATCH):
                    yield _plain(pa.Table.from_batches([batch]), part.name)
        except (pa.ArrowInvalid, OSError) as error:
            what = None
            if part.reopens:
                raw.seek(0)
                what = looks_like(raw.read(16))
            detail = f"what seems to be {what}" if what not in {None, "a Parquet file"} else "a truncated or other file"
            raise DataError(
                f"{part.name} must be a whole Parquet file. Got {detail} ({error}).",
                hint="Write or download it again, or set data.format.",
            ) from error


def _plain(table: pa.Table, name: str) -> pa.Table:
    """Return `table` with columns of plain Arrow types only."""
    import pyarrow as pa

    columns = {field.name: _plain_column(table.column(index), field, name) for index, field in enumerate(table.schema)}
    return pa.table(columns)


def _plain_column(values: pa.ChunkedArray, field: pa.Field, name: str) -> pa.ChunkedArray:
    import pyarrow as pa
    from pyarrow import types as is_type

    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
        values = values.cast(kind)
    if is_type.is_dictionary(kind):
        kind = kind.value_type
        values = values.cast(kind)
    if is_type.is_nested(kind):
        raise nested(field.name, kind=str(kind), name=name)
    if is_type.is_large_string(kind) or is_type.is_string_view(kind) or is_type.is_time(kind):
        return values.cast(pa.string())
    if is_type.is_decimal(kind) or is_type.is_float16(kind):
        return values.cast(pa.float64())
    if is_type.is_binary(kind) or is_type.is_large_binary(kind):
        # Older writers mark texts as bytes.
        try:
            return values.cast(pa.string())
        except pa.ArrowInvalid:
            raise nested(field.name, kind="bytes that are no text", name=name) from None
    if is_type.is_duration(kind) or is_type.is_interval(kind) or is_type.is_fixed_size_binary(kind):
        raise nested(field.name, kind=str(kind), name=name)
    return values
