"""One process that answers on a listening socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import uvicorn
import uvloop

from mlcli.serving.connections import HEAD_TIMEOUT, Connections
from mlcli.serving.protocol import ModelProtocol, ModelState
from mlcli.serving.shares import NOT_THERE, Shares
from mlcli.serving.short_way import ShortWay

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 4096
"""Most connections of a process, where the system lets it open as many files."""

SPARE_FILES = 64
"""Open files that are not connections: libraries, the model, the loop."""

LINGER = 0.5
"""Seconds that a stopping server waits for a request that may be on its way on a connection just used."""

Reload = Callable[[Path | None], Coroutine[Any, Any, None]]

AT_ONCE = 64
"""Most connections taken in one turn of the loop."""

GRACE = 0.002
"""Seconds that a worker with fewer connections has to take the next before another does."""

_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Readiness(Protocol):
    """What the server needs of the service."""

    ready: bool


class ModelServer:
    """Accepts connections and runs the app on them.

    Parameters
    ----------
    app : ASGI application
        What answers.
    listener : socket
        A listening socket, shared with the other workers.
    short_way : ShortWay, optional
        What the app lets its own server ask without a scope.
    service : Readiness
        Told when it is no longer ready.
    open_files : int
        Files that this process may open.
    drain_delay : float
        Seconds that it goes on answering after it was told to stop.
    patience : float
        Most seconds that requests under way may take after that.
    tls : SSLContext, optional
        For HTTPS.
    shares : Shares, optional
        The connections of every worker of the listener.
    """

    def __init__(
        self,
        app: Any,
        *,
        listener: socket.socket,
        short_way: ShortWay | None = None,
        service: Readiness,
        open_files: int,
        drain_delay: float,
        patience: float,
        tls: ssl.SSLContext | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._config = uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", http=ModelProtocol, proxy_headers=False
        )
        self._state = ModelState()
        self._short_way = short_way
        self._waiting = Connections(limit=max(8, min(MOST_CONNECTIONS, open_files - SPARE_FILES)))
        self._listener = listener
        self._service = service
        self._drain_delay = drain_delay
        self._patience = patience
        self._tls = tls
        self._shares = shares
        if shares is not None:
            self._waiting.on_change = self._state_share
        self._handshakes: set[asyncio.Task[Any]] = set()
        self._accepting = False

    def run(self, *, started: Callable[[], None], reload: Reload, lifeline: socket.socket | None = None) -> None:
        """Answer until told to stop.

        Parameters
        ----------
        started : callable
            Called once connections are accepted.
        reload : coroutine function
            Run with None for a SIGHUP, and with the path that comes through the lifeline.
        lifeline : socket, optional
            Its other end is open for as long as the supervisor lives.
        """
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(started, reload, lifeline))

    async def _serve(self, started: Callable[[], None], reload: Reload, lifeline: socket.socket | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._reload, self._reloads = reload, set[asyncio.Task[None]]()
        self._loop.add_signal_handler(signal.SIGTERM, self._told_to_stop)
        self._loop.add_signal_handler(signal.SIGINT, self._told_to_stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_soon, None)
        if lifeline is not None:
            self._loop.add_reader(lifeline, self._hear, lifeline)
        self._config.load()
        lifespan = self._config.lifespan_class(self._config)
        await lifespan.startup()
        if lifespan.should_exit:
            raise RuntimeError("the service did not start")  # its traceback stands above, in the log
        self._factory = partial(
            ModelProtocol,
            self._config,
            self._state,
            lifespan.state,
            self._loop,
            connections=self._waiting,
            short_way=self._short_way,
        )
        self._tick()
        self._resume_accepting()
        started()
        await self._stop.wait()
        await self._drain()
        await lifespan.shutdown()

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _reload_soon(self, path: Path | None) -> None:
        task = self._loop.create_task(self._reload(path))
        self._reloads.add(task)  # a task that nothing refers to may vanish half-way
        task.add_done_callback(self._reloads.discard)

    def _hear(self, lifeline: socket.socket) -> None:
        """Reload what the supervisor names; stop when it is gone, however it went."""
        received = lifeline.recv(1 << 16)
        if received:
            self._reload_soon(Path(os.fsdecode(received.splitlines()[-1])))
        else:
            self._loop.remove_reader(lifeline)
            self._stop.set()

    def _tick(self) -> None:
        """Once a second: the date of answers, and connections whose time is over."""
        self._state.tell(date=formatdate(usegmt=True).encode())
        self._waiting.sweep(self._loop.time())
        if self._accepting is False and not self._stop.is_set():
            self._resume_accepting()
        self._loop.call_later(1.0, self._tick)

    # --- accepting ---------------------------------------------------------------------------------------------------

    def _resume_accepting(self) -> None:
        self._loop.add_reader(self._listener, self._consider)
        self._accepting = True
        self._state_share()

    def _pause_accepting(self) -> None:
        if self._accepting:
            self._loop.remove_reader(self._listener)
            self._accepting = False

    def _state_share(self) -> None:
        if self._shares is not None:
            n_connections = len(self._state.connections) + len(self._handshakes)
            self._shares.state(NOT_THERE if self._stop.is_set() else n_connections)

    def _consider(self) -> None:
        """Take connections, but for those that a worker with fewer should have.

        One a turn would be fairer to requests that run, and slower to whoever comes: under
        load a turn takes as long as all of its requests.
        """
        for _ in range(AT_ONCE):
            if self._shares is not None and self._shares.after_others():
                break
            if not self._accept():
                return
        else:
            return
        # It may be too busy to come: nothing waits for it any longer than this.
        self._pause_accepting()
        self._loop.call_later(GRACE, self._insist)

    def _insist(self) -> None:
        if not self._stop.is_set():
            self._accept()
            self._resume_accepting()

    def _accept(self) -> bool:
        """Take one connection; return whether there was one."""
        if (
            len(self._state.connections) + len(self._handshakes) >= self._waiting.limit
            and not self._waiting.make_room()
        ):
            self._pause_accepting()  # every connection is at work; the tick tries again
            return False
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno not in _FULL:
                raise
            if not self._waiting.make_room():
                self._pause_accepting()
            return False
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._handshakes.add(task)
        self._state_share()
        task.add_done_callback(self._handshakes.discard)
        return True

    async def _connect(self, connection: socket.socket) -> None:
        patience = HEAD_TIMEOUT if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._factory, connection, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            logger.debug("a connection was lost while it was made: %s", error)
            connection.close()

    # --- stopping ----------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Stop without failing a request: say so, go on answering, take no more, finish what is under way."""
        self._service.ready = False
        self._state_share()
        self._state.close_all()
        for connection in list(self._state.connections):
            connection.answer_last()  # type: ignore[union-attr]  # all are made by our factory
        await self._wait(self._drain_delay)
        while self._accept():  # noqa: ASYNC110 -- it waits for nothing: the accepted ones get their turn
            # Connections in the queue of the socket would be reset when it closes.
            await asyncio.sleep(0)
        self._pause_accepting()
        self._listener.close()
        await self._finish()

    async def _finish(self) -> None:
        """Close idle connections, wait for the others, and close those that take too long."""
        over = self._loop.time() + self._patience
        while (self._state.connections or self._handshakes) and not self._hurry.is_set():
            now = self._loop.time()
            if now > over:
                logger.warning("%d requests took too long to finish and were dropped", len(self._state.connections))
                break
            for table in (self._waiting.idle, self._waiting.heads):
                for connection, since in list(table.items()):
                    if now - since >= LINGER:
                        self._waiting.forget(connection)
                        connection.give_up()
            await self._wait(0.02)
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        await asyncio.sleep(0)  # the connections are lost first, so that nobody is owed an answer
        for task in self._state.tasks:
            task.cancel()
        await asyncio.sleep(0)

    async def _wait(self, seconds: float) -> None:
        """Wait, unless a second signal says to hurry."""
        try:
            await asyncio.wait_for(self._hurry.wait(), timeout=seconds)
        except TimeoutError:
            return
