"""What Arrow streams and Parquet files have in common: columns that are looked at before they are unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.serving.call import Columns, Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from mlcli.serving.settings import ServeSettings


def too_many_rows(max_rows: int) -> Problem:
    """Return the answer to a table of too many rows."""
    return Problem(
        413, f"a request must have at most {max_rows} rows. Got more.", hint="Send the rows in several requests."
    )


def too_long(max_body: int) -> Problem:
    """Return the answer to a table that is too long when it is unpacked."""
    return Problem(413, f"the body must unpack to at most {max_body} bytes. It takes more.")


def columns_of(table: pa.Table, settings: ServeSettings) -> Columns:
    """Return a table as raw columns.

    Raises
    ------
    Problem
        400 if two columns have one name; 413 if a column repeats long texts
        so often that, written out, it is longer than a body may be.
    """
    names = table.column_names
    if len(set(names)) != len(names):
        raise Problem(400, "the table must name each column once.")
    if table.num_rows > settings.max_rows:
        raise too_many_rows(settings.max_rows)
    if sum(_written_out(column) for column in table.columns) > settings.max_body:
        raise too_long(settings.max_body)
    return Columns(dict(zip(names, table.columns, strict=True)), table.num_rows)


def _written_out(column: pa.ChunkedArray) -> int:
    """Return the bytes of a column's texts, where they may be more than what holds them."""
    import pyarrow.compute as pc
    import pyarrow.types as pt

    total = 0
    for chunk in column.chunks:
        coded = pt.is_dictionary(chunk.type)
        texts = chunk.dictionary if coded else chunk
        plain = any(test(texts.type) for test in (pt.is_string, pt.is_large_string, pt.is_binary, pt.is_large_binary))
        if pt.is_string_view(texts.type) or pt.is_binary_view(texts.type):
            lengths = _view_lengths(texts)
        elif coded and plain:
            lengths = pc.binary_length(texts)
        else:
            continue
        total += pc.sum(lengths.take(chunk.indices) if coded else lengths).as_py() or 0
    return total


def _view_lengths(texts: pa.Array) -> pa.Array:
    """Return the bytes of each text of an array of views, for which Arrow has no function."""
    import numpy as np
    import pyarrow as pa

    # A view takes 16 bytes, of which the first four are the length.
    views = np.frombuffer(texts.buffers()[1], dtype=np.int32)[::4][texts.offset : texts.offset + len(texts)]
    return pa.array(views.astype(np.int64), mask=texts.is_null().to_numpy(zero_copy_only=False))
