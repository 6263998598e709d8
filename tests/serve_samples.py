"""Real serving processes for the tests."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVING = [sys.executable, "-P", "-m", "mlcli.serving"]
ROW = {"age": 25, "city": "Rome", "date": "2024-03-04"}
BODY = json.dumps({"rows": [ROW]}).encode()
PATIENCE = 15.0


def until(condition, *, seconds=PATIENCE):
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")


@dataclass
class Server:
    """A serving process.

    Parameters
    ----------
    process : Popen
        The process, or the supervisor of several.
    log : Path
        Its stderr.
    """

    process: subprocess.Popen
    log: Path

    @property
    def said(self):
        return self.log.read_text(encoding="utf-8")

    @property
    def port(self):
        found = re.search(r"https?://[\w.\[\]:]+:(\d+)", self.said)
        assert found, self.said
        return int(found[1])

    @property
    def pids(self):
        """Workers of a supervisor."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def wait_until_ready(self):
        def ready():
            assert self.process.poll() is None, self.said
            return re.search(r"https?://\S+:\d+", self.said)

        until(ready)
        return self

    def ask(self, path="/predict", body=BODY, headers=()):
        """Return the status, headers and JSON of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(
                "GET" if body is None else "POST", path, body, {"Content-Type": "application/json", **dict(headers)}
            )
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read() or b"null")

    def send_raw(self, content):
        """Return everything that comes back for raw bytes, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(content)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self, number=signal.SIGTERM):
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def serving(folder, *words, command=SERVING, ready=True, **options):
    """Run a server on a free port; whatever is left of it at the end is killed."""
    log = folder / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "--port", "0", *map(str, words)],
            stderr=stderr,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            **options,
        )
    server = Server(process, log)
    try:
        yield server.wait_until_ready() if ready else server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@dataclass
class Load:
    """Clients that ask again and again, each on a connection that it keeps.

    A connection that the server announced to close is made anew; one that
    ends in any other way counts as a failure.
    """

    server: Server
    n_clients: int = 4
    answers: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    def __enter__(self):
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.n_clients)]
        self._port = self.server.port
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.answers) >= self.n_clients)
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        connection = None
        while not self._over.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
                connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
                response = connection.getresponse()
                self.answers.append((response.status, json.loads(response.read())))
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()
