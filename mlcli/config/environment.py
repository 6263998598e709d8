"""``${NAME}`` and ``${NAME:-default}`` in the texts of a config.

``$${`` stands for the text ``${``. A value put in is a scalar, whatever it
holds: it can never add a key or a list item. A plain scalar that is one
``${...}`` and nothing else is read again as YAML reads a scalar, so that
numbers work; in quotes it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlcli.config.keys import Key
from mlcli.config.tree import Entries, Entry, Items, Leaf, Problem, Tree
from mlcli.config.yaml_nodes import resolve_plain
from mlcli.registry import did_you_mean

_VARIABLE = re.compile(
    r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<choice>:-(?P<default>[^}]*))?\}|(?P<malformed>\$\{)"
)


def escape(text: str) -> str:
    """Return `text` written so that `expand` gives it back."""
    return text.replace("${", "$${")


def expand(tree: Tree, environ: Mapping[str, str] | None, problems: list[Problem], key: Key = ()) -> Tree:
    """Return `tree` with the variables of `environ` put in.

    Parameters
    ----------
    tree : Tree
        What a file or an override says.
    environ : mapping of str to str, optional
        The environment. With None, variables stay as they stand, for a config
        that was stored without its secrets.
    problems : list of Problem
        Variables that are not set, and malformed ones, are added here.
    key : tuple of str
        Where `tree` stands.

    Returns
    -------
    Tree
        The same shape.
    """
    if isinstance(tree, Items):
        return replace(tree, items=tuple(expand(item, environ, problems, key) for item in tree.items))
    if isinstance(tree, Entries):
        entries = {
            name: Entry(entry.place, expand(entry.value, environ, problems, (*key, name)))
            for name, entry in tree.entries.items()
        }
        return replace(tree, entries=entries)
    if not isinstance(tree.value, str) or "${" not in tree.value:
        return tree
    return _Expansion(tree, environ, problems, key).leaf()


@dataclass
class _Expansion:
    """The variables of one scalar."""

    source: Leaf
    environ: Mapping[str, str] | None
    problems: list[Problem]
    key: Key

    def leaf(self) -> Leaf:
        text = str(self.source.value)
        whole = _VARIABLE.fullmatch(text)
        expanded = _VARIABLE.sub(self._value, text)
        if self.environ is None or all(match["escaped"] for match in _VARIABLE.finditer(text)):
            return replace(self.source, value=expanded, text=expanded)
        again = self.source.plain and whole is not None
        value = resolve_plain(expanded.strip()) if again else expanded
        return replace(self.source, value=value, text=expanded, written=text)

    def _value(self, match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        if self.environ is None:
            return match[0]
        if match["malformed"]:
            self._refuse("'${' must start ${NAME} or ${NAME:-default} - write $${ for the text itself")
            return "${"
        name = match["name"]
        value = self.environ.get(name)
        if value is None and match["choice"] is None:
            close = did_you_mean(name, list(self.environ))
            advice = f"did you mean {close!r}? Else set it" if close else "set it"
            self._refuse(f"the environment variable {name!r} is not set - {advice}, or write ${{{name}:-default}}")
            return match[0]
        # As in a shell, ':-' also stands in for a variable that is set to nothing.
        return (value or match["default"]) if match["choice"] is not None else (value or "")

    def _refuse(self, text: str) -> None:
        self.problems.append(Problem(self.source.place, self.key, text))
