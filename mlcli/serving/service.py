"""The model that a service answers with, and the one way to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from mlcli.data.row_reader import ReadRows, RowReader
from mlcli.serving.batch import Batches
from mlcli.serving.call import Answer, Call, Columns, Features, Problem, Records, Rows
from mlcli.serving.metrics import Metrics
from mlcli.serving.runner import Runner
from mlcli.serving.served import Served
from mlcli.serving.settings import ServeSettings

_T = TypeVar("_T")

_CELLS_IN_LOOP = 10_000
"""Most cells that are read between two turns of the event loop: about two milliseconds."""


class Service:
    """What every dialect is handed: the model in service, and `predict`.

    Parameters
    ----------
    served : Served
        The model to begin with.
    settings : ServeSettings, optional
        Limits and manners.

    Attributes
    ----------
    ready : bool
        Whether new clients should come; False while the service drains. Requests are answered all the same.
    metrics : Metrics
        What was counted.
    """

    def __init__(self, served: Served, settings: ServeSettings | None = None) -> None:
        self.settings = settings or ServeSettings()
        self.ready = True
        self.metrics = Metrics()
        self._predicting = ThreadPoolExecutor(1, thread_name_prefix="mlcli-predict")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="mlcli-read")
        self._n_reading = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.swap(served)

    @property
    def served(self) -> Served:
        """The model in service."""
        return self.runner.served

    def swap(self, served: Served) -> None:
        """Answer with another model from now on; requests under way keep the one that read their rows."""
        self.runner = Runner(served)
        self.metrics.served = served
        self.metrics.watch = self.runner.watch

    async def predict(self, rows: Rows, call: Call) -> Answer:
        """Predict raw rows.

        Parameters
        ----------
        rows : Rows
            As the dialect found them.
        call : Call
            The request; how many rows it holds is noted in it.

        Raises
        ------
        Problem
            413 for too many rows, 429 if too many requests wait, 504 if it waited too long.
        RowsRefused, MalformedRows
            If rows break the data contract; `mlcli.serving.errors.problem_of` knows their statuses.
        """
        runner = self.runner
        n_rows = rows.n_rows if isinstance(rows, Columns) else len(rows.rows)
        if n_rows > self.settings.max_rows:
            raise Problem(
                413,
                f"a request must hold at most {self.settings.max_rows:,} rows. Got {n_rows:,}.",
                hint="Send fewer rows in one request.",
            )
        if n_rows * len(runner.served.schema.columns) > _CELLS_IN_LOOP:
            read = await self.aside(read_rows, runner.served.reader, rows)
        else:
            read = read_rows(runner.served.reader, rows)
        return await self.predict_read(runner, read, call)

    async def predict_read(self, runner: Runner, read: ReadRows, call: Call) -> Answer:
        """Predict rows that `runner`'s model has read.

        Raises
        ------
        Problem
            429 if too many requests wait, 504 if it waited too long.
        """
        call.n_rows = n_rows = read.n_rows
        if read.unseen or read.out_of_range:
            self.metrics.count_remarks(read.unseen, read.out_of_range)
        y_pred: list[Any]
        y_proba: list[list[float]] | None
        if not n_rows:
            y_pred, y_proba = [], [] if runner.classes else None
        elif not runner.fits_loop(read):
            y_pred, y_proba = await self._batches()[1].join(runner, read, due=call.deadline)
        elif n_rows == 1 and runner.shares:
            y_pred, y_proba = await self._batches()[0].join(runner, read, due=call.deadline)
        else:
            y_pred, y_proba = runner.predict(read)
            self.metrics.count_batch(n_rows)
        runner.watch.see(read, y_pred, y_proba)
        return Answer(y_pred, y_proba, runner.classes, read.unseen, read.out_of_range)

    async def aside(self, function: Callable[..., _T], *args: Any, **options: Any) -> _T:
        """Run work on a large body in a thread, so that the loop goes on answering.

        Raises
        ------
        Problem
            429 if too many such requests wait.
        """
        if self._n_reading >= self.settings.queue:
            raise Problem(
                429,
                f"at most {self.settings.queue:,} long requests may wait to be read.",
                hint="Send the request again a little later.",
                headers=(("Retry-After", "1"),),
            )
        self._n_reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, partial(function, *args, **options))
        finally:
            self._n_reading -= 1

    def _batches(self) -> tuple[Batches, Batches]:
        """Return where requests of this loop wait: for a turn of the loop, and for the thread."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # Adapters may run an app in one loop after another; who waits in the old one is answered there.
            self._loop = loop
            metrics, queue = self.metrics, self.settings.queue
            self._both = (
                Batches(loop, metrics=metrics, queue=queue, executor=None),
                Batches(loop, metrics=metrics, queue=queue, executor=self._predicting),
            )
        return self._both


def read_rows(reader: RowReader, rows: Rows) -> ReadRows:
    """Type raw rows, in whichever form they are."""
    match rows:
        case Records():
            return reader.read_records(rows.rows)
        case Features():
            return reader.read_features(rows.rows)
        case Columns():
            return reader.read_columns(rows.columns, rows.n_rows)
