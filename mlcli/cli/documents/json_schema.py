"""The JSON Schema of each document, made from its class."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any, get_args

import msgspec
from msgspec import UnsetType
from msgspec.structs import fields

from mlcli.cli.documents.document import version_of
from mlcli.cli.documents.table import DOCUMENTS, document_class

Node = dict[str, Any]


def document_schema(name: str) -> Node:
    """Return the schema of a document, in JSON Schema draft 2020-12.

    It asks for every field that is always there and lets others pass, so that
    it also holds for documents of the same version with new fields.

    Parameters
    ----------
    name : str
        Name in `DOCUMENTS`, with or without the version.

    Returns
    -------
    dict
        The schema, ready for ``json.dumps``.

    Raises
    ------
    ConfigError
        If there is no such document.
    """
    document = document_class(name)
    known, _, version = version_of(document).partition("/")
    definitions = msgspec.json.schema(document)["$defs"]
    # Two classes of one name are told apart by their modules, in definitions as here.
    classes = {name: kind for kind in _structs(document) for name in (kind.__name__, _full_name(kind))}
    for title, node in definitions.items():
        _describe(node, classes[title])
    top = definitions.pop(document.__name__)
    top["properties"]["document"] = {"const": f"{known}/{version}", "description": "Name and version of this document."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"mlcli:{known}:{version}",
        **top,
        "title": f"{DOCUMENTS[known].command} --json" if known != "error" else "an error of mlcli --json",
        **({"$defs": definitions} if definitions else {}),
    }


def summary_of(struct: type[msgspec.Struct]) -> str:
    """Return the first paragraph of a class's docstring."""
    return _plain(cleandoc(struct.__doc__ or "").split("\n\n")[0])


def _full_name(struct: type[msgspec.Struct]) -> str:
    return f"{struct.__module__}.{struct.__qualname__}"


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield every class that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in fields(kind):
            yield from _structs(field.type)
    for part in get_args(kind):
        yield from _structs(part)


def _describe(node: Node, struct: type[msgspec.Struct]) -> None:
    """Say in an object's schema what it and its fields are, and which of them are always there."""
    told = _told_of_fields(struct)
    node["description"] = summary_of(struct)
    for name, field in node["properties"].items():
        # What would be assumed on reading: here every value is written out.
        field.pop("default", None)
        if name in told:
            field["description"] = told[name]
    node["required"] = [
        *([struct.__struct_config__.tag_field] if struct.__struct_config__.tag_field else []),
        *(field.encode_name for field in fields(struct) if UnsetType not in get_args(field.type)),
    ]


_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w+\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)
_FIELDS = re.compile(r"^(?P<names>\w[\w, ]*?)(?: : [^\n]*)?\n(?P<text>(?:(?:[ ]+[^\n]*)?(?:\n|\Z))+)", re.MULTILINE)


def _told_of_fields(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the docstrings of a class and of those above it say of each field."""
    told: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        section = _SECTION.search(cleandoc(kind.__dict__.get("__doc__") or ""))
        for field in _FIELDS.finditer(section[1]) if section else ():
            told |= {name.strip(): _plain(field["text"]) for name in field["names"].split(",")}
    return told


def _plain(text: str) -> str:
    """Return a piece of a docstring as text for people who read JSON, not Python."""
    return re.sub(r"\bNone\b", "null", " ".join(text.replace("``", "`").split()))
