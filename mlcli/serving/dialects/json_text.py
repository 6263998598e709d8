"""JSON bodies as clients of many languages write them, and JSON answers that every client reads."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from mlcli.serving.call import Problem

T = TypeVar("T")

# A text is stepped over whole, an unfinished one to the end: otherwise each of its
# quotes would be tried as a beginning, and a hostile body cost the square of its length.
_NOT_A_NUMBER = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|NaN|-?Infinity', re.DOTALL)


def decode_json(text: bytes | msgspec.Raw, kind: type[T], *, place: str = "the body") -> T:
    """Read JSON of one form.

    ``NaN``, which is no JSON but what Python's clients write for a missing
    number, is read as null; ``Infinity`` as a text, which no number is.

    Parameters
    ----------
    text : bytes
        The JSON text.
    kind : type
        What it must hold, as msgspec checks it.
    place : str, default="the body"
        What is read, for messages.

    Raises
    ------
    Problem
        400, if the text is no JSON or has another form.
    """
    try:
        return _decode(text, kind, place=place)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = bytes(text)
        if b"NaN" not in plain and b"Infinity" not in plain:
            raise _malformed(place) from None
    try:
        return _decode(_NOT_A_NUMBER.sub(_plain_json, plain), kind, place=place)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed(place) from None


def encode_json(value: Any) -> bytes:
    """Return strict JSON; a number that JSON cannot hold is null."""
    return msgspec.json.encode(value)


def _decode(text: bytes | msgspec.Raw, kind: type[T], *, place: str) -> T:
    try:
        decoded: T = _decoder(cast("Any", kind)).decode(text)
    except msgspec.ValidationError as error:
        # The text of the error names types and positions, never a value.
        raise Problem(400, f"{place} must be of the documented form. {error}.") from None
    return decoded


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # Made once for each form: making one takes longer than reading a small body.
    return msgspec.json.Decoder(kind)


def _plain_json(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found[:1] == b'"':
        return found
    return b"null" if found == b"NaN" else b'"Infinity"'


def _malformed(place: str) -> Problem:
    return Problem(400, f"{place} must be JSON.", hint="Check it with a JSON parser: `python -m json.tool`.")
