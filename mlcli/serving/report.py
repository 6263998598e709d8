"""What a worker tells its supervisor."""

from __future__ import annotations

import logging
import socket

import msgspec

logger = logging.getLogger(__name__)


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line from a worker to its supervisor.

    Parameters
    ----------
    banner : str, optional
        It answers, and this is what to say of it.
    serves : str, optional
        The artifact that it has put into service.
    error, hint : str, optional
        Why it cannot start.
    code : int
        The exit code of that error.
    """

    banner: str | None = None
    serves: str | None = None
    error: str | None = None
    hint: str | None = None
    code: int = 0


def send_report(channel: socket.socket | None, report: Report) -> None:
    """Tell the supervisor, where there is one."""
    if channel is None:
        return
    try:
        channel.sendall(msgspec.json.encode(report) + b"\n")
    except OSError:
        logger.debug("the supervisor is gone; its silence stops this worker")


def read_reports(lines: list[bytes]) -> list[Report]:
    """Return the reports that lines hold."""
    return [msgspec.json.decode(line, type=Report) for line in lines]
