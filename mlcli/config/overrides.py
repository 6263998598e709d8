"""``--set key.path=value``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlcli.config.environment import expand
from mlcli.config.fields import field_at, shape_of
from mlcli.config.keys import Key, split_assignment
from mlcli.config.model_forms import CHOICE, spelled_out
from mlcli.config.tree import Entries, Leaf, Place, Problem, Tree, plain_values, put, without
from mlcli.config.yaml_nodes import read_flow, resolve_plain
from mlcli.errors import ConfigError
from mlcli.registry import AUTO


def override_place(override: str) -> Place:
    """Return the place by which problems name an override."""
    return Place(f"`--set {override}`")


def apply_overrides(
    tree: Entries, overrides: Sequence[str], environ: Mapping[str, str], problems: list[Problem]
) -> Entries:
    """Return `tree` with every override put in; a later one wins.

    A value is read as YAML reads a scalar; one in quotes, ``[...]`` or
    ``{...}`` is read as YAML flow style, anything else is never more than text.

    Parameters
    ----------
    tree : Entries
        What the files say.
    overrides : sequence of str
        ``key.path=value`` each.
    environ : mapping of str to str
        The environment, for ``${NAME}`` in values.
    problems : list of Problem
        Malformed overrides are added here and left out.
    """
    for override in overrides:
        place = override_place(override)
        try:
            key, text = split_assignment(override)
        except ValueError as error:
            problems.append(Problem(place, (), f"must read KEY=VALUE, such as model.params.C=0.1; {error}"))
            continue
        if text is None:
            problems.append(Problem(place, (), "must read KEY=VALUE, such as model.params.C=0.1. Got no '='"))
        elif key[0] == "extends":
            problems.append(Problem(place, key, "can be given in a file only"))
        else:
            key = _joined_rest(key)
            value = _value(text, place, problems)
            if value is not None:
                if key == ("model", "name") and plain_values(value) != AUTO:
                    for choice in CHOICE:
                        tree = without(tree, ("model", choice))
                tree = spelled_out(put(tree, key, expand(value, environ, problems, key), place=place))
    return tree


def _value(text: str, place: Place, problems: list[Problem]) -> Tree | None:
    stripped = text.strip()
    try:
        stripped.encode()
    except UnicodeEncodeError:
        problems.append(Problem(place, (), "must be valid UTF-8"))
        return None
    if stripped[:1] not in {"[", "{", '"', "'"}:
        return Leaf(resolve_plain(stripped), stripped, plain=True, place=place)
    try:
        return read_flow(stripped, place=place, problems=problems)
    except ConfigError as error:
        said = f"{error.message.rstrip('.').removeprefix(place.source)}".lstrip(":0123456789 ")
        problems.append(Problem(place, (), f"the value must be YAML; {said}", error.hint))
        return None


def _joined_rest(key: Key) -> Key:
    """Return `key` with the name of a column or class that holds dots in one part."""
    field, rest = field_at(key)
    if field is None or len(rest) < 2:
        return key
    shape = shape_of(field)
    if shape.values is None or object in shape.values.types:
        return key
    return (*key[: len(key) - len(rest)], ".".join(rest))
