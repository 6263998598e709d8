"""Names that a config may use, and what each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from mlcli.errors import ConfigError


def did_you_mean(name: str, known: list[str] | tuple[str, ...]) -> str | None:
    """Return the known name nearest to `name`, or None when none is near."""
    close = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if not close:
        return None
    return next(k for k in known if k.lower() == close[0])


@dataclass(frozen=True)
class Registry:
    """The names a config may use for one kind of component.

    Targets are import strings, so listing the names imports nothing, and a
    config can never name an import path of its own.

    Parameters
    ----------
    kind : str
        What the names stand for, as an error message calls it.
    targets : mapping of str to str
        Import string ``"module:attribute"`` of each name.
    """

    kind: str
    targets: Mapping[str, str]

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(self.targets)

    def require(self, name: str) -> str:
        """Return `name` when it is known.

        Raises
        ------
        ConfigError
            If it is not, with the nearest known name as the hint.
        """
        if name not in self.targets:
            close = did_you_mean(name, self.names())
            raise ConfigError(
                f"unknown {self.kind} {name!r}. Known: {', '.join(self.names())}.",
                hint=f"Did you mean {close!r}?" if close else None,
            )
        return name

    def resolve(self, name: str) -> Any:
        """Import and return what `name` stands for.

        Raises
        ------
        ConfigError
            If the name is not known.
        """
        module, _, attribute = self.targets[self.require(name)].partition(":")
        return getattr(import_module(module), attribute)
