"""YAML 1.2 text to values that know their places.

Only the core schema is read: texts, numbers, true and false, null, lists and
mappings. A tag that asks for anything else is refused, so that a config can
never build an object, import a module or run code.

Two readings differ from older YAML on purpose. ``yes``, ``no``, ``on`` and
``off``, ``1_000``, ``12:30`` and dates are texts, as YAML 1.2 says. ``0123``
is a text too: YAML 1.1 reads 83 and YAML 1.2 reads 123, and whoever wrote it
most often means an identifier.

References
----------
.. [1] YAML 1.2.2, section 10.3 "Core Schema", https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.tag import Tag

from mlcli.config.keys import Key
from mlcli.config.syntax import syntax_problem
from mlcli.config.tree import Entries, Entry, Items, Leaf, Place, Problem, Scalar, Tree
from mlcli.errors import ConfigError

MAX_DEPTH = 20
"""Most levels of nesting in a config file."""

MAX_VALUES = 50_000
"""Most values that a file may hold once its aliases are unfolded."""

_CORE = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NONFINITE = re.compile(r"(?P<inf>[-+]?\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST_NUMBER = 100
_VERSION = re.compile(r"^%YAML[ \t]+(?P<version>[^\s#]+)", re.MULTILINE)


def resolve_plain(text: str) -> Scalar:
    """Read a scalar without quotes as YAML 1.2's core schema does (leading zeros: text)."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        return int(text, base=0)
    if _FLOAT.fullmatch(text):
        return float(text)
    special = _NONFINITE.fullmatch(text)
    if special:
        return float(text.replace(".", "")) if special["inf"] else float("nan")
    return text


def read_yaml(text: str, *, source: str, problems: list[Problem]) -> Entries:
    """Read the one document of a config file.

    Parameters
    ----------
    text : str
        The file's text.
    source : str
        The file, as problems name it.
    problems : list of Problem
        Refused tags and keys are added here; reading goes on after them.

    Returns
    -------
    Entries
        The file's mapping.

    Raises
    ------
    ConfigError
        If `text` is no YAML, holds no document, or no mapping.
    """
    for version in _VERSION.finditer(text.split("\n---", 1)[0]):
        if version["version"] != "1.2":
            place = Place(source, text.count("\n", 0, version.start()) + 1, 1)
            raise _refused(Problem(place, (), f"must be YAML 1.2. Got {version[0]}", "Remove this line."))
    node = _compose(text, source=source)
    if node is None:
        raise ConfigError(
            f"{source} must hold a config. Got an empty file.",
            hint="`mlcli init DATA --target COLUMN` writes one to start from.",
        )
    tree = _Reading(source, problems).tree(node)
    if not isinstance(tree, Entries):
        got = "a list" if isinstance(tree, Items) else f"{tree.text[:40]!r}"
        raise _refused(Problem(tree.place, (), f"must be a mapping of keys. Got {got}", "Start with 'data:'."))
    return tree


def read_flow(text: str, *, place: Place, problems: list[Problem]) -> Tree:
    """Read a value in quotes, ``[...]`` or ``{...}`` that was given on the command line.

    Raises
    ------
    ConfigError
        If `text` is no YAML.
    """
    node = _compose(text, source=place.source)
    if node is None:  # a caller that asks for a value gives at least a bracket
        return Leaf(None, "", plain=True, place=place)
    return _Reading(place.source, problems, at=place).tree(node)


class _CoreResolver(BaseResolver):
    """Gives a scalar without quotes and without a tag a mark that no tag can write."""

    def __init__(self, version: Any = None, loader: Any = None) -> None:
        super().__init__(loader)
        self._loader_version = version

    @property
    def processing_version(self) -> tuple[int, int]:
        """The version of YAML that the scanner asks for."""
        return (1, 2)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Tag:  # noqa: ARG002 - the composer's signature
        if kind is ScalarNode:
            return Tag(suffix="plain") if implicit[0] else Tag(suffix=_CORE + "str")
        return Tag(suffix=_CORE + ("seq" if kind is SequenceNode else "map"))


def _compose(text: str, *, source: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver = _CoreResolver
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # YAML allows it: the later anchor counts
    try:
        node: Node | None = yaml.compose(text)
    except YAMLError as error:
        raise _refused(syntax_problem(error, text=text, source=source)) from None
    return node


def _refused(problem: Problem) -> ConfigError:
    return ConfigError(f"{problem}.", hint=problem.hint, problems=(str(problem),))


class _Reading:
    """One pass over the nodes of one document."""

    def __init__(self, source: str, problems: list[Problem], *, at: Place | None = None) -> None:
        self.source = source
        self.problems = problems
        self.at = at
        self.n_values = 0
        self.open: list[Node] = []

    def place(self, node: Node) -> Place:
        """Return where `node` starts."""
        return self.at or Place(self.source, node.start_mark.line + 1, node.start_mark.column + 1)

    def tree(self, node: Node, key: Key = ()) -> Tree:
        """Return the values of `node`, which stands at `key`."""
        place = self.place(node)
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            raise _refused(Problem(place, key, f"holds more than {MAX_VALUES:,} values", "Write fewer aliases."))
        if any(node is outer for outer in self.open):
            raise _refused(Problem(place, key, "an alias must not hold itself", "Write the value out."))
        if len(self.open) >= MAX_DEPTH:
            raise _refused(Problem(place, key, "values are nested too deeply", "Write fewer aliases."))
        self.open.append(node)
        try:
            return self._tree(node, place, key)
        finally:
            self.open.pop()

    def _tree(self, node: Node, place: Place, key: Key) -> Tree:
        tag = str(node.ctag)
        if isinstance(node, ScalarNode):
            return self._leaf(node, tag, place, key)
        expected = "seq" if isinstance(node, SequenceNode) else "map"
        if tag != _CORE + expected:
            self._refuse_tag(tag, place, key)
        if isinstance(node, SequenceNode):
            return Items(tuple(self.tree(item, key) for item in node.value), place)
        assert isinstance(node, MappingNode)  # the third and last sort of node
        return self._entries(node, place, key)

    def _leaf(self, node: ScalarNode, tag: str, place: Place, key: Key) -> Leaf:
        text = str(node.value)
        if tag == "plain":
            value = resolve_plain(text)
            self._check_size(text, value, place, key)
            return Leaf(value, text, plain=True, place=place)
        kind = tag.removeprefix(_CORE)
        if tag != _CORE + "str":
            value = resolve_plain(text)
            if kind == "float" and type(value) is int:
                value = float(value)
            if tag.startswith(_CORE) and kind == _core_kind(value) and kind != "str":
                return Leaf(value, text, plain=True, place=place)
            self._refuse_tag(tag, place, key)
        return Leaf(text, text, plain=False, place=place)

    def _check_size(self, text: str, value: Scalar, place: Place, key: Key) -> None:
        digits = text.lstrip("+-").replace(".", "", 1)
        endless = isinstance(value, float) and value in {float("inf"), float("-inf")} and "inf" not in text.lower()
        if endless or (len(text) > _LONGEST_NUMBER and digits.isdecimal()):
            self.problems.append(Problem(place, key, f"the number {text[:20]}... is too large"))

    def _entries(self, node: MappingNode, place: Place, key: Key) -> Entries:
        entries: dict[str, Entry] = {}
        for name_node, value_node in node.value:
            name = self._name(name_node, key)
            if name is None:
                continue
            here = self.place(name_node)
            if name in entries:
                first = entries[name].place
                where = f"line {first.line}, column {first.column}" if first.line else "before"
                self.problems.append(Problem(here, (*key, name), f"duplicate key; it stands at {where} already"))
                continue
            entries[name] = Entry(here, self.tree(value_node, (*key, name)))
        return Entries(entries, place)

    def _name(self, node: Node, key: Key) -> str | None:
        place = self.place(node)
        if not isinstance(node, ScalarNode):
            text = "a key must be a text. Got a list or a mapping - put {{ or [ in quotes"
            self.problems.append(Problem(place, key, text))
            return None
        tag = str(node.ctag)
        if tag == "plain" and node.value == "<<":
            text = "the merge key '<<' is not YAML 1.2 - use 'extends', or an alias for a whole value"
            self.problems.append(Problem(place, (*key, "<<"), text))
            return None
        if tag == "plain" and node.value == "":
            self.problems.append(Problem(place, key, "a key must not be empty - write it before the ':'"))
            return None
        if tag not in {"plain", _CORE + "str"}:
            self._refuse_tag(tag, place, (*key, str(node.value)))
        # A key is its text as written: the class 0 and the column 2019 are meant by name.
        return str(node.value)

    def _refuse_tag(self, tag: str, place: Place, key: Key) -> None:
        own = tag if tag.startswith("!") else f"!<{tag}>"
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else own
        text = f"the tag {shown} is not allowed; a config holds plain values only - remove the tag"
        self.problems.append(Problem(place, key, text))


def _core_kind(value: Scalar) -> str:
    if value is None:
        return "null"
    return {bool: "bool", int: "int", float: "float", str: "str"}[type(value)]
