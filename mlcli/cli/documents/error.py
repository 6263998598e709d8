"""What a command that fails prints with ``--json``."""

from __future__ import annotations

import msgspec

from mlcli.cli.documents.document import Document


class Failure(msgspec.Struct, frozen=True):
    """What went wrong, and what to do about it.

    Parameters
    ----------
    kind : str
        Kind of the error, such as ``ConfigError``.
    problems : tuple of str
        Each thing that is wrong, in a sentence: the place, the rule, the value seen.
    hint : str
        One thing to try next.
    exit_code : int
        The command's exit code.
    """

    kind: str
    problems: tuple[str, ...]
    hint: str
    exit_code: int


class ErrorDocument(Document, frozen=True, tag="error/1"):
    """The error that a command ended with instead of its own document.

    Parameters
    ----------
    error : Failure
        What went wrong, and what to do about it.
    """

    error: Failure
