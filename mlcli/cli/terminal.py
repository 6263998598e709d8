"""What a person sees: results on stdout, everything else on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

PIPED_WIDTH = 120
"""Columns of a table that is not shown in a terminal."""


def stdout_console() -> Console:
    """Return the console for results; plain and wide when piped."""
    return _console(sys.stdout)


def _console(file: Any) -> Console:
    from rich.console import Console

    width = None if file.isatty() else PIPED_WIDTH
    return Console(file=file, width=width, highlight=False, soft_wrap=False)


def show(*parts: RenderableType) -> None:
    """Print results for people on stdout."""
    console = stdout_console()
    for part in parts:
        console.print(part)
    # What is said on stderr next must not stand above this where both go to one place.
    sys.stdout.flush()


def show_line(text: str) -> None:
    """Print a result of one line on stdout."""
    sys.stdout.write(text + "\n")


def show_json(document: Any) -> None:
    """Print one JSON document on stdout; bytes are taken as JSON already."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """Return a document as indented JSON; bytes are taken as JSON already."""
    import msgspec

    encoded = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def say(text: str) -> None:
    """Print one line for people on stderr."""
    sys.stderr.write(text + "\n")


@contextmanager
def stages(*, verbose: bool, quiet: bool) -> Iterator[None]:
    """Show on stderr what the rooms log: a live line in a terminal, plain lines when piped.

    Parameters
    ----------
    verbose : bool
        Show details as well.
    quiet : bool
        Show warnings only.
    """
    logger = logging.getLogger("mlcli")
    before = logger.level, logger.propagate
    with _live_line(wanted=not quiet) as live:
        handler = _PlainStages() if live is None else _LiveStages(live)
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before[0])
            logger.propagate = before[1]


@contextmanager
def row_counter(*, wanted: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the rows done so far, shown live in a terminal.

    Parameters
    ----------
    wanted : bool
        Whether to show anything; not so when the rows themselves go to the terminal.
    """
    with _live_line(wanted=wanted) as live:
        started = time.perf_counter()

        def count(n_rows: int) -> None:
            if live is not None:
                speed = n_rows / max(time.perf_counter() - started, 1e-9)
                live.say(f"predicted {n_rows:,} rows, {speed:,.0f} a second")

        if live is not None:
            live.begin("predicting")
        yield count


class _LiveLine:
    """The lowest line of a terminal: what is being done, and for how long."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=None)

    def begin(self, work: str) -> None:
        """Name the next work; its clock starts."""
        self._progress.reset(self._task, description=work)

    def say(self, text: str) -> None:
        """Say how far the work is; its clock goes on."""
        self._progress.update(self._task, description=text)

    def above(self, mark: str, style: str, message: str, remark: str = "") -> None:
        """Print a line that stays."""
        from rich.text import Text

        self._progress.console.print(Text.assemble((mark, style), " ", message, (remark, "dim")))


@contextmanager
def _live_line(*, wanted: bool) -> Iterator[_LiveLine | None]:
    """Yield the live line, or None where there is no terminal to show it in."""
    console = _console(sys.stderr) if wanted and sys.stderr.isatty() else None
    if console is None or console.is_dumb_terminal:
        yield None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    columns = (SpinnerColumn(), text, TimeElapsedColumn())
    # Gone when the work is: the screen then holds what was found, not what was being done.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield _LiveLine(progress)


class _PlainStages(logging.Handler):
    """One line a message."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        say(f"{prefix}{record.getMessage()}")


class _LiveStages(logging.Handler):
    """What was found, with a mark and its seconds; below it what is being done."""

    def __init__(self, live: _LiveLine) -> None:
        super().__init__()
        self._live = live
        self._since = time.perf_counter()
        self._under_way = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._live.above("!", "bold yellow", message)
        elif message.partition(" ")[0].endswith("ing"):
            # Such as "fitting ...": said by the live line until "fitted ..." says that it is done.
            self._under_way = message
            self._live.begin(message)
        else:
            now = time.perf_counter()
            seconds = now - self._since
            self._live.above(
                "✓", "green", message, "" if seconds < 0.1 or message.endswith(" s") else f"  {seconds:.1f} s"
            )
            self._since = now
            if message[:4] == self._under_way[:4]:
                self._live.begin("working")
