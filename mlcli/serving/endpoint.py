"""One address of the service as an ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from time import monotonic
from typing import Any, NoReturn

import msgspec

from mlcli.serving.body import ClientGone, Receive
from mlcli.serving.call import CLIENT_GONE, Call, Problem, Reply
from mlcli.serving.dialects import Dialect, Endpoint
from mlcli.serving.errors import problem_of
from mlcli.serving.headers import Headers, read_query
from mlcli.serving.traffic import Traffic

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WHOLE_ANSWER = "mlcli.whole_answer"
"""Extension of a scope: called with status, head fields and body, it answers at once, or returns False."""

_LINGER_BYTES = 2**24
_LINGER_SECONDS = 2.0
"""How much of a body that was refused is still read, so that the client sees the answer before the connection ends."""

_NOTHING: Mapping[str, str] = {}
_BODILESS = frozenset({"GET", "HEAD"})

_LATE = Problem(504, "the answer must be ready before the request's deadline.", hint="Send fewer rows in one request.")
_SLOW = Problem(408, "the body must come before the request's deadline.", headers=(("Connection", "close"),))


class Address:
    """One path: every request below it ends in an answer.

    Parameters
    ----------
    path : str
        As the table of endpoints writes it.
    endpoints : sequence of Endpoint
        What answers it, by method.
    dialect : Dialect
        Whose shape its errors have.
    traffic : Traffic
        What all addresses share.
    """

    def __init__(self, path: str, endpoints: Sequence[Endpoint], *, dialect: Dialect, traffic: Traffic) -> None:
        self.path = path
        self._dialect = dialect
        self._traffic = traffic
        self._tally = traffic.service.metrics.tally(path)
        self._endpoints = {method: endpoint for endpoint in endpoints for method in endpoint.methods}
        if "GET" in self._endpoints:
            self._endpoints.setdefault("HEAD", self._endpoints["GET"])
        self._allow = ", ".join(sorted(self._endpoints))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # One coroutine for all of it: a prediction takes a few microseconds, and each layer around it takes one more.
        traffic = self._traffic
        deadlines = traffic.deadlines
        # Not the loop's own clock: uvloop's stands still while a turn of the loop lasts.
        began = monotonic()
        headers = Headers(scope["headers"])
        method: str = scope["method"]
        request_id = traffic.request_id(headers.raw)
        call = Call(
            method,
            scope["path"],
            _NOTHING,
            scope.get("path_params") or _NOTHING,
            headers,
            b"",
            request_id.decode("latin-1"),
            began + deadlines.seconds,
        )
        task = asyncio.current_task()
        assert task is not None, "an app runs in a task"
        deadlines.begin(task, call.deadline)
        read = False
        try:
            endpoint = self._endpoints.get(method) or self._not_allowed()
            if traffic.guarded and not endpoint.open:
                traffic.check_token(headers.raw)
            if scope["query_string"]:
                call.query = read_query(scope["query_string"])
            if method not in _BODILESS:
                call.body = await traffic.bodies.read(receive, headers.raw)
            read = True
            reply = await endpoint.handler(traffic.service, call)
        except asyncio.CancelledError:
            if deadlines.is_late(task):
                task.uncancel()
                reply = self._refusal(_LATE if read else _SLOW, call)
            elif traffic.service.ready:
                raise
            else:  # the end of a drain, whose connections are closed
                reply = Reply(CLIENT_GONE, b"")
        except ClientGone:
            reply = Reply(CLIENT_GONE, b"")
        except Exception as error:  # noqa: BLE001 - the one place that turns whatever failed into an answer
            reply = self._excuse(error, call, read=read)
        finally:
            deadlines.end(task)
        if reply.status != CLIENT_GONE:
            await send_reply(reply, request_id, scope=scope, receive=receive, send=send)
        traffic.finish(self._tally, reply, call, monotonic() - began)

    def _not_allowed(self) -> NoReturn:
        raise Problem(405, f"the address must be asked by one of {self._allow}.", headers=(("Allow", self._allow),))

    def _excuse(self, error: Exception, call: Call, *, read: bool) -> Reply:
        """Return the answer to a request that failed."""
        problem = problem_of(error)
        if problem is None:
            logger.error("request %s failed: %s %s", call.request_id, call.method, call.path, exc_info=error)
            problem = Problem(500, "the service failed. Its log has the reason under this request's id.")
        return self._refusal(problem, call, close=not read and problem.status == 413)

    def _refusal(self, problem: Problem, call: Call, *, close: bool = False) -> Reply:
        return refusal(problem, call.request_id, dialect=self._dialect, close=close)


def refusal(problem: Problem, request_id: str, *, dialect: Dialect, close: bool = False) -> Reply:
    """Return the answer that a problem is, in the shape of a dialect.

    Parameters
    ----------
    problem : Problem
        What is wrong.
    request_id : str
        Name of the request.
    dialect : Dialect
        Whose shape it has.
    close : bool, default=False
        Whether the connection ends with it: a body that is not read may be endless.
    """
    body = msgspec.json.encode(dialect.error_body(problem, request_id))
    headers = problem.headers if not close else (*problem.headers, ("Connection", "close"))
    return Reply(problem.status, body, headers=headers)


async def send_reply(reply: Reply, request_id: bytes, *, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer."""
    body = reply.body
    method: str = scope["method"]
    # Taken out, or scope and answer would hold each other until the garbage collector comes.
    extensions = scope.pop("extensions", None)
    if not reply.headers and method != "HEAD" and extensions:
        answer = extensions.get(WHOLE_ANSWER)
        fields = b"content-type: %b\r\nx-request-id: %b" % (reply.content_type.encode("latin-1"), request_id)
        if answer is not None and answer(reply.status, fields, body):
            return
    headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id),
    ]
    if reply.headers:
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.headers and (b"connection", b"close") in headers:
        # Closing while the client still sends would take the answer back from it.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await _read_off(receive)
        body = b""
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _read_off(receive: Receive) -> None:
    """Read some of what the client still sends, and drop it."""
    n_read = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while n_read < _LINGER_BYTES:
                message = await receive()
                n_read += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
