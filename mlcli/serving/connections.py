"""How long a connection may wait, and how many may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

HEAD_TIMEOUT = 10.0
"""Seconds that a client may take over the head of a request, from its connection or its first byte."""

KEEP_ALIVE = 75.0
"""Seconds that a connection may wait for another request: longer than load balancers keep theirs (60),
so that it is they who close, and never a request that meets a closed door."""

STALL = 30.0
"""Seconds that a client may take before it reads on."""


class Waiting(Protocol):
    """A connection, as far as waiting is concerned."""

    def give_up(self) -> None:
        """Close it: its time is over."""


@dataclass
class Connections:
    """The connections of a process that wait for their client, the longest waiting first.

    Each table is in order of time by itself, since every entry is put in at
    the moment that counts: finding those whose time is over looks at no other.

    Parameters
    ----------
    limit : int
        Most connections; beyond it the longest idle makes room.
    heads, idle, stalled : dict of Waiting to float
        Connections that wait for the rest of a request's head, for another
        request, and for the client to read; since when, in the loop's seconds.
    on_change : callable, optional
        Called when a connection is made or lost.
    """

    limit: int
    heads: dict[Waiting, float] = field(default_factory=dict)
    idle: dict[Waiting, float] = field(default_factory=dict)
    stalled: dict[Waiting, float] = field(default_factory=dict)

    on_change: Callable[[], None] | None = None

    def forget(self, connection: Waiting) -> None:
        """Leave out a connection that is closed."""
        self.heads.pop(connection, None)
        self.idle.pop(connection, None)
        self.stalled.pop(connection, None)

    def changed(self) -> None:
        """Say that a connection was made or lost."""
        if self.on_change is not None:
            self.on_change()

    def sweep(self, now: float) -> None:
        """Close those whose time is over."""
        for table, seconds in ((self.heads, HEAD_TIMEOUT), (self.idle, KEEP_ALIVE), (self.stalled, STALL)):
            for connection in list(_older(table, now - seconds)):
                self.forget(connection)
                connection.give_up()

    def make_room(self) -> bool:
        """Close the connection that has been idle for longest; return False where every one is at work."""
        first = [(since, connection) for table in (self.idle, self.heads) for connection, since in _first(table)]
        if not first:
            return False
        connection = min(first, key=lambda entry: entry[0])[1]
        self.forget(connection)
        connection.give_up()
        return True


def _older(table: dict[Waiting, float], bound: float) -> Iterator[Waiting]:
    for connection, since in table.items():
        if since > bound:
            return
        yield connection


def _first(table: dict[Waiting, float]) -> list[tuple[Waiting, float]]:
    return [next(iter(table.items()))] if table else []
