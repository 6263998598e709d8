"""Tables read from any source: whole, or piece by piece in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from mlcli.data.columns import stack
from mlcli.data.read_bytes import Part
from mlcli.data.source import Source
from mlcli.errors import DataError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_READERS = {
    "csv": "mlcli.data.read_text:read_text",
    "tsv": "mlcli.data.read_text:read_text",
    "parquet": "mlcli.data.read_parquet:read_parquet",
    "jsonl": "mlcli.data.read_jsonl:read_jsonl",
    "excel": "mlcli.data.read_excel:read_excel",
}
"""The function that reads one file of each format; SQL has no files."""

_BATCH_BYTES = 64 << 20
"""A batch ends before its rows are counted full when its cells are this large."""


def read_table(source: Source, *, stdin: BinaryIO | None = None) -> pa.Table:
    """Read all rows of a source.

    Parameters
    ----------
    source : Source
        Where they are.
    stdin : BinaryIO, optional
        Standard input; needed when the source is standard input.

    Returns
    -------
    Table of shape (n_rows, n_columns)
        The rows in the source's order. CSV and TSV give every column as text,
        other formats their own types; blank cells are null. Whatever Arrow
        types appear are plain: null, boolean, integer, float, string, date,
        timestamp.

    Raises
    ------
    DataError
        If the content is not a table, has no rows, or its files have other columns.
    ConfigError
        If a setting of the ``data`` section cannot be met, an extra included.
    """
    tables = list(_pieces(source, stdin=stdin, whole=True))
    table = stack([table for table in tables if table.num_rows], name=source.label)
    logger.info("read %d rows, %d columns from %s", table.num_rows, table.num_columns, source.label)
    return table


def iter_tables(source: Source, *, batch_rows: int = 65536, stdin: BinaryIO | None = None) -> Iterator[pa.Table]:
    """Read a source piece by piece; memory is bounded by the piece, except for Excel and a JSON array.

    Parameters
    ----------
    source : Source
        Where the rows are.
    batch_rows : int, default=65536
        Rows in a piece at most; fewer where the cells are large.
    stdin : BinaryIO, optional
        Standard input; needed when the source is standard input.

    Yields
    ------
    Table of shape (<= batch_rows, n_columns)
        The next rows, at least one. Joined they are what `read_table` returns,
        except that a column without a type of its own (JSON Lines, a query)
        may be null or whole numbers in one piece and another type in the next.

    Raises
    ------
    DataError
        As `read_table`, when the rows concerned are reached.
    ConfigError
        As `read_table`.
    """
    held: list[pa.Table] = []
    n_rows = n_bytes = 0
    for piece in _pieces(source, stdin=stdin, whole=False):
        for start in range(0, piece.num_rows, batch_rows):
            table = piece.slice(start, batch_rows)
            if held and (n_rows + table.num_rows > batch_rows or held[0].column_names != table.column_names):
                yield stack(held, name=source.label)
                held, n_rows, n_bytes = [], 0, 0
            held.append(table)
            n_rows += table.num_rows
            n_bytes += table.nbytes
            if n_rows == batch_rows or n_bytes >= _BATCH_BYTES:
                yield stack(held, name=source.label)
                held, n_rows, n_bytes = [], 0, 0
    if held:
        yield stack(held, name=source.label)


def _pieces(source: Source, *, stdin: BinaryIO | None, whole: bool) -> Iterator[pa.Table]:
    """Yield the tables of all files; each file has the columns of the first, in its order."""
    names: list[str] = []
    first: str | None = None
    n_rows = 0
    for name, tables in _files(source, stdin=stdin, whole=whole):
        for piece in tables:
            table = piece
            if first is None:
                names, first = table.column_names, name
            elif name != first:
                _require_same(table.column_names, names, name=name, first=first)
                table = table.select(names)
            n_rows += table.num_rows
            yield table
    if n_rows == 0:
        raise _no_rows(source)


def _no_rows(source: Source) -> DataError:
    if source.format == "sql":
        return DataError(
            f"{source.label}: the query must give at least one row. Got none.", hint="Check the query's conditions."
        )
    return DataError(
        f"{source.label} must hold at least one row. Got a header and no rows.", hint="Check how it was written."
    )


def _files(source: Source, *, stdin: BinaryIO | None, whole: bool) -> Iterator[tuple[str, Iterable[pa.Table]]]:
    """Yield the name and the tables of each file."""
    if source.format == "sql":
        from mlcli.data.read_sql import read_sql

        yield source.label, read_sql(source)
        return
    module, _, attribute = _READERS[source.format].partition(":")
    read: Callable[..., Iterator[pa.Table]] = getattr(import_module(module), attribute)
    parts = [Part(name, path) for name, path in zip(source.names, source.paths, strict=True)]
    if source.stdin:
        if stdin is None:
            raise DataError("standard input must be given to be read.", hint="Name a file.")
        parts = [Part(source.label, stream=stdin)]
    for part in parts:
        yield part.name, read(part, source, whole=whole)


def _require_same(columns: list[str], names: list[str], *, name: str, first: str) -> None:
    """Check that a file has the columns of the first one."""
    missing = [column for column in names if column not in columns]
    extra = [column for column in columns if column not in names]
    if missing or extra:
        what = [f"{name} lacks {column!r}" for column in missing[:3]]
        what += [f"{name} has {column!r} as well" for column in extra[:3]]
        near = did_you_mean(missing[0], extra) if missing and extra else None
        raise DataError(
            f"all files must have the columns of {first}. Got: {'; '.join(what)}.",
            hint=f"Is {near!r} meant to be {missing[0]!r}?" if near else "Narrow data.path to files of one kind.",
        )
