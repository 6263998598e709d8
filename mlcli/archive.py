"""A zip of stored members with exactly one layout.

The writer leaves no freedom: no compression, no timestamps, no extra fields,
no comment, members end to end from the first byte to the last. The reader
takes the list of members, lays the same zip out again and compares every
byte that is not a member's own. So the same members always give the same
file, any unzip tool reads it, and a compressed, encrypted, overlapping,
linked, hidden or appended thing cannot be in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from mlcli.errors import ArtifactError

MAX_MEMBERS = 65_534
"""Most members: the layout has no ZIP64 records, whose counts are 16 bits wide without them."""

MAX_BYTES = 2**32 - 2
"""Longest archive in bytes, for the same reason: offsets are 32 bits wide."""

CHUNK = 1 << 20

_VERSION = 20  # 2.0, what every unzip tool reads
_UNIX = 3 << 8
_DATE = 0x21  # 1980-01-01, the first day a zip can name: the time of writing is not content
_REGULAR_FILE = 0o100644 << 16
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_TRAIN_AGAIN = "Copy the file again from where it was whole, or train again."


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Parameters
    ----------
    name : str
        ASCII name.
    size : int
        Bytes of content.
    crc : int
        CRC-32 of the content.
    start : int
        Offset of the content in the archive, in bytes.
    """

    name: str
    size: int
    crc: int
    start: int


class ArchiveWriter:
    """Writes members one after another, then the table that ends the archive.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written: list[Member] = []
        self._position = 0

    def add(self, name: str, content: bytes) -> None:
        """Write one member.

        Parameters
        ----------
        name : str
            ASCII name, not yet taken.
        content : bytes
            What it holds.

        Raises
        ------
        ArtifactError
            If the archive would grow too long, or hold too many members.
        """
        header_size = _LOCAL.size + len(name)
        member = Member(name, len(content), zlib.crc32(content), self._position + header_size)
        self._position += header_size + member.size
        # The table at the end repeats every name; it must fit as well.
        if self._position > MAX_BYTES - 8 * CHUNK or len(self._written) >= MAX_MEMBERS:
            raise ArtifactError(
                f"a stored model must stay under 4 GiB and {MAX_MEMBERS:,} arrays. Got more.",
                hint="Make the model smaller: fewer or shallower trees, fewer n-grams.",
            )
        self._file.write(_local_header(member))
        self._file.write(content)
        self._written.append(member)

    def finish(self) -> None:
        """Write the table; nothing can be added afterwards."""
        table = b"".join(_central_header(member) for member in self._written)
        self._file.write(table)
        self._file.write(_end_record(len(self._written), len(table), self._position))


def write_archive(file: BinaryIO, members: Iterable[tuple[str, bytes]]) -> None:
    """Write `members` to `file`, in their order.

    Parameters
    ----------
    file : binary file
        Open for writing, at its beginning.
    members : iterable of (str, bytes)
        ASCII names, each once, and contents.

    Raises
    ------
    ArtifactError
        If they are too many or too long for one archive.
    """
    writer = ArchiveWriter(file)
    for name, content in members:
        writer.add(name, content)
    writer.finish()


def read_layout(file: BinaryIO, *, place: str) -> tuple[Member, ...]:
    """Return the members of an archive, having compared every byte between them.

    Contents are not read: see `read_content`.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable.
    place : str
        What the file is called in an error message.

    Raises
    ------
    ArtifactError
        If the file is not exactly what `write_archive` writes.
    """
    length = file.seek(0, 2)
    end = _read(file, max(0, length - _END.size), _END.size, place=place)
    if length == 0 or _read(file, 0, min(4, length), place=place) != b"PK\x03\x04":
        raise ArtifactError(
            f"{place} must be a file that `mlcli train` wrote. It is no archive.",
            hint="Name a run folder or a .mlcli file.",
        )
    if len(end) < _END.size or end[:4] != b"PK\x05\x06" or length > MAX_BYTES:
        raise ArtifactError(
            f"{place} must end as it was written. It is cut short, or something was appended.", hint=_TRAIN_AGAIN
        )
    count, table_size, table_start = _END.unpack(end)[4:7]
    if end != _end_record(count, table_size, table_start) or table_start + table_size + _END.size != length:
        raise _altered(place)
    members = _read_table(_read(file, table_start, table_size, place=place), count, place=place)
    position = 0
    for member in members:
        header = _local_header(member)
        if member.start != position + len(header) or _read(file, position, len(header), place=place) != header:
            raise _altered(place)
        position = member.start + member.size
    if position != table_start:
        raise _altered(place)
    return members


def read_content(file: BinaryIO, member: Member, *, place: str) -> bytes:
    """Return the content of one member, checked against its CRC.

    Raises
    ------
    ArtifactError
        If the content is not what was written.
    """
    content = _read(file, member.start, member.size, place=place)
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise ArtifactError(
            f"{place}: {member.name} must be as it was written. Its checksum differs.", hint=_TRAIN_AGAIN
        )
    return content


def _read_table(table: bytes, count: int, *, place: str) -> tuple[Member, ...]:
    """Return the members that the table at the archive's end lists, each name once."""
    members: list[Member] = []
    names: set[str] = set()
    position = 0
    for _ in range(count):
        fixed = table[position : position + _CENTRAL.size]
        if len(fixed) < _CENTRAL.size:
            raise _altered(place)
        fields = _CENTRAL.unpack(fixed)
        crc, size, name_size, header_start = fields[7], fields[9], fields[10], fields[16]
        raw_name = table[position + _CENTRAL.size : position + _CENTRAL.size + name_size]
        if not raw_name.isascii():
            raise _altered(place)
        name = raw_name.decode("ascii")
        member = Member(name, size, crc, header_start + _LOCAL.size + name_size)
        if table[position : position + _CENTRAL.size + name_size] != _central_header(member) or name in names:
            raise _altered(place)
        names.add(name)
        members.append(member)
        position += _CENTRAL.size + name_size
    if position != len(table):
        raise _altered(place)
    return tuple(members)


def _local_header(member: Member) -> bytes:
    name = member.name.encode("ascii")
    return (
        _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DATE, member.crc, member.size, member.size, len(name), 0) + name
    )


def _central_header(member: Member) -> bytes:
    name = member.name.encode("ascii")
    header_start = member.start - _LOCAL.size - len(name)
    made_by = _UNIX | _VERSION
    return (
        _CENTRAL.pack(
            b"PK\x01\x02", made_by, _VERSION, 0, 0, 0, _DATE, member.crc, member.size, member.size,
            len(name), 0, 0, 0, 0, _REGULAR_FILE, header_start,
        )
        + name
    )  # fmt: skip


def _end_record(count: int, table_size: int, table_start: int) -> bytes:
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, table_size, table_start, 0)


def _altered(place: str) -> ArtifactError:
    return ArtifactError(
        f"{place} must be laid out as `mlcli train` writes it. It was altered, or written by something else.",
        hint=_TRAIN_AGAIN,
    )


def _read(file: BinaryIO, start: int, size: int, *, place: str) -> bytes:
    try:
        file.seek(start)
        return file.read(size)
    except OSError as error:
        raise ArtifactError(
            f"{place} must be readable. {error.strerror}.", hint="Copy the file to another disk."
        ) from None
