"""What one resolved config says otherwise than another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mlcli.config.keys import Key, join_key
from mlcli.config.sections import Config


class ConfigChange(msgspec.Struct, frozen=True):
    """One key that two configs do not agree on.

    Parameters
    ----------
    key : str
        The dotted key.
    old, new : value
        What either says; left out where it does not hold the key, such as a
        parameter that only one model was given.
    """

    key: str
    old: Any | UnsetType = UNSET
    new: Any | UnsetType = UNSET


def config_difference(old: Config, new: Config) -> tuple[ConfigChange, ...]:
    """Return the keys whose values differ, in the order of the sections.

    Parameters
    ----------
    old, new : Config
        Resolved configs: a default counts as if it were written.
    """
    before, after = dict(_leaves(old.model_dump(mode="json"))), dict(_leaves(new.model_dump(mode="json")))
    return tuple(
        ConfigChange(join_key(key), before.get(key, UNSET), after.get(key, UNSET))
        for key in sorted(before.keys() | after.keys(), key=_order)
        if before.get(key, UNSET) != after.get(key, UNSET)
    )


def _order(key: Key) -> tuple[int, Key]:
    """Return where a key stands: sections as a config file has them, and their keys by name."""
    return list(Config.model_fields).index(key[0]), key


def _leaves(value: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Yield each key that holds no section with its value; an empty mapping holds nothing."""
    for name, below in value.items():
        if isinstance(below, Mapping):
            yield from _leaves(below, (*above, str(name)))
        else:
            yield (*above, str(name)), below
