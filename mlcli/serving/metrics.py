"""What is counted about requests and predictions, for Prometheus.

Counting is adding to plain numbers, on the event loop alone. They are handed
to prometheus_client when somebody looks, and from time to time where several
workers share a folder (``PROMETHEUS_MULTIPROC_DIR``).
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Count
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlcli.serving.drift import DriftWatch
    from mlcli.serving.exposition import Exposition
    from mlcli.serving.served import Served

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency buckets, in seconds."""

ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536)
"""Upper bounds of the batch buckets, in rows."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name; any other is ``other``, for a client may send what it likes."""


class Spread:
    """A histogram in plain numbers.

    Parameters
    ----------
    bounds : tuple of float
        Upper bound of each bucket but the last, which takes the rest.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def take(self) -> tuple[list[int], float]:
        """Return counts and total since the last call, and begin again."""
        taken = self.counts, self.total
        self.counts, self.total = [0] * len(self.counts), 0.0
        return taken


class Tally:
    """Requests of one route.

    Parameters
    ----------
    route : str
        Its path, as the table of endpoints writes it.
    """

    __slots__ = ("answers", "route", "seconds")

    def __init__(self, route: str) -> None:
        self.route = route
        self.answers: dict[tuple[str, int], int] = {}
        self.seconds = Spread(SECONDS)

    def add(self, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        key = (method, status)
        self.answers[key] = self.answers.get(key, 0) + 1
        self.seconds.add(seconds)


class Metrics:
    """The counts of one service in one process."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.batches = Spread(ROWS)
        self.n_rows = 0
        self.n_waiting = 0
        self.rejected: Count[str] = Count()
        self.unseen: Count[str] = Count()
        self.out_of_range: Count[str] = Count()
        self.served: Served | None = None
        self.watch: DriftWatch | None = None
        self._shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._exposition: Exposition | None = None

    def tally(self, route: str) -> Tally:
        """Return the counts of a route."""
        return self.tallies.setdefault(route, Tally(route))

    def count_batch(self, n_rows: int) -> None:
        """Count rows that were predicted together."""
        self.batches.add(n_rows)
        self.n_rows += n_rows

    def count_remarks(self, unseen: Mapping[str, int], out_of_range: Mapping[str, int]) -> None:
        """Count rows that are unlike training, by column."""
        self.unseen.update(unseen)
        self.out_of_range.update(out_of_range)

    def share(self) -> None:
        """Bin the rows that were seen, and hand the counts to where other workers read them."""
        if self.watch is not None:
            self.watch.count()
        if self._shared:
            self._expose().take(self)

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text form, of all workers together."""
        if self.watch is not None:
            self.watch.count()
        exposition = self._expose()
        exposition.take(self)
        return exposition.text()

    def _expose(self) -> Exposition:
        if self._exposition is None:
            # prometheus_client brings an HTTP server with it; a start need not wait for that.
            from mlcli.serving.exposition import Exposition

            self._exposition = Exposition(shared=self._shared)
        return self._exposition
