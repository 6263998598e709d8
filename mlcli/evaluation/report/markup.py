"""HTML and SVG as text in which nothing from the data can be taken for markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape as escape_html

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ISOLATED = ("\u2068", "\u2069")
_VOID = frozenset({"meta", "wbr"})
_LONG_NAME = 12


class Markup(str):
    """Text that is markup already; any other string is escaped where it is put in."""

    __slots__ = ()


Child = str | int | Iterable[Markup] | None
"""What an element may hold: text to escape, markup, markup in a row, or nothing."""


def escape(text: str) -> Markup:
    """Return text as markup: every character that means something to HTML is written out."""
    return Markup(escape_html(_UNPRINTABLE.sub("\ufffd", text), quote=True))


def el(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag : str
        Its name.
    *children : str, int, markup, iterable of markup or None
        What stands inside; text is escaped.
    **attributes : str, float or bool
        Their names without a trailing underscore and with hyphens for
        underscores. True is written without a value; None and False are left out.
    """
    words = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        words.append(label if value is True else f'{label}="{escape(_attribute(value))}"')
    opening = f"<{' '.join(words)}>"
    return Markup(opening if tag in _VOID else f"{opening}{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Markup:
    """Return children below each other as markup; text among them is escaped."""
    return Markup("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, str):
        return child if isinstance(child, Markup) else escape(child)
    return f"{child:,}" if isinstance(child, int) else "".join(child)


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def name(text: object) -> Markup:
    """Return a name from the data: whichever way its script runs, the words around it stay where they are."""
    whole = str(text)
    if "_" not in whole or len(whole) <= _LONG_NAME:
        return el("bdi", whole)
    # Where a line is short, a column's name breaks behind an underscore and not inside a word.
    parts = whole.split("_")
    return el("bdi", *(child for part in parts[:-1] for child in (f"{part}_", el("wbr"))), parts[-1])


def isolated(text: str) -> str:
    """Return a name from the data for plain text, such as the text of a chart, where there is no ``bdi``."""
    return f"{_ISOLATED[0]}{text}{_ISOLATED[1]}" if any(_runs_left(c) for c in text) else text


def _runs_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in {
        "R",
        "AL",
        "AN",
        "RLE",
        "RLO",
        "LRE",
        "LRO",
        "RLI",
        "LRI",
        "FSI",
        "PDF",
        "PDI",
    }


def shorten(text: str, width: int) -> str:
    """Cut text to `width` columns; a Chinese character takes two."""
    text = " ".join(text.split())
    used = 0
    for position, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > width:
            return text[: max(position - 1, 0)] + "…"
    return text


def paragraph(*children: Child, class_: str | None = None) -> Markup:
    """Return a paragraph."""
    return el("p", *children, class_=class_)


def note(*children: Child) -> Markup:
    """Return a paragraph in small print."""
    return paragraph(*children, class_="note")


def table(
    header: Sequence[Child], rows: Iterable[Sequence[Child]], *, caption: str, text_columns: int = 1, class_: str = ""
) -> Markup:
    """Return a table that scrolls by itself where the screen is narrow.

    Parameters
    ----------
    header : sequence
        The heads of its columns.
    rows : iterable of sequence
        Its cells.
    caption : str
        What it holds, for those who do not see it.
    text_columns : int, default=1
        Columns of text, at the left; the others are numbers. The first is the
        head of its row.
    class_ : str, optional
        Further classes.
    """

    def kind(position: int) -> str | None:
        return None if position < text_columns else "n"

    head = el("tr", (el("th", cell, scope="col", class_=kind(at)) for at, cell in enumerate(header)))
    body = (
        el(
            "tr",
            (
                el("td" if at else "th", cell, class_=kind(at), scope=None if at else "row")
                for at, cell in enumerate(row)
            ),
        )
        for row in rows
    )
    inside = el("table", el("thead", head), el("tbody", body), class_=class_ or None)
    return el("div", inside, class_="scroll", role="region", tabindex="0", aria_label=caption)


def details(summary: Child, *children: Child) -> Markup:
    """Return something that is folded away until it is asked for."""
    return el("details", el("summary", summary), *children)
