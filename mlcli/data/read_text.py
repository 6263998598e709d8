"""CSV and TSV: every cell as text, blank cells null."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mlcli.data.read_bytes import Part, arrow_file, open_text
from mlcli.data.read_header import Header, read_header
from mlcli.data.read_rows import Block, row_blocks
from mlcli.data.source import Source
from mlcli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 2 << 20
"""Bytes that are parsed at a time in bounded memory."""

_WHOLE_BLOCK = 4 << 20
"""Likewise where all rows are kept anyway."""

_SHOWN = 3
"""Bad rows that a message names."""


def read_text(part: Part, source: Source, *, whole: bool) -> Iterator[pa.Table]:
    """Read a CSV or TSV file.

    Parameters
    ----------
    part : Part
        The file.
    source : Source
        Its separator and encoding.
    whole : bool
        Whether all rows are kept, so that memory may be spent on speed.

    Yields
    ------
    Table
        First none of its rows, for the columns; then the rows in order. Every
        column is text, blank cells are null.

    Raises
    ------
    DataError
        If it is no table: no header, ragged rows, bytes that are no text.
    """
    import pyarrow as pa

    separator = "\t" if source.format == "tsv" and source.separator is None else source.separator
    with open_text(part, encoding=source.encoding) as stream:
        header = read_header(stream, name=part.name, separator=separator)
        # Not schema.empty_table(), which imports pandas.
        yield pa.Table.from_batches([], schema=pa.schema([(name, pa.string()) for name in header.names]))
        n_rows = 0
        blocks = row_blocks(
            stream,
            name=part.name,
            separator=header.separator,
            first_line=header.n_lines + 1,
            size=_WHOLE_BLOCK if whole else _BLOCK,
        )
        for block in blocks:
            if not block.data.strip(b"\r\n"):
                continue  # blank lines only, which Arrow would call an empty file
            table = _parse(block, header, name=part.name, n_before=n_rows, threaded=whole)
            n_rows += table.num_rows
            yield table


def _parse(block: Block, header: Header, *, name: str, n_before: int, threaded: bool) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        return arrow_csv.read_csv(
            arrow_file(block.data),
            read_options=arrow_csv.ReadOptions(
                column_names=list(header.names), block_size=len(block.data) + 1, use_threads=threaded
            ),
            # No handler for ragged rows: as any Python object in Arrow's hands, it could outlive the interpreter.
            parse_options=arrow_csv.ParseOptions(delimiter=header.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={column: pa.string() for column in header.names},
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,  # the stream hands out nothing else
            ),
        )
    except pa.ArrowInvalid as error:
        ragged = _ragged_rows(block, header, n_before=n_before)
        if not ragged:
            raise DataError(f"{name} must be a table of text. Got: {error}.", hint="Check the file.") from error
        raise _ragged_error(ragged, header, name) from None


class _Row(NamedTuple):
    """A row with another number of cells than the header."""

    row: int
    line: int
    n_cells: int
    last_cell: str


def _ragged_rows(block: Block, header: Header, *, n_before: int) -> list[_Row]:
    """Find the first rows of a block with too few or too many cells; slow, for messages."""
    found: list[_Row] = []
    reader = csv.reader(io.StringIO(block.data.decode(), newline=""), delimiter=header.separator)
    row, n_lines = n_before, 0
    # The module's limit on a cell is one for the whole process; it is put back.
    limit = csv.field_size_limit(len(block.data) + 1)
    try:
        for cells in reader:
            if cells:  # a blank line is no row
                row += 1
                if len(cells) != len(header.names):
                    found.append(_Row(row, block.first_line + n_lines, len(cells), cells[-1]))
                    if len(found) == _SHOWN:
                        break
            n_lines = reader.line_num
    finally:
        csv.field_size_limit(limit)
    return found


def _ragged_error(ragged: list[_Row], header: Header, name: str) -> DataError:
    expected = len(header.names)
    rows = ", ".join(f"{bad.n_cells} in row {bad.row} (line {bad.line})" for bad in ragged)
    if all(bad.n_cells == expected + 1 and not bad.last_cell.strip() for bad in ragged):
        hint = "The rows end with a separator: remove it, or give the header one more name."
    else:
        hint = f"If {header.separator!r} separates the cells, quote those that hold it; if not, set data.separator."
    return DataError(
        f"{name}: every row must have {expected} {'cell' if expected == 1 else 'cells'}, as the header has. Got {rows}.",
        hint=hint,
    )
