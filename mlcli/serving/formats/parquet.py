"""Parquet files."""

from __future__ import annotations

from collections.abc import Mapping

from mlcli.serving.call import Columns, Problem
from mlcli.serving.formats.parquet_size import parquet_size
from mlcli.serving.formats.tables import columns_of, too_long, too_many_rows
from mlcli.serving.settings import ServeSettings


def decode_parquet(body: bytes, _parameters: Mapping[str, str], settings: ServeSettings) -> Columns:
    """Read a Parquet file.

    Rows and unpacked bytes are counted before anything is unpacked, from the
    footer and from each page's own header, which alone decides what unpacking
    takes.

    Parameters
    ----------
    body : bytes
        The file.
    settings : ServeSettings
        Limits of the service.

    Raises
    ------
    Problem
        400 if it is damaged or something else, 413 if it holds too much.
    """
    import pyarrow as pa
    from pyarrow import parquet

    damaged = Problem(400, "the body must be a whole Parquet file.", hint="pandas.DataFrame.to_parquet writes one.")
    try:
        size = parquet_size(body, most=settings.max_body)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        raise damaged from None
    if size.n_rows > settings.max_rows:
        raise too_many_rows(settings.max_rows)
    if size.unpacked > settings.max_body:
        raise too_long(settings.max_body)
    try:
        source = pa.BufferReader(pa.py_buffer(body))
        # Texts stay in their dictionaries: a long one that many cells share is not written out.
        with parquet.ParquetFile(source, read_dictionary=list(size.texts)) as file:
            # No threads: what they still hold when the process ends would abort it.
            table = file.read(columns=list(size.columns), use_threads=False)
        table.validate(full=True)
        return columns_of(table, settings)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        raise damaged from None
