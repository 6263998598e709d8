"""A `Config` to YAML text that reads back as the same config."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from pydantic.fields import FieldInfo

from mlcli.config.environment import escape
from mlcli.config.keys import Key, join_key, split_key
from mlcli.config.section import Section
from mlcli.config.sections import Config

_WIDTH = 100

# Letters of any script first; nothing that YAML 1.1 or 1.2 gives a meaning.
_PLAIN = re.compile(r"(?:[^\W\d]|\.{0,2}/)(?:[\w./()%+-]| (?=[\w(]))*")
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LONGEST_KEY = 1000


def render_config(
    config: Config,
    *,
    comments: Mapping[str, str] = {},
    header: Sequence[str] = (),
    complete: bool = False,
    written: Mapping[str, str] = {},
) -> str:
    """Write `config` as YAML.

    Parameters
    ----------
    config : Config
        The config.
    comments : mapping of str to str
        Comments by dotted key; a key with one is written even where it holds
        its default.
    header : sequence of str
        Comment lines on top, such as ``yaml-language-server: $schema=...``.
    complete : bool, default=False
        Write every key. Else only what differs from the defaults.
    written : mapping of str to str
        Text with ``${NAME}`` to write instead of the value, by dotted key
        (`LoadedConfig.written`), so that a secret stays out of a file.

    Returns
    -------
    str
        YAML that `load_config` reads back as the same config.

    Raises
    ------
    ValueError
        If a comment names a key that `config` does not hold.
    """
    page = _Page(
        {split_key(key): text for key, text in comments.items()},
        complete=complete,
        written={split_key(key): text for key, text in written.items()},
    )
    lines = [f"# {_clean(line.removeprefix('#').strip())}" for line in header]
    if lines:
        lines.append("")
    lines += page.section(config, ())
    unknown = page.comments.keys() - page.used
    if unknown:
        raise ValueError(f"comments must name keys of the config. Got {', '.join(map(join_key, sorted(unknown)))}")
    return "\n".join(lines) + "\n"


def scalar_text(value: object, *, expanded: bool = True) -> str:
    """Write a scalar so that YAML 1.2 and 1.1 read the same value.

    Parameters
    ----------
    value : None, bool, int, float or str
        The scalar.
    expanded : bool, default=True
        Whether the environment is put in when it is read, so that a ``${``
        of the text must be escaped. Keys are not expanded.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    text = escape(str(value)) if expanded else str(value)
    # Letters outside \w, such as combining marks, are quoted too.
    if _PLAIN.fullmatch(text) and text.isprintable() and text.lower() not in _WORDS_OF_YAML:
        return text
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _escaped(char)) for char in text) + '"'


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # YAML 1.1 takes 1e-05 for a text.
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def _escaped(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def flow_text(value: Any) -> str:
    """Write a plain value in one line, as YAML's flow style does."""
    if isinstance(value, Section):
        return flow_text({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar_text(k, expanded=False)}: {flow_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return scalar_text(value)


@dataclass
class _Page:
    """The lines of one config."""

    comments: Mapping[Key, str]
    complete: bool
    written: Mapping[Key, str]
    used: set[Key] = field(default_factory=set)

    def section(self, section: Section, key: Key) -> list[str]:
        """Return the lines of a section's keys, without its own."""
        lines: list[str] = []
        for name, info in type(section).model_fields.items():
            here = (*key, name)
            value = getattr(section, name)
            if isinstance(value, Section):
                below = self.section(value, here)
                if below or here in self.comments:
                    # A blank line sets the sections of the top level apart.
                    lines += [""] if lines and not key else []
                    lines += [*self.line(here, ""), *below]
                elif info.default is None:
                    # Of a section that may be left out altogether, one of defaults alone says something.
                    lines += ["", *self.line(here, "{}")]
            elif self.complete or here in self.written or self.says(here, value, info):
                lines += self.value(here, value)
        return lines

    def says(self, key: Key, value: object, info: FieldInfo) -> bool:
        """Say whether a key must be written although not every key is."""
        commented = any(comment[: len(key)] == key for comment in self.comments)
        return info.is_required() or commented or value != info.get_default(call_default_factory=True)

    def value(self, key: Key, value: Any) -> Iterator[str]:
        """Yield the lines of a key that holds no section."""
        if key in self.written:
            yield from self.line(key, self.written_text(key))
        elif isinstance(value, Mapping) and value:
            yield from self.line(key, "")
            for name, item in value.items():
                here = (*key, str(name))
                yield from self.line(here, self.written_text(here) if here in self.written else flow_text(item))
        elif isinstance(value, list | tuple) and len(flow_text(value)) > _WIDTH - 2 * len(key) - len(key[-1]):
            yield from self.line(key, "")
            yield from ("  " * len(key) + "- " + flow_text(item) for item in value)
        else:
            yield from self.line(key, flow_text(value))

    def written_text(self, key: Key) -> str:
        """Return a scalar that holds ``${NAME}``, as it stood in the file."""
        text = self.written[key]
        return text if re.fullmatch(r"\$\{[^{}\s:#]*(:-[^{}\s#]*)?\}", text) else scalar_text(text, expanded=False)

    def line(self, key: Key, text: str) -> Iterator[str]:
        """Yield the line of one key, with its comment at the end or above."""
        indent = "  " * (len(key) - 1)
        name = scalar_text(key[-1], expanded=False)
        line = (
            f"{indent}{name}: {text}".rstrip() if len(name) <= _LONGEST_KEY else f"{indent}? {name}\n{indent}: {text}"
        )
        comment = self.comments.get(key)
        if comment is None:
            yield line
            return
        self.used.add(key)
        paragraphs = [_clean(paragraph) for paragraph in comment.splitlines()]
        if len(paragraphs) == 1 and len(line) + len(comment) + 4 <= _WIDTH:
            yield f"{line}  # {paragraphs[0]}"
            return
        for paragraph in paragraphs:
            for part in wrap(paragraph, _WIDTH - len(indent) - 2) or [""]:
                yield f"{indent}# {part}".rstrip()
        yield line
