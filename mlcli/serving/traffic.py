"""What all addresses of one app share: limits, deadlines, names of requests, counts and the log."""

from __future__ import annotations

import hmac
import itertools
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlcli.serving.body import BodyReader
from mlcli.serving.call import Call, Problem, Reply
from mlcli.serving.deadlines import Deadlines
from mlcli.serving.metrics import METHODS, Tally
from mlcli.serving.request_log import RequestLog

if TYPE_CHECKING:
    from mlcli.serving.service import Service

_SANE_ID = re.compile(rb"[!-~]{1,128}")

_REASONS = {401: "token", 408: "slow", 413: "too_large", 429: "busy", 503: "not_ready", 504: "deadline"}
"""Statuses of requests that were turned away, as the metrics name them."""


class Traffic:
    """What all addresses of one app share.

    Parameters
    ----------
    service : Service
        The model in service, its settings and counts.

    Attributes
    ----------
    guarded : bool
        Whether requests need a token.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.service = service
        self.bodies = BodyReader(settings.max_body)
        self.deadlines = Deadlines(settings.deadline, on_tick=service.metrics.share)
        self.log = RequestLog(settings.log)
        self._tokens = tuple(token.encode() for token in settings.tokens)
        self.guarded = bool(self._tokens)
        self._id_prefix = secrets.token_hex(8).encode()
        self._ids = itertools.count(1)

    def request_id(self, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the name that the client gave its request, where it is sane, or a new one."""
        given = headers.get(b"x-request-id")
        if given is not None and _SANE_ID.fullmatch(given):
            return given
        return b"%b%08x" % (self._id_prefix, next(self._ids))

    def knows_token(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request carries one of the tokens."""
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        given = given.strip()
        # Every token is compared, each in constant time: how long it takes tells nothing of which is near.
        known = sum([hmac.compare_digest(given, token) for token in self._tokens])
        return bool(known) and scheme.lower() == b"bearer"

    def check_token(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request without one of the tokens.

        Raises
        ------
        Problem
            401.
        """
        if not self.knows_token(headers):
            raise Problem(
                401,
                "the request must carry a token of this service.",
                hint="Send the header 'Authorization: Bearer TOKEN'.",
                headers=(("WWW-Authenticate", 'Bearer realm="mlcli"'),),
            )

    def finish(self, tally: Tally, reply: Reply, call: Call, seconds: float) -> None:
        """Count an answered request, and write its line."""
        status, method = reply.status, call.method
        if status in _REASONS:
            self.service.metrics.rejected[_REASONS[status]] += 1
        tally.add(method if method in METHODS else "other", status, seconds)
        if self.log.on:
            self.log.write(call, reply, seconds=seconds)
