"""Tables written to a file or a stream, batch by batch: CSV, JSON Lines, Parquet."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, Self

from mlcli.atomic import atomic_file, is_write_failure, output_error
from mlcli.errors import ConfigError, MlcliError

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import ReadableBuffer

OutputFormat = Literal["csv", "jsonl", "parquet"]

OUTPUT_FORMATS: dict[str, OutputFormat] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Format of each file name's ending."""

_ROWS = 1 << 16
"""Rows that are turned to text at a time."""


def format_of(path: Path) -> OutputFormat:
    """Return the format that a file's name tells.

    Raises
    ------
    ConfigError
        If its ending tells none.
    """
    found = OUTPUT_FORMATS.get(path.suffix.lower())
    if found is None:
        raise ConfigError(
            f"{path} must end in one of {', '.join(OUTPUT_FORMATS)}. Got {path.suffix or 'no ending'!r}.",
            hint="Choose another name, or give --format.",
        )
    return found


def open_writer(target: Path | BinaryIO, *, format: OutputFormat) -> TableWriter:  # noqa: A002 -- the word of the option
    """Open a place for tables.

    Parameters
    ----------
    target : Path or BinaryIO
        A file, which appears whole when the writer closes well, or not at
        all; or a stream such as standard output, written as the tables come.
        A pipe or a device named by a path is written as a stream.
    format : OutputFormat
        How the rows are written.

    Returns
    -------
    TableWriter
        A context manager. Nothing is opened before it is entered.
    """
    return TableWriter(target, format=format)


class TableWriter:
    """Writes tables with the same columns one below the other.

    Parameters
    ----------
    target : Path or BinaryIO
        See `open_writer`.
    format : OutputFormat
        How the rows are written.
    """

    def __init__(self, target: Path | BinaryIO, *, format: OutputFormat) -> None:  # noqa: A002 -- the word of the option
        self._target = target
        self._format = format
        self._label = str(target) if isinstance(target, Path) else "standard output"
        self._open = ExitStack()
        self._sink: _Sink | None = None
        self._form: _Form | None = None

    def __enter__(self) -> Self:
        """Open the target.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if not isinstance(self._target, Path):
            self._sink = _Sink(self._target)
            return self
        place = self._target
        if not (place.is_fifo() or place.is_char_device()):
            place = self._open.enter_context(atomic_file(place))
        try:
            self._sink = _Sink(self._open.enter_context(place.open("wb")))
        except OSError as error:
            self._open.close()
            raise output_error(self._label, error) from error
        return self

    def write(self, table: pa.Table) -> None:
        """Append the rows of `table`. The first table decides the columns.

        Raises
        ------
        OutputError
            If the rows cannot be written.
        BrokenPipeError
            If the reader of a stream has left.
        ValueError
            If the columns are not those of the first table.
        """
        assert self._sink is not None, "a writer is entered before it is written to"
        try:
            if self._form is None:
                self._form = _FORMS[self._format](self._sink, table.schema)
            self._form.write(table)
        except OSError as error:
            raise self._said(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Complete the target, or remove what was written of a file when the block raised."""
        if kind is not None:
            self._abandon()
            # The block's own error is the one to tell; what a full disk adds while closing is not.
            with suppress(OSError):
                self._open.__exit__(kind, error, traceback)
            return
        try:
            with self._open:
                if self._form is not None:
                    self._form.close()
                assert self._sink is not None
                self._sink.flush()
        except OSError as failure:
            self._abandon()
            raise self._said(failure) from failure

    def _abandon(self) -> None:
        # Arrow's writer puts a Parquet footer below half a table when it goes, so that it would look whole.
        if self._sink is not None:
            self._sink.abandoned = True
        if self._form is not None:
            self._form.close()

    def _said(self, error: OSError) -> OSError:
        if isinstance(error, MlcliError) or not is_write_failure(error):
            return error
        return output_error(self._label, error)


class _Sink(io.RawIOBase):
    """A stream that takes all it is given, until it is told to swallow the rest."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and not self.abandoned:
            # Standard output without a buffer (python -u) takes only what fits into the pipe.
            written = self._stream.write(rest)
            rest = rest[written:]
        return size

    def flush(self) -> None:
        if not self.closed and not self.abandoned:
            self._stream.flush()


class _Form(Protocol):
    """How rows become bytes."""

    def __init__(self, stream: _Sink, schema: pa.Schema) -> None: ...

    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _TextForm:
    """Rows as lines, put together column by column: some ten times quicker than row by row."""

    def __init__(self, stream: _Sink, schema: pa.Schema) -> None:
        self._stream = stream
        self._names = schema.names
        header = self._header()
        if header:
            stream.write(header)

    def write(self, table: pa.Table) -> None:
        """Append lines, one a row."""
        from pyarrow import compute as pc

        if table.column_names != self._names:
            raise ValueError(f"every table must have the columns {self._names}. Got {table.column_names}.")
        # Joined first: a table of many small chunks would cost a pass for each.
        pieces = (table.slice(start, _ROWS).combine_chunks() for start in range(0, table.num_rows, _ROWS))
        for batch in chain.from_iterable(piece.to_batches() for piece in pieces):
            between = [_large(text) for text in self._between()]
            texts: list[object] = [between[0]]
            for values, text in zip(batch.columns, between[1:], strict=True):
                texts += [self._cells(values).fill_null(self._null()), text]
            # Large strings: the lines of a batch may well be more than 2 GB.
            lines = pc.binary_join_element_wise(*texts, _large(""))
            # The characters of all lines lie one after another in one buffer: what is to be written.
            self._stream.write(memoryview(lines.buffers()[2])[: _length(lines)])

    def close(self) -> None:
        """Lines need no ending of their own."""

    def _header(self) -> bytes:
        raise NotImplementedError

    def _between(self) -> list[str]:
        raise NotImplementedError

    def _null(self) -> str:
        raise NotImplementedError

    def _cells(self, values: pa.Array) -> pa.Array:
        raise NotImplementedError


class _CsvForm(_TextForm):
    """Comma-separated, quoted only where needed, missing cells blank."""

    def _header(self) -> bytes:
        return ",".join(_quoted(name) for name in self._names).encode() + b"\n"

    def _between(self) -> list[str]:
        return ["", *[","] * (len(self._names) - 1), "\n"]

    def _null(self) -> str:
        # A blank line is no row: a lone missing cell is written as a quoted blank.
        return '""' if len(self._names) == 1 else ""

    def _cells(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa
        from pyarrow import compute as pc
        from pyarrow import types as is_type

        texts = _without_nan(values).cast(pa.large_string())
        if not (is_type.is_string(values.type) or is_type.is_large_string(values.type)):
            return texts
        special = pc.fill_null(pc.match_substring_regex(texts, '[",\r\n]'), False)
        if pc.any(special).as_py():
            doubled = pc.replace_substring(texts, '"', '""')
            texts = pc.if_else(
                special, pc.binary_join_element_wise(_large('"'), doubled, _large('"'), _large("")), texts
            )
        return pc.if_else(pc.equal(texts, ""), '""', texts) if len(self._names) == 1 else texts


class _JsonLinesForm(_TextForm):
    """One JSON object a line; missing cells null, never NaN."""

    def _header(self) -> bytes:
        return b""

    def _between(self) -> list[str]:
        keys = [json.dumps(name, ensure_ascii=False) + ":" for name in self._names]
        return ["{" + keys[0], *["," + key for key in keys[1:]], "}\n"]

    def _null(self) -> str:
        return "null"

    def _cells(self, values: pa.Array) -> pa.Array:
        import msgspec
        import pyarrow as pa
        from pyarrow import types as is_type

        if isinstance(values.type, pa.JsonType):
            return values.storage.cast(pa.large_string())
        if is_type.is_null(values.type):
            return values.cast(pa.large_string())
        if is_type.is_integer(values.type) or is_type.is_floating(values.type) or is_type.is_boolean(values.type):
            return _without_nan(values).cast(pa.large_string())
        encode = msgspec.json.Encoder().encode
        texts = values.cast(pa.large_string()).dictionary_encode()
        # Each different text is escaped once: labels repeat.
        encoded = [encode(text).decode() for text in texts.dictionary.to_pylist()]
        return pa.array(encoded, pa.large_string()).take(texts.indices)


class _ParquetForm:
    """Parquet, a row group a table."""

    def __init__(self, stream: _Sink, schema: pa.Schema) -> None:
        from pyarrow import parquet

        self._schema = schema
        self._writer = parquet.ParquetWriter(stream, schema)

    def write(self, table: pa.Table) -> None:
        """Append a row group, in the types of the first table."""
        if table.column_names != self._schema.names:
            raise ValueError(f"every table must have the columns {self._schema.names}. Got {table.column_names}.")
        self._writer.write_table(table.cast(self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


_FORMS: dict[OutputFormat, type[_Form]] = {"csv": _CsvForm, "jsonl": _JsonLinesForm, "parquet": _ParquetForm}


def _large(text: str) -> pa.Scalar:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())


def _length(lines: pa.Array) -> int:
    """Return the number of bytes of a large string array that starts at offset 0."""
    import numpy as np

    return int(np.frombuffer(lines.buffers()[1], dtype=np.int64)[len(lines)])


def _without_nan(values: pa.Array) -> pa.Array:
    """Return `values` with NaN and infinity as null: neither text format has them."""
    import pyarrow as pa
    from pyarrow import compute as pc
    from pyarrow import types as is_type

    if not is_type.is_floating(values.type):
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _quoted(text: str) -> str:
    if not any(character in text for character in '",\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
