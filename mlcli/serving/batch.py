"""Requests that wait are predicted together, and none can hurt its neighbours."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from mlcli.data.row_reader import ReadRows
from mlcli.serving.call import Problem
from mlcli.serving.metrics import Metrics
from mlcli.serving.runner import Outcome, Runner, joined

logger = logging.getLogger(__name__)

Result = Outcome | Exception

_PATIENCE = 0.1
"""Share of the last batch's time that the next may wait for the clients just answered to ask again.

They are half of all where everyone asks without pause, and two batches of half the size take a third longer than one.
"""


class Asked(Protocol):
    """What predicting needs of a request."""

    runner: Runner
    read: ReadRows


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that waits for its prediction.

    Parameters
    ----------
    runner : Runner
        The model that read the rows: they mean nothing to another.
    read : ReadRows
        Its rows, typed.
    due : float
        Moment of `time.monotonic` from which nobody waits any more.
    future : Future of Outcome
        Where the prediction goes. Cancelled when the client is gone.
    """

    runner: Runner
    read: ReadRows
    due: float
    future: asyncio.Future[Outcome]


class Batches:
    """Predicts whatever requests have come since the last batch began.

    No request waits for another to come while nothing is predicted: while one
    batch is, the next one gathers. In a thread, a batch that others wait behind
    is followed by a moment in which the clients just answered may join them.

    Parameters
    ----------
    loop : AbstractEventLoop
        Where the requests wait.
    metrics : Metrics
        What counts them.
    queue : int
        Most requests that wait.
    executor : Executor, optional
        A single thread that predicts; None: the loop itself, one short batch a turn.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, metrics: Metrics, queue: int, executor: Executor | None
    ) -> None:
        self.loop = loop
        self._metrics = metrics
        self._queue = queue
        self._executor = executor
        self._waiting: deque[Ticket] = deque()
        self._busy = False
        self._began = 0.0
        self._pause: asyncio.TimerHandle | None = None
        self._enough = 0

    def join(self, runner: Runner, read: ReadRows, *, due: float) -> asyncio.Future[Outcome]:
        """Have rows predicted together with those of other requests.

        Returns
        -------
        Future of Outcome
            Fails with `Problem` 504 if the request waited too long.

        Raises
        ------
        Problem
            429 if too many requests wait.
        """
        if len(self._waiting) >= self._queue:
            raise Problem(
                429,
                f"at most {self._queue:,} requests may wait for their prediction.",
                hint="Send the request again a little later.",
                headers=(("Retry-After", "1"),),
            )
        ticket = Ticket(runner, read, due, self.loop.create_future())
        self._waiting.append(ticket)
        self._metrics.n_waiting += 1
        if not self._busy:
            self._busy = True
            # In the next turn: requests that came at the same moment are then in the first batch.
            self.loop.call_soon(self._begin)
        elif self._pause is not None and len(self._waiting) >= self._enough:
            self._pause.cancel()
            self._begin()
        return ticket.future

    def _begin(self) -> None:
        """Predict the next batch, or rest."""
        self._pause = None
        self._began = monotonic()
        batch = self._take()
        if not batch:
            self._busy = False
        elif self._executor is None:
            self._settle(batch, predict_batch(batch))
        else:
            self._executor.submit(predict_batch, batch).add_done_callback(lambda done: self._hand_over(batch, done))

    def _take(self) -> list[Ticket]:
        """Take the requests that are first in line, of one model, as many as make a batch."""
        batch: list[Ticket] = []
        n_rows = 0
        now = monotonic()
        while self._waiting:
            ticket = self._waiting[0]
            if batch and (ticket.runner is not batch[0].runner or n_rows + ticket.read.n_rows > self._most(ticket)):
                break
            self._waiting.popleft()
            self._metrics.n_waiting -= 1
            if ticket.future.done():
                continue
            if ticket.due <= now:
                ticket.future.set_exception(Problem(504, "the prediction must begin before the request's deadline."))
                continue
            batch.append(ticket)
            n_rows += ticket.read.n_rows
        return batch

    def _most(self, ticket: Ticket) -> int:
        return ticket.runner.loop_rows if self._executor is None else ticket.runner.most_rows

    def _hand_over(self, batch: list[Ticket], done: Future[list[Result]]) -> None:
        """Bring the results from the thread to the loop."""
        try:
            self.loop.call_soon_threadsafe(self._settle, batch, done.result())
        except RuntimeError:
            # The loop is closed: the process ends, and nobody waits.
            logger.debug("a batch of %d requests ended after its event loop", len(batch))

    def _settle(self, batch: list[Ticket], results: Sequence[Result]) -> None:
        """Give each request what is its own, and go on."""
        for ticket, result in zip(batch, results, strict=True):
            if ticket.future.done():
                continue
            if isinstance(result, Exception):
                ticket.future.set_exception(result)
            else:
                ticket.future.set_result(result)
        self._metrics.count_batch(sum(ticket.read.n_rows for ticket in batch))
        if self._executor is None:
            # Not at once: between two batches the loop answers whatever else has come.
            self.loop.call_soon(self._begin)
        elif self._waiting:
            self._enough = len(self._waiting) + len(batch)
            self._pause = self.loop.call_later(_PATIENCE * (monotonic() - self._began), self._begin)
        else:
            self._begin()


def predict_batch(batch: Sequence[Asked]) -> list[Result]:
    """Predict the rows of several requests together.

    Returns
    -------
    list of Outcome or Exception
        One for each request, in order. Where the batch fails as a whole, each
        request is tried alone, so that only the one at fault fails.
    """
    if len(batch) == 1:
        return [_alone(batch[0])]
    runner = batch[0].runner
    try:
        y_pred, y_proba = runner.predict(joined([ticket.read for ticket in batch], runner.served.schema.columns))
    except Exception:
        # Whatever it is, it is told to the request that it belongs to.
        logger.debug("a batch of %d requests failed; each is tried alone", len(batch), exc_info=True)
        return [_alone(ticket) for ticket in batch]
    results: list[Result] = []
    start = 0
    for ticket in batch:
        end = start + ticket.read.n_rows
        results.append((y_pred[start:end], None if y_proba is None else y_proba[start:end]))
        start = end
    return results


def _alone(ticket: Asked) -> Result:
    try:
        return ticket.runner.predict(ticket.read)
    except Exception as error:  # noqa: BLE001 - kept for the request that it belongs to
        # Raised where the request waits, which knows its id and its client.
        return error
