"""The zip with one layout."""

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.archive import ArchiveWriter, read_content, read_layout, write_archive
from mlcli.errors import ArtifactError

MEMBERS = [("a.json", b"{}"), ("b.bin", bytes(range(256)) * 3), ("empty", b"")]


def written(members=MEMBERS):
    file = io.BytesIO()
    write_archive(file, members)
    return file.getvalue()


def read(content):
    file = io.BytesIO(content)
    return [(m.name, read_content(file, m, place="here")) for m in read_layout(file, place="here")]


names = st.text("abcdefgh._-/", min_size=1, max_size=12)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=200), min_size=1, max_size=6))
def test_what_is_written_is_read_again(members):
    assert read(written(list(members.items()))) == list(members.items())


def test_any_unzip_tool_reads_the_archive():
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == dict(MEMBERS)
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_the_same_members_give_the_same_bytes():
    assert written() == written()


def test_every_single_bit_matters():
    """Flip one bit of each byte in turn: headers, contents and the table all notice."""
    whole = bytearray(written())
    for position in range(len(whole)):
        whole[position] ^= 1
        with pytest.raises(ArtifactError):
            read(bytes(whole))
        whole[position] ^= 1
    assert read(bytes(whole)) == MEMBERS


def test_every_prefix_is_refused():
    whole = written()
    for length in range(len(whole)):
        with pytest.raises(ArtifactError):
            read(whole[:length])


def by_zipfile(**options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.writestr(zipfile.ZipInfo("a.json"), b"0" * 5000)
    return file.getvalue()


def linked():
    """A member that is a symbolic link."""
    content = bytearray(written([("a", b"/etc/passwd")]))
    position = content.index(b"PK\x01\x02") + 38
    content[position : position + 4] = struct.pack("<I", 0o120777 << 16)
    return bytes(content)


def flagged(bit):
    content = bytearray(written([("a", b"x")]))
    content[6] |= bit
    content[content.index(b"PK\x01\x02") + 8] |= bit
    return bytes(content)


def twice():
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    writer.add("a", b"first")
    writer.add("a", b"second")
    writer.finish()
    return file.getvalue()


def overlapping():
    """A second entry of the table whose header lies inside the first member."""
    inner = io.BytesIO()
    write_archive(inner, [("b", b"hidden")])
    header = inner.getvalue()[: 30 + 1 + 6]
    outer = written([("a", header)])
    start = outer.index(b"PK\x01\x02")
    entry = bytearray(outer[start:-22])
    entry[16:28] = struct.pack("<3I", zlib.crc32(b"hidden"), 6, 6)
    entry[42:46] = struct.pack("<I", 31)
    entry[46:47] = b"b"
    table = outer[start:-22] + bytes(entry)
    return outer[:start] + table + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, len(table), start, 0)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x05\x06" + bytes(18), id="an empty zip"),
        pytest.param(b"name,age\n1,2\n" * 40, id="a table"),
        pytest.param(
            b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.", id="a pickle"
        ),
        pytest.param(by_zipfile(), id="a zip of another writer"),
        pytest.param(by_zipfile(compression=zipfile.ZIP_DEFLATED), id="a compressed zip"),
        pytest.param(linked(), id="a symbolic link"),
        pytest.param(flagged(1), id="an encrypted member"),
        pytest.param(flagged(8), id="sizes behind the data"),
        pytest.param(twice(), id="one name twice"),
        pytest.param(overlapping(), id="overlapping members"),
        pytest.param(written() + b"\0", id="something behind it"),
        pytest.param(b"#!/bin/sh\n" + written(), id="something before it"),
        pytest.param(written() + written(), id="two archives in one file"),
    ],
)
def test_another_layout_is_refused_with_one_thing_to_try(content):
    with pytest.raises(ArtifactError) as caught:
        read(content)
    assert str(caught.value).startswith("here must")
    assert caught.value.hint


def test_more_members_than_a_zip_can_count_are_refused():
    class Nowhere(io.BytesIO):
        def write(self, data):
            return len(data)

    with pytest.raises(ArtifactError, match="65,534 arrays"):
        write_archive(Nowhere(), ((str(number), b"") for number in range(65_535)))
