"""Rows that a command line names, to be read more than once."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from mlcli.artifact.open import Artifact
    from mlcli.data.source import Source


@dataclass(frozen=True)
class NamedRows:
    """Where rows are, and standard input as often as it is asked for.

    Parameters
    ----------
    source : Source, optional
        The rows; None where none were named.
    content : bytes, optional
        All of standard input, where the rows come on it: it can be read once only.
    """

    source: Source | None = None
    content: bytes | None = None

    @classmethod
    def find(cls, data: str | None, model: Artifact, *, overrides: Sequence[str] | None = None) -> NamedRows:
        """Find what ``--data`` names, written as the rows that `model` was trained from.

        Raises
        ------
        DataError
            If the file is missing.
        ConfigError
            If an override is wrong, or the format cannot be told.
        """
        from mlcli.data.source import source_from_path
        from mlcli.training.stored_config import stored_config

        like = stored_config(model, overrides=overrides or ()).data
        if data is None:
            return cls()
        source = source_from_path(data, like=like)
        return cls(source, sys.stdin.buffer.read() if source.stdin else None)

    def stdin(self) -> BinaryIO | None:
        """Return standard input from its beginning."""
        return None if self.content is None else io.BytesIO(self.content)
