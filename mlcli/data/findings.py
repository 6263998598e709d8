"""What a look at the data found, as plain data."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "note"]


class Finding(msgspec.Struct, frozen=True):
    """One thing about the data that a person should know.

    Parameters
    ----------
    code : str
        Stable name in kebab-case, documented in ``docs/findings.md``.
    severity : Severity
        error: training would fail or its score would be worthless; warning:
        the score may mislead; note: worth knowing.
    columns : tuple of str
        The columns concerned, possibly none.
    message : str
        What was found, with figures.
    advice : str
        One thing to do.
    """

    code: str
    severity: Severity
    columns: tuple[str, ...]
    message: str
    advice: str
