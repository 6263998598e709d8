"""The short way to the commonest answer: a few plain rows in JSON, asked on a connection of our own server.

A task, a scope and two messages of ASGI for each request cost more than reading, predicting and
writing a row. The short way does without them. It answers only what it is sure
of, in the words of the endpoint; whatever else comes it declines, and the request goes the usual way from its
beginning, as it would have gone without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from mlcli.data.row_errors import MalformedRows, RowsRefused, TooManyRows
from mlcli.data.row_reader import ReadRows
from mlcli.serving.batch import predict_batch
from mlcli.serving.call import CLIENT_GONE
from mlcli.serving.dialects import Endpoint, Quick
from mlcli.serving.metrics import Tally
from mlcli.serving.runner import Outcome, Runner

if TYPE_CHECKING:
    import asyncio

    from mlcli.serving.traffic import Traffic

LONGEST = 16 * 1024
"""Longest body in bytes that goes the short way: some forty rows, read in a tenth of a millisecond."""

_DECLINED = (b"content-encoding", b"expect", b"upgrade")
"""Header fields of requests that need more than their body read."""


class Asker(Protocol):
    """A connection, as far as the short way is concerned."""

    def answered(self, fields: bytes, body: bytes) -> bool:
        """Send an answer of status 200; return False where nobody reads it any more."""

    def declined(self) -> None:
        """Go the usual way after all."""


@dataclass(frozen=True, slots=True)
class _Quick:
    """What answers one target in the short way."""

    answer: Quick
    tally: Tally


@dataclass(slots=True, eq=False)
class _Asked:
    """A request whose rows are read."""

    asker: Asker
    quick: _Quick
    runner: Runner
    read: ReadRows
    request_id: bytes
    began: float


class ShortWay:
    """Answers what is plain and quick, in the turn of the loop in which it came.

    Parameters
    ----------
    endpoints : sequence of Endpoint
        Those with a `quick` answer go the short way.
    traffic : Traffic
        What all addresses share.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, traffic: Traffic) -> None:
        self._traffic = traffic
        self._service = traffic.service
        self._metrics = traffic.service.metrics
        self._by_target = {
            endpoint.path.encode(): _Quick(endpoint.quick, self._metrics.tally(endpoint.path))
            for endpoint in endpoints
            if endpoint.quick is not None
        }
        self._waiting: list[_Asked] = []
        self._max_rows = traffic.service.settings.max_rows
        self._queue = traffic.service.settings.queue
        # A log line tells more of a request than is known here.
        self.closed = traffic.log.on
        # Nothing that is read here may be longer than what the usual way would read.
        self.longest = min(LONGEST, traffic.service.settings.max_body)

    def leads_to(self, method: bytes, target: bytes) -> bool:
        """Return whether a request may go the short way, as far as its first line tells."""
        return method == b"POST" and target in self._by_target and self._service.runner.quick and not self.closed

    def take(
        self,
        asker: Asker,
        target: bytes,
        fields: Sequence[tuple[bytes, bytes]],
        body: bytes,
        *,
        loop: asyncio.AbstractEventLoop,
    ) -> bool:
        """Take a request, to be answered before the loop begins another turn; return False to decline it.

        Parameters
        ----------
        asker : Asker
            Its connection.
        target : bytes
            One that `leads_to` allowed.
        fields : sequence of (bytes, bytes)
            The header, names in lower case.
        body : bytes
            All of the body, at most `longest`.
        loop : AbstractEventLoop
            Where the connection lives.
        """
        began = monotonic()
        quick = self._by_target[target]
        headers = dict(fields)
        if len(headers) != len(fields) or len(self._waiting) >= self._queue or not _is_plain(headers, quick.answer):
            return False
        if self._traffic.guarded and not self._traffic.knows_token(headers):
            return False
        runner = self._service.runner
        try:
            read = quick.answer.read(runner, body, max_rows=self._max_rows)
        except (MalformedRows, RowsRefused, TooManyRows):
            return False  # the usual way says what is wrong
        if not read.n_rows or not runner.fits_loop(read):
            return False
        traffic = self._traffic
        traffic.deadlines.stir(loop)
        self._waiting.append(_Asked(asker, quick, runner, read, traffic.request_id(headers), began))
        self._metrics.n_waiting += 1
        if len(self._waiting) == 1:
            # In the next turn: requests that came at the same moment are then predicted together.
            loop.call_soon(self.flush)
        return True

    def flush(self) -> None:
        """Answer all that wait."""
        waiting, self._waiting = self._waiting, []
        self._metrics.n_waiting -= len(waiting)
        start = 0
        while start < len(waiting):
            end = _end_of_batch(waiting, start)
            batch = waiting[start:end]
            self._metrics.count_batch(sum(asked.read.n_rows for asked in batch))
            for asked, outcome in zip(batch, predict_batch(batch), strict=True):
                if isinstance(outcome, Exception):
                    asked.asker.declined()  # it fails again there, and is told
                else:
                    self._answer(asked, outcome)
            start = end

    def _answer(self, asked: _Asked, outcome: Outcome) -> None:
        """Write one answer, and count it."""
        quick, read = asked.quick, asked.read
        body = quick.answer.text(asked.runner, read, outcome)
        fields = b"content-type: %b\r\nx-request-id: %b" % (quick.answer.content_type, asked.request_id)
        if not asked.asker.answered(fields, body):
            quick.tally.add("POST", CLIENT_GONE, monotonic() - asked.began)
            return
        asked.runner.watch.see(read, *outcome)
        if read.unseen or read.out_of_range:
            self._metrics.count_remarks(read.unseen, read.out_of_range)
        quick.tally.add("POST", 200, monotonic() - asked.began)


def _is_plain(headers: Mapping[bytes, bytes], quick: Quick) -> bool:
    """Return whether nothing in a header asks for more than the quick answer."""
    return (
        headers.get(b"content-type", b"") in quick.reads
        and headers.get(b"accept", b"") in quick.accepted
        and not any(name in headers for name in _DECLINED)
    )


def _end_of_batch(waiting: Sequence[_Asked], start: int) -> int:
    """Return where the batch that begins at `start` ends: one model, and no more rows than the loop predicts at once."""
    runner = waiting[start].runner
    n_rows = 0
    for end in range(start, len(waiting)):
        asked = waiting[end]
        n_rows += asked.read.n_rows
        if end > start and (asked.runner is not runner or n_rows > runner.loop_rows):
            return end
    return len(waiting)
