"""``python -m mlcli.serving``: the process that serves.

`mlcli serve` becomes this process, so that nothing of the command line stays
in its memory; a container starts it directly.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from mlcli.errors import ArtifactError, MlcliError
from mlcli.serving.launch import ONE_THREAD, Inherited, Launch, read_launch
from mlcli.serving.report import Report, send_report


def main(words: Sequence[str]) -> int:
    """Serve as the command line says, and return the exit code.

    Parameters
    ----------
    words : sequence of str
        The words behind ``python -m mlcli.serving``.

    Returns
    -------
    int
        0 when it was told to stop and did, 1 for a bug of ours, 2 for the command
        line or the config, 4 for the artifact, 130 where Ctrl-C came before it answered.
    """
    # Before anything imports numpy: the libraries below it read this once.
    os.environ.update(ONE_THREAD)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("mlcli.serving").setLevel(logging.INFO)
    # Until the server takes the signals over: nothing is in flight yet, and a reload has nothing to replace.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    channel: socket.socket | None = None
    try:
        launch, inherited = read_launch(words)
        if inherited is None:
            return _serve_here(launch, words)
        channel = socket.socket(fileno=inherited.channel)
        _serve_below(launch, inherited, channel)
    except MlcliError as error:
        code = 4 if isinstance(error, ArtifactError) else 2
        if channel is None:
            say_error(error.message, error.hint)
        else:
            send_report(channel, Report(error=error.message, hint=error.hint, code=code))
        return code
    except KeyboardInterrupt:
        return 130
    return 0


def _serve_here(launch: Launch, words: Sequence[str]) -> int:
    """Listen, and serve in this process or in workers below it."""
    from mlcli.serving.credentials import read_tokens, tls_context
    from mlcli.serving.listen import bind, check_exposure

    check_exposure(launch.host, token_file=launch.token_file, insecure=launch.insecure)
    if launch.token_file is not None:
        read_tokens(launch.token_file)
    tls_context(launch.tls_cert, launch.tls_key)
    listener = bind(launch.host, launch.port)
    if launch.workers > 1:
        from mlcli.serving.supervisor import Supervisor

        return Supervisor(launch, words, listener, say=say).run()

    from mlcli.serving.worker import serve

    serve(launch, listener, say=say)
    return 0


def _serve_below(launch: Launch, inherited: Inherited, channel: socket.socket) -> None:
    """Serve on the socket of the supervisor."""
    from mlcli.serving.shares import Shares
    from mlcli.serving.worker import serve

    channel.setblocking(True)
    listener = socket.socket(fileno=inherited.listener)
    listener.setblocking(False)
    shares = Shares(inherited.shares, inherited.place)
    serve(launch, listener, say=say, channel=channel, shares=shares)


def say(text: str) -> None:
    """Tell whoever started the service."""
    with suppress(OSError):  # a terminal that is closed, a full disk: the service goes on
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def say_error(message: str, hint: str | None) -> None:
    """Say an error as every command does."""
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
