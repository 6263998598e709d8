"""One process that serves: loads the model, says so, and answers."""

from __future__ import annotations

import dataclasses
import gc
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.serving.banner import for_people, one_line
from mlcli.serving.credentials import read_tokens, tls_context
from mlcli.serving.launch import Launch
from mlcli.serving.listen import raise_open_files, url_of
from mlcli.serving.memory import give_back
from mlcli.serving.reload import Reloader, artifact_to_serve
from mlcli.serving.report import Report, send_report
from mlcli.serving.settings import ServeSettings
from mlcli.serving.shares import Shares

if TYPE_CHECKING:
    from mlcli.serving.served import Served


def load_model(launch: Launch) -> Callable[[Path], Served]:
    """Return what loads and proves an artifact as `launch` says, tokens included."""
    from mlcli.serving.served import load_served

    return partial(load_served, settings=settings_of(launch))


def settings_of(launch: Launch) -> ServeSettings:
    """Return the limits and manners, with the tokens of the token file."""
    tokens = () if launch.token_file is None else read_tokens(launch.token_file)
    return dataclasses.replace(launch.settings, tokens=tokens)


def serve(
    launch: Launch,
    listener: socket.socket,
    *,
    say: Callable[[str], None],
    channel: socket.socket | None = None,
    shares: Shares | None = None,
) -> None:
    """Serve until told to stop.

    Parameters
    ----------
    launch : Launch
        What to serve and how.
    listener : socket
        A listening socket.
    say : callable
        Takes the lines for whoever started the service.
    channel : socket, optional
        To the supervisor.
    shares : Shares, optional
        The connections of all workers.

    Raises
    ------
    ArtifactError
        If the model cannot be loaded, or does not predict its golden rows.
    ConfigError
        If tokens or certificates cannot be read.
    """
    from mlcli.serving.app import create_app
    from mlcli.serving.server import ModelServer
    from mlcli.serving.service import Service

    settings, tls = settings_of(launch), tls_context(launch.tls_cert, launch.tls_key)
    load = load_model(launch)
    service = Service(load(launch.artifact), settings)
    app = create_app(service)
    server = ModelServer(
        app,
        short_way=app.short_way,
        listener=listener,
        service=service,
        open_files=raise_open_files(),
        drain_delay=settings.drain_delay,
        patience=settings.deadline + 1.0,
        tls=tls,
        shares=shares,
    )
    reloader = Reloader(
        service,
        load=load,
        find=lambda: artifact_to_serve(launch.artifact, launch.runs),
        serves=lambda path: send_report(channel, Report(serves=str(path))),
    )

    def started() -> None:
        text = banner(launch, service.served, listener)
        if channel is None:
            say(text)
        send_report(channel, Report(banner=text, serves=str(launch.artifact)))

    # What was loaded stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    give_back()
    # Requests in flight are garbage soon, and no cycles.
    gc.set_threshold(50_000, 20, 50)
    # A thread that reads a long body gives way to the loop sooner than after the usual 5 ms.
    sys.setswitchinterval(0.0005)
    server.run(started=started, reload=reloader.reload, lifeline=channel)


def banner(launch: Launch, served: Served, listener: socket.socket) -> str:
    """Return what to say once the service answers: a page for a terminal, a line for a log."""
    url = url_of(listener, tls=launch.tls_cert is not None)
    if not os.isatty(2):
        return one_line(served, url)
    return for_people(served, url, token_file=launch.token_file, cert=launch.tls_cert, workers=launch.workers)
