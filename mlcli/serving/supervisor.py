"""Workers on one socket: as many as were asked for, whatever becomes of each."""

from __future__ import annotations

import logging
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlcli.errors import MlcliError
from mlcli.serving.launch import Inherited, Launch
from mlcli.serving.reload import artifact_to_serve
from mlcli.serving.report import Report, read_reports
from mlcli.serving.shares import bury_share, new_shares

logger = logging.getLogger(__name__)

SHORT_LIFE = 1.0
"""Seconds that a worker must answer before its end counts as an accident and not as a habit."""

MOST_DELAY = 5.0
"""Longest wait, in seconds, before a worker that keeps dying is started again."""

GIVE_UP_AFTER = 8
"""Short lives one after another, with no worker that answers, after which the service ends."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(eq=False)
class Worker:
    """A place for one process, and the process in it.

    Parameters
    ----------
    pid : int
        The process; 0 for none.
    channel : socket, optional
        To the process. Its end is how a worker learns that the supervisor is gone.
    ready_at : float, optional
        Since when it answers, in seconds of the monotonic clock.
    short_lives : int
        How many processes here have died young, one after another.
    start_at : float
        When the next process is due.
    heard : bytes
        The beginning of a report.
    """

    pid: int = 0
    channel: socket.socket | None = None
    ready_at: float | None = None
    short_lives: int = 0
    start_at: float = 0.0
    heard: bytes = b""


@dataclass
class _Outcome:
    """How the service ends, once that is settled."""

    code: int | None = None
    deadline: float = field(default=float("inf"))


class Supervisor:
    """Starts workers, starts dead ones again, and passes on what it is told.

    The listening socket is its own: connections in the socket's queue outlive
    any worker, and the others take them. The worker with the fewest takes the next.

    Parameters
    ----------
    launch : Launch
        What to serve and how.
    words : sequence of str
        The command line that says so.
    listener : socket
        The listening socket.
    say : callable
        Takes the lines for whoever started the service.
    """

    def __init__(
        self, launch: Launch, words: Sequence[str], listener: socket.socket, *, say: Callable[[str], None]
    ) -> None:
        self._launch = launch
        self._words = list(words)
        self._listener = listener
        self._say = say
        self._workers = [Worker() for _ in range(launch.workers)]
        self._selector = selectors.DefaultSelector()
        self._outcome = _Outcome()
        self._artifact = launch.artifact
        self._announced = False
        self._in_terminal = os.isatty(0)

    def run(self) -> int:
        """Supervise until told to stop, and return the exit code."""
        metrics = tempfile.mkdtemp(prefix="mlcli-metrics-")
        self._environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": metrics}
        self._metrics = Path(metrics)
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        self._shares = new_shares(len(self._workers))
        for descriptor in (self._listener.fileno(), self._shares):
            os.set_inheritable(descriptor, True)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _no_more_than_wake)
        self._selector.register(wake, selectors.EVENT_READ)
        try:
            while any(worker.pid for worker in self._workers) or self._outcome.code is None:
                self._start_due()
                self._listen_to(wake)
                self._end_late_ones()
        finally:
            for worker in self._workers:
                if worker.pid:
                    os.kill(worker.pid, signal.SIGKILL)
            shutil.rmtree(metrics, ignore_errors=True)
        return self._outcome.code

    # --- workers -----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        if self._outcome.code is not None:
            return
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and worker.start_at <= now:
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        """Start a fresh process: nothing of a dead one, and nothing of this one, is in it."""
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-P", "-m", "mlcli.serving", *self._words, "--artifact", str(self._artifact)]
        place = self._workers.index(worker)
        words += Inherited(self._listener.fileno(), theirs.fileno(), self._shares, place).words()
        os.set_inheritable(theirs.fileno(), True)
        # A group of its own: Ctrl-C in the terminal is the supervisor's to pass on, once.
        worker.pid = os.posix_spawn(sys.executable, words, self._environment, setpgroup=0, setsigdef=_SIGNALS)
        theirs.close()
        ours.setblocking(False)
        worker.channel, worker.ready_at, worker.heard = ours, None, b""
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _reap(self) -> None:
        """Take leave of dead workers."""
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._hear(worker)  # its last words
                    self._bury(worker, os.waitstatus_to_exitcode(status))

    def _bury(self, worker: Worker, code: int) -> None:
        for left in self._metrics.glob(f"gauge_live*_{worker.pid}.db"):
            left.unlink(missing_ok=True)  # gauges of a dead process count no more, its counters do
        self._hang_up(worker)
        bury_share(self._shares, self._workers.index(worker))
        pid, worker.pid = worker.pid, 0
        now = time.monotonic()
        young = worker.ready_at is None or now - worker.ready_at < SHORT_LIFE
        worker.ready_at = None
        if self._outcome.code is not None:
            return
        worker.short_lives = worker.short_lives + 1 if young else 0
        # At once for an accident; ever later for one that keeps dying.
        delay = 0.0 if worker.short_lives < 2 else min(MOST_DELAY, 0.05 * 2**worker.short_lives)
        worker.start_at = now + delay
        logger.warning("worker %d %s and is replaced", pid, _ending(code))
        if not any(other.ready_at is not None for other in self._workers):
            self._give_up_or_go_on(code)

    def _give_up_or_go_on(self, code: int) -> None:
        """End a service of which every worker keeps dying young."""
        if not self._announced and code > 0:
            self._stop(1)  # the first start of all failed by itself: so would every other
        elif all(worker.short_lives >= GIVE_UP_AFTER for worker in self._workers):
            self._say("error: a worker must answer for longer than a second. Got: every one keeps dying.")
            self._say("hint: What they logged stands above; try --workers 1, or a machine with more memory.")
            self._stop(1)

    # --- listening ---------------------------------------------------------------------------------------------------

    def _listen_to(self, wake: socket.socket) -> None:
        """Wait for signals, for reports, and for a worker that is due."""
        due = [worker.start_at for worker in self._workers if not worker.pid and self._outcome.code is None]
        until = min([*due, self._outcome.deadline])
        timeout = None if until == float("inf") else max(0.0, until - time.monotonic())
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                with suppress(BlockingIOError):
                    for number in wake.recv(1024):
                        self._on_signal(number)
            else:
                self._hear(key.data)

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGHUP and not self._hung_up():
            self._reload()
        elif self._outcome.code is None:
            self._stop(0)
        else:
            self._signal_workers(signal.SIGINT)  # told twice: they hurry

    def _hung_up(self) -> bool:
        """Return whether the terminal that this was started in is gone: then SIGHUP means stop."""
        if not self._in_terminal:
            return False
        try:
            os.tcgetpgrp(0)
        except OSError:
            return True
        return False

    def _reload(self) -> None:
        """Have every worker load the same artifact; those that are starting find it when they are ready."""
        try:
            path = artifact_to_serve(self._launch.artifact, self._launch.runs)
        except MlcliError as error:
            logger.warning("reload refused: %s", error)
            return
        for worker in self._workers:
            if worker.channel is not None:
                with suppress(OSError):  # dead, and soon found to be so
                    worker.channel.send(os.fsencode(path) + b"\n")

    def _hear(self, worker: Worker) -> None:
        """Read what a worker reports."""
        if worker.channel is None:
            return
        try:
            received = worker.channel.recv(1 << 16)
        except (BlockingIOError, ConnectionError):
            return
        if not received:
            self._hang_up(worker)
            return
        *lines, worker.heard = (worker.heard + received).split(b"\n")
        for report in read_reports(lines):
            self._on_report(worker, report)

    def _hang_up(self, worker: Worker) -> None:
        if worker.channel is not None:
            self._selector.unregister(worker.channel)
            worker.channel.close()
            worker.channel = None

    def _on_report(self, worker: Worker, report: Report) -> None:
        if report.serves is not None:
            # Also what a worker that must be replaced later begins with: it was proven, whatever is newer.
            self._artifact = Path(report.serves)
        if report.banner is not None:
            worker.ready_at = time.monotonic()
            if not self._announced and all(other.ready_at is not None for other in self._workers):
                self._announced = True
                self._say(report.banner)
        if report.error is not None:
            self._on_failure(report)

    def _on_failure(self, report: Report) -> None:
        """A worker cannot start: nor could any other, unless the service was up before."""
        if self._announced:
            logger.warning("a worker cannot start: %s", report.error)
        elif self._outcome.code is None:
            self._say(f"error: {report.error}")
            if report.hint:
                self._say(f"hint: {report.hint}")
            self._stop(report.code)

    # --- stopping ----------------------------------------------------------------------------------------------------

    def _stop(self, code: int) -> None:
        settings = self._launch.settings
        self._outcome = _Outcome(code, time.monotonic() + settings.drain_delay + settings.deadline + 5.0)
        self._signal_workers(signal.SIGTERM)

    def _signal_workers(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    def _end_late_ones(self) -> None:
        if time.monotonic() > self._outcome.deadline:
            self._signal_workers(signal.SIGKILL)


def _no_more_than_wake(_number: int, _frame: object) -> None:
    """Let the wake-up file descriptor carry the signal."""


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"left with code {code}"
