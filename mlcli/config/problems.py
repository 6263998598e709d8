"""What pydantic refused, in words for people.

Pydantic judges; the words are made here from the classes and from what was
written, so that one wrong value is one problem, whatever its type.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mlcli.config.fields import Shape, owners, section_of, shape_of
from mlcli.config.keys import Key, join_key, split_key
from mlcli.config.section import AT_KEY, Section
from mlcli.config.sections import Config
from mlcli.config.tree import Entries, Entry, Items, Leaf, Place, Problem, Tree, find, pointed
from mlcli.config.yaml_nodes import resolve_plain
from mlcli.registry import did_you_mean

_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def explain(error: ValidationError, tree: Entries) -> list[Problem]:
    """Say every problem of `error` once, with its place in `tree`."""
    found: dict[tuple[Key, str], list[Problem]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        if detail["loc"][:2] == ("model", "candidates") and len(detail["loc"]) > 2:
            continue  # told item by item, with their own places, by `check_names`
        key, field, unknown = _locate(detail["loc"])
        kind = detail["type"]
        # The branches of a union, and the items of one list, are told together.
        if kind == AT_KEY:
            key = split_key(detail["ctx"]["key"])
        once = (key, kind if kind in {"missing", "value_error", AT_KEY} else "")
        if once in found:
            continue
        if unknown:
            found[once] = [unknown_key(key, tree)]
        elif kind == "missing":
            found[once] = [_missing(key, field, tree)]
        elif kind in {"value_error", AT_KEY}:
            text = detail["msg"] if kind == AT_KEY else str(detail["ctx"]["error"])
            found[once] = [Problem(_nearest(tree, key), key, text)]
        else:
            found[once] = _refused_value(key, field, tree)
    return [problem for problems in found.values() for problem in problems]


def unknown_key(key: Key, tree: Entries, *, known: Iterable[str] = (), what: str = "key") -> Problem:
    """Say that the last part of `key` is not known, and which known one may be meant."""
    *above, name = key
    section = _section_at(tuple(above))
    names = list(known) or (list(section.model_fields) if section else [])
    if not above:
        names.append("extends")
    entry = find(tree, key)
    place = entry.place if entry else tree.place
    close = did_you_mean(name, names)
    homes = [home for home in owners().get(name, ()) if home != tuple(above)]
    # A key that stood too deep belongs under the section around it.
    homes = [home for home in homes if home and tuple(above[: len(home)]) == home] or homes
    belongs = " or ".join(f"'{join_key(home)}'" if home else "the top level" for home in homes)
    if close and close != name:
        advice = f" - did you mean {close!r}?"
        advice += f" ({name!r} belongs under {belongs})" if belongs else ""
    elif belongs:
        advice = f" - it belongs under {belongs}"
    else:
        advice = f". Known: {', '.join(sorted(names) if known else names)}" if names else ""
    return Problem(place, key, f"unknown {what}{advice}")


def got(node: Tree) -> str:
    """Say what was written; never a value that came from the environment, which may be a secret."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "a mapping"
    if node.written is not None:
        return f"{_kind(node)} from {_short(node.written)}"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return _short(repr(node.value))
    return _short(node.text)


def _locate(loc: tuple[str | int, ...]) -> tuple[Key, FieldInfo | None, bool]:
    """Return the key that pydantic means, its field, and whether it is unknown."""
    section: type[Section] | None = Config
    field: FieldInfo | None = None
    key: list[str] = []
    for part in loc:
        if section is None:
            break
        field = section.model_fields.get(str(part))
        key.append(str(part))
        if field is None:
            return tuple(key), None, True
        section = section_of(field)
    return tuple(key), field, False


def _section_at(key: Key) -> type[Section] | None:
    section: type[Section] | None = Config
    for part in key:
        field = section.model_fields.get(part) if section else None
        section = section_of(field) if field else None
    return section


def _nearest(tree: Entries, key: Key) -> Place:
    """Return the place of `key`, or of the nearest mapping above it that was written."""
    while key:
        entry = find(tree, key)
        if entry is not None:
            return pointed(entry)
        key = key[:-1]
    return tree.place


def _missing(key: Key, field: FieldInfo | None, tree: Entries) -> Problem:
    description = (field.description or "") if field else ""
    return Problem(_nearest(tree, key[:-1]), key, f"is missing. It must be given: {_lower(description)}")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _refused_value(key: Key, field: FieldInfo | None, tree: Entries) -> list[Problem]:
    entry = find(tree, key) if key else Entry(tree.place, tree)
    if entry is None or field is None:
        return [Problem(tree.place, key, "is not accepted")]
    if section_of(field) is not None:
        example = f"{key[-1]}: {{...}}"
        text = f"must be a mapping of keys, such as {example}. Got {got(entry.value)}"
        return [Problem(pointed(entry), key, text)]
    shape = shape_of(field)
    told = list(_tell(shape, entry.value, key, pointed(entry), ""))
    return told or [Problem(pointed(entry), key, f"must be {shape.phrase()}. Got {got(entry.value)}")]


def _tell(shape: Shape, node: Tree, key: Key, place: Place, which: str) -> Iterator[Problem]:
    """Yield a problem for every part of `node` that `shape` does not take."""
    if isinstance(node, Items) and shape.items is not None:
        for number, item in enumerate(node.items, 1):
            yield from _tell(shape.items, item, key, item.place, f"item {number} ")
    elif isinstance(node, Entries) and shape.values is not None:
        for name, entry in node.entries.items():
            yield from _tell(shape.values, entry.value, (*key, name), pointed(entry), which)
    elif not _takes(shape, node):
        advice = _advice(shape, node)
        yield Problem(place, key, f"{which}must be {shape.phrase()}. Got {got(node)}{advice}")


def _takes(shape: Shape, node: Tree) -> bool:
    if object in shape.types:
        return True
    if not isinstance(node, Leaf):
        return False
    value = node.value
    if value is None:
        return shape.nullable
    if isinstance(value, str):
        return value in shape.literals or (str in shape.types and _takes_text(shape, value))
    if isinstance(value, bool):
        return bool in shape.types
    if isinstance(value, int):
        return (int in shape.types or float in shape.types) and shape.bounds.admit(value)
    return float in shape.types and math.isfinite(value) and shape.bounds.admit(value)


def _takes_text(shape: Shape, value: str) -> bool:
    bounds = shape.bounds
    # A pattern was judged by pydantic already; what it let through did not come here.
    fits = (bounds.min_length or 0) <= len(value) and (bounds.max_length is None or len(value) <= bounds.max_length)
    return fits and bounds.pattern is None


def _advice(shape: Shape, node: Tree) -> str:
    """Return what to write instead, where that can be said."""
    if not isinstance(node, Leaf) or node.written is not None:
        return ""
    if shape.literals:
        close = did_you_mean("none" if node.value is None else str(node.text), shape.literals)
        return f" - did you mean {close!r}?" if close and close != node.value else ""
    if isinstance(node.value, str):
        return _text_advice(shape, node)
    if str in shape.types and node.value is not None:
        return f" - write '{node.text}' in quotes"
    if shape.types == (int,) and isinstance(node.value, float) and node.value.is_integer():
        return f" - write {int(node.value)}"
    if shape.items is not None and shape.items.types == (str,) and node.value is not None:
        return f" - write ['{node.text}']"
    return ""


def _text_advice(shape: Shape, node: Leaf) -> str:
    if shape.items is not None:
        return f" - write [{node.text}]"
    word = node.text.strip().lower()
    if bool in shape.types and word in {**_YES_NO, "true": "", "false": ""}:
        if word in {"true", "false"}:
            return f" - write {word} without quotes"
        return f" - YAML 1.2 reads {node.text!r} as text - write {_YES_NO[word]}"
    if float not in shape.types and int not in shape.types:
        return ""
    bare = node.text.strip().replace("_", "")
    number = resolve_plain(bare if not bare.lstrip("+-").isdecimal() else str(int(bare)))
    if isinstance(number, str | None):
        return ""
    if node.plain:
        return f" - YAML 1.2 reads {node.text!r} as text - write {number}"
    return f" - write {number} without quotes"


def _kind(node: Leaf) -> str:
    if node.value is None:
        return "nothing"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[type(node.value)]


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
