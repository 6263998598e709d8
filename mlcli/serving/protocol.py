"""HTTP/1.1 on one connection, with a bound on everything that a client may do to it."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from mlcli.serving.call import Problem
from mlcli.serving.connections import Connections
from mlcli.serving.endpoint import WHOLE_ANSWER
from mlcli.serving.errors import problem_body

if TYPE_CHECKING:
    from uvicorn.config import Config

    from mlcli.serving.short_way import ShortWay

MAX_HEAD = 64 * 1024
"""Most bytes of a request's head."""

MAX_TARGET = 16 * 1024
"""Most bytes of a request's target."""

MAX_FIELDS = 128
"""Most header fields."""

MAX_FRAMING = 1 << 20
"""Most bytes around the chunks of a body, such as their sizes and trailing fields, beyond nine for each of its own."""

_OFFERS = {b"upgrade", b"http2-settings"}
"""Header fields, and tokens of the field Connection, that offer another protocol."""


_CLOSE = (b"connection", b"close")


class ModelState(ServerState):
    """What the connections of a process share, with the fields that every answer begins with.

    Attributes
    ----------
    fields : bytes
        Those fields as they are sent.
    closing : bool
        Whether every answer is the last of its connection.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fields = b""
        self.closing = False

    def tell(self, *, date: bytes) -> None:
        """Tell a new date in every answer from now on."""
        self.default_headers = [(b"date", date), *([_CLOSE] if self.closing else [])]
        self.fields = b"date: %b\r\n" % date

    def close_all(self) -> None:
        """Have every answer close its connection, those under way too, which share the list."""
        self.closing = True
        self.default_headers.append(_CLOSE)


class ModelProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose connections wait in `Connections` and whose heads are bounded.

    Parameters
    ----------
    config, app_state, _loop
        As uvicorn's protocol takes them.
    server_state : ModelState
        What the connections of the process share.
    connections : Connections
        Those of the process that wait.
    short_way : ShortWay, optional
        What answers without uvicorn's cycle of a request.
    """

    server_state: ModelState

    def __init__(
        self,
        config: Config,
        server_state: ModelState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
        short_way: ShortWay | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.waiting = connections
        self._short_way = short_way
        # Of a request that may go the short way: its body so far, then whether it waits there.
        self._held: list[bytes] | None = None
        self._asking = False
        self._verdict: tuple[int, str] | None = None
        self._refused = False
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._pending_bytes = 0
        self._framing_bytes = 0

    @property
    def at_work(self) -> bool:
        """Whether a request is being read or answered."""
        return self._asking or (self.cycle is not None and not self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self.waiting.heads[self] = self.loop.time()
        self.waiting.changed()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.forget(self)
        super().connection_lost(exc)
        self.waiting.changed()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._answer_first()
        was_in_head, was_in_body = self._in_head, self._in_body
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(*(self._verdict or (400, "The request must be HTTP/1.1.")))
            return
        if self._held is not None and not self._asking:
            self._go_usual_way()  # the body goes on
        if self._in_head:
            self._await_head(len(data) if was_in_head else 0)
        elif self._in_body and was_in_body:
            self._framing_bytes += len(data)
            if self._framing_bytes > MAX_FRAMING:
                self._refuse(400, "The chunks of the body must hold more than their own sizes.")

    def _decline(self, rest: bytes) -> None:
        """Read a request again without its offer to speak another protocol.

        The parser takes what follows such a head for the other protocol; in the
        HTTP/1.1 that is spoken on, it is the body. The HTTP client of Java makes that offer with every request.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400, "The service is no proxy.")
            return
        lines = [b"%s %s HTTP/1.1" % (method, self.url)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                lines.append(b"connection: " + b", ".join(token for token in tokens if token.lower() not in _OFFERS))
            elif name not in _OFFERS:
                lines.append(b"%s: %s" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self._in_head = False
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _await_head(self, n_bytes: int) -> None:
        """Bound a head of which only a part has come, in bytes and in time."""
        self._pending_bytes += n_bytes
        if self._pending_bytes > MAX_HEAD:
            self._refuse(431, f"The request head must be at most {MAX_HEAD} bytes long.")
        elif not self.at_work and self not in self.waiting.heads:
            self.waiting.idle.pop(self, None)
            self.waiting.heads[self] = self.loop.time()

    # Callbacks of the parser; what they raise comes out of feed_data.

    def on_message_begin(self) -> None:
        self._answer_first()
        self._in_head, self._in_body = True, False
        self._head_bytes = self._pending_bytes = self._framing_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._head_bytes += len(url)
        if len(self.url) > MAX_TARGET:
            self._stop(414, f"The request target must be at most {MAX_TARGET} bytes long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4  # colon, space and line end
        if self._head_bytes > MAX_HEAD or len(self.headers) >= MAX_FIELDS:
            self._stop(431, f"The request head must be at most {MAX_HEAD} bytes and {MAX_FIELDS} fields long.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # see _decline
        self._in_head, self._in_body = False, True
        self.waiting.heads.pop(self, None)
        self.waiting.idle.pop(self, None)
        if self._may_be_short():
            self._held = []
        else:
            self._begin_cycle()

    def _may_be_short(self) -> bool:
        """Return whether the request whose head is read may go the short way."""
        return (
            self._short_way is not None
            and self._short_way.leads_to(self.parser.get_method(), self.url)
            and not self.at_work
            and not self.flow.write_paused
            and not self.server_state.closing
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
        )

    def _begin_cycle(self) -> None:
        """Have uvicorn make scope, cycle and task of the request whose head is read."""
        url, headers, expect_100_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect_100_continue
        self.headers += headers  # into the scope's own list
        super().on_headers_complete()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # a server may add extensions of its own
        scope["extensions"] = {WHOLE_ANSWER: partial(self._answer, self.cycle)}

    def _go_usual_way(self) -> None:
        """Begin with uvicorn what was held for the short way."""
        held, self._held = self._held or [], None
        self._begin_cycle()
        for part in held:
            super().on_body(part)

    def _answer_first(self) -> None:
        """Have a request answered that waits in the short way: nothing behind it may come before it."""
        if self._asking:
            assert self._short_way is not None
            self._short_way.flush()

    def answered(self, fields: bytes, body: bytes) -> bool:
        """Send the answer of the short way; return False where nobody reads it any more."""
        self._asking, self._held = False, None
        if self.transport.is_closing():
            return False
        self._write(200, fields, body)
        self.server_state.total_requests += 1
        if self.server_state.closing:  # since the request came
            self.transport.close()
        else:
            self.waiting.idle[self] = self.loop.time()
        return True

    def declined(self) -> None:
        """Go the usual way after all."""
        self._asking = False
        if self.transport.is_closing():
            self._held = None
        else:
            self._go_usual_way()
            super().on_message_complete()

    def _write(self, status: int, fields: bytes, body: bytes) -> None:
        """Write an answer in one piece: one call of the system, and one packet."""
        state = self.server_state
        close = b"connection: close\r\n" if state.closing else b""
        self.transport.write(
            b"%b%b%b%b\r\ncontent-length: %d\r\n\r\n%b"
            % (STATUS_LINE[status], state.fields, close, fields, len(body), body)
        )

    def _answer(self, cycle: RequestResponseCycle, status: int, fields: bytes, body: bytes) -> bool:
        """Write an answer at once; return False where it must be sent in ASGI's two messages.

        uvicorn checks every field of a head and writes head and body one after
        the other, each a call of the system and a packet of its own.
        """
        if cycle.response_started or cycle.disconnected or self.flow.write_paused:
            return False
        if self.server_state.closing or not cycle.keep_alive:  # uvicorn closes the connection
            return False
        self._write(status, fields, body)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    def on_body(self, body: bytes) -> None:
        # A chunk of one byte is framed by five or six.
        self._framing_bytes -= 9 * len(body)
        if self._held is not None:
            self._held.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_body = False
        if self._held is not None:
            if self._ask(b"".join(self._held)):
                return
            self._go_usual_way()
        super().on_message_complete()

    def _ask(self, body: bytes) -> bool:
        """Ask in the short way; return whether it was taken."""
        assert self._short_way is not None
        self._asking = len(body) <= self._short_way.longest and self._short_way.take(
            self, self.url, self.headers, body, loop=self.loop
        )
        return self._asking

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one: uvicorn's, without a timer for every answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._in_head:
            self.waiting.heads[self] = self.loop.time()
        else:
            self.waiting.idle[self] = self.loop.time()

    def pause_writing(self) -> None:
        self.waiting.stalled[self] = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.waiting.stalled.pop(self, None)
        super().resume_writing()

    def answer_last(self) -> None:
        """Close the connection behind the answer that is under way."""
        if self.at_work and not self._asking:  # the short way sees by itself that the server is closing
            self.cycle.keep_alive = False

    def give_up(self) -> None:
        """Close the connection; what the client never read is dropped."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._in_head:
            self._refuse(408, "The request head must come sooner.")
        else:
            self.transport.close()

    def _stop(self, status: int, message: str) -> None:
        self._verdict = (status, message)
        raise ValueError(message)

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request, and close: nothing behind it can be told apart."""
        self._answer_first()
        self._refused = True
        self._held = None
        self.waiting.forget(self)
        if self.at_work and not self._in_body and not self.pipeline:
            # An earlier request, read to its end, is still owed its answer.
            self.cycle.keep_alive = False
            return
        if not self.pipeline and not (self.at_work and self.cycle.response_started):
            self.transport.write(refusal(status, message))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def refusal(status: int, message: str) -> bytes:
    """Return a whole HTTP answer for a request that never reached the service."""
    body = msgspec.json.encode(problem_body(Problem(status, message), secrets.token_hex(16)))
    head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return STATUS_LINE[status] + head + body
