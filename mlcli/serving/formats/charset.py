"""A body of text in whatever encoding its sender says."""

from __future__ import annotations

import codecs

from mlcli.serving.call import Problem

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_FAMILIES = ("utf-8", "utf-16", "utf-32", "ascii", "iso8859", "cp", "koi8", "mac-", "gb", "big5", "shift-jis", "euc-")
"""Beginnings of the encodings that texts are sent in; Python knows others, some of them slow to decode."""


def decode_text(body: bytes, charset: str | None) -> str:
    """Return a body as text.

    Parameters
    ----------
    body : bytes
        The body; a byte order mark is stronger than `charset`.
    charset : str, optional
        Parameter of its media type; UTF-8 where there is none.

    Raises
    ------
    Problem
        400 if its bytes are no such text, 415 for an unknown charset.
    """
    codec, mark = next(((codec, mark) for mark, codec in _MARKS if body.startswith(mark)), (None, b""))
    codec = codec or codec_of(charset or "utf-8")
    try:
        text = body[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        raise Problem(
            400,
            f"the body must be text in {codec}. It is not at byte {len(mark) + error.start}.",
            hint="Name its encoding: Content-Type: text/csv; charset=...",
        ) from None
    if "\0" in text:
        raise Problem(400, "the body must be text. It holds a NUL character.")
    return text


def codec_of(charset: str) -> str:
    """Return Python's name of a charset.

    Raises
    ------
    Problem
        415 if it is none that texts are sent in.
    """
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name.replace("_", "-")
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        name = ""
    if not name.startswith(_FAMILIES):
        raise Problem(415, "the charset of the body must be a known one.", hint="Send UTF-8.")
    return name
