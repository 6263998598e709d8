"""Arrow IPC, as a stream or as a file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlcli.serving.call import Columns, Problem
from mlcli.serving.formats.tables import columns_of, too_long, too_many_rows
from mlcli.serving.settings import ServeSettings

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"ARROW1\0\0"
_DICTIONARY, _RECORDS = 2, 3
_UNCOMPRESSED = -1


def decode_arrow(body: bytes, _parameters: Mapping[str, str], settings: ServeSettings) -> Columns:
    """Read an Arrow IPC stream, or an Arrow file.

    Rows and unpacked bytes are counted from the messages' own headers before
    anything is unpacked, and every offset is checked before it is used.

    Parameters
    ----------
    body : bytes
        The stream or file.
    settings : ServeSettings
        Limits of the service.

    Raises
    ------
    Problem
        400 if it is damaged or something else, 413 if it holds too much.

    References
    ----------
    .. [1] "Arrow Columnar Format", section "Serialization and Interprocess Communication (IPC)".
    """
    import pyarrow as pa
    from pyarrow import ipc

    # A file is a stream between a magic word and a footer.
    start = len(_MAGIC) if body.startswith(_MAGIC) else 0
    stream = pa.py_buffer(body).slice(start)
    # No threads: what they still hold when the process ends would abort it.
    options = ipc.IpcReadOptions(use_threads=False, ensure_alignment=ipc.Alignment.DataTypeSpecific)
    try:
        _check_messages(stream, settings)
        with ipc.open_stream(stream, options=options) as reader:
            table = reader.read_all()
            table.validate(full=True)
            return columns_of(table, settings)
    except (pa.ArrowException, OSError, ValueError, IndexError, struct.error):
        raise Problem(
            400, "the body must be a whole Arrow IPC stream or file.", hint="pyarrow.ipc.new_stream writes one."
        ) from None


def _check_messages(stream: pa.Buffer, settings: ServeSettings) -> None:
    """Refuse a stream of too many rows, or of too many bytes when it is unpacked."""
    from pyarrow import ipc

    n_rows = n_bytes = 0
    for message in ipc.MessageReader.open_stream(stream):
        kind, rows, sizes = _batch(message.metadata.to_pybytes(), message.body)
        if kind == _RECORDS:
            n_rows += rows
        n_bytes += sizes
        if n_rows > settings.max_rows:
            raise too_many_rows(settings.max_rows)
        if n_bytes > settings.max_body:
            raise too_long(settings.max_body)


def _batch(header: bytes, body: pa.Buffer | None) -> tuple[int, int, int]:
    """Return a message's kind, its rows, and the bytes of its buffers when they are unpacked."""
    message = _Table.root(header)
    kind = message.number(1, "<B")
    batch = message.table(2)
    if kind == _DICTIONARY:
        batch = batch.table(1) if batch is not None else None
    if kind not in {_DICTIONARY, _RECORDS} or batch is None or body is None:
        return kind, 0, 0
    packed = batch.table(3) is not None
    data = memoryview(body)
    size = 0
    for offset, length in batch.pairs(2):
        unpacked = struct.unpack_from("<q", data, offset)[0] if packed and length >= 8 else _UNCOMPRESSED
        if unpacked < _UNCOMPRESSED or length < 0:
            raise ValueError
        size += length if unpacked == _UNCOMPRESSED else unpacked
    return kind, batch.number(0, "<q"), size


class _Table:
    """A table of a flatbuffer: just enough to read the counts in a message's header.

    References
    ----------
    .. [1] "FlatBuffers Internals", https://flatbuffers.dev/internals.
    """

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - struct.unpack_from("<i", data, position)[0]
        if position < 0 or self._fields < 0:
            raise ValueError

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _place(self, field: int) -> int | None:
        size = struct.unpack_from("<H", self._data, self._fields)[0]
        slot = 4 + 2 * field
        if slot + 2 > size:
            return None
        offset = struct.unpack_from("<H", self._data, self._fields + slot)[0]
        return self._position + offset if offset else None

    def number(self, field: int, form: str) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from(form, self._data, place)[0])

    def _target(self, field: int) -> int | None:
        place = self._place(field)
        return None if place is None else place + struct.unpack_from("<I", self._data, place)[0]

    def table(self, field: int) -> _Table | None:
        place = self._target(field)
        return None if place is None else _Table(self._data, place)

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Yield the pairs of 64-bit numbers in a vector."""
        place = self._target(field)
        if place is None:
            return
        count = struct.unpack_from("<I", self._data, place)[0]
        if place + 4 + 16 * count > len(self._data):
            raise ValueError
        yield from struct.iter_unpack("<qq", self._data[place + 4 : place + 4 + 16 * count])
