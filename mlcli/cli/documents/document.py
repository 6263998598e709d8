"""What every document of ``--json`` has in common."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

JsonValue = bool | int | float | str | list[Any] | dict[str, Any] | None
"""Whatever JSON can hold, where a model's library decides what it is."""

T = TypeVar("T")


# The tag of each class is its name and version, such as train/1; a document begins with it.
# The rule for raising the version: by one when a field of the document, or of anything in it, is
# removed, renamed or gets another type, and when one that was always there may be left out. A new
# field does not raise it. The schemas in tests/documents/ tell which of these a change is.
class Document(msgspec.Struct, frozen=True, tag_field="document"):
    """What a command prints with ``--json``."""


def given(value: T | None) -> T | UnsetType:
    """Return a value; where there is none, what leaves its field out of the document."""
    return UNSET if value is None else value


def version_of(document: type[msgspec.Struct]) -> str:
    """Return a document's name and version, such as ``train/1``."""
    return str(document.__struct_config__.tag)
