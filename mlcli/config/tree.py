"""What a config file says, before it is judged: values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlcli.config.keys import Key, join_key

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written.

    Parameters
    ----------
    source : str
        A file as the user named it, or a ``--set`` in backticks.
    line, column : int
        Counted from 1; 0 where the source has no lines.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Leaf:
    """One scalar.

    Parameters
    ----------
    value : Scalar
        What YAML 1.2 reads.
    text : str
        The text that was read.
    plain : bool
        Whether it was written without quotes.
    place : Place
        Where it starts.
    written : str, optional
        The text before the environment was put in; None where none was.
    """

    value: Scalar
    text: str
    plain: bool
    place: Place
    written: str | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Tree, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A value below its key; `place` is the key's."""

    place: Place
    value: Tree


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping."""

    entries: Mapping[str, Entry]
    place: Place


Tree = Leaf | Items | Entries


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a config that must be changed.

    Parameters
    ----------
    place : Place
        Where it was written.
    key : tuple of str
        The key concerned; empty for the file as a whole.
    text : str
        The rule and the value seen.
    hint : str, optional
        One thing to try, where the text does not say it.
    """

    place: Place
    key: Key
    text: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {join_key(self.key)}: {self.text}" if self.key else f"{self.place}: {self.text}"


def find(tree: Tree, key: Key) -> Entry | None:
    """Return what stands at `key`, or None; an item of a list is named by its position, from 0."""
    entry = None
    for part in key:
        if isinstance(tree, Items) and part.isdecimal() and int(part) < len(tree.items):
            tree = tree.items[int(part)]
            entry = Entry(tree.place, tree)
            continue
        if not isinstance(tree, Entries) or part not in tree.entries:
            return None
        entry = tree.entries[part]
        tree = entry.value
    return entry


def put(tree: Entries, key: Key, value: Tree, *, place: Place) -> Entries:
    """Return `tree` with `value` at `key`; mappings on the way are made where there are none."""
    head, *rest = key
    if rest:
        below = tree.entries[head].value if head in tree.entries else None
        below = below if isinstance(below, Entries) else Entries({}, place)
        value = put(below, tuple(rest), value, place=place)
        # The key of a mapping that was there before keeps its place in the file.
        place = tree.entries[head].place if head in tree.entries else place
    return replace(tree, entries={**tree.entries, head: Entry(place, value)})


def merge(base: Entries, over: Entries) -> Entries:
    """Return `base` with `over` laid upon it: mappings are merged, anything else is replaced."""
    entries = dict(base.entries)
    for name, entry in over.entries.items():
        below = entries[name].value if name in entries else None
        if isinstance(below, Entries) and isinstance(entry.value, Entries):
            entries[name] = Entry(entry.place, merge(below, entry.value))
        else:
            entries[name] = entry
    return Entries(entries, over.place)


def without(tree: Entries, key: Key) -> Entries:
    """Return `tree` less the value at `key`, where there is one."""
    head, *rest = key
    if head not in tree.entries:
        return tree
    entry = tree.entries[head]
    entries = {name: below for name, below in tree.entries.items() if name != head}
    if rest:
        below = entry.value
        if not isinstance(below, Entries):
            return tree
        entries = {**tree.entries, head: replace(entry, value=without(below, tuple(rest)))}
    return replace(tree, entries=entries)


def pointed(entry: Entry) -> Place:
    """Return the place that says most: the value's, or the key's for a block below it."""
    value = entry.value.place
    same = value.source != entry.place.source or value.line == entry.place.line
    return value if same else entry.place


def plain_values(tree: Tree, key: Key = ()) -> Any:
    """Return the values alone: lists as tuples, but as lists in the free ``params`` of a model and in ``tune.space``."""
    if isinstance(tree, Leaf):
        return tree.value
    if isinstance(tree, Items):
        values = [plain_values(item, key) for item in tree.items]
        free = key[:2] in {("model", "params"), ("tune", "space")} or key[:3] == ("model", "candidates", "params")
        return values if free else tuple(values)
    return {name: plain_values(entry.value, (*key, name)) for name, entry in tree.entries.items()}


def leaves(tree: Entries, key: Key = ()) -> Iterator[tuple[Key, Leaf]]:
    """Yield every scalar that stands at a key of its own, with that key."""
    for name, entry in tree.entries.items():
        if isinstance(entry.value, Leaf):
            yield (*key, name), entry.value
        elif isinstance(entry.value, Entries):
            yield from leaves(entry.value, (*key, name))
