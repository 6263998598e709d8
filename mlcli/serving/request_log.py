"""One line of JSON for each request, on stderr."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec

if TYPE_CHECKING:
    from mlcli.serving.call import Call, Reply

_MOST_OF_A_BODY = 10_000
"""Longest piece of a body that a line holds, in bytes."""


class RequestLog:
    """Writes what was asked and how it was answered.

    A line holds no query values and no headers; bodies only where
    they are asked for.

    Parameters
    ----------
    level : {"off", "requests", "bodies"}
        Nothing, one line a request, or bodies too.
    stream : text stream, optional
        Where to write; stderr as it is at that moment where left out.
    """

    def __init__(self, level: Literal["off", "requests", "bodies"], *, stream: TextIO | None = None) -> None:
        self.on = level != "off"
        self._bodies = level == "bodies"
        self._stream = stream

    def write(self, call: Call, reply: Reply, *, seconds: float) -> None:
        """Write one line."""
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "id": call.request_id,
            "method": call.method,
            "path": call.path,
            "status": reply.status,
            "ms": round(seconds * 1000, 3),
            "rows": call.n_rows,
            "bytes": len(reply.body),
        }
        if self._bodies:
            line["request"] = _shown(call.body)
            line["response"] = _shown(reply.body)
        stream = self._stream or sys.stderr
        # A full disk or a closed pipe behind stderr must not fail the request.
        with contextlib.suppress(OSError, ValueError):
            stream.write(msgspec.json.encode(line).decode() + "\n")
            stream.flush()


def _shown(body: bytes) -> str:
    text = bytes(body[:_MOST_OF_A_BODY]).decode("utf-8", "replace")
    return text if len(body) <= _MOST_OF_A_BODY else f"{text}... ({len(body):,} bytes)"
