"""Files and folders that appear whole or not at all.

What is written goes to a hidden temporary name in the same folder, is flushed
to the disk and renamed. A crash, a full disk or Ctrl-C at any moment leaves
what was there before. A temporary name that a killed process left behind is
removed by the next writer to the same place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlcli.errors import MlcliError, OutputError

_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.tmp-(?P<pid>\d+)-[0-9a-f]{8}$")

_ADVICE = {
    errno.ENOSPC: ("the disk is full", "Free some space, or write to another disk."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, or write to another disk."),
    errno.EFBIG: (
        "the file would be larger than allowed",
        "Raise the file size limit (ulimit -f), or write elsewhere.",
    ),
    errno.EROFS: ("the file system is read-only", "Write to another folder."),
    errno.EACCES: ("permission is denied", "Write to a folder of your own, or change its permissions."),
    errno.EPERM: ("permission is denied", "Write to a folder of your own, or change its permissions."),
    errno.ENOENT: ("a folder above it is missing", "Create the folder first, or write elsewhere."),
    errno.ENOTDIR: ("something above it is a file, not a folder", "Choose a place below a folder."),
    errno.EISDIR: ("it is a folder", "Name a file inside it."),
    errno.EEXIST: ("it exists already", "Choose another name, or remove it first."),
    errno.ENOTEMPTY: ("it exists already", "Choose another name, or remove it first."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
    errno.ELOOP: ("its links lead in a circle", "Write to another folder."),
}
"""What an errno means for a person who wanted to write, and what to try."""

_OUTPUT_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors that only writing raises, whichever file the exception names."""


def output_error(place: Path | str, error: OSError) -> OutputError:
    """Return the error that tells a person why `place` cannot be written."""
    what, hint = _ADVICE.get(error.errno or 0, (error.strerror or str(error), "Write to another folder."))
    return OutputError(f"{place} must be writable. Got: {what}.", hint=hint)


def is_write_failure(error: OSError) -> bool:
    """Return whether only writing can have raised `error`: no space, too large, read-only."""
    return error.errno in _OUTPUT_ERRNOS


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; rename it when the block ends well.

    The parents are created. An existing file keeps its permissions, and a
    link is followed: the file it leads to is replaced, not the link.

    Parameters
    ----------
    path : Path
        The file to write or replace.

    Yields
    ------
    Path
        An empty file to write to. It is removed when the block raises
        anything, KeyboardInterrupt included.

    Raises
    ------
    OutputError
        If `path` cannot be written: no permission, no space, a folder.
    """
    target = Path(os.path.realpath(path))
    with _saying(path):
        if target.exists() and not target.is_file():
            raise OSError(errno.EISDIR if target.is_dir() else errno.EINVAL, "it is no regular file")
        _make_folder(target.parent)
        _remove_stale(target.parent, name=target.name)
        temporary = _temporary(target)
        lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        _lock(lock)
        with _saying_writes(path, temporary):
            yield temporary
        with _saying(path):
            if target.exists():
                shutil.copymode(target, temporary)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


@contextmanager
def atomic_folder(path: Path, *, otherwise: Callable[[], Path] | None = None) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; rename it when the block ends well.

    The parents are created. Temporary folders that dead processes left in the
    same parent are removed first.

    Parameters
    ----------
    path : Path
        The folder to make. It must not exist.
    otherwise : callable, optional
        Names another folder in the same parent whenever the one to make
        exists already, even when only another process made it meanwhile: for
        numbered folders, whose work must not be lost to a taken number.

    Yields
    ------
    Path
        An empty folder to fill. It is removed with all it holds when the
        block raises anything, KeyboardInterrupt included.

    Raises
    ------
    OutputError
        If `path` exists or cannot be written.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 -- Path.resolve would follow a link named as the target
    with _saying(path):
        if otherwise is None and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "it exists already")
        _make_folder(target.parent)
        _remove_stale(target.parent, name=None)
        temporary = _temporary(target)
        temporary.mkdir()
    lock = os.open(temporary, os.O_RDONLY)
    try:
        _lock(lock)
        with _saying_writes(path, temporary):
            yield temporary
        with _saying(path):
            _sync_tree(temporary)
            _rename_folder(temporary, target, otherwise)
            _sync(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def remove_folder(path: Path) -> None:
    """Remove a folder with all it holds: it is gone at once, or stays as it was.

    It is renamed aside first. What a killed process leaves of it then has a
    temporary name, which the next writer to the same place removes.

    Raises
    ------
    OutputError
        If it cannot be renamed or removed.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 -- Path.resolve would follow a link named as the target
    aside = _temporary(target)
    with _saying(path):
        target.rename(aside)
        _sync(target.parent)
        shutil.rmtree(aside)


def _rename_folder(temporary: Path, target: Path, otherwise: Callable[[], Path] | None) -> None:
    """Rename to `target`, or to what `otherwise` names for as long as the target is taken."""
    while True:
        try:
            # rename(2) refuses a folder that another process filled meanwhile; it would replace an empty one.
            temporary.rename(target)
        except OSError as error:
            if otherwise is None or error.errno not in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
                raise
            target = otherwise()
        else:
            return


def write_file(path: Path, content: bytes | str) -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def _saying(path: Path) -> Iterator[None]:
    """Turn whatever the system refuses into an OutputError that names `path` as the user did."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


@contextmanager
def _saying_writes(path: Path, written: Path) -> Iterator[None]:
    """Likewise, for failures to write below `written`; any other error passes as it is.

    The block of the caller may read as well, and an input that cannot be read is no output error.
    """
    try:
        yield
    except OSError as error:
        named = (error.filename, error.filename2)
        ours = is_write_failure(error) or any(
            isinstance(n, str | Path) and str(n).startswith(str(written)) for n in named
        )
        if isinstance(error, OutputError) and str(written) in error.message:
            # A file inside was written atomically as well; its temporary home means nothing to the user.
            raise OutputError(error.message.replace(str(written), str(path)), hint=error.hint) from error
        if isinstance(error, MlcliError) or not ours:
            raise
        raise output_error(path, error) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(folder)) from None


def _temporary(target: Path) -> Path:
    return target.parent / f".{target.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}"


def _lock(descriptor: int) -> None:
    # Held until the process ends, however it ends. A process id alone says too little: it is
    # reused, and in another container the same number is another process.
    with suppress(OSError):  # some network file systems know no locks; the process id remains
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_stale(parent: Path, *, name: str | None) -> None:
    """Remove what dead writers left: folders (`name` None), or temporary files of the file `name`."""
    for entry in os.scandir(parent):
        match = _TEMPORARY.match(entry.name)
        if match is None or entry.is_symlink() or _is_alive(int(match["pid"])):
            continue
        place = Path(entry.path)
        if name is None and entry.is_dir() and not _is_locked(place):
            shutil.rmtree(place, ignore_errors=True)
        elif match["name"] == name and entry.is_file() and not _is_locked(place):
            place.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_locked(place: Path) -> bool:
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a folder; a file that cannot be synced is a failed write.
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode) or error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            _sync(Path(parent, name))
        _sync(Path(parent))
