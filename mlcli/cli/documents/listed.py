"""What ``mlcli runs`` and ``mlcli runs prune`` print with ``--json``."""

from __future__ import annotations

import msgspec

from mlcli.cli.documents.document import Document
from mlcli.training.runs import RunFolder


class RunsDocument(Document, frozen=True, tag="runs/1"):
    """The runs of some folders with their scores.

    Parameters
    ----------
    folders : tuple of RunFolder
        One for each config that has runs.
    """

    folders: tuple[RunFolder, ...]


class KeptRun(msgspec.Struct, frozen=True):
    """A run that stays.

    Parameters
    ----------
    run : str
        Its folder.
    why : str
        What it is kept for, such as ``best, newest``.
    size : int
        Bytes of all its files.
    """

    run: str
    why: str
    size: int


class RemovedRun(msgspec.Struct, frozen=True):
    """A run that goes.

    Parameters
    ----------
    run : str
        Its folder.
    size : int
        Bytes of all its files.
    """

    run: str
    size: int


class PruneDocument(Document, frozen=True, tag="runs-prune/1"):
    """Which runs stay, and which were removed.

    Parameters
    ----------
    kept : tuple of KeptRun
        Runs that stay, oldest first.
    removed : tuple of RemovedRun
        Runs that are gone, or would be, oldest first.
    size : int
        Bytes that their removal frees.
    dry_run : bool
        Whether nothing was removed, because that was only asked about.
    """

    kept: tuple[KeptRun, ...]
    removed: tuple[RemovedRun, ...]
    size: int
    dry_run: bool
