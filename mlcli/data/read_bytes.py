"""Files of text as a stream of valid UTF-8, whatever their encoding and packing."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from mlcli.data.source import unreadable
from mlcli.errors import ConfigError, DataError
from mlcli.registry import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_HEAD = 1 << 20
"""Bytes looked at before reading begins: header and separator are found in them."""

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"SQLite format 3", "a SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf", "a 7-zip archive"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x89HDF", "an HDF5 file"),
)

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_COMMON_ENCODINGS = ("utf-8", "utf-16", "gb18030", "gbk", "big5", "shift_jis", "euc-kr", "latin-1", "cp1252", "cp1251")

_NO_FILE_ENCODINGS = frozenset({"unicode-escape", "raw-unicode-escape", "utf-7", "idna", "punycode", "undefined"})
"""Codecs of Python that no text file is written in; some decode to what UTF-8 cannot hold."""


@dataclass(frozen=True)
class Part:
    """One file of a source, or standard input.

    Parameters
    ----------
    name : str
        What messages call it.
    path : Path, optional
        The file; None for standard input.
    stream : BinaryIO, optional
        Standard input.
    """

    name: str
    path: Path | None = None
    stream: BinaryIO | None = None

    @property
    def reopens(self) -> bool:
        """Whether it can be read a second time: a file, not a pipe or standard input."""
        return self.path is not None and self.path.is_file()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes as they lie there; standard input stays open afterwards.

        Raises
        ------
        DataError
            If the file cannot be read.
        """
        if self.path is None:
            assert self.stream is not None  # a part is one or the other
            yield self.stream
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise unreadable(self.name, error) from error
        with file:
            yield file


def arrow_file(data: bytes) -> pa.BufferReader:
    """Return `data` as a file in Arrow's own memory.

    Arrow reads on threads of its own, and lets go of what it read a moment after the answer is here. If that is
    a Python object while the interpreter shuts down, the process is aborted: a run that went well would end in a
    crash. So Arrow is never given a Python file, nor Python's bytes.
    """
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    sink.write(data)
    return pa.BufferReader(sink.getvalue())


def n_line_ends(data: bytes) -> int:
    r"""Return the number of line ends: ``\n``, ``\r\n`` and ``\r`` alone."""
    import numpy as np

    # bytes.count takes its time where lines are short; numpy does not.
    count = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")))
    return count + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else count


def looks_like(head: bytes) -> str | None:
    """Return what a file that begins with `head` seems to be, or None where it may be text."""
    return next((what for signature, what in _SIGNATURES if head.startswith(signature)), None)


@contextmanager
def open_text(part: Part, *, encoding: str) -> Iterator[Utf8Stream]:
    """Open a text file as UTF-8 bytes; gzip is seen from the content.

    Parameters
    ----------
    part : Part
        The file.
    encoding : str
        Its encoding; a byte order mark is stronger than ``"utf-8"``.

    Raises
    ------
    DataError
        If the file is no text; while reading, if a byte does not belong to the encoding.
    ConfigError
        If `encoding` is unknown.
    """
    with part.open() as raw:
        yield Utf8Stream(raw, name=part.name, encoding=encoding)


class Utf8Stream:
    """Bytes of one text file, unpacked, checked and turned to UTF-8 without a byte order mark.

    Parameters
    ----------
    raw : BinaryIO
        The bytes as they lie there.
    name : str
        What messages call the file.
    encoding : str
        The file's encoding.

    """

    def __init__(self, raw: BinaryIO, *, name: str, encoding: str) -> None:
        self._name = name
        self._raw = _unpack(raw, name)
        head = self._read_raw(_HEAD)
        codec, mark = _codec_of(head, encoding, name)
        if codec == "utf-8" and (what := looks_like(head)) is not None:
            raise DataError(f"{name} must be a text file. Got what seems to be {what}.", hint=_advice(what))
        self._utf8 = codec == "utf-8"
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._offset = mark  # bytes of the file that went through the decoder
        self._lines = 0
        self._pending = self._checked(head[mark:], final=len(head) < _HEAD) if head else b""
        self._ended = len(head) < _HEAD

    @property
    def head(self) -> bytes:
        """The next bytes, about the first megabyte at the start, without taking them."""
        return self._pending

    @property
    def ended(self) -> bool:
        """Whether nothing follows `head`."""
        return self._ended

    def skip(self, n_bytes: int) -> None:
        """Drop the first `n_bytes` of `head`."""
        self._pending = self._pending[n_bytes:]

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, nothing at the end.

        Raises
        ------
        DataError
            If the bytes are no text in the encoding.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_HEAD), b""))
        while not self._pending and not self._ended:
            data = self._read_raw(max(size, 1 << 16))
            self._ended = not data
            self._pending = self._checked(data, final=self._ended)
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken

    def _read_raw(self, size: int) -> bytes:
        try:
            return self._raw.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{self._name} must be a whole gzip file. Got one that is truncated or damaged ({error}).",
                hint="Copy or download it again.",
            ) from error
        except OSError as error:
            raise unreadable(self._name, error) from error

    def _checked(self, data: bytes, *, final: bool) -> bytes:
        """Return `data` as UTF-8, or say which byte is none of the encoding."""
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise self._bad_byte(error, data) from None
        out = data if self._utf8 else text.encode()
        if b"\0" in out:
            line = self._lines + n_line_ends(out[: out.index(b"\0")]) + 1
            raise DataError(
                f"{self._name} must be a text file. Got a NUL byte in line {line}: it seems to be binary.",
                hint=_nul_advice(data),
            )
        self._offset += len(data)
        self._lines += n_line_ends(out)
        return out

    def _bad_byte(self, error: UnicodeDecodeError, data: bytes) -> DataError:
        # The decoder may have kept the first bytes of a character from the block before.
        position = self._offset - (len(error.object) - len(data)) + error.start
        before = error.object[: error.start].decode(self._codec, "ignore")
        line = self._lines + n_line_ends(before.encode()) + 1
        return DataError(
            f"{self._name} must be text in {self._codec}. Got byte 0x{error.object[error.start]:02x} at offset {position} (line {line}).",
            hint=_encoding_advice(self._sample(error.object), self._codec),
        )

    def _sample(self, block: bytes) -> bytes:
        # A later block may begin inside a character of another encoding, a line never does.
        return block if self._lines == 0 else block[block.find(b"\n") + 1 :]


def _unpack(raw: BinaryIO, name: str) -> BinaryIO:
    # A file opened for reading can peek; a stream that cannot, such as BytesIO, is wrapped.
    buffered = cast("io.BufferedReader", raw if hasattr(raw, "peek") else io.BufferedReader(cast("io.RawIOBase", raw)))
    if buffered.peek(2)[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if name.endswith(".gz") and buffered.peek(1):
        raise DataError(
            f"{name} must be a gzip file, as its name says. Got other content.", hint="Rename it without .gz."
        )
    return buffered


def _codec_of(head: bytes, encoding: str, name: str) -> tuple[str, int]:
    """Return the codec to read with and the length of the byte order mark."""
    codec = _codec_name(encoding)
    if codec is None:
        near = did_you_mean(encoding, _COMMON_ENCODINGS)
        raise ConfigError(
            f"{name}: data.encoding must be a text encoding that Python knows. Got {encoding!r}.",
            hint=f"Did you mean {near!r}?" if near else f"Common ones: {', '.join(_COMMON_ENCODINGS)}.",
        )
    if codec in {"utf-8", "utf-8-sig", "utf-16", "utf-32"}:
        for mark, marked in _MARKS:
            if head.startswith(mark):
                return marked, len(mark)
    return ("utf-8" if codec in {"utf-8-sig", "ascii"} else codec), 0


def _codec_name(encoding: str) -> str | None:
    """Return Python's name of an encoding that text files may have, or None."""
    try:
        name = codecs.lookup(encoding).name
        codecs.getincrementaldecoder(encoding)
        b"a".decode(encoding, "ignore")  # refuses base64 and the like, which are no text encodings
    except (LookupError, ValueError):
        return None
    return None if name.replace("_", "-") in _NO_FILE_ENCODINGS else name


def _advice(what: str) -> str:
    if "Excel" in what:
        return "Set data.format: excel, or name the file .xlsx."
    if "Parquet" in what:
        return "Set data.format: parquet, or name the file .parquet."
    return "Unpack it or save it as CSV."


def _nul_advice(data: bytes) -> str:
    sample = data[:4096]
    for codec, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = sample[start::2]
        if half.count(0) > len(half) // 2:
            return f"It may be UTF-16. Set data.encoding: {codec}."
    return "Save it as CSV text."


def _encoding_advice(sample: bytes, codec: str) -> str:
    """Return the encoding that reads `sample`, as an action."""
    # Chinese text in GB 18030 has its high bytes in pairs; in a Western encoding an accented letter mostly stands alone.
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    paired = sum(length for length in runs if length > 1)
    order = ("gb18030", "cp1252") if paired > 0.8 * sum(runs) else ("cp1252", "gb18030")
    for candidate in ("utf-8", *order, "latin-1"):
        if candidate != codec and _reads(sample, candidate):
            return f"Set data.encoding: {candidate}, which reads it."
    return "Set data.encoding to the encoding that the file was saved in."


def _reads(data: bytes, codec: str) -> bool:
    try:
        codecs.getincrementaldecoder(codec)().decode(data)
    except UnicodeDecodeError:
        return False
    return True
