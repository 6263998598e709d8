"""A YAML syntax error, said so that it can be mended."""

from __future__ import annotations

import re
from collections.abc import Callable

from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from mlcli.config.tree import Place, Problem

_Saying = str | Callable[[re.Match[str]], str]

# What the parser says, what it means, and one thing to try.
_SAYINGS: tuple[tuple[re.Pattern[str], _Saying, str], ...] = (
    (re.compile(r"'\\t' that cannot start"), "a tab cannot indent in YAML", "Write spaces instead of the tab."),
    (
        re.compile(r"character ('.'|\"'\") that cannot start"),
        lambda m: f"a text without quotes cannot start with {m[1]}",
        "Put the text in quotes.",
    ),
    (
        re.compile(r"mapping values are not allowed"),
        "a second ': ' on this line, or a line indented unlike the one above",
        "Put a text that holds ': ' in quotes, or give the keys of one mapping the same indentation.",
    ),
    (
        re.compile(r"expected ',' or '([\]}])'"),
        lambda m: f"the '{'[' if m[1] == ']' else '{'}' {{opened}} lacks a comma or its '{m[1]}'",
        "Close it, or put a text that holds one of [ ] { } , in quotes; ${NAME} stands on a line of its own.",
    ),
    (re.compile(r"unexpected end of stream"), "the quote {opened} is not closed", "Close the quote."),
    (
        re.compile(r"undefined alias '(.*)'"),
        lambda m: f"the alias *{m[1]} names no anchor &{m[1]} above it",
        "Put a text that starts with '*' in quotes.",
    ),
    (
        re.compile(r"expected alphabetic or numeric character"),
        "'*' and '&' start an alias or an anchor",
        "Put a text that starts with '*' or '&', such as a glob, in quotes.",
    ),
    (
        re.compile(r"expected <block end>, but found"),
        "this line does not fit the lines above it",
        "Give the keys of one mapping, or the '-' of one list, the same indentation.",
    ),
    (
        re.compile(r"could not find expected ':'"),
        "a line here is neither 'key: value' nor part of the value above",
        "Write a ': ' after the key, or indent the line.",
    ),
    (
        re.compile(r"unknown escape character|expected escape sequence"),
        "in double quotes a backslash starts an escape",
        "Use single quotes, or write / in paths.",
    ),
    (re.compile(r"another document"), "a second document starts here", "Keep one document; remove the '---'."),
)


def syntax_problem(error: YAMLError, *, text: str, source: str) -> Problem:
    """Say what `error`, raised on `text`, means, and where."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        return Problem(
            Place(source, line, column),
            (),
            f"the character U+{ord(text[error.position]):04X} cannot stand in YAML",
            'Remove it, or write it as an escape in double quotes, such as "\\x07".',
        )
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(Place(source), (), "is not valid YAML", "Check it with an editor that knows YAML.")
    place = Place(source, error.problem_mark.line + 1, error.problem_mark.column + 1)
    if isinstance(error, MaxDepthExceededError):
        return Problem(place, (), "values are nested too deeply", "A config needs no more than a few levels.")
    for pattern, saying, hint in _SAYINGS:
        match = pattern.search(error.problem or "")
        if match:
            said = saying if isinstance(saying, str) else saying(match)
            return Problem(place, (), said.replace("{opened}", _opened(error)), hint)
    return Problem(place, (), f"is not valid YAML: {error.problem}", "Look at this line and the one above it.")


def _opened(error: MarkedYAMLError) -> str:
    mark = error.context_mark
    return "here" if mark is None else f"opened at line {mark.line + 1}, column {mark.column + 1},"
