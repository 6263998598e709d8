"""The moment by which each request must be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

Task = asyncio.Task[Any]


class Deadlines:
    """Ends the requests whose time is over, by cancelling their task.

    One timer looks at all of them a few times a deadline: a timer of its own
    for each request, as `asyncio.timeout` sets it, costs about a quarter of what an
    answer costs in all.

    Parameters
    ----------
    seconds : float
        Time that a request has.
    on_tick : callable
        Called by the timer while requests come, at least every second.
    """

    def __init__(self, seconds: float, *, on_tick: Callable[[], None]) -> None:
        self.seconds = seconds
        self._interval = min(0.5, seconds / 8)
        self._on_tick = on_tick
        self._due: dict[Task, float] = {}
        self._late: set[Task] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy = False

    def begin(self, task: Task, due: float) -> None:
        """Have `task` cancelled at `due`, a moment of `time.monotonic`, unless `end` is called before."""
        self._due[task] = due
        self.stir(task.get_loop())

    def stir(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the timer of a loop going: requests come."""
        self._busy = True
        if self._loop is not loop:
            # Tests and adapters run one app in several loops, one after the other.
            self._loop = loop
            loop.call_later(self._interval, self._tick, loop)

    def end(self, task: Task) -> None:
        """Let the task be."""
        self._due.pop(task, None)
        self._late.discard(task)

    def is_late(self, task: Task) -> bool:
        """Return whether it was the deadline that cancelled the task."""
        return task in self._late

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        now = monotonic()
        for task in [task for task, due in self._due.items() if due <= now and task.get_loop() is loop]:
            del self._due[task]
            self._late.add(task)
            task.cancel()
        self._on_tick()
        if self._busy or self._due:
            self._busy = False
            loop.call_later(self._interval, self._tick, loop)
        else:
            self._loop = None
