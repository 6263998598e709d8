"""How many connections each worker has, for all of them to see."""

from __future__ import annotations

import mmap
import os
import tempfile

NOT_THERE = 2**32 - 1
"""Stands for a worker that accepts nothing: dead, starting, or stopping."""


class Shares:
    """One number a worker, in memory that they share.

    Parameters
    ----------
    descriptor : int
        An open file of four bytes a worker, see `new_shares`.
    mine : int
        The place of this worker.
    """

    def __init__(self, descriptor: int, mine: int) -> None:
        self._memory = memoryview(mmap.mmap(descriptor, 0)).cast("I")
        self._mine = mine

    def state(self, n_connections: int) -> None:
        """Say how many connections this worker has, or that it is `NOT_THERE`."""
        self._memory[self._mine] = n_connections

    def after_others(self) -> bool:
        """Return whether another worker has fewer connections, by a quarter or more, and should have the next."""
        return 4 * self._memory[self._mine] > 5 * min(self._memory)


def new_shares(n_workers: int) -> int:
    """Return the descriptor of a file in which no worker is there yet."""
    with tempfile.TemporaryFile() as file:
        file.write(NOT_THERE.to_bytes(4, "little") * n_workers)
        file.flush()
        return os.dup(file.fileno())


def bury_share(descriptor: int, place: int) -> None:
    """Say for a worker that died that it is not there."""
    os.pwrite(descriptor, NOT_THERE.to_bytes(4, "little"), 4 * place)
