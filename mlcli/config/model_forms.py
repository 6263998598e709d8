"""The short ways to write a model: a name, or a list to choose from."""

from __future__ import annotations

from dataclasses import replace

from mlcli.config.tree import Entries, Entry, Items, Leaf, Tree
from mlcli.registry import AUTO

CHOICE = ("candidates", "effort", "boost", "max_minutes", "max_latency")
"""Keys of a model that say how to choose, and mean nothing of one that was chosen already."""


def is_short(tree: Entries) -> bool:
    """Say whether `tree` writes its model in a short way, which leaves nothing of another file's model."""
    entry = tree.entries.get("model")
    return entry is not None and _spelled_out(entry.value) is not entry.value


def spelled_out(tree: Entries) -> Entries:
    """Return `tree` with its model written as the section that a short form stands for.

    ``model: auto`` is ``model: {name: auto}``; ``model: [ridge, {name: svm}]``
    is ``model: {name: auto, candidates: [{name: ridge}, {name: svm}]}``. The
    places stay those of what was written.
    """
    entry = tree.entries.get("model")
    if entry is None:
        return tree
    node = _spelled_out(entry.value)
    if isinstance(node, Entries) and "candidates" in node.entries:
        below = node.entries["candidates"]
        if isinstance(below.value, Items):
            items = replace(below.value, items=tuple(map(_candidate, below.value.items)))
            node = replace(node, entries={**node.entries, "candidates": replace(below, value=items)})
    return replace(tree, entries={**tree.entries, "model": replace(entry, value=node)})


def _spelled_out(node: Tree) -> Tree:
    if isinstance(node, Leaf) and isinstance(node.value, str):
        return _named(node)
    if isinstance(node, Items) and node.items:
        auto = Leaf(AUTO, AUTO, plain=True, place=node.place)
        return Entries({"name": Entry(node.place, auto), "candidates": Entry(node.place, node)}, node.place)
    return node


def _candidate(node: Tree) -> Tree:
    """Return an item of the list as a mapping, where it is a name; its empty params as none."""
    if isinstance(node, Leaf) and isinstance(node.value, str):
        return _named(node)
    if isinstance(node, Entries):
        params = node.entries.get("params")
        if params is not None and isinstance(params.value, Leaf) and params.value.value is None:
            return replace(node, entries={name: entry for name, entry in node.entries.items() if name != "params"})
    return node


def _named(node: Leaf) -> Entries:
    return Entries({"name": Entry(node.place, node)}, node.place)
