"""What a service is told: limits and manners, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ServeSettings:
    """Limits and manners of a service; the config's section `serve` explains each.

    It stands apart from the config so that a served process needs no pydantic.

    Parameters
    ----------
    unseen, out_of_range : {"warn", "error"}
        What a category that training never saw, and a value outside the
        training range, is: a warning in the answer, or a refused request.
    cors : tuple of str
        Origins of web pages that may call the service; ``*`` for all.
    max_body : int
        Longest request body in bytes, also after decompression.
    max_rows : int
        Most rows of one request.
    max_cell : int
        Longest text of one cell, in characters.
    queue : int
        Requests that may wait for their prediction.
    deadline : float
        Seconds until a request that still waits is answered with 504.
    drain_delay : float
        Seconds that a service asked to stop goes on answering.
    tokens : tuple of str
        Bearer tokens, one of which a request must carry; empty for none.
    log : {"off", "requests", "bodies"}
        What the request log on stderr holds: nothing, one JSON line a request, or bodies too.
    """

    unseen: Literal["warn", "error"] = "warn"
    out_of_range: Literal["warn", "error"] = "warn"
    cors: tuple[str, ...] = ()
    max_body: int = 64 * 2**20
    max_rows: int = 100_000
    max_cell: int = 2**20
    queue: int = 1024
    deadline: float = 30.0
    drain_delay: float = 0.0
    tokens: tuple[str, ...] = ()
    log: Literal["off", "requests", "bodies"] = "off"
