"""Which format a client would rather have."""

from __future__ import annotations

import re
from collections.abc import Sequence

OFFERED = ("application/json", "text/csv", "application/xml", "text/xml")
"""Media types of an answer, the service's own preference first."""

_RANGE = re.compile(r"\s*([!#$%&'+.^_`|~\w-]+|\*)/([!#$%&'+.^_`|~\w-]+|\*)\s*((?:;[^,]*)?)", re.ASCII)
_WEIGHT = re.compile(r";\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_LONGEST = 4096


def negotiate(accept: str | None, *, offered: Sequence[str] = OFFERED) -> str | None:
    """Return the media type to answer in, or None where the client accepts none.

    Parameters
    ----------
    accept : str, optional
        The request's header ``Accept``. None or blank: anything.
    offered : sequence of str
        What an answer may be, the service's own preference first.

    Returns
    -------
    str or None
        One of `offered`: of the highest weight; on a tie, the first.

    References
    ----------
    .. [1] RFC 9110, "HTTP Semantics", sections 12.4.2 and 12.5.1.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [found for part in accept[:_LONGEST].split(",") if (found := _range(part)) is not None]
    weights = {media: _weight(media, ranges) for media in offered}
    best = max(weights, key=lambda media: weights[media])
    return best if weights[best] > 0 else None


def _range(part: str) -> tuple[str, float] | None:
    """Return a media range and its weight; None for what is neither."""
    found = _RANGE.fullmatch(part)
    if found is None:
        return None
    weight = _WEIGHT.search(found[3])
    if weight is None and re.search(r";\s*q\s*=", found[3], re.IGNORECASE):
        return None
    return f"{found[1]}/{found[2]}".lower(), 1.0 if weight is None else float(weight[1])


def _weight(media: str, ranges: list[tuple[str, float]]) -> float:
    """Return the weight of a media type: that of the most specific range which holds it."""
    for pattern in (media, f"{media.partition('/')[0]}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0.0
