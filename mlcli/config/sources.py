"""Config files: read, checked for size and encoding, and laid upon what they extend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from mlcli.config.environment import expand
from mlcli.config.fields import field_at, section_of, shape_of
from mlcli.config.keys import Key
from mlcli.config.model_forms import CHOICE, is_short, spelled_out
from mlcli.config.tree import (
    Entries,
    Entry,
    Items,
    Leaf,
    Place,
    Problem,
    Tree,
    find,
    merge,
    plain_values,
    pointed,
    without,
)
from mlcli.config.yaml_nodes import read_yaml
from mlcli.errors import ConfigError

MAX_BYTES = 1024 * 1024
"""Largest config file that is read."""

MAX_FILES = 10
"""Most files in a chain of `extends`."""

RELATIVE_PATHS: tuple[Key, ...] = (("data", "path"), ("split", "test_path"), ("output",))
"""Keys that hold paths relative to the file that names them."""


def read_sources(path: Path, *, environ: Mapping[str, str], problems: list[Problem]) -> tuple[Entries, tuple[str, ...]]:
    """Read a config file and those that it extends.

    Parameters
    ----------
    path : Path
        The config file.
    environ : mapping of str to str
        The environment, for ``${NAME}``.
    problems : list of Problem
        What is wrong, and lets reading go on, is added here.

    Returns
    -------
    Entries
        The merged mapping, without `extends`; paths relative to the folder of `path`.
    tuple of str
        The files, as problems name them, `path` first.

    Raises
    ------
    ConfigError
        If a file cannot be read, is no YAML mapping, or extends itself.
    """
    chain: list[tuple[Path, Entries]] = []
    asked: Place | None = None
    following: Path | None = path
    while following is not None:
        _check_chain(following, [file for file, _ in chain], asked)
        text = read_text(following, asked=asked)
        tree = read_yaml(text, source=str(following), problems=problems)
        tree = written_only(_entries(expand(tree, environ, problems)))
        chain.append((following, tree))
        following, asked = _extended(following, tree, problems)
    merged = Entries({}, chain[0][1].place)
    for file, written in reversed(chain):
        # Of another model, the parameters and their space are not inherited: they would not fit. Nor is anything of a
        # model that is written in a short form, which is no mapping and replaces what stood there.
        if is_short(written):
            merged = without(merged, ("model",))
        tree = spelled_out(written)
        if _name(merged) and _name(tree) and _name(merged) != _name(tree):
            for key in ("params", *CHOICE):
                merged = without(merged, ("model", key))
            merged = without(merged, ("tune", "space"))
        merged = merge(merged, _rebased(without(tree, ("extends",)), origin=file.parent, base=path.parent))
    return merged, tuple(str(file) for file, _ in chain)


def read_text(path: Path, *, asked: Place | None = None) -> str:
    """Read a config file as UTF-8 text.

    Parameters
    ----------
    path : Path
        The file.
    asked : Place, optional
        The `extends` that named it.

    Raises
    ------
    ConfigError
        If it is missing, no file, too large, not readable or not UTF-8.
    """
    by = f"{asked}: extends: " if asked else ""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        inside = _yaml_files(path)
        hint = f"Name a file in it: {', '.join(inside[:5])}." if inside else "Name a YAML file."
        raise ConfigError(f"{by}{path} must be a config file. Got a folder.", hint=hint) from None
    except FileNotFoundError:
        raise ConfigError(f"{by}{path} does not exist.", hint=_near(path)) from None
    except OSError as error:
        raise ConfigError(f"{by}{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{by}{path} must be at most 1 MiB. Got a larger file.", hint="Is this a data file? Name the config."
        )
    return _decode(content, path)


def written_only(tree: Entries, key: Key = ()) -> Entries:
    """Drop keys without a value whose sections, lists or mappings then have their defaults.

    So that a section whose keys are all commented out is as if it were not there.
    """
    entries: dict[str, Entry] = {}
    for name, entry in tree.entries.items():
        field, _ = field_at((*key, name))
        node = entry.value
        if field is not None and isinstance(node, Leaf) and node.value is None and node.plain:
            shape = shape_of(field) if section_of(field) is None else None
            if shape is None or (not shape.nullable and (shape.items or shape.values)):
                continue
        if field is not None and section_of(field) is not None and isinstance(node, Entries):
            node = written_only(node, (*key, name))
        entries[name] = replace(entry, value=node)
    return replace(tree, entries=entries)


def _entries(tree: Tree) -> Entries:
    assert isinstance(tree, Entries)  # an expansion keeps the shape
    return tree


def _check_chain(path: Path, files: list[Path], asked: Place | None) -> None:
    if any(os.path.realpath(path) == os.path.realpath(file) for file in files):
        shown = " -> ".join(str(file) for file in (*files, path))
        raise ConfigError(f"{asked}: extends: must not lead back to itself. Got {shown}.", hint="Remove one 'extends'.")
    if len(files) >= MAX_FILES:
        raise ConfigError(f"{asked}: extends: must chain at most {MAX_FILES} files.", hint="Merge some of them.")


def _extended(path: Path, tree: Entries, problems: list[Problem]) -> tuple[Path | None, Place | None]:
    entry = tree.entries.get("extends")
    if entry is None:
        return None, None
    node, place = entry.value, pointed(entry)
    if not isinstance(node, Leaf) or not isinstance(node.value, str) or node.value in {"", "."} or "\0" in node.value:
        problems.append(Problem(place, ("extends",), "must be the path of one config file, such as base.yaml"))
        return None, None
    if any(problem.key == ("extends",) for problem in problems):
        return None, None  # a variable in it is not set: there is no file to look for
    return Path(os.path.normpath(path.parent / node.value)), place


def _name(tree: Entries) -> object:
    entry = find(tree, ("model", "name"))
    return plain_values(entry.value) if entry else None


def _rebased(tree: Entries, *, origin: Path, base: Path, key: Key = ()) -> Entries:
    """Return `tree` with its relative paths, relative to `origin`, relative to `base`."""
    offset = os.path.relpath(origin, base)
    if offset == ".":
        return tree

    def moved(node: Tree) -> Tree:
        if isinstance(node, Items):
            return replace(node, items=tuple(moved(item) for item in node.items))
        if isinstance(node, Leaf) and isinstance(node.value, str) and node.value:
            if Path(node.value).is_absolute():
                return node
            written = None if node.written is None else f"{offset}/{node.written}"
            return replace(node, value=os.path.normpath(Path(offset) / node.value), written=written)
        return node

    entries = {}
    for name, entry in tree.entries.items():
        here = (*key, name)
        node = entry.value
        if here in RELATIVE_PATHS:
            node = moved(node)
        elif isinstance(node, Entries) and any(path[: len(here)] == here for path in RELATIVE_PATHS):
            node = _rebased(node, origin=origin, base=base, key=here)
        entries[name] = replace(entry, value=node)
    return replace(tree, entries=entries)


def _decode(content: bytes, path: Path) -> str:
    hint = "Save it as UTF-8."
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{path} must be UTF-8. Got UTF-16.", hint=hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        byte = content[error.start]
        raise ConfigError(f"{path}:{line}:{column}: must be UTF-8. Got the byte 0x{byte:02x}.", hint=hint) from None


def _yaml_files(folder: Path) -> list[str]:
    try:
        return sorted(str(file) for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
    except OSError:
        return []


def _near(path: Path) -> str:
    """Return what may have been meant by a file that is not there."""
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist."
    files = _yaml_files(path.parent)
    if not files:
        return "`mlcli init DATA --target COLUMN` writes a config to start from."
    close = get_close_matches(path.name, [Path(file).name for file in files], n=1, cutoff=0.6)
    same = [file for file in files if Path(file).stem == path.stem]
    if same or close:
        return f"Did you mean {same[0] if same else path.parent / close[0]}?"
    more = ", ..." if len(files) > 5 else ""
    return f"There are: {', '.join(files[:5])}{more}"
