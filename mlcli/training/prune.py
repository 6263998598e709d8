"""Which runs to keep, and the removal of the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from mlcli.atomic import remove_folder
from mlcli.training.runs import RunFolder, RunRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrunePlan:
    """What a folder of runs would lose.

    Parameters
    ----------
    kept : tuple of (RunRecord, str)
        Runs that stay, oldest first, each with the reason.
    removed : tuple of RunRecord
        Runs that go, oldest first.
    """

    kept: tuple[tuple[RunRecord, str], ...]
    removed: tuple[RunRecord, ...]

    @property
    def size(self) -> int:
        """Bytes that the removal frees."""
        return sum(run.size for run in self.removed)


def plan_pruning(folder: RunFolder, *, keep_best: int, keep_newest: int) -> PrunePlan:
    """Choose the runs to remove: those that are neither among the best nor among the newest.

    A damaged run stays: what it was worth cannot be told, and it may be mended.

    Parameters
    ----------
    folder : RunFolder
        The runs, read with every byte checked: else the one that is kept might be of no use.
    keep_best : int
        Runs to keep by the folder's metric.
    keep_newest : int
        Runs to keep by their number, at least 1.
    """
    best = {run.number for run in folder.ranked()[:keep_best]}
    newest = {run.number for run in folder.sound[-keep_newest:]}
    kept, removed = [], []
    for run in folder.runs:
        reasons = [
            *(["damaged"] if run.problem is not None else []),
            *(["linked"] if Path(run.run).is_symlink() else []),
            *(["best"] if run.number in best else []),
            *(["newest"] if run.number in newest else []),
        ]
        if reasons:
            kept.append((run, ", ".join(reasons)))
        else:
            removed.append(run)
    return PrunePlan(tuple(kept), tuple(removed))


def remove_runs(plan: PrunePlan) -> None:
    """Remove the runs of a plan, each whole or not at all, the oldest first.

    Raises
    ------
    OutputError
        If one cannot be removed; those before it are gone.
    """
    for run in plan.removed:
        remove_folder(Path(run.run))
        logger.info("removed %s", run.run)
