"""A request's body: read whole, decompressed, and never longer than allowed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from mlcli.serving.call import Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_PART = 2**16
"""Most bytes that one step of decompression yields; between steps other requests are answered."""

_TAKEN = 2**12
"""Most compressed bytes that are handed to zlib at once: what a step leaves of them is copied for the next."""

_ENCODINGS = "gzip, deflate"


class ClientGone(Exception):  # noqa: N818 - not a failure of anyone's: there is nobody left to answer
    """The client closed the connection before its request was whole."""


class _Decoder(Protocol):
    def parts(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds."""

    def end(self) -> None:
        """Raise where the body must not end here."""


class BodyReader:
    """Reads the bodies of requests within limits.

    Parameters
    ----------
    limit : int
        Longest body in bytes, as sent and after decompression.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        # Slow uploads keep what they sent so far in memory: a few of the longest are fine, a thousand are not.
        self._most_held = 4 * limit

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the whole body, decompressed.

        Raises
        ------
        Problem
            400 for a stream that cannot be decompressed, 413 for a body that is
            too long, 415 for an unknown encoding, 429 while too many unfinished
            bodies are held.
        ClientGone
            If the client leaves before the end.
        """
        length = headers.get(b"content-length")
        # Not every server checks the header, and int() reads more than digits.
        if length is not None and length.isdigit() and (len(length) > 18 or int(length) > self.limit):
            raise self._too_long()
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body: bytes = message.get("body", b"")
        encoding = headers.get(b"content-encoding")
        if encoding is None and not message.get("more_body", False):
            if len(body) > self.limit:
                raise self._too_long()
            return body
        return await self._read_on(receive, message, _Plain() if encoding is None else _decoder(encoding))

    async def _read_on(self, receive: Receive, message: Message, decoder: _Decoder) -> bytes:
        """Return a body that comes in pieces, or compressed."""
        n_sent = 0
        body = bytearray()
        held = 0
        try:
            while True:
                piece: bytes = message.get("body", b"")
                n_sent += len(piece)
                if n_sent > self.limit:
                    raise self._too_long()
                for part in decoder.parts(piece):
                    body += part
                    if len(body) > self.limit:
                        raise self._too_long()
                    self._held += len(part)
                    held += len(part)
                    if self._held > self._most_held:
                        raise _too_much_held()
                    if len(part) == _PART:
                        await asyncio.sleep(0)
                if not message.get("more_body", False):
                    break
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
            decoder.end()
        finally:
            self._held -= held
        return bytes(body)

    def _too_long(self) -> Problem:
        return Problem(
            413,
            f"the body must be at most {self.limit:,} bytes long, also after decompression.",
            hint="Send fewer rows in one request.",
        )


def _too_much_held() -> Problem:
    return Problem(
        429,
        "too many long requests are being sent at once.",
        hint="Send the request again a little later.",
        headers=(("Retry-After", "1"),),
    )


class _Plain:
    """A body that is sent as it is."""

    def parts(self, piece: bytes) -> Iterator[bytes]:
        """Yield the piece."""
        yield piece

    def end(self) -> None:
        """Plain bytes may end anywhere."""


def _decoder(encoding: bytes) -> _Decoder:
    match encoding.decode("latin-1").strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Inflater(gzip=True)
        case "deflate":
            return _Inflater(gzip=False)
    raise Problem(
        415,
        f"the content encoding must be one of {_ENCODINGS}.",
        hint="Leave Content-Encoding out and send the body as it is.",
        headers=(("Accept-Encoding", _ENCODINGS),),
    )


class _Inflater:
    """Decompresses a stream of gzip members, or one of deflate."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        # RFC 9110 means the zlib format by "deflate"; some clients send the bare stream, which `parts` then tries.
        self._stream = zlib.decompressobj(31 if gzip else 15)
        self._n_read = 0

    def parts(self, piece: bytes) -> Iterator[bytes]:
        """Yield what a piece holds, at most `_PART` bytes at a time."""
        for start in range(0, len(piece), _TAKEN):
            yield from self._parts(piece[start : start + _TAKEN])

    def _parts(self, piece: bytes) -> Iterator[bytes]:
        full = False
        # A step that filled its part may hold more inside, though all input is used.
        while piece or full:
            if self._stream.eof:
                piece = self._after_the_end(piece)
                full = False
                continue
            part = self._inflate(piece)
            self._n_read += len(piece)
            full = len(part) == _PART
            piece = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if part:
                yield part

    def end(self) -> None:
        """Raise `Problem` where the stream is cut short."""
        if self._n_read and not self._stream.eof:
            raise Problem(400, "the compressed body must be whole. It ends too soon.")

    def _inflate(self, piece: bytes) -> bytes:
        try:
            return self._stream.decompress(piece, _PART)
        except zlib.error:
            if self._gzip or self._n_read:
                raise _not_compressed() from None
        self._stream = zlib.decompressobj(-15)
        try:
            return self._stream.decompress(piece, _PART)
        except zlib.error:
            raise _not_compressed() from None

    def _after_the_end(self, piece: bytes) -> bytes:
        """Begin the next gzip member; zeros that pad the last one are nothing."""
        rest = piece.lstrip(b"\0")
        if rest:
            if not self._gzip:
                raise _not_compressed()
            self._stream = zlib.decompressobj(31)
        return rest


def _not_compressed() -> Problem:
    return Problem(400, "the body must be compressed as Content-Encoding says.")
