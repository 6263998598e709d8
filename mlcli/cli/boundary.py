"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import typer

from mlcli.cli.shortfall import ShortfallError
from mlcli.cli.usage import CLICK_ERROR, is_bare_command, usage_problem
from mlcli.errors import ArtifactError, ConfigError, DataError, GateError, MlcliError, OutputError

# A place that cannot be written was named by the command line or the config, hence the same code.
EXIT_CODES: dict[type[MlcliError], int] = {ConfigError: 2, OutputError: 2, DataError: 3, ArtifactError: 4, GateError: 5}
"""Exit code of each kind of error; a child counts as its parent."""

BUG = 1
INTERRUPTED = 130
HUNG_UP = 128 + signal.SIGHUP


class _Stopped(BaseException):
    """The process was told to stop, and ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def exit_code(error: MlcliError) -> int:
    """Return the documented exit code of `error`."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 2)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        The words behind ``mlcli``.

    Returns
    -------
    int
        0 done, 1 a bug of ours, 2 command line, config or output place, 3 data,
        4 artifact, 5 a gate was missed, 130 interrupted (128 + the signal's number
        for others that ask to stop).
    """
    # Boosting beside another busy process is several times faster when idle threads sleep instead of spinning.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with _stopped_cleanly():
            return _answer(arguments)
    except _Stopped as stop:
        with suppress(OSError):  # the terminal may be gone
            _say("interrupted: nothing half-written is left behind.")
        return stop.code
    except (BrokenPipeError, SystemExit):
        # The reader of our output has left, as `| head` does; typer makes an exit of it where it sees it first.
        _abandon_stdout()
        return 0


def _answer(arguments: Sequence[str]) -> int:
    """Run the command line; say every error and return its code."""
    as_json = "--json" in arguments
    try:
        from mlcli.cli.app import app

        code = app(list(arguments), prog_name="mlcli", standalone_mode=False)
        sys.stdout.flush()
    except ShortfallError as shortfall:
        return _say_error(shortfall.error, as_json=False)
    except MlcliError as error:
        return _say_error(error, as_json=as_json)
    except CLICK_ERROR as error:
        return _say_usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        # Raised by itself only where Ctrl-C had another handler when we came.
        raise _Stopped(INTERRUPTED) from None
    except BrokenPipeError:
        raise
    except MemoryError:
        return _say_error(
            DataError(
                "the machine has too little free memory for this.",
                hint="Use fewer rows, or a machine with more memory.",
            ),
            as_json=as_json,
        )
    except Exception as error:  # noqa: BLE001 - the last door: a bug of ours is said in two lines and kept in a file
        if _is_closed_terminal(error):
            raise _Stopped(HUNG_UP) from None
        return _say_full_stdout(error) if _is_full_stdout(error) else _say_bug(error, arguments, as_json=as_json)
    return code if isinstance(code, int) else 0


@contextmanager
def _stopped_cleanly() -> Iterator[None]:
    """Let a process that is told to stop take its half-written files with it, whichever signal tells it.

    Ctrl-C is among them: as a KeyboardInterrupt it would end the fit of scikit-learn's
    networks early, and the half-trained network would be stored as if it were whole.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in signals]
    for number, handler in zip(signals, before, strict=True):
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise _Stopped(128 + signum)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _say_error(error: MlcliError, *, as_json: bool) -> int:
    """Say an error that the user can fix: what, where, and one thing to try."""
    code = exit_code(error)
    problems = error.problems if isinstance(error, ConfigError) else (error.message,)
    hint = error.hint or "See mlcli --help"
    if as_json:
        _print_json_error(type(error).__name__, problems, hint, code)
    _say_problems(problems, hint)
    return code


def _say_problems(problems: Sequence[str], hint: str) -> None:
    for problem in problems:
        # The lines of one problem stand below each other, clear of the next problem.
        _say(f"error: {problem}".replace("\n", "\n       "))
    _say(f"hint: {hint}")


def _say_usage(error: Exception, *, as_json: bool) -> int:
    """Say what is wrong with the command line itself."""
    if is_bare_command(error):
        _say(str(error))
        return 2
    message, hint = usage_problem(error)
    if as_json:
        _print_json_error("UsageError", (message,), hint, 2)
    _say_problems((message,), hint)
    return 2


def _is_closed_terminal(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EIO and error.filename is None


def _is_full_stdout(error: Exception) -> bool:
    from mlcli.atomic import is_write_failure

    return isinstance(error, OSError) and error.filename is None and is_write_failure(error)


def _say_full_stdout(error: Exception) -> int:
    """Say that stdout takes no more; a file of ours would have been named by an OutputError."""
    from mlcli.atomic import output_error

    assert isinstance(error, OSError), "asked before"
    _abandon_stdout()
    return _say_error(output_error("standard output", error), as_json=False)


def _abandon_stdout() -> None:
    """Point stdout to nowhere: Python would complain once more at exit about what it still holds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_bug(error: Exception, arguments: Sequence[str], *, as_json: bool) -> int:
    """Say that mlcli is at fault, and keep the details where a report can take them from."""
    import tempfile
    import traceback

    from mlcli import __version__

    with tempfile.NamedTemporaryFile("w", prefix="mlcli-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write(f"mlcli {__version__}, Python {sys.version}\narguments: {list(arguments)}\n\n")
        log.write("".join(traceback.format_exception(error)))
    message = f"this is a bug in mlcli, not in your data or config: {type(error).__name__}."
    hint = f"Report it with the details in {log.name}"
    if as_json:
        _print_json_error(type(error).__name__, (message,), hint, BUG)
    _say_problems((message,), hint)
    return BUG


def _print_json_error(kind: str, problems: Sequence[str], hint: str, code: int) -> None:
    from mlcli.cli.documents.error import ErrorDocument, Failure
    from mlcli.cli.terminal import json_text

    failure = Failure(kind=kind, problems=tuple(map(_as_utf8, problems)), hint=_as_utf8(hint), exit_code=code)
    try:
        typer.echo(json_text(ErrorDocument(error=failure)), nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        _abandon_stdout()  # it takes no more; stderr says the same


def _as_utf8(text: str) -> str:
    """Write a path that is no UTF-8, as a problem may name one, as stderr does: JSON cannot hold it."""
    return text.encode("utf-8", "replace").decode()
