"""What a serving process is told when it starts: words of a command line, and back."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlcli.errors import ConfigError
from mlcli.serving.settings import ServeSettings

ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # Threads that wait should sleep: spinning ones slow every other process of the machine.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""What the environment must say before numpy is imported: a worker computes with one thread.

Requests run side by side in workers, so threads inside one only fight over the same cores.
"""

WORKER = "--worker"
"""The word that makes a process a worker."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to serve, where, and how.

    Parameters
    ----------
    artifact : Path
        A run folder or a ``.mlcli`` file.
    runs : Path, optional
        Folder of runs, the newest of which is served after a reload. None: `artifact` again.
    host, port : str, int
        Where to listen; port 0 for any that is free.
    workers : int
        Processes that answer.
    token_file : Path, optional
        File of bearer tokens, one a line.
    insecure : bool
        Listen beyond this machine without tokens.
    tls_cert, tls_key : Path, optional
        Certificate chain and private key, PEM; the key may stand in the certificate's file.
    settings : ServeSettings
        Limits and manners. Tokens are never among what is written out.
    """

    artifact: Path
    runs: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token_file: Path | None = None
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    settings: ServeSettings = field(default_factory=ServeSettings)

    def words(self) -> list[str]:
        """Return the command line that `read_launch` reads back."""
        words = ["--artifact", str(self.artifact), "--host", self.host, "--port", str(self.port)]
        words += ["--workers", str(self.workers), "--settings", settings_json(self.settings)]
        for name, path in (
            ("--runs", self.runs),
            ("--token-file", self.token_file),
            ("--tls-cert", self.tls_cert),
            ("--tls-key", self.tls_key),
        ):
            if path is not None:
                words += [name, str(path)]
        return [*words, "--insecure"] if self.insecure else words


@dataclass(frozen=True)
class Inherited:
    """What a worker has from its supervisor, as open file descriptors.

    Parameters
    ----------
    listener : int
        The listening socket.
    channel : int
        A socket to the supervisor.
    shares : int
        What `mlcli.serving.shares` reads.
    place : int
        Which of the workers this one is, from 0.
    """

    listener: int
    channel: int
    shares: int
    place: int

    def words(self) -> list[str]:
        """Return the words behind the command line of the supervisor."""
        return [WORKER, *map(str, (self.listener, self.channel, self.shares, self.place))]


def read_launch(words: Sequence[str]) -> tuple[Launch, Inherited | None]:
    """Read the command line of ``python -m mlcli.serving``.

    Raises
    ------
    ConfigError
        If the settings are not as `settings_json` writes them.
    SystemExit
        With code 2, after a message, for unknown or missing words.
    """
    found = _parser().parse_args(words)
    given = vars(found)
    inherited = given.pop("worker")
    settings = ServeSettings() if given["settings"] is None else _read_settings(given["settings"])
    launch = Launch(**{**given, "settings": settings})
    return launch, None if inherited is None else Inherited(*inherited)


def settings_from(section: Any, *, log: Literal["off", "requests", "bodies"] = "off") -> ServeSettings:
    """Return the limits and manners that a config's section `serve` states.

    Parameters
    ----------
    section : mlcli.config.sections.ServeConfig
        The section; not imported here, for a serving process reads no config.
    log : {"off", "requests", "bodies"}
        What the request log holds.
    """
    stated = {
        known.name: getattr(section, known.name) for known in fields(ServeSettings) if hasattr(section, known.name)
    }
    return ServeSettings(**{**stated, "log": log})


def settings_json(settings: ServeSettings) -> str:
    """Return settings as one JSON object, without the tokens."""
    stated = {known.name: getattr(settings, known.name) for known in fields(settings) if known.name != "tokens"}
    return msgspec.json.encode(stated).decode()


def _read_settings(text: str) -> ServeSettings:
    """Read settings from JSON, or from a file of JSON."""
    try:
        content = text if text.startswith("{") else Path(text).read_text(encoding="utf-8")
        return msgspec.json.decode(content, type=ServeSettings)
    except OSError as error:
        raise ConfigError(f"`--settings {text}` must be readable. {error.strerror}.", hint="Check the path.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"`--settings` must be a JSON object of limits. {error}.", hint="Write it anew with mlcli package."
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlcli.serving",
        description="Serve a stored model. `mlcli serve` starts this; a container starts it directly.",
        allow_abbrev=False,
    )
    parser.add_argument("--artifact", type=Path, required=True, help="a run folder or a .mlcli file")
    parser.add_argument("--runs", type=Path, help="folder of runs: a reload serves the newest")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 for any that is free")
    parser.add_argument("--workers", type=int, default=1, help="processes that answer")
    parser.add_argument("--token-file", type=Path, help="file of bearer tokens, one a line")
    parser.add_argument("--insecure", action="store_true", help="listen beyond this machine without tokens")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, help="private key, PEM")
    parser.add_argument("--settings", help="limits as a JSON object, or a file that holds one")
    # From the supervisor to its workers alone.
    parser.add_argument(WORKER, type=int, nargs=len(fields(Inherited)), help=argparse.SUPPRESS)
    return parser
