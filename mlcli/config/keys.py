"""Dotted keys: how a place in a config is written on one line.

``preprocess.number.scale`` names a key; a part that holds a dot, an equals
sign or a quote is written in double quotes: ``data.columns."a.b"``.
"""

from __future__ import annotations

import json
import re

Key = tuple[str, ...]
"""A place in a config, from the top."""

_BARE = re.compile(r'[^.="\s](?:[^.=\n\r]*[^.=\s])?')
_PART = re.compile(r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bare>[^.="][^.=]*)')


def join_key(key: Key) -> str:
    """Write `key` as one dotted text that `split_key` reads back."""
    return ".".join(part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False) for part in key)


def split_key(text: str) -> Key:
    """Read a dotted key.

    Raises
    ------
    ValueError
        If `text` is no dotted key: an empty part, or a quote that is not closed.
    """
    key, rest = split_assignment(text)
    if rest is not None:
        raise ValueError(f"a part with '=' must stand in double quotes. Got {text!r}")
    return key


def split_assignment(text: str) -> tuple[Key, str | None]:
    """Read ``key.path=value`` into the key and the text after the first ``=`` outside quotes.

    The text is None where there is no ``=``.

    Raises
    ------
    ValueError
        If the left side is no dotted key.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(f"a part of the key is empty or its quote is not closed. Got {text!r}")
        quoted = match["quoted"]
        parts.append(_unquote(quoted) if quoted else match["bare"].strip())
        position = match.end()
        if position == len(text):
            return tuple(parts), None
        separator, position = text[position], position + 1
        if separator == "=":
            return tuple(parts), text[position:]
        if separator != ".":
            raise ValueError(f"a quoted part must be followed by '.' or '='. Got {text!r}")


def _unquote(text: str) -> str:
    try:
        part = json.loads(text, strict=False)
    except json.JSONDecodeError:
        raise ValueError(f"a quoted part must be written as in JSON. Got {text}") from None
    return str(part)
