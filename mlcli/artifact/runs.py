"""Run folders: ``001``, ``002``, ... under a config's output folder.

::

    runs/credit/
    ├── 001/model.mlcli
    ├── 002/model.mlcli
    └── .003.tmp-4711-1f2e3d4c/     a run that is being written
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlcli.errors import ArtifactError

MODEL = "model.mlcli"
"""Name of the artifact in a run folder."""

_NUMBER = re.compile(r"[0-9]{3,9}")


@dataclass
class NewRun:
    """A run that is being written.

    Parameters
    ----------
    folder : Path
        Where to write now.
    final : Path
        Its numbered folder. Settled when the run is whole: another process
        may take the number first.
    """

    folder: Path
    final: Path


@contextmanager
def new_run(output: Path) -> Iterator[NewRun]:
    """Yield a folder to write a run into; give it the next free number when the block ends well.

    Temporary folders of dead processes are removed first. Two processes that
    train at once get different numbers.

    Parameters
    ----------
    output : Path
        Folder of the runs; created where it is missing.

    Yields
    ------
    NewRun
        Its ``folder`` is removed when the block raises anything.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    from mlcli.atomic import atomic_folder  # shutil and random are paid for by those who write, not by `serve`

    final = _next_run(output)

    def another() -> Path:
        nonlocal final
        final = _next_run(output)
        return final

    with atomic_folder(final, otherwise=another) as temporary:
        run = NewRun(temporary, final)
        yield run
    run.final = final


def list_runs(output: Path) -> tuple[Path, ...]:
    """Return the complete runs below `output`, oldest first."""
    runs = (folder for folder in _numbered(output) if (folder / MODEL).is_file())
    return tuple(sorted(runs, key=lambda folder: int(folder.name)))


def numbered_folders(output: Path) -> tuple[Path, ...]:
    """Return the numbered folders below `output`, oldest first, whether they hold a whole run or not."""
    return tuple(sorted((place for place in _numbered(output) if place.is_dir()), key=lambda place: int(place.name)))


def newest_run(output: Path) -> Path:
    """Return the newest complete run below `output`: the highest number that holds a model.

    Raises
    ------
    ArtifactError
        If there is none.
    """
    runs = list_runs(output)
    if not runs:
        raise ArtifactError(
            f"{output} must hold a complete run. Got none.", hint="Train first: mlcli train --config FILE"
        )
    return runs[-1]


def find_artifact(path: Path) -> Path:
    """Return the ``.mlcli`` file that `path` means.

    Parameters
    ----------
    path : Path
        A run folder, or the file itself.

    Raises
    ------
    ArtifactError
        If there is none.
    """
    if path.is_dir():
        if (path / MODEL).exists():
            return path / MODEL
        runs = list_runs(path)
        hint = f"Name one of its runs, such as {runs[-1]}." if runs else "Name a run folder or a .mlcli file."
        raise ArtifactError(f"{path} must be a run folder. It holds no {MODEL}.", hint=hint)
    if not path.exists():
        raise ArtifactError(
            f"{path} must be a run folder or a .mlcli file. There is none.",
            hint="Train first: mlcli train --config FILE",
        )
    return path


def _next_run(output: Path) -> Path:
    taken = max((int(place.name) for place in _numbered(output)), default=0)
    return output / f"{taken + 1:03d}"


def _numbered(output: Path) -> Iterator[Path]:
    """Yield whatever has a run's name, whole or not."""
    if output.is_dir():
        yield from (place for place in output.iterdir() if _NUMBER.fullmatch(place.name))
