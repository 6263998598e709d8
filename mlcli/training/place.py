"""The place of an output, looked at before the work instead of after it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mlcli.atomic import output_error
from mlcli.errors import OutputError


def require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written or made; write nothing.

    Parameters
    ----------
    folder : Path
        Where a run or prepared rows will go.

    Raises
    ------
    OutputError
        If a file stands in its place or above it, or permission is denied.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if there == folder and not there.is_dir():
        raise OutputError(f"{folder} must be a folder. Got a file.", hint="Name another folder as output.")
    if not there.is_dir():
        raise output_error(folder, NotADirectoryError(errno.ENOTDIR, ""))
    if not os.access(there, os.W_OK | os.X_OK):
        read_only = os.statvfs(there).f_flag & os.ST_RDONLY
        raise output_error(folder, OSError(errno.EROFS if read_only else errno.EACCES, ""))
