"""``mlcli serve``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlcli.cli.options import ArtifactPath, ConfigFile, Overrides

if TYPE_CHECKING:
    from mlcli.serving.launch import Launch


class RequestLog(StrEnum):
    """What the request log on stderr holds."""

    off = "off"
    requests = "requests"
    bodies = "bodies"


def serve_command(
    config: ConfigFile = None,
    artifact: ArtifactPath = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "-p",
            metavar="N",
            min=0,
            max=65535,
            help="Port to listen on; 0 for any that is free.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", metavar="N", min=1, max=256, help="Processes that answer.", show_default=False),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Answer only clients that show one of these bearer tokens, one a line.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen beyond this machine without tokens.")] = False,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="FILE", help="Certificate chain for HTTPS, PEM.", show_default=False, readable=False
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(
            "--tls-key",
            metavar="FILE",
            help="Its private key, PEM. Left out: in the certificate's file.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    log: Annotated[
        RequestLog,
        typer.Option("--log", help="One JSON line a request on stderr, without or with bodies."),
    ] = RequestLog.off,
    check: Annotated[
        bool, typer.Option("--check", help="Load and prove the model, predict its stored rows, and leave.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Answer requests for predictions over HTTP, until told to stop."""
    from mlcli.cli.locate import find_served
    from mlcli.serving.launch import Launch, settings_from

    found = find_served(config, artifact, overrides)
    serve = found.serve
    launch = Launch(
        artifact=found.path,
        runs=found.runs,
        host=serve.host if host is None else host,
        port=serve.port if port is None else port,
        workers=serve.workers if workers is None else workers,
        token_file=token_file,
        insecure=insecure,
        tls_cert=tls_cert,
        tls_key=tls_key,
        settings=settings_from(serve, log=log.value),
    )
    if check:
        _check(launch)
    else:
        _become(launch)


def _check(launch: "Launch") -> None:
    """Prove the model in this process and say so."""
    from mlcli.cli.terminal import show_line
    from mlcli.serving.banner import named, what_serves
    from mlcli.serving.worker import load_model

    served = load_model(launch)(launch.artifact)
    show_line(f"ready to serve {named(served)} ({what_serves(served)}); its stored rows predict as they did")


def _become(launch: "Launch") -> None:
    """Become the process that serves, which has never imported the command line."""
    import os
    import sys

    from mlcli.serving.credentials import read_tokens, tls_context
    from mlcli.serving.launch import ONE_THREAD
    from mlcli.serving.listen import check_exposure

    check_exposure(launch.host, token_file=launch.token_file, insecure=launch.insecure)
    if launch.token_file is not None:
        read_tokens(launch.token_file)
    tls_context(launch.tls_cert, launch.tls_key)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # -P: a file of the working folder must not stand in for a library.
    words = [sys.executable, "-P", "-m", "mlcli.serving", *launch.words()]
    os.execve(sys.executable, words, {**os.environ, **ONE_THREAD})  # noqa: S606 -- ourselves, by absolute path, no shell
